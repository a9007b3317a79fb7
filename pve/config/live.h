// SPDX-License-Identifier: AGPL-3.0-or-later
/* Whether a guest is live: the wishes of one that is not are stale. */
#ifndef PT_LIVE_H
#define PT_LIVE_H

#include "lib/claim/store.h"

/* Returns why a stopped guest is on hold, as part of a sentence, or NULL: it starts again at once,
 * or the node goes down. stopping: its own post-stop asks, so the mark of a restart counts at any
 * age. for_backup: a backup started it, and does not start it again. */
const char *pt_guest_hold(
	const struct pt_host *host, unsigned int vmid, bool stopping, bool for_backup);

/* What keeps a guest with a record alive. */
enum pt_life {
	PT_LIFE_NONE, /* nothing: its wishes are stale */
	PT_LIFE_RUNS,
	PT_LIFE_BUSY, /* it is worked on */
	PT_LIFE_HELD, /* it is on hold */
};

/* It may take a second or more to find out, so nobody asks under a function's lock. ret_why, of
 * PT_LIFE_HELD alone, is part of a sentence; it may be NULL. */
enum pt_life pt_guest_life(const struct pt_host *host, const struct pt_store *store,
	const struct pt_guest_record *record, const char **ret_why);
/* Whether anything does. */
bool pt_guest_is_live(const struct pt_host *host, const struct pt_store *store,
	const struct pt_guest_record *record);

#endif
