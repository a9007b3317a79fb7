// SPDX-License-Identifier: AGPL-3.0-or-later
/* A look that failed is no all-clear. A second, plain one decides about a start that would go on
 * without us: Proxmox VE takes the devices then, whoever uses them. */
#ifndef PT_LOOK_H
#define PT_LOOK_H

#include "hook/phases.h"
#include "lib/use/use.h"

/* Adds the uses that mounts, swap space, open device files, links and routes show of the functions:
 * no look of less than a second's patience finds more. -ETIME: somebody has too many files open to
 * look at. Another error: one of these cannot be read; what the others show is added. */
int pt_look_at_uses(const struct pt_host *host, const struct pt_function *const *function,
	size_t count, struct pt_uses *ret, struct pt_err *err);

/* The words for a start that nobody could judge. Both take the VMID, the second one the reason. */
#define PT_UNPROTECTED "guest %u: the start goes on unprotected; nothing is seen to use its devices"
#define PT_UNSEEN                                                                                  \
	"guest %u: the start goes on unprotected; not all of its devices could be looked at: %s"

/* Looks at the devices that the guest's config file names, at their IOMMU groups and their VFs:
 * mounts and swap space, links and routes, open device files, open groups. 0: nothing uses them, as
 * far as can be seen. -EBUSY: err names the function and the first use, or the process whose open
 * files are too many. Another error: no use is seen, but not all could be looked at. Local policy
 * that only advises lets all go but disks of the running system. */
int pt_look_plainly(const struct pt_run *run, struct pt_err *err);

/* The same as a phase, for a supervisor whose worker has crashed. 1: the start is refused. */
pt_phase pt_phase_look;

#endif
