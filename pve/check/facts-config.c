// SPDX-License-Identifier: AGPL-3.0-or-later
/* Facts behind a guest's config: ROM files, mediated devices, hookscript, other guests' configs. */
#include <errno.h>

#include "pve/check/gathering.h"

static void gather_rom(struct pt_gathering *gathering, size_t at)
{
	struct pt_facts *facts = gathering->facts;
	const char *name = facts->assignment[at].entry.romfile;
	const struct pt_rom_file *file = name ? pt_node_rom(gathering->node, name) : NULL;
	struct pt_rom_fact *slot;

	if (!name)
		return;
	slot = pt_array_grow(&facts->rom, &facts->rom_count, sizeof(*slot));
	*slot = (struct pt_rom_fact){at, *file};
}

static void look_for_type(struct pt_gathering *gathering, const struct pt_bdf *bdf,
	const char *type, struct pt_mdev_fact *fact)
{
	const struct pt_mdev_type *offered =
		pt_mdev_type_find(pt_node_device(gathering->node, bdf), type);

	fact->known |= offered != NULL;
	fact->free |= offered && offered->available > 0;
}

/* A vGPU: the VF's own type comes first, then the types that its driver can create there now.
 * Proxmox VE takes a VF of the type, and empties one of another before it looks (PCI.pm): its types
 * are unknown before. */
static void look_for_vgpu(struct pt_gathering *gathering, const struct pt_assignment *assignment,
	const struct pt_alternative *alternative, struct pt_mdev_fact *fact)
{
	const struct pt_device *device = pt_node_device(gathering->node, &alternative->id[0]);
	bool creatable = false;

	/* another guest's is taken, of any type */
	if (!pt_gather_is_free(gathering, assignment, alternative)) {
		fact->known = true;
		return;
	}
	if (!device->mdev_count || !pt_streq(device->mdev[0].name, PT_VGPU_NONE)) {
		fact->known = fact->free = true;
		return;
	}
	pt_foreach (offered, device->mdev, device->mdev_count) {
		creatable |= offered->available > 0;
		if (pt_streq(offered->name, assignment->entry.mdev))
			fact->known = fact->free = true;
	}
	/* where nothing can be created any more, all of it may have been */
	fact->known |= !creatable;
}

/* Proxmox VE makes an instance's UUID of entry and guest, and uses an existing one (PCI.pm). */
static bool instance_exists(struct pt_gathering *gathering, const struct pt_assignment *assignment)
{
	char uuid[64];

	snprintf(uuid, sizeof(uuid), "%08d-0000-0000-0000-%012u", assignment->entry.index,
		gathering->guest->vmid);
	return pt_node_has_instance(gathering->node, uuid);
}

static void gather_mdev(struct pt_gathering *gathering, size_t at)
{
	struct pt_facts *facts = gathering->facts;
	const struct pt_assignment *assignment = &facts->assignment[at];
	struct pt_mdev_fact *slot;

	if (!assignment->entry.mdev || assignment->problem.kind)
		return;
	slot = pt_array_grow(&facts->mdev, &facts->mdev_count, sizeof(*slot));
	slot->assignment = at;
	/* of another node nobody knows which types there are: none is called wrong */
	slot->known = slot->free = gathering->node->partial;
	slot->exists = instance_exists(gathering, assignment);
	pt_foreach (alternative, assignment->alternative, assignment->count) {
		if (assignment->vgpu && alternative->count)
			look_for_vgpu(gathering, assignment, alternative, slot);
		for (size_t i = 0; !assignment->vgpu && i < alternative->count; i++)
			look_for_type(gathering, &alternative->id[i], assignment->entry.mdev, slot);
	}
}

/* The one device of a mapping on this node; NULL: none, or several. */
static const struct pt_map_entry *only_entry(struct pt_node *node, const char *mapping)
{
	const struct pt_mappings *mappings = NULL;
	const struct pt_map_entry *only = NULL;
	const struct pt_mapping *found;

	if (pt_node_mappings(node, &mappings, NULL) < 0)
		return NULL;
	found = pt_mapping_find(mappings, mapping);
	for (size_t i = 0; found && i < found->count; i++) {
		if (!pt_streq(found->entry[i].node, node->name))
			continue;
		if (only)
			return NULL;
		only = &found->entry[i];
	}
	return only;
}

/* Whether what another guest names is the function, and the guest at hand has no other to take. */
static bool names(
	struct pt_gathering *gathering, const struct pt_naming *naming, const struct pt_bdf *bdf)
{
	const struct pt_map_entry *only;

	if (!naming->mapping)
		return pt_naming_has(naming, bdf);
	only = only_entry(gathering->node, naming->mapping);
	return only && pt_map_entry_names(only, PT_BDF(bdf));
}

/* The relation of another guest's naming to a function: itself, its VF, its PF; NULL: none. */
static const struct pt_bdf *means(struct pt_gathering *gathering, const struct pt_naming *naming,
	const struct pt_taken *taken)
{
	const struct pt_assignment *assignment = &gathering->facts->assignment[taken->assignment];
	const struct pt_function *function =
		pt_inventory_find(gathering->facts->inventory, &taken->bdf);

	if (assignment->count != 1 || assignment->vgpu)
		return NULL;
	if (names(gathering, naming, &taken->bdf))
		return &taken->bdf;
	if (!function)
		return NULL;
	pt_foreach (vf, function->vf, function->vf_count) {
		if (names(gathering, naming, vf))
			return vf;
	}
	return pt_function_is_vf(function) && names(gathering, naming, &function->physfn)
		       ? &function->physfn
		       : NULL;
}

static bool is_noted(const struct pt_facts *facts, const struct pt_bdf *bdf, unsigned int vmid)
{
	pt_foreach (elsewhere, facts->elsewhere, facts->elsewhere_count) {
		if (elsewhere->vmid == vmid && pt_bdf_compare(&elsewhere->bdf, bdf) == 0)
			return true;
	}
	return false;
}

static void note_named(struct pt_gathering *gathering, const struct pt_naming *other,
	const struct pt_taken *list, size_t count)
{
	struct pt_facts *facts = gathering->facts;

	pt_foreach (taken, list, count) {
		const struct pt_bdf *named = means(gathering, other, taken);
		struct pt_elsewhere *slot;

		if (!named || is_noted(facts, &taken->bdf, other->vmid))
			continue;
		slot = pt_array_grow(&facts->elsewhere, &facts->elsewhere_count, sizeof(*slot));
		*slot = (struct pt_elsewhere){
			taken->bdf, *named, other->vmid, other->guest, other->onboot};
	}
}

/* Of the devices of a mapping there may be enough, or not. */
static void note_crowd(
	struct pt_gathering *gathering, const struct pt_naming *naming, size_t count, size_t at)
{
	struct pt_facts *facts = gathering->facts;
	const struct pt_assignment *assignment = &facts->assignment[at];
	const char *mapping = assignment->entry.mapping;
	struct pt_crowd crowd = {.assignment = at};
	unsigned int last = 0;
	struct pt_crowd *slot;
	char vmid[16];

	if (!mapping || assignment->count < 2 || assignment->entry.mdev || assignment->problem.kind)
		return;
	for (size_t i = 0; i < facts->count; i++) {
		if (!pt_streq(facts->assignment[i].entry.mapping, mapping))
			continue;
		if (i < at)
			return; /* noted with that one */
		crowd.wanted++;
	}
	pt_foreach (other, naming, count) {
		if (other->vmid == gathering->guest->vmid || other->mdev ||
			!pt_streq(other->mapping, mapping))
			continue;
		crowd.wanted++;
		snprintf(vmid, sizeof(vmid), "%u", other->vmid);
		if (other->vmid != last)
			crowd.guests =
				pt_list_add(crowd.guests, ", ", other->guest ? other->guest : vmid);
		last = other->vmid;
	}
	if (!crowd.guests || crowd.wanted <= assignment->count) {
		free(crowd.guests);
		return;
	}
	slot = pt_array_grow(&facts->crowd, &facts->crowd_count, sizeof(*slot));
	*slot = crowd;
}

/* Notes the taken and kept functions that other guests of this node name. */
static void read_others(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;
	const struct pt_naming *naming = NULL;
	size_t count = 0;

	/* unreadable configs of others are no reason to know nothing of this one */
	if (pt_node_namings(gathering->node, &naming, &count, NULL) < 0)
		return;
	for (size_t i = 0; i < facts->count; i++)
		note_crowd(gathering, naming, count, i);
	pt_foreach (other, naming, count) {
		if (other->vmid == gathering->guest->vmid || other->mdev)
			continue;
		note_named(gathering, other, facts->taken, facts->taken_count);
		note_named(gathering, other, facts->kept, facts->kept_count);
	}
}

static bool has_device_on(const struct pt_mapping *mapping, const char *node)
{
	for (size_t i = 0; mapping && i < mapping->count; i++) {
		if (pt_streq(mapping->entry[i].node, node))
			return true;
	}
	return false;
}

/* Whether another node may run the guest: by HA, or by a mapping with a device there. */
static bool may_run_on(const struct pt_facts *facts, const struct pt_mappings *mappings,
	const struct pt_ha_guest *ha, const char *node)
{
	bool named = pt_ha_allows(ha, node);

	for (size_t i = 0; i < facts->count; i++) {
		const char *mapping = facts->assignment[i].entry.mapping;

		named |= mapping && has_device_on(pt_mapping_find(mappings, mapping), node);
	}
	return named;
}

static void add_unfit(struct pt_facts *facts, const char *node, struct pt_unfit like)
{
	struct pt_unfit *slot = pt_array_grow(&facts->unfit, &facts->unfit_count, sizeof(*slot));

	*slot = like;
	snprintf(slot->node, sizeof(slot->node), "%s", node);
}

/* The first entry of a mapping that its (asked) node does not fit, or NULL. The caller frees it. */
static char *stale_on(
	const struct pt_node *here, const struct pt_mapping *mapping, const char *node)
{
	for (size_t i = 0; i < here->other_count; i++) {
		const struct pt_node *there = here->other[i];

		if (!there || !pt_streq(there->name, node))
			continue;
		pt_foreach (entry, mapping->entry, mapping->count) {
			struct pt_err why = {0};

			if (pt_streq(entry->node, node) &&
				pt_node_fits(there, mapping, entry, &why) < 0)
				return pt_strdup(why.text);
		}
	}
	return NULL;
}

/* The entries that lead to nothing on the node; an address means a device of this one. */
static void note_unfit(
	struct pt_gathering *gathering, const struct pt_mappings *mappings, const char *node)
{
	struct pt_facts *facts = gathering->facts;

	for (size_t i = 0; i < facts->count; i++) {
		const struct pt_hostpci *entry = &facts->assignment[i].entry;
		const struct pt_mapping *mapping =
			entry->mapping ? pt_mapping_find(mappings, entry->mapping) : NULL;
		bool has = mapping && has_device_on(mapping, node);
		char *stale = has ? stale_on(gathering->node, mapping, node) : NULL;

		if (entry->index == PT_HOSTPCI_MAX || (has && !stale))
			continue;
		add_unfit(facts, node, (struct pt_unfit){.assignment = i, .stale = stale});
	}
}

static const struct pt_hook_volume *hook_of(const struct pt_gathering *gathering)
{
	return pt_node_hook(gathering->node, pt_guest_get(gathering->guest, "hookscript"));
}

static void look_at_other_nodes(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;
	const struct pt_mappings *mappings = NULL;
	const struct pt_ha *ha = NULL;
	const struct pt_names *nodes = pt_node_cluster(gathering->node, &ha);
	const struct pt_ha_guest *managed = pt_ha_find(ha, gathering->guest->vmid);
	const struct pt_hook_volume *hook = hook_of(gathering);

	if (pt_node_mappings(gathering->node, &mappings, NULL) < 0)
		return;
	for (size_t i = 0; i < nodes->count; i++) {
		if (pt_streq(nodes->name[i], gathering->node->name) ||
			!may_run_on(facts, mappings, managed, nodes->name[i]))
			continue;
		note_unfit(gathering, mappings, nodes->name[i]);
		/* a storage that is limited to other nodes may not have the hookscript there */
		if (hook && hook->nodes.count && !pt_names_hold(&hook->nodes, nodes->name[i]))
			add_unfit(facts, nodes->name[i], (struct pt_unfit){.no_hook = true});
	}
}

static bool is_on_no_display(const struct pt_facts *facts)
{
	pt_foreach (assignment, facts->assignment, facts->count) {
		const struct pt_alternative *chosen = pt_chosen(assignment);
		const struct pt_function *function = NULL;

		if (assignment->entry.x_vga && chosen && chosen->count)
			function = pt_facts_function(facts, &chosen->id[0]);
		if (function && !pt_function_is_display(function))
			return true;
	}
	return false;
}

/* The address may have moved: all functions are read to name those that may be meant. */
static void list_displays(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;
	struct pt_bdf *all = NULL;
	size_t count = 0;

	if (pt_node_matching(gathering->node, "", &all, &count, NULL) < 0)
		return;
	pt_foreach (bdf, all, count) {
		const struct pt_function *function;

		if (pt_node_learn(gathering->node, bdf, NULL) < 0)
			continue;
		function = pt_facts_function(facts, bdf);
		if (function && pt_function_is_display(function))
			pt_bdfs_add(&facts->display, &facts->display_count, bdf);
	}
	free(all);
}

void pt_gather_hook(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;
	const struct pt_hook_volume *hook = hook_of(gathering);

	facts->hook = hook					     ? hook->state
		      : pt_guest_get(gathering->guest, "hookscript") ? PT_HOOK_UNKNOWN
								     : PT_HOOK_NONE;
	facts->hook_broken = hook && hook->broken;
	/* another script may run it */
	facts->hooked = facts->depth == PT_DEPTH_START || facts->hook != PT_HOOK_NONE;
}

static bool has_subsystem(const struct pt_function *function, const char *subsystem)
{
	PT_FREE char *is = pt_format("%s:%s", function->subvendor, function->subdevice);

	return !subsystem || pt_streq(is, subsystem);
}

/* The card of a mapping may have moved: looks for its ids at other addresses. For better words
 * alone: what cannot be read here is no error. */
static void look_for_stray(struct pt_gathering *gathering, size_t at)
{
	struct pt_facts *facts = gathering->facts;
	const struct pt_assignment *assignment = &facts->assignment[at];
	const enum pt_problem_kind kind = assignment->problem.kind;
	const char *node = gathering->node->name;
	const struct pt_mapping *mapping;
	const struct pt_map_entry *entry;
	const struct pt_function *there;
	struct pt_function wanted = {0};
	struct pt_bdf *all = NULL;
	size_t count = 0;

	if (kind != PT_PROBLEM_MAPPED_DEVICE_MISSING && kind != PT_PROBLEM_MAPPING_MISMATCH)
		return;
	mapping = pt_mapping_find(facts->mappings, assignment->entry.mapping);
	entry = pt_mapping_entry(mapping, node, assignment->problem.where);
	if (!entry || !entry->id || !pt_bdf_of_filter(assignment->problem.where, &wanted.bdf) ||
		sscanf(entry->id, "%4[0-9a-f]:%4[0-9a-f]", wanted.vendor, wanted.device) != 2)
		return;
	/* the ids are right, and another property differs */
	there = pt_facts_function(facts, &wanted.bdf);
	if (there && pt_streq(there->vendor, wanted.vendor) &&
		pt_streq(there->device, wanted.device))
		return;
	if (pt_node_matching(gathering->node, "", &all, &count, NULL) < 0)
		return;
	pt_foreach (bdf, all, count) {
		const struct pt_function *function;
		struct pt_stray *slot;

		/* a twin that the mapping, or another guest, has as well is no stray */
		if (!pt_gather_same_model(gathering->node, &wanted, bdf) ||
			pt_mapping_entry(mapping, node, PT_BDF(bdf)) ||
			pt_node_is_wanted(gathering->node, gathering->guest->vmid, bdf) ||
			pt_node_learn(gathering->node, bdf, NULL) < 0)
			continue;
		function = pt_facts_function(facts, bdf);
		if (!function || !has_subsystem(function, entry->subsystem))
			continue;
		slot = pt_array_grow(&facts->stray, &facts->stray_count, sizeof(*slot));
		*slot = (struct pt_stray){at, *bdf};
		break;
	}
	free(all);
}

int pt_gather_config(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;

	for (size_t i = 0; i < facts->count; i++) {
		gather_rom(gathering, i);
		gather_mdev(gathering, i);
	}
	facts->running = pt_node_pid(gathering->node, gathering->guest->vmid) > 0;
	if (pt_facts_opens(facts))
		read_others(gathering);
	if (gathering->facts->depth != PT_DEPTH_CHECK)
		return 0;
	for (size_t i = 0; i < facts->count; i++)
		look_for_stray(gathering, i);
	look_at_other_nodes(gathering);
	if (is_on_no_display(facts))
		list_displays(gathering);
	facts->backup = pt_backups_find(pt_node_backups(gathering->node), gathering->guest->vmid);
	return 0;
}
