// SPDX-License-Identifier: AGPL-3.0-or-later
/* Whether a guest runs on this node. Source: qemu-server, Helpers.pm, vm_running_locally. */
#ifndef PT_RUNSTATE_H
#define PT_RUNSTATE_H

#include "lib/base/host.h"

/* Returns the pid of the guest's QEMU as Proxmox VE finds it: in the pid file, alive, called kvm or
 * qemu-*, started with that pid file. 0: it does not run. */
int pt_guest_pid(const struct pt_host *host, unsigned int vmid);

/* The number in the guest's pid file, whatever process has it; 0: none. */
int pt_guest_pid_in_file(const struct pt_host *host, unsigned int vmid);

/* Tries the lock that Proxmox VE holds while it works on the guest; never waits, never makes the
 * file. 0: it is free, and nobody gets it until ret_fd is closed (-1: no file). -EWOULDBLOCK: it is
 * held. Never for the own guest inside a phase. */
int pt_guest_try_lock(const struct pt_host *host, unsigned int vmid, int *ret_fd);

/* The process that holds Proxmox VE's lock of the guest; 0: none, or unknown. Any user can open
 * that file, and lock it. */
int pt_guest_locker(const struct pt_host *host, unsigned int vmid);

/* Whether the guest restarts now. Unless any_age a mark older than five minutes does not count. */
bool pt_guest_restarts(const struct pt_host *host, unsigned int vmid, bool any_age);

/* Whether a process is ending, or gone: it has no memory any more. */
bool pt_pid_ends(const struct pt_host *host, int pid);

/* Whether a process is root's, as Proxmox VE's and every guest's QEMU are: anybody can choose names
 * and arguments. On a copy of a host owners say nothing, and it is. */
bool pt_pid_is_roots(const struct pt_host *host, int pid);

/* The guest that a process of root runs, from its -id argument; 0 when it runs none. */
unsigned int pt_pid_guest(const struct pt_host *host, int pid);

#endif
