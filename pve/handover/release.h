// SPDX-License-Identifier: AGPL-3.0-or-later
/* Returns the functions of a claim: for post-stop, the verb release, and undoing. */
#ifndef PT_RELEASE_H
#define PT_RELEASE_H

#include "lib/claim/claimfile.h"
#include "lib/claim/handover.h"
#include "pve/config/live.h"
#include "pve/config/policy.h"

/*
 * Returns every function of the guest's claim to its origin and ends the claim; no claim is no
 * error. What a living guest's claim holds as well is left to that. -EWOULDBLOCK: somebody else is
 * moving them. -EBUSY: the guest runs and nothing was moved; or a group is still open, and all but
 * what lies in it was returned. -EIO: some functions stay in the claim with their error. A node
 * that goes down while a group is waited for keeps everything as it is.
 */
int pt_release(const struct pt_host *host, const struct pt_claims *claims, unsigned int vmid,
	const struct pt_limits *limits, struct pt_err *err);

/* The same, for the holder of the work lock lock_fd. */
int pt_release_locked(const struct pt_host *host, const struct pt_claims *claims, unsigned int vmid,
	const struct pt_limits *limits, int lock_fd, struct pt_err *err);

/*
 * Returns the claim of a guest of which nothing is alive, asked from outside its phases.
 * -EWOULDBLOCK, -EBUSY: something is, after all. Proxmox VE's lock of that guest is held for an
 * instant only; then the work lock keeps a start of it waiting.
 */
int pt_release_stale(const struct pt_host *host, const struct pt_claims *claims, unsigned int vmid,
	const struct pt_limits *limits, struct pt_err *err);

/*
 * Returns the spares of a claim that Proxmox VE moved all the same, takes all of them out and
 * writes the claim. One that somebody uses, or that another claim holds, is left alone. -EIO: some
 * stay.
 */
int pt_release_spares(const struct pt_host *host, const struct pt_claims *claims,
	struct pt_claim *claim, const struct pt_limits *limits, int lock_fd, struct pt_err *err);

/* For struct pt_claims_alive: whether another guest's claim counts. data: struct pt_others. */
struct pt_others {
	const struct pt_host *host;
	const struct pt_claims *claims;
};
bool pt_other_counts(void *data, const char *owner, bool spare);

/*
 * At a start: waits until the QEMU that the guest had before lets go of the function, and sets
 * *waited. Who else holds it is not waited for. -EBUSY: it has not by the deadline.
 */
int pt_wait_for_last_run(const struct pt_host *host, unsigned int vmid, const struct pt_bdf *bdf,
	long long deadline_ms, bool *waited, struct pt_err *err);

#endif
