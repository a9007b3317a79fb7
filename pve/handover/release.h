// SPDX-License-Identifier: AGPL-3.0-or-later
/* Returns the functions of a claim: for post-stop, the verb release, and undoing. */
#ifndef PT_RELEASE_H
#define PT_RELEASE_H

#include "lib/claim/claimfile.h"
#include "lib/claim/handover.h"
#include "pve/config/live.h"
#include "pve/config/policy.h"

/* Returns all functions of the guest's claim and ends it; no claim is no error. A function that a
 * live guest's claim lists too stays; that claim returns it. -EWOULDBLOCK: somebody else moves
 * them. -EBUSY: the guest runs and nothing was moved, or a group is open and the rest was returned.
 * -EIO: some stay with their error. A node that goes down meanwhile keeps everything. */
int pt_release(const struct pt_host *host, const struct pt_claims *claims, unsigned int vmid,
	const struct pt_limits *limits, struct pt_err *err);

/* The same, for the holder of the work lock lock_fd. */
int pt_release_locked(const struct pt_host *host, const struct pt_claims *claims, unsigned int vmid,
	const struct pt_limits *limits, int lock_fd, struct pt_err *err);

/* Returns a dead guest's claim, for callers outside its phases. -EWOULDBLOCK: it is alive after
 * all; others as pt_release. Holds Proxmox VE's lock for an instant only; then the work lock delays
 * a start. */
int pt_release_stale(const struct pt_host *host, const struct pt_claims *claims, unsigned int vmid,
	const struct pt_limits *limits, struct pt_err *err);

/* Returns the spares that we or Proxmox VE moved, drops the others, and writes the claim. Touches
 * none that is in use or in another claim; one in use that we moved stays on record. -EIO: some
 * stay. */
int pt_release_spares(const struct pt_host *host, const struct pt_claims *claims,
	struct pt_claim *claim, const struct pt_limits *limits, int lock_fd, struct pt_err *err);

/* For struct pt_claims_alive: whether another guest's claim counts. data: struct pt_others. */
struct pt_others {
	const struct pt_host *host;
	const struct pt_claims *claims;
};
bool pt_other_counts(void *data, const char *owner, bool spare);

/* At a start: waits until the guest's last QEMU releases the function, and sets *waited. Does not
 * wait for other holders. -EBUSY: it has not by the deadline. */
int pt_wait_for_last_run(const struct pt_host *host, unsigned int vmid, const struct pt_bdf *bdf,
	long long deadline_ms, bool *waited, struct pt_err *err);

#endif
