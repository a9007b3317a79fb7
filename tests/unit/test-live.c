// SPDX-License-Identifier: AGPL-3.0-or-later
#include <fcntl.h>
#include <sys/file.h>

#include "pve/config/live.h"
#include "pve/config/paths.h"
#include "tests/unit/unit.h"

#define CONFIG "/etc/pve/nodes/node1/qemu-server/100.conf"

static bool is_live(struct fake *fake, unsigned int vmid)
{
	struct pt_store PT_STORE *store = open_store(fake, "/run/pt");
	const struct pt_guest_record record = {.vmid = vmid};

	return pt_guest_is_live(fake->host, store, &record);
}

static void a_guest_that_nothing_is_alive_of_is_not_live(void **state)
{
	struct fake *fake = *state;

	assert_false(is_live(fake, 100));
	assert_null(pt_guest_hold(fake->host, 100, false, false));
}

static void a_guest_that_runs_is_live(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, PT_PVE_RUN "/100.pid", "4242\n");
	process_4242(fake, KVM_OF("100"));
	assert_true(is_live(fake, 100));
	assert_false(is_live(fake, 101));
}

static void a_claim_that_is_worked_on_is_live(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = open_store(fake, "/run/pt");
	PT_CLOSE int lock = -1;

	assert_int_equal(pt_lock_guest(store, 100, 1000, &lock, NULL), 0);
	assert_true(is_live(fake, 100));
	pt_close_fd(&lock);
	assert_false(is_live(fake, 100));
}

static void a_guest_whose_lock_is_held_is_live(void **state)
{
	struct fake *fake = *state;
	PT_CLOSE int lock = -1;

	fake_file(fake, PT_PVE_LOCKS "/lock-100.conf", "");
	assert_false(is_live(fake, 100));
	lock = pt_host_openat(fake->host, PT_PVE_LOCKS "/lock-100.conf", O_RDWR);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	assert_true(is_live(fake, 100));
}

static void a_restart_is_a_hold(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, "/run/qemu-server/100.reboot", "");
	assert_string_equal(pt_guest_hold(fake->host, 100, false, false), "it is being restarted");
	assert_true(is_live(fake, 100));
	assert_null(pt_guest_hold(fake->host, 101, false, false));
}

static void a_guest_on_hold_is_live(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = open_store(fake, "/run/pt");

	assert_int_equal(pt_store_hold(store, 100), 0);
	assert_true(is_live(fake, 100));
	pt_store_end_hold(store, 100);
	assert_false(is_live(fake, 100));
}

static void a_backup_is_a_hold_and_another_lock_is_none(void **state)
{
	struct fake *fake = *state;
	PT_CLOSE int lock = -1;

	fake_file(fake, CONFIG, "lock: migrate\n");
	assert_null(pt_guest_hold(fake->host, 100, false, false));
	fake_file(fake, CONFIG, "lock: backup\n");
	assert_holds(pt_guest_hold(fake->host, 100, false, false), "backup");
	/* a guest that it started itself is not started again */
	assert_null(pt_guest_hold(fake->host, 100, false, true));
	/* and a worker of the version before may still move its functions */
	fake_dir(fake, "/run/pt/claims");
	fake_file(fake, "/run/pt/work/101.lock", "");
	assert_false(is_live(fake, 101));
	lock = pt_host_openat(fake->host, "/run/pt/work/101.lock", O_RDWR);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	assert_true(is_live(fake, 101));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(a_guest_that_nothing_is_alive_of_is_not_live),
		MACHINE_TEST(a_guest_that_runs_is_live),
		MACHINE_TEST(a_claim_that_is_worked_on_is_live),
		MACHINE_TEST(a_guest_whose_lock_is_held_is_live),
		MACHINE_TEST(a_restart_is_a_hold),
		MACHINE_TEST(a_guest_on_hold_is_live),
		MACHINE_TEST(a_backup_is_a_hold_and_another_lock_is_none),
	};

	return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
