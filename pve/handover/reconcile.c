// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "pve/handover/choice.h"
#include "pve/config/guest.h"
#include "pve/handover/reconcile.h"
#include "pve/config/runstate.h"

static bool has_claim(const struct pt_claims *claims, unsigned int vmid)
{
	struct pt_claim PT_CLAIM *claim = NULL;
	char owner[PT_OWNER_TEXT];

	return pt_claims_load(claims, pt_owner_name(vmid, owner), &claim, NULL) != -ENOENT;
}

/* Whether it holds only functions that could not be returned. */
static bool has_failed(const struct pt_claims *claims, unsigned int vmid)
{
	struct pt_claim PT_CLAIM *claim = NULL;
	char owner[PT_OWNER_TEXT];

	if (pt_claims_load(claims, pt_owner_name(vmid, owner), &claim, NULL) < 0)
		return false;
	pt_foreach (function, claim->function, claim->count) {
		if (!function->error && !function->spare)
			return false;
	}
	return true;
}

/* Without again one that failed before does not count. */
static bool has_spares(const struct pt_claims *claims, const char *owner, bool again)
{
	struct pt_claim PT_CLAIM *claim = NULL;

	if (pt_claims_load(claims, owner, &claim, NULL) < 0 || claim->state != PT_CLAIM_TAKEN)
		return false;
	pt_foreach (function, claim->function, claim->count) {
		if (function->spare && (again || !function->error))
			return true;
	}
	return false;
}

/* Returns the spares of a running guest that its post-start could not return. */
static void return_spares(const struct pt_host *host, const struct pt_claims *claims,
	unsigned int vmid, const struct pt_limits *limits, bool again)
{
	PT_CLOSE int guest_lock = -1;
	PT_CLOSE int lock = -1;
	struct pt_err err = {0};
	char owner[PT_OWNER_TEXT];

	/* who holds one of the locks starts or stops it, and looks after its claim */
	if (!has_spares(claims, pt_owner_name(vmid, owner), again) ||
		pt_guest_try_lock(host, vmid, &guest_lock) < 0 ||
		pt_claims_work_lock(claims, owner, pt_now_ms(), &lock, NULL) < 0)
		return;
	pt_close_fd(&guest_lock);
	if (pt_guest_pid(host, vmid) &&
		pt_choice_confirm(host, claims, vmid, limits, lock, &err) < 0)
		pt_log(pt_host_log(host), PT_LOG_ERROR, "guest %u: %s", vmid, err.text);
}

/* Names a process that holds Proxmox VE's lock of the guest and is none of Proxmox VE's: it keeps
 * the guest from starting, and its devices from returning. */
static void warn_of_stranger(const struct pt_host *host, unsigned int vmid)
{
	int pid = pt_guest_locker(host, vmid);

	if (pid && !pt_pid_is_roots(host, pid))
		pt_log(pt_host_log(host), PT_LOG_WARNING,
			"guest %u: process %d, which is not root's, holds its lock, so its devices stay "
			"taken; end that process",
			vmid, pid);
}

static void reconcile_one(const struct pt_host *host, const struct pt_claims *claims,
	unsigned int vmid, const struct pt_limits *limits, bool again,
	struct pt_reconciled *reconciled)
{
	struct pt_err err = {0};
	int r;

	if (pt_guest_pid(host, vmid)) {
		return_spares(host, claims, vmid, limits, again);
		return;
	}
	if (pt_guest_is_live(host, claims, vmid)) {
		warn_of_stranger(host, vmid);
		return;
	}
	pt_log(pt_host_log(host), PT_LOG_INFO,
		"guest %u does not run, but still holds devices; returning them", vmid);
	r = pt_release_stale(host, claims, vmid, limits, &err);
	if (r == 0) {
		/* a function that somebody else has now stays on record */
		reconciled->returned += !has_claim(claims, vmid);
		return;
	}
	if (r == -EWOULDBLOCK)
		return; /* it came alive just now */
	reconciled->failed++;
	pt_log(pt_host_log(host), PT_LOG_ERROR, "guest %u: %s", vmid, err.text);
}

int pt_reconcile(const struct pt_host *host, const struct pt_claims *claims,
	const struct pt_limits *limits, bool again, struct pt_reconciled *ret, struct pt_err *err)
{
	struct pt_names PT_NAMES owners = {0};
	int r = pt_claims_owners(claims, &owners, err);

	if (r < 0)
		return r;
	*ret = (struct pt_reconciled){0};
	pt_foreach (owner, owners.name, owners.count) {
		unsigned int vmid;

		if (pt_vmid_parse(*owner, &vmid) && (again || !has_failed(claims, vmid)))
			reconcile_one(host, claims, vmid, limits, again, ret);
	}
	return 0;
}
