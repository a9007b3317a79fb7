// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/paths.h"
#include "pve/config/runstate.h"
#include "tests/unit/unit.h"

#define RUNNING "/usr/bin/" KVM_OF("100") "-x\0"

static void a_guest_runs_as_pve_sees_it(void **state)
{
	struct fake *fake = *state;

	assert_int_equal(pt_guest_pid(fake->host, 100), 0);
	fake_file(fake, PT_PVE_RUN "/100.pid", "4242\n");
	assert_int_equal(pt_guest_pid(fake->host, 100), 0);
	process_4242(fake, RUNNING);
	assert_int_equal(pt_guest_pid(fake->host, 100), 4242);
	assert_int_equal(pt_pid_guest(fake->host, 4242), 100);
	process_4242(
		fake, "/usr/bin/qemu-system-x86_64\0--pidfile\0/var/run/qemu-server/100.pid\0");
	assert_int_equal(pt_guest_pid(fake->host, 100), 4242);
	assert_int_equal(pt_pid_guest(fake->host, 4242), 0);
}

static void anything_else_is_no_guest(void **state)
{
	static const char *const pidfiles[] = {"", "x\n", "4242 x\n", "99999999999\n", "-1\n"};
	struct fake *fake = *state;

	process_4242(fake, RUNNING);
	for (size_t i = 0; i < PT_ARRAY_SIZE(pidfiles); i++) {
		fake_file(fake, PT_PVE_RUN "/100.pid", pidfiles[i]);
		assert_int_equal(pt_guest_pid(fake->host, 100), 0);
	}
	fake_file(fake, PT_PVE_RUN "/100.pid", "4242\n");
	process_4242(fake, "");
	assert_int_equal(pt_guest_pid(fake->host, 100), 0);
	assert_int_equal(pt_pid_guest(fake->host, 4242), 0);
	process_4242(fake, "/usr/bin/sleep\0-pidfile\0/var/run/qemu-server/100.pid\0");
	assert_int_equal(pt_guest_pid(fake->host, 100), 0);
	process_4242(fake, "/usr/bin/kvm\0-pidfile\0/run/qemu-server/100.pid\0");
	assert_int_equal(pt_guest_pid(fake->host, 100), 0);
	process_4242(fake, "/usr/bin/kvm\0-pidfile\0-x\0/var/run/qemu-server/100.pid\0");
	assert_int_equal(pt_guest_pid(fake->host, 100), 0);
	process_4242(fake, "/usr/bin/kvm\0-id\0abc\0");
	assert_int_equal(pt_pid_guest(fake->host, 4242), 0);
	assert_int_equal(pt_pid_guest(fake->host, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(a_guest_runs_as_pve_sees_it),
		MACHINE_TEST(anything_else_is_no_guest),
	};

	return cmocka_run_group_tests_name("runstate", tests, NULL, NULL);
}
