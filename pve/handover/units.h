// SPDX-License-Identifier: AGPL-3.0-or-later
/* Units of systemd that local policy stops before a guest takes its devices ('stop-units') and
 * starts again afterwards. The claim records the running ones before the first is stopped. */
#ifndef PT_UNITS_H
#define PT_UNITS_H

#include "lib/claim/claimfile.h"

/* Stops the running ones of the units, each within budget_ms, and logs each with its time. ret_any:
 * one was stopped, so facts are old. An unknown or stubborn unit is a warning: the checks find its
 * uses. An error: the claim could not be written, nothing was stopped. */
int pt_units_stop(const struct pt_host *host, const struct pt_claims *claims,
	struct pt_claim *claim, const struct pt_names *units, int budget_ms, bool *ret_any,
	struct pt_err *err);

/* Starts the claim's units again, the last stopped first, and drops them from the claim; the caller
 * writes it. Warns about a unit that does not start. */
void pt_units_start(const struct pt_host *host, struct pt_claim *claim, int budget_ms);

#endif
