// SPDX-License-Identifier: AGPL-3.0-or-later
/* A start takes functions: on the claim first, then moved. */
#include "hook/start.h"

static struct pt_claim_function *claim_one(
	const struct pt_start *start, const struct pt_bdf *bdf, const struct pt_taken *taken)
{
	struct pt_claim_function *function = pt_claim_add(
		start->claim, bdf, PT_LABEL(&start->facts.assignment[taken->assignment]));

	function->companion = taken->companion;
	return function;
}

/* The VFs of a PF that is to leave its driver go with it, and come back with it. */
static void claim_vfs(const struct pt_start *start, const struct pt_function *pf,
	const struct pt_taken *taken, bool spare)
{
	if (pt_taken_stays(taken, pf))
		return;
	for (size_t i = 0; i < pf->vf_count; i++) {
		struct pt_claim_function *vf = claim_one(start, &pf->vf[i], taken);

		vf->spare = spare;
		vf->moved = !spare;
		vf->has_pf = true;
		vf->pf = pf->bdf;
	}
}

/* A VF with a taken PF: claimed with that, unless the PF is where it is taken to already. */
static bool goes_with_its_pf(const struct pt_start *start, const struct pt_function *function)
{
	const struct pt_taken *taken =
		pt_function_is_vf(function) ? pt_start_taken(start, &function->physfn) : NULL;
	const struct pt_function *pf =
		taken ? pt_inventory_find(start->facts.inventory, &function->physfn) : NULL;

	return pf && !pt_taken_stays(taken, pf);
}

static void claim_taken(const struct pt_start *start, const struct pt_taken *taken, bool spare)
{
	const struct pt_function *function = pt_inventory_find(start->facts.inventory, &taken->bdf);
	const char *driver = pt_taken_driver(taken);
	struct pt_claim_function *claimed;

	/* refused by device-missing; without refusal PVE decides */
	if (!function || goes_with_its_pf(start, function))
		return;
	claimed = claim_one(start, &taken->bdf, taken);
	claimed->spare = spare;
	claimed->moved |= !spare;
	claimed->has_pf = false;
	/* none means vfio-pci */
	pt_set_text(&claimed->driver, pt_streq(driver, PT_VFIO_PCI) ? NULL : driver);
	claim_vfs(start, function, taken, spare);
}

int pt_start_make_claim(struct pt_start *start)
{
	const struct pt_facts *facts = &start->facts;
	char owner[PT_OWNER_TEXT];
	int r = 0;

	if (!start->claim)
		r = pt_claim_new(
			&start->claim, pt_owner_name(start->run->vmid, owner), &start->err);
	if (r < 0)
		return r;
	pt_foreach (taken, facts->taken, facts->taken_count)
		claim_taken(start, taken, false);
	pt_foreach (spare, facts->spare, facts->spare_count)
		claim_taken(start, spare, true);
	start->claim->state = PT_CLAIM_TAKING;
	return 0;
}

/* Handles the functions that the take could not return, and the spares. */
static enum pt_start_result give_up(struct pt_start *start)
{
	const struct pt_run *run = start->run;
	size_t failed = 0;

	start->claim->state = PT_CLAIM_RETURNING;
	pt_release_spares(run->host, start->claims, start->claim, &run->limits, start->lock, NULL);
	pt_foreach (function, start->claim->function, start->claim->count)
		failed += function->error != NULL;
	if (failed)
		pt_err_wrap(&start->err,
			"taking failed, and %zu of the taken devices cannot be returned "
			"('pve-ptconf claims' shows why, retry with 'pve-ptconf release %u')",
			failed, run->vmid);
	else
		pt_err_wrap(&start->err, "taking failed; the taken devices are returned");
	return pt_start_refuse(start);
}

enum pt_start_result pt_start_take(struct pt_start *start)
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
		return pt_start_decide(start, PT_START_AGAIN);
	/* a driver hangs on a device: Proxmox VE would hang with it */
	if (r == -ETIME && pt_facts_moves(&start->facts))
		return pt_start_refuse(start);
	if (r < 0)
		return pt_start_go_on(start);
	/* a take that fails is undone to the origin */
	pt_foreach (function, start->claim->function, start->claim->count)
		pt_set_text(&function->home, NULL);
	if (pt_handover_take(&handover, start->claim, &start->err) < 0)
		return give_up(start);
	start->claim->state = PT_CLAIM_TAKEN;
	/* from here on, and not when the take is undone, local policy says where functions go */
	pt_policy_set_homes(
		&start->facts.host->policy, run->vmid, start->claim, pt_host_log(run->host));
	/* a claim that still says "taking" returns the same way: no reason to refuse */
	if (pt_claims_save(start->claims, start->claim, &start->err) < 0)
		PT_START_LOG(run, PT_LOG_WARNING, "%s", start->err.text);
	return pt_start_decide(start, PT_START_GOES_ON);
}

void pt_start_load_wishes(struct pt_start *start)
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
			/* for all functions that want it: a driver that hangs is waited for once */
			pt_foreach (other, facts->taken, facts->taken_count)
				other->lacking |= pt_streq(other->wish, name);
			PT_START_LOG(run, PT_LOG_WARNING, "%s: %s; vfio-pci takes it",
				PT_BDF(&taken->bdf), err.text);
		}
		pt_module_driver(run->host, name, taken->wish);
	}
}

int pt_start_ensure_vfio(struct pt_start *start)
{
	if (!pt_facts_need_vfio_pci(&start->facts))
		return 0;
	return pt_module_ensure(start->run->host, PT_VFIO_PCI, NULL,
		pt_now_ms() + start->run->limits.write_ms, &start->err);
}
