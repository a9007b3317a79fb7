// SPDX-License-Identifier: AGPL-3.0-or-later
/* The four phases of a hookscript (pve-guest-common, GuestHelpers.pm). Only pre-start can refuse a
 * start; a failure of another one is a warning in the task log. */
#ifndef PT_PHASES_H
#define PT_PHASES_H

#include "pve/config/guest.h"
#include "pve/config/policy.h"

/* The data that a phase works with. */
struct pt_run {
	struct pt_host *host; /* its log is the task log */
	char node[PT_NODE_TEXT];
	char config_node[PT_NODE_TEXT]; /* of the config: the source of a migration */
	bool source_unknown;		/* PVE_MIGRATED_FROM names no node */
	unsigned int vmid;
	struct pt_limits limits;
	bool advise;	/* refuse only for a device of the running system */
	int api_ms;	/* budget of the API request */
	int wait_ms;	/* at pre-start, for a return that is under way, of this guest or another */
	int release_ms; /* for the dying QEMU of the last run: at post-stop, and at pre-start */
};

/* 0: fine. 1: the start is refused (pre-start), or something was not returned (post-stop). */
typedef int pt_phase(const struct pt_run *run);

/* Whether the guest has any record, or an older claim. */
bool pt_run_has_claim(const struct pt_run *run);

/* In pre-start.c; phases.c holds the others, which are short. */
pt_phase pt_phase_pre_start;

/* NULL when there is no phase of that name. */
pt_phase *pt_phase_find(const char *name);

/* Whether the phase has nothing to do for this guest. Needs no more than the host and the VMID of
 * run, and looks at the names of our own records alone: nothing there hangs or crashes. pre-start
 * reads a config, and is never idle. */
bool pt_phase_idle(const struct pt_run *run, pt_phase *phase);

/* After a pre-start that ended midway: returns the functions of its claim. 1: some stay. */
pt_phase pt_phase_undo;

#endif
