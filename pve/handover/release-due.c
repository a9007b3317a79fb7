// SPDX-License-Identifier: AGPL-3.0-or-later
/* Which functions return: those that no guest has or wants. */
#include <errno.h>
#include <time.h>

#include "lib/claim/older.h"
#include "pve/config/guest.h"
#include "pve/config/runstate.h"
#include "pve/handover/closed.h"
#include "pve/handover/releasing.h"

#define WITH_OTHERS "is with another guest or process; reconcile returns it when it is free"

void pt_releasing_put_reason(
	const struct pt_releasing *releasing, struct pt_function_record *record, const char *reason)
{
	if (!record->error)
		record->error_since = time(NULL);
	pt_set_text(&record->error, reason);
	pt_function_save(releasing->store, record, NULL);
}

void pt_releasing_wait_for(
	struct pt_releasing *releasing, const struct pt_bdf *bdf, const struct pt_err *why)
{
	struct pt_waiting *slot;

	pt_foreach (waiting, releasing->waiting, releasing->waits) {
		if (pt_bdf_compare(&waiting->bdf, bdf) == 0)
			return;
	}
	slot = pt_array_grow(&releasing->waiting, &releasing->waits, sizeof(*slot));
	*slot = (struct pt_waiting){*bdf, *why};
}

void pt_releasing_learn_runners(struct pt_releasing *releasing)
{
	releasing->runners = 0;
	pt_foreach (guest, releasing->records.guest, releasing->records.guest_count) {
		struct pt_runner *slot;
		int pid;

		if (guest->state == PT_GUEST_WANTS ||
			pt_records_guest(&releasing->records, guest->vmid))
			continue;
		pid = pt_guest_pid(releasing->host, guest->vmid);
		if (!pid)
			continue;
		slot = pt_array_grow(&releasing->runner, &releasing->runners, sizeof(*slot));
		*slot = (struct pt_runner){guest->vmid, pid};
	}
}

/* Whether a guest that was started without our hook may have the function. */
static bool is_with_runner(struct pt_releasing *releasing, const struct pt_bdf *bdf)
{
	struct pt_err err = {0};

	pt_foreach (guest, releasing->records.guest, releasing->records.guest_count) {
		if (guest->state == PT_GUEST_WANTS || !pt_wish_find(guest, bdf))
			continue;
		pt_foreach (runner, releasing->runner, releasing->runners) {
			if (runner->vmid != guest->vmid)
				continue;
			pt_err_fill(&err, -EBUSY,
				"guest %u was started again meanwhile, as process %d; its devices "
				"stay with it",
				runner->vmid, runner->pid);
			pt_releasing_wait_for(releasing, bdf, &err);
			return true;
		}
	}
	return false;
}

static bool is_wanted(struct pt_releasing *releasing, const struct pt_bdf *bdf)
{
	int group = pt_function_read_group(releasing->host, bdf);
	const struct pt_guest_record *guest =
		pt_records_wanted(&releasing->records, bdf, group, 0, false);

	if (!guest)
		return false;
	if (releasing->what->bdf && !pt_bdfs_have(releasing->told, releasing->told_count, bdf)) {
		pt_bdfs_add(&releasing->told, &releasing->told_count, bdf);
		pt_log(pt_host_log(releasing->host), PT_LOG_INFO, "%s stays with guest %u",
			PT_BDF(bdf), guest->vmid);
	}
	return true;
}

/* Whether a claim of an older version still has it: a worker of that version goes on. */
static bool is_older(struct pt_releasing *releasing, const struct pt_bdf *bdf)
{
	struct pt_err err = {0};

	pt_foreach (guest, releasing->records.guest, releasing->records.guest_count) {
		if (!guest->older || !pt_wish_find(guest, bdf))
			continue;
		pt_lock_explain_busy(releasing->store, bdf, &err);
		pt_releasing_wait_for(releasing, bdf, &err);
		return true;
	}
	return false;
}

/* A VF that is not there comes back with its PF. */
static bool comes_with_its_pf(const struct pt_releasing *releasing, const struct pt_bdf *bdf)
{
	PT_FREE char *driver = NULL;

	return pt_records_pf(&releasing->records, bdf) &&
	       pt_function_read_driver(releasing->host, bdf, &driver) == -ENODEV;
}

bool pt_releasing_is_due(struct pt_releasing *releasing, struct pt_function_record *record)
{
	const struct pt_release *what = releasing->what;

	if ((what->bdf && !pt_bdfs_have(what->bdf, what->count, &record->bdf)) ||
		(what->skip_failed && record->error) ||
		pt_bdfs_have(releasing->failed, releasing->failures, &record->bdf))
		return false;
	if (record->unreadable) {
		pt_bdfs_add(&releasing->failed, &releasing->failures, &record->bdf);
		pt_err_fill(&releasing->failure, -EIO, "%s", record->error);
		return false;
	}
	if (pt_records_kept(&releasing->records, record))
		return false;
	if (comes_with_its_pf(releasing, &record->bdf))
		return false;
	return !is_wanted(releasing, &record->bdf) && !is_with_runner(releasing, &record->bdf) &&
	       !is_older(releasing, &record->bdf);
}

static bool is_promised(const struct pt_releasing *releasing,
	const struct pt_reservation *reservation, const struct pt_bdf *bdf)
{
	const struct pt_wish *wish;
	const struct pt_guest_record *last = pt_records_last(&releasing->records, bdf, &wish);

	/* the guest that had it last has ended, and its reservations as well */
	if (reservation->has_pid && last && last->vmid == reservation->vmid)
		return false;
	return pt_reservation_look(releasing->host, reservation, 0) != PT_RESERVATION_FREE;
}

/* Whether Proxmox VE has promised it, or another function of its IOMMU group, to a guest: its QEMU
 * may not have opened the group yet. */
static bool is_reserved(const struct pt_releasing *releasing,
	const struct pt_reservations *reservations, const struct pt_bdf *bdf)
{
	const int group = pt_function_read_group(releasing->host, bdf);

	pt_foreach (reservation, reservations->reservation, reservations->count) {
		struct pt_bdf promised;

		if (!pt_bdf_parse(reservation->id, &promised))
			continue;
		if (pt_bdf_compare(&promised, bdf) != 0 &&
			(group == PT_GROUP_NONE ||
				pt_function_read_group(releasing->host, &promised) != group))
			continue;
		if (is_promised(releasing, reservation, &promised))
			return true;
	}
	return false;
}

bool pt_releasing_is_with_guest(const struct pt_releasing *releasing, const struct pt_bdf *vf)
{
	PT_FREE char *driver = NULL;

	return pt_records_wanted(&releasing->records, vf, PT_GROUP_NONE, 0, false) &&
	       pt_records_function(&releasing->records, vf) &&
	       pt_function_read_driver(releasing->host, vf, &driver) != -ENODEV;
}

static bool is_any_open(const struct pt_releasing *releasing,
	const struct pt_function_record *record, struct pt_err *err)
{
	bool open = pt_is_open(releasing->host, &record->bdf, err);

	pt_foreach (vf, record->vf, record->vf_count) {
		if (!pt_releasing_is_with_guest(releasing, &vf->bdf))
			open = open || pt_is_open(releasing->host, &vf->bdf, err);
	}
	return open;
}

static void leave_with_others(
	const struct pt_releasing *releasing, struct pt_function_record *record)
{
	PT_FREE char *reason = pt_format("%s " WITH_OTHERS, PT_BDF(&record->bdf));

	/* once: reconcile comes every few minutes */
	if (!record->error)
		pt_log(pt_host_log(releasing->host), PT_LOG_INFO, "%s", reason);
	pt_releasing_put_reason(releasing, record, reason);
}

bool pt_releasing_was_taken(const struct pt_releasing *releasing, const struct pt_bdf *bdf)
{
	const struct pt_wish *wish;

	return pt_records_last(&releasing->records, bdf, &wish) && wish->role != PT_ROLE_CANDIDATE;
}

bool pt_releasing_may_move(struct pt_releasing *releasing,
	const struct pt_reservations *reservations, struct pt_function_record *record)
{
	struct pt_err err = {0};

	if (!pt_function_is_recorded(releasing->host, record)) {
		pt_log(pt_host_log(releasing->host), PT_LOG_WARNING,
			"%s: another device is there now; nothing to return", PT_BDF(&record->bdf));
		pt_function_forget(releasing->store, &record->bdf, NULL);
		return false;
	}
	if (is_reserved(releasing, reservations, &record->bdf)) {
		leave_with_others(releasing, record);
		return false;
	}
	if (!is_any_open(releasing, record, &err))
		return true;
	if (pt_releasing_was_taken(releasing, &record->bdf))
		pt_releasing_wait_for(releasing, &record->bdf, &err);
	else
		leave_with_others(releasing, record);
	return false;
}
