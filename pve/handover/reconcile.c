// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/claim/older.h"
#include "pve/config/live.h"
#include "pve/config/runstate.h"
#include "pve/handover/narrow.h"
#include "pve/handover/reconcile.h"
#include "pve/handover/watch.h"

static void warn_of_stranger(const struct pt_host *host, unsigned int vmid)
{
	int pid = pt_guest_locker(host, vmid);
	char process[32];

	snprintf(process, sizeof(process), "/proc/%d", pid);
	if (pid && pt_host_exists(host, process) && !pt_pid_is_roots(host, pid))
		pt_log(pt_host_log(host), PT_LOG_WARNING,
			"guest %u: process %d, which is not root's, holds its lock, so its devices stay "
			"taken; end that process",
			vmid, pid);
}

/* Names processes that hold Proxmox VE's lock of a guest and are none of Proxmox VE's: they keep
 * the guest from starting, and its devices from returning. */
static void warn_of_strangers(const struct pt_host *host, const struct pt_store *store)
{
	struct pt_records PT_RECORDS records = {0};

	pt_records_read(store, &records);
	pt_foreach (guest, records.guest, records.guest_count) {
		if (guest->state == PT_GUEST_WANTS && !pt_guest_pid(host, guest->vmid))
			warn_of_stranger(host, guest->vmid);
	}
}

static void end_if_stale(const struct pt_host *host, const struct pt_store *store,
	const struct pt_guest_record *guest)
{
	struct pt_err err = {0};
	int r;

	if (pt_guest_is_live(host, store, guest))
		return;
	r = pt_end_stale(host, store, guest->vmid, guest->start, &err);
	/* else it came alive just now */
	if (r < 0 && r != -EWOULDBLOCK && r != -EBUSY)
		pt_log(pt_host_log(host), PT_LOG_ERROR, "guest %u: %s", guest->vmid, err.text);
}

void pt_end_all_stale(const struct pt_host *host, const struct pt_store *store, unsigned int but)
{
	struct pt_records PT_RECORDS records = {0};

	pt_records_read(store, &records);
	pt_foreach (guest, records.guest, records.guest_count) {
		if (guest->state == PT_GUEST_WANTS && guest->vmid != but && !guest->older)
			end_if_stale(host, store, guest);
	}
}

static void narrow_running(
	const struct pt_host *host, const struct pt_store *store, const struct pt_limits *limits)
{
	struct pt_records PT_RECORDS records = {0};

	pt_records_read(store, &records);
	pt_foreach (guest, records.guest, records.guest_count) {
		struct pt_err err = {0};
		int r;

		if (guest->state != PT_GUEST_WANTS || guest->older)
			continue;
		r = pt_confirm_running(host, store, guest->vmid, limits, &err);
		if (r < 0 && r != -EWOULDBLOCK)
			pt_log(pt_host_log(host), PT_LOG_ERROR, "guest %u: %s", guest->vmid,
				err.text);
	}
}

/* Has each start on record watched again: its watch may have been ended. */
static void watch_again(const struct pt_host *host, const struct pt_store *store)
{
	struct pt_records PT_RECORDS records = {0};

	pt_records_read(store, &records);
	pt_foreach (guest, records.guest, records.guest_count) {
		const struct pt_watch watch = pt_watch_of(guest);
		int r;

		if (guest->state != PT_GUEST_WANTS || guest->older || !pt_start_valid(guest->start))
			continue;
		/* without systemd, or the unit, there is no use in asking for the next */
		r = pt_watch_ask(host, &watch, NULL);
		if (r == -EAGAIN || r == -ENOENT)
			return;
	}
}

static bool has_left(const struct pt_released *released, const struct pt_guest_record *guest)
{
	pt_foreach (bdf, released->left, released->count) {
		if (pt_wish_find(guest, bdf))
			return true;
	}
	return false;
}

static bool is_there(const struct pt_records *records, const struct pt_guest_record *sought)
{
	pt_foreach (guest, records->guest, records->guest_count) {
		if (guest->vmid == sought->vmid && guest->state == sought->state &&
			pt_streq(guest->start, sought->start))
			return true;
	}
	return false;
}

static void count(const struct pt_store *store, const struct pt_records *before,
	const struct pt_released *released, struct pt_reconciled *reconciled)
{
	struct pt_records PT_RECORDS after = {0};
	const struct pt_wish *wish;

	pt_records_read(store, &after);
	pt_foreach (guest, before->guest, before->guest_count) {
		if (guest->state == PT_GUEST_WANTS)
			continue;
		if (!is_there(&after, guest))
			reconciled->returned++;
		else
			reconciled->failed += has_left(released, guest);
	}
	/* those that no list names: Proxmox VE did not choose them */
	pt_foreach (bdf, released->left, released->count)
		reconciled->failed += !pt_records_last(before, bdf, &wish);
}

int pt_reconcile(const struct pt_host *host, const struct pt_store *store,
	const struct pt_limits *limits, struct pt_reconciled *ret, struct pt_err *err)
{
	struct pt_records PT_RECORDS records = {0};
	struct pt_release what = {.patience_ms = limits->group_ms};
	struct pt_released released = {0};
	struct pt_err why = {0};
	int r = pt_older_take_over(store, err);

	*ret = (struct pt_reconciled){0};
	narrow_running(host, store, limits);
	pt_end_all_stale(host, store, 0);
	warn_of_strangers(host, store);
	watch_again(host, store);
	pt_records_read(store, &records);
	if (records.err.code)
		pt_log(pt_host_log(host), PT_LOG_ERROR, "%s", records.err.text);
	if (pt_release(host, store, limits, &what, &released, &why) < 0)
		pt_log(pt_host_log(host), PT_LOG_ERROR, "%s", why.text);
	count(store, &records, &released, ret);
	free(released.left);
	return r;
}
