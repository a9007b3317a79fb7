// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <time.h>

#include "hook/phases.h"
#include "lib/claim/locks.h"
#include "lib/claim/older.h"
#include "pve/config/identity.h"
#include "pve/config/live.h"
#include "pve/config/paths.h"
#include "pve/config/reservation.h"
#include "pve/config/runstate.h"
#include "pve/handover/narrow.h"
#include "pve/handover/release.h"
#include "pve/handover/watch.h"

#define LOG(run, level, ...) pt_log(pt_host_log((run)->host), level, __VA_ARGS__)

bool pt_run_has_claim(const struct pt_run *run)
{
	struct pt_store PT_STORE *store = NULL;
	int r = pt_store_open(&store, run->host, PT_CLAIMS_DIR, false, NULL);

	/* the reason is told when it is opened for writing */
	return r < 0 ? r != -ENOENT : pt_store_has_guest(store, run->vmid);
}

/* Opens the records for writing; older claims become records. */
static int open_store(const struct pt_run *run, struct pt_store **ret, struct pt_err *err)
{
	struct pt_err why = {0};
	int r = pt_store_open(ret, run->host, PT_CLAIMS_DIR, true, err);

	if (r == 0 && pt_older_take_over(*ret, &why) < 0)
		LOG(run, PT_LOG_WARNING, "%s", why.text);
	return r;
}

/* Records the devices of this start as the expected ones. */
static int record_identities(
	const struct pt_run *run, const struct pt_store *store, struct pt_err *err)
{
	struct pt_identities PT_IDENTITIES identities = {0};
	struct pt_guest_record PT_GUEST_RECORD record = {0};
	int r = pt_guest_load(store, run->vmid, &record, err);

	/* a start that went on without us took nothing that we know of */
	if (r == 0 && !record.count)
		return 0;
	for (size_t i = 0; r == 0 && i < record.count; i++) {
		struct pt_function function = {0};
		struct pt_identity *slot;

		if (record.wish[i].role != PT_ROLE_TAKEN)
			continue;
		r = pt_function_read(run->host, &record.wish[i].bdf, &function, err);
		if (r == 0 && !function.space.known)
			r = pt_err_set(err, -EAGAIN,
				"%s: cannot read its config space now, so the record of the guest's "
				"devices stays as it was",
				PT_BDF(&record.wish[i].bdf));
		if (r < 0) {
			pt_function_clear(&function);
			return r;
		}
		slot = pt_array_grow(&identities.identity, &identities.count, sizeof(*slot));
		pt_identity_of(&function, function.space.serial, slot);
		pt_function_clear(&function);
	}
	return r < 0 ? r : pt_identities_write(run->host, run->vmid, &identities, err);
}

/* Removes what the guest's last run has left: it runs again. */
static void end_lists(const struct pt_run *run, const struct pt_store *store)
{
	struct pt_records PT_RECORDS records = {0};

	pt_records_read(store, &records);
	pt_foreach (guest, records.guest, records.guest_count) {
		if (guest->state == PT_GUEST_WANTS || guest->vmid != run->vmid)
			continue;
		pt_release_lists(run->host, store, &run->limits);
		return;
	}
}

static int post_start(const struct pt_run *run)
{
	struct pt_store PT_STORE *store = NULL;
	struct pt_err err = {0};
	int r;

	if (!pt_run_has_claim(run))
		return 0;
	r = open_store(run, &store, &err);
	if (r == 0)
		r = pt_confirm(
			run->host, store, run->vmid, &run->limits, run->limits.lock_ms, &err);
	if (r == 0)
		end_lists(run, store);
	if (r == 0) {
		/* no failure: without it the next check compares with an older start */
		r = record_identities(run, store, &err);
		if (r < 0 && r != -ENOENT)
			LOG(run, PT_LOG_WARNING, "%s", err.text);
		return 0;
	}
	LOG(run, PT_LOG_ERROR, "%s", err.text);
	return 1;
}

/* Whether another start of the guest, beside this post-stop, has its devices already: the clean-up
 * of a failed migration runs without Proxmox VE's lock. */
static bool is_starting(const struct pt_run *run, const struct pt_guest_record *record)
{
	struct pt_reservations PT_RESERVATIONS reservations = {0};

	if (record->ran || pt_reservations_read(run->host, &reservations, NULL) < 0)
		return false;
	pt_foreach (reservation, reservations.reservation, reservations.count) {
		if (reservation->vmid == run->vmid && reservation->has_time &&
			reservation->time > time(NULL))
			return true;
	}
	return false;
}

/* Ends the guest's record. undo: it never ran. -EALREADY: nobody has confirmed that it ran, so its
 * watch decides; this may be the post-stop of an earlier start. -EAGAIN: another start has begun.
 */
static int end_guest(
	const struct pt_run *run, const struct pt_store *store, bool undo, struct pt_err *err)
{
	struct pt_guest_record PT_GUEST_RECORD record = {0};
	PT_CLOSE int lock = -1;
	int r = pt_lock_guest(store, run->vmid, run->limits.lock_ms, &lock, err);

	if (r == 0)
		r = pt_guest_load(store, run->vmid, &record, err);
	if (r == -ENOENT)
		return 0;
	if (r == -EINVAL) {
		LOG(run, PT_LOG_ERROR, "%s", err->text);
		record = (struct pt_guest_record){.vmid = run->vmid, .unreadable = true};
		r = 0;
	}
	if (r < 0)
		return r;
	if (!undo && !record.ran && record.watched && !pt_watch_has_ended(run->host, &record))
		return -EALREADY;
	if (!undo && is_starting(run, &record))
		return -EAGAIN;
	return pt_guest_end(
		store, &record, undo && !record.ran ? PT_GUEST_UNDONE : PT_GUEST_ENDED, err);
}

static int release(const struct pt_run *run, bool undo)
{
	struct pt_store PT_STORE *store = NULL;
	struct pt_err err = {0};
	int r = open_store(run, &store, &err);

	if (r == 0)
		r = end_guest(run, store, undo, &err);
	if (r == -EAGAIN) {
		LOG(run, PT_LOG_INFO, "guest %u is being started; its devices stay with it",
			run->vmid);
		return 0;
	}
	if (r == -EALREADY) {
		LOG(run, PT_LOG_INFO,
			"guest %u is not confirmed to have run; the watch of its start returns its "
			"devices",
			run->vmid);
		return 0;
	}
	if (r == 0)
		r = pt_release_ended(
			run->host, store, run->vmid, &run->limits, run->release_ms, &err);
	if (r == 0)
		return 0;
	LOG(run, PT_LOG_ERROR, "%s; retry with 'pve-ptconf release %u'", err.text, run->vmid);
	return 1;
}

/* Between the stop of a restart and its start nothing of the guest is alive. */
static void hold_for_restart(const struct pt_run *run)
{
	struct pt_store PT_STORE *store = NULL;

	if (open_store(run, &store, NULL) == 0)
		pt_store_hold(store, run->vmid);
}

/* Whether a backup started the guest: then nothing starts it again. */
static bool is_for_backup(const struct pt_run *run)
{
	struct pt_guest_record PT_GUEST_RECORD record = {0};
	struct pt_store PT_STORE *store = NULL;

	return pt_store_open(&store, run->host, PT_CLAIMS_DIR, false, NULL) == 0 &&
	       pt_guest_load(store, run->vmid, &record, NULL) == 0 && record.for_backup;
}

static int post_stop(const struct pt_run *run)
{
	const char *hold;
	int pid;

	if (!pt_run_has_claim(run))
		return 0;
	pid = pt_guest_pid(run->host, run->vmid);
	if (pid) {
		LOG(run, PT_LOG_INFO, "guest %u runs again as process %d; its devices stay with it",
			run->vmid, pid);
		return 0;
	}
	hold = pt_guest_hold(run->host, run->vmid, true, is_for_backup(run));
	if (hold) {
		if (pt_guest_restarts(run->host, run->vmid, true))
			hold_for_restart(run);
		LOG(run, PT_LOG_INFO, "guest %u: %s; its devices stay taken", run->vmid, hold);
		return 0;
	}
	return release(run, false);
}

int pt_phase_undo(const struct pt_run *run)
{
	if (!pt_run_has_claim(run))
		return 0;
	if (release(run, true) != 0)
		return 1;
	LOG(run, PT_LOG_INFO, "the devices that were taken are returned");
	return 0;
}

/* The guest still has its devices. */
static int pre_stop(const struct pt_run *run)
{
	(void)run;
	return 0;
}

bool pt_phase_idle(const struct pt_run *run, pt_phase *phase)
{
	return phase == pre_stop || (phase != pt_phase_pre_start && !pt_run_has_claim(run));
}

pt_phase *pt_phase_find(const char *name)
{
	static const struct {
		const char *name;
		pt_phase *phase;
	} phases[] = {
		{"pre-start", pt_phase_pre_start},
		{"post-start", post_start},
		{"pre-stop", pre_stop},
		{"post-stop", post_stop},
	};

	for (size_t i = 0; i < PT_ARRAY_SIZE(phases); i++) {
		if (pt_streq(phases[i].name, name))
			return phases[i].phase;
	}
	return NULL;
}
