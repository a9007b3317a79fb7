// SPDX-License-Identifier: AGPL-3.0-or-later
/* Proxmox VE's list of reserved and used functions. Source: qemu-server, QemuServer/PCI.pm. */
#ifndef PT_RESERVATION_H
#define PT_RESERVATION_H

#include <stdint.h>

#include "lib/base/host.h"

struct pt_reservation {
	char *id; /* as in the file: "0000:01:00.0" */
	unsigned long long vmid;
	bool has_pid;
	int64_t pid;
	bool has_time;
	int64_t time; /* seconds since 1970 */
};

struct pt_reservations {
	struct pt_reservation *reservation; /* sorted by id, each once */
	size_t count;
};

/* Parses the text; lines of another form are skipped, as PVE does. */
void pt_reservations_parse(const char *text, struct pt_reservations *ret);
/* Reads the file; a missing file is no error. */
int pt_reservations_read(
	const struct pt_host *host, struct pt_reservations *ret, struct pt_err *err);
void pt_reservations_clear(struct pt_reservations *reservations);
#define PT_RESERVATIONS PT_CLEANUP(pt_reservations_clear)

/* NULL when the function is not reserved. */
const struct pt_reservation *pt_reservation_find(
	const struct pt_reservations *reservations, const char *id);

/* Whether the reservation keeps guest vmid from reserving the function at time now. running_pid: of
 * the reserving guest, 0 if it does not run. */
enum pt_reservation_verdict {
	PT_RESERVATION_FREE,
	PT_RESERVATION_HELD,   /* another guest has reserved it for its start */
	PT_RESERVATION_IN_USE, /* another guest runs with it */
};
enum pt_reservation_verdict pt_reservation_judge(const struct pt_reservation *reservation,
	unsigned long long vmid, int64_t now, int running_pid);

/* The same now, by files alone, for a moment in which nobody may be asked: a process with the
 * number of the reserving guest's QEMU is enough. vmid 0: nobody's. */
enum pt_reservation_verdict pt_reservation_look(
	const struct pt_host *host, const struct pt_reservation *reservation, unsigned int vmid);

#endif
