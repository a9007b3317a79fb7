// SPDX-License-Identifier: AGPL-3.0-or-later
/* The watch runs in a child, as it does beside a start; the lab's watch scenarios have the real
 * one. */
#include <time.h>

#include "lib/base/child.h"
#include "pve/config/paths.h"
#include "pve/handover/watch.h"
#include "tests/unit/unit.h"

#define DISK	"0000:02:00.0"
#define GUEST	PT_CLAIMS_DIR "/guest/100.json"
#define CONFIG	"/etc/pve/nodes/node1/qemu-server/100.conf"
#define WAIT_MS 60000 /* a busy machine is no failure */

static const struct pt_limits limits = {
	.lock_ms = 50, .group_ms = 50, .write_ms = 30000, .phase_ms = 60000};
static const struct pt_watch_pace pace = {
	.look_ms = 10, .grace_ms = 20, .retry_ms = 50, .give_up_ms = 100};
static const struct pt_watch_pace patient = {
	.look_ms = 10, .grace_ms = 20, .retry_ms = 50, .give_up_ms = WAIT_MS};
static const struct pt_watch_pace long_grace = {
	.look_ms = 10, .grace_ms = WAIT_MS, .retry_ms = 50, .give_up_ms = 100};

struct watched {
	struct fake *fake;
	const struct pt_watch_pace *pace;
	struct pt_child child;
};

static int watch_in_child(void *data, int out)
{
	const struct watched *watched = data;
	const struct pt_watch watch = {.vmid = 100, .start = "a"};
	struct pt_host PT_HOST *host = NULL;
	int r = pt_host_open(&host, watched->fake->root, NULL, NULL);

	(void)out;
	if (r < 0)
		return r;
	fake_react(host);
	return pt_watch(host, &watch, &limits, watched->pace, NULL);
}

/* Begins to watch the start "a" of guest 100, as record_guest names it. */
static struct watched watch(struct fake *fake, const struct pt_watch_pace *with)
{
	struct watched watched = {.fake = fake, .pace = with};

	assert_int_equal(
		pt_child_start(&watched.child, watch_in_child, &watched, NULL, 0, false, NULL), 0);
	return watched;
}

static int result_of(struct watched *watched)
{
	return pt_child_wait(&watched->child, pt_now_ms() + WAIT_MS);
}

/* Waits until the watch has had time for several looks: that nothing has happened is no proof, but
 * a watch that acts too early is seen by most runs. */
static void let_it_look(void)
{
	struct timespec pause = {.tv_nsec = 300000000};

	nanosleep(&pause, NULL);
}

static void take(struct fake *fake, bool ran)
{
	struct pt_handover handover = handover_of(fake);
	struct pt_store PT_STORE *store = open_store(fake, PT_CLAIMS_DIR);
	struct pt_guest_record PT_GUEST_RECORD record = {0};
	struct pt_claim PT_CLAIM claim = {0};

	record_function(fake, store, DISK, NULL);
	record_guest(store, 100, PT_ROLE_TAKEN, DISK, NULL);
	assert_int_equal(pt_guest_load(store, 100, &record, NULL), 0);
	record.ran = ran;
	record.watched = true;
	assert_int_equal(pt_guest_save(store, &record, NULL), 0);
	claim_function(fake, &claim, DISK);
	assert_int_equal(pt_handover_take(&handover, &claim, NULL), 0);
}

static bool has_run(struct fake *fake)
{
	struct pt_store PT_STORE *store = open_store(fake, PT_CLAIMS_DIR);
	struct pt_guest_record PT_GUEST_RECORD record = {0};

	return pt_guest_load(store, 100, &record, NULL) == 0 && record.ran;
}

static void assert_all_back(struct fake *fake)
{
	struct pt_store PT_STORE *store = open_store(fake, PT_CLAIMS_DIR);

	assert_driver(fake, DISK, "nvme");
	assert_false(pt_store_has_guest(store, 100));
}

static void the_name_of_an_instance_is_checked(void **state)
{
	static const char *const wrong[] = {"", "100", "100-", "-a", "100-x", "99-a", "100-a-b",
		"../100-a", "100-../a", "100-0123456789abcdef0123", "100 -a"};
	struct pt_watch watch = {0};

	(void)state;
	assert_true(pt_watch_parse("100-18f2a", &watch));
	assert_int_equal(watch.vmid, 100);
	assert_string_equal(watch.start, "18f2a");
	pt_foreach (text, wrong, PT_ARRAY_SIZE(wrong))
		assert_false(pt_watch_parse(*text, &watch));
}

/* QEMU failed: Proxmox VE lets its lock go and calls nobody. */
static void a_failed_start_returns_when_its_lock_is_free(void **state)
{
	struct fake *fake = *state;
	int lock = hold_pve_lock(fake, 100);
	struct watched watched;

	take(fake, false);
	watched = watch(fake, &pace);
	let_it_look();
	assert_driver(fake, DISK, "vfio-pci");
	close(lock);
	assert_int_equal(result_of(&watched), 0);
	assert_all_back(fake);
}

/* The watch is there before the record is. */
static void a_start_that_is_not_on_record_yet_is_waited_for(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = open_store(fake, PT_CLAIMS_DIR);
	struct watched watched;
	int lock;

	assert_int_equal(pt_lock_guest(store, 100, 0, &lock, NULL), 0);
	watched = watch(fake, &pace);
	let_it_look();
	take(fake, false);
	close(lock);
	assert_int_equal(result_of(&watched), 0);
	assert_all_back(fake);
	/* and one that never comes is not */
	watched = watch(fake, &pace);
	assert_int_equal(result_of(&watched), 0);
}

/* post-start was lost, and post-stop is lost, too: a migration's source has none. */
static void a_guest_that_runs_is_confirmed_and_waited_for(void **state)
{
	struct fake *fake = *state;
	long long deadline = pt_now_ms() + WAIT_MS;
	struct watched watched;

	take(fake, false);
	fake_file(fake, PT_PVE_RUN "/100.pid", "4242\n");
	process_4242(fake, KVM_OF("100"));
	watched = watch(fake, &pace);
	while (!has_run(fake) && pt_now_ms() < deadline)
		let_it_look();
	assert_true(has_run(fake));
	assert_driver(fake, DISK, "vfio-pci");
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	assert_int_equal(result_of(&watched), 0);
	assert_all_back(fake);
}

static void post_stop_comes_first(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = NULL;
	struct watched watched;

	take(fake, true);
	store = open_store(fake, PT_CLAIMS_DIR);
	fake_file(fake, PT_PVE_RUN "/100.pid", "4242\n");
	process_4242(fake, KVM_OF("100"));
	watched = watch(fake, &long_grace);
	let_it_look();
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	let_it_look();
	/* it is post-stop's turn */
	assert_true(pt_host_exists(fake->host, GUEST));
	fake_remove(fake, GUEST);
	assert_int_equal(result_of(&watched), 0);
	assert_driver(fake, DISK, "vfio-pci");
}

/* It ran and ended between two looks: post-start has said that it ran. */
static void post_stop_comes_first_after_a_short_run(void **state)
{
	struct fake *fake = *state;
	int lock = hold_pve_lock(fake, 100);
	struct watched watched;

	take(fake, true);
	watched = watch(fake, &long_grace);
	let_it_look();
	close(lock);
	let_it_look();
	assert_true(pt_host_exists(fake->host, GUEST));
	fake_remove(fake, GUEST);
	assert_int_equal(result_of(&watched), 0);
	assert_driver(fake, DISK, "vfio-pci");
}

static void a_post_stop_that_was_killed_is_finished(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = NULL;
	struct pt_guest_record PT_GUEST_RECORD record = {0};
	struct watched watched;

	take(fake, true);
	store = open_store(fake, PT_CLAIMS_DIR);
	assert_int_equal(pt_guest_load(store, 100, &record, NULL), 0);
	assert_int_equal(pt_guest_end(store, &record, PT_GUEST_ENDED, NULL), 0);
	watched = watch(fake, &pace);
	assert_int_equal(result_of(&watched), 0);
	assert_all_back(fake);
}

static void a_guest_on_hold_keeps_its_devices(void **state)
{
	struct fake *fake = *state;
	struct watched watched;

	take(fake, true);
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\nlock: backup\n");
	watched = watch(fake, &pace);
	let_it_look();
	assert_driver(fake, DISK, "vfio-pci");
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(result_of(&watched), 0);
	assert_all_back(fake);
}

static void a_later_start_has_its_own_watch(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = NULL;
	struct pt_guest_record PT_GUEST_RECORD record = {0};
	struct watched watched;

	take(fake, true);
	store = open_store(fake, PT_CLAIMS_DIR);
	assert_int_equal(pt_guest_load(store, 100, &record, NULL), 0);
	memcpy(record.start, "b", 2);
	assert_int_equal(pt_guest_save(store, &record, NULL), 0);
	watched = watch(fake, &pace);
	assert_int_equal(result_of(&watched), 0);
	assert_driver(fake, DISK, "vfio-pci");
	assert_true(pt_host_exists(fake->host, GUEST));
}

static void a_function_that_does_not_return_is_a_failure(void **state)
{
	struct fake *fake = *state;
	struct watched watched;

	take(fake, true);
	fake_fault(fake, "bind-nvme", DISK, "5");
	watched = watch(fake, &pace);
	assert_int_equal(result_of(&watched), -EIO);
	assert_driver(fake, DISK, "none");
	/* on record, for reconcile */
	fake_remove(fake, "/fault");
	watched = watch(fake, &pace);
	assert_int_equal(result_of(&watched), 0);
	assert_all_back(fake);
}

/* A start was killed after Proxmox VE had reserved the disk, and before its clean-up. */
static void a_reservation_that_nobody_drops_is_waited_for(void **state)
{
	struct fake *fake = *state;
	PT_FREE char *line = pt_format(DISK " 100 time:%lld\n", (long long)time(NULL) + 2);
	struct watched watched;

	take(fake, false);
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, line);
	watched = watch(fake, &patient);
	assert_int_equal(result_of(&watched), 0);
	assert_all_back(fake);
}

/* The records cannot be read for a while. */
static void trouble_that_passes_is_no_failure(void **state)
{
	struct fake *fake = *state;
	PT_FREE char *guest = NULL;
	struct watched watched;

	take(fake, false);
	guest = fake_read(fake, GUEST);
	fake_file(fake, GUEST, "{");
	watched = watch(fake, &patient);
	let_it_look();
	fake_file(fake, GUEST, guest);
	assert_int_equal(result_of(&watched), 0);
	assert_all_back(fake);
	/* and trouble that lasts is */
	take(fake, false);
	fake_file(fake, GUEST, "{");
	watched = watch(fake, &pace);
	assert_int_equal(result_of(&watched), -EINVAL);
	fake_file(fake, GUEST, guest);
}

static void a_copy_of_a_host_is_not_watched(void **state)
{
	struct fake *fake = *state;
	const struct pt_watch watched = {.vmid = 100, .start = "a"};
	struct pt_err err = {0};

	assert_int_equal(pt_watch_begin(fake->host, &watched, &limits, &err), -ENOTSUP);
	assert_int_equal(pt_watch_ask(fake->host, &watched, &err), -EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_name_of_an_instance_is_checked),
		MACHINE_TEST(a_failed_start_returns_when_its_lock_is_free),
		MACHINE_TEST(a_start_that_is_not_on_record_yet_is_waited_for),
		MACHINE_TEST(a_guest_that_runs_is_confirmed_and_waited_for),
		MACHINE_TEST(post_stop_comes_first),
		MACHINE_TEST(post_stop_comes_first_after_a_short_run),
		MACHINE_TEST(a_post_stop_that_was_killed_is_finished),
		MACHINE_TEST(a_guest_on_hold_keeps_its_devices),
		MACHINE_TEST(a_later_start_has_its_own_watch),
		MACHINE_TEST(a_function_that_does_not_return_is_a_failure),
		MACHINE_TEST(a_reservation_that_nobody_drops_is_waited_for),
		MACHINE_TEST(trouble_that_passes_is_no_failure),
		MACHINE_TEST(a_copy_of_a_host_is_not_watched),
	};

	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
