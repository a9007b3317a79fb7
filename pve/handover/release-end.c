// SPDX-License-Identifier: AGPL-3.0-or-later
/* Ends the wishes of stopped guests, so that their functions may be released. */
#include <errno.h>

#include "pve/config/guest.h"
#include "pve/config/live.h"
#include "pve/config/paths.h"
#include "pve/config/runstate.h"
#include "pve/handover/release.h"

#define LOCK_MS 500

/* Names the process that has Proxmox VE's lock: any may, and for ever. */
static int name_locker(const struct pt_host *host, unsigned int vmid, struct pt_err *err)
{
	int pid = pt_guest_locker(host, vmid);

	if (!pid)
		return pt_err_set(
			err, -EWOULDBLOCK, "guest %u is being started or stopped right now", vmid);
	return pt_err_set(err, -EWOULDBLOCK,
		"guest %u is being started or stopped right now: process %d holds its lock, " PT_PVE_LOCKS
		"/lock-%u.conf",
		vmid, pid, vmid);
}

static int explain_running(unsigned int vmid, int pid, struct pt_err *err)
{
	return pt_err_set(err, -EBUSY,
		"guest %u runs as process %d and uses its devices; stop it first", vmid, pid);
}

/* Holds Proxmox VE's lock and that of the record. 1: the wishes have ended; 0: there are none.
 * ret_broken: why the record could not be read; it ends all the same. */
static int end_stale(const struct pt_host *host, const struct pt_store *store, unsigned int vmid,
	const char *start, struct pt_err *ret_broken, struct pt_err *err)
{
	struct pt_guest_record PT_GUEST_RECORD record = {0};
	PT_CLOSE int guest_lock = -1;
	PT_CLOSE int lock = -1;
	int pid = pt_guest_pid(host, vmid);
	int r;

	if (pid)
		return explain_running(vmid, pid, err);
	r = pt_guest_try_lock(host, vmid, &guest_lock);
	if (r == -EWOULDBLOCK)
		return name_locker(host, vmid, err);
	if (r < 0)
		return pt_err_errno(err, r, "lock of guest %u", vmid);
	/* others may be looking at the lock at this instant */
	r = pt_lock_guest(store, vmid, LOCK_MS, &lock, err);
	if (r < 0)
		return r;
	r = pt_guest_load(store, vmid, &record, err);
	if (r == -ENOENT)
		return 0;
	if (r == -EINVAL) {
		if (err)
			*ret_broken = *err;
		record = (struct pt_guest_record){.vmid = vmid, .unreadable = true};
	} else if (r < 0) {
		return r;
	}
	if (start && *start && !pt_streq(start, record.start))
		return pt_err_set(err, -EWOULDBLOCK, "guest %u was started again meanwhile", vmid);
	/* one that was being started when it was asked may run by now; with the lock none begins */
	pid = pt_guest_pid(host, vmid);
	if (pid)
		return explain_running(vmid, pid, err);
	r = pt_guest_end(store, &record, record.ran ? PT_GUEST_ENDED : PT_GUEST_UNDONE, err);
	return r < 0 ? r : 1;
}

int pt_end_stale(const struct pt_host *host, const struct pt_store *store, unsigned int vmid,
	const char *start, struct pt_err *err)
{
	struct pt_err broken = {0};
	int r = end_stale(host, store, vmid, start, &broken, err);

	/* words may wait for a reader: never under a lock */
	if (broken.code)
		pt_log(pt_host_log(host), PT_LOG_WARNING, "%s", broken.text);
	if (r > 0 && start)
		pt_log(pt_host_log(host), PT_LOG_INFO,
			"guest %u does not run, but still holds devices; its claim ends", vmid);
	return r < 0 ? r : 0;
}

bool pt_end_stale_others(const struct pt_host *host, const struct pt_store *store,
	unsigned int vmid, const struct pt_bdf *bdf, size_t count)
{
	struct pt_records PT_RECORDS records = {0};
	bool any = false;

	pt_records_read(store, &records);
	pt_records_learn_groups(host, &records);
	pt_foreach (one, bdf, count) {
		const struct pt_guest_record *guest = pt_records_wanted(
			&records, one, pt_function_read_group(host, one), vmid, false);

		if (!guest || guest->older || pt_guest_is_live(host, store, guest) ||
			pt_end_stale(host, store, guest->vmid, guest->start, NULL) < 0)
			continue;
		any = true;
	}
	return any;
}

void pt_functions_of_ended(
	const struct pt_store *store, unsigned int vmid, struct pt_bdf **ret, size_t *ret_count)
{
	struct pt_records PT_RECORDS records = {0};

	pt_records_read(store, &records);
	pt_foreach (guest, records.guest, records.guest_count) {
		if (guest->vmid != vmid || guest->state == PT_GUEST_WANTS)
			continue;
		pt_foreach (wish, guest->wish, guest->count)
			pt_bdfs_add(ret, ret_count, &wish->bdf);
	}
}

int pt_release_ended(const struct pt_host *host, const struct pt_store *store, unsigned int vmid,
	const struct pt_limits *limits, int patience_ms, struct pt_err *err)
{
	struct pt_release what = {.patience_ms = patience_ms};
	struct pt_release rest = {.skip_failed = true};
	struct pt_bdf *bdf = NULL;
	bool others;
	int r = 0;

	pt_functions_of_ended(store, vmid, &bdf, &what.count);
	what.bdf = bdf;
	others = pt_end_stale_others(host, store, vmid, bdf, what.count);
	if (what.count)
		r = pt_release(host, store, limits, &what, NULL, err);
	if (others)
		pt_release(host, store, limits, &rest, NULL, NULL);
	free(bdf);
	return r;
}
