// SPDX-License-Identifier: AGPL-3.0-or-later
/* What a guest's config leads to: ROM files, mediated devices, its hookscript; and other guests' configs. */
#include <errno.h>

#include "pve/gathering.h"

static int gather_rom(struct pt_gathering *gathering, size_t at)
{
	struct pt_facts *facts = gathering->facts;
	const char *name = facts->assignment[at].entry.romfile;
	const struct pt_rom_file *file = name ? pt_node_rom(gathering->node, name) : NULL;
	struct pt_rom_fact *slot;

	if (!name)
		return 0;
	slot = pt_array_grow(&facts->rom, &facts->rom_count, sizeof(*slot));
	if (!file || !slot)
		return -ENOMEM;
	*slot = (struct pt_rom_fact){at, file->readable, file->rom};
	return 0;
}

static int look_for_type(struct pt_gathering *gathering, const struct pt_bdf *bdf,
	const struct pt_assignment *assignment, struct pt_mdev_fact *fact)
{
	const struct pt_device *device = pt_node_device(gathering->node, bdf);
	bool vgpu = assignment->vgpu;
	bool creatable = false;

	if (!device)
		return -ENOMEM;
	pt_foreach (offered, device->mdev, device->mdev_count) {
		creatable |= offered->available > 0;
		if (!pt_streq(offered->name, assignment->entry.mdev))
			continue;
		fact->known = true;
		/* Proxmox VE takes a VF that has the type already (PCI.pm) */
		fact->free |= offered->available > 0 || vgpu;
	}
	/* of a vGPU's types those alone are listed that can be created now: where none is, all may have been */
	fact->known |= vgpu && !creatable;
	return 0;
}

/* Proxmox VE gives its instance a UUID made of entry and guest, and uses one that is there (PCI.pm). */
static bool instance_exists(struct pt_gathering *gathering, const struct pt_assignment *assignment)
{
	char uuid[64];

	snprintf(uuid, sizeof(uuid), "%08d-0000-0000-0000-%012u", assignment->entry.index,
		gathering->guest->vmid);
	return pt_node_has_instance(gathering->node, uuid);
}

static int gather_mdev(struct pt_gathering *gathering, size_t at)
{
	struct pt_facts *facts = gathering->facts;
	const struct pt_assignment *assignment = &facts->assignment[at];
	struct pt_mdev_fact *slot;

	if (!assignment->entry.mdev || assignment->problem.tag)
		return 0;
	slot = pt_array_grow(&facts->mdev, &facts->mdev_count, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	slot->assignment = at;
	/* of another node nobody knows which types there are: none is called wrong */
	slot->known = slot->free = gathering->node->partial;
	slot->exists = instance_exists(gathering, assignment);
	pt_foreach (alternative, assignment->alternative, assignment->count) {
		pt_foreach (id, alternative->id, alternative->count) {
			if (look_for_type(gathering, id, assignment, slot) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

/* The one device that a mapping has on this node; NULL: none, or several, of which there may be enough. */
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
static bool means(struct pt_gathering *gathering, const struct pt_naming *naming,
	const struct pt_taken *taken)
{
	const struct pt_assignment *assignment = &gathering->facts->assignment[taken->assignment];
	const struct pt_map_entry *only;

	if (assignment->count != 1 || assignment->vgpu)
		return false;
	if (!naming->mapping)
		return pt_naming_has(naming, &taken->bdf);
	only = only_entry(gathering->node, naming->mapping);
	return only && pt_map_entry_names(only, PT_BDF(&taken->bdf));
}

static bool is_noted(const struct pt_facts *facts, const struct pt_bdf *bdf, unsigned int vmid)
{
	pt_foreach (elsewhere, facts->elsewhere, facts->elsewhere_count) {
		if (elsewhere->vmid == vmid && pt_bdf_compare(&elsewhere->bdf, bdf) == 0)
			return true;
	}
	return false;
}

/* Notes those of the list that another guest names. */
static int note_named(struct pt_gathering *gathering, const struct pt_naming *other,
	const struct pt_taken *list, size_t count)
{
	struct pt_facts *facts = gathering->facts;

	pt_foreach (taken, list, count) {
		struct pt_elsewhere *slot;

		if (!means(gathering, other, taken) || is_noted(facts, &taken->bdf, other->vmid))
			continue;
		slot = pt_array_grow(&facts->elsewhere, &facts->elsewhere_count, sizeof(*slot));
		if (!slot)
			return -ENOMEM;
		*slot = (struct pt_elsewhere){taken->bdf, other->vmid, other->onboot};
	}
	return 0;
}

/* What other guests of this node name of what is taken, or left as it is for QEMU. */
static int read_others(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;
	const struct pt_naming *naming = NULL;
	size_t count = 0;

	/* what their configs are is no reason to know nothing of this one */
	if (pt_node_namings(gathering->node, &naming, &count, NULL) < 0)
		return 0;
	pt_foreach (other, naming, count) {
		if (other->vmid == gathering->guest->vmid)
			continue;
		if (note_named(gathering, other, facts->taken, facts->taken_count) < 0 ||
			note_named(gathering, other, facts->kept, facts->kept_count) < 0)
			return -ENOMEM;
	}
	return 0;
}

static bool has_device_on(const struct pt_mapping *mapping, const char *node)
{
	for (size_t i = 0; mapping && i < mapping->count; i++) {
		if (pt_streq(mapping->entry[i].node, node))
			return true;
	}
	return false;
}

/* Whether another node may come to run the guest: HA may start it there, or one of its mappings has a device there. */
static bool may_run_on(const struct pt_facts *facts, const struct pt_mappings *mappings,
	const struct pt_ha_guest *ha, const char *node)
{
	bool named = ha && (!ha->node.count || pt_names_hold(&ha->node, node));

	for (size_t i = 0; i < facts->count; i++) {
		const char *mapping = facts->assignment[i].entry.mapping;

		named |= mapping && has_device_on(pt_mapping_find(mappings, mapping), node);
	}
	return named;
}

static int add_unfit(struct pt_facts *facts, const char *node, struct pt_unfit like)
{
	struct pt_unfit *slot = pt_array_grow(&facts->unfit, &facts->unfit_count, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	*slot = like;
	snprintf(slot->node, sizeof(slot->node), "%s", node);
	return 0;
}

/* What is not as an entry of a mapping says, on the node that it is about; code 0: nothing, or it is not known. */
static struct pt_err why_stale(const struct pt_node *there, const struct pt_mapping *mapping,
	const struct pt_map_entry *entry)
{
	struct pt_names PT_NAMES paths = {0};
	struct pt_err why = {0};

	if (pt_names_split(&paths, entry->path, ";") < 0)
		return why;
	for (size_t i = 0; !why.code && i < paths.count; i++) {
		const char *path = paths.name[i];
		PT_FREE char *zero = pt_format("%s%s", path, strchr(path, '.') ? "" : ".0");
		const struct pt_function *function;
		struct pt_bdf bdf;

		if (!zero || !pt_bdf_parse(zero, &bdf))
			continue;
		function = pt_inventory_find(&there->inventory, &bdf);
		if (!function)
			pt_err_set(&why, -ENODEV, "there is no %s", zero);
		else if (pt_map_entry_check(mapping, entry, function, i == 0, &why) < 0)
			pt_err_wrap(&why, "%s", zero);
	}
	return why;
}

/* The first entry of a mapping for another node that was asked, too, and that does not have it so. NULL: none. The caller's. */
static char *stale_on(
	const struct pt_node *here, const struct pt_mapping *mapping, const char *node)
{
	for (size_t i = 0; i < here->other_count; i++) {
		const struct pt_node *there = here->other[i];

		if (!there || !pt_streq(there->name, node))
			continue;
		pt_foreach (entry, mapping->entry, mapping->count) {
			struct pt_err why = {0};

			if (pt_streq(entry->node, node))
				why = why_stale(there, mapping, entry);
			if (why.code)
				return strdup(why.text);
		}
	}
	return NULL;
}

/* The entries that lead to nothing on the node; an address means a device of this one. */
static int note_unfit(
	struct pt_gathering *gathering, const struct pt_mappings *mappings, const char *node)
{
	struct pt_facts *facts = gathering->facts;
	int r = 0;

	for (size_t i = 0; r == 0 && i < facts->count; i++) {
		const struct pt_hostpci *entry = &facts->assignment[i].entry;
		const struct pt_mapping *mapping =
			entry->mapping ? pt_mapping_find(mappings, entry->mapping) : NULL;
		bool has = mapping && has_device_on(mapping, node);
		char *stale = has ? stale_on(gathering->node, mapping, node) : NULL;

		if (entry->index == PT_HOSTPCI_MAX || (has && !stale))
			continue;
		r = add_unfit(facts, node, (struct pt_unfit){.assignment = i, .stale = stale});
		if (r < 0)
			free(stale);
	}
	return r;
}

/* A storage that is limited to other nodes may not have the hookscript there. */
static int note_no_hook(struct pt_facts *facts, const struct pt_hook_volume *hook, const char *node)
{
	if (!hook || !hook->nodes.count || pt_names_hold(&hook->nodes, node))
		return 0;
	return add_unfit(facts, node, (struct pt_unfit){.no_hook = true});
}

static const struct pt_hook_volume *hook_of(const struct pt_gathering *gathering)
{
	return pt_node_hook(gathering->node, pt_guest_get(gathering->guest, "hookscript"));
}

static int look_at_other_nodes(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;
	const struct pt_mappings *mappings = NULL;
	const struct pt_ha *ha = NULL;
	const struct pt_names *nodes = pt_node_cluster(gathering->node, &ha);
	const struct pt_ha_guest *managed = pt_ha_find(ha, gathering->guest->vmid);
	const struct pt_hook_volume *hook = hook_of(gathering);
	int r = pt_node_mappings(gathering->node, &mappings, NULL);

	for (size_t i = 0; r == 0 && i < nodes->count; i++) {
		if (pt_streq(nodes->name[i], gathering->node->name) ||
			!may_run_on(facts, mappings, managed, nodes->name[i]))
			continue;
		r = note_unfit(gathering, mappings, nodes->name[i]);
		if (r == 0)
			r = note_no_hook(facts, hook, nodes->name[i]);
	}
	return r;
}

static enum pt_hook_state hook_state_of(const struct pt_gathering *gathering)
{
	const struct pt_hook_volume *hook = hook_of(gathering);

	if (hook)
		return hook->state;
	return pt_guest_get(gathering->guest, "hookscript") ? PT_HOOK_UNKNOWN : PT_HOOK_NONE;
}

int pt_gather_config(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;
	int r = 0;

	for (size_t i = 0; r == 0 && i < facts->count; i++) {
		r = gather_rom(gathering, i);
		if (r == 0)
			r = gather_mdev(gathering, i);
	}
	facts->running = pt_node_pid(gathering->node, gathering->guest->vmid) > 0;
	facts->hook = hook_state_of(gathering);
	if (r == 0 && pt_facts_opens(facts))
		r = read_others(gathering);
	if (r == 0 && gathering->depth == PT_DEPTH_CHECK)
		r = look_at_other_nodes(gathering);
	if (gathering->depth == PT_DEPTH_CHECK)
		facts->backup =
			pt_backups_find(pt_node_backups(gathering->node), gathering->guest->vmid);
	return r < 0 ? pt_err_nomem(gathering->err) : 0;
}
