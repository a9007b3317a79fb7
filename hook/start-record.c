// SPDX-License-Identifier: AGPL-3.0-or-later
/* A start writes the wishes of its guest, and where those functions are now. */
#include <errno.h>
#include <time.h>

#include "hook/start.h"
#include "lib/claim/older.h"
#include "pve/config/paths.h"
#include "pve/handover/watch.h"

#define WISHES_MOST 512
#define POLL_NS	    100000000L
#define LOOK_MS	    500 /* for a lock: others look at it for an instant */

/* A worker of an older version may still return the guest's own devices. */
static int take_over(struct pt_start *start)
{
	const struct pt_run *run = start->run;
	long long deadline = pt_now_ms() + run->wait_ms;
	struct pt_err why = {0};

	if (pt_older_busy(start->store, run->vmid))
		PT_START_LOG(run, PT_LOG_INFO,
			"devices of guest %u are still being returned; waiting", run->vmid);
	while (pt_older_busy(start->store, run->vmid)) {
		struct timespec pause = {.tv_nsec = POLL_NS};

		if (pt_now_ms() >= deadline)
			return pt_err_set(&start->err, -EBUSY,
				"functions of %u are being moved right now; try again in a minute",
				run->vmid);
		nanosleep(&pause, NULL);
	}
	if (pt_older_take_over(start->store, &why) < 0)
		PT_START_LOG(run, PT_LOG_WARNING, "%s", why.text);
	return 0;
}

int pt_start_open(struct pt_start *start)
{
	const struct pt_run *run = start->run;
	struct pt_err why = {0};
	int r = pt_store_open(&start->store, run->host, PT_CLAIMS_DIR, true, &start->err);

	if (r == 0)
		r = take_over(start);
	if (r == 0)
		r = pt_lock_guest(
			start->store, run->vmid, run->limits.lock_ms, &start->lock, &start->err);
	if (r < 0)
		return r;
	pt_store_end_hold(start->store, run->vmid);
	r = pt_guest_load(start->store, run->vmid, &start->last, &why);
	start->has_last = r != -ENOENT;
	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		PT_START_LOG(run, PT_LOG_WARNING, "%s", why.text);
		start->last = (struct pt_guest_record){.vmid = run->vmid, .unreadable = true};
	}
	return r == -EOPNOTSUPP ? pt_err_set(&start->err, r, "%s", why.text) : 0;
}

/* A VF with a taken PF: recorded with that, unless the PF is where it is taken to already. */
static bool goes_with_its_pf(const struct pt_start *start, const struct pt_function *function)
{
	const struct pt_taken *taken =
		pt_function_is_vf(function) ? pt_start_taken(start, &function->physfn) : NULL;
	const struct pt_function *pf =
		taken ? pt_inventory_find(start->facts.inventory, &function->physfn) : NULL;

	return pf && !pt_taken_stays(taken, pf);
}

/* What a restarted guest had taken stays taken from its first record on: else another guest could
 * get it while this start waits. */
static enum pt_role role_of(const struct pt_start *start, const struct pt_taken *taken)
{
	const struct pt_wish *last =
		start->has_last ? pt_wish_find(&start->last, &taken->bdf) : NULL;

	if (taken->companion)
		return PT_ROLE_COMPANION;
	return last && last->role == PT_ROLE_TAKEN && pt_start_taken(start, &taken->bdf)
		       ? PT_ROLE_TAKEN
		       : PT_ROLE_CANDIDATE;
}

static void add_wish(
	const struct pt_start *start, struct pt_guest_record *record, const struct pt_taken *taken)
{
	const struct pt_function *function = pt_inventory_find(start->facts.inventory, &taken->bdf);
	const char *driver = pt_taken_driver(taken);
	struct pt_wish *wish;

	/* refused by device-missing; without refusal Proxmox VE decides */
	if (!function || goes_with_its_pf(start, function) || pt_wish_find(record, &taken->bdf))
		return;
	wish = pt_wish_add(
		record, &taken->bdf, PT_LABEL(&start->facts.assignment[taken->assignment]));
	wish->role = role_of(start, taken);
	pt_set_text(&wish->driver, pt_streq(driver, PT_VFIO_PCI) ? NULL : driver);
	pt_set_text(&wish->home,
		pt_policy_home(&start->facts.host->policy, start->run->vmid, &taken->bdf, driver));
}

static void name_start(struct pt_guest_record *record)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	record->since = now.tv_sec;
	snprintf(record->start, sizeof(record->start), "%llx",
		(unsigned long long)now.tv_sec * 1000000000ULL + (unsigned long long)now.tv_nsec);
}

static void list_wishes(const struct pt_start *start, struct pt_guest_record *ret)
{
	const struct pt_facts *facts = &start->facts;

	pt_foreach (taken, facts->taken, facts->taken_count)
		add_wish(start, ret, taken);
	pt_foreach (spare, facts->spare, facts->spare_count) {
		if (ret->count >= WISHES_MOST) {
			PT_START_LOG(start->run, PT_LOG_WARNING,
				"only %d candidates of its mappings are on record; a device beyond "
				"them would not return",
				WISHES_MOST);
			break;
		}
		add_wish(start, ret, spare);
	}
}

static bool is_in_group(const struct pt_host *host, const struct pt_guest_record *record, int group)
{
	pt_foreach (wish, record->wish, record->count) {
		if (group != PT_GROUP_NONE && pt_function_read_group(host, &wish->bdf) == group)
			return true;
	}
	return false;
}

/* Companions that an earlier start moved are on a vfio driver, so nothing moves them now: they
 * return together with their group. */
static void keep_companions(const struct pt_start *start, struct pt_guest_record *ret)
{
	const struct pt_host *host = start->run->host;

	pt_foreach (wish, start->last.wish, start->last.count) {
		struct pt_wish *kept;

		if (wish->role != PT_ROLE_COMPANION || pt_wish_find(ret, &wish->bdf) ||
			!is_in_group(host, ret, pt_function_read_group(host, &wish->bdf)))
			continue;
		kept = pt_wish_add(ret, &wish->bdf, wish->entry);
		kept->role = PT_ROLE_COMPANION;
		pt_set_text(&kept->driver, wish->driver);
		pt_set_text(&kept->home, wish->home);
	}
}

static bool is_equal(const struct pt_guest_record *a, const struct pt_guest_record *b)
{
	struct json_object PT_JSON *x = pt_record_to_json(&pt_guest_file, a);
	struct json_object PT_JSON *y = pt_record_to_json(&pt_guest_file, b);

	return json_object_equal(x, y);
}

/* Has a watch look after this start, before anything of it is on record. */
static bool begin_watch(const struct pt_start *start, const struct pt_guest_record *record)
{
	const struct pt_run *run = start->run;
	const struct pt_watch watch = pt_watch_of(record);
	struct pt_err err = {0};
	int r;

	r = pt_watch_begin(run->host, &watch, &run->limits, &err);
	if (r < 0 && r != -ENOTSUP)
		PT_START_LOG(run, PT_LOG_WARNING,
			"no watch of this start (%s); 'pve-ptconf reconcile' returns its devices if it "
			"fails",
			err.text);
	return r == 0;
}

int pt_start_record(struct pt_start *start)
{
	struct pt_guest_record PT_GUEST_RECORD made = {.vmid = start->run->vmid};
	int r = 0;

	if (start->record.count) {
		made.since = start->record.since;
		made.watched = start->record.watched;
		memcpy(made.start, start->record.start, sizeof(made.start));
	} else {
		name_start(&made);
		made.watched = begin_watch(start, &made);
	}
	/* one that a backup interrupts is started again by it, and goes on */
	made.for_backup =
		!start->has_last && pt_streq(pt_guest_get(start->guest, "lock"), "backup");
	list_wishes(start, &made);
	keep_companions(start, &made);
	if (start->record.count && is_equal(&made, &start->record))
		return 0;
	if (!start->record.count && start->has_last)
		r = pt_guest_keep_last(start->store, &start->last,
			start->last.ran ? PT_GUEST_ENDED : PT_GUEST_UNDONE, &start->err);
	if (r == 0)
		r = pt_guest_save(start->store, &made, &start->err);
	if (r < 0)
		return r;
	pt_guest_record_clear(&start->record);
	start->record = made;
	made = (struct pt_guest_record){0};
	return 0;
}

/* Whether a VF is on its driver, or on one that somebody else chose. */
static bool is_vf_back(const struct pt_host *host, const struct pt_vf_record *vf)
{
	PT_FREE char *driver = NULL;

	return pt_function_read_driver(host, &vf->bdf, &driver) == 0 &&
	       (pt_streq(driver, vf->origin.driver) ||
		       (driver && !pt_function_read_on_vfio(host, &vf->bdf, driver)));
}

/* Whether a function on the driver that it had is back as a whole: a return may have ended midway,
 * without its VFs or their drivers, its console, or with the override that leads it home. */
static bool is_back(const struct pt_host *host, const struct pt_function_record *record)
{
	const struct pt_origin *origin = &record->origin;
	struct pt_origin now PT_CLEANUP(pt_origin_clear) = {0};

	if (pt_origin_read(host, &record->bdf, &now, NULL) < 0 ||
		(origin->vfs > 0 && now.vfs == 0) || now.autoprobe != origin->autoprobe ||
		(origin->console && !now.console))
		return false;
	pt_foreach (vf, record->vf, record->vf_count) {
		if (now.vfs == origin->vfs && !is_vf_back(host, vf))
			return false;
	}
	return pt_streq(now.override, origin->override) ||
	       (!pt_streq(now.override, origin->driver) && !pt_streq(now.override, PT_VFIO_PCI));
}

/* Whether a function is on its way to where policy sends it: by an override of ours. */
static bool is_led(
	const struct pt_host *host, const struct pt_function_record *record, const char *driver)
{
	PT_FREE char *override = NULL;

	return pt_function_read_override(host, &record->bdf, &override) == 0 &&
	       pt_streq(override, driver) && !pt_streq(override, record->origin.override);
}

/* Whether the record still holds: another guest relies on it, or the function is not back
 * where it was. On a third driver it is somebody else's. */
static bool holds(const struct pt_start *start, const struct pt_function_record *record)
{
	const struct pt_host *host = start->run->host;
	struct pt_records PT_RECORDS records = {0};
	PT_FREE char *driver = NULL;

	if (!pt_function_is_recorded(host, record))
		return false;
	if (pt_function_read_driver(host, &record->bdf, &driver) < 0 || !driver)
		return true;
	if (pt_function_read_on_vfio(host, &record->bdf, driver))
		return true;
	pt_records_read(start->store, &records);
	if (pt_records_wanted(&records, &record->bdf, PT_GROUP_NONE, start->run->vmid, false))
		return true;
	return pt_streq(driver, record->origin.driver) ? !is_back(host, record)
						       : is_led(host, record, driver);
}

/* Reads the record of a function; one in an older claim counts, too, and is written anew first. */
static int load_function(
	struct pt_start *start, const struct pt_bdf *bdf, struct pt_function_record *ret)
{
	struct pt_records PT_RECORDS records = {0};
	const struct pt_function_record *older;
	int r = pt_function_load(start->store, bdf, ret, &start->err);

	if (r != -ENOENT)
		return r;
	pt_older_read(start->store, &records);
	older = pt_records_function(&records, bdf);
	if (!older)
		return -ENOENT;
	r = pt_function_save(start->store, older, &start->err);
	return r < 0 ? r : pt_function_load(start->store, bdf, ret, &start->err);
}

/* The VFs of a PF, each with its origin: that of its own record if it has one. */
static int read_vfs(struct pt_start *start, struct pt_function_record *record)
{
	const struct pt_host *host = start->run->host;
	struct pt_function function = {0};
	int r = 0;

	if (record->origin.vfs <= 0)
		return 0;
	r = pt_function_read(host, &record->bdf, &function, &start->err);
	for (size_t i = 0; r == 0 && i < function.vf_count; i++) {
		struct pt_function_record PT_FUNCTION_RECORD own = {0};
		struct pt_vf_record *slot =
			pt_array_grow(&record->vf, &record->vf_count, sizeof(*slot));

		slot->bdf = function.vf[i];
		r = load_function(start, &slot->bdf, &own);
		if (r == 0)
			pt_origin_copy(&slot->origin, &own.origin);
		else if (r == -ENOENT)
			r = pt_origin_read(host, &slot->bdf, &slot->origin, &start->err);
	}
	pt_function_clear(&function);
	return r;
}

/* A VF whose PF is on record may not be where it was: the return of its PF has ended midway. On a
 * host driver it counts as it is. */
static void correct_vf(
	const struct pt_start *start, const struct pt_bdf *bdf, struct pt_origin *origin)
{
	struct pt_records PT_RECORDS records = {0};
	const struct pt_function_record *pf;

	if (origin->driver && !pt_function_read_on_vfio(start->run->host, bdf, origin->driver))
		return;
	pt_records_read(start->store, &records);
	pf = pt_records_pf(&records, bdf);
	for (size_t i = 0; pf && i < pf->vf_count; i++) {
		if (pt_bdf_compare(&pf->vf[i].bdf, bdf) != 0)
			continue;
		pt_origin_clear(origin);
		pt_origin_copy(origin, &pf->vf[i].origin);
	}
}

static int write_function(struct pt_start *start, const struct pt_bdf *bdf)
{
	struct pt_function_record PT_FUNCTION_RECORD record = {.bdf = *bdf, .since = time(NULL)};
	int r = pt_function_read_ids(start->run->host, bdf, record.vendor, record.device);

	if (r < 0)
		return pt_err_errno(&start->err, r, "%s: read its ids", PT_BDF(bdf));
	r = pt_origin_read(start->run->host, bdf, &record.origin, &start->err);
	if (r < 0)
		return r;
	correct_vf(start, bdf, &record.origin);
	r = read_vfs(start, &record);
	return r < 0 ? r : pt_function_save(start->store, &record, &start->err);
}

/* A record that cannot be read says no more where the function was. */
static int replace_damaged(struct pt_start *start, const struct pt_bdf *bdf)
{
	PT_FREE char *driver = NULL;

	if (pt_function_read_driver(start->run->host, bdf, &driver) < 0 ||
		!pt_function_read_on_vfio(start->run->host, bdf, driver))
		return write_function(start, bdf);
	PT_START_LOG(start->run, PT_LOG_WARNING, "%s", start->err.text);
	return 0;
}

/* Locks a function; if it is taken, the start waits for it. */
static int lock_function(struct pt_start *start, const struct pt_bdf *bdf, int *ret_fd)
{
	int r = pt_lock_function(start->store, bdf, PT_LOCK_ALONE, LOOK_MS, ret_fd, &start->err);

	if (r == -EWOULDBLOCK && pt_start_taken(start, bdf)) {
		PT_START_LOG(
			start->run, PT_LOG_INFO, "%s is still being moved; waiting", PT_BDF(bdf));
		r = pt_lock_function(
			start->store, bdf, PT_LOCK_ALONE, start->run->wait_ms, ret_fd, &start->err);
	}
	return r == -EWOULDBLOCK ? pt_lock_explain_busy(start->store, bdf, &start->err) : r;
}

static int record_function(struct pt_start *start, const struct pt_bdf *bdf)
{
	struct pt_function_record PT_FUNCTION_RECORD record = {0};
	PT_CLOSE int lock = -1;
	int r = lock_function(start, bdf, &lock);

	if (r == 0)
		r = load_function(start, bdf, &record);
	if (r == -ENOENT)
		return write_function(start, bdf);
	if (r == -EINVAL)
		return replace_damaged(start, bdf);
	if (r < 0)
		return r;
	if (!holds(start, &record))
		return write_function(start, bdf);
	if (!record.error)
		return 0;
	pt_set_text(&record.error, NULL);
	return pt_function_save(start->store, &record, &start->err);
}

int pt_start_record_functions(struct pt_start *start)
{
	for (size_t at = start->record.count; at-- > 0;) {
		const struct pt_bdf bdf = start->record.wish[at].bdf;
		bool taken = pt_start_taken(start, &bdf);
		int r = record_function(start, &bdf);

		if (r < 0 && taken)
			return r;
		if (r == 0)
			continue;
		PT_START_LOG(start->run, PT_LOG_WARNING,
			"%s: %s; if Proxmox VE chooses it, it will not return",
			start->record.wish[at].entry, start->err.text);
		start->err = (struct pt_err){0};
		pt_wish_remove(&start->record, &bdf);
	}
	return 0;
}

bool pt_start_wants(const struct pt_start *start, const struct pt_bdf *bdf)
{
	const struct pt_host *host = start->run->host;

	return pt_wish_find(&start->record, bdf) ||
	       is_in_group(host, &start->record, pt_function_read_group(host, bdf));
}
