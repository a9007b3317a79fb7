// SPDX-License-Identifier: AGPL-3.0-or-later
/* A look that failed is no all-clear. A second, plain one decides about a start that would go on
 * without us: Proxmox VE takes the devices then, whoever uses them. */
#ifndef PT_LOOK_H
#define PT_LOOK_H

#include "hook/phases.h"

/* Looks at the devices that the guest's config file names, and at their IOMMU groups: mounts and
 * swap space, open device files, open groups. 0: nothing uses them, as far as can be seen. -EBUSY:
 * err names the function and the first use, or the process whose open files are too many. Local
 * policy that only advises lets all go but disks of the running system. */
int pt_look_plainly(const struct pt_run *run, struct pt_err *err);

/* The same as a phase, for a supervisor whose worker has crashed. 1: the start is refused. */
pt_phase pt_phase_look;

#endif
