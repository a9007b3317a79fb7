// SPDX-License-Identifier: AGPL-3.0-or-later
/* The host as a whole. */
#include "pve/rules.h"

/* What keeps the IOMMU off decides what helps. */
static char *iommu_remedy(const struct pt_facts *facts)
{
	const char *cmdline = facts->cmdline ? facts->cmdline : "";

	if (strstr(cmdline, "intel_iommu=off") || strstr(cmdline, "amd_iommu=off") ||
		strstr(cmdline, "iommu=off"))
		return pt_format("the kernel command line switches it off: take the =off out "
				 "and reboot");
	if (facts->has_dmar && !strstr(cmdline, "intel_iommu=on"))
		return pt_format(
			"the firmware offers VT-d (ACPI table DMAR): add intel_iommu=on to "
			"the kernel command line and reboot");
	if (facts->has_dmar || facts->has_ivrs)
		return pt_format(
			"the firmware offers one (ACPI table %s) and the command line does "
			"not hinder it: look for DMAR or AMD-Vi in the kernel log",
			facts->has_dmar ? "DMAR" : "IVRS");
	return pt_format(
		"the firmware offers none: enable VT-d (Intel) or AMD-Vi/IOMMU (AMD) in its "
		"set-up");
}

PT_RULE(pt_rule_iommu_disabled)
{
	if (facts->iommu_active || !facts->taken_count)
		return;
	pt_rule_found(rule, findings, pt_format("host"),
		pt_format("no IOMMU is active, so no device can be passed through"),
		iommu_remedy(facts));
}

PT_RULE(pt_rule_vfio_module)
{
	if (!facts->taken_count)
		return;
	if (facts->vfio.state == PT_MODULE_MISSING)
		pt_rule_found(rule, findings, pt_format("host"),
			pt_format("the running kernel has no module vfio-pci"),
			pt_format("after a kernel upgrade, reboot; else install the kernel's "
				  "modules"));
	if (facts->vfio.state == PT_MODULE_BLOCKED)
		pt_rule_found(rule, findings, pt_format("host"),
			pt_format("vfio-pci is not loaded, and modprobe.d replaces its loading by "
				  "'%s'",
				facts->vfio.command),
			pt_format("remove that install line from /etc/modprobe.d"));
}
