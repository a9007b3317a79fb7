// SPDX-License-Identifier: AGPL-3.0-or-later
/* A guest that runs keeps the functions that Proxmox VE has chosen for it: it chooses after
 * pre-start, so two guests that start at once may get each other's devices. */
#ifndef PT_NARROW_H
#define PT_NARROW_H

#include "lib/claim/store.h"
#include "pve/config/policy.h"
#include "pve/config/reservation.h"

/* Keeps what is reserved for the guest as taken, whichever entry it is for, and adds what is
 * missing; the companions of that; and devices of args, which Proxmox VE does not know. Logs what
 * differs from the prediction. Without any reservation everything stays. True: something changed.
 */
bool pt_narrow(const struct pt_host *host, const struct pt_reservations *reservations,
	struct pt_guest_record *record);

/* Narrows the record of a running guest, notes that it ran, and releases what it does not have.
 * lock_ms: patience for the record's lock. Errors as pt_release; no record is no error. */
int pt_confirm(const struct pt_host *host, const struct pt_store *store, unsigned int vmid,
	const struct pt_limits *limits, int lock_ms, struct pt_err *err);

/* The same, once Proxmox VE works on the guest no more. -EWOULDBLOCK: it does. */
int pt_confirm_running(const struct pt_host *host, const struct pt_store *store, unsigned int vmid,
	const struct pt_limits *limits, struct pt_err *err);

#endif
