// SPDX-License-Identifier: AGPL-3.0-or-later
/* Before the guest starts: read, judge, record, take. */
#include <errno.h>
#include <time.h>

#include "hook/phases.h"
#include "pve/paths.h"
#include "pve/reconcile.h"
#include "pve/rules.h"
#include "pve/runstate.h"
#include "pve/units.h"

#define WAIT_POLL_NS 100000000L
#define TRIES	     8
#define LOOK_MS	     100
#define OFF_WAIT_MS  30000	    /* for a return that is under way, when switched off */
#define AGAIN	     (-EWOULDBLOCK) /* not an exit code: the facts have changed meanwhile */

#define LOG(run, level, ...) pt_log(pt_host_log((run)->host), level, __VA_ARGS__)

/* What a pre-start holds while it goes from step to step. */
struct start {
	const struct pt_run *run;
	struct pt_guest *guest;
	struct pt_claims *claims;
	struct pt_claim *claim;
	int lock;
	struct pt_node *node;
	struct pt_facts facts;
	struct pt_findings findings;
	struct pt_err err;
};

static void clear_start(struct start *start)
{
	pt_findings_clear(&start->findings);
	pt_facts_clear(&start->facts);
	pt_node_close(start->node);
	pt_claim_free(start->claim);
	pt_claims_close(start->claims);
	pt_guest_free(start->guest);
	pt_close_fd(&start->lock);
}

/* Our own trouble never keeps a guest from starting: it is told, and the start goes on without us. */
static int go_on_without_us(const struct start *start)
{
	LOG(start->run, PT_LOG_ERROR,
		"pve-pthook: %s; the start goes on, but no device is moved or will be returned by "
		"pve-pthook%s",
		start->err.text, start->claim ? ", beyond those that its claim holds already" : "");
	return 0;
}

static int refuse(const struct start *start)
{
	if (start->run->advise)
		return go_on_without_us(start);
	LOG(start->run, PT_LOG_ERROR, "start refused: %s", start->err.text);
	return 1;
}

/* The host cannot be looked at: a driver hangs, and Proxmox VE would hang with it; or our own trouble. */
static int cannot_look(const struct start *start, int why)
{
	return why == -ETIME && pt_facts_moves(&start->facts) ? refuse(start)
							      : go_on_without_us(start);
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

static void tell_findings(const struct start *start)
{
	static const enum pt_log_level level[] = {
		[PT_INFO] = PT_LOG_INFO,
		[PT_WARNING] = PT_LOG_WARNING,
		[PT_ERROR] = PT_LOG_ERROR,
	};

	pt_foreach (finding, start->findings.finding, start->findings.count) {
		if (finding->refusal == PT_SILENT)
			continue;
		LOG(start->run, level[finding->severity], "%s: %s%s%s [%s]", finding->subject,
			finding->message, finding->hint ? "; " : "",
			finding->hint ? finding->hint : "", finding->tag);
	}
}

/* The work lock of one's own claim; a return that still goes on in the background is waited for. */
static int lock_claim(struct start *start, int wait_ms)
{
	char owner[PT_OWNER_TEXT];
	const struct pt_run *run = start->run;
	/* others may be looking at the lock at this instant */
	int r = pt_claims_work_lock(start->claims, pt_owner_name(run->vmid, owner),
		pt_now_ms() + LOOK_MS, &start->lock, &start->err);

	if (r != -EWOULDBLOCK)
		return r;
	start->err = (struct pt_err){0};
	LOG(run, PT_LOG_INFO, "devices of guest %u are still being returned; waiting", run->vmid);
	return pt_claims_work_lock(
		start->claims, owner, pt_now_ms() + wait_ms, &start->lock, &start->err);
}

/* The claim of an earlier start, if there is one. */
static int load_claim(struct start *start)
{
	char owner[PT_OWNER_TEXT];
	int r = pt_claims_load(
		start->claims, pt_owner_name(start->run->vmid, owner), &start->claim, &start->err);

	return r == -ENOENT ? 0 : r;
}

static int open_claims(struct start *start, int wait_ms)
{
	char owner[PT_OWNER_TEXT];
	int r = pt_claims_open(&start->claims, start->run->host, PT_CLAIMS_DIR, true, &start->err);

	if (r == 0)
		r = lock_claim(start, wait_ms);
	if (r == 0)
		pt_claims_forget_kept(start->claims, pt_owner_name(start->run->vmid, owner));
	return r < 0 ? r : load_claim(start);
}

/* Everything anew: what was known of the node may have changed. */
static int gather(struct start *start)
{
	const struct pt_run *run = start->run;
	int r;

	pt_facts_clear(&start->facts);
	pt_node_close_p(&start->node);
	r = pt_node_open(&start->node, run->host, run->node, start->claims, &start->err);
	return r < 0 ? r
		     : pt_facts_gather(start->node, start->guest, PT_DEPTH_START, &start->facts,
			       &start->err);
}

static const struct pt_taken *find_taken(const struct start *start, const struct pt_bdf *bdf)
{
	return pt_taken_find(start->facts.taken, start->facts.taken_count, bdf);
}

static const struct pt_taken *find_spare(const struct start *start, const struct pt_bdf *bdf)
{
	return pt_taken_find(start->facts.spare, start->facts.spare_count, bdf);
}

/* Whether the start takes something that the claim at hand holds, or could not give back. */
static bool takes_again(const struct start *start)
{
	for (size_t i = 0; start->claim && i < start->claim->count; i++) {
		const struct pt_claim_function *function = &start->claim->function[i];
		bool held = !function->spare || function->moved || function->error;

		if (held && find_taken(start, &function->bdf))
			return true;
	}
	return false;
}

static bool is_on_vfio(const struct start *start, const struct pt_bdf *bdf)
{
	const struct pt_function *function = pt_inventory_find(start->facts.inventory, bdf);

	return function && pt_function_on_vfio(function);
}

/* Whether all that the claim at hand has taken may be taken again, as it was: its origins then stay as recorded. */
static bool claim_fits(const struct start *start)
{
	pt_foreach (function, start->claim->function, start->claim->count) {
		const struct pt_taken *taken = find_taken(start, &function->bdf);

		if (function->spare || function->has_pf)
			continue;
		if (!taken)
			taken = find_spare(start, &function->bdf);
		/* one that is left on its vfio driver beside what Proxmox VE does not bind: it stays claimed */
		if (!taken && function->companion && is_on_vfio(start, &function->bdf))
			continue;
		/* from vfio-pci, which took what another driver could not be had for, it moves straight to that */
		if (!taken || (!pt_streq(pt_taken_driver(taken), pt_claim_driver(function)) &&
				      !(taken->wish[0] && !function->driver)))
			return false;
	}
	return true;
}

/*
 * A claim is left from a start that failed, and the config was changed since: it is returned first. What does
 * not come back stays on record, as spares that this start does not take, and keeps nobody from starting.
 */
static int return_old_claim(struct start *start)
{
	const struct pt_run *run = start->run;
	int r;

	LOG(run, PT_LOG_INFO,
		"guest %u still has devices of an earlier start; they are returned first",
		run->vmid);
	pt_claim_free_p(&start->claim);
	r = pt_release_locked(
		run->host, start->claims, run->vmid, &run->limits, start->lock, &start->err);
	if (r == 0)
		return 0;
	LOG(run, PT_LOG_ERROR,
		"devices of an earlier start cannot be returned, which 'pve-ptconf release %u' tries "
		"again once guest %u has stopped: %s",
		run->vmid, run->vmid, start->err.text);
	r = load_claim(start);
	for (size_t i = 0; start->claim && i < start->claim->count; i++)
		start->claim->function[i].spare = true;
	/* on disk, too: it may be read again */
	return r == 0 && start->claim ? pt_claims_save(start->claims, start->claim, &start->err)
				      : r;
}

/*
 * What nobody came back for goes home before anything is taken. Nothing is waited for: what a process still
 * holds may have nothing to do with this guest; if it has, it is returned with patience below. Nor is what has
 * failed before tried anew: a driver that takes its time to fail would keep every start of the node waiting.
 */
static void reconcile(const struct start *start)
{
	struct pt_limits limits = start->run->limits;
	struct pt_reconciled reconciled;
	struct pt_err err = {0};

	limits.group_ms = 0;
	if (pt_reconcile(start->run->host, start->claims, &limits, false, &reconciled, &err) < 0)
		LOG(start->run, PT_LOG_WARNING, "%s", err.text);
}

/* The first claim of a guest of which nothing is alive, behind after; 0: there is none. */
static unsigned int next_stale(const struct start *start, unsigned int after)
{
	unsigned int next = 0;

	pt_foreach (owner, start->facts.owner, start->facts.owner_count) {
		unsigned int vmid = (unsigned int)owner->vmid;

		if (owner->kind == PT_OWNER_STALE && vmid > after && (!next || vmid < next))
			next = vmid;
	}
	return next;
}

/*
 * Claims in the way that nobody lives on are returned first: what they record is where it belongs. AGAIN: a guest
 * came alive. Another error: what cannot be returned cannot be taken. Then, too, *ret_any says whether the facts
 * are to be gathered anew.
 */
static int return_stale_claims(struct start *start, bool *ret_any)
{
	const struct pt_run *run = start->run;
	int r = 0;

	for (unsigned int vmid = next_stale(start, 0); r == 0 && vmid;
		vmid = next_stale(start, vmid)) {
		LOG(run, PT_LOG_INFO,
			"guest %u does not run, but still holds devices; they are returned", vmid);
		*ret_any = true;
		r = pt_release_stale(run->host, start->claims, vmid, &run->limits, &start->err);
		/* what its host driver does not take is ours to take, and goes home when we have done with it */
		if (r == -EIO) {
			LOG(run, PT_LOG_WARNING, "guest %u: %s; taken over from it", vmid,
				start->err.text);
			start->err = (struct pt_err){0};
			r = 0;
		}
		if (r < 0 && r != AGAIN)
			pt_err_wrap(&start->err,
				"guest %u does not run, but its devices cannot be returned, which "
				"'pve-ptconf release %u' tries again",
				vmid, vmid);
	}
	return r;
}

/* Functions that another guest is giving back right now are waited for. */
static int wait_for_returns(struct start *start)
{
	const struct pt_run *run = start->run;
	long long deadline = pt_now_ms() + run->wait_ms;
	unsigned long long told = 0;

	pt_foreach (owner, start->facts.owner, start->facts.owner_count) {
		struct timespec pause = {.tv_nsec = WAIT_POLL_NS};
		char name[PT_OWNER_TEXT];

		if (owner->kind != PT_OWNER_RETURNING)
			continue;
		if (owner->vmid != told)
			LOG(run, PT_LOG_INFO, "guest %llu is still giving %s back; waiting",
				owner->vmid, PT_BDF(&owner->bdf));
		told = owner->vmid;
		pt_owner_name((unsigned int)owner->vmid, name);
		while (pt_claims_work_locked(start->claims, name) && pt_now_ms() < deadline)
			nanosleep(&pause, NULL);
	}
	return told ? gather(start) : 0;
}

/* Adds a function to the claim. */
static struct pt_claim_function *claim_one(
	const struct start *start, const struct pt_bdf *bdf, const struct pt_taken *taken)
{
	struct pt_claim_function *function = pt_claim_add(
		start->claim, bdf, PT_LABEL(&start->facts.assignment[taken->assignment]));

	if (function)
		function->companion = taken->companion;
	return function;
}

/* The VFs of a PF that is to leave its driver go with it, and come back with it. */
static int claim_vfs(const struct start *start, const struct pt_function *pf,
	const struct pt_taken *taken, bool spare)
{
	if (pt_taken_stays(taken, pf))
		return 0;
	for (size_t i = 0; i < pf->vf_count; i++) {
		struct pt_claim_function *vf = claim_one(start, &pf->vf[i], taken);

		if (!vf)
			return -ENOMEM;
		vf->spare = spare;
		vf->moved = !spare;
		vf->has_pf = true;
		vf->pf = pf->bdf;
	}
	return 0;
}

/* A VF whose PF is taken as well: claimed with that, unless the PF is where it is taken to already. */
static bool goes_with_its_pf(const struct start *start, const struct pt_function *function)
{
	const struct pt_taken *taken =
		pt_function_is_vf(function) ? find_taken(start, &function->physfn) : NULL;
	const struct pt_function *pf =
		taken ? pt_inventory_find(start->facts.inventory, &function->physfn) : NULL;

	return pf && !pt_taken_stays(taken, pf);
}

/* vfio-pci goes without saying. */
static const char *driver_to_record(const struct pt_taken *taken)
{
	const char *driver = pt_taken_driver(taken);

	return pt_streq(driver, PT_VFIO_PCI) ? NULL : driver;
}

static int claim_taken(const struct start *start, const struct pt_taken *taken, bool spare)
{
	const struct pt_function *function = pt_inventory_find(start->facts.inventory, &taken->bdf);
	struct pt_claim_function *claimed;

	/* refused by device-missing; without refusal PVE decides */
	if (!function || goes_with_its_pf(start, function))
		return 0;
	claimed = claim_one(start, &taken->bdf, taken);
	if (!claimed)
		return -ENOMEM;
	claimed->spare = spare;
	claimed->moved |= !spare;
	claimed->has_pf = false;
	if (pt_set_text(&claimed->driver, driver_to_record(taken)) < 0)
		return -ENOMEM;
	return claim_vfs(start, function, taken, spare);
}

static int make_claim(struct start *start)
{
	const struct pt_facts *facts = &start->facts;
	char owner[PT_OWNER_TEXT];
	int r = 0;

	if (!start->claim)
		r = pt_claim_new(
			&start->claim, pt_owner_name(start->run->vmid, owner), &start->err);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < facts->taken_count; i++)
		r = claim_taken(start, &facts->taken[i], false);
	for (size_t i = 0; r == 0 && i < facts->spare_count; i++)
		r = claim_taken(start, &facts->spare[i], true);
	start->claim->state = PT_CLAIM_TAKING;
	return r < 0 ? pt_err_nomem(&start->err) : 0;
}

/* What was taken is returned already; what could not be, and the spares, are dealt with. */
static int give_up(struct start *start)
{
	const struct pt_run *run = start->run;
	size_t left = 0;

	start->claim->state = PT_CLAIM_RETURNING;
	pt_release_spares(run->host, start->claims, start->claim, &run->limits, start->lock, NULL);
	pt_foreach (function, start->claim->function, start->claim->count)
		left += function->error != NULL;
	if (left)
		pt_err_wrap(&start->err,
			"devices cannot be taken, and %zu of those that were cannot be returned "
			"('pve-ptconf claims' shows why, 'pve-ptconf release %u' tries again)",
			left, run->vmid);
	else
		pt_err_wrap(
			&start->err, "devices cannot be taken, and those that were are returned");
	return refuse(start);
}

/* A take that fails is undone to the origin. */
static void forget_homes(struct start *start)
{
	pt_foreach (function, start->claim->function, start->claim->count)
		pt_set_text(&function->home, NULL);
}

/* Writes the claim, moves the functions, writes the claim. The exit code, or AGAIN. */
static int take(struct start *start)
{
	const struct pt_run *run = start->run;
	struct pt_handover handover = {.host = run->host,
		.log = pt_host_log(run->host),
		.lock_fd = start->lock,
		.write_ms = run->limits.write_ms,
		.phase_ms = run->limits.phase_ms};
	struct pt_others others = {run->host, start->claims};
	struct pt_claims_alive alive = {pt_other_counts, &others};
	int r = pt_claims_record(start->claims, run->host, start->claim, &alive, &start->err);

	if (r == -EBUSY)
		return AGAIN;
	/* a driver hangs on a device: Proxmox VE would hang with it */
	if (r == -ETIME && pt_facts_moves(&start->facts))
		return refuse(start);
	if (r < 0)
		return go_on_without_us(start);
	forget_homes(start);
	if (pt_handover_take(&handover, start->claim, &start->err) < 0)
		return give_up(start);
	start->claim->state = PT_CLAIM_TAKEN;
	/* from here on, and not when the take is undone, local policy says where functions go */
	pt_policy_set_homes(
		&start->facts.host->policy, run->vmid, start->claim, pt_host_log(run->host));
	/* a claim that still says "taking" returns the same way: no reason to refuse */
	if (pt_claims_save(start->claims, start->claim, &start->err) < 0)
		LOG(run, PT_LOG_WARNING, "%s", start->err.text);
	return 0;
}

/* That a driver cannot be had is so for all that want it: one that hangs is waited for once. */
static void note_lacking(struct pt_facts *facts, const char *wish)
{
	pt_foreach (taken, facts->taken, facts->taken_count)
		taken->lacking |= pt_streq(taken->wish, wish);
}

/* Loads the drivers that local policy wants, to know them by their own names. What cannot be had is vfio-pci's to take. */
static void load_wishes(struct start *start)
{
	const struct pt_run *run = start->run;
	struct pt_facts *facts = &start->facts;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		struct pt_err err = {0};
		char name[PT_DRIVER_TEXT];

		if (pt_streq(pt_taken_driver(taken), PT_VFIO_PCI))
			continue;
		memcpy(name, taken->wish, sizeof(name));
		if (pt_module_ensure(
			    run->host, name, NULL, pt_now_ms() + run->limits.write_ms, &err) < 0) {
			note_lacking(facts, name);
			LOG(run, PT_LOG_WARNING, "%s: %s; vfio-pci takes it", PT_BDF(&taken->bdf),
				err.text);
		}
		pt_module_driver(run->host, name, taken->wish);
	}
}

/* Makes sure of vfio-pci, unless all that is taken goes to other drivers. */
static int ensure_vfio(struct start *start)
{
	pt_foreach (taken, start->facts.taken, start->facts.taken_count) {
		if (pt_streq(pt_taken_driver(taken), PT_VFIO_PCI))
			return pt_module_ensure(start->run->host, PT_VFIO_PCI, NULL,
				pt_now_ms() + start->run->limits.write_ms, &start->err);
	}
	return 0;
}

/* Judges, and takes when nothing speaks against it. The exit code, or AGAIN. */
static int judge_and_take(struct start *start)
{
	const struct pt_run *run = start->run;
	const struct pt_finding *refusing, *owner;
	int r;

	pt_rules_run(&start->facts, &start->findings);
	tell_findings(start);
	if (start->findings.failed) {
		pt_err_nomem(&start->err);
		return go_on_without_us(start);
	}
	if (start->facts.claims_err.code)
		LOG(run, PT_LOG_WARNING, "%s", start->facts.claims_err.text);
	owner = pt_findings_refusing(&start->findings, false);
	refusing = pt_findings_refusing(&start->findings, pt_facts_moves(&start->facts));
	if (refusing && run->advise && !owner) {
		LOG(run, PT_LOG_WARNING,
			"%s: %s: the start would be refused, but for 'mode = advise'",
			refusing->subject, refusing->message);
	} else if (refusing) {
		/* advice or not, what another guest has is not taken */
		refusing = run->advise ? owner : refusing;
		pt_err_set(&start->err, -EPERM, "%s: %s", refusing->subject, refusing->message);
		return refuse(start);
	}
	if (!start->facts.taken_count)
		return 0;
	load_wishes(start);
	r = ensure_vfio(start);
	if (r == -ENOTSUP || r == -EAGAIN)
		return go_on_without_us(start);
	if (r < 0)
		return refuse(start); /* Proxmox VE could not go on either */
	r = make_claim(start);
	return r < 0 ? go_on_without_us(start) : take(start);
}

/*
 * Waits for what others give back, judges and takes. Another guest's start may have claimed a function since
 * the facts were gathered: then they are gathered anew, and another alternative may be left.
 */
static int settle(struct start *start)
{
	for (int tries = 0; tries < TRIES; tries++) {
		bool returned = false;
		int result = wait_for_returns(start);

		if (result < 0)
			return cannot_look(start, result);
		result = return_stale_claims(start, &returned);
		if (result < 0 && result != AGAIN)
			return refuse(start);
		result = returned ? gather(start) : 0;
		if (result < 0)
			return cannot_look(start, result);
		pt_findings_clear(&start->findings);
		result = judge_and_take(start);
		if (result != AGAIN)
			return result;
		pt_claim_free_p(&start->claim);
		result = load_claim(start);
		if (result == 0)
			result = gather(start);
		if (result < 0)
			return cannot_look(start, result);
	}
	pt_err_wrap(&start->err,
		"other guests claimed and left its devices meanwhile, %d times over; start it "
		"again",
		TRIES);
	return refuse(start);
}

/*
 * What the guest held is still on its way home, and maybe for ever: a driver hangs. A start that needs it is refused, for
 * Proxmox VE would hang as well; any other goes on, but not under that claim.
 */
static int start_beside_return(struct start *start)
{
	const struct pt_run *run = start->run;
	const struct pt_err locked = start->err;
	const struct pt_finding *refusing;
	int r;

	start->err = (struct pt_err){0};
	r = load_claim(start);
	if (r == 0)
		r = gather(start);
	if (r < 0)
		return cannot_look(start, r);
	if (takes_again(start)) {
		start->err = locked;
		return refuse(start);
	}
	pt_rules_run(&start->facts, &start->findings);
	tell_findings(start);
	refusing = pt_findings_refusing(&start->findings, pt_facts_moves(&start->facts));
	if (refusing && !run->advise) {
		pt_err_set(&start->err, -EPERM, "%s: %s", refusing->subject, refusing->message);
		return refuse(start);
	}
	start->err = locked;
	return go_on_without_us(start);
}

/* Whether the start would be refused though the host used nothing of what it takes. */
static bool refused_anyway(struct start *start)
{
	bool refused = false;

	pt_rules_run(&start->facts, &start->findings);
	pt_foreach (finding, start->findings.finding, start->findings.count)
		refused |= (finding->refusal == PT_REFUSE || finding->refusal == PT_REFUSE_OWNER) &&
			   !pt_starts_with(finding->tag, "in-use-");
	pt_findings_clear(&start->findings);
	return refused;
}

static int units_to_stop(const struct start *start, struct pt_names *ret)
{
	const struct pt_policy *policy = &start->facts.host->policy;
	int r = 0;

	for (size_t i = 0; r == 0 && i < start->facts.taken_count; i++)
		r = pt_policy_units(policy, start->run->vmid, &start->facts.taken[i].bdf, ret);
	return r;
}

/* What local policy has stopped before the host's devices are looked at; then they are looked at anew. */
static int stop_units(struct start *start)
{
	const struct pt_run *run = start->run;
	struct pt_names PT_NAMES units = {0};
	char owner[PT_OWNER_TEXT];
	bool any = false;
	int r;

	if (!pt_facts_moves(&start->facts))
		return 0;
	r = units_to_stop(start, &units);
	if (r < 0)
		return pt_err_nomem(&start->err);
	if (!units.count || refused_anyway(start))
		return 0;
	if (!start->claim)
		r = pt_claim_new(&start->claim, pt_owner_name(run->vmid, owner), &start->err);
	if (r == 0)
		r = pt_units_stop(run->host, start->claims, start->claim, &units,
			run->limits.phase_ms, &any, &start->err);
	return r == 0 && any ? gather(start) : r;
}

/* A start that is refused, and took nothing, has its units started again; one that goes on without us when its guest stops. */
static void start_units(struct start *start)
{
	const struct pt_run *run = start->run;
	struct pt_err err = {0};

	if (start->claim && !start->claim->count && start->claim->unit.count &&
		pt_release_spares(run->host, start->claims, start->claim, &run->limits, start->lock,
			&err) < 0)
		LOG(run, PT_LOG_ERROR, "%s", err.text);
}

/* QEMU could not open what the guest's last one still holds; what it does not need any more is not waited for. */
static int wait_for_last_run(struct start *start)
{
	const struct pt_run *run = start->run;
	long long deadline = pt_now_ms() + run->release_ms;
	bool waited = false;
	int r = 0;

	for (size_t i = 0; r == 0 && start->claim && i < start->claim->count; i++) {
		const struct pt_claim_function *function = &start->claim->function[i];

		if (!function->spare && find_taken(start, &function->bdf))
			r = pt_wait_for_last_run(run->host, run->vmid, &function->bdf, deadline,
				&waited, &start->err);
	}
	return r < 0 || !waited ? r : gather(start);
}

/* Who moves nothing still waits for a return that goes on in the background: Proxmox VE's own binding would meet it. */
static void wait_for_own_return(struct start *start, int wait_ms)
{
	if (pt_run_has_claim(start->run) && open_claims(start, wait_ms) == -EWOULDBLOCK)
		LOG(start->run, PT_LOG_WARNING, "%s", start->err.text);
}

/* Switched off. */
static int stay_out(struct start *start)
{
	const struct pt_run *run = start->run;

	LOG(run, PT_LOG_WARNING, "pve-pthook is switched off by " PT_OFF_FILE);
	wait_for_own_return(start, run->wait_ms < OFF_WAIT_MS ? run->wait_ms : OFF_WAIT_MS);
	return 0;
}

/* Nothing is moved; a claim of an earlier start is returned by post-stop all the same. */
static int start_unread(struct start *start)
{
	const int result = go_on_without_us(start);

	wait_for_own_return(start, start->run->wait_ms);
	return result;
}

int pt_phase_pre_start(const struct pt_run *run)
{
	struct start start PT_CLEANUP(clear_start) = {.run = run, .lock = -1};
	struct pt_guest_query query = query_of(run);
	int pid, r;

	if (nothing_to_do(run))
		return 0;
	if (run->source_unknown)
		LOG(run, PT_LOG_WARNING,
			"PVE_MIGRATED_FROM names no node of this cluster and is passed over");
	if (pt_host_exists(run->host, PT_OFF_FILE))
		return stay_out(&start);
	if (pt_guest_read(
		    run->host, &query, PT_SOURCE_AUTO, run->api_ms, &start.guest, &start.err) < 0)
		return start_unread(&start);
	pid = pt_guest_pid(run->host, run->vmid);
	if (pid) {
		LOG(run, PT_LOG_WARNING, "guest %u already runs as process %d; nothing is moved",
			run->vmid, pid);
		return 0;
	}
	r = open_claims(&start, pt_guest_has_hostpci(start.guest) ? run->wait_ms : LOOK_MS);
	if (r == -EWOULDBLOCK)
		return start_beside_return(&start);
	if (r == 0) {
		reconcile(&start);
		r = gather(&start);
	}
	if (r == 0)
		r = wait_for_last_run(&start);
	if (r == -EBUSY)
		return refuse(&start);
	if (r < 0)
		return cannot_look(&start, r);
	if (start.claim && !claim_fits(&start)) {
		r = return_old_claim(&start);
		if (r == 0)
			r = gather(&start);
		if (r < 0)
			return cannot_look(&start, r);
	}
	if (pt_guest_is_template(start.guest))
		return 0;
	r = stop_units(&start);
	r = r < 0 ? cannot_look(&start, r) : settle(&start);
	if (r == 1)
		start_units(&start);
	return r;
}
