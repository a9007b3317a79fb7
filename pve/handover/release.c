// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <time.h>

#include "lib/claim/older.h"
#include "lib/linux/systemd.h"
#include "lib/use/use-devfile.h"
#include "pve/config/guest.h"
#include "pve/config/paths.h"
#include "pve/config/reservation.h"
#include "pve/config/runstate.h"
#include "pve/handover/release.h"
#include "pve/handover/units.h"

#define WITH_OTHERS "is with another guest or process; reconcile returns it when it is free"
#define LOOK_MS	    50

/* A guest that runs though it wants nothing: somebody started it without our hook. */
struct runner {
	unsigned int vmid;
	int pid;
};

/* A function that is to be tried again, and why. */
struct waiting {
	struct pt_bdf bdf;
	struct pt_err why;
};

struct releasing {
	const struct pt_host *host;
	const struct pt_store *store;
	const struct pt_limits *limits;
	const struct pt_release *what;
	struct pt_policy policy;
	bool has_policy;
	struct pt_records records;
	struct runner *runner;
	size_t runners;
	struct pt_bdf *failed; /* not tried again now */
	size_t failures;
	struct pt_bdf *told; /* that stay with another guest */
	size_t told_count;
	size_t returned;
	/* one round's */
	struct pt_locks locks;
	struct pt_claim claim;
	struct waiting *waiting;
	size_t waits;
	struct pt_err failure;
};

static void clear_releasing(struct releasing *releasing)
{
	pt_policy_clear(&releasing->policy);
	pt_records_clear(&releasing->records);
	free(releasing->runner);
	free(releasing->failed);
	free(releasing->waiting);
	free(releasing->told);
	pt_locks_clear(&releasing->locks);
	pt_claim_clear(&releasing->claim);
}

static void read_records(struct releasing *releasing)
{
	pt_records_clear(&releasing->records);
	pt_records_read(releasing->store, &releasing->records);
	pt_records_learn_groups(releasing->host, &releasing->records);
}

/* Whether nobody else may move the function. */
static bool is_ours(const struct releasing *releasing, const struct pt_bdf *bdf)
{
	const struct pt_lock *lock = pt_locks_find(&releasing->locks, bdf);

	return lock && lock->kind == PT_LOCK_ALONE;
}

static void put_reason(
	const struct releasing *releasing, struct pt_function_record *record, const char *reason)
{
	if (!record->error)
		record->error_since = time(NULL);
	pt_set_text(&record->error, reason);
	pt_function_save(releasing->store, record, NULL);
}

/* A function that somebody may let go: the next round tries it again. */
static void wait_for(
	struct releasing *releasing, const struct pt_bdf *bdf, const struct pt_err *why)
{
	struct waiting *slot;

	pt_foreach (waiting, releasing->waiting, releasing->waits) {
		if (pt_bdf_compare(&waiting->bdf, bdf) == 0)
			return;
	}
	slot = pt_array_grow(&releasing->waiting, &releasing->waits, sizeof(*slot));
	*slot = (struct waiting){*bdf, *why};
}

static void learn_runners(struct releasing *releasing)
{
	releasing->runners = 0;
	pt_foreach (guest, releasing->records.guest, releasing->records.guest_count) {
		struct runner *slot;
		int pid;

		if (guest->state == PT_GUEST_WANTS ||
			pt_records_guest(&releasing->records, guest->vmid))
			continue;
		pid = pt_guest_pid(releasing->host, guest->vmid);
		if (!pid)
			continue;
		slot = pt_array_grow(&releasing->runner, &releasing->runners, sizeof(*slot));
		*slot = (struct runner){guest->vmid, pid};
	}
}

/* Whether a guest that was started without our hook may have the function. */
static bool is_with_runner(struct releasing *releasing, const struct pt_bdf *bdf)
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
			wait_for(releasing, bdf, &err);
			return true;
		}
	}
	return false;
}

static bool is_wanted(struct releasing *releasing, const struct pt_bdf *bdf)
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
static bool is_older(struct releasing *releasing, const struct pt_bdf *bdf)
{
	struct pt_err err = {0};

	pt_foreach (guest, releasing->records.guest, releasing->records.guest_count) {
		if (!guest->older || !pt_wish_find(guest, bdf))
			continue;
		pt_lock_explain_busy(releasing->store, bdf, &err);
		wait_for(releasing, bdf, &err);
		return true;
	}
	return false;
}

/* A VF that is not there comes back with its PF. */
static bool comes_with_its_pf(const struct releasing *releasing, const struct pt_bdf *bdf)
{
	PT_FREE char *driver = NULL;

	return pt_records_pf(&releasing->records, bdf) &&
	       pt_function_read_driver(releasing->host, bdf, &driver) == -ENODEV;
}

/* Whether the function is to return, as far as the records say. */
static bool is_due(struct releasing *releasing, struct pt_function_record *record)
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

/* Adds the locks of a function: its own, its PF's beside other VFs' movers, and its VFs'. */
static int lock_one(
	struct releasing *releasing, const struct pt_function_record *record, struct pt_err *err)
{
	const struct pt_store *store = releasing->store;
	struct pt_locks *locks = &releasing->locks;
	int r = pt_locks_add_mover(releasing->host, store, locks, &record->bdf, err);

	pt_foreach (vf, record->vf, record->vf_count) {
		if (r == 0)
			r = pt_locks_add(store, locks, &vf->bdf, PT_LOCK_ALONE, err);
	}
	return r;
}

static void lock_all(struct releasing *releasing)
{
	pt_foreach (record, releasing->records.function, releasing->records.count) {
		size_t before = releasing->locks.count;
		struct pt_err err = {0};

		if (!is_due(releasing, record) || lock_one(releasing, record, &err) == 0)
			continue;
		pt_locks_release(&releasing->locks, before);
		wait_for(releasing, &record->bdf, &err);
	}
}

/* Whether Proxmox VE has promised it to a guest: its QEMU may not have opened it yet. */
static bool is_reserved(const struct releasing *releasing,
	const struct pt_reservations *reservations, const struct pt_bdf *bdf)
{
	const struct pt_reservation *reservation = pt_reservation_find(reservations, PT_BDF(bdf));
	const struct pt_wish *wish;
	const struct pt_guest_record *last = pt_records_last(&releasing->records, bdf, &wish);

	/* the guest that had it last has ended, and its reservations as well */
	if (reservation && reservation->has_pid && last && last->vmid == reservation->vmid)
		return false;
	return pt_reservation_look(releasing->host, reservation, 0) != PT_RESERVATION_FREE;
}

static int name_holder(
	const struct pt_host *host, const struct pt_function *function, struct pt_err *err)
{
	struct pt_vfio_user *user = NULL;
	size_t count = 0;
	int r;

	if (pt_vfio_users(host, &function, 1, &user, &count, NULL) == 0 && count)
		r = pt_err_set(err, -EBUSY,
			"%s: process %d (%s) still has IOMMU group %d open; end it first",
			PT_BDF(&function->bdf), user->pid, user->name, function->group);
	else
		r = pt_err_set(err, -EBUSY,
			"%s: a process that is ending still holds IOMMU group %d; wait until it is "
			"gone",
			PT_BDF(&function->bdf), function->group);
	free(user);
	return r;
}

bool pt_is_closed(const struct pt_host *host, const struct pt_bdf *bdf, struct pt_err *err)
{
	struct pt_function function = {
		.bdf = *bdf, .group = pt_function_read_group(host, bdf), .has_vfio_dev = true};
	const struct pt_function *const asked = &function;
	struct pt_vfio_user *user = NULL;
	char file[32];
	size_t users = 0;

	if (!pt_vfio_group_free(host, function.group)) {
		name_holder(host, &function, err);
		return false;
	}
	snprintf(file, sizeof(file), "/dev/vfio/%d", function.group);
	/* the kernel has said so; without the file it cannot be asked */
	if (pt_host_exists(host, file))
		return true;
	if (pt_vfio_users(host, &asked, 1, &user, &users, err) < 0)
		return false;
	free(user);
	if (users)
		name_holder(host, &function, err);
	return !users;
}

bool pt_is_open(const struct pt_host *host, const struct pt_bdf *bdf, struct pt_err *err)
{
	PT_FREE char *driver = NULL;

	return pt_function_read_driver(host, bdf, &driver) == 0 &&
	       pt_function_read_on_vfio(host, bdf, driver) && !pt_is_closed(host, bdf, err);
}

/* Whether a guest has a VF of the PF that returns: it is back already then, and has a record of its
 * own. One that a guest wants and has not come to yet returns as the others do. */
static bool is_with_guest(const struct releasing *releasing, const struct pt_bdf *vf)
{
	PT_FREE char *driver = NULL;

	return pt_records_wanted(&releasing->records, vf, PT_GROUP_NONE, 0, false) &&
	       pt_records_function(&releasing->records, vf) &&
	       pt_function_read_driver(releasing->host, vf, &driver) != -ENODEV;
}

static bool is_any_open(const struct releasing *releasing, const struct pt_function_record *record,
	struct pt_err *err)
{
	bool open = pt_is_open(releasing->host, &record->bdf, err);

	pt_foreach (vf, record->vf, record->vf_count) {
		if (!is_with_guest(releasing, &vf->bdf))
			open = open || pt_is_open(releasing->host, &vf->bdf, err);
	}
	return open;
}

static void leave_with_others(const struct releasing *releasing, struct pt_function_record *record)
{
	PT_FREE char *reason = pt_format("%s " WITH_OTHERS, PT_BDF(&record->bdf));

	/* once: reconcile comes every few minutes */
	if (!record->error)
		pt_log(pt_host_log(releasing->host), PT_LOG_INFO, "%s", reason);
	put_reason(releasing, record, reason);
}

/* Whether the guest that had the function on its list last has taken it, as far as is known. */
static bool was_taken(const struct releasing *releasing, const struct pt_bdf *bdf)
{
	const struct pt_wish *wish;

	return pt_records_last(&releasing->records, bdf, &wish) && wish->role != PT_ROLE_CANDIDATE;
}

/* Looks once more, under the lock, whether the function may move now. */
static bool may_move(struct releasing *releasing, const struct pt_reservations *reservations,
	struct pt_function_record *record)
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
	if (was_taken(releasing, &record->bdf))
		wait_for(releasing, &record->bdf, &err);
	else
		leave_with_others(releasing, record);
	return false;
}

/* The driver that policy sends a function to, and that counts for its origin; NULL: the origin. */
static const char *home_counts(
	const char *home, const char *vfio_driver, const struct pt_origin *origin)
{
	if (!home || origin->vfs > 0 || pt_streq(origin->driver, vfio_driver))
		return NULL;
	return home;
}

void pt_tell_home(
	const struct pt_host *host, const struct pt_wish *wish, const struct pt_origin *origin)
{
	const char *driver = wish->driver ? wish->driver : PT_VFIO_PCI;

	if (wish->home && origin->vfs > 0)
		pt_log(pt_host_log(host), PT_LOG_WARNING,
			"%s: %s has virtual functions that come back with it; the policy for its "
			"return is ignored",
			wish->entry, PT_BDF(&wish->bdf));
	else if (home_counts(wish->home, driver, origin))
		pt_log(pt_host_log(host), PT_LOG_INFO,
			"%s: %s goes to %s when the guest has stopped, as " PT_POLICY_FILE " says",
			wish->entry, PT_BDF(&wish->bdf), *wish->home ? wish->home : "no driver");
}

/* Where the function goes: by the policy of now, since an earlier one may be wrong; by that of its
 * start if the policy cannot be read. A start that never ran is undone to the origin. */
static const char *home_of(const struct releasing *releasing, const struct pt_guest_record *guest,
	const struct pt_wish *wish, const struct pt_function_record *record)
{
	const char *driver = wish->driver ? wish->driver : PT_VFIO_PCI;
	const char *home = wish->home;

	/* where it was before: policy may have kept it there */
	if (guest->state != PT_GUEST_ENDED || wish->role == PT_ROLE_CANDIDATE)
		return record->home;
	if (releasing->has_policy)
		home = pt_policy_home(&releasing->policy, guest->vmid, &wish->bdf, driver);
	return home_counts(home, driver, &record->origin);
}

static void add_to_claim(struct releasing *releasing, const struct pt_function_record *record)
{
	const struct pt_wish *wish = NULL;
	const struct pt_guest_record *guest =
		pt_records_last(&releasing->records, &record->bdf, &wish);
	const char *label = guest ? wish->entry : "host";
	struct pt_claim_function *function =
		pt_claim_add(&releasing->claim, &record->bdf, label, &record->origin);

	function->lock = pt_locks_fd(&releasing->locks, &record->bdf);
	if (guest) {
		function->companion = wish->role == PT_ROLE_COMPANION;
		pt_set_text(&function->driver, wish->driver);
		pt_set_text(&function->home, home_of(releasing, guest, wish, record));
	}
	pt_foreach (vf, record->vf, record->vf_count) {
		struct pt_claim_function *added;

		if (is_with_guest(releasing, &vf->bdf))
			continue;
		added = pt_claim_add(&releasing->claim, &vf->bdf, label, &vf->origin);
		added->has_pf = true;
		added->pf = record->bdf;
		added->lock = pt_locks_fd(&releasing->locks, &vf->bdf);
	}
}

/* The reason why the function, or a VF of it, is not back. NULL: all are. */
static const char *reason_of(const struct pt_claim *claim, const struct pt_function_record *record)
{
	const struct pt_claim_function *left = pt_claim_find(claim, &record->bdf);

	pt_foreach (vf, record->vf, record->vf_count)
		left = left ? left : pt_claim_find(claim, &vf->bdf);
	return left ? left->error : NULL;
}

/* A function that policy keeps on a vfio driver keeps its record, too. */
static bool stays_on_vfio(const struct releasing *releasing,
	const struct pt_function_record *record, const char *home)
{
	return home && *home && pt_function_read_on_vfio(releasing->host, &record->bdf, home) &&
	       !pt_streq(record->origin.driver, home);
}

static void settle_one(
	struct releasing *releasing, struct pt_function_record *record, const char *home)
{
	const char *reason = reason_of(&releasing->claim, record);

	if (reason) {
		pt_bdfs_add(&releasing->failed, &releasing->failures, &record->bdf);
		put_reason(releasing, record, reason);
		return;
	}
	/* a candidate was where it was all the time */
	if (was_taken(releasing, &record->bdf))
		releasing->returned += 1 + record->vf_count;
	pt_foreach (vf, record->vf, record->vf_count) {
		/* a guest that has it relies on its record */
		if (!pt_records_wanted(&releasing->records, &vf->bdf, PT_GROUP_NONE, 0, false))
			pt_function_forget(releasing->store, &vf->bdf, NULL);
	}
	if (!stays_on_vfio(releasing, record, home)) {
		pt_function_forget(releasing->store, &record->bdf, NULL);
		return;
	}
	pt_set_text(&record->home, home);
	pt_set_text(&record->error, NULL);
	pt_function_save(releasing->store, record, NULL);
}

/* Whether nobody else may move the function or a VF of it. */
static bool is_all_ours(const struct releasing *releasing, const struct pt_function_record *record)
{
	bool ours = is_ours(releasing, &record->bdf);

	pt_foreach (vf, record->vf, record->vf_count)
		ours = ours && is_ours(releasing, &vf->bdf);
	return ours;
}

/* Moves what may move, and settles each record. */
static void move_held(struct releasing *releasing)
{
	struct pt_reservations PT_RESERVATIONS reservations = {0};
	struct pt_handover handover = {.host = releasing->host,
		.log = pt_host_log(releasing->host),
		.write_ms = releasing->limits->write_ms,
		.phase_ms = releasing->limits->phase_ms};
	struct pt_function_record **moved = pt_calloc(releasing->records.count, sizeof(*moved));
	char **home = pt_calloc(releasing->records.count, sizeof(*home));
	struct pt_err err = {0};
	size_t count = 0;

	/* no reason to keep everything: the groups are closed */
	if (pt_reservations_read(releasing->host, &reservations, &err) < 0)
		pt_log(pt_host_log(releasing->host), PT_LOG_WARNING, "%s", err.text);
	pt_foreach (record, releasing->records.function, releasing->records.count) {
		if (!is_all_ours(releasing, record) || !is_due(releasing, record) ||
			!may_move(releasing, &reservations, record))
			continue;
		add_to_claim(releasing, record);
		pt_set_text(&home[count], pt_claim_find(&releasing->claim, &record->bdf)->home);
		moved[count++] = record;
	}
	if (count && pt_handover_give_back(&handover, &releasing->claim, &err) < 0)
		releasing->failure = err;
	for (size_t i = 0; i < count; i++) {
		settle_one(releasing, moved[i], home[i]);
		free(home[i]);
	}
	free(moved);
	free(home);
	pt_claim_clear(&releasing->claim);
}

/* While the node goes down nothing is worth a move. Asked once, before any lock, and again after
 * each wait. */
static bool goes_down(const struct releasing *releasing)
{
	bool due = false;

	pt_foreach (record, releasing->records.function, releasing->records.count)
		due |= !pt_records_wanted(
			&releasing->records, &record->bdf, PT_GROUP_NONE, 0, false);
	if (!due || !pt_system_stopping(releasing->host))
		return false;
	pt_log(pt_host_log(releasing->host), PT_LOG_INFO,
		"the node is shutting down; devices that are still taken stay so");
	return true;
}

/* Whether the wishes of guests cannot be read: then nothing returns. */
static bool is_unsure(struct releasing *releasing)
{
	if (!releasing->records.guests_unknown)
		return false;
	releasing->failure = releasing->records.err;
	return true;
}

static void one_round(struct releasing *releasing)
{
	releasing->waits = 0;
	read_records(releasing);
	if (is_unsure(releasing) || goes_down(releasing))
		return;
	learn_runners(releasing);
	lock_all(releasing);
	if (!releasing->locks.count)
		return;
	/* wishes of before we had the locks are on record by now */
	read_records(releasing);
	if (!is_unsure(releasing))
		move_held(releasing);
	pt_locks_release(&releasing->locks, 0);
}

/* Whether a list that has ended needs the function no more: it is back, kept by policy, or taken by
 * another guest. A candidate is the business of the guest that had taken it before, if there is
 * one.
 */
static bool is_done(const struct releasing *releasing, const struct pt_guest_record *guest,
	const struct pt_wish *wish)
{
	const struct pt_records *records = &releasing->records;
	const struct pt_function_record *record = pt_records_function(records, &wish->bdf);
	const struct pt_wish *taken;

	if (!record || pt_records_wanted(records, &wish->bdf, wish->group, 0, true) ||
		(record->home && pt_streq(record->home, home_of(releasing, guest, wish, record))))
		return true;
	return wish->role == PT_ROLE_CANDIDATE &&
	       pt_records_last(records, &wish->bdf, &taken) != guest;
}

static bool is_through(const struct releasing *releasing, const struct pt_guest_record *guest)
{
	pt_foreach (wish, guest->wish, guest->count) {
		if (!is_done(releasing, guest, wish))
			return false;
	}
	return true;
}

/* Whether somebody has moved a function since policy kept it, and no guest wants it. */
static bool is_theirs(const struct releasing *releasing, const struct pt_records *records,
	const struct pt_function_record *record)
{
	PT_FREE char *driver = NULL;
	const struct pt_wish *wish;

	return record && record->home && !pt_records_last(records, &record->bdf, &wish) &&
	       !pt_records_wanted(records, &record->bdf, PT_GROUP_NONE, 0, false) &&
	       pt_function_read_driver(releasing->host, &record->bdf, &driver) == 0 &&
	       !pt_streq(driver, record->home);
}

static void forget_theirs(struct releasing *releasing)
{
	pt_foreach (record, releasing->records.function, releasing->records.count) {
		struct pt_records PT_RECORDS now = {0};

		if (!is_theirs(releasing, &releasing->records, record) ||
			pt_locks_add(releasing->store, &releasing->locks, &record->bdf,
				PT_LOCK_ALONE, NULL) < 0)
			continue;
		pt_records_read(releasing->store, &now);
		if (is_theirs(releasing, &now, pt_records_function(&now, &record->bdf)))
			pt_function_forget(releasing->store, &record->bdf, NULL);
		pt_locks_release(&releasing->locks, 0);
	}
}

/* Removes the lists that are through, and starts the units whose functions are back. */
static void clean_up(struct releasing *releasing)
{
	read_records(releasing);
	forget_theirs(releasing);
	pt_foreach (guest, releasing->records.guest, releasing->records.guest_count) {
		if (guest->state != PT_GUEST_WANTS && !guest->older && is_through(releasing, guest))
			pt_guest_forget(releasing->store, guest, NULL);
	}
	pt_units_start(releasing->host, releasing->store, &releasing->records,
		releasing->limits->phase_ms);
}

/* Puts the reasons of those that a process has open on record. */
static void tell_open(const struct releasing *releasing)
{
	pt_foreach (waiting, releasing->waiting, releasing->waits) {
		struct pt_function_record PT_FUNCTION_RECORD record = {0};
		PT_CLOSE int lock = -1;

		if (waiting->why.code != -EBUSY ||
			pt_lock_function(releasing->store, &waiting->bdf, PT_LOCK_ALONE, LOOK_MS,
				&lock, NULL) < 0 ||
			pt_function_load(releasing->store, &waiting->bdf, &record, NULL) < 0)
			continue;
		put_reason(releasing, &record, waiting->why.text);
	}
}

/* Waits between two rounds: the longer in vain, the longer. */
static void pause_after(long long waited_ms)
{
	long long ms = waited_ms / 10 < 900 ? 100 + waited_ms / 10 : 1000;
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

static void report(const struct releasing *releasing, struct pt_released *ret)
{
	*ret = (struct pt_released){.returned = releasing->returned};
	pt_foreach (bdf, releasing->failed, releasing->failures)
		pt_bdfs_add(&ret->left, &ret->count, bdf);
	pt_foreach (waiting, releasing->waiting, releasing->waits)
		pt_bdfs_add(&ret->left, &ret->count, &waiting->bdf);
}

int pt_release(const struct pt_host *host, const struct pt_store *store,
	const struct pt_limits *limits, const struct pt_release *what, struct pt_released *ret,
	struct pt_err *err)
{
	struct releasing releasing PT_CLEANUP(clear_releasing) = {
		.host = host, .store = store, .limits = limits, .what = what};
	long long begin = pt_now_ms();

	releasing.has_policy = pt_policy_read(host, limits->allowing, &releasing.policy, NULL) == 0;
	one_round(&releasing);
	while (releasing.waits && pt_now_ms() - begin < what->patience_ms) {
		pause_after(pt_now_ms() - begin);
		one_round(&releasing);
	}
	tell_open(&releasing);
	clean_up(&releasing);
	if (ret)
		report(&releasing, ret);
	/* the caller tells the first */
	for (size_t i = 1; i < releasing.waits; i++)
		pt_log(pt_host_log(host), PT_LOG_ERROR, "%s", releasing.waiting[i].why.text);
	if (releasing.waits)
		return pt_err_set(
			err, releasing.waiting[0].why.code, "%s", releasing.waiting[0].why.text);
	return releasing.failure.code ? pt_err_set(err, -EIO, "%s", releasing.failure.text) : 0;
}
