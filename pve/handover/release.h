// SPDX-License-Identifier: AGPL-3.0-or-later
/* The one operation that returns functions: those on record that no guest wants. Whoever wants them
 * back ends a guest's wishes, and then releases. */
#ifndef PT_RELEASE_H
#define PT_RELEASE_H

#include "lib/claim/locks.h"
#include "pve/config/policy.h"

struct pt_release {
	const struct pt_bdf *bdf; /* only these; NULL: all */
	size_t count;
	int patience_ms;  /* for locks, and for groups that a process has open */
	bool skip_failed; /* those that could not return before */
};

struct pt_released {
	size_t returned;     /* functions */
	struct pt_bdf *left; /* functions that could not return now; the caller frees the list */
	size_t count;
};

/* Returns the functions that no guest wants to where they were, or where local policy sends them
 * after a run, and removes their records. It waits, without a lock, until patience ends. Then it
 * starts the units whose functions are back. ret may be NULL.
 * -EBUSY: a process has a group open; -EWOULDBLOCK: somebody else moves one; -EIO: a move failed.
 * The rest is back then, and each of these is on record with its reason. One that is reserved for
 * another guest stays, and is no error. A node that goes down meanwhile keeps everything. */
int pt_release(const struct pt_host *host, const struct pt_store *store,
	const struct pt_limits *limits, const struct pt_release *what, struct pt_released *ret,
	struct pt_err *err);

/* The same without a function: removes the lists of ended guests that are through, and starts the
 * units whose functions are back. */
void pt_release_lists(
	const struct pt_host *host, const struct pt_store *store, const struct pt_limits *limits);

/* Says where local policy sends a function after the run. */
void pt_tell_home(
	const struct pt_host *host, const struct pt_wish *wish, const struct pt_origin *origin);

/* Ends the wishes of a stopped guest, for callers outside its phases. start: the one that was
 * judged, which is logged; NULL: whichever is there. -EBUSY: it runs; -EWOULDBLOCK: it is alive
 * after all. No record is no error. Holds Proxmox VE's lock for an instant. */
int pt_end_stale(const struct pt_host *host, const struct pt_store *store, unsigned int vmid,
	const char *start, struct pt_err *err);

/* The same for each other guest that wants one of the functions, or of their IOMMU groups, and is
 * not live. True: one has ended. */
bool pt_end_stale_others(const struct pt_host *host, const struct pt_store *store,
	unsigned int vmid, const struct pt_bdf *bdf, size_t count);

/* The functions of a guest that wants nothing any more. The caller frees the list. */
void pt_functions_of_ended(
	const struct pt_store *store, unsigned int vmid, struct pt_bdf **ret, size_t *ret_count);

/* Releases the functions that the guest wants no more, with so much patience, and those that other
 * stale guests left in their way. Errors as pt_release. */
int pt_release_ended(const struct pt_host *host, const struct pt_store *store, unsigned int vmid,
	const struct pt_limits *limits, int patience_ms, struct pt_err *err);

#endif
