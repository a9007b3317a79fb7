// SPDX-License-Identifier: AGPL-3.0-or-later
/* Waiting for a group that is held needs the real kernel: lab scenario group-held. */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "pve/config/paths.h"
#include "pve/handover/release.h"
#include "tests/unit/unit.h"

#define DISK "0000:02:00.0"

static const struct pt_limits limits = {
	.lock_ms = 50, .group_ms = 50, .write_ms = 30000, .phase_ms = 60000};

static struct pt_claims *take_disk(struct fake *fake)
{
	struct pt_handover handover = {
		.host = fake->host, .lock_fd = -1, .write_ms = 30000, .phase_ms = 60000};
	struct pt_claims *claims = NULL;
	struct pt_claim *claim = claim_of(fake, "100", DISK, NULL);

	assert_int_equal(pt_claims_open(&claims, fake->host, "/run/pt", true, NULL), 0);
	assert_int_equal(pt_claims_save(claims, claim, NULL), 0);
	assert_int_equal(pt_handover_take(&handover, claim, NULL), 0);
	pt_claim_free(claim);
	return claims;
}

static void returns_and_ends_the_claim(void **state)
{
	struct fake *fake = *state;
	struct pt_claims *claims = take_disk(fake);

	assert_int_equal(pt_release(fake->host, claims, 100, &limits, NULL), 0);
	assert_driver(fake, DISK, "nvme");
	assert_false(pt_host_exists(fake->host, "/run/pt/claims/100.json"));
	assert_int_equal(pt_release(fake->host, claims, 100, &limits, NULL), 0);
	pt_claims_close(claims);
}

static void a_running_guest_keeps_its_devices(void **state)
{
	struct fake *fake = *state;
	struct pt_claims *claims = take_disk(fake);
	struct pt_err err = {0};

	fake_file(fake, PT_PVE_RUN "/100.pid", "4242\n");
	process_4242(fake, KVM_OF("100"));
	assert_int_equal(pt_release(fake->host, claims, 100, &limits, &err), -EBUSY);
	assert_string_equal(
		err.text, "guest 100 runs as process 4242 and uses its devices; stop it first");
	assert_driver(fake, DISK, "vfio-pci");
	pt_claims_close(claims);
}

static void what_stays_is_on_record(void **state)
{
	struct fake *fake = *state;
	struct pt_claims *claims = take_disk(fake);
	struct pt_claim *claim = NULL;
	struct pt_err err = {0};

	fake_fault(fake, "bind-nvme", DISK, "5");
	assert_int_equal(pt_release(fake->host, claims, 100, &limits, &err), -EIO);
	assert_int_equal(pt_claims_load(claims, "100", &claim, NULL), 0);
	assert_int_equal(claim->state, PT_CLAIM_RETURNING);
	assert_holds(claim->function[0].error, "Input/output error");
	pt_claim_free(claim);
	pt_claims_close(claims);
}

static void a_function_that_is_gone_does_not_hold_the_rest_up(void **state)
{
	struct fake *fake = *state;
	struct pt_claims *claims = take_disk(fake);

	fake_remove(fake, "/sys/bus/pci/devices/" DISK);
	assert_int_equal(pt_release(fake->host, claims, 100, &limits, NULL), 0);
	assert_false(pt_host_exists(fake->host, "/run/pt/claims/100.json"));
	pt_claims_close(claims);
}

static void another_mover_is_not_disturbed(void **state)
{
	struct fake *fake = *state;
	struct pt_claims *claims = take_disk(fake);
	struct pt_err err = {0};
	int lock = -1;

	assert_int_equal(pt_claims_work_lock(claims, "100", pt_now_ms(), &lock, NULL), 0);
	assert_int_equal(pt_release(fake->host, claims, 100, &limits, &err), -EWOULDBLOCK);
	assert_driver(fake, DISK, "vfio-pci");
	close(lock);
	fake_file(fake, "/run/pt/claims/100.json", "x");
	assert_int_equal(pt_release(fake->host, claims, 100, &limits, &err), -EINVAL);
	assert_holds(err.text, "claim of 100 is damaged");
	pt_claims_close(claims);
}

static void a_full_run_does_not_stop_the_return(void **state)
{
	struct fake *fake = *state;
	struct pt_claims *claims = take_disk(fake);

	/* where the temporary file would be */
	fake_dir(fake, "/run/pt/work/100.json");
	assert_int_equal(pt_release(fake->host, claims, 100, &limits, NULL), 0);
	assert_driver(fake, DISK, "nvme");
	assert_false(pt_host_exists(fake->host, "/run/pt/claims/100.json"));
	pt_claims_close(claims);
}

static void a_guest_that_is_starting_keeps_its_devices(void **state)
{
	struct fake *fake = *state;
	struct pt_claims *claims = take_disk(fake);
	struct pt_err err = {0};
	PT_FREE char *locks = NULL;
	struct stat st;
	char path[160];
	int lock;

	fake_file(fake, PT_PVE_LOCKS "/lock-100.conf", "");
	snprintf(path, sizeof(path), "%s" PT_PVE_LOCKS "/lock-100.conf", fake->root);
	lock = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(pt_release_stale(fake->host, claims, 100, &limits, &err), -EWOULDBLOCK);
	assert_string_equal(err.text, "guest 100 is being started or stopped right now");
	assert_int_equal(stat(path, &st), 0);
	locks = pt_format("1: FLOCK  ADVISORY  WRITE 4242 %02x:%02x:%lu 0 EOF\n", major(st.st_dev),
		minor(st.st_dev), (unsigned long)st.st_ino);
	fake_file(fake, "/proc/locks", locks);
	assert_int_equal(pt_release_stale(fake->host, claims, 100, &limits, &err), -EWOULDBLOCK);
	assert_string_equal(err.text,
		"guest 100 is being started or stopped right now: process 4242 holds its lock, " PT_PVE_LOCKS
		"/lock-100.conf");
	assert_driver(fake, DISK, "vfio-pci");
	close(lock);
	fake_remove(fake, PT_PVE_LOCKS "/lock-100.conf");
	fake_dir(fake, PT_PVE_LOCKS "/lock-100.conf");
	assert_int_equal(pt_release_stale(fake->host, claims, 100, &limits, &err), -EISDIR);
	assert_string_equal(err.text, "lock of guest 100: Is a directory");
	fake_remove(fake, PT_PVE_LOCKS "/lock-100.conf");
	assert_int_equal(pt_release_stale(fake->host, claims, 100, &limits, &err), 0);
	assert_driver(fake, DISK, "nvme");
	pt_claims_close(claims);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(returns_and_ends_the_claim),
		MACHINE_TEST(a_running_guest_keeps_its_devices),
		MACHINE_TEST(what_stays_is_on_record),
		MACHINE_TEST(a_function_that_is_gone_does_not_hold_the_rest_up),
		MACHINE_TEST(another_mover_is_not_disturbed),
		MACHINE_TEST(a_full_run_does_not_stop_the_return),
		MACHINE_TEST(a_guest_that_is_starting_keeps_its_devices),
	};

	return cmocka_run_group_tests_name("release", tests, NULL, NULL);
}
