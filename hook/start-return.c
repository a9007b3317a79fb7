// SPDX-License-Identifier: AGPL-3.0-or-later
/* What a start returns: its own devices when it fails, and what others have left. */
#include "hook/start.h"
#include "pve/handover/release.h"

size_t pt_start_end(struct pt_start *start)
{
	const struct pt_run *run = start->run;
	const struct pt_guest_record *record = start->record.count ? &start->record : &start->last;
	struct pt_released released = {0};
	struct pt_release what = {0};
	struct pt_bdf *bdf = NULL;
	struct pt_err err = {0};

	if (!start->record.count && !start->has_last)
		return 0;
	pt_foreach (wish, record->wish, record->count)
		pt_bdfs_add(&bdf, &what.count, &wish->bdf);
	if (pt_guest_end(
		    start->store, record, record->ran ? PT_GUEST_ENDED : PT_GUEST_UNDONE, &err) < 0)
		PT_START_LOG(run, PT_LOG_ERROR, "%s", err.text);
	what.bdf = bdf;
	/* each that fails is logged on its own */
	if (what.count)
		pt_release(run->host, start->store, &run->limits, &what, &released, NULL);
	pt_guest_record_clear(&start->record);
	start->has_last = false;
	free(released.left);
	free(bdf);
	return released.count;
}

void pt_start_end_lists(const struct pt_start *start)
{
	const struct pt_run *run = start->run;

	if (start->has_ended)
		pt_release_lists(run->host, start->store, &run->limits);
}

/* Functions of the earlier start that this one does not want. */
static void list_old(const struct pt_start *start, struct pt_bdf **ret, size_t *ret_count)
{
	pt_foreach (wish, start->last.wish, start->last.count) {
		if (!pt_start_wants(start, &wish->bdf))
			pt_bdfs_add(ret, ret_count, &wish->bdf);
	}
}

/* Functions of an earlier start that do not come back stay on record, and stop no start. */
static size_t return_old(struct pt_start *start)
{
	const struct pt_run *run = start->run;
	struct pt_release what = {.patience_ms = run->limits.group_ms};
	struct pt_released released = {0};
	struct pt_bdf *bdf = NULL;
	struct pt_err err = {0};

	list_old(start, &bdf, &what.count);
	what.bdf = bdf;
	if (what.count) {
		PT_START_LOG(run, PT_LOG_INFO,
			"guest %u still has devices of an earlier start; returning them first",
			run->vmid);
		if (pt_release(run->host, start->store, &run->limits, &what, &released, &err) < 0)
			PT_START_LOG(run, PT_LOG_ERROR,
				"devices of an earlier start cannot be returned; retry with "
				"'pve-ptconf release %u' once guest %u has stopped: %s",
				run->vmid, run->vmid, err.text);
	}
	free(released.left);
	free(bdf);
	return released.returned;
}

/* Waits for nothing, since a held function may not concern this guest, and retries no failed
 * return, since a slow failure would delay every start of the node. */
static size_t return_leftovers(const struct pt_start *start)
{
	const struct pt_run *run = start->run;
	struct pt_release what = {.skip_failed = true};
	struct pt_released released = {0};
	struct pt_err err = {0};

	if (pt_release(run->host, start->store, &run->limits, &what, &released, &err) < 0)
		PT_START_LOG(run, PT_LOG_WARNING, "%s", err.text);
	free(released.left);
	return released.returned;
}

static bool has_ended(const struct pt_records *records)
{
	pt_foreach (guest, records->guest, records->guest_count) {
		if (guest->state != PT_GUEST_WANTS)
			return true;
	}
	return false;
}

/* Returns a PF whose VF the start needs: the VF is there again then. True: it is back. */
static bool return_pf(struct pt_start *start, const struct pt_records *records)
{
	const struct pt_run *run = start->run;
	size_t returned = 0;

	pt_foreach (record, records->function, records->count) {
		struct pt_release what = {
			.bdf = &record->bdf, .count = 1, .patience_ms = run->release_ms};
		struct pt_released released = {0};
		bool needed = false;

		pt_foreach (vf, record->vf, record->vf_count) {
			for (size_t i = 0; i < start->facts.count; i++) {
				const char *where = start->facts.assignment[i].problem.where;

				needed |= where && pt_bdf_matches(&vf->bdf, where);
			}
		}
		if (!needed ||
			pt_records_wanted(records, &record->bdf, PT_GROUP_NONE, run->vmid, false))
			continue;
		PT_START_LOG(run, PT_LOG_INFO,
			"virtual functions come back with their physical function %s; returning it",
			PT_BDF(&record->bdf));
		if (pt_release(run->host, start->store, &run->limits, &what, &released,
			    &start->err) < 0)
			PT_START_LOG(run, PT_LOG_WARNING, "%s", start->err.text);
		start->err = (struct pt_err){0};
		returned += released.returned;
		free(released.left);
	}
	return returned;
}

/* Ends the earlier start of a guest that wants nothing any more. */
static int end_last(struct pt_start *start)
{
	return start->has_last
		       ? pt_guest_end(start->store, &start->last,
				 start->last.ran ? PT_GUEST_ENDED : PT_GUEST_UNDONE, &start->err)
		       : 0;
}

int pt_start_return_others(struct pt_start *start)
{
	struct pt_records PT_RECORDS records = {0};
	bool nothing = !start->facts.taken_count || pt_guest_is_template(start->guest);
	bool moved;
	int r;

	pt_records_read(start->store, &records);
	start->has_ended = start->has_last || has_ended(&records);
	if (!start->has_ended)
		return 0;
	/* without a record of our own nothing may return: we might need it */
	r = nothing ? end_last(start) : pt_start_record(start);
	if (r < 0)
		return r;
	moved = return_old(start) > 0;
	moved |= return_leftovers(start) > 0;
	moved |= return_pf(start, &records);
	start->has_last &= !nothing;
	return moved ? pt_start_gather(start) : 0;
}
