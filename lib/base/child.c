// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/base/child.h"

/* A child's exit status for "the work returned something that is no errno". */
#define RESULT_ODD 255

long long pt_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int compare_fds(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Closes all descriptors but those in keep, which it sorts. 0 to 2 become /dev/null: no later file
 * gets their number, and the output of a library. */
static void close_all_but(int *keep, size_t count)
{
	int first = STDERR_FILENO + 1;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (dup2(null, fd) < 0)
			close(fd);
	}

	qsort(keep, count, sizeof(*keep), compare_fds);
	pt_foreach (fd, keep, count) {
		if (*fd < first)
			continue;
		if (*fd > first)
			syscall(SYS_close_range, first, *fd - 1, 0);
		first = *fd + 1;
	}
	syscall(SYS_close_range, first, UINT_MAX, 0);
}

static _Noreturn void child_main(
	int (*work)(void *data, int out), void *data, const int *keep, size_t keep_count, int out)
{
	int fds[PT_CHILD_KEEP_MAX + 1];
	size_t count = 0;
	int r;

	pt_foreach (fd, keep, keep_count) {
		if (*fd >= 0)
			fds[count++] = *fd;
	}
	if (out >= 0)
		fds[count++] = out;
	close_all_but(fds, count);
	r = work(data, out);
	_exit(r <= 0 && r > -RESULT_ODD ? -r : RESULT_ODD);
}

int pt_child_start(struct pt_child *ret, int (*work)(void *data, int out), void *data,
	const int *keep, size_t keep_count, bool want_output, struct pt_err *err)
{
	int pipe_fds[2] = {-1, -1};
	pid_t pid;
	int pidfd, r;

	if (keep_count > PT_CHILD_KEEP_MAX)
		return pt_err_set(err, -EINVAL, "too many descriptors to keep for a child");
	if (want_output && pipe2(pipe_fds, O_CLOEXEC) < 0)
		return pt_err_errno(err, -errno, "pipe for a child process");
	pid = fork();
	if (pid == 0)
		child_main(work, data, keep, keep_count, pipe_fds[1]);
	r = errno;
	pt_close_fd(&pipe_fds[1]);
	if (pid < 0) {
		pt_close_fd(&pipe_fds[0]);
		return pt_err_errno(err, -r, "start a child process");
	}
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		r = errno;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		pt_close_fd(&pipe_fds[0]);
		return pt_err_errno(err, -r, "watch a child process");
	}
	*ret = (struct pt_child){.pid = pid, .pidfd = pidfd, .out = pipe_fds[0]};
	return 0;
}

/* Waits for fd to be readable. 1, 0 when the deadline passed, or negative errno. */
static int wait_readable(int fd, long long deadline_ms)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	for (;;) {
		long long rest_ms = deadline_ms - pt_now_ms();
		int r = poll(&pfd, 1, rest_ms < 0 ? 0 : rest_ms > INT_MAX ? INT_MAX : (int)rest_ms);

		if (r > 0)
			return 1;
		if (r == 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

static void forget(struct pt_child *child)
{
	pt_close_fd(&child->pidfd);
	pt_close_fd(&child->out);
	child->pid = 0;
}

static int end_child(struct pt_child *child, int result)
{
	kill(child->pid, SIGKILL);
	/* one that hangs in the kernel cannot be reaped now; init will, once we are gone */
	waitpid(child->pid, NULL, WNOHANG);
	forget(child);
	return result;
}

int pt_child_wait(struct pt_child *child, long long deadline_ms)
{
	int status = 0;
	int r;

	if (child->pidfd < 0)
		return -ECHILD;
	r = wait_readable(child->pidfd, deadline_ms);
	if (r <= 0)
		return end_child(child, r < 0 ? r : -ETIME);
	r = waitpid(child->pid, &status, 0) < 0 ? -errno : 0;
	forget(child);
	if (r < 0)
		return r;
	if (!WIFEXITED(status) || WEXITSTATUS(status) == RESULT_ODD)
		return -ECHILD;
	return -WEXITSTATUS(status);
}

int pt_child_collect(struct pt_child *child, long long deadline_ms, size_t cap, char **ret_text,
	size_t *ret_length)
{
	PT_FREE char *text = pt_resize(NULL, cap + 1);
	size_t length = 0;
	int r;

	if (child->pidfd < 0)
		return -ECHILD;
	for (;;) {
		ssize_t n;

		r = wait_readable(child->out, deadline_ms);
		if (r <= 0)
			return end_child(child, r < 0 ? r : -ETIME);
		/* one byte of room more than allowed tells "exactly cap" from "too much" */
		n = read(child->out, text + length, cap + 1 - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return end_child(child, -errno);
		if (n == 0)
			break;
		length += (size_t)n;
		if (length > cap)
			return end_child(child, -EMSGSIZE);
	}
	text[length] = '\0';
	r = pt_child_wait(child, deadline_ms);
	if (r < 0)
		return r;
	*ret_text = PT_STEAL(text);
	*ret_length = length;
	return 0;
}
