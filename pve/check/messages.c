// SPDX-License-Identifier: AGPL-3.0-or-later
#include <regex.h>

#include "pve/check/messages.h"

/* prose in lines as long as its sentences: no formatter breaks it well */
// clang-format off
static const struct pt_message messages[] = {
	/* Proxmox VE */
	{"IOMMU not present|no IOMMU detected", "the host has no IOMMU in force",
		{"iommu-disabled"}, "qemu-server 8.4 and 9.2"},
	{"no pci device info|no PCI device found for|no device found for", "the address leads to no function of this host",
		{"device-missing", "vf-not-created", "device-identity-changed"}, "qemu-server 8.4 and 9.2"},
	{"(cannot|can't) find vfio-pci module|(cannot|can't) (unbind/)?bind .* to vfio|unable to bind .* to vfio", "vfio-pci cannot be loaded, or does not take the device",
		{"vfio-module-missing", "keep-without-vfio", "vfio-pci-denies"}, "qemu-server 8.4 and 9.2"},
	{"in vfio-pci device denylist", "vfio-pci does not take a model with known faults",
		{"vfio-pci-denies"}, "kernel 6.1 to 6.17, sources"},
	{"assigned more than once", "two entries of the guest name one function",
		{"device-assigned-twice"}, "qemu-server 9.2"},
	{"mediated device with multifunction", "mdev on a whole device of several functions",
		{"mdev-multifunction"}, "qemu-server 9.2"},
	{"set both 'host' and 'mapping'", "an entry has an address and a mapping",
		{"hostpci-host-and-mapping"}, "qemu-server 9.2"},
	{"legacy IGD assignment", "legacy-igd=1 needs a guest of a certain kind: the message names what is missing",
		{"legacy-igd-q35", "legacy-igd-vga", "legacy-igd-address"}, "qemu-server 9.2"},
	{"Intel vIOMMU", "viommu=intel needs q35, and 39 or 48 address bits",
		{"viommu-too-wide"}, "qemu-server 9.2"},
	{"unable to parse value of '(hostpci|machine)", "Proxmox VE drops a line of the config that it cannot parse",
		{"hostpci-syntax", "hostpci-unknown-key", "machine-invalid"}, "qemu-server 8.4 and 9.2"},
	{"q35 machine model is not enabled", "pcie=1 needs the machine type q35",
		{"pcie-needs-q35", "machine-invalid"}, "qemu-server 8.4 and 9.2"},
	{"(in use|reserved)( for use)? by (VM|guest)|already (in use|used) by VM", "another guest has the device",
		{"used-by-running", "reserved-by-other", "claimed-by-other"}, "qemu-server 8.4 and 9.2"},
	{"(PCI device )?mapping (not found|invalid)|hardware probably changed|no device mapping found|configuration error.*mapping", "the mapping does not fit this node's hardware any more",
		{"mapping-mismatch", "mapping-missing", "mapping-no-node"}, "qemu-server 8.4 and 9.2"},
	{"no device left|no free (PCI )?device|(couldn't|could not) find.*free", "all devices of the mapping are taken",
		{"mapping-nothing-free"}, "qemu-server 9.2"},
	{"hookscript volume .* (does not exist|is not)|script '.*' (does not exist|is not)|hook script .* (does not exist|is not)", "the guest's hookscript is missing or cannot be run",
		{"hook-missing", "hookscript-missing", "hook-not-executable"}, "pve-guest-common 6.0"},
	{"hookscript error for [0-9]+ on pre-start", "the guest's hookscript has refused the start: its reason stands in the lines above",
		{NULL}, "pve-guest-common 6.0"},
	{"failed to reset PCI device|write error: inappropriate ioctl|inappropriate ioctl for device", "the function has no reset of its own; the start goes on",
		{"no-reset", "bus-reset-shared"}, "qemu-server 8.4 and 9.2; kernel 6.1 to 6.17"},
	{"lock-[0-9]+\\.conf.* - got timeout|can't lock file", "something else works on the guest: a return at its last stop, a backup, a migration",
		{"stale-claim", "claim-incomplete"}, "pve-common 9.2"},
	{"got timeout|timeout waiting for", "QEMU did not answer in time: pinning much memory takes long, or a device hangs",
		{"start-timeout-risk", "memory-not-pinnable", "reset-quirk"}, "qemu-server 8.4 and 9.2"},
	{"hugepage allocation failed|not enough.*hugepages|huge ?pages.*(failed|not enough)", "there are not enough huge pages",
		{"hugepages-short"}, "qemu-server 9.2"},
	{"does not support mediated devices|has no type '|has no available instances|create 'type' for pci devices|(unable|failed|could not) to create.*mdev|vgpu type .* not available|mdev.*(no space left|not available)", "no instance of the mediated device type can be made",
		{"mdev-none-free", "mdev-type-unknown"}, "qemu-server 9.2"},
	/* QEMU */
	{"group( [0-9]+)? is not viable|devices within the iommu_group are bound", "a function of the IOMMU group still has a host driver",
		{"group-companions", "partial-slot", "keep-without-vfio"}, "QEMU 7.2 and 10.0"},
	{"failed to set(up)? (group )?container|failed to set iommu for container|failed to setup container", "the kernel gives the group to no guest: the firmware holds memory for it, or interrupts are not remapped",
		{"reserved-region", "interrupt-remapping-missing", "iova-too-narrow"}, "QEMU 7.2 and 10.0"},
	{"failed to open /dev/vfio|could not open '?/dev/vfio|is already attached|error getting device from group", "another process has the group, or it is on no vfio driver",
		{"used-by-running", "keep-without-vfio", "no-iommu-group"}, "QEMU 7.2 and 10.0"},
	{"no iommu_group found|(failed to read|cannot open) iommu_group", "the function is in no IOMMU group",
		{"no-iommu-group", "iommu-disabled"}, "QEMU 7.2 and 10.0"},
	{"aw-bits [0-9]+ *>|host aw-bits", "the virtual IOMMU is wider than the host's",
		{"viommu-too-wide"}, "QEMU 9.1 and 10.0, sources"},
	{"peer-to-peer transactions on BARs are not supported", "BARs of the guest lie above the addresses of the host's IOMMU",
		{"guest-address-too-wide"}, "QEMU 9.2 and 10.0, sources"},
	{"VFIO_MAP_DMA|vfio_(container_)?dma_map|vfio_dma_map", "memory could not be mapped: there is too little, a limit forbids to pin it, or its addresses are too wide",
		{"memory-not-pinnable", "guest-address-too-wide", "iova-too-narrow", "viommu-too-wide"}, "QEMU 7.2 and 10.0"},
	{"table & pba overlap|MSIX PBA outside of specified BAR", "QEMU cannot lay out the device's MSI-X table",
		{"msix-layout"}, "QEMU 7.2 and 10.0, sources"},
	{"does not support requested feature x-vga|failed getting region info for VGA", "x-vga=1 on a device that is no VGA device",
		{"x-vga-no-vga"}, "QEMU 7.2 and 10.0"},
	{"failed to find romfile|failed to (load|open) .*(romfile|rom file)|romfile .* (not found|is empty)", "the ROM file cannot be read",
		{"romfile-missing", "romfile-not-a-rom"}, "QEMU 7.2 and 10.0"},
	{"depends on group [0-9]+ which is not owned", "the device resets only with its bus, and the guest does not have all of that",
		{"bus-reset-shared"}, "QEMU 7.2 and 10.0, sources"},
	{"no available reset mechanism", "nothing resets the device",
		{"no-reset", "reset-quirk"}, "QEMU 7.2 and 10.0, sources"},
	{"unknown (PCI )?header type|header type '?0?x?7f|header type '?127", "the device does not answer: it reads all ones",
		{"device-dead", "d3cold-risk"}, "QEMU 10.0, sources; lspci"},
	/* the kernel */
	{"1:1 IOMMU mapping|ineligible for IOMMU domain attach due to platform RMRR", "the firmware holds memory for the device: the kernel gives its group to no guest",
		{"reserved-region"}, "kernel 6.8, sources"},
	{"no interrupt remapping( support)?", "the IOMMU does not remap interrupts, and vfio refuses then",
		{"interrupt-remapping-missing"}, "kernel 6.1 and 6.12"},
	{"not ready( [0-9]+ ?ms)? after|giving up.*reset|timed out waiting for pending transaction", "the device has not come back after a reset",
		{"reset-quirk", "device-dead", "no-reset"}, "kernel 6.1 to 6.17, sources"},
	{"can't reserve|cannot reserve", "something else lies on the BAR: the firmware's framebuffer, mostly",
		{"framebuffer-stays", "console-on-device"}, "kernel 6.1 and 6.12, sources"},
	{"vfio_bar_restore: reset recovery|unable to (power on|change power state)|stuck in D3|D3cold to D0, device inaccessible", "the device does not wake up",
		{"device-dead", "d3cold-risk"}, "kernel 6.1 to 6.17, sources"},
	{"BAR [0-9]+.*(failed to assign|no space)|can't assign; no space|(failed to assign|no space for)", "the host has no room for a BAR",
		{"bar-unassigned", "bar-window-small"}, "kernel 6.1"},
	{"invalid PCI ROM (header|data) signature", "the card's ROM cannot be read: of the boot display the host has a shadow only",
		{"romfile-not-a-rom", "console-on-device"}, "kernel 6.1 to 6.17, sources"},
	{"Completion-Wait loop timed out|DMAR:.*(fault|timed? ?out)|AMD-Vi:.*(timeout|IO_PAGE_FAULT)", "the IOMMU reports a device that hangs, or accesses memory that is not its own",
		{"reset-quirk", "device-dead", "acs-override-active"}, "kernel 6.1 to 6.17, sources"},
};
// clang-format on

const struct pt_message *pt_message_at(size_t at)
{
	return at < PT_ARRAY_SIZE(messages) ? &messages[at] : NULL;
}

/* The expression of a row, compiled once; a log has many lines. */
static const regex_t *compile(size_t at)
{
	static regex_t expression[PT_ARRAY_SIZE(messages)];
	static bool compiled[PT_ARRAY_SIZE(messages)];

	if (!compiled[at] && regcomp(&expression[at], messages[at].pattern,
				     REG_EXTENDED | REG_ICASE | REG_NOSUB) != 0)
		return NULL;
	compiled[at] = true;
	return &expression[at];
}

const struct pt_message *pt_message_next(const char *text, size_t *at)
{
	while (*at < PT_ARRAY_SIZE(messages)) {
		size_t here = (*at)++;
		const regex_t *expression = compile(here);

		if (expression && regexec(expression, text, 0, NULL, 0) == 0)
			return &messages[here];
	}
	return NULL;
}

/* The next address of a function in a line, from *line on, which moves behind it. */
static bool next_function(const char **line, struct pt_bdf *ret)
{
	static const char digits[] = "0123456789abcdef:.";

	while (**line) {
		const char *begin = *line + strcspn(*line, digits);
		size_t length = strspn(begin, digits);
		PT_FREE char *word = NULL;

		*line = begin + length;
		/* "0000:01:00.0: not ready" */
		while (length && strchr(":.", begin[length - 1]))
			length--;
		word = pt_strndup(begin, length);
		if (pt_bdf_parse(word, ret))
			return true;
	}
	return false;
}

bool pt_message_concerns(const char *line, const struct pt_facts *facts)
{
	bool names_any = false;
	struct pt_bdf bdf;

	while (next_function(&line, &bdf)) {
		names_any = true;
		if (pt_inventory_find(facts->inventory, &bdf) ||
			(facts->recorded && pt_identities_find(facts->recorded, &bdf)))
			return true;
	}
	return !names_any;
}
