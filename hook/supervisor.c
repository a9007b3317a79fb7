// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <limits.h>
#include <poll.h>

#include "hook/supervisor.h"

static void emit(void *data, enum pt_log_level level, const char *line)
{
	const int *fd = data;

	dprintf(*fd, "%s%s\n", pt_log_mark(level), line);
}

static int run_phase(const struct pt_supervised *supervised, pt_phase *phase, int out)
{
	struct pt_log log = {.emit = emit, .data = &out};
	struct pt_run run = {.vmid = supervised->vmid};
	struct pt_err err = {0};
	int result;

	if (supervised->prepare(&run, &log, &err) < 0) {
		pt_log(&log, PT_LOG_ERROR, "pve-pthook: %s; nothing is moved or returned",
			err.text);
		return 0;
	}
	result = phase(&run);
	supervised->clean_up(&run);
	return result;
}

static int work(void *data, int out)
{
	const struct pt_supervised *supervised = data;

	return -run_phase(supervised, supervised->phase, out);
}

static void pass_on(const char *text, size_t length, int out)
{
	while (length) {
		ssize_t n = write(out, text, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* the reader is gone: the work goes on */
		text += n;
		length -= (size_t)n;
	}
}

/* Passes the worker's words on until it closes its side or the deadline has passed. */
static void relay(const struct pt_child *child, long long deadline_ms, int out)
{
	char text[4096];

	for (;;) {
		struct pollfd pfd = {.fd = child->out, .events = POLLIN};
		long long left = deadline_ms - pt_now_ms();
		ssize_t n;

		if (left <= 0)
			return;
		if (poll(&pfd, 1, left > INT_MAX ? INT_MAX : (int)left) <= 0)
			continue;
		n = read(child->out, text, sizeof(text));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		pass_on(text, (size_t)n, out);
	}
}

int pt_supervise(const struct pt_supervised *supervised, int out)
{
	struct pt_supervised copy = *supervised;
	long long deadline = pt_now_ms() + supervised->deadline_ms;
	struct pt_child child = PT_CHILD_NONE;
	struct pt_err err = {0};
	int r = pt_child_start(&child, work, &copy, NULL, 0, true, &err);

	if (r < 0) {
		dprintf(out, "error: pve-pthook: %s; nothing is moved or returned\n", err.text);
		return 0;
	}
	relay(&child, deadline, out);
	r = pt_child_wait(&child, deadline);
	if (r == 0 || r == -1)
		return -r;
	dprintf(out, "error: pve-pthook: the worker %s\n",
		r == -ETIME ? "has not ended by its deadline" : "has crashed");
	/* half-moved devices are not for Proxmox VE to meet: then the start is refused */
	return supervised->undo ? run_phase(supervised, pt_phase_undo, out) : 0;
}
