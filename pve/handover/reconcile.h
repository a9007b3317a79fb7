// SPDX-License-Identifier: AGPL-3.0-or-later
/* Returns the devices of all stopped guests. */
#ifndef PT_RECONCILE_H
#define PT_RECONCILE_H

#include "pve/handover/release.h"

struct pt_reconciled {
	size_t returned; /* claims that were returned whole */
	size_t failed;	 /* claims with functions that could not be returned, see the log */
};

/* Ends the wishes of guests that are not live: they do not run, nobody works on them, and they are
 * not on hold. A config on another node proves nothing: an incoming guest runs before its config
 * moves. Skips guest but (0: none), which is being started. */
void pt_end_all_stale(const struct pt_host *host, const struct pt_store *store, unsigned int but);

/* Takes older claims over, narrows guests that run, ends those that are not live, and releases. */
int pt_reconcile(const struct pt_host *host, const struct pt_store *store,
	const struct pt_limits *limits, struct pt_reconciled *ret, struct pt_err *err);

#endif
