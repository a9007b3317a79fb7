// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/claim/locks.h"
#include "tests/unit/unit.h"

#define DIR   "/run/pt"
#define DISK  "0000:02:00.0"
#define DISK2 "0000:03:00.0"

static void one_works_at_a_time(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = open_store(fake, DIR);
	struct pt_bdf disk = bdf_of(DISK);
	struct pt_err err = {0};
	int first = -1, second = -1;

	assert_false(pt_function_is_locked(NULL, &disk));
	assert_false(pt_function_is_locked(store, &disk));
	assert_int_equal(pt_lock_function(store, &disk, PT_LOCK_ALONE, 0, &first, NULL), 0);
	assert_true(pt_function_is_locked(store, &disk));
	assert_int_equal(
		pt_lock_function(store, &disk, PT_LOCK_ALONE, 60, &second, &err), -EWOULDBLOCK);
	assert_int_equal(pt_lock_guest(store, 100, 0, &second, NULL), 0);
	assert_true(pt_host_exists(fake->host, DIR "/lock/" DISK));
	assert_true(pt_host_exists(fake->host, DIR "/lock/guest-100"));
	pt_close_fd(&second);
	assert_int_equal(pt_lock_explain_busy(store, &disk, &err), -EWOULDBLOCK);
	assert_string_equal(err.text, DISK " is being moved right now; try again in a minute");
	/* a writer that hangs is called by its device */
	record_function(fake, store, DISK, DISK ": bind: no answer");
	pt_lock_explain_busy(store, &disk, &err);
	assert_holds(err.text, DISK " is still being moved: " DISK ": bind: no answer; when that");
	pt_close_fd(&first);
	/* two movers of VFs share their PF's lock; that of the PF waits for both */
	assert_int_equal(pt_lock_function(store, &disk, PT_LOCK_SHARED, 0, &first, NULL), 0);
	assert_int_equal(pt_lock_function(store, &disk, PT_LOCK_SHARED, 0, &second, NULL), 0);
	assert_false(pt_function_is_locked(store, &disk));
	pt_close_fd(&first);
	assert_int_equal(
		pt_lock_function(store, &disk, PT_LOCK_ALONE, 0, &first, NULL), -EWOULDBLOCK);
	pt_close_fd(&second);
}

static void a_mover_has_several_locks(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = open_store(fake, DIR);
	struct pt_bdf disk = bdf_of(DISK), disk2 = bdf_of(DISK2);
	struct pt_locks ours = {0}, theirs = {0};
	struct pt_err err = {0};

	assert_int_equal(pt_locks_add(store, &ours, &disk, PT_LOCK_ALONE, NULL), 0);
	assert_int_equal(pt_locks_add(store, &ours, &disk, PT_LOCK_SHARED, NULL), 0);
	assert_int_equal(pt_locks_add(store, &ours, &disk2, PT_LOCK_SHARED, NULL), 0);
	assert_int_equal(ours.count, 2);
	assert_true(pt_locks_fd(&ours, &disk) >= 0);
	assert_int_equal(pt_locks_fd(&theirs, &disk), -1);
	assert_int_equal(pt_locks_find(&ours, &disk2)->kind, PT_LOCK_SHARED);
	/* neither we nor others get one alone that we share */
	assert_int_equal(pt_locks_add(store, &ours, &disk2, PT_LOCK_ALONE, &err), -EWOULDBLOCK);
	assert_string_equal(err.text, DISK2 " is being moved right now; try again in a minute");
	assert_int_equal(pt_locks_add(store, &theirs, &disk2, PT_LOCK_ALONE, NULL), -EWOULDBLOCK);
	assert_int_equal(pt_locks_add(store, &theirs, &disk2, PT_LOCK_SHARED, NULL), 0);
	pt_locks_release(&ours, 1);
	assert_null(pt_locks_find(&ours, &disk2));
	assert_int_equal(pt_locks_add(store, &theirs, &disk, PT_LOCK_ALONE, NULL), -EWOULDBLOCK);
	pt_locks_clear(&ours);
	assert_int_equal(pt_locks_add(store, &theirs, &disk, PT_LOCK_ALONE, NULL), 0);
	pt_locks_clear(&theirs);
}

/* The mover of a VF has its PF's lock as well, beside other VFs' movers, and lets the PF's wait. */
static void a_vf_moves_beside_others(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = open_store(fake, DIR);
	struct pt_bdf pf = bdf_of(DISK), vf = bdf_of(DISK2);
	struct pt_locks ours = {0}, theirs = {0};

	fake_link(fake, "/sys/bus/pci/devices/" DISK2 "/physfn", "/sys/bus/pci/devices/" DISK);
	assert_int_equal(pt_locks_add_mover(fake->host, store, &ours, &vf, NULL), 0);
	assert_int_equal(pt_locks_find(&ours, &vf)->kind, PT_LOCK_ALONE);
	assert_int_equal(pt_locks_find(&ours, &pf)->kind, PT_LOCK_SHARED);
	assert_int_equal(pt_locks_add(store, &theirs, &pf, PT_LOCK_SHARED, NULL), 0);
	pt_locks_clear(&theirs);
	assert_int_equal(pt_locks_add_mover(fake->host, store, &theirs, &pf, NULL), -EWOULDBLOCK);
	pt_locks_clear(&ours);
	/* a PF that is held alone is enough for its VF */
	assert_int_equal(pt_locks_add_mover(fake->host, store, &theirs, &pf, NULL), 0);
	assert_int_equal(pt_locks_add_mover(fake->host, store, &theirs, &vf, NULL), 0);
	assert_int_equal(pt_locks_find(&theirs, &pf)->kind, PT_LOCK_ALONE);
	pt_locks_clear(&theirs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(one_works_at_a_time),
		MACHINE_TEST(a_mover_has_several_locks),
		MACHINE_TEST(a_vf_moves_beside_others),
	};

	return cmocka_run_group_tests_name("locks", tests, NULL, NULL);
}
