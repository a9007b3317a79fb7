// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Moving the whole set of a claim to vfio-pci, or back to its origins. All functions go through a
 * step before any goes to the next; slots in parallel, the functions of one slot in order.
 */
#ifndef PT_HANDOVER_H
#define PT_HANDOVER_H

#include "lib/claim/claim.h"

#define PT_WRITE_MS 30000 /* default deadline of one kernel write */
#define PT_PHASE_MS 60000 /* default deadline of a whole handover */

struct pt_handover {
	const struct pt_host *host;
	const struct pt_log *log; /* told one line per function */
	int lock_fd;		  /* the claim's work lock, kept by the writers; -1 without */
	int write_ms;		  /* deadlines: of one write, and of all of them */
	int phase_ms;
};

/*
 * Moves every function of the claim but the spares to vfio-pci; the claim must be on disk before.
 * The driver must be registered (pt_module_ensure). Those that are there already are left alone,
 * their override too. The console leaves a framebuffer before its driver goes, VFs end before their
 * PF leaves. On failure everything is undone, the function that failed included, and err says what
 * failed; what could not be undone stays in the claim with its error, all else but the spares is
 * taken out of it.
 */
int pt_handover_take(
	const struct pt_handover *handover, struct pt_claim *claim, struct pt_err *err);

/*
 * Returns every function of that part of the claim to its origin; those that are there are taken
 * out of the claim, the others stay in it with their error. -EIO when some stay. One that a third
 * driver got meanwhile is left to it and told. One that is gone from the bus is told and taken out.
 * Spares that are on any driver but vfio-pci are none of our business. VFs are made again, each
 * goes to the driver it had. Functions must not be in use: unbinding from vfio-pci waits for the
 * last user.
 */
int pt_handover_give_back(const struct pt_handover *handover, struct pt_claim *claim,
	enum pt_part part, struct pt_err *err);

#endif
