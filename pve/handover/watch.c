// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
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

#define UNIT	"pve-ptconf-watch@%u-%s.service"
#define ASK_MS	1000
#define LOCK_MS 500
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
	int pid; /* of QEMU */
	bool confirmed;
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
		return look_without_wishes(watching);
	if (r < 0)
		return r;
	watching->pid = pt_guest_pid(watching->host, vmid);
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

/* Narrows the record once, when Proxmox VE has let go of the guest; then waits until QEMU ends. */
static void attend(struct watching *watching)
{
	struct pollfd pfd = {.fd = -1, .events = POLLIN};
	struct pt_err err = {0};

	if (!watching->confirmed) {
		int r = pt_confirm_running(watching->host, watching->store, watching->watch->vmid,
			watching->limits, &err);

		watching->confirmed = r != -EWOULDBLOCK;
		if (r < 0 && watching->confirmed)
			pt_log(pt_host_log(watching->host), PT_LOG_ERROR, "guest %u: %s",
				watching->watch->vmid, err.text);
	}
	if (pt_host_is_live(watching->host))
		pfd.fd = (int)syscall(SYS_pidfd_open, watching->pid, 0);
	/* the number may have gone to another process meanwhile */
	if (pfd.fd >= 0 && pt_guest_pid(watching->host, watching->watch->vmid) != watching->pid)
		pt_close_fd(&pfd.fd);
	poll(&pfd, 1, pfd.fd >= 0 && watching->confirmed ? -1 : watching->pace->look_ms);
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
	pt_log(pt_host_log(watching->host), PT_LOG_INFO,
		"guest %u does not run, but still holds devices; its claim ends", vmid);
	/* nobody else releases them */
	watching->grace_until = pt_now_ms();
	return 0;
}

/* Releases the functions of the guest, and those that it has kept from others. */
static int release_once(const struct watching *watching, struct pt_err *err)
{
	struct pt_release what = {.patience_ms = watching->pace->retry_ms};
	struct pt_release rest = {.skip_failed = true};
	struct pt_bdf *bdf = NULL;
	int r = 0;

	pt_functions_of_ended(watching->store, watching->watch->vmid, &bdf, &what.count);
	what.bdf = bdf;
	pt_end_stale_others(
		watching->host, watching->store, watching->watch->vmid, bdf, what.count);
	if (what.count)
		r = pt_release(watching->host, watching->store, watching->limits, &what, NULL, err);
	pt_release(watching->host, watching->store, watching->limits, &rest, NULL, NULL);
	free(bdf);
	return r;
}

static int release(const struct watching *watching, struct pt_err *err)
{
	long long give_up = pt_now_ms() + watching->pace->give_up_ms;

	for (;;) {
		struct pt_err why = {0};
		long long begin = pt_now_ms();
		int r = release_once(watching, &why);

		if (r == 0)
			return 0;
		if (pt_now_ms() >= give_up)
			return pt_err_set(err, r,
				"guest %u: %s; retry with 'pve-ptconf release %u'",
				watching->watch->vmid, why.text, watching->watch->vmid);
		pt_log(pt_host_log(watching->host), PT_LOG_ERROR, "guest %u: %s; trying again",
			watching->watch->vmid, why.text);
		/* one that failed at once, as a probe does, is no better the next instant */
		if (pt_now_ms() - begin < watching->pace->retry_ms)
			pause_ms((int)(watching->pace->retry_ms - (pt_now_ms() - begin)));
	}
}

static int watch_start(struct watching *watching, struct pt_err *err)
{
	for (;;) {
		int state = look(watching, err);
		int r;

		switch (state) {
		case STATE_RUNS:
			attend(watching);
			continue;
		case STATE_STALE:
			if (watching->grace_until && !is_grace_over(watching))
				break;
			r = end(watching, err);
			if (r == 0)
				continue;
			if (r != -EAGAIN)
				return r;
			break;
		case STATE_ENDED:
			if (is_grace_over(watching))
				return release(watching, err);
			break;
		case STATE_OVER:
			return 0;
		case STATE_BUSY:
			break;
		default:
			return state;
		}
		pause_ms(watching->pace->look_ms);
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

	return pt_unit_order(host, unit, PT_UNIT_ENQUEUE, pt_now_ms() + ASK_MS, &active, err);
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
