// SPDX-License-Identifier: AGPL-3.0-or-later
/* Returns the devices of all stopped guests. */
#ifndef PT_RECONCILE_H
#define PT_RECONCILE_H

#include "pve/handover/release.h"

struct pt_reconciled {
	size_t returned; /* claims that were returned whole */
	size_t failed;	 /* claims with functions that could not be returned, see the log */
};

/* Returns every claim of a dead guest: it does not run, nobody works on it or the claim, and it is
 * not on hold. A config on another node proves nothing: an incoming guest runs before its config
 * moves. Of a running guest it returns functions that Proxmox VE did not choose. Without again,
 * skips failed returns. */
int pt_reconcile(const struct pt_host *host, const struct pt_claims *claims,
	const struct pt_limits *limits, bool again, struct pt_reconciled *ret, struct pt_err *err);

#endif
