// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <time.h>

#include "lib/claim/locks.h"
#include "lib/linux/systemd.h"
#include "pve/handover/units.h"

#define LOCK_MS	    500
#define LOOK_MS	    10000
#define ONCE_MORE_S 1 /* a device file may come a little later than its driver */

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Adds the functions to the unit's record, or makes one. */
static int record_unit(const struct pt_store *store, const char *unit, const struct pt_bdf *bdf,
	size_t count, struct pt_err *err)
{
	struct pt_records PT_RECORDS records = {0};
	struct pt_unit_record PT_UNIT_RECORD made = {.order = now_ns()};
	struct pt_unit_record *record;

	pt_set_text(&made.unit, unit);
	pt_records_read(store, &records);
	record = pt_records_unit(&records, unit);
	record = record ? record : &made;
	pt_unit_add(record, bdf, count);
	return pt_unit_save(store, record, err);
}

static void stop_one(const struct pt_host *host, const char *unit, int budget_ms)
{
	long long begin = pt_now_ms();
	struct pt_err err = {0};
	bool active = false;
	int r = pt_unit_order(host, unit, PT_UNIT_STOP, begin + budget_ms, &active, &err);

	if (r == 0 && !active)
		pt_log(pt_host_log(host), PT_LOG_INFO,
			"%s is stopped (%.2f s); it is started again when the devices are back",
			unit, (double)(pt_now_ms() - begin) / 1000);
	else
		pt_log(pt_host_log(host), PT_LOG_WARNING, "stop-units: %s%s",
			r < 0 ? err.text : unit, r < 0 ? "" : " was stopped, and runs again");
}

/* Another guest's unit that is stopped already runs again when both have returned their devices. */
static bool is_to_be_kept(const struct pt_store *store, const char *unit, bool active)
{
	struct pt_records PT_RECORDS records = {0};

	if (active)
		return true;
	pt_records_read(store, &records);
	return pt_records_unit(&records, unit);
}

static int record_and_stop(const struct pt_host *host, const struct pt_store *store,
	const char *unit, const struct pt_bdf *bdf, size_t count, int budget_ms, bool *ret_any,
	struct pt_err *err)
{
	struct pt_err why = {0};
	PT_CLOSE int lock = -1;
	bool active = false;
	int r = pt_lock_unit(store, unit, budget_ms, &lock, &why);

	if (r == 0)
		r = pt_unit_order(host, unit, PT_UNIT_LOOK,
			pt_now_ms() + (budget_ms < LOOK_MS ? budget_ms : LOOK_MS), &active, &why);
	if (r < 0) {
		pt_log(pt_host_log(host), PT_LOG_WARNING, "stop-units: %s; skipped", why.text);
		return 0;
	}
	if (is_to_be_kept(store, unit, active))
		r = record_unit(store, unit, bdf, count, err);
	if (r < 0 || !active)
		return r;
	*ret_any = true;
	stop_one(host, unit, budget_ms);
	return 0;
}

int pt_units_stop(const struct pt_host *host, const struct pt_store *store,
	const struct pt_names *units, const struct pt_bdf *bdf, size_t count, int budget_ms,
	bool *ret_any, struct pt_err *err)
{
	int r = 0;

	*ret_any = false;
	for (size_t i = 0; r == 0 && i < units->count; i++)
		r = record_and_stop(
			host, store, units->name[i], bdf, count, budget_ms, ret_any, err);
	return r;
}

/* Starts the unit, and waits for it. -EAGAIN: systemd has not heard of it. Once it has, it goes on
 * by itself after the deadline (-ETIME). */
static int start_and_wait(const struct pt_host *host, const char *unit, long long deadline_ms,
	bool *ret_active, struct pt_err *err)
{
	int r = pt_unit_order(host, unit, PT_UNIT_START, deadline_ms, ret_active, err);

	if (r == -ETIME)
		return -EAGAIN;
	return r < 0 ? r : pt_unit_order(host, unit, PT_UNIT_AWAIT, deadline_ms, ret_active, err);
}

/* Returns whether that is done, or has failed for good. */
static bool start_one(const struct pt_host *host, const char *unit, int budget_ms)
{
	const struct timespec pause = {.tv_sec = ONCE_MORE_S};
	const long long deadline = pt_now_ms() + budget_ms;
	struct pt_err err = {0};
	bool active = false;
	int r = start_and_wait(host, unit, deadline, &active, &err);

	if (r == -EIO) {
		nanosleep(&pause, NULL);
		r = start_and_wait(host, unit, deadline, &active, &err);
	}
	if (r == -EAGAIN) {
		pt_log(pt_host_log(host), PT_LOG_WARNING,
			"%s could not be started again: %s; retry with 'pve-ptconf reconcile', as "
			"the timer does",
			unit, err.text);
		return false;
	}
	/* a oneshot that has done its work is not active, and fine */
	if (r == 0)
		pt_log(pt_host_log(host), PT_LOG_INFO, "%s is started again%s", unit,
			active ? "" : ", and has ended");
	else
		pt_log(pt_host_log(host), PT_LOG_ERROR,
			"%s could not be started again: %s; see 'systemctl status %s'", unit,
			err.text, unit);
	return true;
}

static bool has_devices_back(const struct pt_records *records, const struct pt_unit_record *unit)
{
	pt_foreach (bdf, unit->bdf, unit->count) {
		const struct pt_function_record *record = pt_records_function(records, bdf);

		if ((record && !pt_records_kept(records, record)) || pt_records_pf(records, bdf) ||
			pt_records_wanted(records, bdf, PT_GROUP_NONE, 0, false))
			return false;
	}
	return true;
}

/* Asks again under the unit's lock: a start may have written its records meanwhile. */
static void start_if_back(
	const struct pt_host *host, const struct pt_store *store, const char *unit, int budget_ms)
{
	struct pt_records PT_RECORDS records = {0};
	const struct pt_unit_record *record;
	struct pt_err err = {0};
	PT_CLOSE int lock = -1;

	if (pt_lock_unit(store, unit, LOCK_MS, &lock, NULL) < 0)
		return;
	pt_records_read(store, &records);
	record = pt_records_unit(&records, unit);
	if (!record || !has_devices_back(&records, record))
		return;
	if (start_one(host, unit, budget_ms) && pt_unit_forget(store, unit, &err) < 0)
		pt_log(pt_host_log(host), PT_LOG_WARNING, "%s", err.text);
}

static int compare_orders(const void *a, const void *b)
{
	const struct pt_unit_record *const *x = a, *const *y = b;

	return ((*x)->order < (*y)->order) - ((*x)->order > (*y)->order);
}

void pt_units_start(const struct pt_host *host, const struct pt_store *store,
	const struct pt_records *records, int budget_ms)
{
	const struct pt_unit_record **unit = pt_calloc(records->unit_count, sizeof(*unit));

	for (size_t i = 0; i < records->unit_count; i++)
		unit[i] = &records->unit[i];
	if (records->unit_count)
		qsort(unit, records->unit_count, sizeof(*unit), compare_orders);
	for (size_t i = 0; i < records->unit_count; i++) {
		if (has_devices_back(records, unit[i]))
			start_if_back(host, store, unit[i]->unit, budget_ms);
	}
	free(unit);
}
