// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The four phases of a hookscript (pve-guest-common, GuestHelpers.pm). Only pre-start can refuse a
 * start; elsewhere a failure is a warning in the task log.
 */
#ifndef PT_PHASES_H
#define PT_PHASES_H

#include "pve/guest.h"
#include "pve/release.h"

/* What a phase works with. */
struct pt_run {
	struct pt_host *host; /* its log is the task log */
	char node[PT_NODE_TEXT];
	unsigned int vmid;
	struct pt_limits limits;
	int api_ms; /* budget of the API request */
};

/* 0: fine. 1: the start is refused (pre-start), or something was not returned (post-stop). */
typedef int pt_phase(const struct pt_run *run);

/* NULL when there is no phase of that name. */
pt_phase *pt_phase_find(const char *name);

/* After a pre-start that ended in the middle: gives back what its claim holds. 1: not all of it. */
pt_phase pt_phase_undo;

#endif
