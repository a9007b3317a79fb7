// SPDX-License-Identifier: AGPL-3.0-or-later
/* The files of the records, below one folder: function/ADDRESS.json, guest/VMID.json,
 * ended/VMID-START.json and undone/VMID-START.json, unit/NAME.json, hold/VMID; and lock/, with
 * locks that are never unlinked, and temporary files. A crash leaves the old or the new file
 * (temporary file, fsync, rename, fsync of the folder). A record of another boot counts as none. */
#ifndef PT_STORE_H
#define PT_STORE_H

#include "lib/claim/records.h"

struct pt_store;

/* Opens dir (a path on the host); create makes it and its folders. -ENOENT without create: there
 * are no records. -EPERM: others than its owner may write to it. */
int pt_store_open(struct pt_store **ret, const struct pt_host *host, const char *dir, bool create,
	struct pt_err *err);
void pt_store_close(struct pt_store *store);
void pt_store_close_p(struct pt_store **store);
#define PT_STORE PT_CLEANUP(pt_store_close_p)

/* Reads all records; store may be NULL (none). Those that cannot be read are there as unreadable,
 * and ret->err says why; units that cannot be read are left out. */
void pt_records_read(const struct pt_store *store, struct pt_records *ret);

/* Whether the guest has any record, one that wants nothing any more included. */
bool pt_store_has_guest(const struct pt_store *store, unsigned int vmid);

/* -ENOENT: there is none (err is not filled). -EINVAL: the file is damaged. -EOPNOTSUPP: a later
 * version has written it. */
int pt_function_load(const struct pt_store *store, const struct pt_bdf *bdf,
	struct pt_function_record *ret, struct pt_err *err);
int pt_guest_load(const struct pt_store *store, unsigned int vmid, struct pt_guest_record *ret,
	struct pt_err *err);

/* Write a record durably, after reading back what is to be written. The caller holds its lock. */
int pt_function_save(
	const struct pt_store *store, const struct pt_function_record *record, struct pt_err *err);
int pt_guest_save(
	const struct pt_store *store, const struct pt_guest_record *record, struct pt_err *err);
int pt_unit_save(
	const struct pt_store *store, const struct pt_unit_record *record, struct pt_err *err);

/* Remove a record durably. None is no error. */
int pt_function_forget(const struct pt_store *store, const struct pt_bdf *bdf, struct pt_err *err);
int pt_unit_forget(const struct pt_store *store, const char *unit, struct pt_err *err);

/* Ends what the guest wants, durably, by a rename, which needs no space. The record stays as ended
 * or undone until its functions are back. An unreadable one is removed. The caller holds the
 * guest's lock. */
int pt_guest_end(const struct pt_store *store, const struct pt_guest_record *record,
	enum pt_guest_state state, struct pt_err *err);
/* The same while the record stays: for a new start, which replaces it then. */
int pt_guest_keep_last(const struct pt_store *store, const struct pt_guest_record *record,
	enum pt_guest_state state, struct pt_err *err);
/* Removes a record that has ended. */
int pt_guest_forget(
	const struct pt_store *store, const struct pt_guest_record *record, struct pt_err *err);

/* Holds the guest's functions, for one that starts again at once. pt_store_on_hold: whether the
 * hold is younger than so many seconds. */
int pt_store_hold(const struct pt_store *store, unsigned int vmid);
bool pt_store_on_hold(const struct pt_store *store, unsigned int vmid, int seconds);
void pt_store_end_hold(const struct pt_store *store, unsigned int vmid);

/* The name of a lock: of a function, of a guest's record, of a unit. Returns text. */
#define PT_LOCK_TEXT 96
const char *pt_lock_of_function(const struct pt_bdf *bdf, char text[static PT_LOCK_TEXT]);
const char *pt_lock_of_guest(unsigned int vmid, char text[static PT_LOCK_TEXT]);

enum pt_lock_kind {
	PT_LOCK_ALONE,
	PT_LOCK_SHARED,
};

/* Takes a lock, trying until deadline_ms. Close ret_fd to release it; a process that inherits it
 * holds it as well. -EWOULDBLOCK: somebody else has it. */
int pt_store_lock(const struct pt_store *store, const char *name, enum pt_lock_kind kind,
	long long deadline_ms, int *ret_fd, struct pt_err *err);

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
/* NULL: it is not held. */
const struct pt_lock *pt_locks_find(const struct pt_locks *locks, const struct pt_bdf *bdf);
/* Its descriptor, for those that inherit it; -1: it is not held. */
int pt_locks_fd(const struct pt_locks *locks, const struct pt_bdf *bdf);
/* Releases all but the first so many. */
void pt_locks_release(struct pt_locks *locks, size_t but);
void pt_locks_clear(struct pt_locks *locks);

/* Whether somebody has the lock alone. */
bool pt_store_locked(const struct pt_store *store, const char *name);

/* Why a function's lock is busy: somebody moves it, or its writer hangs in the kernel. Returns
 * -EWOULDBLOCK. */
int pt_store_explain_busy(
	const struct pt_store *store, const struct pt_bdf *bdf, struct pt_err *err);

/* The folder, for messages. */
const char *pt_store_dir(const struct pt_store *store);

/* Descriptors of the folder of older claims and of its locks, -1: none. older.c's. */
int pt_store_older(const struct pt_store *store, int *ret_locks);

#endif
