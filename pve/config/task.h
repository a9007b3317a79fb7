// SPDX-License-Identifier: AGPL-3.0-or-later
/* The log of a task of Proxmox VE. Source: pve-common, RESTEnvironment.pm (log_cluster_msg,
 * fork_worker), Tools.pm (upid_decode). */
#ifndef PT_TASK_H
#define PT_TASK_H

#include <stdint.h>

#include "lib/base/host.h"

struct pt_task {
	char *upid;
	int64_t start; /* seconds since 1970 */
	char *status; /* "OK", or the reason of a failure; NULL: it runs, or nobody noted its end */
	char *log;    /* the words in it, by lines; NULL: the file is gone */
};

/* Finds the last start of the guest on this node. -ENOENT: there is none on record. End with
 * pt_task_clear. */
int pt_task_last_start(
	const struct pt_host *host, unsigned int vmid, struct pt_task *ret, struct pt_err *err);
void pt_task_clear(struct pt_task *task);
#define PT_TASK PT_CLEANUP(pt_task_clear)

#endif
