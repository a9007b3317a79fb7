// SPDX-License-Identifier: AGPL-3.0-or-later
/* A start waits for others, and stops units that local policy names. */
#include <errno.h>
#include <time.h>

#include "hook/start.h"
#include "lib/claim/older.h"
#include "lib/use/use-devfile.h"
#include "pve/config/paths.h"
#include "pve/config/runstate.h"
#include "pve/handover/closed.h"
#include "pve/handover/release.h"
#include "pve/handover/units.h"

#define POLL_NS 100000000L

static void pause_a_while(void)
{
	struct timespec pause = {.tv_nsec = POLL_NS};

	nanosleep(&pause, NULL);
}

static bool is_moving(const struct pt_store *store, unsigned int vmid, const struct pt_bdf *bdf)
{
	return pt_function_is_locked(store, bdf) || pt_older_busy(store, vmid);
}

int pt_start_wait_for_returns(struct pt_start *start)
{
	const struct pt_run *run = start->run;
	long long deadline = pt_now_ms() + run->wait_ms;
	unsigned long long said = 0;
	struct pt_err why = {0};

	pt_foreach (owner, start->facts.owner, start->facts.owner_count) {
		unsigned int vmid = (unsigned int)owner->vmid;

		if (owner->kind != PT_OWNER_RETURNING)
			continue;
		if (owner->vmid != said)
			PT_START_LOG(run, PT_LOG_INFO, "guest %u is still giving %s back; waiting",
				vmid, PT_BDF(&owner->bdf));
		said = owner->vmid;
		while (is_moving(start->store, vmid, &owner->bdf) && pt_now_ms() < deadline)
			pause_a_while();
	}
	if (!said)
		return 0;
	if (pt_older_take_over(start->store, &why) < 0)
		PT_START_LOG(run, PT_LOG_WARNING, "%s", why.text);
	return pt_start_gather(start);
}

static bool is_any_moving(const struct pt_store *store, unsigned int vmid, const struct pt_bdf *bdf,
	size_t count, const struct pt_bdf **ret)
{
	pt_foreach (one, bdf, count) {
		*ret = one;
		if (is_moving(store, vmid, one))
			return true;
	}
	return false;
}

void pt_start_wait_for_own_return(const struct pt_run *run, int wait_ms)
{
	long long deadline = pt_now_ms() + wait_ms;
	struct pt_store PT_STORE *store = NULL;
	const struct pt_bdf *moving = NULL;
	struct pt_bdf *bdf = NULL;
	struct pt_err err = {0};
	size_t count = 0;

	if (pt_store_open(&store, run->host, PT_CLAIMS_DIR, false, NULL) < 0)
		return;
	pt_functions_of_ended(store, run->vmid, &bdf, &count);
	if (is_any_moving(store, run->vmid, bdf, count, &moving))
		PT_START_LOG(run, PT_LOG_INFO,
			"devices of guest %u are still being returned; waiting", run->vmid);
	while (is_any_moving(store, run->vmid, bdf, count, &moving)) {
		if (pt_now_ms() >= deadline) {
			pt_lock_explain_busy(store, moving, &err);
			PT_START_LOG(run, PT_LOG_WARNING, "%s", err.text);
			break;
		}
		pause_a_while();
	}
	free(bdf);
}

/* Whether the process is a QEMU that ends: of this guest, or of one that runs no more, as Proxmox
 * VE sees it. */
static bool is_last_run(const struct pt_run *run, int pid, unsigned int *ret_vmid)
{
	if (pt_pid_ends(run->host, pid))
		return true;
	*ret_vmid = pt_pid_guest(run->host, pid);
	return *ret_vmid && pt_guest_pid(run->host, *ret_vmid) == 0;
}

/* Whether only such processes hold the group; its QEMU frees memory or files. */
static bool is_ending(const struct pt_run *run, const struct pt_bdf *bdf, unsigned int *ret_vmid)
{
	struct pt_function function = {
		.bdf = *bdf, .group = pt_function_read_group(run->host, bdf), .has_vfio_dev = true};
	const struct pt_function *const asked = &function;
	struct pt_vfio_user *user = NULL;
	size_t users = 0;
	bool ending = true;

	if (pt_vfio_group_free(run->host, function.group) ||
		pt_vfio_users(run->host, &asked, 1, &user, &users, NULL) < 0)
		return false;
	for (size_t i = 0; i < users; i++)
		ending = ending && is_last_run(run, user[i].pid, ret_vmid);
	free(user);
	return ending;
}

/* The guest that has ended with the function, and that nobody else wants: it is on its way back.
 * NULL: none. */
static const struct pt_guest_record *returning_from(
	const struct pt_start *start, const struct pt_records *records, const struct pt_bdf *bdf)
{
	const struct pt_wish *wish;

	return pt_records_wanted(records, bdf, PT_GROUP_NONE, start->run->vmid, false)
		       ? NULL
		       : pt_records_last(records, bdf, &wish);
}

/* Waits until a function that is on its way back is closed. The checks then say who has it. */
static void wait_for_return(struct pt_start *start, const struct pt_records *records,
	const struct pt_bdf *bdf, bool *waited)
{
	const struct pt_run *run = start->run;
	const struct pt_guest_record *from = returning_from(start, records, bdf);
	long long deadline = pt_now_ms() + run->wait_ms;

	if (!from || !pt_is_open(run->host, bdf, NULL))
		return;
	PT_START_LOG(run, PT_LOG_INFO, "guest %u is still giving %s back; waiting", from->vmid,
		PT_BDF(bdf));
	*waited = true;
	while (!pt_is_closed(run->host, bdf, NULL) && pt_now_ms() < deadline)
		pause_a_while();
}

static int wait_for_one(
	struct pt_start *start, const struct pt_bdf *bdf, long long deadline_ms, bool *waited)
{
	const struct pt_run *run = start->run;
	unsigned int vmid = run->vmid;

	while (is_ending(run, bdf, &vmid)) {
		if (pt_now_ms() >= deadline_ms)
			return pt_err_set(&start->err, -EBUSY,
				"%s: the last QEMU of guest %u has not ended and still holds it; "
				"start again when it is gone",
				PT_BDF(bdf), vmid);
		if (!*waited)
			PT_START_LOG(run, PT_LOG_INFO,
				"guest %u: its last QEMU is still ending; waiting", vmid);
		*waited = true;
		pause_a_while();
	}
	return 0;
}

int pt_start_wait_for_last_run(struct pt_start *start)
{
	long long deadline = pt_now_ms() + start->run->release_ms;
	struct pt_records PT_RECORDS records = {0};
	bool waited = false;
	int r = 0;

	pt_records_read(start->store, &records);
	pt_foreach (taken, start->facts.taken, start->facts.taken_count) {
		if (r < 0 || !pt_records_function(&records, &taken->bdf))
			continue;
		r = wait_for_one(start, &taken->bdf, deadline, &waited);
		if (r == 0)
			wait_for_return(start, &records, &taken->bdf, &waited);
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
	struct pt_bdf *bdf = NULL;
	size_t count = 0;
	bool any = false;
	int r;

	if (!pt_facts_moves(&start->facts))
		return 0;
	pt_foreach (taken, start->facts.taken, start->facts.taken_count) {
		pt_policy_units(&start->facts.host->policy, run->vmid, &taken->bdf, &units);
		pt_bdfs_add(&bdf, &count, &taken->bdf);
	}
	if (!units.count || refused_anyway(start)) {
		free(bdf);
		return 0;
	}
	/* the guest's wishes are on record first: a unit runs again when nobody wants its functions
	 */
	r = pt_start_record(start);
	if (r == 0)
		r = pt_units_stop(run->host, start->store, &units, bdf, count, run->limits.phase_ms,
			&any, &start->err);
	free(bdf);
	return r == 0 && any ? pt_start_gather(start) : r;
}
