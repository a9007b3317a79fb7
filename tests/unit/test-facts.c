// SPDX-License-Identifier: AGPL-3.0-or-later
/* The gathered facts: the set that is taken, and whether it moves. Owners are in
 * test-check-device.c. */
#include "pve/check/check.h"
#include "pve/check/facts.h"
#include "pve/config/paths.h"
#include "tests/unit/unit.h"

struct gathered {
	struct pt_guest *guest;
	struct pt_node *node;
	struct pt_facts facts;
};

static int gather(struct fake *fake, const char *config, struct gathered *ret, struct pt_err *err)
{
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = PT_VIEW_CURRENT};

	*ret = (struct gathered){0};
	assert_int_equal(pt_guest_parse(config, strlen(config), &query, &ret->guest, NULL), 0);
	ret->node = pt_node_open(fake->host, "node1", NULL, pt_check_allowing);
	return pt_facts_gather(ret->node, ret->guest, PT_DEPTH_CHECK, &ret->facts, err);
}

static void clear(struct gathered *gathered)
{
	pt_facts_clear(&gathered->facts);
	pt_node_close(gathered->node);
	pt_guest_free(gathered->guest);
}

static void assert_taken(
	const struct pt_facts *facts, size_t at, const char *bdf, size_t entry, bool companion)
{
	assert_true(at < facts->taken_count);
	assert_string_equal(PT_BDF(&facts->taken[at].bdf), bdf);
	assert_int_equal(facts->taken[at].assignment, entry);
	assert_int_equal(facts->taken[at].companion, companion);
}

static void companions_come_behind_and_bridges_stay(void **state)
{
	struct gathered it;

	assert_int_equal(gather(*state, "hostpci0: 01:00.1\nhostpci1: 05:01.0\n", &it, NULL), 0);
	assert_int_equal(it.facts.taken_count, 4);
	assert_taken(&it.facts, 0, "0000:01:00.1", 0, false);
	assert_taken(&it.facts, 1, "0000:05:01.0", 1, false);
	assert_taken(&it.facts, 2, "0000:01:00.0", 0, true);
	assert_taken(&it.facts, 3, "0000:05:00.0", 1, true);
	assert_true(pt_facts_moves(&it.facts));
	clear(&it);
}

static void both_functions_named_are_no_companions(void **state)
{
	struct gathered it;

	assert_int_equal(gather(*state, "hostpci3: 01:00.1\nhostpci4: 01:00.0\n", &it, NULL), 0);
	assert_int_equal(it.facts.taken_count, 2);
	assert_taken(&it.facts, 1, "0000:01:00.0", 1, false);
	assert_string_equal(PT_LABEL(&it.facts.assignment[1]), "hostpci4");
	clear(&it);
}

static void all_on_vfio_moves_nothing(void **state)
{
	struct fake *fake = *state;
	struct gathered it;

	fake_link(
		fake, "/sys/bus/pci/devices/0000:02:00.0/driver", "/sys/bus/pci/drivers/vfio-pci");
	assert_int_equal(gather(fake, "hostpci0: 02:00.0\n", &it, NULL), 0);
	assert_int_equal(it.facts.taken_count, 1);
	assert_false(pt_facts_moves(&it.facts));
	clear(&it);
	/* an entry that cannot be resolved may mean any device */
	assert_int_equal(gather(fake, "hostpci0: 02:00.0\nhostpci1: 77:00.0\n", &it, NULL), 0);
	assert_true(pt_facts_moves(&it.facts));
	clear(&it);
}

static void a_mapping_passes_over_what_is_reserved(void **state)
{
	struct fake *fake = *state;
	struct gathered it;

	fake_file(fake, PT_PVE_PCI_MAPPINGS, TWO_DISKS);
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, "0000:02:00.0 101 time:99999999999\n");
	assert_int_equal(gather(fake, "hostpci0: mapping=disks\n", &it, NULL), 0);
	assert_int_equal(it.facts.taken_count, 1);
	assert_taken(&it.facts, 0, "0000:03:00.0", 0, false);
	assert_int_equal(it.facts.owner_count, 0);
	clear(&it);
}

static void a_group_that_cannot_be_read_is_an_error(void **state)
{
	struct fake *fake = *state;
	struct gathered it;
	struct pt_err err = {0};

	fake_link(fake, "/sys/kernel/iommu_groups/2/devices/abcd:foo", "/gone");
	assert_int_equal(gather(fake, "hostpci0: 02:00.0\n", &it, &err), -EINVAL);
	assert_holds(err.text, "is no PCI address");
	clear(&it);
}

/* It is a finding, and leaves no error behind that would be shown as one. */
static void no_group_is_no_error(void **state)
{
	struct fake *fake = *state;
	struct gathered it;
	struct pt_err err = {0};

	fake_remove(fake, "/sys/bus/pci/devices/0000:02:00.0/iommu_group");
	assert_int_equal(gather(fake, "hostpci0: 02:00.0\n", &it, &err), 0);
	assert_int_equal(err.code, 0);
	clear(&it);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(companions_come_behind_and_bridges_stay),
		MACHINE_TEST(both_functions_named_are_no_companions),
		MACHINE_TEST(all_on_vfio_moves_nothing),
		MACHINE_TEST(a_mapping_passes_over_what_is_reserved),
		MACHINE_TEST(a_group_that_cannot_be_read_is_an_error),
		MACHINE_TEST(no_group_is_no_error),
	};

	return cmocka_run_group_tests_name("facts", tests, NULL, NULL);
}
