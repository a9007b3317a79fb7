// SPDX-License-Identifier: AGPL-3.0-or-later
/* The host as a whole. */
#include "lib/linux/cmdline.h"
#include "pve/check/check.h"
#include "pve/config/paths.h"

#define MOST_LEFT     4 /* devices that a message lists */
#define CLASS_STORAGE 0x01U

/* Whether Proxmox VE gets as far as preparing a device: then it asks for an IOMMU. */
static bool prepares_any(const struct pt_facts *facts)
{
	if (facts->depth == PT_DEPTH_HOST)
		return true;
	pt_foreach (assignment, facts->assignment, facts->count) {
		if (assignment->chosen >= 0)
			return true;
	}
	return false;
}

/* Whether QEMU opens a function, or will: of the node itself any guest's may be meant. */
static bool opens_any(const struct pt_facts *facts)
{
	return facts->depth == PT_DEPTH_HOST || pt_facts_opens(facts);
}

enum {
	IOMMU_NOT_OFFERED,
	IOMMU_SWITCHED_OFF,
	IOMMU_NOT_SWITCHED_ON,
	IOMMU_BROKEN,
	IOMMU_AFTER_BOOT
};

/* The loader that has booted the kernel, by the words that it adds. */
static bool is_booted_by(const struct pt_traits *host, bool systemd)
{
	const bool grub = host->cmdline && strstr(host->cmdline, "BOOT_IMAGE=");
	const bool efi = host->cmdline && strstr(host->cmdline, "initrd=\\EFI");

	return systemd ? !grub : !efi;
}

/* Whether a boot loader's command line, or NULL, has intel_iommu=on. */
static bool switches_on(const char *cmdline)
{
	char value[32];

	return cmdline && pt_cmdline_get(cmdline, "intel_iommu", value, sizeof(value)) &&
	       pt_starts_with(value, "on");
}

static bool is_edited(const struct pt_traits *host, bool systemd)
{
	return is_booted_by(host, systemd) &&
	       switches_on(systemd ? host->boot.systemd : host->boot.grub);
}

/* Proxmox VE's kernels from 6.8 on need no option. */
static bool is_on_by_default(const struct pt_traits *host)
{
	const char *kernel = host->versions.kernel;

	return kernel && strstr(kernel, "-pve") && pt_version_from(kernel, 6, 8, 0);
}

/* The reason decides the fix. */
static size_t why_no_iommu(const struct pt_traits *host)
{
	char intel[32], amd[32], both[32];

	pt_cmdline_get(host->cmdline, "intel_iommu", intel, sizeof(intel));
	pt_cmdline_get(host->cmdline, "amd_iommu", amd, sizeof(amd));
	pt_cmdline_get(host->cmdline, "iommu", both, sizeof(both));
	if (pt_streq(intel, "off") || pt_streq(amd, "off") || pt_streq(both, "off"))
		return IOMMU_SWITCHED_OFF;
	if (host->has_dmar && !pt_starts_with(intel, "on"))
		return is_edited(host, true) || is_edited(host, false) ? IOMMU_AFTER_BOOT
		       : is_on_by_default(host)			       ? IOMMU_BROKEN
								       : IOMMU_NOT_SWITCHED_ON;
	return host->has_dmar || host->has_ivrs ? IOMMU_BROKEN : IOMMU_NOT_OFFERED;
}

static void iommu_disabled(const struct pt_judging *judging)
{
	const struct pt_traits *host = judging->facts->host;
	bool by_systemd = is_edited(host, true);

	if (!host->iommu_active && prepares_any(judging->facts))
		pt_report(judging, why_no_iommu(host), pt_on_host(), "table",
			host->has_dmar ? "DMAR" : "IVRS", "file",
			by_systemd ? PT_BOOT_SYSTEMD_FILE : PT_BOOT_GRUB_FILE, "command",
			by_systemd ? PT_BOOT_SYSTEMD_COMMAND : PT_BOOT_GRUB_COMMAND, NULL);
}

enum { REMAPPING_MISSING, REMAPPING_SWITCHED_OFF };

static bool is_switched_off(const struct pt_traits *host)
{
	char value[32];

	return pt_cmdline_get(host->cmdline, "intremap", value, sizeof(value)) &&
	       pt_starts_with(value, "off");
}

static void interrupt_remapping_missing(const struct pt_judging *judging)
{
	const struct pt_traits *host = judging->facts->host;

	if (opens_any(judging->facts) && host->iommu_active && !host->unsafe_interrupts &&
		host->remapping == PT_REMAPPING_OFF)
		pt_report(judging,
			is_switched_off(host) ? REMAPPING_SWITCHED_OFF : REMAPPING_MISSING,
			pt_on_host(), NULL);
}

enum { VFIO_MISSING, VFIO_BLOCKED, VFIO_CUSTOM };

static void vfio_module_missing(const struct pt_judging *judging)
{
	const struct pt_module *vfio = &judging->facts->host->vfio;

	if (judging->facts->depth != PT_DEPTH_HOST && !pt_facts_need_vfio_pci(judging->facts))
		return;
	if (vfio->state == PT_MODULE_MISSING)
		pt_report(judging, VFIO_MISSING, pt_on_host(), NULL);
	if (vfio->state == PT_MODULE_BLOCKED)
		pt_report(judging, VFIO_BLOCKED, pt_on_host(), "command", vfio->command, NULL);
	if (vfio->state == PT_MODULE_CUSTOM)
		pt_report(judging, VFIO_CUSTOM, pt_on_host(), "command", vfio->command, NULL);
}

static void acs_override_active(const struct pt_judging *judging)
{
	char value[64];

	if (opens_any(judging->facts) && pt_cmdline_get(judging->facts->host->cmdline,
						 "pcie_acs_override", value, sizeof(value)))
		pt_report(judging, 0, pt_on_host(), "value", value, NULL);
}

static const struct pt_detail *detail_of(const struct pt_facts *facts, const struct pt_bdf *bdf)
{
	pt_foreach (detail, facts->detail, facts->detail_count) {
		if (pt_bdf_compare(&detail->bdf, bdf) == 0)
			return detail;
	}
	return NULL;
}

enum {
	IDS_CAPTURED,
	IDS_NOT_IN_FORCE,
	IDS_NOT_IN_FORCE_TWIN,
	IDS_OVERRIDDEN,
	IDS_CAPTURE_TWIN,
	IDS_CAPTURE_DISK,
	IDS_MAY_TAKE_TWIN
};

/* Another driver has the function, although ids= names it. */
static void report_not_in_force(const struct pt_judging *judging,
	const struct pt_function *function, const struct pt_detail *detail, struct pt_subject on)
{
	const bool has_twin = detail && detail->has_id_twin;

	pt_report(judging,
		function->override ? IDS_OVERRIDDEN
		: has_twin	   ? IDS_NOT_IN_FORCE_TWIN
				   : IDS_NOT_IN_FORCE,
		on, "holder", function->driver, "override", function->override, "function",
		PT_BDF(&function->bdf), "twin", has_twin ? PT_BDF(&detail->id_twin) : NULL,
		"module", detail && detail->module[0] ? detail->module : function->driver, NULL);
}

/* A second device of the same ids: vfio-pci has it, or may have it after the next boot. */
static void report_id_twin(const struct pt_judging *judging, const struct pt_function *function,
	const struct pt_bdf *bdf, struct pt_subject on)
{
	const struct pt_function *twin = pt_facts_function(judging->facts, bdf);
	const char *holder = twin && !pt_function_on_vfio(twin) ? twin->driver : NULL;

	if (holder)
		pt_report(judging, IDS_MAY_TAKE_TWIN, on, "twin", PT_BDF(bdf), "holder", holder,
			NULL);
	else
		pt_report(judging,
			function->class >> 16 == CLASS_STORAGE ? IDS_CAPTURE_DISK
							       : IDS_CAPTURE_TWIN,
			on, "twin", PT_BDF(bdf), NULL);
}

static void vfio_ids_captured(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = pt_facts_function(facts, &taken->bdf);
		const struct pt_detail *detail = detail_of(facts, &taken->bdf);
		struct pt_subject on = pt_on_function(facts, taken);

		if (!function || !function->driver ||
			!pt_ids_mean(facts->host->vfio_options, function))
			continue;
		if (function->driver && !pt_function_on_vfio(function))
			report_not_in_force(judging, function, detail, on);
		else if (detail && detail->has_id_twin)
			report_id_twin(judging, function, &detail->id_twin, on);
		else
			pt_report(judging, IDS_CAPTURED, on, NULL);
	}
}

static void host_driver_blocked(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (detail, facts->detail, facts->detail_count) {
		const struct pt_taken *taken =
			pt_taken_find(facts->taken, facts->taken_count, &detail->bdf);

		if (taken && detail->blocked[0])
			pt_report(judging, 0, pt_on_function(facts, taken), "module",
				detail->blocked, NULL);
	}
}

/* Other checks judge the devices of the guest at hand. */
static bool is_at_hand(const struct pt_facts *facts, const struct pt_bdf *bdf)
{
	return pt_taken_find(facts->taken, facts->taken_count, bdf) ||
	       pt_taken_find(facts->spare, facts->spare_count, bdf) ||
	       pt_taken_find(facts->kept, facts->kept_count, bdf);
}

enum { LEFT_ONE, LEFT_MANY };

/* One finding for all of them: a host may have many. */
static void left_on_vfio(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	PT_FREE char *list = NULL;
	PT_FREE char *more = NULL;
	size_t count = 0;

	pt_foreach (bdf, facts->left, facts->left_count) {
		const struct pt_function *function = pt_facts_function(facts, bdf);

		if (is_at_hand(facts, bdf) ||
			(function && pt_ids_mean(facts->host->vfio_options, function)) ||
			count++ >= MOST_LEFT)
			continue;
		list = pt_list_add(list, ", ", PT_BDF(bdf));
	}
	if (!count)
		return;
	if (count > MOST_LEFT)
		more = pt_format("%zu", count - MOST_LEFT);
	pt_report(judging, count > 1 ? LEFT_MANY : LEFT_ONE, pt_on_host(), "functions", list,
		"more", more, NULL);
}

enum { POLICY_UNREADABLE, POLICY_NO_DRIVER };

static void policy_invalid(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	if (facts->host->policy_err.code)
		pt_report(judging, POLICY_UNREADABLE, pt_on_host(), "error",
			facts->host->policy_err.text, NULL);
	pt_foreach (taken, facts->taken, facts->taken_count) {
		if (taken->lacking && !pt_streq(taken->wish, PT_VFIO_PCI))
			pt_report(judging, POLICY_NO_DRIVER, pt_on_function(facts, taken), "driver",
				taken->wish, NULL);
	}
}

/* prose in lines as long as its sentences: no formatter breaks it well */
// clang-format off
static const struct pt_check checks[] = {
	{
		.tag = "iommu-disabled",
		.find = iommu_disabled,
		.meaning = "No IOMMU is active: /sys/class/iommu is empty.",
		.why = "Without an IOMMU a device could write to any memory of the host. So vfio refuses it, and the start fails.",
		.steps = "Enable the IOMMU in the firmware setup: 'VT-d' or 'Intel Virtualization Technology for Directed I/O' on Intel ('VT-x' alone is not enough), 'IOMMU' on AMD, often under 'NBIO' or 'AMD CBS'. Choose 'Enabled', not 'Auto'."
			"\nIntel with a kernel before 6.8 (early PVE 8; see 'uname -r'): add intel_iommu=on as below. Newer kernels and AMD need no option."
			"\nRemove intel_iommu=off, amd_iommu=off and iommu=off if /proc/cmdline has one." PT_STEPS_CMDLINE
			"\nCheck: 'ls /sys/class/iommu' lists dmar0 or ivhd0.",
		.source = "kernel, Documentation/admin-guide/kernel-parameters.txt; " PT_SOURCE_PCI_PM,
		.of = {
			[IOMMU_NOT_OFFERED] = {PT_ERROR, PT_REFUSES, .message = "no IOMMU is active, and the firmware offers none",
				.hint = "enable VT-d (Intel) or AMD-Vi/IOMMU (AMD) in the firmware setup"},
			[IOMMU_SWITCHED_OFF] = {PT_ERROR, PT_REFUSES, .message = "no IOMMU is active: the kernel command line switches it off",
				.hint = "remove the option with =off from the kernel command line and reboot"},
			[IOMMU_NOT_SWITCHED_ON] = {PT_ERROR, PT_REFUSES, .message = "no IOMMU is active, although the firmware offers VT-d (ACPI table DMAR)",
				.hint = "add intel_iommu=on to the kernel command line and reboot"},
			[IOMMU_AFTER_BOOT] = {PT_ERROR, PT_REFUSES, .when = "the boot loader's file has the option, and the running kernel does not",
				.message = "no IOMMU is active: {file} has intel_iommu=on, but the kernel was booted without it",
				.hint = "run '{command}', and reboot"},
			[IOMMU_BROKEN] = {PT_ERROR, PT_REFUSES, .message = "no IOMMU is active, although the firmware offers one (ACPI table {table}) and the kernel command line allows it",
				.hint = "search the kernel log for DMAR or AMD-Vi: 'journalctl -k'"},
		},
	},
	{
		.tag = "interrupt-remapping-missing",
		.find = interrupt_remapping_missing,
		.meaning = "An IOMMU is active, but it does not remap interrupts.",
		.why = "A device could raise any interrupt of the host. vfio refuses the device with 'Operation not permitted'.",
		.steps = "Enable interrupt remapping in the firmware setup, often named 'x2APIC', near VT-d or the IOMMU. Update the firmware if it has no such switch."
			"\nRemove intremap=off and nox2apic if /proc/cmdline has one." PT_STEPS_CMDLINE
			"\nIf the firmware cannot do it and you trust the guest: write 'options vfio_iommu_type1 allow_unsafe_interrupts=1' to /etc/modprobe.d/vfio-unsafe.conf." PT_STEPS_MODPROBE,
		.source = "kernel, drivers/vfio/vfio_iommu_type1.c",
		.of = {
			[REMAPPING_MISSING] = {PT_ERROR, PT_REFUSES, .message = "the IOMMU does not remap interrupts, so the kernel gives no device to a guest",
				.hint = "enable interrupt remapping (x2APIC) in the firmware setup; for trusted guests, set 'options vfio_iommu_type1 allow_unsafe_interrupts=1' in modprobe.d"},
			[REMAPPING_SWITCHED_OFF] = {PT_ERROR, PT_REFUSES, .when = "the kernel was booted with intremap=off",
				.message = "the IOMMU does not remap interrupts, since the kernel was booted with intremap=off, so it gives no device to a guest",
				.hint = "remove intremap=off from the kernel's command line, and reboot"},
		},
	},
	{
		.tag = "vfio-module-missing",
		.find = vfio_module_missing,
		.meaning = "The driver vfio-pci is neither built in nor loaded, and it cannot be loaded.",
		.why = "QEMU reaches a device through a vfio driver only, and few devices have one of their own.",
		.steps = "Compare 'uname -r' with 'ls /lib/modules'. If the running kernel is missing there, an upgrade replaced it: reboot."
			"\nElse find the line that blocks it: 'grep -r vfio /etc/modprobe.d', and remove 'install vfio-pci ...'." PT_STEPS_MODPROBE,
		.source = "modprobe.d(5); " PT_SOURCE_PCI_PM,
		.of = {
			[VFIO_MISSING] = {PT_ERROR, PT_REFUSES, .message = "the running kernel has no module vfio-pci",
				.hint = "reboot after a kernel upgrade; else install the kernel's modules"},
			[VFIO_BLOCKED] = {PT_ERROR, PT_REFUSES, .message = "vfio-pci is not loaded, and modprobe.d runs '{command}' instead of loading it",
				.hint = "remove that install line from /etc/modprobe.d"},
			[VFIO_CUSTOM] = {PT_WARNING, PT_WARNS, .when = "modprobe.d loads it with a command of its own, which pve-pthook does not run",
				.message = "vfio-pci is not loaded, and modprobe.d loads it with '{command}', which pve-pthook does not run: the start goes on without pve-pthook, and no device is restored",
				.hint = "load vfio-pci at boot: add it to /etc/modules"},
		},
	},
	{
		.tag = "acs-override-active",
		.find = acs_override_active,
		.meaning = "A kernel option splits IOMMU groups that the hardware does not separate.",
		.why = "Devices of a split group still reach each other past the IOMMU. A guest may read or write memory of another guest, or of the host.",
		.steps = "Use it with trusted guests only."
			"\nElse remove pcie_acs_override as below, and see the groups that the hardware keeps apart." PT_STEPS_CMDLINE
			"\nLook for 'ACS Enable' in the firmware setup (some boards show it only while 'AER' is on)."
			"\nList the groups with 'pve-ptconf list'. Pass whole groups through, or move the card to another slot.",
		.source = "the patch pcie_acs_override in Proxmox VE's kernel",
		.of = {{PT_WARNING, PT_WARNS, .message = "pcie_acs_override={value} splits IOMMU groups that the hardware does not separate: a device of one guest may reach the memory of another",
			.hint = "remove it from the kernel command line unless you trust every guest"}},
	},
	{
		.tag = "vfio-ids-captured",
		.find = vfio_ids_captured,
		.meaning = "An option ids= makes vfio-pci take devices with these ids at boot.",
		.why = "The device never belongs to the host, so nothing is taken or restored. With two identical devices the host loses both.",
		.steps = "Find the line: 'grep -r ids= /etc/modprobe.d', or vfio-pci.ids= in /proc/cmdline. Identical devices have the same ids."
			"\nFor a disk controller whose volumes the host must not start: before the next step, arrange that every boot sets driver_override for its address."
			"\nIn /etc/modprobe.d: remove the ids, then run 'update-initramfs -u -k all'."
			"\nOn the kernel command line: remove them as below." PT_STEPS_CMDLINE,
		.source = "kernel, drivers/vfio/pci/vfio_pci.c",
		.of = {
			[IDS_CAPTURED] = {PT_INFO, PT_SILENT, .routine = true, .message = "vfio-pci takes it at boot (ids=), so it stays there after the guest stops"},
			[IDS_NOT_IN_FORCE] = {PT_WARNING, PT_WARNS, .when = "its host driver was quicker at boot, or the option came too late",
				.message = "an option ids= of vfio-pci names it, but {holder} has it: the option was not in force when the host booted",
				.hint = "remove ids=, since each start takes the device by its address; or write 'softdep {module} pre: vfio-pci' to /etc/modprobe.d, run 'update-initramfs -u -k all', and reboot"},
			[IDS_NOT_IN_FORCE_TWIN] = {PT_WARNING, PT_WARNS, .when = "the same, and a second device has the same ids",
				.message = "an option ids= of vfio-pci names it and {twin}, but {holder} has it: the option was not in force when the host booted",
				.hint = "remove ids=, since each start takes the device by its address: in force the option takes {twin} from the host as well"},
			[IDS_OVERRIDDEN] = {PT_WARNING, PT_WARNS, .when = "a driver_override of another driver",
				.message = "an option ids= of vfio-pci names it, but its driver_override is {override}, so that no other driver takes it",
				.hint = "remove ids=, since each start takes the device by its address; or remove the override, which driverctl ('driverctl unset-override {function}') or a script sets"},
			[IDS_CAPTURE_TWIN] = {PT_WARNING, PT_WARNS, .when = "a second device has the same ids, so the host loses it as well",
				.message = "vfio-pci takes every device with its ids at boot, and so {twin} too, which no guest uses",
				.hint = "remove ids=: each start takes this device by its address"},
			[IDS_CAPTURE_DISK] = {PT_WARNING, PT_WARNS, .message = "vfio-pci takes every device with its ids at boot, and so {twin} too, which no guest uses",
				.hint = "to keep {twin} on the host, set driver_override for this device at boot instead of ids=; its host driver would let the host start the volumes on its disks"},
			[IDS_MAY_TAKE_TWIN] = {PT_WARNING, PT_WARNS, .when = "a second device has the same ids, and its host driver was quicker at boot",
				.message = "an option ids= of vfio-pci names {twin} too, which no guest uses: {holder} has it now, and may not have it after the next boot",
				.hint = "remove ids=: each start takes this device by its address"},
		},
	},
	{
		.tag = "host-driver-blocked",
		.find = host_driver_blocked,
		.meaning = "The device has no driver, and modprobe.d blacklists the one that fits.",
		.why = "After the guest stops it has no driver again, as before.",
		.steps = "Nothing, if you want that."
			"\nElse find the line: 'grep -r blacklist /etc/modprobe.d', and remove it." PT_STEPS_MODPROBE,
		.source = "modprobe.d(5)",
		.of = {{PT_INFO, PT_SILENT, .routine = true, .message = "has no driver, because modprobe.d blacklists {module}; it returns to no driver"}},
	},
	{
		.tag = "left-on-vfio",
		.find = left_on_vfio,
		.meaning = "A device is on vfio-pci, but no guest, claim or option ids= names it.",
		.why = "Proxmox VE never gives a device back to its host driver. It stays on vfio-pci after a run without pve-pthook, or after its entry was deleted, and the host cannot use it.",
		.steps = "Clear its override: 'echo > /sys/bus/pci/devices/ADDRESS/driver_override'."
			"\nUnbind it: 'echo ADDRESS > /sys/bus/pci/drivers/vfio-pci/unbind'."
			"\nBind it to its driver by name: 'echo ADDRESS > /sys/bus/pci/drivers/DRIVER/bind'. Do not use drivers_probe: where Proxmox VE left its ids in new_id, vfio-pci takes the device again."
			"\nInstead of steps 1 to 3, you can reboot."
			"\nTo keep it there on purpose, name it in a guest or in the module's ids=.",
		.source = PT_SOURCE_PCI_PM "; kernel, Documentation/ABI/testing/sysfs-bus-pci",
		.of = {
			[LEFT_ONE] = {PT_INFO, PT_SILENT, .message = "{functions} is still on vfio-pci, but no guest of this node and no option ids= names it",
				.hint = "to return it to the host: unbind it from vfio-pci, clear driver_override, and write its address to /sys/bus/pci/drivers/DRIVER/bind; or reboot"},
			[LEFT_MANY] = {PT_INFO, PT_SILENT, .message = "{functions}[[ and {more} more]] are still on vfio-pci, but no guest of this node and no option ids= names them",
				.hint = "to return them to the host: unbind them from vfio-pci, clear driver_override, and write each address to /sys/bus/pci/drivers/DRIVER/bind; or reboot"},
		},
	},
	{
		.tag = "policy-invalid",
		.find = policy_invalid,
		.meaning = PT_POLICY_FILE " cannot be read, or it has an error.",
		.why = "While it has an error, none of its lines counts: findings listed under 'allow' refuse starts again, and devices that are taken from then on return to their origin.",
		.steps = "'pve-ptconf config-test' names the wrong lines.",
		.source = "this project's ptconf.conf",
		.of = {
			[POLICY_UNREADABLE] = {PT_ERROR, PT_WARNS, .message = "{error}; none of its lines counts",
				.hint = "fix it, and check it with 'pve-ptconf config-test'"},
			[POLICY_NO_DRIVER] = {PT_WARNING, PT_WARNS, .when = "it names a vfio-driver that this kernel does not have: vfio-pci takes the device",
				.message = "vfio-driver = {driver}, but this kernel cannot load that driver: vfio-pci takes the device",
				.hint = "correct " PT_POLICY_FILE ", or find the reason with 'modprobe -n -v {driver}'"},
		},
	},
};
// clang-format on
const struct pt_checks pt_host_checks = {checks, PT_ARRAY_SIZE(checks)};
