// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>
#include <stdint.h>

#include "iommu.h"

#define INTERRUPTS_MAX (8U * 1024 * 1024)

bool pt_iommu_active(const struct pt_host *host)
{
	struct pt_names PT_NAMES names = {0};

	return pt_host_list(host, PT_IOMMU_CLASS, &names) == 0 && names.count > 0;
}

int pt_iommu_width(const struct pt_host *host)
{
	struct pt_names PT_NAMES names = {0};
	int narrowest = 0;

	if (pt_host_list(host, PT_IOMMU_CLASS, &names) < 0)
		return 0;
	pt_foreach (name, names.name, names.count) {
		PT_FREE char *path = pt_format(PT_IOMMU_CLASS "/%s/intel-iommu/cap", *name);
		PT_FREE char *text = NULL;
		uint64_t cap;
		int width;

		if (!path || pt_host_read_line(host, path, &text) < 0 ||
			sscanf(text, "%" SCNx64, &cap) != 1)
			continue;
		/* MGAW: maximum guest address width less one */
		width = (int)(cap >> 16 & 0x3f) + 1;
		if (!narrowest || width < narrowest)
			narrowest = width;
	}
	return narrowest;
}

enum pt_remapping pt_iommu_remapping(const struct pt_host *host)
{
	PT_FREE char *text = NULL;

	if (pt_host_read(host, "/proc/interrupts", INTERRUPTS_MAX, &text, NULL) < 0)
		return PT_REMAPPING_UNKNOWN;
	if (strstr(text, "IR-PCI-MSI"))
		return PT_REMAPPING_ON;
	return strstr(text, "PCI-MSI") ? PT_REMAPPING_OFF : PT_REMAPPING_UNKNOWN;
}
