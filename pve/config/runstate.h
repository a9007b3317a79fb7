// SPDX-License-Identifier: AGPL-3.0-or-later
/* Whether a guest runs on this node. Source: qemu-server, Helpers.pm, vm_running_locally. */
#ifndef PT_RUNSTATE_H
#define PT_RUNSTATE_H

#include "lib/base/host.h"

/*
 * The pid of the guest's QEMU as Proxmox VE finds it: named by the pid file, alive, called kvm or
 * qemu-*, and started with that very pid file. 0: it does not run.
 */
int pt_guest_pid(const struct pt_host *host, unsigned int vmid);

/*
 * Tries the lock that Proxmox VE holds while it starts, stops or changes the guest; never waits,
 * never makes the file. 0: nobody holds it, and until ret_fd is closed (-1: there is no file)
 * nobody can take it. -EWOULDBLOCK: it is held. Not for one's own guest inside a phase.
 */
int pt_guest_try_lock(const struct pt_host *host, unsigned int vmid, int *ret_fd);

/*
 * Whether a restart of the guest is under way: it stops now and starts again at once. Unless
 * any_age a mark that nobody took away for five minutes is none.
 */
bool pt_guest_restarts(const struct pt_host *host, unsigned int vmid, bool any_age);

/* Whether a process is ending, or gone: it has no memory any more. */
bool pt_pid_ends(const struct pt_host *host, int pid);

/* The guest that a process runs, from its -id argument; 0 when it runs none. */
unsigned int pt_pid_guest(const struct pt_host *host, int pid);

#endif
