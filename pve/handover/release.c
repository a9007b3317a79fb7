// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <time.h>

#include "lib/linux/systemd.h"
#include "pve/config/paths.h"
#include "pve/handover/releasing.h"
#include "pve/handover/units.h"

#define LOOK_MS 50

static void clear_releasing(struct pt_releasing *releasing)
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

static void read_records(struct pt_releasing *releasing)
{
	pt_records_clear(&releasing->records);
	pt_records_read(releasing->store, &releasing->records);
	pt_records_learn_groups(releasing->host, &releasing->records);
}

/* Whether nobody else may move the function. */
static bool is_ours(const struct pt_releasing *releasing, const struct pt_bdf *bdf)
{
	const struct pt_lock *lock = pt_locks_find(&releasing->locks, bdf);

	return lock && lock->kind == PT_LOCK_ALONE;
}

/* Adds the locks of a function: its own, its PF's beside other VFs' movers, and its VFs'. */
static int lock_one(
	struct pt_releasing *releasing, const struct pt_function_record *record, struct pt_err *err)
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

static void lock_all(struct pt_releasing *releasing)
{
	pt_foreach (record, releasing->records.function, releasing->records.count) {
		size_t before = releasing->locks.count;
		struct pt_err err = {0};

		if (!pt_releasing_is_due(releasing, record) ||
			lock_one(releasing, record, &err) == 0)
			continue;
		pt_locks_release(&releasing->locks, before);
		pt_releasing_wait_for(releasing, &record->bdf, &err);
	}
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

/* The wish of the guest's last run, if its functions were not released before it was started again;
 * NULL: there was none, or they were. */
static const struct pt_wish *wish_of_run(const struct pt_records *records,
	const struct pt_guest_record *guest, const struct pt_bdf *bdf)
{
	pt_foreach (ran, records->guest, records->guest_count) {
		const struct pt_wish *wish = pt_wish_find(ran, bdf);

		if (ran->state == PT_GUEST_ENDED && ran->vmid == guest->vmid && wish &&
			wish->role != PT_ROLE_CANDIDATE)
			return wish;
	}
	return NULL;
}

/* Where the function goes: by the policy of now, since an earlier one may be wrong; by that of its
 * start if the policy cannot be read. A start that never ran is undone to the origin, but for what
 * a run before it has left. */
static const char *home_of(const struct pt_releasing *releasing,
	const struct pt_guest_record *guest, const struct pt_wish *wish,
	const struct pt_function_record *record)
{
	const char *driver, *home;

	if (guest->state == PT_GUEST_UNDONE)
		wish = wish_of_run(&releasing->records, guest, &record->bdf);
	/* where it was before: policy may have kept it there */
	if (!wish || guest->state == PT_GUEST_WANTS || wish->role == PT_ROLE_CANDIDATE)
		return record->home;
	driver = wish->driver ? wish->driver : PT_VFIO_PCI;
	home = wish->home;
	if (releasing->has_policy)
		home = pt_policy_home(&releasing->policy, guest->vmid, &wish->bdf, driver);
	return home_counts(home, driver, &record->origin);
}

static void add_to_claim(struct pt_releasing *releasing, const struct pt_function_record *record)
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

		if (pt_releasing_is_with_guest(releasing, &vf->bdf))
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
static bool stays_on_vfio(const struct pt_releasing *releasing,
	const struct pt_function_record *record, const char *home)
{
	return home && *home && pt_function_read_on_vfio(releasing->host, &record->bdf, home) &&
	       !pt_streq(record->origin.driver, home);
}

static void settle_one(
	struct pt_releasing *releasing, struct pt_function_record *record, const char *home)
{
	const char *reason = reason_of(&releasing->claim, record);

	if (reason) {
		pt_bdfs_add(&releasing->failed, &releasing->failures, &record->bdf);
		pt_releasing_put_reason(releasing, record, reason);
		return;
	}
	/* a candidate was where it was all the time */
	if (pt_releasing_was_taken(releasing, &record->bdf))
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
static bool is_all_ours(
	const struct pt_releasing *releasing, const struct pt_function_record *record)
{
	bool ours = is_ours(releasing, &record->bdf);

	pt_foreach (vf, record->vf, record->vf_count)
		ours = ours && is_ours(releasing, &vf->bdf);
	return ours;
}

/* Moves what may move, and settles each record. */
static void move_held(struct pt_releasing *releasing)
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
		if (!is_all_ours(releasing, record) || !pt_releasing_is_due(releasing, record) ||
			!pt_releasing_may_move(releasing, &reservations, record))
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
static bool goes_down(const struct pt_releasing *releasing)
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
static bool is_unsure(struct pt_releasing *releasing)
{
	if (!releasing->records.guests_unknown)
		return false;
	releasing->failure = releasing->records.err;
	return true;
}

static void one_round(struct pt_releasing *releasing)
{
	releasing->waits = 0;
	read_records(releasing);
	if (is_unsure(releasing) || goes_down(releasing))
		return;
	pt_releasing_learn_runners(releasing);
	lock_all(releasing);
	if (!releasing->locks.count)
		return;
	/* wishes of before we had the locks are on record by now */
	read_records(releasing);
	if (!is_unsure(releasing))
		move_held(releasing);
	pt_locks_release(&releasing->locks, 0);
}

/* Whether the guest is being started again: if that fails, its last run's policy counts. Between
 * pt_guest_keep_last and pt_guest_save both files carry the name of that run. */
static bool is_restart(const struct pt_guest_record *by, const struct pt_guest_record *ended)
{
	return by->vmid == ended->vmid && (!by->ran || pt_streq(by->start, ended->start));
}

/* Whether a list that has ended needs the function no more: it is back, kept by policy, or taken by
 * another guest. A candidate is the business of the guest that had taken it before, if there is
 * one.
 */
static bool is_done(const struct pt_releasing *releasing, const struct pt_guest_record *guest,
	const struct pt_wish *wish)
{
	const struct pt_records *records = &releasing->records;
	const struct pt_function_record *record = pt_records_function(records, &wish->bdf);
	const struct pt_guest_record *by =
		pt_records_wanted(records, &wish->bdf, wish->group, 0, true);
	const struct pt_wish *taken;

	if (!record || (by && !is_restart(by, guest)) ||
		(record->home && pt_streq(record->home, home_of(releasing, guest, wish, record))))
		return true;
	return wish->role == PT_ROLE_CANDIDATE &&
	       pt_records_last(records, &wish->bdf, &taken) != guest;
}

static bool is_through(const struct pt_releasing *releasing, const struct pt_guest_record *guest)
{
	pt_foreach (wish, guest->wish, guest->count) {
		if (!is_done(releasing, guest, wish))
			return false;
	}
	return true;
}

/* Whether somebody has moved a function since policy kept it, and no guest wants it. */
static bool is_theirs(const struct pt_releasing *releasing, const struct pt_records *records,
	const struct pt_function_record *record)
{
	PT_FREE char *driver = NULL;
	const struct pt_wish *wish;

	return record && record->home && !pt_records_last(records, &record->bdf, &wish) &&
	       !pt_records_wanted(records, &record->bdf, PT_GROUP_NONE, 0, false) &&
	       pt_function_read_driver(releasing->host, &record->bdf, &driver) == 0 &&
	       !pt_streq(driver, record->home);
}

static void forget_theirs(struct pt_releasing *releasing)
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
static void clean_up(struct pt_releasing *releasing)
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
static void tell_open(const struct pt_releasing *releasing)
{
	pt_foreach (waiting, releasing->waiting, releasing->waits) {
		struct pt_function_record PT_FUNCTION_RECORD record = {0};
		PT_CLOSE int lock = -1;

		if (waiting->why.code != -EBUSY ||
			pt_lock_function(releasing->store, &waiting->bdf, PT_LOCK_ALONE, LOOK_MS,
				&lock, NULL) < 0 ||
			pt_function_load(releasing->store, &waiting->bdf, &record, NULL) < 0)
			continue;
		pt_releasing_put_reason(releasing, &record, waiting->why.text);
	}
}

/* Waits between two rounds: the longer in vain, the longer. */
static void pause_after(long long waited_ms)
{
	long long ms = waited_ms / 10 < 900 ? 100 + waited_ms / 10 : 1000;
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

static void report(const struct pt_releasing *releasing, struct pt_released *ret)
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
	struct pt_releasing releasing PT_CLEANUP(clear_releasing) = {
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

void pt_release_lists(
	const struct pt_host *host, const struct pt_store *store, const struct pt_limits *limits)
{
	const struct pt_bdf none = {0};
	const struct pt_release nothing = {.bdf = &none};

	pt_release(host, store, limits, &nothing, NULL, NULL);
}
