// SPDX-License-Identifier: AGPL-3.0-or-later
/* Waiting for a group that is held needs the real kernel: lab scenario group-held. */
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "pve/config/paths.h"
#include "pve/handover/release.h"
#include "tests/unit/unit.h"

#define DISK "0000:02:00.0"

static const struct pt_limits limits = {
	.lock_ms = 50, .group_ms = 50, .write_ms = 30000, .phase_ms = 60000};

/* Guest 100 has taken the disk. */
static struct pt_store *take_disk(struct fake *fake)
{
	struct pt_handover handover = handover_of(fake);
	struct pt_store *store = open_store(fake, PT_CLAIMS_DIR);
	struct pt_claim PT_CLAIM claim = {0};

	record_function(fake, store, DISK, NULL);
	record_guest(store, 100, PT_ROLE_TAKEN, DISK, NULL);
	claim_function(fake, &claim, DISK);
	assert_int_equal(pt_handover_take(&handover, &claim, NULL), 0);
	return store;
}

static int release(struct fake *fake, const struct pt_store *store, int patience_ms,
	struct pt_released *ret, struct pt_err *err)
{
	struct pt_release what = {.patience_ms = patience_ms};

	free(ret->left);
	return pt_release(fake->host, store, &limits, &what, ret, err);
}

static bool is_recorded(struct fake *fake)
{
	return pt_host_exists(fake->host, PT_CLAIMS_DIR "/function/" DISK ".json");
}

static bool has_ended(struct fake *fake)
{
	return pt_host_exists(fake->host, PT_CLAIMS_DIR "/ended/100-a.json");
}

static void what_a_guest_wants_stays_until_it_ends(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = take_disk(fake);
	struct pt_released released = {0};

	assert_int_equal(release(fake, store, 0, &released, NULL), 0);
	assert_int_equal(released.returned, 0);
	assert_driver(fake, DISK, "vfio-pci");
	assert_int_equal(pt_end_stale(fake->host, store, 100, NULL, NULL), 0);
	assert_int_equal(pt_end_stale(fake->host, store, 100, NULL, NULL), 0);
	assert_true(has_ended(fake));
	assert_int_equal(release(fake, store, 0, &released, NULL), 0);
	assert_int_equal(released.returned, 1);
	assert_holds(fake->said, "hostpci0: " DISK " vfio-pci -> nvme (");
	assert_driver(fake, DISK, "nvme");
	assert_false(is_recorded(fake));
	assert_false(has_ended(fake));
	assert_int_equal(release(fake, store, 0, &released, NULL), 0);
	assert_int_equal(released.returned, 0);
}

static void a_running_guest_keeps_its_devices(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = take_disk(fake);
	struct pt_released released = {0};
	struct pt_err err = {0};

	fake_file(fake, PT_PVE_RUN "/100.pid", "4242\n");
	process_4242(fake, KVM_OF("100"));
	assert_int_equal(pt_end_stale(fake->host, store, 100, NULL, &err), -EBUSY);
	assert_string_equal(
		err.text, "guest 100 runs as process 4242 and uses its devices; stop it first");
	/* even one that wants nothing: somebody started it without our hook */
	assert_int_equal(pt_guest_end(store, &(struct pt_guest_record){.vmid = 100, .start = "a"},
				 PT_GUEST_ENDED, NULL),
		0);
	assert_int_equal(release(fake, store, 0, &released, &err), -EBUSY);
	assert_string_equal(err.text, "guest 100 was started again meanwhile, as process 4242; its "
				      "devices stay with it");
	assert_int_equal(released.count, 1);
	assert_driver(fake, DISK, "vfio-pci");
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	assert_int_equal(release(fake, store, 0, &released, &err), 0);
	assert_driver(fake, DISK, "nvme");
	free(released.left);
}

static void what_stays_is_on_record(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = take_disk(fake);
	struct pt_function_record PT_FUNCTION_RECORD record = {0};
	struct pt_release again = {.skip_failed = true};
	struct pt_released released = {0};
	struct pt_bdf disk = bdf_of(DISK);
	struct pt_err err = {0};

	assert_int_equal(pt_end_stale(fake->host, store, 100, NULL, NULL), 0);
	fake_fault(fake, "bind-nvme", DISK, "5");
	assert_int_equal(release(fake, store, 5000, &released, &err), -EIO);
	assert_holds(err.text, "1 function not returned: " DISK ": bind to nvme: Input/output");
	assert_int_equal(released.count, 1);
	assert_int_equal(pt_function_load(store, &disk, &record, NULL), 0);
	assert_holds(record.error, "Input/output error");
	assert_true(record.error_since > 0);
	assert_true(has_ended(fake));
	fake_remove(fake, "/fault");
	/* a start does not try again */
	assert_int_equal(pt_release(fake->host, store, &limits, &again, NULL, NULL), 0);
	assert_driver(fake, DISK, "none");
	assert_int_equal(release(fake, store, 0, &released, NULL), 0);
	assert_driver(fake, DISK, "nvme");
}

static void a_function_that_is_gone_does_not_hold_the_rest_up(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = take_disk(fake);
	struct pt_released released = {0};

	assert_int_equal(pt_end_stale(fake->host, store, 100, NULL, NULL), 0);
	fake_remove(fake, "/sys/bus/pci/devices/" DISK);
	assert_int_equal(release(fake, store, 0, &released, NULL), 0);
	assert_holds(fake->said, DISK ": is gone from the bus; nothing to return");
	assert_false(is_recorded(fake));
	assert_false(has_ended(fake));
}

/* At the address lies another device by now: the record says nothing of it. */
static void another_device_is_left_alone(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = take_disk(fake);
	struct pt_function_record PT_FUNCTION_RECORD record = {0};
	struct pt_released released = {0};
	struct pt_bdf disk = bdf_of(DISK);

	assert_int_equal(pt_function_load(store, &disk, &record, NULL), 0);
	strcpy(record.vendor, "10de");
	strcpy(record.device, "2204");
	assert_int_equal(pt_function_save(store, &record, NULL), 0);
	assert_int_equal(pt_end_stale(fake->host, store, 100, NULL, NULL), 0);
	assert_int_equal(release(fake, store, 0, &released, NULL), 0);
	assert_holds(fake->said, DISK ": another device is there now; nothing to return");
	assert_driver(fake, DISK, "vfio-pci");
	assert_false(is_recorded(fake));
}

static void another_mover_is_not_disturbed(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = take_disk(fake);
	struct pt_bdf disk = bdf_of(DISK);
	struct pt_released released = {0};
	struct pt_err err = {0};
	int lock = -1;

	assert_int_equal(pt_end_stale(fake->host, store, 100, NULL, NULL), 0);
	assert_int_equal(pt_lock_function(store, &disk, PT_LOCK_ALONE, 0, &lock, NULL), 0);
	assert_int_equal(release(fake, store, 0, &released, &err), -EWOULDBLOCK);
	assert_string_equal(err.text, DISK " is being moved right now; try again in a minute");
	assert_driver(fake, DISK, "vfio-pci");
	close(lock);
	assert_int_equal(release(fake, store, 0, &released, NULL), 0);
	assert_driver(fake, DISK, "nvme");
	free(released.left);
}

/* A record that cannot be read says nothing of where the function was. */
static void a_damaged_record_moves_nothing(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = take_disk(fake);
	struct pt_released released = {0};
	struct pt_err err = {0};

	assert_int_equal(pt_end_stale(fake->host, store, 100, NULL, NULL), 0);
	fake_file(fake, PT_CLAIMS_DIR "/function/" DISK ".json", "x");
	assert_int_equal(release(fake, store, 0, &released, &err), -EIO);
	assert_holds(err.text, "record of function " DISK " is damaged (bind its devices by hand");
	assert_driver(fake, DISK, "vfio-pci");
	free(released.left);
	released = (struct pt_released){0};
	/* nor does one of what a guest wants: it may want anything, until the guest has ended */
	fake_remove(fake, PT_CLAIMS_DIR "/function");
	fake_dir(fake, PT_CLAIMS_DIR "/function");
	pt_store_close_p(&store);
	store = open_store(fake, PT_CLAIMS_DIR);
	fake_link(fake, "/sys/bus/pci/devices/" DISK "/driver", "/sys/bus/pci/drivers/nvme");
	record_function(fake, store, DISK, NULL);
	fake_link(fake, "/sys/bus/pci/devices/" DISK "/driver", "/sys/bus/pci/drivers/vfio-pci");
	fake_file(fake, PT_CLAIMS_DIR "/guest/101.json", "x");
	assert_int_equal(release(fake, store, 0, &released, &err), 0);
	assert_driver(fake, DISK, "vfio-pci");
	assert_int_equal(pt_end_stale(fake->host, store, 101, NULL, &err), 0);
	assert_holds(fake->said, "claim of 101 is damaged");
	assert_false(pt_host_exists(fake->host, PT_CLAIMS_DIR "/guest/101.json"));
	assert_int_equal(release(fake, store, 0, &released, &err), 0);
	assert_driver(fake, DISK, "nvme");
	/* of a later version none is removed */
	fake_file(fake, PT_CLAIMS_DIR "/guest/101.json", "{\"version\":2}");
	assert_int_equal(pt_end_stale(fake->host, store, 101, NULL, &err), -EOPNOTSUPP);
	assert_true(pt_host_exists(fake->host, PT_CLAIMS_DIR "/guest/101.json"));
}

static void a_full_run_does_not_stop_the_return(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = take_disk(fake);
	struct pt_released released = {0};

	/* where the temporary files would be */
	fake_dir(fake, PT_CLAIMS_DIR "/lock/100.json");
	fake_dir(fake, PT_CLAIMS_DIR "/lock/" DISK ".json");
	assert_int_equal(pt_end_stale(fake->host, store, 100, NULL, NULL), 0);
	assert_int_equal(release(fake, store, 0, &released, NULL), 0);
	assert_driver(fake, DISK, "nvme");
	assert_false(is_recorded(fake));
}

/* Where policy sends a function holds for a guest that ran; an undone start goes to the origin. */
static void only_a_guest_that_ran_follows_the_policy(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = take_disk(fake);
	struct pt_guest_record PT_GUEST_RECORD guest = {0};
	struct pt_released released = {0};

	fake_file(fake, PT_POLICY_FILE, "[device " DISK "]\nreturn = none\n");
	assert_int_equal(pt_guest_load(store, 100, &guest, NULL), 0);
	assert_int_equal(pt_guest_end(store, &guest, PT_GUEST_UNDONE, NULL), 0);
	assert_int_equal(release(fake, store, 0, &released, NULL), 0);
	assert_driver(fake, DISK, "nvme");
	pt_store_close_p(&store);
	store = take_disk(fake);
	assert_int_equal(pt_guest_end(store, &guest, PT_GUEST_ENDED, NULL), 0);
	assert_int_equal(release(fake, store, 0, &released, NULL), 0);
	assert_driver(fake, DISK, "none");
	assert_false(is_recorded(fake));
}

/* What policy keeps on a vfio driver keeps its record: the origin is not lost. */
static void what_policy_keeps_stays_on_record(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = take_disk(fake);
	struct pt_released released = {0};

	fake_file(fake, PT_POLICY_FILE, "[device " DISK "]\nreturn = keep-vfio\n");
	assert_int_equal(pt_end_stale(fake->host, store, 100, NULL, NULL), 0);
	assert_int_equal(release(fake, store, 0, &released, NULL), 0);
	assert_driver(fake, DISK, "vfio-pci");
	assert_holds(fake->said, "hostpci0: " DISK " stays on vfio-pci");
	assert_true(is_recorded(fake));
	assert_false(has_ended(fake));
	fake_remove(fake, PT_POLICY_FILE);
	/* a start that never ran leaves it where it was, and what waits for the end of a run does
	 * not */
	record_guest(store, 101, PT_ROLE_TAKEN, DISK, NULL);
	assert_int_equal(pt_guest_end(store, &(struct pt_guest_record){.vmid = 101, .start = "a"},
				 PT_GUEST_UNDONE, NULL),
		0);
	assert_int_equal(release(fake, store, 0, &released, NULL), 0);
	assert_driver(fake, DISK, "vfio-pci");
	assert_false(pt_host_exists(fake->host, PT_CLAIMS_DIR "/undone/101-a.json"));
	/* nobody has had it since */
	assert_int_equal(release(fake, store, 0, &released, NULL), 0);
	assert_driver(fake, DISK, "vfio-pci");
	record_guest(store, 101, PT_ROLE_TAKEN, DISK, NULL);
	assert_int_equal(pt_end_stale(fake->host, store, 101, NULL, NULL), 0);
	assert_int_equal(release(fake, store, 0, &released, NULL), 0);
	assert_driver(fake, DISK, "nvme");
	assert_false(is_recorded(fake));
	/* and somebody who binds it by hand has it */
	fake_file(fake, PT_POLICY_FILE, "[device " DISK "]\nreturn = keep-vfio\n");
	pt_store_close_p(&store);
	store = take_disk(fake);
	assert_int_equal(pt_end_stale(fake->host, store, 100, NULL, NULL), 0);
	assert_int_equal(release(fake, store, 0, &released, NULL), 0);
	assert_true(is_recorded(fake));
	fake_link(fake, "/sys/bus/pci/devices/" DISK "/driver", "/sys/bus/pci/drivers/uio");
	assert_int_equal(release(fake, store, 0, &released, NULL), 0);
	assert_false(is_recorded(fake));
}

/* A PF is returned while a guest has one of its VFs: that stays, and on record. */
static void a_vf_that_a_guest_has_stays(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = open_store(fake, PT_CLAIMS_DIR);
	struct pt_function_record PT_FUNCTION_RECORD pf = {.bdf = bdf_of("0000:04:00.0")};
	struct pt_vf_record *vf = pt_array_grow(&pf.vf, &pf.vf_count, sizeof(*vf));
	struct pt_released released = {0};

	vf->bdf = bdf_of("0000:04:00.1");
	assert_int_equal(pt_origin_read(fake->host, &pf.bdf, &pf.origin, NULL), 0);
	assert_int_equal(pt_origin_read(fake->host, &vf->bdf, &vf->origin, NULL), 0);
	assert_int_equal(pt_function_save(store, &pf, NULL), 0);
	record_function(fake, store, "0000:04:00.1", NULL);
	record_guest(store, 100, PT_ROLE_TAKEN, "0000:04:00.1", NULL);
	fake_link(
		fake, "/sys/bus/pci/devices/0000:04:00.1/driver", "/sys/bus/pci/drivers/vfio-pci");
	assert_int_equal(release(fake, store, 0, &released, NULL), 0);
	assert_driver(fake, "0000:04:00.1", "vfio-pci");
	assert_false(pt_host_exists(fake->host, PT_CLAIMS_DIR "/function/0000:04:00.0.json"));
	assert_true(pt_host_exists(fake->host, PT_CLAIMS_DIR "/function/0000:04:00.1.json"));
	assert_int_equal(pt_end_stale(fake->host, store, 100, NULL, NULL), 0);
	assert_int_equal(release(fake, store, 0, &released, NULL), 0);
	assert_driver(fake, "0000:04:00.1", "igbvf");
}

/* A start wants a VF that is gone with its PF: it cannot have it yet, so it comes back whole. */
static void a_vf_that_a_guest_waits_for_comes_back(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = open_store(fake, PT_CLAIMS_DIR);
	struct pt_handover handover = handover_of(fake);
	struct pt_claim PT_CLAIM claim = {0};
	struct pt_function_record PT_FUNCTION_RECORD pf = {.bdf = bdf_of("0000:04:00.0")};
	struct pt_vf_record *vf = pt_array_grow(&pf.vf, &pf.vf_count, sizeof(*vf));
	struct pt_released released = {0};

	vf->bdf = bdf_of("0000:04:00.1");
	assert_int_equal(pt_origin_read(fake->host, &pf.bdf, &pf.origin, NULL), 0);
	assert_int_equal(pt_origin_read(fake->host, &vf->bdf, &vf->origin, NULL), 0);
	assert_int_equal(pt_function_save(store, &pf, NULL), 0);
	claim_function(fake, &claim, "0000:04:00.0");
	assert_int_equal(pt_handover_take(&handover, &claim, NULL), 0);
	record_guest(store, 100, PT_ROLE_CANDIDATE, "0000:04:00.1", NULL);
	assert_int_equal(release(fake, store, 0, &released, NULL), 0);
	assert_driver(fake, "0000:04:00.0", "igb");
	assert_driver(fake, "0000:04:00.1", "igbvf");

	/* it is there again, but the return ended before it had its driver */
	assert_int_equal(pt_function_save(store, &pf, NULL), 0);
	fake_remove(fake, "/sys/bus/pci/devices/0000:04:00.1/driver");
	assert_int_equal(release(fake, store, 0, &released, NULL), 0);
	assert_driver(fake, "0000:04:00.1", "igbvf");
}

/* Nobody can tell what guests want: nothing returns. */
static void a_folder_that_cannot_be_read_keeps_all(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = take_disk(fake);
	struct pt_released released = {0};
	struct pt_err err = {0};

	assert_int_equal(pt_end_stale(fake->host, store, 100, NULL, NULL), 0);
	fake_remove(fake, PT_CLAIMS_DIR "/guest");
	fake_file(fake, PT_CLAIMS_DIR "/guest", "no folder");
	assert_int_equal(release(fake, store, 0, &released, &err), -EIO);
	assert_holds(err.text, "list " PT_CLAIMS_DIR "/guest: Not a directory");
	assert_driver(fake, DISK, "vfio-pci");
	free(released.left);
}

static void a_guest_that_is_starting_keeps_its_devices(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = take_disk(fake);
	struct pt_err err = {0};
	PT_FREE char *locks = NULL;
	struct stat st;
	char path[160];
	int lock;

	lock = hold_pve_lock(fake, 100);
	snprintf(path, sizeof(path), "%s" PT_PVE_LOCKS "/lock-100.conf", fake->root);
	assert_int_equal(pt_end_stale(fake->host, store, 100, NULL, &err), -EWOULDBLOCK);
	assert_string_equal(err.text, "guest 100 is being started or stopped right now");
	assert_int_equal(stat(path, &st), 0);
	locks = pt_format("1: FLOCK  ADVISORY  WRITE 4242 %02x:%02x:%lu 0 EOF\n", major(st.st_dev),
		minor(st.st_dev), (unsigned long)st.st_ino);
	fake_file(fake, "/proc/locks", locks);
	assert_int_equal(pt_end_stale(fake->host, store, 100, NULL, &err), -EWOULDBLOCK);
	assert_string_equal(err.text,
		"guest 100 is being started or stopped right now: process 4242 holds its lock, " PT_PVE_LOCKS
		"/lock-100.conf");
	assert_false(has_ended(fake));
	close(lock);
	fake_link(fake, PT_PVE_LOCKS "/lock-100.conf", "elsewhere");
	assert_int_equal(pt_end_stale(fake->host, store, 100, NULL, &err), -ELOOP);
	assert_string_equal(err.text, "lock of guest 100: Too many levels of symbolic links");
	fake_remove(fake, PT_PVE_LOCKS "/lock-100.conf");
	assert_int_equal(pt_end_stale(fake->host, store, 100, NULL, &err), 0);
	assert_true(has_ended(fake));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(what_a_guest_wants_stays_until_it_ends),
		MACHINE_TEST(a_running_guest_keeps_its_devices),
		MACHINE_TEST(what_stays_is_on_record),
		MACHINE_TEST(a_function_that_is_gone_does_not_hold_the_rest_up),
		MACHINE_TEST(another_device_is_left_alone),
		MACHINE_TEST(another_mover_is_not_disturbed),
		MACHINE_TEST(a_damaged_record_moves_nothing),
		MACHINE_TEST(a_full_run_does_not_stop_the_return),
		MACHINE_TEST(only_a_guest_that_ran_follows_the_policy),
		MACHINE_TEST(what_policy_keeps_stays_on_record),
		MACHINE_TEST(a_vf_that_a_guest_has_stays),
		MACHINE_TEST(a_vf_that_a_guest_waits_for_comes_back),
		MACHINE_TEST(a_folder_that_cannot_be_read_keeps_all),
		MACHINE_TEST(a_guest_that_is_starting_keeps_its_devices),
	};

	return cmocka_run_group_tests_name("release", tests, NULL, NULL);
}
