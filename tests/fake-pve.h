// SPDX-License-Identifier: AGPL-3.0-or-later
/* Proxmox VE around a hook, on a simulated host: locks, reservations, QEMU. All of it lies in
 * files, so several processes share it. Source: qemu-server, QemuServer.pm and QemuServer/PCI.pm.
 */
#ifndef PT_FAKE_PVE_H
#define PT_FAKE_PVE_H

#include "hook/phases.h"
#include "pve/check/check.h"
#include "tests/fake.h"

/* The process number of a guest's QEMU. */
#define FAKE_PVE_PID(vmid) ((vmid) + 5000)

/* The data of a guest's phase on node1, with the waits of a busy machine. */
static inline struct pt_run fake_pve_run_of(struct fake *fake, unsigned int vmid)
{
	return (struct pt_run){.host = fake->host,
		.node = "node1",
		.config_node = "node1",
		.vmid = vmid,
		.limits = {.lock_ms = 5000,
			.group_ms = 500,
			.write_ms = 30000,
			.phase_ms = 60000,
			.allowing = pt_check_allowing},
		.api_ms = 300,
		.wait_ms = 2000,
		.release_ms = 2000};
}

/* Waits for the lock that Proxmox VE holds while it starts or stops the guest, and returns it;
 * close it to let go. */
int fake_pve_lock(struct fake *fake, unsigned int vmid);

/* Reserves the functions for a minute. False: another guest has one of them. */
bool fake_pve_reserve(
	struct fake *fake, unsigned int vmid, const char *const *function, size_t count);
/* Drops the guest's reservations. */
void fake_pve_free(struct fake *fake, unsigned int vmid);

/* Starts a QEMU that has the groups of these functions open, and makes the reservations last as
 * long as it runs. */
void fake_pve_run(struct fake *fake, unsigned int vmid, const char *const *function,
	const int *group, size_t count);
/* Kills QEMU and drops its reservations; the kernel keeps its groups open until fake_pve_bury. */
void fake_pve_kill(struct fake *fake, unsigned int vmid);
void fake_pve_bury(struct fake *fake, unsigned int vmid);

#endif
