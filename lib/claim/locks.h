// SPDX-License-Identifier: AGPL-3.0-or-later
/* The locks of the records, as files of lock/ that are never unlinked: of a function, which its
 * writers keep, of a guest's record, and of a unit. */
#ifndef PT_LOCKS_H
#define PT_LOCKS_H

#include "lib/claim/store.h"

enum pt_lock_kind {
	PT_LOCK_ALONE,
	PT_LOCK_SHARED,
};

/* Take a lock, trying for so long. Close ret_fd to release it; a process that inherits it holds it
 * as well. -EWOULDBLOCK: somebody else has it. */
int pt_lock_function(const struct pt_store *store, const struct pt_bdf *bdf, enum pt_lock_kind kind,
	int patience_ms, int *ret_fd, struct pt_err *err);
int pt_lock_guest(const struct pt_store *store, unsigned int vmid, int patience_ms, int *ret_fd,
	struct pt_err *err);
int pt_lock_unit(const struct pt_store *store, const char *unit, int patience_ms, int *ret_fd,
	struct pt_err *err);

/* Whether somebody has the lock alone; store may be NULL (no). */
bool pt_function_is_locked(const struct pt_store *store, const struct pt_bdf *bdf);
bool pt_guest_is_locked(const struct pt_store *store, unsigned int vmid);

/* Why a function's lock is busy: somebody moves it, or its writer hangs in the kernel. Returns
 * -EWOULDBLOCK. */
int pt_lock_explain_busy(
	const struct pt_store *store, const struct pt_bdf *bdf, struct pt_err *err);

/* The locks of several functions that one process moves. */
struct pt_locks {
	struct pt_lock {
		struct pt_bdf bdf;
		enum pt_lock_kind kind;
		int fd;
	} * lock;
	size_t count;
};

/* Adds the lock of a function, unless it is held already. -EWOULDBLOCK: somebody else moves it, or
 * we hold it only shared; err says why. Others may be looking at it: it is tried for an instant. */
int pt_locks_add(const struct pt_store *store, struct pt_locks *locks, const struct pt_bdf *bdf,
	enum pt_lock_kind kind, struct pt_err *err);
/* Adds the lock of a function that moves; of a VF also that of its PF, beside other VFs' movers. */
int pt_locks_add_mover(const struct pt_host *host, const struct pt_store *store,
	struct pt_locks *locks, const struct pt_bdf *bdf, struct pt_err *err);
/* NULL: it is not held. */
const struct pt_lock *pt_locks_find(const struct pt_locks *locks, const struct pt_bdf *bdf);
/* Its descriptor, for those that inherit it; -1: it is not held. */
int pt_locks_fd(const struct pt_locks *locks, const struct pt_bdf *bdf);
/* Releases all but the first so many. */
void pt_locks_release(struct pt_locks *locks, size_t but);
void pt_locks_clear(struct pt_locks *locks);

#endif
