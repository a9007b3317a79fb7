// SPDX-License-Identifier: AGPL-3.0-or-later
/* A phase runs in a worker process; the supervisor passes its output on and outlives it. The caller
 * reads our streams until they close: a worker that hangs must not hold them. */
#ifndef PT_SUPERVISOR_H
#define PT_SUPERVISOR_H

#include "hook/phases.h"

/* A phase to run in a worker, and its limits. */
struct pt_supervised {
	pt_phase *phase;
	/* fills run->host, node and the rest, in the worker and before an undo; log goes to the
	 * task log */
	int (*prepare)(struct pt_run *run, const struct pt_log *log, struct pt_err *err);
	void (*clean_up)(struct pt_run *run);
	unsigned int vmid;
	int deadline_ms;
	bool undo; /* when the worker dies: pre-start */
	/* Instead of the deadline: after this time the supervisor leaves the worker alone, and its
	 * later lines go to syslog; 0: never. The caller holds Proxmox VE's lock and must not wait.
	 */
	int leave_ms;
};

/* Runs it; lines go to out. The exit code. */
int pt_supervise(const struct pt_supervised *supervised, int out);

#endif
