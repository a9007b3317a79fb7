// SPDX-License-Identifier: AGPL-3.0-or-later
/* Starts and stops: takes, returns, refusals, and their lines. */

#include "tests/unit/phases.h"

static void start_and_stop(void **state)
{
	struct fake *fake = *state;
	char *record;

	fake_file(fake, CONFIG, "hostpci0: 01:00\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_driver(fake, GPU, "vfio-pci");
	assert_driver(fake, AUDIO, "vfio-pci");
	assert_true(has_claim(fake, 100));
	run_guest(fake);
	assert_int_equal(phase(fake, "post-start"), 0);
	/* the devices of its start are on record */
	record = fake_read(fake, PT_IDENTITY_DIR "/100.json");
	assert_holds(record, GPU);
	assert_holds(record, AUDIO);
	free(record);
	fake_remove(fake, PT_STATE_DIR);
	fake_file(fake, PT_STATE_DIR, "no folder");
	assert_int_equal(phase(fake, "post-start"), 0);
	assert_holds(fake->said, "warning: record of the devices of guest 100 in " PT_IDENTITY_DIR);
	assert_int_equal(phase(fake, "pre-stop"), 0);
	/* pre-start again, or a late post-stop: the guest runs, nothing is touched */
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "already runs as process 4242");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_holds(fake->said, "runs again as process 4242; its devices stay");
	assert_driver(fake, GPU, "vfio-pci");
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, GPU, "nouveau");
	assert_driver(fake, AUDIO, "snd_hda_intel");
	assert_false(has_claim(fake, 100));
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_string_equal(fake->said, "");
}

static bool is_idle(struct fake *fake, const char *name)
{
	struct pt_run run = run_of(fake);

	return pt_phase_idle(&run, pt_phase_find(name));
}

static void silent_without_hostpci(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "memory: 64\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_string_equal(fake->said, "");
	fake_file(fake, CONFIG, "template: 1\nhostpci0: 01:00\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_string_equal(fake->said, "");
	assert_false(has(fake, PT_CLAIMS_DIR));
}

/* Whatever the config says: the records decide. */
static void a_phase_without_records_is_idle(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 01:00\n");
	assert_true(is_idle(fake, "post-start"));
	assert_true(is_idle(fake, "post-stop"));
	assert_false(is_idle(fake, "pre-start"));
	assert_int_equal(phase(fake, "pre-start"), 0);
	fake_file(fake, CONFIG, "memory: 64\n");
	assert_false(is_idle(fake, "pre-start"));
	assert_false(is_idle(fake, "post-start"));
	assert_false(is_idle(fake, "post-stop"));
	assert_true(is_idle(fake, "pre-stop"));
}

static void devices_in_args_are_taken(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "args: -device vfio-pci,host=01:00.0,x-igd-opregion=on\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "args: " GPU " nouveau -> vfio-pci (");
	assert_holds(fake->said, "args: " AUDIO " snd_hda_intel -> vfio-pci (");
	run_guest(fake);
	assert_int_equal(phase(fake, "post-start"), 0);
	assert_driver(fake, GPU, "vfio-pci");
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, GPU, "nouveau");
	assert_driver(fake, AUDIO, "snd_hda_intel");
}

static void refuses_and_touches_nothing(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 01:00\nhostpci1: 66:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_holds(fake->said, "error: start refused: hostpci1: there is no PCI device 66:00.0");
	assert_driver(fake, GPU, "nouveau");
	assert_false(has_claim(fake, 100));
}

static void a_move_that_fails_is_undone(void **state)
{
	struct fake *fake = *state;
	struct pt_run run = run_of(fake);

	fake_file(fake, CONFIG, "hostpci0: 01:00\nhostpci1: 02:00.0\n");
	fake_fault(fake, "bind-vfio-pci", AUDIO, "22");
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_holds(fake->said, "start refused: taking failed; the taken devices are "
				 "returned: " AUDIO ": bind to vfio-pci: Invalid argument");
	assert_driver(fake, GPU, "nouveau");
	assert_driver(fake, AUDIO, "snd_hda_intel");
	assert_driver(fake, DISK, "nvme");
	assert_false(has_claim(fake, 100));
	/* one that hangs stays on record, and locked for as long */
	fake_fault(fake, "unbind", DISK, "stuck");
	run.limits.write_ms = 2000;
	assert_int_equal(pt_phase_find("pre-start")(&run), 1);
	assert_holds(fake->said,
		"start refused: taking failed, and 1 of the taken devices cannot be "
		"returned ('pve-ptconf claims' shows why, retry with 'pve-ptconf release 100'): ");
	assert_true(has_claim(fake, 100));
	fake_remove(fake, "/fault");
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_holds(fake->said, "start refused: " DISK " is still being moved: " DISK
				 ": unbind from its driver: the kernel has not answered by the "
				 "deadline; when that does not end");
	run.wait_ms = 60000;
	assert_int_equal(pt_phase_find("pre-start")(&run), 0);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

static void own_troubles_do_not_stop_the_start(void **state)
{
	struct fake *fake = *state;

	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "neither the API");
	assert_holds(fake->said, "the start goes on, but no device is moved or returned");
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	fake_file(fake, PT_CLAIMS_DIR, "a file where the folder should be");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "the start goes on");
	assert_driver(fake, DISK, "nvme");
	fake_remove(fake, PT_CLAIMS_DIR);
	fake_file(fake, PT_CLAIMS_DIR "/guest/101.json", "damaged");
	assert_int_equal(phase(fake, "pre-start"), 0);
	/* nobody can tell what it wanted, and its guest is stopped */
	assert_holds(fake->said, "claim of 101 is damaged");
	assert_false(has_claim(fake, 101));
	assert_driver(fake, DISK, "vfio-pci");
}

/* A function that cannot be returned stays on record. The guest can start without devices, and with
 * others. */
static void a_leftover_does_not_stop_a_guest(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	fake_fault(fake, "bind-nvme", DISK, "5");
	fake_file(fake, CONFIG, "memory: 64\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said,
		"error: devices of an earlier start cannot be returned; retry with "
		"'pve-ptconf release 100' once guest 100 has stopped: ");
	assert_true(has_claim(fake, 100));
	fake_file(fake, CONFIG, "hostpci0: 03:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "could not return " DISK ": ");
	assert_driver(fake, "0000:03:00.0", "vfio-pci");
	assert_driver(fake, DISK, "none");
	run_guest(fake);
	assert_int_equal(phase(fake, "post-start"), 0);
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	fake_remove(fake, "/fault");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
	assert_driver(fake, "0000:03:00.0", "nvme");
	assert_false(has_claim(fake, 100));
}

static void a_dead_guests_claim_is_returned_first(void **state)
{
	struct fake *fake = *state;
	struct pt_run other = run_of(fake);

	other.vmid = 101;
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf", "hostpci0: 02:00.0\n");
	assert_int_equal(pt_phase_find("pre-start")(&other), 0);
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "guest 101 does not run, but still holds devices");
	/* which takes what it has left, as it is */
	assert_holds(fake->said, DISK " stays on vfio-pci");
	assert_lacks(fake->said, "stale-claim");
	assert_false(has_claim(fake, 101));
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

/* A host driver does not take a dead guest's function: the guest that needs it takes it over, with
 * its origin. */
static void what_cannot_be_returned_is_taken_over(void **state)
{
	struct fake *fake = *state;
	struct pt_run other = run_of(fake);
	char *text;

	other.vmid = 101;
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf",
		"hostpci0: 02:00.0\nhostpci1: 05:00.0\n");
	assert_int_equal(pt_phase_find("pre-start")(&other), 0);
	fake_fault(fake, "bind-nvme", DISK, "5");
	/* it is not in the way of one, */
	fake_file(fake, CONFIG, "hostpci0: 03:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "warning: 1 function not returned: " DISK);
	assert_driver(fake, "0000:03:00.0", "vfio-pci");
	assert_int_equal(phase(fake, "post-stop"), 0);
	/* nor of another */
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, DISK " no driver -> vfio-pci");
	assert_driver(fake, DISK, "vfio-pci");
	assert_false(has_claim(fake, 101));
	text = fake_read(fake, PT_CLAIMS_DIR "/function/" DISK ".json");
	assert_holds(text, "\"driver\":\"nvme\"");
	free(text);
	/* and goes to where it belongs in the end */
	fake_remove(fake, "/fault");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

/* A device that a dead guest has on record as well is nobody's to wait for. */
static void the_dead_get_nothing(void **state)
{
	struct fake *fake = *state;
	struct pt_run other = run_of(fake);
	int lock;

	other.vmid = 101;
	fake_file(fake, PT_PVE_PCI_MAPPINGS, TWO_DISKS);
	fake_file(fake, CONFIG, "hostpci0: mapping=disks\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf", "hostpci0: mapping=disks\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	run_guest(fake);
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, DISK " 100 pid:4242\n");
	/* its start is not through yet */
	lock = hold_pve_lock(fake, 100);
	assert_int_equal(pt_phase_find("pre-start")(&other), 0);
	assert_driver(fake, "0000:03:00.0", "vfio-pci");
	close(lock);
	/* guest 101 has failed, guest 100 stops */
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	fake_remove(fake, PT_PVE_PCI_RESERVATIONS);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_lacks(fake->said, "is left to");
	assert_driver(fake, DISK, "nvme");
	/* a spare of the one, and the other is dead */
	assert_driver(fake, "0000:03:00.0", "nvme");
}

static void what_cannot_be_recorded_is_not_moved(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	fake_dir(fake, PT_CLAIMS_DIR "/lock/100.json");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "pve-pthook: write claim of 100: Is a directory; the start "
				 "goes on, but no device is moved");
	assert_driver(fake, DISK, "nvme");
	fake_remove(fake, PT_CLAIMS_DIR "/lock/100.json");
	fake_dir(fake, PT_CLAIMS_DIR "/lock/" DISK ".json");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "pve-pthook: write record of function " DISK ": Is a directory; "
				 "the start goes on");
	assert_driver(fake, DISK, "nvme");
	fake_remove(fake, PT_CLAIMS_DIR "/lock/" DISK ".json");
	/* what cannot be read is replaced, when the function is where it was */
	fake_file(fake, CLAIM, "{}");
	fake_file(fake, PT_CLAIMS_DIR "/function/" DISK ".json", "{}");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "warning: claim of 100 is damaged");
	assert_driver(fake, DISK, "vfio-pci");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
	/* but what a later version has written is its own */
	fake_file(fake, CLAIM, "{\"version\":2}");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "pve-pthook: claim of 100 is of a later version of this program");
	assert_driver(fake, DISK, "nvme");
	assert_int_equal(phase(fake, "post-start"), 1);
	assert_int_equal(phase(fake, "post-stop"), 1);
	assert_holds(fake->said, "retry with 'pve-ptconf release 100'");
}

static void break_glass(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, PT_OFF_FILE, "");
	fake_file(fake, CONFIG, "memory: 64\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_string_equal(fake->said, "");
	fake_remove(fake, PT_OFF_FILE);
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	fake_file(fake, PT_OFF_FILE, "");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "switched off by " PT_OFF_FILE);
	/* claimed functions still come back */
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

static void a_failed_start_is_tried_again(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	/* with more devices: the origin of the first stays */
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\nhostpci1: 03:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_driver(fake, "0000:03:00.0", "vfio-pci");
	/* with others: the old ones come back first */
	fake_file(fake, CONFIG, "hostpci0: 01:00\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "still has devices of an earlier start");
	assert_driver(fake, DISK, "nvme");
	assert_driver(fake, "0000:03:00.0", "nvme");
	assert_driver(fake, GPU, "vfio-pci");
	/* with none at all */
	fake_file(fake, CONFIG, "memory: 64\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_driver(fake, GPU, "nouveau");
	assert_driver(fake, AUDIO, "snd_hda_intel");
	assert_false(has_claim(fake, 100));
}

static void what_does_not_come_back_is_told(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	fake_fault(fake, "bind-nvme", DISK, "5");
	assert_int_equal(phase(fake, "post-stop"), 1);
	assert_holds(
		fake->said, "1 function not returned: " DISK ": bind to nvme: Input/output error");
	assert_true(has_claim(fake, 100));
	fake_remove(fake, "/fault");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_false(has_claim(fake, 100));
}

static void a_restart_keeps_the_devices(void **state)
{
	static const char *const kept[][3] = {
		{PT_PVE_RUN "/100.reboot", "",
			"guest 100: it is being restarted; its devices stay"},
		{CONFIG, "hostpci0: 02:00.0\nlock: backup\n", "a backup of it is under way"},
	};
	struct fake *fake = *state;

	for (size_t i = 0; i < PT_ARRAY_SIZE(kept); i++) {
		fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
		assert_int_equal(phase(fake, "pre-start"), 0);
		fake_file(fake, kept[i][0], kept[i][1]);
		assert_int_equal(phase(fake, "post-stop"), 0);
		assert_holds(fake->said, kept[i][2]);
		assert_driver(fake, DISK, "vfio-pci");
		fake_remove(fake, kept[i][0]);
		if (i == 1)
			fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
		assert_int_equal(phase(fake, "pre-start"), 0);
		assert_holds(fake->said, DISK " stays on vfio-pci");
		assert_int_equal(phase(fake, "post-stop"), 0);
		assert_driver(fake, DISK, "nvme");
	}
}

static void an_incoming_guest_is_read_at_its_source(void **state)
{
	struct fake *fake = *state;
	struct pt_run run = run_of(fake);

	fake_file(fake, "/etc/pve/nodes/node2/qemu-server/100.conf", "hostpci0: 02:00.0\n");
	snprintf(run.config_node, sizeof(run.config_node), "node2");
	assert_int_equal(pt_phase_find("pre-start")(&run), 0);
	assert_driver(fake, DISK, "vfio-pci");
	/* the migration failed: the config never came here */
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

static void phases_have_names(void **state)
{
	(void)state;
	assert_non_null(pt_phase_find("pre-start"));
	assert_non_null(pt_phase_find("post-stop"));
	assert_null(pt_phase_find("pre-migrate"));
	assert_null(pt_phase_find(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(start_and_stop),
		MACHINE_TEST(silent_without_hostpci),
		MACHINE_TEST(a_phase_without_records_is_idle),
		MACHINE_TEST(devices_in_args_are_taken),
		MACHINE_TEST(refuses_and_touches_nothing),
		MACHINE_TEST(a_move_that_fails_is_undone),
		MACHINE_TEST(own_troubles_do_not_stop_the_start),
		MACHINE_TEST(a_leftover_does_not_stop_a_guest),
		MACHINE_TEST(a_dead_guests_claim_is_returned_first),
		MACHINE_TEST(what_cannot_be_returned_is_taken_over),
		MACHINE_TEST(the_dead_get_nothing),
		MACHINE_TEST(what_cannot_be_recorded_is_not_moved),
		MACHINE_TEST(break_glass),
		MACHINE_TEST(a_failed_start_is_tried_again),
		MACHINE_TEST(what_does_not_come_back_is_told),
		MACHINE_TEST(a_restart_keeps_the_devices),
		MACHINE_TEST(an_incoming_guest_is_read_at_its_source),
		cmocka_unit_test(phases_have_names),
	};

	return cmocka_run_group_tests_name("phases", tests, NULL, NULL);
}
