// SPDX-License-Identifier: AGPL-3.0-or-later
/* Compares the claim with Proxmox VE's choice among alternatives: it chooses after pre-start, so
 * two guests that start at once may get each other's devices. */
#ifndef PT_CHOICE_H
#define PT_CHOICE_H

#include "pve/handover/release.h"
#include "pve/config/reservation.h"

/* Marks the reserved functions, their companions and those of args as taken, all others as spare,
 * and logs each change.
 * Without a reservation nothing changes. True: something changed. */
bool pt_choice_correct(const struct pt_host *host, const struct pt_reservations *reservations,
	unsigned int vmid, struct pt_claim *claim);

/* Corrects the claim of a running guest under its work lock, and returns the spares. No claim is no
 * error. Errors as pt_release_spares. */
int pt_choice_confirm(const struct pt_host *host, const struct pt_claims *claims, unsigned int vmid,
	const struct pt_limits *limits, int lock_fd, struct pt_err *err);

#endif
