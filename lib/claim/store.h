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

/* Write a record durably, after reading back its text. The caller holds its lock. */
int pt_function_save(
	const struct pt_store *store, const struct pt_function_record *record, struct pt_err *err);
int pt_guest_save(
	const struct pt_store *store, const struct pt_guest_record *record, struct pt_err *err);
int pt_unit_save(
	const struct pt_store *store, const struct pt_unit_record *record, struct pt_err *err);

/* Remove a record durably. None is no error. */
int pt_function_forget(const struct pt_store *store, const struct pt_bdf *bdf, struct pt_err *err);
int pt_unit_forget(const struct pt_store *store, const char *unit, struct pt_err *err);

/* Ends the guest's wishes, durably, by a rename, which needs no space. The record stays as ended
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

/* The folder, for messages. */
const char *pt_store_dir(const struct pt_store *store);

/* Descriptor of the folder of the locks. locks.c's. */
int pt_store_locks(const struct pt_store *store);

/* Descriptors of the folder of older claims and of its locks, -1: none. older.c's. */
int pt_store_older(const struct pt_store *store, int *ret_locks);

#endif
