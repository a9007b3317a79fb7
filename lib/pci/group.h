// SPDX-License-Identifier: AGPL-3.0-or-later
/* IOMMU groups: functions that go together. Source: Documentation/driver-api/vfio.rst. */
#ifndef PT_GROUP_H
#define PT_GROUP_H

#include "lib/pci/iommu.h"
#include "lib/pci/function.h"

struct pt_group {
	int number;
	struct pt_names member;	 /* every name in the group, PCI or not */
	struct pt_bdf *function; /* its PCI functions, bridges included, in order */
	size_t function_count;
};

/* Reads the group of the folder named device below PT_PCI_DEVICES. -ENOENT: it is in none. -EINVAL:
 * a member has an address of another form, so the group is not known; members stays filled. End
 * with pt_group_clear in any case. */
int pt_group_read(
	const struct pt_host *host, const char *device, struct pt_group *ret, struct pt_err *err);
void pt_group_clear(struct pt_group *group);
#define PT_GROUP PT_CLEANUP(pt_group_clear)

#endif
