// SPDX-License-Identifier: AGPL-3.0-or-later
#include <endian.h>
#include <inttypes.h>
#include <stdint.h>

#include "lib/pci/iommu.h"

#define INTERRUPTS_MAX (8U * 1024 * 1024)
#define IVRS_MAX       (1U << 20)
#define IVINFO_AT      36

bool pt_iommu_active(const struct pt_host *host)
{
	struct pt_names PT_NAMES names = {0};

	return pt_host_list(host, PT_IOMMU_CLASS, &names) == 0 && names.count > 0;
}

/* The address width of a VT-d unit's page tables: bits 1 to 3 are three, four and five levels. */
static int table_width(uint64_t cap)
{
	unsigned int levels = cap >> 8 & 0x1f;

	return levels & 8 ? 57 : levels & 4 ? 48 : levels & 2 ? 39 : 0;
}

static int unit_width(const struct pt_host *host, const char *unit)
{
	PT_FREE char *path = pt_format(PT_IOMMU_CLASS "/%s/intel-iommu/cap", unit);
	PT_FREE char *text = NULL;
	int width, tables;
	uint64_t cap;

	if (pt_host_read_line(host, path, &text) < 0 || sscanf(text, "%" SCNx64, &cap) != 1)
		return 0;
	/* MGAW: maximum guest address width less one */
	width = (int)(cap >> 16 & 0x3f) + 1;
	tables = table_width(cap);
	return tables && tables < width ? tables : width;
}

/* Of AMD: bits 21:15 of IVinfo, behind the table's header. */
static int ivrs_width(const struct pt_host *host)
{
	PT_FREE char *table = NULL;
	size_t length = 0;
	uint32_t info;
	int width;

	if (pt_host_read(host, PT_FIRMWARE_TABLES "/IVRS", IVRS_MAX, &table, &length) < 0 ||
		length < IVINFO_AT + sizeof(info))
		return 0;
	memcpy(&info, table + IVINFO_AT, sizeof(info));
	width = (int)(le32toh(info) >> 15 & 0x7f);
	return width <= 64 ? width : 0;
}

int pt_iommu_width(const struct pt_host *host)
{
	struct pt_names PT_NAMES names = {0};
	int narrowest = 0;

	if (pt_host_list(host, PT_IOMMU_CLASS, &names) < 0 || !names.count)
		return 0;
	pt_foreach (name, names.name, names.count) {
		int width = unit_width(host, *name);

		if (width && (!narrowest || width < narrowest))
			narrowest = width;
	}
	return narrowest ? narrowest : ivrs_width(host);
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
