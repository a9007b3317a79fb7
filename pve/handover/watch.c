// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/claim/locks.h"
#include "lib/linux/systemd.h"
#include "pve/config/guest.h"
#include "pve/config/live.h"
#include "pve/config/paths.h"
#include "pve/config/runstate.h"
#include "pve/handover/narrow.h"
#include "pve/handover/release.h"
#include "pve/handover/watch.h"

#define UNIT   "pve-ptconf-watch@%u-%s.service"
#define ASK_MS 1000
/* of the background process, for ps; the kernel keeps 15 characters */
#define PROCESS "pve-ptwatch"

const struct pt_watch_pace pt_watch_pace = {
	.look_ms = 1000, .grace_ms = 5000, .retry_ms = 60000, .give_up_ms = 15 * 60000};

/* The states of a start, as its watch sees it. */
enum state {
	STATE_BUSY,  /* somebody works on the guest, or it is on hold */
	STATE_RUNS,  /* its QEMU runs */
	STATE_STALE, /* nobody needs its wishes any more */
	STATE_ENDED, /* it wants nothing, and not all of its functions are back */
	STATE_OVER,  /* nothing of it is on record */
};

struct watching {
	const struct pt_host *host;
	const struct pt_watch *watch;
	const struct pt_limits *limits;
	const struct pt_watch_pace *pace;
	struct pt_store *store;
	int pid;  /* of QEMU */
	bool ran; /* it was seen to run, or its record says so */
	bool confirmed;
	bool released; /* as far as could be in the time for it */
	/* when post-stop has had its time; 0: it was not due yet */
	long long grace_until;
};

bool pt_watch_parse(const char *text, struct pt_watch *ret)
{
	const char *dash = strchr(text, '-');
	PT_FREE char *vmid = dash ? pt_strndup(text, (size_t)(dash - text)) : NULL;

	if (!vmid || !pt_vmid_parse(vmid, &ret->vmid) || !pt_start_valid(dash + 1))
		return false;
	snprintf(ret->start, sizeof(ret->start), "%s", dash + 1);
	return true;
}

struct pt_watch pt_watch_of(const struct pt_guest_record *record)
{
	struct pt_watch watch = {.vmid = record->vmid};

	memcpy(watch.start, record->start, sizeof(watch.start));
	return watch;
}

static void pause_ms(int ms)
{
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&pause, NULL);
}

static bool has_ended(const struct watching *watching)
{
	struct pt_records PT_RECORDS records = {0};

	pt_records_read(watching->store, &records);
	pt_foreach (guest, records.guest, records.guest_count) {
		if (guest->state != PT_GUEST_WANTS && guest->vmid == watching->watch->vmid &&
			pt_streq(guest->start, watching->watch->start))
			return true;
	}
	return false;
}

/* Looks at a start that wants nothing: pre-start may not have come to its record yet. */
static enum state look_without_wishes(const struct watching *watching)
{
	if (has_ended(watching))
		return STATE_ENDED;
	return pt_guest_is_locked(watching->store, watching->watch->vmid) ? STATE_BUSY : STATE_OVER;
}

/* Returns a state, or why the records cannot be read. */
static int look(struct watching *watching, struct pt_err *err)
{
	struct pt_guest_record PT_GUEST_RECORD record = {0};
	const unsigned int vmid = watching->watch->vmid;
	int r;

	pt_store_close_p(&watching->store);
	r = pt_store_open(&watching->store, watching->host, PT_CLAIMS_DIR, false, err);
	if (r == -ENOENT)
		return STATE_OVER;
	if (r == 0)
		r = pt_guest_load(watching->store, vmid, &record, err);
	if (r == -ENOENT || (r == 0 && !pt_streq(record.start, watching->watch->start)))
		return (int)look_without_wishes(watching);
	if (r < 0)
		return r;
	watching->pid = pt_guest_pid(watching->host, vmid);
	watching->ran |= record.ran || watching->pid;
	if (watching->pid)
		return STATE_RUNS;
	return pt_guest_is_live(watching->host, watching->store, &record) ? STATE_BUSY
									  : STATE_STALE;
}

/* Whether post-stop has had its time; it begins to run when this is asked first. */
static bool is_grace_over(struct watching *watching)
{
	if (!watching->grace_until)
		watching->grace_until = pt_now_ms() + watching->pace->grace_ms;
	return pt_now_ms() >= watching->grace_until;
}

/* Narrows the record once, when Proxmox VE has let go of the guest, and releases what that or an
 * earlier process has dropped from it. Returns when to look again, in milliseconds; -1: no need. */
static int confirm(struct watching *watching)
{
	struct pt_release rest = {.skip_failed = true};
	struct pt_err err = {0};
	int r;

	if (watching->confirmed)
		return -1;
	r = pt_confirm_running(
		watching->host, watching->store, watching->watch->vmid, watching->limits, &err);
	if (r == -EWOULDBLOCK)
		return watching->pace->look_ms;
	if (r < 0) {
		pt_log(pt_host_log(watching->host), PT_LOG_ERROR, "guest %u: %s",
			watching->watch->vmid, err.text);
		return watching->pace->retry_ms;
	}
	watching->confirmed = true;
	pt_release(watching->host, watching->store, watching->limits, &rest, NULL, NULL);
	return -1;
}

/* Waits until QEMU ends. */
static void attend(struct watching *watching)
{
	struct pollfd pfd = {.fd = -1, .events = POLLIN};
	int timeout_ms = confirm(watching);

	if (pt_host_is_live(watching->host))
		pfd.fd = (int)syscall(SYS_pidfd_open, watching->pid, 0);
	/* the number may have gone to another process meanwhile */
	if (pfd.fd >= 0 && pt_guest_pid(watching->host, watching->watch->vmid) != watching->pid)
		pt_close_fd(&pfd.fd);
	pt_host_rest(watching->host);
	poll(&pfd, 1, pfd.fd >= 0 ? timeout_ms : watching->pace->look_ms);
	pt_close_fd(&pfd.fd);
	watching->grace_until = pt_now_ms() + watching->pace->grace_ms;
}

/* Ends the wishes. -EAGAIN: the guest came alive just now. */
static int end(struct watching *watching, struct pt_err *err)
{
	const unsigned int vmid = watching->watch->vmid;
	int r = pt_end_stale(watching->host, watching->store, vmid, watching->watch->start, err);

	if (r == -EWOULDBLOCK || r == -EBUSY)
		return -EAGAIN;
	if (r < 0)
		return r;
	/* nobody else releases them */
	watching->grace_until = pt_now_ms();
	return 0;
}

/* Releases the functions of the guest, and those that it has kept from others. */
static int release_once(const struct watching *watching, struct pt_err *err)
{
	struct pt_release rest = {.skip_failed = true};
	int r = pt_release_ended(watching->host, watching->store, watching->watch->vmid,
		watching->limits, watching->pace->retry_ms, err);

	pt_release(watching->host, watching->store, watching->limits, &rest, NULL, NULL);
	return r;
}

static int release(const struct watching *watching, struct pt_err *err)
{
	long long give_up = pt_now_ms() + watching->pace->give_up_ms;

	for (;;) {
		struct pt_err why = {0};
		long long begin = pt_now_ms();
		int r = release_once(watching, &why);

		if (r == 0 && (!has_ended(watching) || pt_now_ms() >= give_up))
			return 0;
		if (pt_now_ms() >= give_up)
			return pt_err_set(err, r,
				"guest %u: %s; retry with 'pve-ptconf release %u'",
				watching->watch->vmid, why.text, watching->watch->vmid);
		if (r < 0)
			pt_log(pt_host_log(watching->host), PT_LOG_ERROR,
				"guest %u: %s; trying again", watching->watch->vmid, why.text);
		/* one that failed at once, as a probe does, is no better the next instant */
		if (pt_now_ms() - begin < watching->pace->retry_ms)
			pause_ms((int)(watching->pace->retry_ms - (pt_now_ms() - begin)));
	}
}

/* Looks once, and does the next step. 1: it is to be looked at again; 0: nothing is left. */
static int step(struct watching *watching, struct pt_err *err)
{
	int r = look(watching, err);

	switch (r) {
	case STATE_RUNS:
		attend(watching);
		return 1;
	case STATE_STALE:
		r = -EAGAIN;
		/* a start that failed has no post-stop */
		if (!watching->ran || is_grace_over(watching))
			r = end(watching, err);
		break;
	case STATE_ENDED:
		if (is_grace_over(watching)) {
			watching->released = true;
			return release(watching, err);
		}
		r = -EAGAIN;
		break;
	case STATE_OVER:
		return 0;
	case STATE_BUSY:
		r = -EAGAIN;
		break;
	default:
		break;
	}
	if (r == -EAGAIN)
		pause_ms(watching->pace->look_ms);
	return r < 0 && r != -EAGAIN ? r : 1;
}

/* Trouble that lasts is a failure. Children that were ended late are reaped: it lives for long. */
static int watch_start(struct watching *watching, struct pt_err *err)
{
	long long give_up = 0;

	for (;;) {
		struct pt_err why = {0};
		int r = step(watching, &why);

		while (waitpid(-1, NULL, WNOHANG) > 0)
			continue;
		if (r == 0)
			return 0;
		if (r > 0) {
			give_up = 0;
			continue;
		}
		if (!give_up)
			give_up = pt_now_ms() + watching->pace->give_up_ms;
		/* a release has had its time */
		if (pt_now_ms() >= give_up || watching->released)
			return pt_err_set(err, r, "%s", why.text);
		pause_ms(watching->pace->retry_ms);
	}
}

int pt_watch(const struct pt_host *host, const struct pt_watch *watch,
	const struct pt_limits *limits, const struct pt_watch_pace *pace, struct pt_err *err)
{
	struct watching watching = {.host = host, .watch = watch, .limits = limits, .pace = pace};
	int r = watch_start(&watching, err);

	pt_store_close(watching.store);
	return r;
}

int pt_watch_ask(const struct pt_host *host, const struct pt_watch *watch, struct pt_err *err)
{
	PT_FREE char *unit = pt_format(UNIT, watch->vmid, watch->start);
	bool active;

	return pt_unit_order(host, unit, PT_UNIT_START, pt_now_ms() + ASK_MS, &active, err);
}

bool pt_watch_has_ended(const struct pt_host *host, const struct pt_guest_record *record)
{
	PT_FREE char *unit = pt_format(UNIT, record->vmid, record->start);
	bool active = true;

	return pt_unit_order(host, unit, PT_UNIT_LOOK, pt_now_ms() + ASK_MS, &active, NULL) == 0 &&
	       !active;
}

/* In the child. */
static int watch_alone(void *data, int out)
{
	const struct pt_log log = {.emit = pt_log_to_system};
	const struct watching *watching = data;
	struct pt_host PT_HOST *host = NULL;
	struct pt_err err = {0};
	int r;

	(void)out;
	/* the caller's task may be stopped, with all of its session */
	setsid();
	prctl(PR_SET_NAME, PROCESS);
	r = pt_host_open(&host, "/", &log, &err);
	if (r == 0)
		r = pt_watch(host, watching->watch, watching->limits, watching->pace, &err);
	if (r < 0)
		pt_log(&log, PT_LOG_ERROR, "%s", err.text);
	return r;
}

int pt_watch_begin(const struct pt_host *host, const struct pt_watch *watch,
	const struct pt_limits *limits, struct pt_err *err)
{
	struct watching watching = {.watch = watch, .limits = limits, .pace = &pt_watch_pace};
	struct pt_child child = PT_CHILD_NONE;
	int r;

	if (!pt_host_is_live(host))
		return pt_err_set(err, -ENOTSUP, "a copy of a host has no guests to watch");
	if (pt_watch_ask(host, watch, NULL) == 0)
		return 0;
	r = pt_child_start(&child, watch_alone, &watching, NULL, 0, false, err);
	/* nobody waits for it */
	pt_close_fd(&child.pidfd);
	return r;
}
