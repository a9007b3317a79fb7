// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/pci/group.h"

/* Looks like a PCI address: four or more lower-case hexadecimal digits and a colon. */
static bool looks_like_pci(const char *name)
{
	size_t digits = strspn(name, "0123456789abcdef");

	return digits >= 4 && name[digits] == ':';
}

int pt_group_read(
	const struct pt_host *host, const char *device, struct pt_group *ret, struct pt_err *err)
{
	PT_FREE char *number = NULL;
	char path[256];
	int r;

	*ret = (struct pt_group){.number = PT_GROUP_NONE};
	snprintf(path, sizeof(path), PT_PCI_DEVICES "/%s/iommu_group", device);
	r = pt_host_link_name(host, path, &number);
	if (r < 0)
		return pt_err_set(
			err, r == -ENOENT ? -ENOENT : r, "%s: has no IOMMU group", device);
	ret->number = atoi(number);
	snprintf(path, sizeof(path), PT_PCI_DEVICES "/%s/iommu_group/devices", device);
	r = pt_host_list(host, path, &ret->member);
	if (r < 0)
		return pt_err_errno(err, r, "%s: members of IOMMU group %s", device, number);
	pt_foreach (name, ret->member.name, ret->member.count) {
		struct pt_bdf bdf;

		if (!looks_like_pci(*name))
			continue;
		if (!pt_bdf_parse(*name, &bdf))
			return pt_err_set(err, -EINVAL,
				"%s: member %s of its IOMMU group %s is no PCI address", device,
				*name, number);
		pt_bdfs_add(&ret->function, &ret->function_count, &bdf);
	}
	return 0;
}

void pt_group_clear(struct pt_group *group)
{
	pt_names_free(&group->member);
	free(group->function);
	group->function = NULL;
	group->function_count = 0;
}
