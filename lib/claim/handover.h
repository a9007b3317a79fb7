// SPDX-License-Identifier: AGPL-3.0-or-later
/* Moves the whole set of a claim to its vfio drivers, or back to its origins. All functions go
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
	int lock_fd;		  /* the claim's work lock, kept by the writers; -1 without */
	int write_ms;		  /* deadlines: of one write, and of all of them */
	int phase_ms;
};

/* Moves all functions of the claim but the spares to their vfio drivers. The claim must be stored,
 * the drivers registered (pt_module_ensure). Functions already there keep their override.
 * Consoles leave first, and VFs end before their PF leaves. A failure undoes all, and err names it.
 * Functions that cannot return stay in the claim with their error, spares stay too. */
int pt_handover_take(
	const struct pt_handover *handover, struct pt_claim *claim, struct pt_err *err);

/* Returns all functions of that part of the claim to their origins. Returned ones leave the claim,
 * others stay with their error (-EIO). A function on a third driver stays there, one that is gone
 * is dropped, both with a warning. A spare that was not moved and is on no vfio driver is left
 * alone, and leaves the claim. VFs are made again, each with its driver. Functions must be closed:
 * unbinding from vfio-pci waits for the last user. */
int pt_handover_give_back(const struct pt_handover *handover, struct pt_claim *claim,
	enum pt_part part, struct pt_err *err);

#endif
