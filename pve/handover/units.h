// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Units of systemd that local policy has stopped before a guest takes its devices ('stop-units'),
 * and started again when the devices are back. The guest's claim records them: only those that ran,
 * and before the first is stopped.
 */
#ifndef PT_UNITS_H
#define PT_UNITS_H

#include "lib/claim/claimfile.h"

/*
 * Stops those of the units that run, each within budget_ms, and tells each with the time it took.
 * ret_any: one was stopped now, so what is known of the host is old. A unit that is not known or
 * does not stop is told, and no error: what it has in use the checks find. An error: the claim
 * could not be written, and nothing was stopped.
 */
int pt_units_stop(const struct pt_host *host, const struct pt_claims *claims,
	struct pt_claim *claim, const struct pt_names *units, int budget_ms, bool *ret_any,
	struct pt_err *err);

/*
 * Starts the claim's units again, the last one stopped first, and takes them off the claim, whose
 * writing is the caller's. Warns about a unit that does not start, with the fix.
 */
void pt_units_start(const struct pt_host *host, struct pt_claim *claim, int budget_ms);

#endif
