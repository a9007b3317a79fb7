// SPDX-License-Identifier: AGPL-3.0-or-later
/* Moves the functions of a claim to its vfio drivers, or back to its origins. All functions go
 * through a step before any goes to the next: slots in parallel, the functions of a slot in order.
 */
#ifndef PT_HANDOVER_H
#define PT_HANDOVER_H

#include "lib/claim/claim.h"

#define PT_WRITE_MS 30000 /* default deadline of one kernel write */
#define PT_PHASE_MS 60000 /* default deadline of a whole handover */

struct pt_handover {
	const struct pt_host *host;
	const struct pt_log *log; /* gets one line per function */
	int write_ms;		  /* deadlines: of one write, and of all of them */
	int phase_ms;
};

/* Moves all functions of the claim to their vfio drivers. They must be on record, and the drivers
 * registered (pt_module_ensure). Functions already there keep their override. Consoles leave first,
 * and VFs end before their PF leaves. A failure stops where it is, and err names it: the caller
 * gives back what was moved. A function whose driver hangs has its error then. */
int pt_handover_take(
	const struct pt_handover *handover, struct pt_claim *claim, struct pt_err *err);

/* Returns all functions of the claim to their origins. Returned ones leave the claim, others stay
 * with their error (-EIO). What somebody else has changed meanwhile, a driver, an override or a
 * number of VFs, stays as it is, with a warning; a function that is gone is dropped with one. VFs
 * are made again, each with its driver. Functions must be closed: unbinding from vfio-pci waits for
 * the last user. */
int pt_handover_give_back(
	const struct pt_handover *handover, struct pt_claim *claim, struct pt_err *err);

#endif
