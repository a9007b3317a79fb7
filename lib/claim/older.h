// SPDX-License-Identifier: AGPL-3.0-or-later
/* Claims of version 4: one file for each guest, claims/VMID.json, with locks in work/. They are
 * taken over while guests run and while a worker of the older version may still move functions. */
#ifndef PT_OLDER_H
#define PT_OLDER_H

#include "lib/claim/store.h"

/* Reads older claims as if they were records. */
void pt_older_read(const struct pt_store *store, struct pt_records *ret);
/* Adds them, unless a record is there already, and takes them over. */
void pt_older_add(struct pt_records *older, struct pt_records *records);

bool pt_older_has(const struct pt_store *store, unsigned int vmid);

/* Whether a worker of the older version moves functions of the guest, or one hangs that did. */
bool pt_older_busy(const struct pt_store *store, unsigned int vmid);

/* Writes records in place of each older claim that nobody works on, and removes it last: it can be
 * repeated at any point. An error: some are left. */
int pt_older_take_over(const struct pt_store *store, struct pt_err *err);

extern const struct pt_record pt_older_record;

#endif
