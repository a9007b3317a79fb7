// SPDX-License-Identifier: AGPL-3.0-or-later
/* Claims in files: one per owner in <dir>/claims. A crash leaves the old or the new one
 * (temporary file, fsync, rename, fsync of the folder). Temporary files and locks, which are never
 * unlinked, lie in <dir>/work. */
#ifndef PT_CLAIMFILE_H
#define PT_CLAIMFILE_H

#include "lib/claim/claim.h"

struct pt_claims; /* an open claims folder */

/* Opens dir (a path on the host); create makes it and its folders. -ENOENT without create: there
 * are no claims. -EPERM: others than its owner may write to it. */
int pt_claims_open(struct pt_claims **ret, const struct pt_host *host, const char *dir, bool create,
	struct pt_err *err);
void pt_claims_close(struct pt_claims *claims);
void pt_claims_close_p(struct pt_claims **claims);
#define PT_CLAIMS PT_CLEANUP(pt_claims_close_p)

/* The owners that have a claim; claims may be NULL (none). */
int pt_claims_owners(const struct pt_claims *claims, struct pt_names *ret, struct pt_err *err);

/* -ENOENT: the owner has none (err is not filled). -EINVAL: the file is damaged. */
int pt_claims_load(const struct pt_claims *claims, const char *owner, struct pt_claim **ret,
	struct pt_err *err);

/* Writes the claim durably. */
int pt_claims_save(
	const struct pt_claims *claims, const struct pt_claim *claim, struct pt_err *err);

/* Whether another owner's claim on a function counts: not if nothing of the owner is alive. spare:
 * the function is a spare there. NULL: every claim counts. */
struct pt_claims_alive {
	bool (*ask)(void *data, const char *owner, bool spare);
	void *data;
};

/* Begins or widens a claim: fills in missing origins, from another claim that knows the function or
 * from the host, and writes the claim durably. Takes over functions that a dead owner's claim could
 * not return. -EBUSY: another owner has taken one, err names both. -ENODEV, -ETIME, -EINVAL as
 * pt_origin_read. Holds the folder lock, so no other claim begins meanwhile. */
int pt_claims_record(const struct pt_claims *claims, const struct pt_host *host,
	struct pt_claim *claim, const struct pt_claims_alive *alive, struct pt_err *err);

/* Removes from that part of the claim the functions of any other claim that counts, and writes
 * it: that one returns them later. Logs each. Holds the folder lock: of two callers at once
 * one keeps the function. */
int pt_claims_yield(const struct pt_claims *claims, struct pt_claim *claim, enum pt_part part,
	const struct pt_claims_alive *alive, const struct pt_log *log, struct pt_err *err);

/* Writes the claim, or ends it when it holds nothing. */
int pt_claims_store(
	const struct pt_claims *claims, const struct pt_claim *claim, struct pt_err *err);

/* Ends a claim, durably. No claim is no error. */
int pt_claims_remove(const struct pt_claims *claims, const char *owner, struct pt_err *err);

/* Puts the claim on hold, for an owner that restarts at once. pt_claims_on_hold: whether the hold
 * is younger than so many seconds. The end of the claim ends the hold. */
int pt_claims_hold(const struct pt_claims *claims, const char *owner);
bool pt_claims_on_hold(const struct pt_claims *claims, const char *owner, int seconds);
void pt_claims_end_hold(const struct pt_claims *claims, const char *owner);

/* Takes the work lock of an owner's claim, for moving its functions. Close ret_fd to release it.
 * Tries until deadline_ms; -EWOULDBLOCK: somebody else is moving them. */
int pt_claims_work_lock(const struct pt_claims *claims, const char *owner, long long deadline_ms,
	int *ret_fd, struct pt_err *err);

/* Whether somebody holds the work lock now. */
bool pt_claims_work_locked(const struct pt_claims *claims, const char *owner);

#endif
