// SPDX-License-Identifier: AGPL-3.0-or-later
/* Before the guest starts: read, judge, record, take. */
#include <time.h>

#include "hook/look.h"
#include "hook/phases.h"
#include "hook/start.h"
#include "pve/config/paths.h"
#include "pve/config/runstate.h"
#include "pve/handover/reconcile.h"

#define TRIES	    64	  /* each that fails is another guest's start that went on */
#define CHOICE_MS   30000 /* for other guests that choose from the same mapping */
#define CHOICE_NS   100000000L
#define OFF_WAIT_MS 30000 /* for a return that is under way, when switched off */

static void clear_start(struct pt_start *start)
{
	free(start->remedy);
	pt_findings_clear(&start->findings);
	pt_facts_clear(&start->facts);
	pt_node_close(start->node);
	pt_guest_record_clear(&start->last);
	pt_guest_record_clear(&start->record);
	pt_close_fd(&start->lock);
	pt_store_close(start->store);
	if (start->asks)
		pt_guest_unask(&start->asking);
	pt_guest_free(start->guest);
}

/* Refuses if a driver hangs and a device must be moved: Proxmox VE would hang too. After trouble of
 * our own a plain look decides. */
static enum pt_start_result cannot_look(struct pt_start *start, int why)
{
	struct pt_err use = {0};
	int r;

	if (why == -ETIME && pt_facts_moves(&start->facts))
		return pt_start_refuse(start);
	r = pt_look_plainly(start->run, &use);
	if (r == 0)
		PT_START_LOG(start->run, PT_LOG_WARNING, PT_UNPROTECTED, start->run->vmid);
	else if (r != -EBUSY)
		PT_START_LOG(start->run, PT_LOG_WARNING, PT_UNSEEN, start->run->vmid, use.text);
	if (r != -EBUSY)
		return pt_start_go_on(start);
	PT_START_LOG(start->run, PT_LOG_ERROR, "pve-pthook: %s", start->err.text);
	start->err = use;
	/* what local policy lets go was let go by the look */
	return pt_start_refuse_for_good(start);
}

static struct pt_guest_query query_of(const struct pt_run *run)
{
	/* pending changes were applied before, or are not meant to be: the current values count */
	return (struct pt_guest_query){
		.vmid = run->vmid, .node = run->config_node, .view = PT_VIEW_CURRENT};
}

/* Whether the config text alone shows that there is nothing to do; most guests end here. */
static bool nothing_to_do(const struct pt_start *start)
{
	return start->guest && !pt_run_has_claim(start->run) &&
	       (!pt_guest_has_hostpci(start->guest) || pt_guest_is_template(start->guest));
}

/* Waits for the API's config, which replaces the file's. 1: it is another one. */
static int hear_api(struct pt_start *start)
{
	int r = pt_guest_hear(start->run->host, &start->asking, &start->guest, &start->err);

	start->asks = false;
	return r;
}

/* Logs the findings, but not the one that refuses the start: that comes last, with the refusal. */
static void log_findings(struct pt_start *start, const struct pt_finding *refusing)
{
	static const enum pt_log_level level[] = {
		[PT_INFO] = PT_LOG_INFO,
		[PT_WARNING] = PT_LOG_WARNING,
		[PT_ERROR] = PT_LOG_ERROR,
	};
	const struct pt_finding *finding = start->findings.finding;

	for (size_t at = 0, next; at < start->findings.count; at = next) {
		struct pt_shown PT_SHOWN shown = {0};

		next = at + 1;
		if (finding[at].effect == PT_SILENT)
			continue;
		next = at + pt_findings_show(&start->findings, at, &shown);
		if (refusing >= &finding[at] && refusing < &finding[next]) {
			pt_err_fill(&start->err, -EPERM, "%s: %s [%s]", shown.subject,
				shown.message, shown.tag);
			pt_set_text(&start->remedy, shown.hint);
			continue;
		}
		PT_START_LOG(start->run, level[shown.severity], "%s: %s [%s]", shown.subject,
			shown.message, shown.tag);
		if (shown.hint)
			PT_START_LOG(start->run, PT_LOG_INFO, PT_START_REMEDY, shown.hint);
	}
}

/* Whether the running system would lose its own disk: Proxmox VE takes it without asking. */
static bool takes_system(const struct pt_start *start)
{
	pt_foreach (finding, start->findings.finding, start->findings.count) {
		if (finding->effect == PT_REFUSES_ALWAYS && finding->check->in_use)
			return true;
	}
	return false;
}

/* Runs the checks, and logs their findings. True: a finding has decided about the start. */
static bool is_decided_by_findings(struct pt_start *start)
{
	const struct pt_run *run = start->run;
	const struct pt_finding *refusing, *always, *decided;

	pt_check_run(&start->facts, &start->findings);
	always = pt_findings_refusing(&start->findings, false);
	refusing = pt_findings_refusing(&start->findings, pt_facts_moves(&start->facts));
	/* advice or not, a device of another guest or of the running system is not taken */
	decided = run->advise ? always : refusing;
	log_findings(start, decided);
	if (!decided) {
		if (refusing)
			PT_START_LOG(run, PT_LOG_WARNING,
				"without 'mode = advise' the finding [%s] refuses the start",
				refusing->check->tag);
		return false;
	}
	if (takes_system(start))
		pt_start_refuse_for_good(start);
	else
		pt_start_refuse(start);
	return true;
}

/* Whether another guest is between its pre-start and its post-start: it may have a device on record
 * and another one reserved, of which it will let one go. */
static bool is_any_choosing(const struct pt_start *start)
{
	struct pt_records PT_RECORDS records = {0};

	pt_records_read(start->store, &records);
	pt_foreach (guest, records.guest, records.guest_count) {
		if (guest->state == PT_GUEST_WANTS && guest->vmid != start->run->vmid &&
			!guest->ran)
			return true;
	}
	return false;
}

/* Whether a mapping's choice is contested by guests that start beside this one: Proxmox VE's choice
 * for them became known while the facts were gathered, or nothing is free until they have let go.
 */
static bool is_contested(const struct pt_start *start)
{
	const struct pt_facts *facts = &start->facts;

	pt_foreach (owner, facts->owner, facts->owner_count) {
		const struct pt_taken *taken = pt_start_taken(start, &owner->bdf);

		if (owner->kind != PT_OWNER_STALE && taken &&
			facts->assignment[taken->assignment].count > 1)
			return true;
	}
	for (size_t i = 0; i < facts->count; i++) {
		if (facts->assignment[i].problem.kind == PT_PROBLEM_MAPPING_NOTHING_FREE)
			return is_any_choosing(start);
	}
	return false;
}

/* Lets those guests go first. */
static int settle_choice(struct pt_start *start)
{
	long long deadline = pt_now_ms() + CHOICE_MS;
	bool told = false;
	int r = 0;

	while (r == 0 && is_contested(start) && pt_now_ms() < deadline) {
		struct timespec pause = {.tv_nsec = CHOICE_NS};

		if (!told)
			PT_START_LOG(start->run, PT_LOG_INFO,
				"other guests are choosing from the same mapping; waiting");
		told = true;
		nanosleep(&pause, NULL);
		r = pt_start_gather(start);
	}
	return r;
}

/* Judges, and takes when nothing speaks against it. */
static enum pt_start_result judge_and_take(struct pt_start *start)
{
	const struct pt_run *run = start->run;
	int r;

	if (start->facts.claims_err.code)
		PT_START_LOG(run, PT_LOG_WARNING, "%s", start->facts.claims_err.text);
	if (is_decided_by_findings(start))
		return start->result;
	if (!start->facts.taken_count)
		return pt_start_decide(start, PT_START_GOES_ON);
	pt_start_load_wishes(start);
	r = pt_start_ensure_vfio(start);
	if (r == -ENOTSUP || r == -EAGAIN)
		return pt_start_go_on(start);
	if (r < 0)
		return pt_start_refuse(start); /* Proxmox VE could not go on either */
	r = pt_start_record(start);
	if (r == 0)
		r = pt_start_record_functions(start);
	/* it left the bus, as a VF does when its PF is taken: the next look names it */
	if (r == -ENODEV)
		return pt_start_decide(start, PT_START_AGAIN);
	/* somebody moves one of them, or its driver hangs: Proxmox VE would meet that, too */
	if (r == -EWOULDBLOCK || (r == -ETIME && pt_facts_moves(&start->facts)))
		return pt_start_refuse(start);
	return r < 0 ? pt_start_go_on(start) : pt_start_take(start);
}

/* Waits for returns under way, stops units, judges and takes. If another start has taken a function
 * since the facts were gathered, gathers and judges again. */
static enum pt_start_result settle(struct pt_start *start)
{
	for (int tries = 0; tries < TRIES; tries++) {
		enum pt_start_result result;
		int r = pt_start_wait_for_returns(start);

		if (r == 0)
			r = settle_choice(start);
		/* each round may choose other devices; others choose while units stop */
		if (r == 0)
			r = pt_start_stop_units(start);
		if (r == 0)
			r = settle_choice(start);
		if (r < 0)
			return cannot_look(start, r);
		pt_findings_clear(&start->findings);
		result = judge_and_take(start);
		if (result != PT_START_AGAIN)
			return result;
		pt_end_all_stale(start->run->host, start->store, start->run->vmid);
		r = pt_start_gather(start);
		if (r < 0)
			return cannot_look(start, r);
	}
	pt_err_wrap(
		&start->err, "its devices changed hands %d times meanwhile; start it again", TRIES);
	return pt_start_refuse(start);
}

static enum pt_start_result stay_out(struct pt_start *start)
{
	const struct pt_run *run = start->run;

	PT_START_LOG(run, PT_LOG_WARNING, "pve-pthook is switched off by " PT_OFF_FILE);
	/* even without a move: Proxmox VE would meet it */
	pt_start_wait_for_own_return(run, run->wait_ms < OFF_WAIT_MS ? run->wait_ms : OFF_WAIT_MS);
	return pt_start_decide(start, PT_START_GOES_ON);
}

/* Nothing is moved; devices of an earlier start are returned by post-stop all the same. */
static enum pt_start_result start_unread(struct pt_start *start)
{
	const enum pt_start_result result = cannot_look(start, -EIO);

	pt_start_wait_for_own_return(start->run, start->run->wait_ms);
	return result;
}

/* Gathers the facts while the API answers: its config names the devices of the file, and mostly
 * has the same settings. */
static int gather_beside_api(struct pt_start *start)
{
	int r = pt_start_gather(start);
	const struct pt_err why = start->err;

	if (start->asks && hear_api(start) > 0)
		return pt_start_gather(start);
	start->err = why;
	return r;
}

/* Clears the way: functions that others left are back when it returns 0. */
static int clear_way(struct pt_start *start)
{
	int r = pt_start_open(start);

	if (r < 0)
		return r;
	pt_end_all_stale(start->run->host, start->store, start->run->vmid);
	r = gather_beside_api(start);
	if (r == 0)
		r = pt_start_wait_for_last_run(start);
	return r < 0 ? r : pt_start_return_others(start);
}

static enum pt_start_result pre_start(const struct pt_run *run)
{
	struct pt_start start PT_CLEANUP(clear_start) = {.run = run, .lock = -1};
	struct pt_guest_query query = query_of(run);
	int pid, r;

	pt_guest_from_file(run->host, &query, &start.guest, &start.err);
	if (nothing_to_do(&start))
		return pt_start_decide(&start, PT_START_GOES_ON);
	if (run->source_unknown)
		PT_START_LOG(run, PT_LOG_WARNING,
			"PVE_MIGRATED_FROM names no node of this cluster, so it is ignored");
	if (pt_host_exists(run->host, PT_OFF_FILE))
		return stay_out(&start);
	pt_guest_ask_api(run->host, &query, run->api_ms, &start.asking);
	start.asks = true;
	if (!start.guest && hear_api(&start) < 0)
		return start_unread(&start);
	pid = pt_guest_pid(run->host, run->vmid);
	if (pid) {
		PT_START_LOG(run, PT_LOG_WARNING,
			"guest %u already runs as process %d; nothing is moved", run->vmid, pid);
		return pt_start_decide(&start, PT_START_GOES_ON);
	}
	r = clear_way(&start);
	if (r == -EBUSY)
		pt_start_refuse(&start);
	else if (r < 0)
		cannot_look(&start, r);
	else if (pt_guest_is_template(start.guest))
		pt_start_decide(&start, PT_START_GOES_ON);
	else
		settle(&start);
	if (start.result == PT_START_REFUSED && start.store)
		pt_start_end(&start);
	return start.result;
}

int pt_phase_pre_start(const struct pt_run *run)
{
	return pre_start(run) == PT_START_REFUSED;
}
