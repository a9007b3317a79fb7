// SPDX-License-Identifier: AGPL-3.0-or-later
/* Resources of the host that the guest's memory and its devices need. */
#include "pve/check/check.h"

#define GIB (UINT64_C(1) << 30)
/* above this, Proxmox VE waits one second for each GiB */
#define PATIENT_MEMORY (30 * GIB)
/* a guest has at most this much memory below 4 GiB; the rest lies above */
#define LOW_MEMORY (2 * GIB)
/* the window above 4 GiB that OVMF opens for BARs by default: OvmfPkg, PcdPciMmio64Size */
#define OVMF_WINDOW (32 * GIB)

enum { MEMORY_NOT_AVAILABLE, MEMORY_ABOVE_TOTAL };

static void memory_not_pinnable(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	const struct pt_memory *host = &facts->host->memory;
	uint64_t memory = pt_guest_memory(facts->guest);
	uint64_t available = host->available + host->arc;

	if (!pt_facts_opens(facts) || facts->running || pt_guest_get(facts->guest, "hugepages") ||
		!host->total)
		return;
	if (memory > host->total)
		pt_report(judging, MEMORY_ABOVE_TOTAL, pt_on_guest(), "memory", PT_SIZE(memory),
			"total", PT_SIZE(host->total), NULL);
	else if (memory > available)
		pt_report(judging, MEMORY_NOT_AVAILABLE, pt_on_guest(), "memory", PT_SIZE(memory),
			"available", PT_SIZE(available), "arc", PT_SIZE(host->arc), NULL);
}

/* Proxmox VE waits 30 s for a start, or a second for each GiB if that is more; four times as long
 * with a hostpci entry. Source: qemu-server, QemuServer/Helpers.pm, config_aware_timeout. */
static void start_timeout_risk(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
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
	pt_report(judging, 0, pt_on_guest(), "memory", PT_SIZE(memory), "seconds",
		PT_NUMBER(memory / GIB), NULL);
}

enum { IOVA_TOO_NARROW, IOVA_NARROW_BY_TABLE };

static void iova_too_narrow(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	uint64_t memory = pt_guest_memory(facts->guest);
	uint64_t top = memory > LOW_MEMORY ? 4 * GIB + memory - LOW_MEMORY : memory;
	int width = facts->host->iova_width;
	bool by_table = facts->host->has_ivrs && !facts->host->has_dmar;

	if (!pt_facts_opens(facts) || width <= 0 || width >= 63 || top <= UINT64_C(1) << width)
		return;
	/* the kernel enforces the registers of Intel's units, not the table of AMD's firmware */
	pt_report(judging, by_table ? IOVA_NARROW_BY_TABLE : IOVA_TOO_NARROW, pt_on_guest(),
		"memory", PT_SIZE(memory), "top", PT_SIZE(top), "bits",
		PT_NUMBER((unsigned int)width), "limit", PT_SIZE(UINT64_C(1) << width), NULL);
}

/* Bytes of 64-bit memory BARs that the guest's firmware must place. */
static uint64_t large_bars(const struct pt_facts *facts)
{
	uint64_t sum = 0;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = pt_facts_function(facts, &taken->bdf);

		if (taken->companion || !function)
			continue;
		pt_foreach (bar, function->bar, PT_PCI_BARS)
			sum += bar->memory && bar->is_64bit ? bar->size : 0;
	}
	return sum;
}

/* Whether the firmware opens a larger window: by the host's address width, or told to. */
static bool opens_more(const struct pt_guest *guest)
{
	const char *cpu = pt_guest_get(guest, "cpu");
	const char *args = pt_guest_get(guest, "args");

	if (args && strstr(args, "X-PciMmio64Mb"))
		return true;
	return cpu && (pt_starts_with(cpu, "host") || strstr(cpu, "cputype=host") ||
			      strstr(cpu, "phys-bits"));
}

static void bar_window_small(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	uint64_t bars = large_bars(facts);

	if (!pt_streq(pt_guest_get(facts->guest, "bios"), "ovmf") || bars <= OVMF_WINDOW ||
		opens_more(facts->guest))
		return;
	pt_report(judging, 0, pt_on_guest(), "bars", PT_SIZE(bars), "window", PT_SIZE(OVMF_WINDOW),
		NULL);
}

/* prose in lines as long as its sentences: no formatter breaks it well */
// clang-format off
static const struct pt_check checks[] = {
	{
		.tag = "memory-not-pinnable",
		.find = memory_not_pinnable,
		.meaning = "The guest's memory does not fit into the available memory.",
		.why = "The start pins all of it: the host swaps, kills processes, or the start fails.",
		.steps = "Stop other guests, or give this one less memory."
			"\nLimit ZFS's cache at once: 'echo BYTES > /sys/module/zfs/parameters/zfs_arc_max'."
			"\nKeep the limit after a reboot: write 'options zfs zfs_arc_max=BYTES' to /etc/modprobe.d/zfs.conf, and run 'update-initramfs -u -k all'.",
		.source = PT_SOURCE_VFIO,
		.of = {
			[MEMORY_NOT_AVAILABLE] = {PT_WARNING, PT_WARNS, .message = "its start pins {memory} of memory, but only {available} are available now ({arc} of them in ZFS's cache)",
				.hint = "stop another guest, or give it less memory"},
			[MEMORY_ABOVE_TOTAL] = {PT_ERROR, PT_WARNS, .when = "the guest has more memory than the host",
				.message = "its start pins {memory} of memory, but this host has {total} in all",
				.hint = "give it less memory"},
		},
	},
	{
		.tag = "start-timeout-risk",
		.find = start_timeout_risk,
		.meaning = "The start pins all memory, which may take longer than Proxmox VE waits.",
		.why = "The kernel allocates and pins every page of the guest before QEMU answers. Proxmox VE waits 30 s, or a second for each GiB if that is more; four times as long with a hostpci entry. A longer start fails, although QEMU may still come up.",
		.steps = "Use hostpci entries instead of args, or huge pages, or 'qm start VMID --timeout SECONDS'.",
		.source = "qemu-server, QemuServer/Helpers.pm, config_aware_timeout",
		.of = {{PT_WARNING, PT_WARNS, .message = "its start pins {memory} of memory, but Proxmox VE waits only {seconds} s for a guest with devices in args alone; with hostpci entries it waits four times as long",
			.hint = "use hostpci entries, or huge pages, which are pinned faster; 'qm start {vmid} --timeout SECONDS' waits longer once"}},
	},
	{
		.tag = "iova-too-narrow",
		.find = iova_too_narrow,
		.meaning = "The guest's memory ends above the addresses that the IOMMU can translate.",
		.why = "Mapping it fails, and QEMU does not start.",
		.steps = "Give the guest less memory.",
		.source = "Intel VT-d specification, 10.4.2",
		.of = {
			[IOVA_TOO_NARROW] = {PT_ERROR, PT_REFUSES, .message = "its memory of {memory} ends at {top}, but the IOMMU of this host translates addresses of {bits} bits, {limit}",
				.hint = "give it less memory"},
			[IOVA_NARROW_BY_TABLE] = {PT_WARNING, PT_WARNS, .when = "the width is from AMD's firmware, which the kernel does not enforce",
				.message = "its memory of {memory} ends at {top}, but by the firmware's table the IOMMU of this host translates addresses of {bits} bits, {limit}",
				.hint = "give it less memory"},
		},
	},
	{
		.tag = "bar-window-small",
		.find = bar_window_small,
		.meaning = "The guest's devices need more address space than its firmware opens.",
		.why = "Devices get no BARs, and their drivers fail.",
		.steps = "'qm set VMID --cpu host': PVE 8 and 9 then pass the host's address width to the firmware, which opens a window to match."
			"\nOr set the size in MiB, in addition to the guest's args: '-fw_cfg opt/ovmf/X-PciMmio64Mb,string=65536'."
			"\nOn the host: 'Above 4G Decoding' in the firmware setup.",
		.source = "edk2, OvmfPkg/README",
		.of = {{PT_WARNING, PT_WARNS, .message = "its devices need {bars} of address space for 64-bit BARs, but its UEFI firmware opens {window}",
			.hint = "set 'cpu: host' (the firmware then follows the host's address width)"}},
	},
};
// clang-format on
const struct pt_checks pt_resource_checks = {checks, PT_ARRAY_SIZE(checks)};
