// SPDX-License-Identifier: AGPL-3.0-or-later
/* Whether a guest is live: a claim of a guest that is not live is stale. */
#ifndef PT_LIVE_H
#define PT_LIVE_H

#include "lib/claim/claimfile.h"

/* The guest's name in its claim. */
#define PT_OWNER_TEXT 16
const char *pt_owner_name(unsigned int vmid, char text[static PT_OWNER_TEXT]);

/* Returns why a stopped guest is on hold, as part of a sentence, or NULL: it starts again at once,
 * or the node goes down. stopping: its own post-stop asks, so the mark of a restart counts at any
 * age. */
const char *pt_guest_hold(const struct pt_host *host, unsigned int vmid, bool stopping);

/* Whether a claim's guest is live: it runs, is worked on, or is on hold. */
bool pt_guest_is_live(
	const struct pt_host *host, const struct pt_claims *claims, unsigned int vmid);

#endif
