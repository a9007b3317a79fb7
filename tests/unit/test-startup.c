// SPDX-License-Identifier: AGPL-3.0-or-later
/* The inherited state must not steer a program: each case runs the routine in a process of its own.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/base/startup.h"
#include "tests/unit/unit.h"

/* The exit code of work, run in a child. */
static int in_child(int (*work)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		exit(work());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static int opens_closed_fds(void)
{
	int fd;

	close(0);
	close(1);
	close(2);
	if (pt_startup(NULL) < 0)
		return 1;
	fd = open("/dev/null", O_RDONLY);
	return fd > STDERR_FILENO ? 0 : 2;
}

static int clears_the_environment(void)
{
	setenv("https_proxy", "http://192.0.2.1", 1);
	setenv("MODPROBE_OPTIONS", "-C /tmp", 1);
	if (pt_startup(NULL) < 0)
		return 1;
	return environ && *environ ? 2 : 0;
}

static int sets_umask(void)
{
	umask(0);
	if (pt_startup(NULL) < 0)
		return 1;
	return umask(0) == 077 ? 0 : 2;
}

static int may_have_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1;
	limit.rlim_cur = 64;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || pt_startup(NULL) < 0 ||
		getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 2;
	return limit.rlim_cur == limit.rlim_max || limit.rlim_cur >= 16384 ? 0 : 3;
}

static int survives_a_limit_of_file_sizes(void)
{
	const struct rlimit none = {0};
	FILE *file = tmpfile();

	signal(SIGXFSZ, SIG_DFL);
	if (!file || pt_startup(NULL) < 0 || setrlimit(RLIMIT_FSIZE, &none) < 0)
		return 1;
	return write(fileno(file), "x", 1) < 0 ? 0 : 2;
}

static int survives_a_gone_reader(void)
{
	int fds[2];

	signal(SIGPIPE, SIG_DFL);
	if (pt_startup(NULL) < 0 || pipe(fds) < 0)
		return 1;
	close(fds[0]);
	return write(fds[1], "x", 1) < 0 && errno == EPIPE ? 0 : 2;
}

static int hears_of_its_children(void)
{
	sigset_t all, mask;
	int status;
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (pt_startup(NULL) < 0)
		return 1;
	sigprocmask(SIG_SETMASK, NULL, &mask);
	if (sigismember(&mask, SIGTERM))
		return 2;
	pid = fork();
	if (pid == 0)
		_exit(7);
	return waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7 ? 0 : 3;
}

static void nothing_inherited_steers(void **state)
{
	(void)state;
	assert_int_equal(in_child(opens_closed_fds), 0);
	assert_int_equal(in_child(clears_the_environment), 0);
	assert_int_equal(in_child(sets_umask), 0);
	assert_int_equal(in_child(may_have_many_files), 0);
	assert_int_equal(in_child(survives_a_limit_of_file_sizes), 0);
	assert_int_equal(in_child(survives_a_gone_reader), 0);
	assert_int_equal(in_child(hears_of_its_children), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_inherited_steers),
	};

	return cmocka_run_group_tests_name("startup", tests, NULL, NULL);
}
