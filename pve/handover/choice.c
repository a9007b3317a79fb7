// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/args.h"
#include "pve/handover/choice.h"
#include "pve/config/policy.h"

static bool is_reserved(const struct pt_reservations *reservations, unsigned int vmid,
	const struct pt_claim_function *function)
{
	const struct pt_reservation *reservation =
		pt_reservation_find(reservations, PT_BDF(&function->bdf));

	return reservation && reservation->vmid == vmid;
}

/* Whether the guest has reserved anything to compare with. A function's label is the first entry
 * that may get it, so the entry says nothing when several choose from one mapping. */
static bool has_reserved_any(
	const struct pt_reservations *reservations, unsigned int vmid, const struct pt_claim *claim)
{
	pt_foreach (function, claim->function, claim->count) {
		if (is_reserved(reservations, vmid, function))
			return true;
	}
	return false;
}

/* Whether an assigned, taken function is in the same IOMMU group. */
static bool shares_taken_group(const struct pt_host *host, const struct pt_claim *claim,
	const struct pt_claim_function *companion)
{
	int group = pt_function_read_group(host, &companion->bdf);

	if (group == PT_GROUP_NONE)
		return false;
	pt_foreach (function, claim->function, claim->count) {
		if (!function->companion && !function->spare && !function->has_pf &&
			pt_function_read_group(host, &function->bdf) == group)
			return true;
	}
	return false;
}

static bool set_spare(const struct pt_host *host, struct pt_claim_function *function, bool spare)
{
	if (function->spare == spare)
		return false;
	function->spare = spare;
	pt_log(pt_host_log(host), PT_LOG_INFO,
		spare ? "%s: %s is not the choice of Proxmox VE, and a spare now"
		      : "%s: %s is the choice of Proxmox VE",
		function->label, PT_BDF(&function->bdf));
	return true;
}

bool pt_choice_correct(const struct pt_host *host, const struct pt_reservations *reservations,
	unsigned int vmid, struct pt_claim *claim)
{
	bool any = has_reserved_any(reservations, vmid, claim), changed = false;

	/* Proxmox VE reserves no devices in args, which it does not know */
	pt_foreach (function, claim->function, claim->count) {
		if (any && !function->companion && !function->has_pf &&
			!pt_streq(function->label, PT_ARGS_LABEL))
			changed |= set_spare(
				host, function, !is_reserved(reservations, vmid, function));
	}
	pt_foreach (function, claim->function, claim->count) {
		if (function->companion && !function->has_pf)
			changed |= set_spare(
				host, function, !shares_taken_group(host, claim, function));
	}
	pt_foreach (vf, claim->function, claim->count) {
		const struct pt_claim_function *pf =
			vf->has_pf ? pt_claim_find(claim, &vf->pf) : NULL;

		if (pf)
			vf->spare = pf->spare;
	}
	return changed;
}

static bool has_spares(const struct pt_claim *claim)
{
	pt_foreach (function, claim->function, claim->count) {
		if (function->spare)
			return true;
	}
	return false;
}

int pt_choice_confirm(const struct pt_host *host, const struct pt_claims *claims, unsigned int vmid,
	const struct pt_limits *limits, int lock_fd, struct pt_err *err)
{
	struct pt_reservations PT_RESERVATIONS reservations = {0};
	struct pt_policy PT_POLICY policy = {0};
	struct pt_claim PT_CLAIM *claim = NULL;
	char owner[PT_OWNER_TEXT];
	int r = pt_claims_load(claims, pt_owner_name(vmid, owner), &claim, err);

	if (r == -ENOENT)
		return 0;
	if (r < 0 || !has_spares(claim))
		return r;
	r = pt_reservations_read(host, &reservations, err);
	if (r < 0)
		return r;
	/* before anything moves: after a crash the right functions are on record as taken */
	if (pt_choice_correct(host, &reservations, vmid, claim)) {
		/* the start has reported a bad one */
		pt_policy_read(host, limits->allowing, &policy, NULL);
		pt_policy_set_homes(&policy, vmid, claim, pt_host_log(host));
		r = pt_claims_save(claims, claim, err);
	}
	return r < 0 ? r : pt_release_spares(host, claims, claim, limits, lock_fd, err);
}
