// SPDX-License-Identifier: AGPL-3.0-or-later
/* Widths of addresses: those of the guest, of its firmware and of its virtual IOMMU against those
 * of the host's IOMMU. */
#include <inttypes.h>

#include "pve/check/check.h"

#define GIB (UINT64_C(1) << 30)
/* a large guest has this much memory below 4 GiB; the rest lies above. Source: qemu,
 * hw/i386/pc_q35.c and pc_piix.c */
#define LOW_MEMORY_Q35 (2 * GIB)
#define LOW_MEMORY_PC  (3 * GIB)

/* The widths that QEMU's intel-iommu takes. */
#define NARROW 39
#define WIDE   48

/* By the registers of Intel's units, which the kernel enforces; AMD's is from a table. */
static bool is_by_table(const struct pt_traits *host)
{
	return host->has_ivrs && !host->has_dmar;
}

enum { IOVA_TOO_NARROW, IOVA_NARROW_BY_TABLE };

static void iova_too_narrow(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	uint64_t memory = pt_guest_memory(facts->guest);
	const uint64_t low = pt_guest_is_q35(facts->guest) ? LOW_MEMORY_Q35 : LOW_MEMORY_PC;
	uint64_t top = memory > low ? 4 * GIB + memory - low : memory;
	int width = facts->host->iova_width;

	if (!pt_facts_opens(facts) || width <= 0 || width >= 63 || top <= UINT64_C(1) << width)
		return;
	pt_report(judging, is_by_table(facts->host) ? IOVA_NARROW_BY_TABLE : IOVA_TOO_NARROW,
		pt_on_guest(), "memory", PT_SIZE(memory), "top", PT_SIZE(top), "bits",
		PT_NUMBER((unsigned int)width), "limit", PT_SIZE(UINT64_C(1) << width), NULL);
}

/* Whether QEMU is of that version or newer. Proxmox VE's kernel 6.14 came with QEMU 9.2. Asked for
 * versions up to that one only. */
static bool has_qemu(const struct pt_versions *versions, unsigned int major, unsigned int minor)
{
	return versions->qemu ? pt_version_from(versions->qemu, major, minor, 0)
			      : pt_version_from(versions->kernel, 6, 14, 0);
}

static bool is_since(const struct pt_machine *machine, unsigned int major, unsigned int minor)
{
	return machine->major > major || (machine->major == major && machine->minor >= minor);
}

/* The version of the machine, as a start resolves it: a guest with Windows keeps that of its
 * creation, from 9.1 on, else 5.1. Source: qemu-server, QemuServer/Machine.pm, get_vm_machine. */
static void resolve_version(const struct pt_guest *guest, struct pt_machine *machine)
{
	const char *ostype = pt_guest_get(guest, "ostype"), *meta = pt_guest_get(guest, "meta");
	const char *creation = meta ? strstr(meta, "creation-qemu=") : NULL;

	if (machine->major || !ostype || ostype[0] != 'w')
		return;
	machine->major = 5;
	machine->minor = 1;
	if (creation && pt_version_from(creation + strlen("creation-qemu="), 9, 1, 0))
		sscanf(creation, "creation-qemu=%u.%u", &machine->major, &machine->minor);
}

/* The width of the virtual IOMMU. Source: qemu, hw/i386/pc.c, pc_compat_9_1. */
static int viommu_width(const struct pt_machine *machine, const struct pt_versions *versions)
{
	if (machine->aw_bits[0])
		return atoi(machine->aw_bits);
	if (machine->major)
		return is_since(machine, 9, 2) ? WIDE : NARROW;
	return !versions->qemu || has_qemu(versions, 9, 2) ? WIDE : NARROW;
}

enum { VIOMMU_REFUSED, VIOMMU_BROKEN, VIOMMU_NO_Q35, VIOMMU_OTHER_WIDTH, VIOMMU_WIDTH_ALONE };

/* Reports values that Proxmox VE refuses. Returns whether there are any. */
static bool report_viommu_values(const struct pt_judging *judging, const struct pt_machine *machine)
{
	const size_t before = judging->findings->count;
	const int bits = atoi(machine->aw_bits);

	if (machine->aw_bits[0] && machine->viommu == PT_VIOMMU_NONE)
		pt_report(
			judging, VIOMMU_WIDTH_ALONE, pt_on_guest(), "bits", machine->aw_bits, NULL);
	else if (machine->viommu == PT_VIOMMU_INTEL && machine->aw_bits[0] && bits != NARROW &&
		 bits != WIDE)
		pt_report(
			judging, VIOMMU_OTHER_WIDTH, pt_on_guest(), "bits", machine->aw_bits, NULL);
	if (machine->viommu == PT_VIOMMU_INTEL && !machine->is_q35)
		pt_report(judging, VIOMMU_NO_Q35, pt_on_guest(), NULL);
	return judging->findings->count > before;
}

/* What to set instead. The caller frees it. */
static char *narrow_viommu(const struct pt_facts *facts)
{
	static const char option[] = "aw-bits=39 in machine and guest-phys-bits=39 in cpu";
	static const char pinned[] = "the machine 'pc-q35-9.1,viommu=intel'";
	const char *qemu_server = facts->host->versions.qemu_server;

	if (facts->host->iova_width < NARROW)
		return pt_strdup("remove viommu=intel, or set viommu=virtio");
	if (!qemu_server)
		return pt_format("set %s (qemu-server 9.0.21 and newer), else %s", option, pinned);
	return pt_format("set %s", pt_version_from(qemu_server, 9, 0, 21) ? option : pinned);
}

static void viommu_too_wide(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	const struct pt_versions *versions = &facts->host->versions;
	const int host = facts->host->iova_width;
	PT_FREE char *remedy = NULL;
	struct pt_machine machine;
	int width;

	pt_guest_machine(facts->guest, &machine);
	resolve_version(facts->guest, &machine);
	width = viommu_width(&machine, versions);
	if (!facts->count)
		return;
	/* machine-invalid reports a line that is dropped */
	if (machine.aw_bits[0] && versions->qemu_server &&
		!pt_version_from(versions->qemu_server, 9, 0, 21))
		return;
	if (report_viommu_values(judging, &machine))
		return;
	if (machine.viommu != PT_VIOMMU_INTEL || !machine.is_q35 || !pt_facts_opens(facts) ||
		!host || is_by_table(facts->host) || width <= host)
		return;
	remedy = narrow_viommu(facts);
	pt_report(judging,
		is_since(&machine, 9, 1) || has_qemu(versions, 9, 1) ? VIOMMU_REFUSED
								     : VIOMMU_BROKEN,
		pt_on_guest(), "bits", PT_NUMBER((unsigned int)width), "width",
		PT_NUMBER((unsigned int)host), "remedy", remedy, NULL);
}

/* OVMF's window for 64-bit BARs when it does not know the processor's width: OvmfPkg,
 * PcdPciMmio64Size. */
#define OVMF_WINDOW   (32 * GIB)
#define QEMU_WIDTH    40 /* of a guest's processor by default */
#define OVMF_WIDEST   47
#define WIDTH_UNKNOWN (-1)

/* The width of addresses that the guest's processor claims. */
static int claimed_width(const struct pt_facts *facts, bool *ret_stated)
{
	const struct pt_guest *guest = facts->guest;
	const char *args = pt_guest_get(guest, "args");
	PT_FREE char *type = pt_guest_cpu(guest, "cputype");
	PT_FREE char *bits = pt_guest_cpu(guest, "phys-bits");
	PT_FREE char *stated = pt_guest_cpu(guest, "guest-phys-bits");
	/* these two have the host's width whatever phys-bits says: qemu, target/i386/host-cpu.c */
	bool of_host = (type && (pt_streq(type, "host") || pt_streq(type, "max"))) ||
		       (bits && pt_streq(bits, "host"));
	int width = QEMU_WIDTH;

	*ret_stated = stated;
	/* a -cpu in args replaces the whole of it; a custom model has its own */
	if ((args && strstr(args, "-cpu")) || (!bits && type && pt_starts_with(type, "custom-")))
		return WIDTH_UNKNOWN;
	if (stated)
		width = atoi(stated);
	else if (of_host)
		width = facts->host->cpu.address_bits;
	else if (bits)
		width = atoi(bits);
	return width > 0 ? width : WIDTH_UNKNOWN;
}

/* The width that OVMF goes by; 0: it does not believe the processor, WIDTH_UNKNOWN. Source: edk2,
 * OvmfPkg/Library/PlatformInitLib/MemDetect.c, PlatformAddressWidthFromCpuid. */
static int believed_width(const struct pt_facts *facts)
{
	const enum pt_cpu_vendor vendor = facts->host->cpu.vendor;
	bool stated;
	int width = claimed_width(facts, &stated);

	if (width == WIDTH_UNKNOWN)
		return WIDTH_UNKNOWN;
	if (width > QEMU_WIDTH)
		return width < OVMF_WIDEST ? width : OVMF_WIDEST;
	if (stated || (vendor == PT_CPU_AMD && width == QEMU_WIDTH) ||
		(vendor == PT_CPU_INTEL && (width == 36 || width == 39)))
		return width;
	return 0;
}

/* Others lie below 4 GiB: a bridge has no window for them above. */
static uint64_t large_bars_of(const struct pt_function *function)
{
	uint64_t sum = 0;

	pt_foreach (bar, function->bar, PT_PCI_BARS)
		sum += bar->memory && bar->is_64bit && bar->prefetchable ? bar->size : 0;
	return sum;
}

/* Bytes of 64-bit memory BARs that the guest's firmware must place. */
static uint64_t large_bars(const struct pt_facts *facts)
{
	uint64_t sum = 0;

	pt_opened_foreach(taken, facts)
	{
		const struct pt_function *function = pt_facts_function(facts, &taken->bdf);

		if (function)
			sum += large_bars_of(function);
	}
	return sum;
}

static bool has_ovmf(const struct pt_facts *facts)
{
	return pt_streq(pt_guest_get(facts->guest, "bios"), "ovmf");
}

/* With which setting of the guest's processor the firmware goes by less. The caller frees it. */
static char *narrow_guest(const struct pt_facts *facts, int width)
{
	const struct pt_versions *versions = &facts->host->versions;

	if (pt_version_from(versions->qemu_server, 9, 0, 0) ||
		pt_version_from(versions->manager, 9, 0, 0))
		return pt_format("add guest-phys-bits=%d to cpu", width);
	if (versions->qemu_server || versions->manager)
		return pt_format("set cpu to a named type with phys-bits=%d, "
				 "'x86-64-v2-AES,phys-bits=%d'",
			width, width);
	return pt_format("add guest-phys-bits=%d to cpu (Proxmox VE 9), else set a named type with "
			 "phys-bits=%d",
		width, width);
}

static void guest_address_too_wide(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	const int host = facts->host->iova_width, guest = believed_width(facts);
	PT_FREE char *remedy = NULL;

	if (!has_ovmf(facts) || !host || guest <= host || !large_bars(facts))
		return;
	remedy = narrow_guest(facts, host);
	pt_report(judging, 0, pt_on_guest(), "bits", PT_NUMBER((unsigned int)guest), "width",
		PT_NUMBER((unsigned int)host), "remedy", remedy, NULL);
}

/* The size that args set, 0 for none. Source: edk2, OvmfPkg/README. */
static uint64_t window_by_args(const struct pt_guest *guest)
{
	const char *args = pt_guest_get(guest, "args");
	const char *name = args ? strstr(args, "X-PciMmio64Mb") : NULL;
	const char *value = name ? strstr(name, "string=") : NULL;

	if (!name)
		return 0;
	return value ? strtoull(value + strlen("string="), NULL, 10) << 20 : UINT64_MAX;
}

/* The firmware's window for 64-bit BARs in bytes, UINT64_MAX: unknown. */
static uint64_t window_of(const struct pt_facts *facts)
{
	uint64_t by_args = window_by_args(facts->guest), by_width;
	int width = believed_width(facts);

	if (width == WIDTH_UNKNOWN)
		return UINT64_MAX;
	by_width = width > 3 ? UINT64_C(1) << (width - 3) : OVMF_WINDOW;
	/* the firmware takes more where the width has room: edk2, PlatformDynamicMmioWindow */
	return by_args > by_width ? by_args : by_width;
}

/* Whether the host's width would give the firmware room enough, and keep it within the IOMMU's. */
static bool helps_host_cpu(const struct pt_facts *facts, uint64_t bars)
{
	const int bits = facts->host->cpu.address_bits, width = facts->host->iova_width;

	if (width && (width < QEMU_WIDTH || bits > width))
		return false;
	return !bits || (bits > QEMU_WIDTH && bars <= UINT64_C(1) << (bits - 3));
}

/* Sizes as texts that differ where the sizes do. */
static void format_sizes(uint64_t one, uint64_t other, char text[static PT_SIZE_TEXT],
	char other_text[static PT_SIZE_TEXT])
{
	pt_size_format(one, text);
	pt_size_format(other, other_text);
	if (!pt_streq(text, other_text))
		return;
	snprintf(text, PT_SIZE_TEXT, "%" PRIu64 " MiB", one >> 20);
	snprintf(other_text, PT_SIZE_TEXT, "%" PRIu64 " MiB", other >> 20);
}

/* SeaBIOS 1.16 finds room above 4 GiB, as far as the guest's processor has addresses (tried up to
 * 512 GiB). Cards that only compute are known to fail there all the same. */
#define SEABIOS_LARGE	(32 * GIB)
#define SEABIOS_COMPUTE (4 * GIB)
#define CLASS_3D	0x0302U

static bool is_large_for_seabios(const struct pt_facts *facts)
{
	uint64_t compute = 0;

	pt_opened_foreach(taken, facts)
	{
		const struct pt_function *function = pt_facts_function(facts, &taken->bdf);

		if (function && function->class >> 8 == CLASS_3D)
			compute += large_bars_of(function);
	}
	return compute > SEABIOS_COMPUTE || large_bars(facts) > SEABIOS_LARGE;
}

enum { WINDOW_HOST_CPU, WINDOW_BY_ARGS, WINDOW_SEABIOS };

static void bar_window_small(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	uint64_t bars = large_bars(facts), window = window_of(facts), enough = OVMF_WINDOW >> 20;
	char need[PT_SIZE_TEXT], has[PT_SIZE_TEXT];

	if (!has_ovmf(facts) && is_large_for_seabios(facts))
		pt_report(judging, WINDOW_SEABIOS, pt_on_guest(), "bars", PT_SIZE(bars), NULL);
	if (!has_ovmf(facts) || bars <= window)
		return;
	while (enough < UINT64_MAX >> 21 && enough << 20 < bars)
		enough *= 2;
	format_sizes(bars, window, need, has);
	pt_report(judging, helps_host_cpu(facts, bars) ? WINDOW_HOST_CPU : WINDOW_BY_ARGS,
		pt_on_guest(), "bars", need, "window", has, "size", PT_NUMBER(enough), NULL);
}

/* prose in lines as long as its sentences: no formatter breaks it well */
// clang-format off
static const struct pt_check checks[] = {
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
		.tag = "viommu-too-wide",
		.find = viommu_too_wide,
		.meaning = "The guest's virtual IOMMU (viommu=intel) translates wider addresses than the IOMMU of this host.",
		.why = "QEMU 9.1 and newer refuses the device: 'aw-bits 48 > host aw-bits 39'. An older one starts, and mappings fail in the guest. Machine types from 9.2 on have 48 bits unless aw-bits says otherwise, older ones 39.",
		.steps = "qemu-server 9.0.21 and newer: 'qm set VMID --machine q35,viommu=intel,aw-bits=39', and add guest-phys-bits=39 to cpu, so that the guest's firmware stays below as well."
			"\nBefore that: pin the machine type, 'qm set VMID --machine pc-q35-9.1,viommu=intel'."
			"\nviommu=virtio is not concerned.",
		.source = "qemu, hw/i386/intel_iommu.c, vtd_check_hiod; hw/i386/pc.c, pc_compat_9_1; qemu-server, QemuServer/Machine.pm",
		.of = {
			[VIOMMU_REFUSED] = {PT_ERROR, PT_REFUSES, .message = "viommu=intel translates addresses of {bits} bits, but the IOMMU of this host only {width}: QEMU does not start",
				.hint = "{remedy}"},
			[VIOMMU_BROKEN] = {PT_WARNING, PT_WARNS, .when = "QEMU is older than 9.1, or not known",
				.message = "viommu=intel translates addresses of {bits} bits, but the IOMMU of this host only {width}: mappings fail in the guest, and QEMU 9.1 and newer does not start",
				.hint = "{remedy}"},
			[VIOMMU_NO_Q35] = {PT_ERROR, PT_REFUSES, .message = "viommu=intel needs the machine type q35: Proxmox VE refuses the start",
				.hint = "set 'q35,viommu=intel' as machine, or viommu=virtio"},
			[VIOMMU_OTHER_WIDTH] = {PT_ERROR, PT_REFUSES, .message = "aw-bits={bits} is neither 39 nor 48: Proxmox VE refuses the start",
				.hint = "set aw-bits=39 in machine, which every IOMMU of Intel has"},
			[VIOMMU_WIDTH_ALONE] = {PT_ERROR, PT_REFUSES, .message = "aw-bits={bits} is set without viommu: Proxmox VE refuses the start",
				.hint = "remove aw-bits from machine, or add viommu=intel"},
		},
	},
	{
		.tag = "guest-address-too-wide",
		.find = guest_address_too_wide,
		.meaning = "The guest's UEFI firmware lays the BARs of its devices above the addresses that the IOMMU of this host can translate.",
		.why = "QEMU maps BARs for other devices, and says 'vfio_container_dma_map ... failed', 'PCI peer-to-peer transactions on BARs are not supported': slow starts, devices that cannot reach each other, drivers that fail. OVMF goes by the width of the guest's processor if that is 41 or more, and 36 or 39 with a processor of Intel, 40 with one of AMD.",
		.steps = "Proxmox VE 9: add guest-phys-bits to cpu, 'qm set VMID --cpu host,guest-phys-bits=39'."
			"\nElse: a named type of cpu with the width, 'x86-64-v2-AES,phys-bits=39'."
			"\nLast: '-cpu host,host-phys-bits-limit=39' in the guest's args. It replaces the cpu that Proxmox VE sets, with all of its flags.",
		.source = "edk2, OvmfPkg/Library/PlatformInitLib/MemDetect.c; qemu, hw/vfio/common.c",
		.of = {{PT_WARNING, PT_WARNS, .message = "its UEFI firmware goes by addresses of {bits} bits and lays large BARs above those that the IOMMU of this host translates ({width} bits)",
			.hint = "{remedy}"}},
	},
	{
		.tag = "bar-window-small",
		.find = bar_window_small,
		.meaning = "The guest's devices need more address space than its firmware opens.",
		.why = "Devices get no BARs, and their drivers fail.",
		.steps = "'qm set VMID --cpu host', if the IOMMU of the host is as wide as its processor: the firmware then opens an eighth of the processor's addresses."
			"\nElse set the size in MiB, in addition to the guest's args: '-fw_cfg name=opt/ovmf/X-PciMmio64Mb,string=65536'."
			"\nSeaBIOS: use OVMF and q35, 'qm set VMID --bios ovmf --machine q35'. An installed system may not boot with it."
			"\nOn the host: 'Above 4G Decoding' in the firmware setup.",
		.source = "edk2, OvmfPkg/README; OvmfPkg/Library/PlatformInitLib/MemDetect.c",
		.of = {
			[WINDOW_HOST_CPU] = {PT_WARNING, PT_WARNS, .message = "its devices need {bars} of address space for 64-bit BARs, but its UEFI firmware opens {window}",
				.hint = "set 'cpu: host' (the firmware then follows the host's address width)"},
			[WINDOW_BY_ARGS] = {PT_WARNING, PT_WARNS, .when = "the host's IOMMU is narrower than its processor, or both are too narrow",
				.message = "its devices need {bars} of address space for 64-bit BARs, but its UEFI firmware opens {window}",
				.hint = "add '-fw_cfg name=opt/ovmf/X-PciMmio64Mb,string={size}' to the guest's args, behind what stands there"},
			[WINDOW_SEABIOS] = {PT_WARNING, PT_WARNS, .when = "SeaBIOS",
				.message = "its devices need {bars} of address space for 64-bit BARs, which SeaBIOS lays above 4 GiB: drivers of such cards often fail there",
				.hint = "use OVMF with q35 for them"},
		},
	},
};
// clang-format on
const struct pt_checks pt_width_checks = {checks, PT_ARRAY_SIZE(checks)};
