// SPDX-License-Identifier: AGPL-3.0-or-later
/* The abilities of the IOMMU. Source: Intel VT-d specification 10.4.2 (capability register, in
 * sysfs); AMD IOMMU specification 5.2.1 (IVinfo of the table IVRS). */
#ifndef PT_IOMMU_H
#define PT_IOMMU_H

#include "lib/base/host.h"

#define PT_IOMMU_CLASS	   "/sys/class/iommu"
#define PT_FIRMWARE_TABLES "/sys/firmware/acpi/tables"

/* Whether one is active: the class has an entry. */
bool pt_iommu_active(const struct pt_host *host);

/* How many bits of address the narrowest can translate; 0: unknown. */
int pt_iommu_width(const struct pt_host *host);

enum pt_remapping {
	PT_REMAPPING_UNKNOWN,
	PT_REMAPPING_ON,
	PT_REMAPPING_OFF,
};

/* Whether interrupts go through the IOMMU: chips in /proc/interrupts then begin with "IR-". Unknown
 * if no PCI device uses message interrupts. */
enum pt_remapping pt_iommu_remapping(const struct pt_host *host);

#endif
