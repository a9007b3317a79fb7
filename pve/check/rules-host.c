// SPDX-License-Identifier: AGPL-3.0-or-later
/* The host as a whole. */
#include "lib/linux/cmdline.h"
#include "pve/config/paths.h"
#include "pve/check/rules.h"

#define MOST_LEFT 4 /* devices that are told one by one */

/* What keeps the IOMMU off decides what helps. */
static char *iommu_remedy(const struct pt_facts *facts)
{
	char intel[32], amd[32], both[32];

	pt_cmdline_get(facts->host->cmdline, "intel_iommu", intel, sizeof(intel));
	pt_cmdline_get(facts->host->cmdline, "amd_iommu", amd, sizeof(amd));
	pt_cmdline_get(facts->host->cmdline, "iommu", both, sizeof(both));
	if (pt_streq(intel, "off") || pt_streq(amd, "off") || pt_streq(both, "off"))
		return pt_format("the kernel command line switches it off: take the =off out "
				 "and reboot");
	if (facts->host->has_dmar && !pt_starts_with(intel, "on"))
		return pt_format(
			"the firmware offers VT-d (ACPI table DMAR): add intel_iommu=on to "
			"the kernel command line and reboot");
	if (facts->host->has_dmar || facts->host->has_ivrs)
		return pt_format(
			"the firmware offers one (ACPI table %s) and the command line does "
			"not hinder it: look for DMAR or AMD-Vi in the kernel log",
			facts->host->has_dmar ? "DMAR" : "IVRS");
	return pt_format(
		"the firmware offers none: enable VT-d (Intel) or AMD-Vi/IOMMU (AMD) in its "
		"set-up");
}

/* Whether Proxmox VE gets as far as preparing a device: it asks for an IOMMU whoever drives that, or shares it. */
static bool prepares_any(const struct pt_facts *facts)
{
	pt_foreach (assignment, facts->assignment, facts->count) {
		if (assignment->chosen >= 0)
			return true;
	}
	return false;
}

PT_RULE(pt_rule_iommu_disabled)
{
	if (facts->host->iommu_active || !prepares_any(facts))
		return;
	pt_rule_found(rule, findings, pt_format("host"),
		pt_format("no IOMMU is active, so no device can be passed through"),
		iommu_remedy(facts));
}

PT_RULE(pt_rule_vfio_module)
{
	if (!facts->taken_count)
		return;
	if (facts->host->vfio.state == PT_MODULE_MISSING)
		pt_rule_found(rule, findings, pt_format("host"),
			pt_format("the running kernel has no module vfio-pci"),
			pt_format("after a kernel upgrade, reboot; else install the kernel's "
				  "modules"));
	if (facts->host->vfio.state == PT_MODULE_BLOCKED)
		pt_rule_found(rule, findings, pt_format("host"),
			pt_format("vfio-pci is not loaded, and modprobe.d replaces its loading by "
				  "'%s'",
				facts->host->vfio.command),
			pt_format("remove that install line from /etc/modprobe.d"));
	if (facts->host->vfio.state == PT_MODULE_CUSTOM)
		pt_findings_add(findings, rule->tag, PT_WARNING, PT_TELL, pt_format("host"),
			pt_format(
				"vfio-pci is not loaded, and modprobe.d has it loaded by '%s', "
				"which pve-pthook does not run: the start goes on without it, and "
				"no device is returned",
				facts->host->vfio.command),
			pt_format("load vfio-pci at boot: add it to /etc/modules"));
}

PT_RULE(pt_rule_interrupt_remapping)
{
	if (!pt_facts_opens(facts) || !facts->host->iommu_active ||
		facts->host->unsafe_interrupts || facts->host->remapping != PT_REMAPPING_OFF)
		return;
	pt_rule_found(rule, findings, pt_format("host"),
		pt_format("interrupts are not remapped, so the kernel gives no device to a guest"),
		pt_format(
			"enable interrupt remapping (x2APIC) in the firmware set-up; without it, "
			"'options vfio_iommu_type1 allow_unsafe_interrupts=1' in modprobe.d works "
			"for guests that you trust"));
}

PT_RULE(pt_rule_acs_override)
{
	char value[64];

	if (pt_facts_opens(facts) &&
		pt_cmdline_get(facts->host->cmdline, "pcie_acs_override", value, sizeof(value)))
		pt_rule_found(rule, findings, pt_format("host"),
			pt_format(
				"pcie_acs_override=%s splits IOMMU groups that the hardware does not "
				"keep apart: a device of one guest may reach another's memory",
				value),
			pt_format("take it off the kernel command line unless every guest is "
				  "trusted"));
}

#define CLASS_STORAGE 0x01U

static const struct pt_detail *detail_of(const struct pt_facts *facts, const struct pt_bdf *bdf)
{
	pt_foreach (detail, facts->detail, facts->detail_count) {
		if (pt_bdf_compare(&detail->bdf, bdf) == 0)
			return detail;
	}
	return NULL;
}

PT_RULE(pt_rule_ids_captured)
{
	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function =
			pt_inventory_find(facts->inventory, &taken->bdf);
		const struct pt_detail *detail = detail_of(facts, &taken->bdf);

		if (!function || !pt_ids_mean(facts->host->vfio_options, function))
			continue;
		if (detail && detail->has_id_twin)
			pt_findings_add(findings, rule->tag, PT_WARNING, PT_TELL,
				pt_subject_function(facts, taken),
				pt_format(
					"vfio-pci takes every device of its ids at boot, and that "
					"is %s as well, which no guest has",
					PT_BDF(&detail->id_twin)),
				function->class >> 16 == CLASS_STORAGE
					? pt_format(
						  "to have %s on the host, bind this one by its "
						  "driver_override at boot in place of ids=: its host "
						  "driver would let the host start what is on its disks",
						  PT_BDF(&detail->id_twin))
					: pt_format(
						  "take ids= out: pve-pthook takes this one by its "
						  "address"));
		else
			pt_rule_found(rule, findings, pt_subject_function(facts, taken),
				pt_format(
					"vfio-pci takes it at boot (ids=), so it stays there when the "
					"guest has stopped"),
				NULL);
	}
}

/* What the guest at hand is about to take is told by its own rules. */
static bool is_at_hand(const struct pt_facts *facts, const struct pt_bdf *bdf)
{
	return pt_taken_find(facts->taken, facts->taken_count, bdf) ||
	       pt_taken_find(facts->spare, facts->spare_count, bdf) ||
	       pt_taken_find(facts->kept, facts->kept_count, bdf);
}

/* One finding for all of them: a host may have many. */
PT_RULE(pt_rule_left_on_vfio)
{
	PT_FREE char *list = NULL;
	size_t count = 0;

	pt_foreach (bdf, facts->left, facts->left_count) {
		const struct pt_function *function = pt_inventory_find(facts->inventory, bdf);

		if (is_at_hand(facts, bdf) ||
			(function && pt_ids_mean(facts->host->vfio_options, function)) ||
			count++ >= MOST_LEFT)
			continue;
		list = pt_list_add(list, ", ", PT_BDF(bdf));
	}
	if (!count)
		return;
	pt_rule_found(rule, findings, pt_format("host"),
		pt_format(
			"%s%s on vfio-pci, but no guest of this node names %s, nor do the module's "
			"ids=: somebody left %s there",
			list ? list : "",
			count > MOST_LEFT ? " and others are"
			: count > 1	  ? " are"
					  : " is",
			count > 1 ? "them" : "it", count > 1 ? "them" : "it"),
		pt_format("if the host shall have %s: unbind from vfio-pci, empty driver_override, "
			  "write the address to the bind file of the driver, "
			  "/sys/bus/pci/drivers/DRIVER/bind; or reboot",
			count > 1 ? "them" : "it"));
}

PT_RULE(pt_rule_driver_blocked)
{
	pt_foreach (detail, facts->detail, facts->detail_count) {
		const struct pt_taken *taken =
			pt_taken_find(facts->taken, facts->taken_count, &detail->bdf);

		if (taken && detail->blocked[0])
			pt_rule_found(rule, findings, pt_subject_function(facts, taken),
				pt_format(
					"has no driver, since modprobe.d blacklists %s; none is what it "
					"returns to",
					detail->blocked),
				NULL);
	}
}

PT_RULE(pt_rule_policy_invalid)
{
	if (facts->host->policy_err.code)
		pt_rule_found(rule, findings, pt_format("host"),
			pt_format("%s; nothing of it counts", facts->host->policy_err.text),
			pt_format("mend it, and ask 'pve-ptconf config-test'"));
	pt_foreach (taken, facts->taken, facts->taken_count) {
		if (taken->lacking && !pt_streq(taken->wish, PT_VFIO_PCI))
			pt_findings_add(findings, rule->tag, PT_WARNING, PT_TELL,
				pt_subject_function(facts, taken),
				pt_format(
					"vfio-driver = %s, but this kernel has no such driver, or "
					"modprobe.d has the last word on it: vfio-pci takes it",
					taken->wish),
				pt_format("mend " PT_POLICY_FILE ", or see 'modprobe -n -v %s'",
					taken->wish));
	}
}
