// SPDX-License-Identifier: AGPL-3.0-or-later
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

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

static bool cmdline_hangs;

int __real_pt_host_read_guarded(const struct pt_host *host, const char *path, long long deadline_ms,
	size_t cap, char **ret, size_t *ret_length);
int __wrap_pt_host_read_guarded(const struct pt_host *host, const char *path, long long deadline_ms,
	size_t cap, char **ret, size_t *ret_length);
int __wrap_pt_host_read_guarded(const struct pt_host *host, const char *path, long long deadline_ms,
	size_t cap, char **ret, size_t *ret_length)
{
	if (cmdline_hangs)
		return -ETIME;
	return __real_pt_host_read_guarded(host, path, deadline_ms, cap, ret, ret_length);
}

/* Its memory is locked by a call that hangs in the kernel: nobody knows, so it is alive. */
static void a_process_that_hangs_is_alive(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, PT_PVE_RUN "/100.pid", "4242\n");
	process_4242(fake, "");
	assert_int_equal(pt_guest_pid(fake->host, 100), 0);
	assert_true(pt_pid_ends(fake->host, 4242));
	cmdline_hangs = true;
	assert_int_equal(pt_guest_pid(fake->host, 100), 4242);
	assert_false(pt_pid_ends(fake->host, 4242));
	assert_int_equal(pt_pid_guest(fake->host, 4242), 0);
	assert_int_equal(pt_guest_pid(fake->host, 101), 0);
	cmdline_hangs = false;
}

/* Any user can open a lock file that all may read, and lock it. */
static void the_holder_of_a_lock_is_named(void **state)
{
	struct fake *fake = *state;
	PT_FREE char *path = pt_format("%s" PT_PVE_LOCKS "/lock-100.conf", fake->root);
	PT_FREE char *locks = NULL;
	struct stat st;

	assert_int_equal(pt_guest_locker(fake->host, 100), 0);
	fake_file(fake, PT_PVE_LOCKS "/lock-100.conf", "");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(pt_guest_locker(fake->host, 100), 0);
	locks = pt_format("1: POSIX  ADVISORY  WRITE 11 %1$02x:%2$02x:%3$lu 0 EOF\n"
			  "2: FLOCK  ADVISORY  WRITE 12 %1$02x:%2$02x:1 0 EOF\n"
			  "3: FLOCK  ADVISORY  WRITE 4242 %1$02x:%2$02x:%3$lu 0 EOF\n"
			  "3: -> FLOCK  ADVISORY  WRITE 13 %1$02x:%2$02x:%3$lu 0 EOF\n",
		major(st.st_dev), minor(st.st_dev), (unsigned long)st.st_ino);
	fake_file(fake, "/proc/locks", locks);
	assert_int_equal(pt_guest_locker(fake->host, 100), 4242);
	assert_int_equal(pt_guest_locker(fake->host, 101), 0);
}

/* A process that calls itself a guest's QEMU; the parent gets its pid when it runs. */
static pid_t start_named(uid_t uid)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		if (uid && setresuid(uid, uid, uid) < 0)
			_exit(1);
		execl("/bin/sh", "kvm", "-c", "read -r x", "-id", "101", NULL);
		_exit(1);
	}
	close(ready[1]);
	/* the end of the pipe is closed by exec */
	assert_int_equal(read(ready[0], &byte, 1), 0);
	close(ready[0]);
	return pid;
}

static void any_user_can_choose_arguments(void **state)
{
	static const struct {
		uid_t uid;
		unsigned int vmid;
	} cases[] = {{0, 101}, {65534, 0}};
	struct pt_host PT_HOST *live = NULL;
	int held[2], was;

	(void)state;
	assert_int_equal(pt_host_open(&live, "/", NULL, NULL), 0);
	/* the shell reads from it until it ends */
	assert_int_equal(pipe(held), 0);
	was = dup(STDIN_FILENO);
	dup2(held[0], STDIN_FILENO);
	pt_foreach (one, cases, PT_ARRAY_SIZE(cases)) {
		pid_t pid = start_named(one->uid);

		unsigned int vmid = pt_pid_guest(live, pid);
		bool roots = pt_pid_is_roots(live, pid);

		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		assert_int_equal(vmid, one->vmid);
		assert_int_equal(roots, one->uid == 0);
	}
	dup2(was, STDIN_FILENO);
	close(was);
	close(held[0]);
	close(held[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(a_guest_runs_as_pve_sees_it),
		MACHINE_TEST(anything_else_is_no_guest),
		MACHINE_TEST(a_process_that_hangs_is_alive),
		MACHINE_TEST(the_holder_of_a_lock_is_named),
		cmocka_unit_test(any_user_can_choose_arguments),
	};

	return cmocka_run_group_tests_name("runstate", tests, NULL, NULL);
}
