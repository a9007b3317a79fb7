// SPDX-License-Identifier: AGPL-3.0-or-later
/* Whether the host has what the guest's memory and its devices' need. */
#include "pve/check/rules.h"

#define GIB (UINT64_C(1) << 30)
/* with so much, a second for each GiB is all that Proxmox VE waits */
#define PATIENT_MEMORY (30 * GIB)
/* below 4 GiB a guest has that much memory at the most; the rest lies above */
#define LOW_MEMORY (2 * GIB)
/* what OVMF opens above 4 GiB for BARs unless told otherwise: OvmfPkg, PcdPciMmio64Size */
#define OVMF_WINDOW (32 * GIB)

PT_RULE(pt_rule_memory)
{
	uint64_t memory = pt_guest_memory(facts->guest);
	uint64_t available = facts->host->memory.available + facts->host->memory.arc;

	if (!pt_facts_opens(facts) || facts->running || pt_guest_get(facts->guest, "hugepages") ||
		!facts->host->memory.total)
		return;
	if (memory > facts->host->memory.total)
		pt_findings_add(findings, rule->tag, PT_ERROR, PT_TELL, pt_format("guest"),
			pt_format("its %s of memory are pinned while it runs, but this host has %s "
				  "in all",
				PT_SIZE(memory), PT_SIZE(facts->host->memory.total)),
			pt_format("give it less memory"));
	else if (memory > available)
		pt_rule_found(rule, findings, pt_format("guest"),
			pt_format("its %s of memory are pinned when it starts, but only %s are "
				  "available now (%s of them in ZFS's cache)",
				PT_SIZE(memory), PT_SIZE(available),
				PT_SIZE(facts->host->memory.arc)),
			pt_format("stop another guest, or give it less memory"));
}

/*
 * Proxmox VE waits 30 s for a start, and a second for each GiB of a guest with more than that; four times as long when it
 * sees a hostpci entry. Source: qemu-server, QemuServer/Helpers.pm, config_aware_timeout.
 */
PT_RULE(pt_rule_start_timeout)
{
	uint64_t memory = pt_guest_memory(facts->guest);
	bool by_args = false;

	pt_foreach (assignment, facts->assignment, facts->count) {
		if (assignment->entry.index < PT_HOSTPCI_MAX)
			return;
		by_args = true;
	}
	if (!by_args || !facts->taken_count || facts->running || memory <= PATIENT_MEMORY ||
		pt_guest_get(facts->guest, "hugepages"))
		return;
	pt_rule_found(rule, findings, pt_format("guest"),
		pt_format(
			"its %s of memory are pinned when it starts, and as its devices stand in args "
			"alone Proxmox VE waits only %llu s for that; with hostpci entries it waits "
			"four times as long",
			PT_SIZE(memory), (unsigned long long)(memory / GIB)),
		pt_format(
			"use hostpci entries, or huge pages, which are pinned faster; 'qm start %s "
			"--timeout SECONDS' waits longer once",
			PT_VMID(facts)));
}

PT_RULE(pt_rule_iova)
{
	uint64_t memory = pt_guest_memory(facts->guest);
	uint64_t top = memory > LOW_MEMORY ? 4 * GIB + memory - LOW_MEMORY : memory;
	int width = facts->host->iova_width;
	bool by_table = facts->host->has_ivrs && !facts->host->has_dmar;

	if (!pt_facts_opens(facts) || width <= 0 || width >= 63 || top <= UINT64_C(1) << width)
		return;
	/* the kernel goes by the registers of Intel's units, but does not hold AMD's to what the firmware's table says */
	pt_findings_add(findings, rule->tag, by_table ? PT_WARNING : rule->severity,
		by_table ? PT_TELL : rule->refusal, pt_format("guest"),
		pt_format("its memory of %s ends at %s, but the IOMMU of this host translates "
			  "addresses of %d bits, %s%s",
			PT_SIZE(memory), PT_SIZE(top), width, PT_SIZE(UINT64_C(1) << width),
			by_table ? ", says its firmware" : ""),
		pt_format("give it less memory"));
}

/* Bytes of 64-bit memory BARs that the guest's firmware has to find room for. */
static uint64_t large_bars(const struct pt_facts *facts)
{
	uint64_t sum = 0;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function =
			pt_inventory_find(facts->inventory, &taken->bdf);

		if (taken->companion || !function)
			continue;
		pt_foreach (bar, function->bar, PT_PCI_BARS)
			sum += bar->memory && bar->is_64bit ? bar->size : 0;
	}
	return sum;
}

PT_RULE(pt_rule_bar_window)
{
	const char *cpu = pt_guest_get(facts->guest, "cpu");
	const char *args = pt_guest_get(facts->guest, "args");
	uint64_t bars = large_bars(facts);

	/* with the host's own address width the firmware opens a larger window by itself */
	if (!pt_streq(pt_guest_get(facts->guest, "bios"), "ovmf") || bars <= OVMF_WINDOW ||
		(cpu && (pt_starts_with(cpu, "host") || strstr(cpu, "cputype=host") ||
				strstr(cpu, "phys-bits"))) ||
		(args && strstr(args, "X-PciMmio64Mb")))
		return;
	pt_rule_found(rule, findings, pt_format("guest"),
		pt_format("its devices need %s of address space for 64-bit BARs, and its UEFI "
			  "firmware opens %s",
			PT_SIZE(bars), PT_SIZE(OVMF_WINDOW)),
		pt_format("set 'cpu: host' (the firmware then follows the host's address width)"));
}
