// SPDX-License-Identifier: AGPL-3.0-or-later
/* Shared by the steps of a pre-start. */
#include "hook/start.h"
#include "lib/base/states.h"

enum pt_start_result pt_start_decide(struct pt_start *start, enum pt_start_result result)
{
	static const char *const names[] = {
		[PT_START_AGAIN] = "again",
		[PT_START_GOES_ON] = "goes on",
		[PT_START_REFUSED] = "refused",
	};
	static const unsigned int next[] = {
		[PT_START_AGAIN] = PT_NEXT(PT_START_AGAIN) | PT_NEXT(PT_START_GOES_ON) |
				   PT_NEXT(PT_START_REFUSED),
		[PT_START_GOES_ON] = 0,
		[PT_START_REFUSED] = 0,
	};
	static const struct pt_states states = {"start", names, next};

	start->result = (enum pt_start_result)pt_state_next(&states, start->result, result);
	return result;
}

enum pt_start_result pt_start_go_on(struct pt_start *start)
{
	PT_START_LOG(start->run, PT_LOG_ERROR,
		"pve-pthook: %s; the start goes on, but no device is moved or returned%s",
		start->err.text, start->record.count ? ", except those in its claim" : "");
	if (start->remedy)
		PT_START_LOG(start->run, PT_LOG_INFO, PT_START_REMEDY, start->remedy);
	return pt_start_decide(start, PT_START_GOES_ON);
}

enum pt_start_result pt_start_refuse_for_good(struct pt_start *start)
{
	PT_START_LOG(start->run, PT_LOG_ERROR, "start refused: %s", start->err.text);
	if (start->remedy)
		PT_START_LOG(start->run, PT_LOG_INFO, PT_START_REMEDY, start->remedy);
	return pt_start_decide(start, PT_START_REFUSED);
}

enum pt_start_result pt_start_refuse(struct pt_start *start)
{
	return start->run->advise ? pt_start_go_on(start) : pt_start_refuse_for_good(start);
}

int pt_start_gather(struct pt_start *start)
{
	const struct pt_run *run = start->run;

	pt_facts_clear(&start->facts);
	pt_node_close_p(&start->node);
	start->node = pt_node_open(run->host, run->node, start->store, pt_check_allowing);
	return pt_facts_gather(
		start->node, start->guest, PT_DEPTH_START, &start->facts, &start->err);
}

const struct pt_taken *pt_start_taken(const struct pt_start *start, const struct pt_bdf *bdf)
{
	return pt_taken_find(start->facts.taken, start->facts.taken_count, bdf);
}
