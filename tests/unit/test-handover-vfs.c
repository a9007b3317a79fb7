// SPDX-License-Identifier: AGPL-3.0-or-later
/* Virtual functions, which go with their physical one and come back with it. */
#include "lib/claim/handover.h"
#include "tests/unit/unit.h"

#define DISK "0000:02:00.0"
#define PF   "0000:04:00.0"
#define VF1  "0000:04:00.1"
#define VF2  "0000:04:10.0"

static struct pt_claim *claim_pf(struct fake *fake)
{
	struct pt_claim *claim = new_claim();

	claim_function(fake, claim, PF);
	return claim;
}

static void a_pf_gives_its_vfs_up_and_gets_them_back(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = claim_pf(fake);
	char *text;

	assert_int_equal(pt_handover_take(&handover, claim, NULL), 0);
	text = fake_read(fake, "/sys/bus/pci/devices/" PF "/sriov_numvfs");
	assert_string_equal(text, "0\n");
	free(text);
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), 0);
	text = fake_read(fake, "/sys/bus/pci/devices/" PF "/sriov_numvfs");
	assert_string_equal(text, "2\n");
	free(text);
	assert_driver(fake, PF, "igb");
	free_claim(claim);
}

static void claim_vf(struct fake *fake, struct pt_claim *claim, const char *name)
{
	struct pt_claim_function *vf = claim_function(fake, claim, name);

	vf->has_pf = true;
	vf->pf = bdf_of(PF);
}

/* The switch is on again: VFs that are made get drivers. */
static void assert_probes_vfs(struct fake *fake)
{
	char *text = fake_read(fake, "/sys/bus/pci/devices/" PF "/sriov_drivers_autoprobe");

	assert_string_equal(text, "1\n");
	free(text);
}

/* VFs go with their PF and come back each to the driver and override that it had. */
static void vfs_come_back_as_they_were(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = NULL;

	fake_remove(fake, "/sys/bus/pci/devices/" VF2 "/driver");
	fake_file(fake, "/sys/bus/pci/devices/" VF2 "/driver_override", "pci-stub\n");
	claim = claim_pf(fake);
	claim_vf(fake, claim, VF1);
	claim_vf(fake, claim, VF2);
	assert_int_equal(pt_handover_take(&handover, claim, NULL), 0);
	assert_driver(fake, PF, "vfio-pci");
	assert_false(pt_host_exists(fake->host, "/sys/bus/pci/devices/" VF1));
	/* a PF that does not come back keeps them on record */
	fake_fault(fake, "bind-igb", PF, "5");
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), -EIO);
	assert_int_equal(claim->count, 3);
	assert_holds(claim->function[1].error, VF1 ": its physical function " PF " is not back");
	fake_remove(fake, "/fault");
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), 0);
	assert_int_equal(claim->count, 0);
	assert_driver(fake, PF, "igb");
	assert_driver(fake, VF1, "igbvf");
	assert_driver(fake, VF2, "none");
	assert_override(fake, VF1, "(null)");
	assert_override(fake, VF2, "pci-stub");
	assert_probes_vfs(fake);
	free_claim(claim);
}

/* With a PF that goes from the bus its VFs are gone, too, and nobody waits for them. */
static void vfs_end_with_a_pf_that_is_gone(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = claim_pf(fake);

	claim_vf(fake, claim, VF1);
	claim_function(fake, claim, DISK);
	assert_int_equal(pt_handover_take(&handover, claim, NULL), 0);
	fake_remove(fake, "/sys/bus/pci/devices/" PF);
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), 0);
	assert_int_equal(claim->count, 0);
	assert_holds(fake->said, PF ": is gone from the bus; nothing to return");
	assert_holds(fake->said, VF1 ": is gone from the bus; nothing to return");
	assert_driver(fake, DISK, "nvme");
	free_claim(claim);
}

/* The PF gets no VFs at first: its claim stays, the switch is back on. The next try gets them. */
static void assert_lost_vfs_are_kept(struct fake *fake, struct pt_claim *claim)
{
	struct pt_handover handover = handover_of(fake);

	assert_int_equal(pt_handover_take(&handover, claim, NULL), 0);
	fake_fault(fake, "numvfs", PF, "5");
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), -EIO);
	assert_int_equal(claim->count, 1);
	assert_probes_vfs(fake);
	fake_remove(fake, "/fault");
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), 0);
	assert_int_equal(claim->count, 0);
}

static void the_switch_for_vfs_comes_back_in_any_case(void **state)
{
	struct pt_claim *claim = claim_pf(*state);

	assert_lost_vfs_are_kept(*state, claim);
	free_claim(claim);
}

/* Graphics with VFs: that its console is back says nothing about them. */
static void a_console_hides_no_lost_vfs(void **state)
{
	struct fake *fake = *state;
	struct pt_claim *claim = NULL;

	fake_link(fake, "/sys/class/graphics/fb0/device", "/sys/bus/pci/devices/" PF);
	fake_file(fake, "/sys/class/graphics/fbcon/rotate", "0\n");
	fake_file(fake, "/sys/class/vtconsole/vtcon1/name", "(M) frame buffer device\n");
	fake_file(fake, "/sys/class/vtconsole/vtcon1/bind", "1\n");
	claim = claim_pf(fake);
	assert_string_equal(claim->function[0].origin.console, "vtcon1");
	assert_lost_vfs_are_kept(fake, claim);
	free_claim(claim);
}

static void vfs_come_back_when_the_take_fails(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = claim_pf(fake);

	claim_vf(fake, claim, VF1);
	claim_vf(fake, claim, VF2);
	fake_fault(fake, "bind-vfio-pci", PF, "22");
	assert_int_equal(pt_handover_take(&handover, claim, NULL), -EINVAL);
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), 0);
	assert_int_equal(claim->count, 0);
	assert_driver(fake, VF1, "igbvf");
	assert_driver(fake, VF2, "igbvf");
	free_claim(claim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(a_pf_gives_its_vfs_up_and_gets_them_back),
		MACHINE_TEST(vfs_come_back_as_they_were),
		MACHINE_TEST(vfs_end_with_a_pf_that_is_gone),
		MACHINE_TEST(the_switch_for_vfs_comes_back_in_any_case),
		MACHINE_TEST(a_console_hides_no_lost_vfs),
		MACHINE_TEST(vfs_come_back_when_the_take_fails),
	};

	return cmocka_run_group_tests_name("handover-vfs", tests, NULL, NULL);
}
