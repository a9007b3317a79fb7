// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <limits.h>
#include <poll.h>

#include "hook/look.h"
#include "hook/supervisor.h"

#define LOOK_MS 60000
/* a phase's result beside 0 and 1: the host cannot be opened */
#define CANNOT_BEGIN ENODATA

/* Takes the VMID. */
#define UNDONE                                                                                     \
	"nothing is moved or returned; 'pve-ptconf release %u' returns its devices once it has "   \
	"stopped"

/* Proxmox VE's task viewer does not wrap, and breaks letters beyond ASCII. */
#define COLUMNS 100

/* Says one line. */
#define SAY(fd, ...)                                                                               \
	({                                                                                         \
		PT_FREE char *line_ = pt_format(__VA_ARGS__);                                      \
		PT_FREE char *text_ = pt_log_fold(line_, COLUMNS);                                 \
		pt_log_say((fd), text_, strlen(text_));                                            \
	})

/* The worker may be alone: then nobody reads any more, and the system log gets the line. */
static void emit(void *data, enum pt_log_level level, const char *line)
{
	const int *fd = data;

	if (SAY(*fd, "%s%s", pt_log_mark(level), line) < 0)
		pt_log_to_system(NULL, level, line);
}

static int run_phase(const struct pt_supervised *supervised, pt_phase *phase, int out)
{
	struct pt_log log = {.emit = emit, .data = &out};
	struct pt_run run = {.vmid = supervised->vmid};
	struct pt_err err = {0};
	int result;

	if (supervised->prepare(&run, &log, &err) < 0) {
		pt_log(&log, PT_LOG_ERROR, "pve-pthook: guest %u: %s; " UNDONE, run.vmid, err.text,
			run.vmid);
		return CANNOT_BEGIN;
	}
	result = phase(&run);
	supervised->clean_up(&run);
	return result;
}

static int work(void *data, int out)
{
	const struct pt_supervised *supervised = data;

	/* an administrator's ^C must not leave functions half-way */
	setsid();
	return -run_phase(supervised, supervised->phase, out);
}

/* Passes the worker's words on. True: it closed its side; false: the time has passed. */
static bool relay(const struct pt_child *child, long long deadline_ms, int out)
{
	char text[4096];

	for (;;) {
		struct pollfd pfd = {.fd = child->out, .events = POLLIN};
		long long rest_ms = deadline_ms - pt_now_ms();
		ssize_t n;

		if (rest_ms <= 0)
			return false;
		if (poll(&pfd, 1, rest_ms > INT_MAX ? INT_MAX : (int)rest_ms) <= 0)
			continue;
		n = read(child->out, text, sizeof(text));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return true;
		/* when the reader is gone, the work goes on */
		pt_log_say(out, text, (size_t)n);
	}
}

/* Nobody waits for the worker any more. */
static int leave(struct pt_child *child, unsigned int vmid, int out)
{
	SAY(out, "guest %u: the return goes on in the background; 'pve-ptconf claims' shows it",
		vmid);
	pt_close_fd(&child->out);
	pt_close_fd(&child->pidfd);
	return 0;
}

static const char *how_it_ended(int result)
{
	switch (result) {
	case -ETIME:
		return "missed its deadline";
	case -ENOMEM:
		return "ran out of memory";
	default:
		return "has crashed";
	}
}

/* Looks at the devices that nobody has judged: in a worker of its own, since the next crash may
 * come from the same file; without one if it cannot be had. */
static int look(struct pt_supervised *supervised, int out)
{
	struct pt_child child = PT_CHILD_NONE;
	long long deadline = pt_now_ms() + LOOK_MS;
	int r;

	supervised->phase = pt_phase_look;
	r = pt_child_start(&child, work, supervised, NULL, 0, true, NULL);
	if (r == 0) {
		relay(&child, deadline, out);
		r = pt_child_wait(&child, deadline);
	} else {
		r = -run_phase(supervised, pt_phase_look, out);
	}
	if (r == 0 || r == -1)
		return -r;
	SAY(out,
		"warning: guest %u: the start goes on unprotected; nobody could look at its devices",
		supervised->vmid);
	return 0;
}

int pt_supervise(const struct pt_supervised *supervised, int out)
{
	struct pt_supervised copy = *supervised;
	long long deadline = pt_now_ms() + (supervised->leave_ms ? supervised->leave_ms
								 : supervised->deadline_ms);
	struct pt_child child = PT_CHILD_NONE;
	struct pt_err err = {0};
	int r = pt_child_start(&child, work, &copy, NULL, 0, true, &err);

	if (r < 0) {
		SAY(out, "error: pve-pthook: guest %u: %s; " UNDONE, supervised->vmid, err.text,
			supervised->vmid);
		return supervised->undo ? look(&copy, out) : 0;
	}
	if (!relay(&child, deadline, out) && supervised->leave_ms)
		return leave(&child, supervised->vmid, out);
	r = pt_child_wait(&child, deadline);
	if (r == 0 || r == -1)
		return -r;
	if (r == -CANNOT_BEGIN)
		return supervised->undo ? look(&copy, out) : 0;
	SAY(out, "error: pve-pthook: the worker %s", how_it_ended(r));
	/* Proxmox VE must not meet half-moved devices: if the undo fails, the start is refused */
	if (supervised->undo && run_phase(supervised, pt_phase_undo, out) != 0) {
		SAY(out,
			"error: start refused: guest %u: its devices may not all be back where they were; "
			"'pve-ptconf release %u' returns them, then start it again",
			supervised->vmid, supervised->vmid);
		return 1;
	}
	if (supervised->undo)
		return look(&copy, out);
	SAY(out, "error: guest %u: its devices may not be back; retry with 'pve-ptconf release %u'",
		supervised->vmid, supervised->vmid);
	return 1;
}
