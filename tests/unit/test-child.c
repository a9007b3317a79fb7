// SPDX-License-Identifier: AGPL-3.0-or-later
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "lib/base/child.h"
#include "tests/unit/unit.h"

static int returns_it(void *data, int out)
{
	(void)out;
	return *(int *)data;
}

static int sleeps(void *data, int out)
{
	(void)data;
	(void)out;
	sleep(60);
	return 0;
}

static int writes_too_much(void *data, int out)
{
	const struct rlimit none = {0};
	FILE *file = tmpfile();

	(void)data;
	(void)out;
	if (!file || setrlimit(RLIMIT_FSIZE, &none) < 0)
		return -EIO;
	return write(fileno(file), "x", 1) < 0 ? -errno : 0;
}

static int dies(void *data, int out)
{
	(void)data;
	(void)out;
	raise(SIGKILL);
	return 0;
}

static int writes(void *data, int out)
{
	const char *text = data;

	return write(out, text, strlen(text)) < 0 ? -errno : 0;
}

/* Counts the open ones of the first 256 descriptors: only the kept one and the output. */
static int counts_fds(void *data, int out)
{
	int *expected = data;
	int open_fds = 0;

	for (int fd = 0; fd < 256; fd++)
		open_fds += fcntl(fd, F_GETFD) >= 0;
	(void)out;
	return open_fds == *expected ? 0 : -EBADF;
}

static int start(struct pt_child *child, int (*work)(void *, int), void *data, bool output)
{
	return pt_child_start(child, work, data, NULL, 0, output, NULL);
}

/* A caller's limit is an error like a full disk. */
static void a_limit_of_file_sizes_is_an_error(void **state)
{
	struct pt_child child = PT_CHILD_NONE;

	(void)state;
	/* as pt_startup does; a child inherits it */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(pt_child_start(&child, writes_too_much, NULL, NULL, 0, false, NULL), 0);
	assert_int_equal(pt_child_wait(&child, pt_now_ms() + 20000), -EFBIG);
}

static void gives_the_result(void **state)
{
	int results[] = {0, -EBUSY, -ENODEV, 3, -1000};
	int expected[] = {0, -EBUSY, -ENODEV, -ECHILD, -ECHILD};

	(void)state;
	for (size_t i = 0; i < PT_ARRAY_SIZE(results); i++) {
		struct pt_child child;

		assert_int_equal(start(&child, returns_it, &results[i], false), 0);
		assert_int_equal(pt_child_wait(&child, pt_now_ms() + 60000), expected[i]);
		assert_int_equal(child.pidfd, -1);
		assert_int_equal(pt_child_wait(&child, 0), -ECHILD);
	}
}

static void gives_up_at_the_deadline(void **state)
{
	long long begin = pt_now_ms();
	struct pt_child child;

	(void)state;
	assert_int_equal(start(&child, sleeps, NULL, false), 0);
	assert_int_equal(pt_child_wait(&child, begin + 100), -ETIME);
	assert_in_range(pt_now_ms() - begin, 100, 60000);
	assert_int_equal(start(&child, sleeps, NULL, true), 0);
	begin = pt_now_ms();
	assert_int_equal(pt_child_collect(&child, begin + 100, 10, NULL, NULL), -ETIME);
}

static void tells_a_crash(void **state)
{
	struct pt_child child;

	(void)state;
	assert_int_equal(start(&child, dies, NULL, false), 0);
	assert_int_equal(pt_child_wait(&child, pt_now_ms() + 5000), -ECHILD);
}

static void collects_output_up_to_the_cap(void **state)
{
	struct pt_child child;
	char text[] = "0123456789";
	char *got = NULL;
	size_t length;

	(void)state;
	assert_int_equal(start(&child, writes, text, true), 0);
	assert_int_equal(pt_child_collect(&child, pt_now_ms() + 5000, 10, &got, &length), 0);
	assert_string_equal(got, "0123456789");
	assert_int_equal(length, 10);
	free(got);
	got = NULL;
	assert_int_equal(start(&child, writes, text, true), 0);
	assert_int_equal(pt_child_collect(&child, pt_now_ms() + 5000, 9, &got, &length), -EMSGSIZE);
	assert_null(got);
}

static void keeps_only_what_it_is_given(void **state)
{
	int lock = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int other = open("/dev/null", O_RDONLY);
	int keep[] = {lock, -1};
	struct pt_child child;
	int expected = 4; /* 0 to 2, and the lock */

	(void)state;
	assert_int_equal(pt_child_start(&child, counts_fds, &expected, keep, 2, false, NULL), 0);
	assert_int_equal(pt_child_wait(&child, pt_now_ms() + 5000), 0);
	expected = 5;
	assert_int_equal(pt_child_start(&child, counts_fds, &expected, keep, 2, true, NULL), 0);
	assert_int_equal(pt_child_wait(&child, pt_now_ms() + 5000), 0);
	close(lock);
	close(other);
}

static void refuses_too_many_descriptors(void **state)
{
	int keep[PT_CHILD_KEEP_MAX + 1] = {0};
	struct pt_child child;
	struct pt_err err;

	(void)state;
	assert_int_equal(
		pt_child_start(&child, sleeps, NULL, keep, PT_ARRAY_SIZE(keep), false, &err),
		-EINVAL);
	assert_holds(err.text, "too many descriptors");
}

/* In a process of its own, and not root's: the files it may open, and the number of processes it
 * may start. */
static void expect_poor(
	bool root, __rlimit_resource_t resource, rlim_t limit, bool output, const char *why)
{
	struct rlimit rlimit = {limit, limit};
	struct pt_child child;
	struct pt_err err = {0};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if ((!root && geteuid() == 0 && setuid(65534) < 0) ||
			setrlimit(resource, &rlimit) < 0)
			_exit(2);
		if (pt_child_start(&child, sleeps, NULL, NULL, 0, output, &err) == 0)
			_exit(3);
		_exit(strstr(err.text, why) ? 0 : 4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void what_the_system_refuses_is_told(void **state)
{
	(void)state;
	expect_poor(true, RLIMIT_NOFILE, 0, true, "pipe for a child process: Too many open files");
	expect_poor(true, RLIMIT_NOFILE, 0, false, "watch a child process: Too many open files");
	expect_poor(false, RLIMIT_NPROC, 0, false,
		"start a child process: Resource temporarily unavailable");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_limit_of_file_sizes_is_an_error),
		cmocka_unit_test(gives_the_result),
		cmocka_unit_test(gives_up_at_the_deadline),
		cmocka_unit_test(tells_a_crash),
		cmocka_unit_test(collects_output_up_to_the_cap),
		cmocka_unit_test(keeps_only_what_it_is_given),
		cmocka_unit_test(refuses_too_many_descriptors),
		cmocka_unit_test(what_the_system_refuses_is_told),
	};

	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
