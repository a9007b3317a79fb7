// SPDX-License-Identifier: AGPL-3.0-or-later
/* What the guest's other settings mean for passthrough. */
#include "pve/check/rules.h"

PT_RULE(pt_rule_mdev_unknown)
{
	pt_foreach (mdev, facts->mdev, facts->mdev_count) {
		const struct pt_assignment *assignment = &facts->assignment[mdev->assignment];

		if (!mdev->known && !mdev->exists)
			pt_rule_found(rule, findings, pt_subject_entry(assignment),
				pt_format("no function of it offers the mediated device type %s",
					assignment->entry.mdev),
				pt_format("%s; is the vendor's host driver loaded?",
					assignment->vgpu
						? "what can be created there now stands in "
						  "nvidia/creatable_vgpu_types of the device"
						: "the types stand in mdev_supported_types of the "
						  "device"));
	}
}

PT_RULE(pt_rule_mdev_none_free)
{
	pt_foreach (mdev, facts->mdev, facts->mdev_count) {
		const struct pt_assignment *assignment = &facts->assignment[mdev->assignment];

		if (mdev->known && !mdev->free && !mdev->exists)
			pt_rule_found(rule, findings, pt_subject_entry(assignment),
				pt_format("no instance of the mediated device type %s is left",
					assignment->entry.mdev),
				pt_format("stop a guest that has one, or choose a smaller type"));
	}
}

/* Whether the config asks for an emulated screen. */
static bool has_other_screen(const struct pt_guest *guest)
{
	const char *vga = pt_guest_get(guest, "vga");

	return vga && !pt_starts_with(vga, "none") && !pt_starts_with(vga, "type=none");
}

PT_RULE(pt_rule_primary_gpu)
{
	const struct pt_assignment *first = NULL;

	pt_foreach (assignment, facts->assignment, facts->count) {
		if (!assignment->entry.x_vga)
			continue;
		if (first)
			pt_rule_found(rule, findings, pt_subject_entry(assignment),
				pt_format(
					"x-vga=1 makes it the primary screen, which %s is already",
					PT_LABEL(first)),
				pt_format("take x-vga=1 out of one of them"));
		else if (has_other_screen(facts->guest))
			pt_rule_found(rule, findings, pt_subject_entry(assignment),
				pt_format("x-vga=1 makes it the primary screen, but 'vga: %s' asks "
					  "for an emulated one",
					pt_guest_get(facts->guest, "vga")),
				pt_format("'qm set %s --vga none'", PT_VMID(facts)));
		first = first ? first : assignment;
	}
}

PT_RULE(pt_rule_balloon)
{
	const char *balloon = pt_guest_get(facts->guest, "balloon");

	/* in MiB; as much as it has anyway is none */
	if (!pt_facts_opens(facts) || !balloon || pt_streq(balloon, "0") ||
		strtoull(balloon, NULL, 10) << 20 == pt_guest_memory(facts->guest))
		return;
	pt_rule_found(rule, findings, pt_format("guest"),
		pt_format("'balloon: %s' has no effect: with passthrough all its memory is pinned",
			balloon),
		pt_format("'qm set %s --balloon 0'", PT_VMID(facts)));
}

/* Whether every function of the entry that is there is on a vfio driver already. */
static bool is_bound(const struct pt_facts *facts, const struct pt_assignment *assignment)
{
	if (assignment->chosen < 0)
		return false;
	for (size_t i = 0; i < assignment->alternative[assignment->chosen].count; i++) {
		const struct pt_function *function = pt_inventory_find(
			facts->inventory, &assignment->alternative[assignment->chosen].id[i]);

		if (function && !pt_function_on_vfio(function))
			return false;
	}
	return true;
}

PT_RULE(pt_rule_args)
{
	bool ours = facts->hook == PT_HOOK_OURS || facts->hook == PT_HOOK_UNKNOWN;

	pt_foreach (assignment, facts->assignment, facts->count) {
		if (assignment->entry.index != PT_HOSTPCI_MAX)
			continue;
		if (ours || is_bound(facts, assignment))
			pt_rule_found(rule, findings, pt_subject_entry(assignment),
				pt_format(
					"hands %s to QEMU by itself: %sProxmox VE neither binds nor "
					"reserves it",
					assignment->entry.host,
					ours ? "pve-pthook takes and returns it, " : ""),
				pt_format("a hostpci entry lets Proxmox VE know of it"));
		else if (facts->hook == PT_HOOK_OTHER && pt_guest_get(facts->guest, "hookscript"))
			pt_findings_add(findings, rule->tag, PT_WARNING, PT_SILENT,
				pt_subject_entry(assignment),
				pt_format(
					"hands %s to QEMU by itself, which cannot open it unless the "
					"guest's hookscript %s binds it to vfio-pci",
					assignment->entry.host,
					pt_guest_get(facts->guest, "hookscript")),
				pt_format(
					"see that it does, and gives it back; pve-pthook in its place "
					"does both"));
		else
			pt_findings_add(findings, rule->tag, PT_ERROR, PT_SILENT,
				pt_subject_entry(assignment),
				pt_format(
					"hands %s to QEMU by itself, and nobody binds it to vfio-pci: "
					"QEMU cannot open it",
					assignment->entry.host),
				pt_format(
					"'qm set %s --hookscript local:snippets/pve-pthook', or use "
					"a hostpci entry",
					PT_VMID(facts)));
	}
}

PT_RULE(pt_rule_not_migratable)
{
	bool raw = false, mapped = false, live = true;

	pt_foreach (assignment, facts->assignment, facts->count) {
		raw |= assignment->entry.host != NULL;
		mapped |= assignment->entry.mapping != NULL;
		live = live && assignment->live;
	}
	if (raw)
		pt_rule_found(rule, findings, pt_format("guest"),
			pt_format(
				"cannot be migrated, suspended or saved with its memory: it has a "
				"device of this host"),
			pt_format("a mapping instead of an address lets it migrate offline"));
	else if (mapped)
		pt_rule_found(rule, findings, pt_format("guest"),
			live ? pt_format(
				       "cannot be suspended or saved with its memory; its mappings "
				       "are marked live-migration-capable")
			     : pt_format(
				       "cannot be migrated while it runs, suspended or saved with "
				       "its memory"),
			live ? NULL
			     : pt_format("where the driver can do it, mark its mappings as "
					 "live-migration-capable (Datacenter, Resource Mappings)"));
}

PT_RULE(pt_rule_hook_not_attached)
{
	const char *hook = pt_guest_get(facts->guest, "hookscript");

	if (!facts->taken_count || (facts->hook != PT_HOOK_NONE && facts->hook != PT_HOOK_OTHER))
		return;
	pt_rule_found(rule, findings, pt_format("guest"),
		hook ? pt_format("has the hookscript %s, not pve-pthook: its devices do not come "
				 "back to the host when it stops",
			       hook)
		     : pt_format("has no hookscript: its devices do not come back to the host when "
				 "it stops"),
		pt_format("'qm set %s --hookscript local:snippets/pve-pthook'", PT_VMID(facts)));
}

/* The nodes that are unfit for one reason, "node2, node3"; NULL: none. The caller's. */
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

static void say_no_hook(
	const struct pt_rule *rule, const struct pt_facts *facts, struct pt_findings *findings)
{
	PT_FREE char *without_hook = unfit_nodes(facts, true, 0);

	if (without_hook)
		pt_findings_add(findings, rule->tag, PT_WARNING, PT_TELL, pt_format("guest"),
			pt_format(
				"the storage of its hookscript, %s, is not meant for %s, where the "
				"guest may come to run: without the file there Proxmox VE refuses the "
				"start",
				pt_guest_get(facts->guest, "hookscript"), without_hook),
			pt_format("use a storage that every node has, as local is (Datacenter, "
				  "Storage, Nodes), and install the package there"));
}

PT_RULE(pt_rule_hook_missing)
{
	if (facts->hook == PT_HOOK_MISSING)
		pt_rule_found(rule, findings, pt_format("guest"),
			pt_format("its hookscript %s is not on this node, so it does not start",
				pt_guest_get(facts->guest, "hookscript")),
			pt_starts_with(pt_guest_get(facts->guest, "hookscript"), "local:")
				? pt_format("install the package pve-ptconf here")
				: pt_format("have the storage mounted, and "
					    "/usr/libexec/pve-ptconf/pve-pthook in its folder "
					    "snippets, or use local:snippets/pve-pthook"));
	say_no_hook(rule, facts, findings);
}

PT_RULE(pt_rule_hook_not_executable)
{
	if (facts->hook == PT_HOOK_NOT_EXECUTABLE)
		pt_rule_found(rule, findings, pt_format("guest"),
			pt_format("its hookscript %s is not executable, so it does not start",
				pt_guest_get(facts->guest, "hookscript")),
			pt_format("chmod +x it, or link it to /usr/libexec/pve-ptconf/pve-pthook"));
}

PT_RULE(pt_rule_backup)
{
	if (!pt_facts_opens(facts) || facts->running || pt_guest_is_template(facts->guest))
		return;
	if (pt_streq(pt_guest_get(facts->guest, "lock"), "backup"))
		pt_rule_found(rule, findings, pt_format("guest"),
			pt_format("a backup starts it, and takes its devices for as long as that "
				  "lasts"),
			pt_format("leave it out of the backup job, or back it up while it runs"));
	else if (facts->backup)
		pt_rule_found(rule, findings, pt_format("guest"),
			pt_format(
				"is in the backup job %s, which starts it when it does not run, and "
				"takes its devices for as long as that lasts",
				facts->backup),
			pt_format("leave it out of the job, or see that it runs by then"));
}

static void say_stale(
	const struct pt_rule *rule, const struct pt_facts *facts, struct pt_findings *findings)
{
	pt_foreach (unfit, facts->unfit, facts->unfit_count) {
		const struct pt_assignment *assignment = &facts->assignment[unfit->assignment];

		if (unfit->stale)
			pt_rule_found(rule, findings, pt_subject_entry(assignment),
				pt_format("mapping %s is not right on %s, where the guest may come "
					  "to run: %s",
					assignment->entry.mapping, unfit->node, unfit->stale),
				pt_format("correct the mapping of that node (Datacenter, Resource "
					  "Mappings)"));
	}
}

/* One finding for each entry, with all nodes that it does not fit. */
PT_RULE(pt_rule_node_unfit)
{
	say_stale(rule, facts, findings);
	for (size_t i = 0; i < facts->count; i++) {
		const struct pt_assignment *assignment = &facts->assignment[i];
		const char *mapping = assignment->entry.mapping;
		PT_FREE char *nodes = unfit_nodes(facts, false, i);

		if (!nodes)
			continue;
		pt_rule_found(rule, findings, pt_subject_entry(assignment),
			mapping ? pt_format("mapping %s has no device on %s, where the guest may "
					    "come to run",
					  mapping, nodes)
				: pt_format("names a device of this node by its address, but the "
					    "guest may come to run on %s",
					  nodes),
			mapping ? pt_format(
					  "add one there (Datacenter, Resource Mappings), or keep "
					  "the guest from that node (Datacenter, HA)")
				: pt_format("use a mapping, which has a device for each node"));
	}
}
