// SPDX-License-Identifier: AGPL-3.0-or-later
/* The assigned functions, and the functions that go along with them. */
#include "lib/base/template.h"
#include "pve/check/check.h"
#include "pve/config/paths.h"

/* The present place of a recorded device, or NULL. Without a serial number any device of the model
 * fits: of several none is named. */
static const struct pt_identity *find_again(
	const struct pt_facts *facts, const struct pt_identity *recorded)
{
	const struct pt_identity *again = NULL;

	pt_foreach (moved, facts->moved.identity, facts->moved.count) {
		if (!pt_identity_same(moved, recorded))
			continue;
		if (again && !recorded->serial[0])
			return NULL;
		again = moved;
	}
	return again;
}

enum { MISSING_ADDRESS, MISSING_MAPPED, MISSING_UNREADABLE, MISSING_MOVED, MISSING_LIKE };

static void report_moved(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (recorded, facts->recorded->identity, facts->recorded->count) {
		const struct pt_identity *again = find_again(facts, recorded);

		if (again && !pt_identities_find(&facts->current, &recorded->bdf))
			pt_report(judging, recorded->serial[0] ? MISSING_MOVED : MISSING_LIKE,
				pt_on_guest(), "from", PT_BDF(&recorded->bdf), "to",
				PT_BDF(&again->bdf), NULL);
	}
}

static void report_unreadable(const struct pt_judging *judging, const struct pt_bdf *bdf,
	const struct pt_assignment *assignment)
{
	const struct pt_function *function = pt_facts_function(judging->facts, bdf);

	if (!function || pt_has_obstacle(judging->facts, function, PT_OBSTACLE_UNREADABLE))
		pt_report(judging, MISSING_UNREADABLE, pt_on_id(assignment, bdf), NULL);
}

static void device_missing(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	bool any = false;

	pt_foreach (assignment, facts->assignment, facts->count) {
		bool mapped = assignment->problem.kind == PT_PROBLEM_MAPPED_DEVICE_MISSING;

		if (!mapped && assignment->problem.kind != PT_PROBLEM_DEVICE_MISSING)
			continue;
		if (pt_absent_vf_of(facts, assignment))
			continue; /* vf-not-created reports it */
		any = true;
		pt_report(judging, mapped ? MISSING_MAPPED : MISSING_ADDRESS,
			pt_on_entry(assignment), "where", assignment->problem.where, "mapping",
			assignment->entry.mapping, "to", PT_STRAY(facts, assignment), NULL);
	}
	if (any)
		report_moved(judging);
	pt_foreach (taken, facts->taken, facts->taken_count)
		report_unreadable(judging, &taken->bdf, &facts->assignment[taken->assignment]);
	/* Proxmox VE also reads functions that stay with their drivers */
	pt_foreach (assignment, facts->assignment, facts->count) {
		const struct pt_alternative *chosen = pt_chosen(assignment);

		if (!chosen || pt_assignment_is_bound(assignment))
			continue;
		pt_foreach (id, chosen->id, chosen->count) {
			if (!pt_taken_find(facts->taken, facts->taken_count, id))
				report_unreadable(judging, id, assignment);
		}
	}
}

enum {
	CHANGED,
	CHANGED_MOVED,
	CHANGED_LIKE,
	CHANGED_CLASS,
	CHANGED_CLASS_MOVED,
	CHANGED_CLASS_LIKE
};

static void device_identity_changed(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (now, facts->current.identity, facts->current.count) {
		const struct pt_identity *recorded = pt_identities_find(facts->recorded, &now->bdf);
		const struct pt_taken *taken =
			pt_taken_find(facts->taken, facts->taken_count, &now->bdf);
		char was[PT_IDENTITY_TEXT], is[PT_IDENTITY_TEXT];
		const struct pt_identity *again;
		size_t which;

		if (!taken || !recorded || pt_identity_same(now, recorded))
			continue;
		again = find_again(facts, recorded);
		/* a disk where a graphics card was is no other card of the kind */
		which = now->class >> 8 == recorded->class >> 8 ? CHANGED : CHANGED_CLASS;
		if (again)
			which += recorded->serial[0] ? CHANGED_MOVED : CHANGED_LIKE;
		pt_report(judging, which, pt_on_function(facts, taken), "is",
			pt_identity_format(now, is), "was", pt_identity_format(recorded, was), "to",
			again ? PT_BDF(&again->bdf) : NULL, NULL);
	}
}

static void bridge_assigned(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		if (!taken->companion &&
			pt_has_obstacle(
				facts, pt_facts_function(facts, &taken->bdf), PT_OBSTACLE_BRIDGE))
			pt_report(judging, 0, pt_on_function(facts, taken), NULL);
	}
}

enum { NO_GROUP_SLOT, NO_GROUP_BOARD, NO_GROUP_IGFX_OFF };

static size_t why_no_group(const struct pt_facts *facts, const struct pt_function *function)
{
	const char *cmdline = facts->host->cmdline;

	if (function->has_parent)
		return NO_GROUP_SLOT;
	/* it keeps Intel's integrated graphics from the IOMMU */
	return cmdline && strstr(cmdline, "igfx_off") && pt_streq(function->vendor, "8086") &&
			       pt_function_is_display(function)
		       ? NO_GROUP_IGFX_OFF
		       : NO_GROUP_BOARD;
}

static void no_iommu_group(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	/* iommu-disabled reports a host without an IOMMU */
	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = pt_facts_function(facts, &taken->bdf);

		if (pt_has_obstacle(facts, function, PT_OBSTACLE_NO_GROUP))
			pt_report(judging, why_no_group(facts, function),
				pt_on_function(facts, taken), NULL);
	}
}

enum { COMPANION_IN_SLOT, COMPANION_OF_BOARD, COMPANION_BEHIND_VMD };

/* One finding for all companions of an entry: what helps one of them is worth a word. */
static bool may_separate_any(const struct pt_facts *facts, const struct pt_taken *of)
{
	pt_foreach (taken, facts->taken, facts->taken_count) {
		if (taken->companion && taken->assignment == of->assignment &&
			pt_slot_may_separate(facts, taken))
			return true;
	}
	return false;
}

static void group_companions(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = pt_facts_function(facts, &taken->bdf);
		const struct pt_function *parent;
		const struct pt_taken *with;

		/* partial-slot reports siblings */
		if (!taken->companion || !function || pt_function_0_of(facts, taken))
			continue;
		parent = pt_parent_in_group(facts->inventory, function);
		with = parent ? pt_taken_find(facts->taken, facts->taken_count, &parent->bdf)
			      : NULL;
		/* pf-with-vfs reports VFs that go with their PF */
		if (with && !with->companion && pt_function_is_vf(function))
			continue;
		pt_report(judging,
			with && !with->companion	 ? COMPANION_BEHIND_VMD
			: may_separate_any(facts, taken) ? COMPANION_IN_SLOT
							 : COMPANION_OF_BOARD,
			pt_on_function(facts, taken), "group",
			PT_NUMBER((unsigned int)function->group), "driver", function->driver,
			"parent", parent ? PT_BDF(&parent->bdf) : NULL, NULL);
	}
}

/* A return that failed leaves its driver_override behind. */
static bool is_left_by_us(const struct pt_facts *facts, const struct pt_bdf *bdf)
{
	pt_foreach (note, facts->note, facts->note_count) {
		if (note->error && pt_bdf_compare(&note->bdf, bdf) == 0)
			return true;
	}
	return false;
}

enum { OVERRIDE_RESTORED, OVERRIDE_LOST };

static void foreign_override(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = pt_facts_function(facts, &taken->bdf);

		if (function && function->override && !pt_taken_stays(taken, function) &&
			!is_left_by_us(facts, &taken->bdf))
			pt_report(judging, facts->hooked ? OVERRIDE_RESTORED : OVERRIDE_LOST,
				pt_on_function(facts, taken), "driver", function->override, NULL);
	}
}

enum { KEPT_WITHOUT_VFIO, KEPT_WITHOUT_HOOK, KEPT_BESIDE_HOST };

/* QEMU gets no group of which the host has a part. */
static void report_hurdles(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (hurdle, facts->hurdle, facts->hurdle_count) {
		const struct pt_function *function = pt_facts_function(facts, &hurdle->bdf);

		pt_report(judging, KEPT_BESIDE_HOST,
			pt_on_entry(&facts->assignment[hurdle->assignment]), "function",
			PT_BDF(&hurdle->bdf), "driver", function->driver, "group",
			PT_NUMBER((unsigned int)function->group), NULL);
	}
}

static void keep_without_vfio(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (assignment, facts->assignment, facts->count) {
		const struct pt_alternative *chosen = pt_chosen(assignment);

		if (!assignment->entry.keep_driver || !chosen || assignment->entry.mdev)
			continue;
		pt_foreach (id, chosen->id, chosen->count) {
			const struct pt_function *function = pt_facts_function(facts, id);
			const struct pt_taken *taken =
				pt_taken_find(facts->taken, facts->taken_count, id);

			if (!function || function->has_nvidia || pt_function_on_vfio(function) ||
				(taken && !pt_taken_stays(taken, function)))
				continue;
			pt_report(judging, facts->hooked ? KEPT_WITHOUT_VFIO : KEPT_WITHOUT_HOOK,
				pt_on_id(assignment, id), "driver",
				function->driver ? function->driver : "no driver", "function",
				PT_BDF(id), NULL);
		}
	}
	report_hurdles(judging);
}

enum { DENIED, DENIED_COMPANION };

static void vfio_pci_denies(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = pt_facts_function(facts, &taken->bdf);

		if (taken->wish[0] || !pt_has_obstacle(facts, function, PT_OBSTACLE_DENIED))
			continue;
		pt_report(judging, taken->companion ? DENIED_COMPANION : DENIED,
			pt_on_function(facts, taken), "device", function->device, "group",
			PT_NUMBER((unsigned int)function->group), NULL);
	}
}

/* prose in lines as long as its sentences: no formatter breaks it well */
// clang-format off
static const struct pt_check checks[] = {
	{
		.tag = "device-missing",
		.find = device_missing,
		.problem = PT_PROBLEM_DEVICE_MISSING,
		.meaning = "This host has no function at that address, or the function cannot be read.",
		.why = "Proxmox VE refuses the start. Addresses change when cards are moved or added.",
		.steps = "Compare with 'pve-ptconf list'. Use a mapping, which Proxmox VE checks against the device's ids.",
		.source = PT_SOURCE_PCI_PM "; pve-common, SysFSTools.pm",
		.of = {
			[MISSING_ADDRESS] = {PT_ERROR, PT_REFUSES, .message = "there is no PCI device {where} on this host",
				.hint = "compare with 'pve-ptconf list': the card may have moved, or the firmware may disable it"},
			[MISSING_MAPPED] = {PT_ERROR, PT_REFUSES, .message = "mapping {mapping} names {where}, which is not on this host",
				.hint = "correct the mapping of this node (Datacenter, Resource Mappings)[[: a device of its ids is at {to} now]]"},
			[MISSING_UNREADABLE] = {PT_ERROR, PT_REFUSES, .message = "is on the bus, but its vendor, device or interrupt cannot be read",
				.hint = "read the kernel log ('journalctl -k'): the device may be dead or on its way out"},
			[MISSING_MOVED] = {PT_INFO, PT_WARNS, .when = "the device of the last start is at another address now (in addition to the error)",
				.message = "the device that was at {from} at the last start is at {to} now"},
			[MISSING_LIKE] = {PT_INFO, PT_WARNS, .message = "the device that was at {from} at the last start is gone; another of its model is at {to}"},
		},
	},
	{
		.tag = "device-identity-changed",
		.find = device_identity_changed,
		.another_device = true,
		.meaning = "Another device is at this address than at the guest's last successful start.",
		.why = "Addresses move when cards are added, removed or moved. The guest would get the wrong device, perhaps a disk of the host.",
		.steps = "Compare: 'pve-ptconf list' shows the present address of the device."
			"\nCorrect the address with 'qm set VMID --hostpciN ADDRESS', or use a mapping (Datacenter, Resource Mappings), which knows devices by their ids."
			"\nIf you swapped the card: 'pve-ptconf accept VMID'.",
		.source = "this project's records, /var/lib/pve-ptconf/identity",
		.of = {
			[CHANGED] = {PT_WARNING, PT_WARNS, .message = "is {is} now, but at the last successful start it was {was}",
				.hint = "if you swapped it, 'pve-ptconf accept {vmid}'"},
			[CHANGED_MOVED] = {PT_WARNING, PT_WARNS, .message = "is {is} now, but at the last successful start it was {was}",
				.hint = "that device is at {to} now"},
			[CHANGED_LIKE] = {PT_WARNING, PT_WARNS, .message = "is {is} now, but at the last successful start it was {was}",
				.hint = "another device of that model is at {to}"},
			[CHANGED_CLASS] = {PT_ERROR, PT_WARNS, .when = "the device has another class: a disk where a graphics card was",
				.message = "is {is} now, but at the last successful start it was {was}, a device of another class",
				.hint = "if you swapped it, 'pve-ptconf accept {vmid}'"},
			[CHANGED_CLASS_MOVED] = {PT_ERROR, PT_WARNS, .message = "is {is} now, but at the last successful start it was {was}, a device of another class",
				.hint = "that device is at {to} now"},
			[CHANGED_CLASS_LIKE] = {PT_ERROR, PT_WARNS, .message = "is {is} now, but at the last successful start it was {was}, a device of another class",
				.hint = "another device of that model is at {to}"},
		},
	},
	{
		.tag = "bridge-assigned",
		.find = bridge_assigned,
		.meaning = "The address is a PCI bridge.",
		.why = "QEMU cannot take a bridge, yet Proxmox VE takes the devices in its group.",
		.steps = "Name the device behind the bridge.",
		.source = PT_SOURCE_VFIO,
		.of = {{PT_ERROR, PT_REFUSES, .message = "is a PCI bridge; Proxmox VE would take the devices in its group from the host all the same",
			.hint = "name the device behind the bridge"}},
	},
	{
		.tag = "no-iommu-group",
		.find = no_iommu_group,
		.meaning = "The function is in no IOMMU group.",
		.why = "vfio hands out groups only.",
		.steps = "A card: try another slot; some are not behind the IOMMU."
			"\nIntel's integrated graphics: remove igfx_off from the kernel command line." PT_STEPS_CMDLINE,
		.source = PT_SOURCE_VFIO,
		.of = {
			[NO_GROUP_SLOT] = {PT_ERROR, PT_REFUSES, .message = "is in no IOMMU group",
				.hint = "try another slot: this one is not behind the IOMMU"},
			[NO_GROUP_BOARD] = {PT_ERROR, PT_REFUSES, .when = "a part of the board or the processor: no slot helps",
				.message = "is in no IOMMU group, and as a part of the board in no slot",
				.hint = "update the firmware; 'journalctl -k -b -g DMAR' and '-g AMD-Vi' may say why the IOMMU leaves it out"},
			[NO_GROUP_IGFX_OFF] = {PT_ERROR, PT_REFUSES, .when = "igfx_off on the kernel command line",
				.message = "is in no IOMMU group: igfx_off on the kernel command line keeps the integrated graphics from the IOMMU",
				.hint = "remove igfx_off from the kernel command line ('intel_iommu=on' alone), and reboot"},
		},
	},
	{
		.tag = "vfio-pci-denies",
		.find = vfio_pci_denies,
		.meaning = "vfio-pci does not take the device: it is on its list of devices with known faults.",
		.why = "Intel's QuickAssist accelerators (DH895xCC, C62x, C3xxx) with their VFs, and DSA and IAA of Sapphire Rapids, have faults by which a guest can hang the host. The start fails: the kernel says \"exists in vfio-pci device denylist, driver probing disallowed\".",
		.steps = "Only for guests that you trust like the host: write 'options vfio-pci disable_denylist=1' to /etc/modprobe.d/vfio.conf, run 'update-initramfs -u -k all', and reboot."
			"\nElse leave the device to the host: remove the entry.",
		.source = "kernel, drivers/vfio/pci/vfio_pci.c, vfio_pci_dev_in_denylist",
		.of = {
			[DENIED] = {PT_ERROR, PT_REFUSES, .message = "vfio-pci does not take it: its model (8086:{device}) has faults by which a guest can hang the host",
				.hint = "if you trust the guest, 'options vfio-pci disable_denylist=1' in /etc/modprobe.d, 'update-initramfs -u -k all', and reboot"},
			[DENIED_COMPANION] = {PT_ERROR, PT_REFUSES, .when = "the device is in the IOMMU group of one that is passed through",
				.message = "vfio-pci does not take it, nor then its IOMMU group {group}: its model (8086:{device}) has faults by which a guest can hang the host",
				.hint = "if you trust the guest, 'options vfio-pci disable_denylist=1' in /etc/modprobe.d, 'update-initramfs -u -k all', and reboot; or move the card to another slot"},
		},
	},
	{
		.tag = "group-companions",
		.find = group_companions,
		.meaning = "Other functions share the IOMMU group.",
		.why = "The kernel hands over the group as a whole: they leave the host while the guest runs.",
		.steps = "Another slot may separate them. pve-pthook returns them when the guest stops.",
		.source = PT_SOURCE_PCI_PM ", prepare_pci_device",
		.of = {
			[COMPANION_IN_SLOT] = {PT_WARNING, PT_WARNS, .message = "will be taken from the host with IOMMU group {group}, but not passed through",
				.hint = "move one of the cards to another slot if the host needs it"},
			[COMPANION_OF_BOARD] = {PT_WARNING, PT_WARNS, .when = "both are parts of the board or of one card, or lie behind one bridge: no slot separates them",
				.message = "will be taken from the host with IOMMU group {group}, but not passed through",
				.hint = "no slot separates them (parts of the board, of one card, or behind one bridge): remove the entry if the host needs it"},
			[COMPANION_BEHIND_VMD] = {PT_WARNING, PT_WARNS, .when = "a disk behind Intel's VMD controller, which is passed through",
				.message = "lies behind the VMD controller {parent}: it leaves the host with it, and goes to the guest",
				.hint = "remove the entry if the host needs it"},
		},
	},
	{
		.tag = "foreign-override",
		.find = foreign_override,
		.meaning = "The device has a driver_override from another program or an administrator.",
		.why = "pve-pthook restores it when the guest stops.",
		.steps = "Nothing, if you want it."
			"\nElse find its origin: 'driverctl list-overrides', udev rules, scripts in /etc. 'driverctl unset-override ADDRESS' undoes driverctl's.",
		.source = "kernel, Documentation/ABI/testing/sysfs-bus-pci",
		.of = {
			[OVERRIDE_RESTORED] = {PT_INFO, PT_SILENT, .routine = true, .message = "has the driver override {driver}; it is restored when the guest stops"},
			[OVERRIDE_LOST] = {PT_INFO, PT_SILENT, .message = "has the driver override {driver}; without the hookscript it is lost"},
		},
	},
	{
		.tag = "keep-without-vfio",
		.find = keep_without_vfio,
		.meaning = "driver=keep, but the driver that it keeps is no vfio driver.",
		.why = "QEMU cannot open the device, and the start fails.",
		.steps = "Let pve-pthook bind it: 'vfio-driver = auto' under [device ADDRESS] or [guest VMID] in " PT_POLICY_FILE "."
			"\nOr bind it to its vfio driver before the start."
			"\nOr remove driver=keep, so that Proxmox VE binds it to vfio-pci.",
		.source = PT_SOURCE_PCI_PM "; " PT_SOURCE_VFIO,
		.of = {
			[KEPT_WITHOUT_VFIO] = {PT_ERROR, PT_WARNS, .message = "driver=keep leaves it on {driver}, which is no vfio driver: QEMU cannot open it",
				.hint = "set 'vfio-driver = auto' under [device {function}] in " PT_POLICY_FILE ", or remove driver=keep"},
			[KEPT_WITHOUT_HOOK] = {PT_ERROR, PT_WARNS, .message = "driver=keep leaves it on {driver}, which is no vfio driver: QEMU cannot open it",
				.hint = "remove driver=keep; or attach pve-pthook and set 'vfio-driver = auto' under [device {function}] in " PT_POLICY_FILE},
			[KEPT_BESIDE_HOST] = {PT_ERROR, PT_WARNS, .when = "another function of the IOMMU group is on a host driver",
				.message = "driver=keep leaves {function}, of the same IOMMU group {group}, on {driver} as well: QEMU gets no group of which the host has a part ('group is not viable')",
				.hint = "remove driver=keep, so that Proxmox VE takes the whole group"},
		},
	},
};
// clang-format on
const struct pt_checks pt_device_checks = {checks, PT_ARRAY_SIZE(checks)};
