// SPDX-License-Identifier: AGPL-3.0-or-later
/* What the hardware, the firmware and the boot leave of a function. */
#include <inttypes.h>

#include "lib/base/template.h"
#include "lib/linux/cmdline.h"
#include "pve/check/check.h"

#define NUMA_MOST 8 /* nodes of a guest */
#define CLASS_VGA 0x0300U

enum { RESERVED_ON_INTEL, RESERVED_ON_AMD, RESERVED_DESPITE_OPTION };

/* Whether the kernel's command line has the option with one of its words, "pci=noaer,realloc". */
static bool is_booted_with(const struct pt_facts *facts, const char *option, const char *word)
{
	char list[256];
	char *one, *rest;

	if (!pt_cmdline_get(facts->host->cmdline, option, list, sizeof(list)))
		return false;
	for (one = strtok_r(list, ",", &rest); one; one = strtok_r(NULL, ",", &rest)) {
		if (pt_streq(one, word))
			return true;
	}
	return false;
}

static size_t why_reserved(const struct pt_facts *facts)
{
	if (facts->host->has_ivrs)
		return RESERVED_ON_AMD;
	return is_booted_with(facts, "intel_iommu", "relax_rmrr") ? RESERVED_DESPITE_OPTION
								  : RESERVED_ON_INTEL;
}

/* QEMU attaches the group, whoever has bound it. */
static void reserved_region(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_opened_foreach(taken, facts)
	{
		const struct pt_function *function = pt_facts_function(facts, &taken->bdf);

		if (pt_has_obstacle(facts, function, PT_OBSTACLE_RESERVED))
			pt_report(judging, why_reserved(facts), pt_on_function(facts, taken),
				"region", function->reserved_region, NULL);
	}
}

static bool has_realloc(const struct pt_facts *facts)
{
	return is_booted_with(facts, "pci", "realloc") ||
	       is_booted_with(facts, "pci", "realloc=on");
}

enum { UNASSIGNED, UNASSIGNED_DESPITE_OPTION };

static void bar_unassigned(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_opened_foreach(taken, facts)
	{
		const struct pt_function *function = pt_facts_function(facts, &taken->bdf);
		PT_FREE char *list = NULL;

		for (size_t i = 0; function && i < PT_PCI_BARS; i++) {
			const struct pt_bar *bar = &function->bar[i];
			PT_FREE char *one = pt_format("BAR %zu (%s)", i, PT_SIZE(bar->size));

			if (bar->memory && bar->unset)
				list = pt_list_add(list, ", ", one);
		}
		if (list)
			pt_report(judging,
				has_realloc(facts) ? UNASSIGNED_DESPITE_OPTION : UNASSIGNED,
				pt_on_function(facts, taken), "bars", list, NULL);
	}
}

/* QEMU lays the tables out in the regions of the BARs. Source: qemu, hw/pci/msix.c, msix_init; the
 * devices that it corrects: hw/vfio/pci.c, vfio_msix_early_setup. */
#define MSIX_ENTRY 16U /* bytes of a vector in the table */
#define RELOCATION "x-msix-relocation"
#define MSIX_CHUNK 64U /* vectors whose pending bits are 8 bytes */

enum { MSIX_OVERLAP, MSIX_TABLE_OUTSIDE, MSIX_PBA_OUTSIDE, MSIX_FITS };

static bool is_corrected(const struct pt_function *function)
{
	return (pt_streq(function->vendor, "1425") && pt_starts_with(function->device, "58")) ||
	       (pt_streq(function->vendor, "1d22") && pt_streq(function->device, "3685"));
}

static uint64_t region_of(const struct pt_function *function, unsigned int bar)
{
	return bar < PT_PCI_BARS ? function->bar[bar].size : 0;
}

static size_t judge_msix(const struct pt_function *function, uint64_t table_size, uint64_t pba_size)
{
	const struct pt_msix *msix = &function->space.msix;
	const uint64_t table_end = msix->table + table_size, pba_end = msix->pba + pba_size;

	if (!msix->known)
		return MSIX_FITS;
	if (msix->pba >= region_of(function, msix->pba_bar) && is_corrected(function))
		return MSIX_FITS;
	if (table_end > region_of(function, msix->table_bar))
		return MSIX_TABLE_OUTSIDE;
	if (pba_end > region_of(function, msix->pba_bar))
		return MSIX_PBA_OUTSIDE;
	return msix->table_bar == msix->pba_bar && msix->table < pba_end && msix->pba < table_end
		       ? MSIX_OVERLAP
		       : MSIX_FITS;
}

/* The smallest memory BAR that QEMU can double for them, PT_PCI_BARS for none. */
static size_t pick_bar(const struct pt_function *function)
{
	size_t best = PT_PCI_BARS;

	for (size_t i = 0; i < PT_PCI_BARS; i++) {
		const struct pt_bar *bar = &function->bar[i];

		if (bar->memory && bar->size && (bar->is_64bit || bar->size <= 1ULL << 30) &&
			(best == PT_PCI_BARS || bar->size < function->bar[best].size))
			best = i;
	}
	return best;
}

/* Whether the guest's args have QEMU lay the tables of the entry out anew. */
static bool is_relocated(const struct pt_guest *guest, const struct pt_assignment *assignment)
{
	const char *args = pt_guest_get(guest, "args");
	const bool in_args = assignment->entry.index == PT_HOSTPCI_MAX;
	PT_FREE char *option = pt_format("device.%s." RELOCATION "=", PT_LABEL(assignment));

	return args && (strstr(args, in_args ? RELOCATION : option) ||
			       strstr(args, "vfio-pci." RELOCATION "="));
}

/* How to tell QEMU so. The caller frees it. */
static char *relocate(const struct pt_assignment *assignment, size_t bar)
{
	if (assignment->entry.index == PT_HOSTPCI_MAX)
		return pt_format("add '," RELOCATION "=bar%zu' to its -device in args", bar);
	/* QEMU's option has no word for hostpci0.1 */
	return pt_format("%sadd '-set device.%s." RELOCATION
			 "=bar%zu' to the guest's args, behind what stands there",
		assignment->multifunction ? "give the function an entry of its own, and " : "",
		PT_LABEL(assignment), bar);
}

static void report_msix(const struct pt_judging *judging, const struct pt_taken *taken)
{
	const struct pt_facts *facts = judging->facts;
	const struct pt_assignment *assignment = &facts->assignment[taken->assignment];
	const struct pt_function *function = pt_facts_function(facts, &taken->bdf);
	const struct pt_msix *msix = function ? &function->space.msix : NULL;
	PT_FREE char *table = NULL, *pba = NULL, *remedy = NULL;
	uint64_t table_size, pba_size;
	size_t which, bar;

	if (!msix || is_relocated(facts->guest, assignment))
		return;
	table_size = (uint64_t)msix->vectors * MSIX_ENTRY;
	pba_size = (uint64_t)(msix->vectors + MSIX_CHUNK - 1) / MSIX_CHUNK * 8;
	which = judge_msix(function, table_size, pba_size);
	if (which == MSIX_FITS)
		return;
	table = pt_format("0x%x to 0x%" PRIx64 " of BAR %u", msix->table,
		msix->table + table_size - 1, msix->table_bar);
	pba = pt_format("0x%x to 0x%" PRIx64 " of BAR %u", msix->pba, msix->pba + pba_size - 1,
		msix->pba_bar);
	bar = pick_bar(function);
	if (bar < PT_PCI_BARS)
		remedy = relocate(assignment, bar);
	pt_report(judging, which, pt_on_function(facts, taken), "table", table, "pba", pba,
		"remedy", remedy, NULL);
}

static void msix_layout(const struct pt_judging *judging)
{
	pt_opened_foreach(taken, judging->facts) report_msix(judging, taken);
}

enum { XVGA_NO_VGA, XVGA_MDEV, XVGA_SWITCHED_OFF, XVGA_NO_DISPLAY };

/* The addresses of the node's displays, or NULL. The caller frees it. */
static char *displays_of(const struct pt_facts *facts, bool vga)
{
	char *list = NULL;

	pt_foreach (bdf, facts->display, facts->display_count) {
		const struct pt_function *function = pt_facts_function(facts, bdf);

		if (!vga || (function && function->class >> 8 == CLASS_VGA))
			list = pt_list_add(list, ", ", PT_BDF(bdf));
	}
	return list;
}

/* With SeaBIOS Proxmox VE passes x-vga on to QEMU, which needs the legacy ranges of a VGA device;
 * with OVMF it is only a word for the primary display. */
static void x_vga_no_vga(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	const bool ovmf = pt_streq(pt_guest_get(facts->guest, "bios"), "ovmf");

	pt_foreach (assignment, facts->assignment, facts->count) {
		const struct pt_alternative *chosen = pt_chosen(assignment);
		const struct pt_function *function = NULL;
		PT_FREE char *displays = NULL;
		PT_FREE char *class = NULL;

		if (!assignment->entry.x_vga || !chosen || !chosen->count)
			continue;
		function = pt_facts_function(facts, &chosen->id[0]);
		if (!function)
			continue;
		displays = displays_of(facts, !ovmf);
		class = pt_format("%04x", function->class >> 8);
		if (!ovmf && assignment->entry.mdev)
			pt_report(judging, XVGA_MDEV, pt_on_entry(assignment), NULL);
		else if (!ovmf && function->class >> 8 != CLASS_VGA)
			pt_report(judging, XVGA_NO_VGA, pt_on_id(assignment, &function->bdf),
				"class", class, "displays", displays, NULL);
		else if (!ovmf && facts->host->vfio_options &&
			 pt_options_set(facts->host->vfio_options, "disable_vga"))
			pt_report(judging, XVGA_SWITCHED_OFF, pt_on_id(assignment, &function->bdf),
				NULL);
		else if (ovmf && !assignment->entry.mdev && !pt_function_is_display(function))
			pt_report(judging, XVGA_NO_DISPLAY, pt_on_id(assignment, &function->bdf),
				"class", class, "displays", displays, NULL);
	}
}

bool pt_framebuffer_stays(const struct pt_facts *facts, const struct pt_taken *taken)
{
	const struct pt_function *function = pt_facts_function(facts, &taken->bdf);

	pt_foreach (detail, facts->detail, facts->detail_count) {
		if (pt_bdf_compare(&detail->bdf, &taken->bdf) == 0 && detail->framebuffer &&
			function)
			return pt_function_on_vfio(function) ||
			       (!function->driver && function->class >> 8 != CLASS_VGA);
	}
	return false;
}

/* A host driver ends it, and vfio-pci does for a VGA device, when they come to the device. */
static void framebuffer_stays(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (detail, facts->detail, facts->detail_count) {
		const struct pt_taken *taken = pt_detail_opened(facts, detail);

		if (taken && pt_framebuffer_stays(facts, taken))
			pt_report(judging, 0, pt_on_function(facts, taken), NULL);
	}
}

static void d3cold_risk(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	const char *options = facts->host->vfio_options;

	if (options && pt_options_set(options, "disable_idle_d3"))
		return;
	pt_opened_foreach(taken, facts)
	{
		const struct pt_function *function = pt_facts_function(facts, &taken->bdf);

		if (function && !pt_function_is_dead(function) &&
			pt_function_is_display(function) && pt_function_on_vfio(function) &&
			pt_streq(function->power_state, "D3cold"))
			pt_report(judging, 0, pt_on_function(facts, taken), "function",
				PT_BDF(&function->bdf), NULL);
	}
}

enum { DISTANT_AFFINITY, DISTANT_MEMORY, DISTANT_PAGES };

/* The host's NUMA nodes that the guest's memory is bound to, "0,1", from numaN; NULL: none. The
 * caller frees it. Source: qemu-server, QemuServer/Memory.pm. */
static char *memory_nodes(const struct pt_guest *guest)
{
	static const char hostnodes[] = "hostnodes=";
	char *list = NULL;

	pt_guest_foreach (key, guest) {
		const char *at = pt_starts_with(key.key, "numa") && key.key[4]
					 ? strstr(key.value, hostnodes)
					 : NULL;
		PT_FREE char *nodes = NULL;

		if (!at)
			continue;
		at += strlen(hostnodes);
		nodes = pt_strndup(at, strcspn(at, ", "));
		for (char *mark = nodes; (mark = strchr(mark, ';'));)
			*mark = ',';
		list = pt_list_add(list, ",", nodes);
	}
	return list;
}

/* The same of huge pages without numaN: those of each socket come from the node with its number. */
static char *page_nodes(const struct pt_guest *guest)
{
	const char *text = pt_guest_get(guest, "sockets");
	unsigned long sockets = text ? strtoul(text, NULL, 10) : 1;
	char *list = NULL;

	if (!pt_guest_get(guest, "hugepages"))
		return NULL;
	for (unsigned long i = 0; i < sockets && i < NUMA_MOST; i++)
		list = pt_list_add(list, ",", PT_NUMBER(i));
	return list;
}

static void numa_distant(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	const struct pt_names *nodes = &facts->host->cpu.nodes;
	const char *affinity = pt_guest_get(facts->guest, "affinity");
	PT_FREE char *memory = memory_nodes(facts->guest);
	PT_FREE char *pages = memory ? NULL : page_nodes(facts->guest);

	pt_opened_foreach(taken, facts)
	{
		const struct pt_function *function = pt_facts_function(facts, &taken->bdf);
		int node = function ? function->numa_node : -1;
		PT_FREE char *number = NULL;

		if (node < 0 || nodes->count < 2 || (size_t)node >= nodes->count)
			continue;
		number = pt_format("%d", node);
		if (affinity && !pt_cpu_lists_meet(affinity, nodes->name[node]))
			pt_report(judging, DISTANT_AFFINITY, pt_on_function(facts, taken), "node",
				number, "affinity", affinity, "list", nodes->name[node], NULL);
		if (memory && !pt_cpu_lists_meet(memory, number))
			pt_report(judging, DISTANT_MEMORY, pt_on_function(facts, taken), "node",
				number, "memory", memory, NULL);
		if (pages && !pt_cpu_lists_meet(pages, number))
			pt_report(judging, DISTANT_PAGES, pt_on_function(facts, taken), "node",
				number, "pages", pages, NULL);
	}
}

static void chipset_function(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_opened_foreach(taken, facts)
	{
		const struct pt_function *function = pt_facts_function(facts, &taken->bdf);

		if (pt_has_obstacle(facts, function, PT_OBSTACLE_CHIPSET))
			pt_report(judging, 0, pt_on_function(facts, taken), "what",
				pt_function_chipset(function), NULL);
	}
}

/* prose in lines as long as its sentences: no formatter breaks it well */
// clang-format off
static const struct pt_check checks[] = {
	{
		.tag = "reserved-region",
		.find = reserved_region,
		.meaning = "The firmware holds a region of memory for a device of the IOMMU group, type 'direct' in its reserved_regions (Intel: RMRR).",
		.why = "The kernel gives such a group to no guest: the start fails with 'failed to set group container' or 'Operation not permitted'.",
		.steps = "Intel: switch off the firmware's feature that talks to the device; HP servers call it shared memory features, and set it for each slot."
			"\nElse Proxmox VE's kernel can ignore such regions: 'intel_iommu=on,relax_rmrr' on the kernel command line. The device may then overwrite memory that the firmware still uses."
			"\nAMD: switch off DMA protection before boot and kernel DMA protection in the firmware. relax_rmrr does nothing there.",
		.source = "kernel, drivers/iommu/intel/iommu.c, device_rmrr_is_relaxable; Documentation/ABI/testing/sysfs-kernel-iommu_groups",
		.of = {
			[RESERVED_ON_INTEL] = {PT_ERROR, PT_REFUSES, .message = "the firmware holds memory for its IOMMU group ({region}): the kernel gives the group to no guest",
				.hint = "switch off the firmware's feature that uses it (HP: shared memory features); as a last resort boot with intel_iommu=on,relax_rmrr"},
			[RESERVED_DESPITE_OPTION] = {PT_ERROR, PT_REFUSES, .when = "the kernel was booted with relax_rmrr",
				.message = "the firmware holds memory for its IOMMU group ({region}): the kernel gives the group to no guest, although it was booted with relax_rmrr",
				.hint = "boot Proxmox VE's own kernel, which alone knows relax_rmrr; or switch off the firmware's feature that uses it (HP: shared memory features)"},
			[RESERVED_ON_AMD] = {PT_ERROR, PT_REFUSES, .when = "the same on AMD: the fix is another one",
				.message = "the firmware holds memory for its IOMMU group ({region}): the kernel gives the group to no guest",
				.hint = "switch off DMA protection (before boot, and the kernel's) in the firmware"},
		},
	},
	{
		.tag = "bar-unassigned",
		.find = bar_unassigned,
		.meaning = "The host found no room for a memory BAR of the device.",
		.why = "The guest's driver reads nothing there, and fails; the kernel of the host says 'no space' and 'failed to assign' at boot.",
		.steps = "Enable 'Above 4G Decoding' (and with it 64-bit MMIO) in the firmware setup."
			"\nElse boot with pci=realloc on the kernel command line."
			"\nThe lines 'BAR ... failed to assign' of 'journalctl -k -b' go.",
		.source = "kernel, drivers/pci/setup-bus.c; include/linux/ioport.h, IORESOURCE_UNSET",
		.of = {
			[UNASSIGNED] = {PT_WARNING, PT_WARNS, .message = "the host gave no address to its {bars}: the guest cannot use the device as a whole",
				.hint = "enable 'Above 4G Decoding' in the firmware setup, or boot with pci=realloc"},
			[UNASSIGNED_DESPITE_OPTION] = {PT_WARNING, PT_WARNS, .when = "the kernel was booted with pci=realloc",
				.message = "the host gave no address to its {bars}, although it was booted with pci=realloc: the guest cannot use the device as a whole",
				.hint = "enable 'Above 4G Decoding' in the firmware setup, or move the card to another slot"},
		},
	},
	{
		.tag = "msix-layout",
		.find = msix_layout,
		.meaning = "The device's MSI-X table and its pending bits (PBA) overlap, or leave the BAR that they lie in.",
		.why = "QEMU refuses such a device: \"table & pba overlap, or they don't fit in BARs, or don't align\", or \"MSIX PBA outside of specified BAR\". Its host driver does not mind.",
		.steps = "Add '-set device.hostpciN.x-msix-relocation=barM' to the guest's args (root@pam alone may; keep what stands there), where M is a memory BAR of the device: QEMU then lays them out anew there."
			"\nA device of several functions has no such name in QEMU: give the function a hostpci entry of its own."
			"\nSome disks have a firmware update that mends it.",
		.source = "qemu, hw/pci/msix.c, msix_init; hw/vfio/pci.c, vfio_msix_early_setup, vfio_pci_relocate_msix",
		.of = {
			[MSIX_OVERLAP] = {PT_ERROR, PT_REFUSES, .message = "its MSI-X table ({table}) and pending bits ({pba}) overlap: QEMU does not start",
				.hint = "[[{remedy}]]"},
			[MSIX_TABLE_OUTSIDE] = {PT_ERROR, PT_REFUSES, .message = "its MSI-X table ({table}) leaves the BAR: QEMU does not start",
				.hint = "[[{remedy}]]"},
			[MSIX_PBA_OUTSIDE] = {PT_ERROR, PT_REFUSES, .message = "its MSI-X pending bits ({pba}) leave the BAR: QEMU does not start",
				.hint = "[[{remedy}]]"},
		},
	},
	{
		.tag = "x-vga-no-vga",
		.find = x_vga_no_vga,
		.meaning = "x-vga=1 on a device that is no VGA device.",
		.why = "With SeaBIOS QEMU needs the legacy VGA ranges of the device (class 0300) and ends with 'device does not support requested feature x-vga'. With OVMF the option has no such effect, but a device that is no display at all hints at an address that has moved.",
		.steps = "Correct the address ('pve-ptconf list' shows the displays of this host)."
			"\nA display of class 0302 or 0380 needs no x-vga: remove it with 'qm set VMID --hostpciN', and use OVMF ('qm set VMID --bios ovmf')."
			"\nRemove disable_vga=1 from vfio-pci's options in /etc/modprobe.d, run 'update-initramfs -u -k all', and reboot.",
		.source = "qemu, hw/vfio/pci.c, vfio_populate_vga; qemu-server, QemuServer/PCI.pm",
		.of = {
			[XVGA_NO_VGA] = {PT_ERROR, PT_REFUSES, .message = "x-vga=1 needs a VGA device (class 0300), but this one has class {class}: QEMU does not start",
				.hint = "remove x-vga=1[[, or correct the address: the displays of this host are {displays}]]"},
			[XVGA_MDEV] = {PT_ERROR, PT_REFUSES, .message = "x-vga=1 does not go with a mediated device: QEMU does not start",
				.hint = "remove x-vga=1"},
			[XVGA_SWITCHED_OFF] = {PT_ERROR, PT_REFUSES, .message = "x-vga=1 needs the legacy VGA ranges, which vfio-pci's option disable_vga=1 switches off: QEMU does not start",
				.hint = "remove x-vga=1, or disable_vga=1 from vfio-pci's options (in /etc/modprobe.d, or vfio-pci.disable_vga=1 on the kernel command line)"},
			[XVGA_NO_DISPLAY] = {PT_WARNING, PT_WARNS, .when = "OVMF: the device is no display at all",
				.message = "x-vga=1 is set, but this is no display (class {class}): has the card moved?",
				.hint = "correct the address[[: the displays of this host are {displays}]]"},
		},
	},
	{
		.tag = "framebuffer-stays",
		.find = framebuffer_stays,
		.meaning = "The firmware's framebuffer lies in a BAR of the device, and nothing will end it.",
		.why = "QEMU cannot have the BAR as a whole: the kernel says \"can't reserve\", and the guest's driver fails or shows no picture. A host driver that takes the device ends the framebuffer; so does vfio-pci, but only for a device of class 0300, and only when it takes it.",
		.steps = "Boot with initcall_blacklist=sysfb_init on the kernel command line: the firmware's framebuffer is never taken over. video=efifb:off does nothing on kernels with simpledrm."
			"\nOr let the host driver have the device first: take its ids from vfio-pci's option ids= and its driver from the blacklist. pve-pthook takes it when the guest starts.",
		.source = "kernel, drivers/video/aperture.c; drivers/vfio/pci/vfio_pci_core.c, vfio_pci_vga_init",
		.of = {{PT_WARNING, PT_WARNS, .message = "the firmware's framebuffer lies in a BAR of it, and nothing will end that: the kernel says \"can't reserve\", and the guest gets no picture",
			.hint = "boot with initcall_blacklist=sysfb_init"}},
	},
	{
		.tag = "d3cold-risk",
		.find = d3cold_risk,
		.meaning = "The display sleeps without power (D3cold) on vfio-pci.",
		.why = "vfio-pci lets an unused device sleep. Some cards do not wake from D3cold: they read all ones, and the start fails until the host is switched off.",
		.steps = "Write 'options vfio-pci disable_idle_d3=1' to /etc/modprobe.d/vfio.conf, run 'update-initramfs -u -k all', and reboot."
			"\nFor one device, until the next boot: 'echo 0 > /sys/bus/pci/devices/ADDRESS/d3cold_allowed'.",
		.source = "kernel, drivers/vfio/pci/vfio_pci_core.c, disable_idle_d3; Documentation/power/pci.rst",
		.of = {{PT_WARNING, PT_WARNS, .message = "sleeps without power on vfio-pci (D3cold): some cards do not wake again",
			.hint = "'echo 0 > /sys/bus/pci/devices/{function}/d3cold_allowed'; for good 'options vfio-pci disable_idle_d3=1' in /etc/modprobe.d"}},
	},
	{
		.tag = "numa-distant",
		.find = numa_distant,
		.meaning = "The device is on another NUMA node of the host than the guest's processors or memory.",
		.why = "Each access crosses the link between the processors: slower, and for network cards and NVMe it shows.",
		.steps = "Bind the guest to the device's node: 'qm set VMID --affinity LIST' with the processors of that node, and 'hostnodes=NODE,policy=bind' in numaN."
			"\nOr move the card to a slot of the other processor.",
		.source = "qm.conf(5), affinity and numa[n]; kernel, Documentation/ABI/testing/sysfs-bus-pci (numa_node)",
		.of = {
			[DISTANT_AFFINITY] = {PT_INFO, PT_SILENT, .message = "is on NUMA node {node}, but affinity={affinity} has no processor of it ({list})",
				.hint = "set affinity to processors of that node"},
			[DISTANT_MEMORY] = {PT_INFO, PT_SILENT, .message = "is on NUMA node {node}, but the guest's memory is bound to node {memory} (hostnodes)",
				.hint = "set hostnodes={node} in numaN"},
			[DISTANT_PAGES] = {PT_INFO, PT_SILENT, .when = "the guest has huge pages and no numaN",
				.message = "is on NUMA node {node}, but Proxmox VE takes the guest's huge pages from node {pages}: that with the number of each socket",
				.hint = "set numa0 with cpus, memory and hostnodes={node},policy=bind"},
		},
	},
	{
		.tag = "chipset-function",
		.find = chipset_function,
		.meaning = "The function is a part of the chipset or of the processor: a host, ISA or LPC bridge, a memory controller, the SMBus, AMD's security processor.",
		.why = "The host needs it: sensors, firmware, the random numbers or the TPM go, and the guest can do nothing with it.",
		.steps = "Remove it from the guest: name single functions instead of the whole device."
			"\nIf it only shares the IOMMU group of the device, it is no entry's: then group-companions names it.",
		.source = "PCI Code and ID Assignment Specification; pci.ids",
		.of = {{PT_WARNING, PT_WARNS, .message = "is a part of the chipset or the processor ({what}): the host needs it",
			.hint = "remove it from the guest; name the single functions that it needs"}},
	},
};
// clang-format on
const struct pt_checks pt_hardware_checks = {checks, PT_ARRAY_SIZE(checks)};
