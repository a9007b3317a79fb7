// SPDX-License-Identifier: AGPL-3.0-or-later
/* Clears the way of a start: stale claims, returns under way, units that local policy stops. */
#include <time.h>

#include "hook/start.h"
#include "pve/handover/reconcile.h"
#include "pve/handover/units.h"

#define WAIT_POLL_NS 100000000L

int pt_start_return_old(struct pt_start *start)
{
	const struct pt_run *run = start->run;
	int r;

	PT_START_LOG(run, PT_LOG_INFO,
		"guest %u still has devices of an earlier start; returning them first", run->vmid);
	pt_claim_free_p(&start->claim);
	r = pt_release_locked(
		run->host, start->claims, run->vmid, &run->limits, start->lock, &start->err);
	if (r == 0)
		return 0;
	PT_START_LOG(run, PT_LOG_ERROR,
		"devices of an earlier start cannot be returned; retry with 'pve-ptconf release %u' "
		"once guest %u has stopped: %s",
		run->vmid, run->vmid, start->err.text);
	r = pt_start_load_claim(start);
	for (size_t i = 0; start->claim && i < start->claim->count; i++)
		start->claim->function[i].spare = true;
	/* in the file, too: it may be read again */
	return r == 0 && start->claim ? pt_claims_save(start->claims, start->claim, &start->err)
				      : r;
}

void pt_start_reconcile(const struct pt_start *start)
{
	struct pt_limits limits = start->run->limits;
	struct pt_reconciled reconciled;
	struct pt_err err = {0};

	limits.group_ms = 0;
	if (pt_reconcile(start->run->host, start->claims, &limits, false, &reconciled, &err) < 0)
		PT_START_LOG(start->run, PT_LOG_WARNING, "%s", err.text);
}

/* The first claim of a guest of which nothing is alive, behind after; 0: there is none. */
static unsigned int next_stale(const struct pt_start *start, unsigned int after)
{
	unsigned int next = 0;

	pt_foreach (owner, start->facts.owner, start->facts.owner_count) {
		unsigned int vmid = (unsigned int)owner->vmid;

		if (owner->kind == PT_OWNER_STALE && vmid > after && (!next || vmid < next))
			next = vmid;
	}
	return next;
}

int pt_start_return_stale(struct pt_start *start, bool *ret_any)
{
	const struct pt_run *run = start->run;
	int r = 0;

	for (unsigned int vmid = next_stale(start, 0); r == 0 && vmid;
		vmid = next_stale(start, vmid)) {
		PT_START_LOG(run, PT_LOG_INFO,
			"guest %u does not run, but still holds devices; returning them", vmid);
		*ret_any = true;
		r = pt_release_stale(run->host, start->claims, vmid, &run->limits, &start->err);
		/* its host driver does not take it, so we do; it goes to its origin later */
		if (r == -EIO) {
			PT_START_LOG(run, PT_LOG_WARNING, "guest %u: %s; guest %u takes them over",
				vmid, start->err.text, run->vmid);
			start->err = (struct pt_err){0};
			r = 0;
		}
		if (r < 0 && r != -EWOULDBLOCK)
			pt_err_wrap(&start->err,
				"guest %u does not run, but its devices cannot be returned; retry "
				"with 'pve-ptconf release %u'",
				vmid, vmid);
	}
	return r;
}

int pt_start_wait_for_returns(struct pt_start *start)
{
	const struct pt_run *run = start->run;
	long long deadline = pt_now_ms() + run->wait_ms;
	unsigned long long said = 0;

	pt_foreach (owner, start->facts.owner, start->facts.owner_count) {
		struct timespec pause = {.tv_nsec = WAIT_POLL_NS};
		char name[PT_OWNER_TEXT];

		if (owner->kind != PT_OWNER_RETURNING)
			continue;
		if (owner->vmid != said)
			PT_START_LOG(run, PT_LOG_INFO,
				"guest %llu is still giving %s back; waiting", owner->vmid,
				PT_BDF(&owner->bdf));
		said = owner->vmid;
		pt_owner_name((unsigned int)owner->vmid, name);
		while (pt_claims_work_locked(start->claims, name) && pt_now_ms() < deadline)
			nanosleep(&pause, NULL);
	}
	return said ? pt_start_gather(start) : 0;
}

int pt_start_wait_for_last_run(struct pt_start *start)
{
	const struct pt_run *run = start->run;
	long long deadline = pt_now_ms() + run->release_ms;
	bool waited = false;
	int r = 0;

	for (size_t i = 0; r == 0 && start->claim && i < start->claim->count; i++) {
		const struct pt_claim_function *function = &start->claim->function[i];

		if (!function->spare && pt_start_taken(start, &function->bdf))
			r = pt_wait_for_last_run(run->host, run->vmid, &function->bdf, deadline,
				&waited, &start->err);
	}
	return r < 0 || !waited ? r : pt_start_gather(start);
}

/* Whether the start would be refused though the host used nothing of what it takes. */
static bool refused_anyway(struct pt_start *start)
{
	bool refused = false;

	pt_check_run(&start->facts, &start->findings);
	pt_foreach (finding, start->findings.finding, start->findings.count)
		refused |= finding->effect == PT_REFUSES_ALWAYS ||
			   (finding->effect == PT_REFUSES && !finding->check->in_use);
	pt_findings_clear(&start->findings);
	return refused;
}

int pt_start_stop_units(struct pt_start *start)
{
	const struct pt_run *run = start->run;
	struct pt_names PT_NAMES units = {0};
	char owner[PT_OWNER_TEXT];
	bool any = false;
	int r = 0;

	if (!pt_facts_moves(&start->facts))
		return 0;
	pt_foreach (taken, start->facts.taken, start->facts.taken_count)
		pt_policy_units(&start->facts.host->policy, run->vmid, &taken->bdf, &units);
	if (!units.count || refused_anyway(start))
		return 0;
	if (!start->claim)
		r = pt_claim_new(&start->claim, pt_owner_name(run->vmid, owner), &start->err);
	if (r == 0)
		r = pt_units_stop(run->host, start->claims, start->claim, &units,
			run->limits.phase_ms, &any, &start->err);
	return r == 0 && any ? pt_start_gather(start) : r;
}

void pt_start_begin_units(struct pt_start *start)
{
	const struct pt_run *run = start->run;
	struct pt_err err = {0};

	if (start->claim && !start->claim->count && start->claim->unit.count &&
		pt_release_spares(run->host, start->claims, start->claim, &run->limits, start->lock,
			&err) < 0)
		PT_START_LOG(run, PT_LOG_ERROR, "%s", err.text);
}
