// SPDX-License-Identifier: AGPL-3.0-or-later
/* The host's memory that the guest needs. */
#include "pve/check/check.h"

#define GIB (UINT64_C(1) << 30)
/* above this, Proxmox VE waits one second for each GiB */
#define PATIENT_MEMORY (30 * GIB)

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
};
// clang-format on
const struct pt_checks pt_resource_checks = {checks, PT_ARRAY_SIZE(checks)};
