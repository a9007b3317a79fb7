// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Claims on disk: one file per owner in <dir>/claims, written so that a crash at any instant leaves
 * the old or the new one (temporary file, fsync, rename, fsync of the folder). Temporary files and
 * locks live in <dir>/work. Lock files are never unlinked.
 */
#ifndef PT_CLAIMFILE_H
#define PT_CLAIMFILE_H

#include "lib/claim/claim.h"

struct pt_claims; /* an open claims folder */

/*
 * Opens dir (a path on the host), making it and its two folders when create is set.
 * -ENOENT without create: there are no claims. -EPERM: others than its owner may write to it.
 */
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

/*
 * Whether another owner's claim on a function counts, asked of those who know what owners are: not
 * when nothing of the owner is alive. spare: the function is one of its spares. NULL in place of
 * it: every claim counts.
 */
struct pt_claims_alive {
	bool (*ask)(void *data, const char *owner, bool spare);
	void *data;
};

/*
 * Begins a claim, or widens it: fills in the origin of every function that has none, and writes the
 * claim durably. Where another claim knows the function its record counts, else what the host says
 * now. A function that could not be given back is taken over from the claim of an owner of which
 * nothing is alive. -EBUSY: another owner's claim has taken one of the functions, and err names
 * both. -ENODEV, -ETIME, -EINVAL as pt_origin_read. All of it happens under the folder lock, so no
 * other claim begins in between.
 */
int pt_claims_record(const struct pt_claims *claims, const struct pt_host *host,
	struct pt_claim *claim, const struct pt_claims_alive *alive, struct pt_err *err);

/*
 * Takes out of that part of the claim what another owner's claim that counts holds as well, and
 * writes it: the other one knows the same origin and returns the function when it is through with
 * it. Each that was taken is told to log. Under the folder lock: of two that ask at once one keeps
 * it.
 */
int pt_claims_yield(const struct pt_claims *claims, struct pt_claim *claim, enum pt_part part,
	const struct pt_claims_alive *alive, const struct pt_log *log, struct pt_err *err);

/* Writes the claim, or ends it when it holds nothing. */
int pt_claims_store(
	const struct pt_claims *claims, const struct pt_claim *claim, struct pt_err *err);

/* Ends a claim, durably. No claim is no error. */
int pt_claims_remove(const struct pt_claims *claims, const char *owner, struct pt_err *err);

/*
 * Puts the claim on hold: its owner comes back at once. pt_claims_on_hold: whether that was less
 * than so many seconds ago. The end of the claim ends the hold.
 */
int pt_claims_hold(const struct pt_claims *claims, const char *owner);
bool pt_claims_on_hold(const struct pt_claims *claims, const char *owner, int seconds);
void pt_claims_end_hold(const struct pt_claims *claims, const char *owner);

/*
 * The work lock of an owner's claim: whoever moves its functions holds it. ret_fd is closed to
 * release. Tries until deadline_ms; -EWOULDBLOCK: somebody else is moving them.
 */
int pt_claims_work_lock(const struct pt_claims *claims, const char *owner, long long deadline_ms,
	int *ret_fd, struct pt_err *err);

/* Whether somebody holds the work lock now. */
bool pt_claims_work_locked(const struct pt_claims *claims, const char *owner);

#endif
