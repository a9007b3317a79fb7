// SPDX-License-Identifier: AGPL-3.0-or-later
/* The other settings of the guest, its hookscript, and the nodes that it may run on. */
#include "lib/linux/cmdline.h"
#include "pve/check/check.h"

enum { MDEV_UNKNOWN, GVTG_NEVER, GVTG_UNKNOWN, GVTG_WITHOUT_KVMGT, VGPU_UNKNOWN, MDEV_ON_VFIO };

/* The first function that an entry means; NULL: none. */
static const struct pt_function *first_of(
	const struct pt_facts *facts, const struct pt_assignment *assignment)
{
	const struct pt_alternative *chosen = pt_chosen(assignment);

	return chosen && chosen->count ? pt_facts_function(facts, &chosen->id[0]) : NULL;
}

/* Broadwell, Skylake, Kaby Lake, Broxton, Coffee Lake and Comet Lake, by how their device ids
 * begin. Source: kernel, drivers/gpu/drm/i915/intel_gvt.c, is_supported_device, and
 * include/drm/i915_pciids.h. */
static bool may_have_gvt(const char *device)
{
	static const char *const beginning[] = {
		"16", "19", "59", "87", "0a84", "1a84", "1a85", "5a84", "5a85", "3e", "9b"};

	pt_foreach (with, beginning, PT_ARRAY_SIZE(beginning)) {
		if (pt_starts_with(device, *with))
			return true;
	}
	return false;
}

static bool has_gvt_on(const struct pt_traits *host)
{
	char value[8];

	return pt_cmdline_get(host->cmdline, "i915.enable_gvt", value, sizeof(value)) &&
	       (pt_streq(value, "1") || pt_streq(value, "Y"));
}

/* Why the device has no such type. */
static size_t why_unknown(const struct pt_facts *facts, const struct pt_assignment *assignment)
{
	const struct pt_function *function = first_of(facts, assignment);

	if (function && pt_function_on_vfio(function))
		return MDEV_ON_VFIO;
	if (assignment->vgpu)
		return VGPU_UNKNOWN;
	if (!pt_starts_with(assignment->entry.mdev, "i915-GVTg") || !function ||
		function->has_mdev || !pt_streq(function->vendor, "8086") ||
		!pt_function_is_display(function))
		return MDEV_UNKNOWN;
	if (!may_have_gvt(function->device))
		return GVTG_NEVER;
	if (!pt_streq(function->driver, "i915"))
		return MDEV_UNKNOWN;
	return has_gvt_on(facts->host) ? GVTG_WITHOUT_KVMGT : GVTG_UNKNOWN;
}

static void mdev_type_unknown(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (mdev, facts->mdev, facts->mdev_count) {
		const struct pt_assignment *assignment = &facts->assignment[mdev->assignment];
		const struct pt_function *function = first_of(facts, assignment);
		char id[PT_PCI_PAIR_TEXT];

		if (!mdev->known && !mdev->exists)
			pt_report(judging, why_unknown(facts, assignment), pt_on_entry(assignment),
				"type", assignment->entry.mdev, "holder",
				function ? function->driver : NULL, "id",
				function ? pt_function_id(function, id) : NULL, NULL);
	}
}

static void mdev_none_free(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (mdev, facts->mdev, facts->mdev_count) {
		const struct pt_assignment *assignment = &facts->assignment[mdev->assignment];

		if (mdev->known && !mdev->free && !mdev->exists)
			pt_report(judging, 0, pt_on_entry(assignment), "type",
				assignment->entry.mdev, NULL);
	}
}

/* A serial port is no screen. Source: qemu-server, QemuServer.pm, config_to_command. */
static bool has_other_screen(const struct pt_guest *guest)
{
	const char *vga = pt_guest_get(guest, "vga");

	if (vga && pt_starts_with(vga, "type="))
		vga += strlen("type=");
	return vga && !pt_starts_with(vga, "none") && !pt_starts_with(vga, "serial");
}

enum { PRIMARY_TWICE, PRIMARY_BESIDE_VGA };

static void primary_gpu_conflict(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	const struct pt_assignment *first = NULL;

	pt_foreach (assignment, facts->assignment, facts->count) {
		if (!assignment->entry.x_vga)
			continue;
		if (first)
			pt_report(judging, PRIMARY_TWICE, pt_on_entry(assignment), "first",
				PT_LABEL(first), NULL);
		else if (has_other_screen(facts->guest))
			pt_report(judging, PRIMARY_BESIDE_VGA, pt_on_entry(assignment), "vga",
				pt_guest_get(facts->guest, "vga"), NULL);
		first = first ? first : assignment;
	}
}

static void balloon_with_passthrough(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	const char *balloon = pt_guest_get(facts->guest, "balloon");

	/* in MiB; as much as the guest has anyway is none */
	if (!pt_facts_opens(facts) || !balloon || pt_streq(balloon, "0") ||
		strtoull(balloon, NULL, 10) << 20 == pt_guest_memory(facts->guest))
		return;
	pt_report(judging, 0, pt_on_guest(), "balloon", balloon, NULL);
}

/* Whether every function of the entry that is there is on a vfio driver already. */
static bool is_bound(const struct pt_facts *facts, const struct pt_assignment *assignment)
{
	const struct pt_alternative *chosen = pt_chosen(assignment);

	if (!chosen)
		return false;
	pt_foreach (id, chosen->id, chosen->count) {
		const struct pt_function *function = pt_facts_function(facts, id);

		if (function && !pt_function_on_vfio(function))
			return false;
	}
	return true;
}

enum { ARGS_TAKEN, ARGS_BOUND, ARGS_OTHER_HOOK, ARGS_UNBOUND };

static size_t case_of_args(const struct pt_facts *facts, const struct pt_assignment *assignment)
{
	if (facts->hook == PT_HOOK_OURS || facts->hook == PT_HOOK_UNKNOWN)
		return ARGS_TAKEN;
	if (is_bound(facts, assignment))
		return ARGS_BOUND;
	if (facts->hook == PT_HOOK_OTHER && pt_guest_get(facts->guest, "hookscript"))
		return ARGS_OTHER_HOOK;
	return ARGS_UNBOUND;
}

static void args_vfio_device(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (assignment, facts->assignment, facts->count) {
		if (assignment->entry.index == PT_HOSTPCI_MAX)
			pt_report(judging, case_of_args(facts, assignment), pt_on_entry(assignment),
				"device", assignment->entry.host, "hookscript",
				pt_guest_get(facts->guest, "hookscript"), NULL);
	}
}

enum { NOT_MIGRATABLE_RAW, NOT_MIGRATABLE_LIVE, NOT_MIGRATABLE_MARKED };

static void not_migratable(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	bool raw = false, mapped = false, marked = true;

	pt_foreach (assignment, facts->assignment, facts->count) {
		raw |= assignment->entry.host != NULL;
		mapped |= assignment->entry.mapping != NULL;
		marked = marked && assignment->live;
	}
	if (raw)
		pt_report(judging, NOT_MIGRATABLE_RAW, pt_on_guest(), NULL);
	else if (mapped)
		pt_report(judging, marked ? NOT_MIGRATABLE_MARKED : NOT_MIGRATABLE_LIVE,
			pt_on_guest(), NULL);
}

enum { HOOK_NONE, HOOK_ANOTHER };

static void hook_not_attached(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	const char *hook = pt_guest_get(facts->guest, "hookscript");

	/* one that a plan does not know yet */
	if (facts->guest->unknown && strstr(facts->guest->unknown, "hook"))
		return;
	if (facts->taken_count && (facts->hook == PT_HOOK_NONE || facts->hook == PT_HOOK_OTHER))
		pt_report(judging, hook ? HOOK_ANOTHER : HOOK_NONE, pt_on_guest(), "hookscript",
			hook, NULL);
}

/* Lists the nodes that are unfit for one reason, "node2, node3", or NULL. The caller frees it. */
static char *unfit_nodes(const struct pt_facts *facts, bool no_hook, size_t assignment)
{
	char *nodes = NULL;

	pt_foreach (unfit, facts->unfit, facts->unfit_count) {
		if (!unfit->stale && unfit->no_hook == no_hook &&
			(no_hook || unfit->assignment == assignment))
			nodes = pt_list_add(nodes, ", ", unfit->node);
	}
	return nodes;
}

enum { HOOK_MISSING_LOCAL, HOOK_MISSING_STORAGE, HOOK_MISSING_HERE, HOOK_MISSING_ELSEWHERE };

static void hook_missing(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	const char *hook = pt_guest_get(facts->guest, "hookscript");
	PT_FREE char *nodes = unfit_nodes(facts, true, 0);

	if (facts->hook == PT_HOOK_MISSING && facts->depth == PT_DEPTH_HOST)
		pt_report(judging, HOOK_MISSING_HERE, pt_on_host(), "hookscript", hook, NULL);
	else if (facts->hook == PT_HOOK_MISSING)
		pt_report(judging,
			pt_starts_with(hook, "local:") ? HOOK_MISSING_LOCAL : HOOK_MISSING_STORAGE,
			pt_on_guest(), "hookscript", hook, NULL);
	if (nodes)
		pt_report(judging, HOOK_MISSING_ELSEWHERE, pt_on_guest(), "hookscript", hook,
			"nodes", nodes, NULL);
}

/* Of any other script. */
static void hookscript_missing(const struct pt_judging *judging)
{
	if (judging->facts->hook_broken)
		pt_report(judging, 0, pt_on_guest(), "hookscript",
			pt_guest_get(judging->facts->guest, "hookscript"), NULL);
}

static void hook_not_executable(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	if (facts->hook == PT_HOOK_NOT_EXECUTABLE)
		pt_report(judging, 0, facts->depth == PT_DEPTH_HOST ? pt_on_host() : pt_on_guest(),
			"hookscript", pt_guest_get(facts->guest, "hookscript"), NULL);
}

enum { BACKUP_JOB, BACKUP_NOW };

static void started_for_backup(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	if (!pt_facts_opens(facts) || facts->running || facts->interrupted ||
		pt_guest_is_template(facts->guest))
		return;
	if (pt_streq(pt_guest_get(facts->guest, "lock"), "backup"))
		pt_report(judging, BACKUP_NOW, pt_on_guest(), NULL);
	else if (facts->backup)
		pt_report(judging, BACKUP_JOB, pt_on_guest(), "job", facts->backup, NULL);
}

enum { UNFIT_MAPPING, UNFIT_ADDRESS, UNFIT_STALE };

/* One finding for each entry, with all nodes that it does not fit. */
static void node_unfit(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (unfit, facts->unfit, facts->unfit_count) {
		const struct pt_assignment *assignment = &facts->assignment[unfit->assignment];

		if (unfit->stale)
			pt_report(judging, UNFIT_STALE, pt_on_entry(assignment), "mapping",
				assignment->entry.mapping, "nodes", unfit->node, "why",
				unfit->stale, NULL);
	}
	for (size_t i = 0; i < facts->count; i++) {
		const char *mapping = facts->assignment[i].entry.mapping;
		PT_FREE char *nodes = unfit_nodes(facts, false, i);

		if (nodes)
			pt_report(judging, mapping ? UNFIT_MAPPING : UNFIT_ADDRESS,
				pt_on_entry(&facts->assignment[i]), "mapping", mapping, "nodes",
				nodes, NULL);
	}
}

/* prose in lines as long as its sentences: no formatter breaks it well */
// clang-format off
static const struct pt_check checks[] = {
	{
		.tag = "mdev-type-unknown",
		.find = mdev_type_unknown,
		.meaning = "No function of the entry offers the mediated device type.",
		.why = "Creating the instance fails at the start.",
		.steps = "List the types: 'ls /sys/bus/pci/devices/ADDRESS/mdev_supported_types', and for a virtual function of NVIDIA's driver 'cat /sys/bus/pci/devices/ADDRESS/nvidia/creatable_vgpu_types'."
			"\nIntel's GVT-g: boot with i915.enable_gvt=1, and load the modules kvmgt and vfio_mdev (a line each in /etc/modules)."
			"\nIf there are none, install the vendor's host driver for this kernel. From kernel 6.8 on, NVIDIA's driver lists its types in a folder nvidia of each virtual function."
			"\nSet one of these types in the hostpci line or in the mapping.",
		.source = "kernel, Documentation/driver-api/vfio-mediated-device.rst",
		.of = {
			[MDEV_UNKNOWN] = {PT_ERROR, PT_REFUSES, .message = "no function of it offers the mediated device type {type}",
				.hint = "mdev_supported_types of the device lists the types; if there is none, load the vendor's host driver"},
			[GVTG_NEVER] = {PT_ERROR, PT_REFUSES, .when = "Intel's graphics of a generation without GVT-g",
				.message = "no function of it offers the mediated device type {type}: only Intel's graphics from Broadwell to Comet Lake have GVT-g, and {id} is another",
				.hint = "pass the whole device through, or a virtual function where its driver makes them"},
			[GVTG_UNKNOWN] = {PT_ERROR, PT_REFUSES, .when = "i915 has Intel's graphics, but its GVT-g is off",
				.message = "no function of it offers the mediated device type {type}: i915 has it, but GVT-g is off",
				.hint = "boot with i915.enable_gvt=1, and add the line kvmgt to /etc/modules (what is in force stands in /sys/module/i915/parameters/enable_gvt)"},
			[GVTG_WITHOUT_KVMGT] = {PT_ERROR, PT_REFUSES, .when = "the kernel was booted with i915.enable_gvt=1, and there is still no type",
				.message = "no function of it offers the mediated device type {type}, although the kernel was booted with i915.enable_gvt=1",
				.hint = "load kvmgt, and add it to /etc/modules; 'journalctl -k -b -g gvt' says why GVT-g is off"},
			[MDEV_ON_VFIO] = {PT_ERROR, PT_REFUSES, .when = "a vfio driver has the device, and makes no mediated ones",
				.message = "no function of it offers the mediated device type {type}: {holder} has it, and makes none",
				.hint = "return it to its host driver, and remove it from vfio-pci's option ids="},
			[VGPU_UNKNOWN] = {PT_ERROR, PT_REFUSES, .message = "no function of it offers the mediated device type {type}",
				.hint = "nvidia/creatable_vgpu_types of the device lists the types; if there is none, load the vendor's host driver"},
		},
	},
	{
		.tag = "mdev-none-free",
		.find = mdev_none_free,
		.meaning = "All instances of the mediated device type are in use.",
		.why = "Creating another one fails at the start.",
		.steps = "Stop a guest that has one, or use a smaller type.",
		.source = "kernel, Documentation/driver-api/vfio-mediated-device.rst",
		.of = {{PT_ERROR, PT_REFUSES, .message = "no instance of the mediated device type {type} is left",
			.hint = "stop a guest that has one, or choose a smaller type"}},
	},
	{
		.tag = "primary-gpu-conflict",
		.find = primary_gpu_conflict,
		.meaning = "Two screens are set to be the primary one.",
		.why = "The guest may show its console on the other screen.",
		.steps = "Set x-vga=1 on one device, and 'vga: none' with it.",
		.source = PT_SOURCE_PCI_PM,
		.of = {
			[PRIMARY_TWICE] = {PT_WARNING, PT_WARNS, .message = "x-vga=1 makes it the primary screen, but {first} is that already",
				.hint = "remove x-vga=1 from one of them"},
			[PRIMARY_BESIDE_VGA] = {PT_WARNING, PT_WARNS, .message = "x-vga=1 makes it the primary screen, but 'vga: {vga}' adds an emulated one",
				.hint = "'qm set {vmid} --vga none'"},
		},
	},
	{
		.tag = "balloon-with-passthrough",
		.find = balloon_with_passthrough,
		.meaning = "Ballooning is set for a guest with passthrough.",
		.why = "A device may write to any guest memory, so the start pins all of it. The balloon gives nothing back.",
		.steps = "'qm set VMID --balloon 0'.",
		.source = PT_SOURCE_VFIO,
		.of = {{PT_WARNING, PT_WARNS, .message = "'balloon: {balloon}' has no effect: passthrough pins all memory of the guest",
			.hint = "'qm set {vmid} --balloon 0'"}},
	},
	{
		.tag = "args-vfio-device",
		.find = args_vfio_device,
		.meaning = "The guest's args pass a vfio-pci device to QEMU.",
		.why = "Proxmox VE neither binds nor reserves it. pve-pthook, if attached, takes and restores it.",
		.steps = "Use a hostpci entry, unless the device needs an option that only args can set.",
		.source = "qm.conf(5), args",
		.of = {
			[ARGS_TAKEN] = {PT_INFO, PT_SILENT, .routine = true, .message = "passes {device} to QEMU: pve-pthook takes and restores it, but Proxmox VE neither binds nor reserves it",
				.hint = "a hostpci entry lets Proxmox VE reserve it"},
			[ARGS_BOUND] = {PT_INFO, PT_SILENT, .message = "passes {device} to QEMU: Proxmox VE neither binds nor reserves it",
				.hint = "a hostpci entry lets Proxmox VE reserve it"},
			[ARGS_OTHER_HOOK] = {PT_WARNING, PT_SILENT, .when = "another hookscript of the guest may bind the device to vfio-pci",
				.message = "passes {device} to QEMU, which cannot open it unless the hookscript {hookscript} binds it to vfio-pci",
				.hint = "make sure that the script binds and restores it; pve-pthook does both"},
			[ARGS_UNBOUND] = {PT_ERROR, PT_SILENT, .when = "nothing binds the device to vfio-pci, so QEMU cannot open it",
				.message = "passes {device} to QEMU, but nothing binds it to vfio-pci: QEMU cannot open it",
				.hint = "'qm set {vmid} --hookscript local:snippets/pve-pthook', or use a hostpci entry"},
		},
	},
	{
		.tag = "not-migratable",
		.find = not_migratable,
		.meaning = "The guest has devices of its host.",
		.why = "It cannot migrate while it runs, be suspended to disk, or be saved with its memory.",
		.steps = "Mappings let it migrate offline. Mark a mapping as live-migration-capable if the driver supports it.",
		.source = "qemu-server, QemuMigrate.pm",
		.of = {
			[NOT_MIGRATABLE_RAW] = {PT_INFO, PT_SILENT, .routine = true, .message = "cannot be migrated, suspended or saved with its memory: it has a device of this host",
				.hint = "a mapping instead of an address lets it migrate offline"},
			[NOT_MIGRATABLE_LIVE] = {PT_INFO, PT_SILENT, .routine = true, .message = "cannot be migrated while it runs, suspended or saved with its memory",
				.hint = "if the driver supports it, mark its mappings as live-migration-capable (Datacenter, Resource Mappings)"},
			[NOT_MIGRATABLE_MARKED] = {PT_INFO, PT_SILENT, .routine = true, .message = "cannot be suspended or saved with its memory; its mappings are marked live-migration-capable"},
		},
	},
	{
		.tag = "hook-not-attached",
		.find = hook_not_attached,
		.meaning = "The guest does not have pve-pthook as its hookscript.",
		.why = "Proxmox VE leaves its devices on vfio-pci when it stops.",
		.steps = "'qm set VMID --hookscript local:snippets/pve-pthook', as root on the node.",
		.source = "pve-guest-common, GuestHelpers.pm",
		.of = {
			[HOOK_NONE] = {PT_INFO, PT_SILENT, .message = "has no hookscript: its devices do not return to the host when it stops",
				.hint = "'qm set {vmid} --hookscript local:snippets/pve-pthook'"},
			[HOOK_ANOTHER] = {PT_INFO, PT_SILENT, .message = "has the hookscript {hookscript}, not pve-pthook: its devices do not return to the host when it stops",
				.hint = "'qm set {vmid} --hookscript local:snippets/pve-pthook'"},
		},
	},
	{
		.tag = "hook-missing",
		.find = hook_missing,
		.meaning = "The guest names pve-pthook, but this node lacks the file, or the storage excludes a node that the guest may run on.",
		.why = "Proxmox VE refuses to start the guest there.",
		.steps = "Install the package pve-ptconf here, and on every node that the guest may run on. It links pve-pthook into /var/lib/vz/snippets."
			"\nThe storage of the hookscript needs the content type Snippets (Datacenter, Storage), and the file in its folder snippets."
			"\nIf the storage excludes nodes: use one that every node has, such as local (Datacenter, Storage, Nodes).",
		.source = "pve-guest-common, GuestHelpers.pm",
		.of = {
			[HOOK_MISSING_LOCAL] = {PT_ERROR, PT_WARNS, .message = "its hookscript {hookscript} is not on this node, so it does not start",
				.hint = "install the package pve-ptconf here"},
			[HOOK_MISSING_STORAGE] = {PT_ERROR, PT_WARNS, .message = "its hookscript {hookscript} is not on this node, so it does not start",
				.hint = "mount the storage, and put /usr/libexec/pve-ptconf/pve-pthook into its folder snippets; or use local:snippets/pve-pthook"},
			[HOOK_MISSING_HERE] = {PT_WARNING, PT_WARNS, .when = "the node is checked without any guest",
				.message = "{hookscript} is not on this node: a guest with it would not start here",
				.hint = "install the package pve-ptconf here"},
			[HOOK_MISSING_ELSEWHERE] = {PT_WARNING, PT_WARNS, .when = "this node has the file, but its storage excludes a node that the guest may run on",
				.message = "the storage of its hookscript {hookscript} excludes {nodes}, where the guest may run: Proxmox VE refuses the start there",
				.hint = "use a storage that every node has, such as local (Datacenter, Storage, Nodes), and install the package there"},
		},
	},
	{
		.tag = "hookscript-missing",
		.find = hookscript_missing,
		.meaning = "The guest's hookscript, which is not pve-pthook, is no executable file on this node.",
		.why = "Proxmox VE refuses to start the guest.",
		.steps = "Copy the script to the storage's folder snippets on this node, and 'chmod +x' it."
			"\nOr 'qm set VMID --delete hookscript', or name pve-pthook: 'qm set VMID --hookscript local:snippets/pve-pthook'.",
		.source = "pve-guest-common, GuestHelpers.pm",
		.of = {{PT_ERROR, PT_WARNS, .message = "its hookscript {hookscript} is no executable file on this node, so it does not start",
			.hint = "copy the script there and 'chmod +x' it, or 'qm set {vmid} --delete hookscript'"}},
	},
	{
		.tag = "hook-not-executable",
		.find = hook_not_executable,
		.meaning = "The guest names pve-pthook, but the file is not executable.",
		.why = "Proxmox VE refuses to start the guest.",
		.steps = "'chmod +x' the file; on the storage local, link it again: 'ln -sf /usr/libexec/pve-ptconf/pve-pthook /var/lib/vz/snippets/pve-pthook'.",
		.source = "pve-guest-common, GuestHelpers.pm",
		.of = {{PT_ERROR, PT_WARNS, .message = "its hookscript {hookscript} is not executable, so it does not start",
			.hint = "'chmod +x' it, or link it to /usr/libexec/pve-ptconf/pve-pthook"}},
	},
	{
		.tag = "started-for-backup",
		.find = started_for_backup,
		.meaning = "The stopped guest is in a backup job, or a backup of it runs now.",
		.why = "The backup starts the guest paused, and takes its devices for that time.",
		.steps = "Remove it from the job, or back it up while it runs.",
		.source = "qemu-server, VZDump/QemuServer.pm",
		.of = {
			[BACKUP_JOB] = {PT_WARNING, PT_WARNS, .message = "is in the backup job {job}, which starts a stopped guest and takes its devices until the backup ends",
				.hint = "remove it from the job, or start it before the job runs"},
			[BACKUP_NOW] = {PT_WARNING, PT_WARNS, .message = "a backup starts it, and takes its devices until the backup ends",
				.hint = "remove it from the backup job, or back it up while it runs"},
		},
	},
	{
		.tag = "node-unfit",
		.find = node_unfit,
		.meaning = "A node that the guest may run on lacks one of its devices, or has another one than the mapping stores.",
		.why = "After a migration, or when HA moves it, the guest does not start there.",
		.steps = "Add a device of that node to the mapping, or correct it (Datacenter, Resource Mappings)."
			"\nOr bind the guest to nodes that have one. PVE 8: Datacenter, HA, Groups, with 'restricted'. PVE 9: Datacenter, HA, Affinity Rules, node affinity with 'strict'.",
		.source = "pve-ha-manager, resources.cfg, groups.cfg and rules.cfg; pve-guest-common, Mapping/PCI.pm",
		.of = {
			[UNFIT_MAPPING] = {PT_WARNING, PT_SILENT, .message = "mapping {mapping} has no device on {nodes}, where the guest may run",
				.hint = "add one there (Datacenter, Resource Mappings), or exclude that node for the guest (Datacenter, HA)"},
			[UNFIT_ADDRESS] = {PT_WARNING, PT_SILENT, .message = "names a device of this node by its address, but the guest may run on {nodes}",
				.hint = "use a mapping with a device for each node"},
			[UNFIT_STALE] = {PT_WARNING, PT_SILENT, .message = "mapping {mapping} is wrong on {nodes}, where the guest may run: {why}",
				.hint = "correct the mapping of that node (Datacenter, Resource Mappings)"},
		},
	},
};
// clang-format on
const struct pt_checks pt_guest_checks = {checks, PT_ARRAY_SIZE(checks)};
