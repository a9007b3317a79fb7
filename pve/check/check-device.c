// SPDX-License-Identifier: AGPL-3.0-or-later
/* The assigned functions, and the functions that go along with them. */
#include "lib/base/template.h"
#include "pve/check/check.h"
#include "pve/check/obstacle.h"
#include "pve/config/paths.h"

#define CLASS_VGA 0x0300U

static const struct pt_function *function_of(
	const struct pt_facts *facts, const struct pt_taken *taken)
{
	return pt_inventory_find(facts->inventory, &taken->bdf);
}

static bool has_obstacle(
	const struct pt_facts *facts, const struct pt_function *function, enum pt_obstacle obstacle)
{
	const struct pt_candidate candidate = {
		.function = function,
		.inventory = facts->inventory,
		.uses = &facts->uses,
		.iommu_active = facts->host->iommu_active,
	};

	return function && pt_obstacle_applies(obstacle, &candidate);
}

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
	const struct pt_function *function = pt_inventory_find(judging->facts->inventory, bdf);

	if (!function || has_obstacle(judging->facts, function, PT_OBSTACLE_UNREADABLE))
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
		any = true;
		pt_report(judging, mapped ? MISSING_MAPPED : MISSING_ADDRESS,
			pt_on_entry(assignment), "where", assignment->problem.where, "mapping",
			assignment->entry.mapping, NULL);
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
			has_obstacle(facts, function_of(facts, taken), PT_OBSTACLE_BRIDGE))
			pt_report(judging, 0, pt_on_function(facts, taken), NULL);
	}
}

static void no_iommu_group(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	/* iommu-disabled reports a host without an IOMMU */
	pt_foreach (taken, facts->taken, facts->taken_count) {
		if (has_obstacle(facts, function_of(facts, taken), PT_OBSTACLE_NO_GROUP))
			pt_report(judging, 0, pt_on_function(facts, taken), NULL);
	}
}

enum { RESERVED_ON_INTEL, RESERVED_ON_AMD };

static void report_reserved(const struct pt_judging *judging, const struct pt_taken *taken)
{
	const struct pt_facts *facts = judging->facts;
	const struct pt_function *function = function_of(facts, taken);

	if (!taken->companion && has_obstacle(facts, function, PT_OBSTACLE_RESERVED))
		pt_report(judging, facts->host->has_ivrs ? RESERVED_ON_AMD : RESERVED_ON_INTEL,
			pt_on_function(facts, taken), "region", function->reserved_region, NULL);
}

/* QEMU attaches the group, whoever has bound it. */
static void reserved_region(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (taken, facts->taken, facts->taken_count)
		report_reserved(judging, taken);
	pt_foreach (kept, facts->kept, facts->kept_count)
		report_reserved(judging, kept);
}

static void bar_unassigned(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = function_of(facts, taken);
		PT_FREE char *list = NULL;

		for (size_t i = 0; function && !taken->companion && i < PT_PCI_BARS; i++) {
			const struct pt_bar *bar = &function->bar[i];
			PT_FREE char *one = pt_format("BAR %zu (%s)", i, PT_SIZE(bar->size));

			if (bar->memory && bar->unset)
				list = pt_list_add(list, ", ", one);
		}
		if (list)
			pt_report(judging, 0, pt_on_function(facts, taken), "bars", list, NULL);
	}
}

enum { XVGA_NO_VGA, XVGA_MDEV, XVGA_SWITCHED_OFF, XVGA_NO_DISPLAY };

/* The addresses of the node's displays, or NULL. The caller frees it. */
static char *displays_of(const struct pt_facts *facts)
{
	char *list = NULL;

	pt_foreach (bdf, facts->display, facts->display_count)
		list = pt_list_add(list, ", ", PT_BDF(bdf));
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
		function = pt_inventory_find(facts->inventory, &chosen->id[0]);
		if (!function)
			continue;
		displays = displays_of(facts);
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

/* A host driver ends it, and vfio-pci does for a VGA device, when they come to the device. */
static void framebuffer_stays(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (detail, facts->detail, facts->detail_count) {
		const struct pt_taken *taken = pt_detail_taken(facts, detail);
		const struct pt_function *function =
			pt_inventory_find(facts->inventory, &detail->bdf);

		if (!taken || !function || !detail->framebuffer)
			continue;
		if (pt_function_on_vfio(function) ||
			(!function->driver && function->class >> 8 != CLASS_VGA))
			pt_report(judging, 0, pt_on_function(facts, taken), NULL);
	}
}

enum { PARENT_PF, PARENT_VMD };

/* The set that is taken holds a function that another one of it hangs on. */
static void parent_taken(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = function_of(facts, taken);
		const struct pt_function *parent = NULL;

		if (!taken->companion && has_obstacle(facts, function, PT_OBSTACLE_PARENT_TAKEN))
			parent = pt_parent_in_group(facts->inventory, function);
		if (parent && pt_taken_find(facts->taken, facts->taken_count, &parent->bdf))
			pt_report(judging, pt_function_is_vf(function) ? PARENT_PF : PARENT_VMD,
				pt_on_function(facts, taken), "parent", PT_BDF(&parent->bdf), NULL);
	}
}

static void d3cold_risk(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	const char *options = facts->host->vfio_options;

	if (options && pt_options_set(options, "disable_idle_d3"))
		return;
	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = function_of(facts, taken);

		if (function && !taken->companion && !pt_function_is_dead(function) &&
			pt_function_is_display(function) && pt_function_on_vfio(function) &&
			pt_streq(function->power_state, "D3cold"))
			pt_report(judging, 0, pt_on_function(facts, taken), "function",
				PT_BDF(&function->bdf), NULL);
	}
}

static void chipset_function(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = function_of(facts, taken);

		if (!taken->companion && has_obstacle(facts, function, PT_OBSTACLE_CHIPSET))
			pt_report(judging, 0, pt_on_function(facts, taken), "what",
				pt_function_chipset(function), NULL);
	}
}

static void group_companions(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = function_of(facts, taken);

		/* partial-slot reports siblings */
		if (taken->companion && function && !pt_function_0_of(facts, taken))
			pt_report(judging, 0, pt_on_function(facts, taken), "group",
				PT_NUMBER((unsigned int)function->group), "driver",
				function->driver, NULL);
	}
}

/* A VF of a PF that the same alternative holds, in the same slot, or NULL. */
static const struct pt_function *caught_vf(
	const struct pt_facts *facts, const struct pt_alternative *alternative)
{
	pt_foreach (id, alternative->id, alternative->count) {
		const struct pt_function *function = pt_inventory_find(facts->inventory, id);

		if (function && pt_function_is_vf(function) &&
			pt_bdf_same_slot(&function->physfn, id) &&
			pt_bdfs_have(alternative->id, alternative->count, &function->physfn))
			return function;
	}
	return NULL;
}

/* Whether the ";" list has a name without a function. */
static bool names_whole_slot(const char *name)
{
	while (name && *name) {
		size_t length = strcspn(name, ";");

		if (!memchr(name, '.', length))
			return true;
		name += length + (name[length] == ';');
	}
	return false;
}

static void slot_includes_vfs(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (assignment, facts->assignment, facts->count) {
		const struct pt_alternative *chosen = pt_chosen(assignment);
		const struct pt_function *vf = NULL;

		if (chosen && chosen->count &&
			pt_taken_find(facts->taken, facts->taken_count, &chosen->id[0]) &&
			names_whole_slot(chosen->path))
			vf = caught_vf(facts, chosen);
		if (vf)
			pt_report(judging, 0, pt_on_entry(assignment), "vf", PT_BDF(&vf->bdf), "pf",
				PT_BDF(&vf->physfn), NULL);
	}
}

enum {
	VFS_IN_SAME_GUEST,
	VFS_UP,
	VFS_USED,
	VFS_OF_GUEST,
	VFS_OPEN,
	VFS_RESTORED,
	VFS_LOST,
	VFS_CASES
};

/* The use of a VF; which is VFS_CASES when nothing uses it. */
struct vf_use {
	size_t which;
	const struct pt_bdf *vf;
	const struct pt_owner *owner;
	const struct pt_busy_vf *busy;
	const struct pt_use *use;
};

static struct vf_use use_of_vf(const struct pt_facts *facts, const struct pt_bdf *vf)
{
	const struct pt_taken *taken = pt_taken_find(facts->taken, facts->taken_count, vf);
	struct vf_use ret = {.which = VFS_CASES, .vf = vf};

	if (taken && !taken->companion) {
		ret.which = VFS_IN_SAME_GUEST;
		return ret;
	}
	pt_foreach (owner, facts->owner, facts->owner_count) {
		if (pt_bdf_compare(&owner->bdf, vf) != 0 || owner->kind == PT_OWNER_STALE)
			continue;
		ret.which = owner->vmid ? VFS_OF_GUEST : VFS_OPEN;
		ret.owner = owner;
		return ret;
	}
	pt_foreach (busy, facts->busy_vf, facts->busy_vf_count) {
		if (pt_bdf_compare(&busy->bdf, vf) != 0)
			continue;
		ret.which = VFS_UP;
		ret.busy = busy;
		return ret;
	}
	ret.use = pt_uses_strong(&facts->uses, vf);
	if (ret.use)
		ret.which = VFS_USED;
	return ret;
}

/* The use that counts: a guest or process that has a VF comes before a use of the host. */
static struct vf_use worst_use(const struct pt_facts *facts, const struct pt_function *pf)
{
	struct vf_use worst = {.which = VFS_CASES};

	pt_foreach (vf, pf->vf, pf->vf_count) {
		struct vf_use use = use_of_vf(facts, vf);

		if (use.which == VFS_OF_GUEST || use.which == VFS_OPEN)
			return use;
		if (worst.which == VFS_CASES)
			worst = use;
	}
	return worst;
}

static bool shares_group(
	const struct pt_facts *facts, const struct pt_bdf *vf, const struct pt_function *pf)
{
	const struct pt_function *function = pt_inventory_find(facts->inventory, vf);

	return function && pt_parent_in_group(facts->inventory, function) == pf;
}

static void report_pf(const struct pt_judging *judging, const struct pt_taken *taken,
	const struct pt_function *pf)
{
	struct pt_subject on = pt_on_function(judging->facts, taken);
	const struct vf_use use = worst_use(judging->facts, pf);
	PT_FREE char *vfs = pt_format("%zu VF%s", pf->vf_count, pf->vf_count == 1 ? "" : "s");
	const struct pt_owner *owner = use.owner;
	PT_FREE char *text = NULL;

	switch (use.which) {
	case VFS_OF_GUEST:
		pt_report(judging, use.which, on, "vfs", vfs, "vf", PT_BDF(use.vf), "guest",
			PT_NUMBER(owner->vmid), NULL);
		break;
	case VFS_OPEN:
		pt_report(judging, use.which, on, "vfs", vfs, "vf", PT_BDF(use.vf), "pid",
			PT_NUMBER((unsigned int)owner->pid), "process", owner->name, NULL);
		break;
	case VFS_USED:
		text = pt_use_text(use.use);
		pt_report(judging, use.which, on, "vfs", vfs, "vf", PT_BDF(use.vf), "use", text,
			NULL);
		break;
	case VFS_CASES:
		pt_report(judging, judging->facts->hooked ? VFS_RESTORED : VFS_LOST, on, "vfs", vfs,
			NULL);
		break;
	case VFS_UP:
		/* a container that has it names it */
		text = pt_shell_word(use.busy->net);
		pt_report(judging, use.which, on, "vfs", vfs, "vf", PT_BDF(use.vf), "net",
			use.busy->net, "link", text, NULL);
		break;
	default:
		/* parent-taken reports a VF that takes its own PF along */
		if (taken->companion && shares_group(judging->facts, use.vf, pf))
			return;
		pt_report(judging, use.which, on, "vfs", vfs, "vf", PT_BDF(use.vf), NULL);
	}
}

static void pf_with_vfs(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = function_of(facts, taken);

		if (function && function->vf_count && !pt_taken_stays(taken, function))
			report_pf(judging, taken, function);
	}
}

enum { ABSENT_PF_NO_DRIVER, ABSENT_PF_ON_VFIO };

static void vf_of_absent_pf(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = function_of(facts, taken);
		const struct pt_function *pf =
			function && pt_function_is_vf(function)
				? pt_inventory_find(facts->inventory, &function->physfn)
				: NULL;

		if (!pf || taken->companion || (pf->driver && !pt_function_on_vfio(pf)))
			continue;
		pt_report(judging, pf->driver ? ABSENT_PF_ON_VFIO : ABSENT_PF_NO_DRIVER,
			pt_on_function(facts, taken), "pf", PT_BDF(&pf->bdf), "driver", pf->driver,
			NULL);
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
		const struct pt_function *function = function_of(facts, taken);

		if (function && function->override && !pt_taken_stays(taken, function) &&
			!is_left_by_us(facts, &taken->bdf))
			pt_report(judging, facts->hooked ? OVERRIDE_RESTORED : OVERRIDE_LOST,
				pt_on_function(facts, taken), "driver", function->override, NULL);
	}
}

enum { KEPT_WITHOUT_VFIO, KEPT_WITHOUT_HOOK };

static void keep_without_vfio(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (assignment, facts->assignment, facts->count) {
		const struct pt_alternative *chosen = pt_chosen(assignment);

		if (!assignment->entry.keep_driver || !chosen || assignment->entry.mdev)
			continue;
		pt_foreach (id, chosen->id, chosen->count) {
			const struct pt_function *function =
				pt_inventory_find(facts->inventory, id);
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
}

#define PF_DESTROYS "has {vfs}, which taking it destroys"

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
				.hint = "correct the mapping of this node (Datacenter, Resource Mappings)"},
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
		.steps = "Try another slot; some are not behind the IOMMU.",
		.source = PT_SOURCE_VFIO,
		.of = {{PT_ERROR, PT_REFUSES, .message = "is in no IOMMU group",
			.hint = "try another slot: this one is not behind the IOMMU"}},
	},
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
		.of = {{PT_WARNING, PT_WARNS, .message = "the host gave no address to its {bars}: the guest cannot use the device as a whole",
			.hint = "enable 'Above 4G Decoding' in the firmware setup, or boot with pci=realloc"}},
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
				.hint = "remove x-vga=1, or disable_vga=1 from vfio-pci's options in /etc/modprobe.d"},
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
		.tag = "parent-taken",
		.find = parent_taken,
		.meaning = "The IOMMU group holds the function that the device hangs on: the physical function of a VF, or the VMD controller of a disk.",
		.why = "Proxmox VE takes the whole group: the parent leaves its driver, and the device vanishes before QEMU opens it.",
		.steps = "A VF: a slot or a kernel that gives it a group of its own, or pass the physical function through."
			"\nA disk behind VMD: switch VMD off in the firmware setup (the disk gets another address), or pass the VMD controller through with all of its disks.",
		.source = "kernel, drivers/pci/iov.c; drivers/pci/controller/vmd.c; " PT_SOURCE_PCI_PM ", prepare_pci_device",
		.of = {
			[PARENT_PF] = {PT_ERROR, PT_REFUSES, .message = "shares its IOMMU group with its physical function {parent}: taking the group destroys it",
				.hint = "use a slot that gives VFs groups of their own, or pass {parent} through"},
			[PARENT_VMD] = {PT_ERROR, PT_REFUSES, .when = "a disk behind Intel's VMD controller",
				.message = "lies behind the VMD controller {parent}, which is in its IOMMU group: taking the group removes it",
				.hint = "switch VMD off in the firmware setup, or pass {parent} through with all of its disks"},
		},
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
	{
		.tag = "group-companions",
		.find = group_companions,
		.meaning = "Other functions share the IOMMU group.",
		.why = "The kernel hands over the group as a whole: they leave the host while the guest runs.",
		.steps = "Another slot may separate them. pve-pthook returns them when the guest stops.",
		.source = PT_SOURCE_PCI_PM ", prepare_pci_device",
		.of = {{PT_WARNING, PT_WARNS, .message = "will be taken from the host with IOMMU group {group}, but not passed through",
			.hint = "move one of the cards to another slot if the host needs it"}},
	},
	{
		.tag = "slot-includes-vfs",
		.find = slot_includes_vfs,
		.meaning = "An address without a function includes the slot's virtual functions.",
		.why = "They vanish when the physical function leaves its driver.",
		.steps = "Name functions with their numbers.",
		.source = "kernel, Documentation/PCI/pci-iov-howto.rst",
		.of = {{PT_WARNING, PT_WARNS, .message = "the whole device includes {vf}, a virtual function of {pf}: it vanishes when {pf} leaves its driver",
			.hint = "name the physical function with its number, or virtual functions only"}},
	},
	{
		.tag = "pf-with-vfs",
		.find = pf_with_vfs,
		.meaning = "The physical function has virtual functions (VFs).",
		.why = "Taking it destroys them. If one is in use, its user loses the device.",
		.steps = "Stop its user, or pass a virtual function through. pve-pthook restores unused ones when the guest stops.",
		.source = "kernel, drivers/pci/iov.c",
		.of = {
			[VFS_OF_GUEST] = {PT_ERROR, PT_REFUSES_ALWAYS, .when = "another guest or a process has a virtual function of it",
				.message = PF_DESTROYS ", but guest {guest} has {vf}",
				.hint = "stop guest {guest} first, or pass a virtual function through"},
			[VFS_OPEN] = {PT_ERROR, PT_REFUSES_ALWAYS, .message = PF_DESTROYS ", but process {pid} ({process}) has {vf} open",
				.hint = "end that process first, or pass a virtual function through"},
			[VFS_IN_SAME_GUEST] = {PT_ERROR, PT_REFUSES, .message = PF_DESTROYS ", but {vf} is assigned to the same guest",
				.hint = "remove one of the two from the guest"},
			[VFS_UP] = {PT_ERROR, PT_REFUSES, .message = PF_DESTROYS ", but {vf} is up as {net}",
				.hint = "[['ip link set {link} down', or ]]pass a virtual function through"},
			[VFS_USED] = {PT_ERROR, PT_REFUSES, .message = PF_DESTROYS ", but {vf} is in use: {use}",
				.hint = "stop its user first, or pass a virtual function through"},
			[VFS_RESTORED] = {PT_WARNING, PT_WARNS, .when = "nothing uses the virtual functions: pve-pthook restores their number",
				.message = PF_DESTROYS "; nothing uses them",
				.hint = "their number is restored when the guest stops"},
			[VFS_LOST] = {PT_WARNING, PT_WARNS, .message = PF_DESTROYS "; nothing uses them",
				.hint = "without the hookscript nothing restores their number"},
		},
	},
	{
		.tag = "vf-of-absent-pf",
		.find = vf_of_absent_pf,
		.meaning = "The physical function of a virtual function has no host driver.",
		.why = "Nothing sets its MAC address or brings up its link; often it does not work.",
		.steps = "Bind the physical function to its host driver.",
		.source = "kernel, Documentation/PCI/pci-iov-howto.rst",
		.of = {
			[ABSENT_PF_NO_DRIVER] = {PT_WARNING, PT_WARNS, .message = "is a virtual function of {pf}, which has no driver: nothing manages it",
				.hint = "bind {pf} to its host driver"},
			[ABSENT_PF_ON_VFIO] = {PT_WARNING, PT_WARNS, .message = "is a virtual function of {pf}, which is itself on {driver}: nothing manages it",
				.hint = "bind {pf} to its host driver"},
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
		},
	},
};
// clang-format on
const struct pt_checks pt_device_checks = {checks, PT_ARRAY_SIZE(checks)};
