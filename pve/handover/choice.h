// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * What Proxmox VE really chose among a mapping's alternatives, held against the claim: it chooses
 * after pre-start, so two guests that start at once may get each other's devices.
 */
#ifndef PT_CHOICE_H
#define PT_CHOICE_H

#include "pve/handover/release.h"
#include "pve/config/reservation.h"

/*
 * Makes taken what the guest has reserved, with what shares its IOMMU group, and spare what it has
 * not; each change is told. When it has reserved nothing all stay as they are. True: something
 * changed.
 */
bool pt_choice_correct(const struct pt_host *host, const struct pt_reservations *reservations,
	unsigned int vmid, struct pt_claim *claim);

/*
 * For the holder of the work lock, once the guest runs: corrects its claim and returns the spares,
 * which leave it. No claim is no error. Errors as pt_release_spares.
 */
int pt_choice_confirm(const struct pt_host *host, const struct pt_claims *claims, unsigned int vmid,
	const struct pt_limits *limits, int lock_fd, struct pt_err *err);

#endif
