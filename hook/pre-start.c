// SPDX-License-Identifier: AGPL-3.0-or-later
/* Before the guest starts: read, judge, record, take. */
#include "hook/look.h"
#include "hook/phases.h"
#include "hook/start.h"
#include "pve/config/paths.h"
#include "pve/config/runstate.h"

#define TRIES	    8
#define LOOK_MS	    100
#define OFF_WAIT_MS 30000 /* for a return that is under way, when switched off */

static void clear_start(struct pt_start *start)
{
	pt_findings_clear(&start->findings);
	pt_facts_clear(&start->facts);
	pt_node_close(start->node);
	pt_claim_free(start->claim);
	pt_claims_close(start->claims);
	pt_guest_free(start->guest);
	pt_close_fd(&start->lock);
}

/* Refuses if a driver hangs and a device must be moved: Proxmox VE would hang too. After trouble of
 * our own a plain look decides. */
static enum pt_start_result cannot_look(struct pt_start *start, int why)
{
	struct pt_err use = {0};

	if (why == -ETIME && pt_facts_moves(&start->facts))
		return pt_start_refuse(start);
	if (pt_look_plainly(start->run, &use) == 0)
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
static bool nothing_to_do(const struct pt_run *run)
{
	struct pt_guest PT_GUEST *guest = NULL;
	struct pt_guest_query query = query_of(run);

	if (pt_run_has_claim(run) || pt_guest_from_file(run->host, &query, &guest, NULL) < 0)
		return false;
	return !pt_guest_has_hostpci(guest) || pt_guest_is_template(guest);
}

static void log_findings(const struct pt_start *start)
{
	static const enum pt_log_level level[] = {
		[PT_INFO] = PT_LOG_INFO,
		[PT_WARNING] = PT_LOG_WARNING,
		[PT_ERROR] = PT_LOG_ERROR,
	};

	for (size_t at = 0; at < start->findings.count;) {
		struct pt_shown PT_SHOWN shown = {0};

		if (start->findings.finding[at].effect == PT_SILENT) {
			at++;
			continue;
		}
		at += pt_findings_show(&start->findings, at, &shown);
		PT_START_LOG(start->run, level[shown.severity], "%s: %s%s%s [%s]", shown.subject,
			shown.message, shown.hint ? "; " : "", shown.hint ? shown.hint : "",
			shown.tag);
	}
}

static void set_reason(struct pt_start *start, const struct pt_finding *finding)
{
	struct pt_shown PT_SHOWN shown = {0};

	pt_finding_show(finding, &shown);
	pt_err_fill(&start->err, -EPERM, "%s: %s", shown.subject, shown.message);
}

/* The work lock of one's own claim; a return that still goes on in the background is waited for. */
static int lock_claim(struct pt_start *start, int wait_ms)
{
	char owner[PT_OWNER_TEXT];
	const struct pt_run *run = start->run;
	/* others may be looking at the lock at this instant */
	int r = pt_claims_work_lock(start->claims, pt_owner_name(run->vmid, owner),
		pt_now_ms() + LOOK_MS, &start->lock, &start->err);

	if (r != -EWOULDBLOCK)
		return r;
	start->err = (struct pt_err){0};
	PT_START_LOG(run, PT_LOG_INFO, "devices of guest %u are still being returned; waiting",
		run->vmid);
	return pt_claims_work_lock(
		start->claims, owner, pt_now_ms() + wait_ms, &start->lock, &start->err);
}

static int open_claims(struct pt_start *start, int wait_ms)
{
	char owner[PT_OWNER_TEXT];
	int r = pt_claims_open(&start->claims, start->run->host, PT_CLAIMS_DIR, true, &start->err);

	if (r == 0)
		r = lock_claim(start, wait_ms);
	if (r == 0)
		pt_claims_end_hold(start->claims, pt_owner_name(start->run->vmid, owner));
	return r < 0 ? r : pt_start_load_claim(start);
}

/* Whether the start takes something that the claim at hand holds, or could not give back. */
static bool takes_again(const struct pt_start *start)
{
	for (size_t i = 0; start->claim && i < start->claim->count; i++) {
		const struct pt_claim_function *function = &start->claim->function[i];
		bool held = !function->spare || function->moved || function->error;

		if (held && pt_start_taken(start, &function->bdf))
			return true;
	}
	return false;
}

static bool is_on_vfio(const struct pt_start *start, const struct pt_bdf *bdf)
{
	const struct pt_function *function = pt_inventory_find(start->facts.inventory, bdf);

	return function && pt_function_on_vfio(function);
}

/* Whether the claim's functions may be taken again as they are: their origins then stay. */
static bool claim_fits(const struct pt_start *start)
{
	pt_foreach (function, start->claim->function, start->claim->count) {
		const struct pt_taken *taken = pt_start_taken(start, &function->bdf);

		if (function->spare || function->has_pf)
			continue;
		if (!taken)
			taken = pt_taken_find(
				start->facts.spare, start->facts.spare_count, &function->bdf);
		/* stays claimed: on its vfio driver, beside what Proxmox VE does not bind */
		if (!taken && function->companion && is_on_vfio(start, &function->bdf))
			continue;
		/* vfio-pci took it for want of its driver: it moves straight to that one now */
		if (!taken || (!pt_streq(pt_taken_driver(taken), pt_claim_driver(function)) &&
				      !(taken->wish[0] && !function->driver)))
			return false;
	}
	return true;
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
	const struct pt_finding *refusing, *always;

	pt_check_run(&start->facts, &start->findings);
	log_findings(start);
	always = pt_findings_refusing(&start->findings, false);
	refusing = pt_findings_refusing(&start->findings, pt_facts_moves(&start->facts));
	if (!refusing)
		return false;
	if (run->advise && !always) {
		set_reason(start, refusing);
		PT_START_LOG(run, PT_LOG_WARNING,
			"%s: without 'mode = advise' this refuses the start", start->err.text);
		start->err = (struct pt_err){0};
		return false;
	}
	/* advice or not, a device of another guest or of the running system is not taken */
	set_reason(start, run->advise ? always : refusing);
	if (takes_system(start))
		pt_start_refuse_for_good(start);
	else
		pt_start_refuse(start);
	return true;
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
	r = pt_start_make_claim(start);
	return r < 0 ? pt_start_go_on(start) : pt_start_take(start);
}

/* Waits for returns under way, judges and takes. If another start has claimed a function since the
 * facts were gathered, gathers and judges again. */
static enum pt_start_result settle(struct pt_start *start)
{
	for (int tries = 0; tries < TRIES; tries++) {
		enum pt_start_result result;
		bool returned = false;
		int r = pt_start_wait_for_returns(start);

		if (r < 0)
			return cannot_look(start, r);
		r = pt_start_return_stale(start, &returned);
		if (r < 0 && r != -EWOULDBLOCK)
			return pt_start_refuse(start);
		r = returned ? pt_start_gather(start) : 0;
		if (r < 0)
			return cannot_look(start, r);
		pt_findings_clear(&start->findings);
		result = judge_and_take(start);
		if (result != PT_START_AGAIN)
			return result;
		pt_claim_free_p(&start->claim);
		r = pt_start_load_claim(start);
		if (r == 0)
			r = pt_start_gather(start);
		if (r < 0)
			return cannot_look(start, r);
	}
	pt_err_wrap(&start->err,
		"other guests took and released its devices %d times; start it again", TRIES);
	return pt_start_refuse(start);
}

/* The guest's last functions are still returning, maybe for ever: a driver hangs. Refuses a start
 * that needs them, since Proxmox VE would hang; any other goes on without a claim. */
static enum pt_start_result start_beside_return(struct pt_start *start)
{
	const struct pt_err locked = start->err;
	int r;

	start->err = (struct pt_err){0};
	r = pt_start_load_claim(start);
	if (r == 0)
		r = pt_start_gather(start);
	if (r < 0)
		return cannot_look(start, r);
	if (takes_again(start)) {
		start->err = locked;
		return pt_start_refuse(start);
	}
	if (is_decided_by_findings(start))
		return start->result;
	start->err = locked;
	return pt_start_go_on(start);
}

/* Waits for a return in the background even without a move: Proxmox VE would meet it. */
static void wait_for_own_return(struct pt_start *start, int wait_ms)
{
	if (pt_run_has_claim(start->run) && open_claims(start, wait_ms) == -EWOULDBLOCK)
		PT_START_LOG(start->run, PT_LOG_WARNING, "%s", start->err.text);
}

static enum pt_start_result stay_out(struct pt_start *start)
{
	const struct pt_run *run = start->run;

	PT_START_LOG(run, PT_LOG_WARNING, "pve-pthook is switched off by " PT_OFF_FILE);
	wait_for_own_return(start, run->wait_ms < OFF_WAIT_MS ? run->wait_ms : OFF_WAIT_MS);
	return pt_start_decide(start, PT_START_GOES_ON);
}

/* Nothing is moved; a claim of an earlier start is returned by post-stop all the same. */
static enum pt_start_result start_unread(struct pt_start *start)
{
	const enum pt_start_result result = cannot_look(start, -EIO);

	wait_for_own_return(start, start->run->wait_ms);
	return result;
}

static enum pt_start_result pre_start(const struct pt_run *run)
{
	struct pt_start start PT_CLEANUP(clear_start) = {.run = run, .lock = -1};
	struct pt_guest_query query = query_of(run);
	int pid, r;

	if (nothing_to_do(run))
		return pt_start_decide(&start, PT_START_GOES_ON);
	if (run->source_unknown)
		PT_START_LOG(run, PT_LOG_WARNING,
			"PVE_MIGRATED_FROM names no node of this cluster, so it is ignored");
	if (pt_host_exists(run->host, PT_OFF_FILE))
		return stay_out(&start);
	if (pt_guest_read(
		    run->host, &query, PT_SOURCE_AUTO, run->api_ms, &start.guest, &start.err) < 0)
		return start_unread(&start);
	pid = pt_guest_pid(run->host, run->vmid);
	if (pid) {
		PT_START_LOG(run, PT_LOG_WARNING,
			"guest %u already runs as process %d; nothing is moved", run->vmid, pid);
		return pt_start_decide(&start, PT_START_GOES_ON);
	}
	r = open_claims(&start, pt_guest_has_hostpci(start.guest) ? run->wait_ms : LOOK_MS);
	if (r == -EWOULDBLOCK)
		return start_beside_return(&start);
	if (r == 0) {
		pt_start_reconcile(&start);
		r = pt_start_gather(&start);
	}
	if (r == 0)
		r = pt_start_wait_for_last_run(&start);
	if (r == -EBUSY)
		return pt_start_refuse(&start);
	if (r < 0)
		return cannot_look(&start, r);
	if (start.claim && !claim_fits(&start)) {
		r = pt_start_return_old(&start);
		if (r == 0)
			r = pt_start_gather(&start);
		if (r < 0)
			return cannot_look(&start, r);
	}
	if (pt_guest_is_template(start.guest))
		return pt_start_decide(&start, PT_START_GOES_ON);
	r = pt_start_stop_units(&start);
	if (r < 0)
		cannot_look(&start, r);
	else
		settle(&start);
	if (start.result == PT_START_REFUSED)
		pt_start_begin_units(&start);
	return start.result;
}

int pt_phase_pre_start(const struct pt_run *run)
{
	return pre_start(run) == PT_START_REFUSED;
}
