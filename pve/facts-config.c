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

static int look_for_type(struct pt_gathering *gathering, const struct pt_bdf *bdf, const char *type,
	struct pt_mdev_fact *fact)
{
	const struct pt_device *device = pt_node_device(gathering->node, bdf);

	if (!device)
		return -ENOMEM;
	pt_foreach (offered, device->mdev, device->mdev_count) {
		if (!pt_streq(offered->name, type))
			continue;
		fact->known = true;
		fact->free |= offered->available > 0;
	}
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

	if (!pt_assignment_is_mdev(assignment) || assignment->problem.tag)
		return 0;
	slot = pt_array_grow(&facts->mdev, &facts->mdev_count, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	slot->assignment = at;
	slot->exists = instance_exists(gathering, assignment);
	pt_foreach (alternative, assignment->alternative, assignment->count) {
		pt_foreach (id, alternative->id, alternative->count) {
			if (look_for_type(gathering, id, assignment->entry.mdev, slot) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

/* Whether one name of a host value, "01:00" or "0000:01:00.0", means the function: PVE compares prefixes. */
static bool means(const char *name, size_t length, const struct pt_bdf *bdf)
{
	char text[PT_BDF_TEXT];

	pt_bdf_format(bdf, text);
	return strncmp(text, name, length) == 0 ||
	       (pt_starts_with(text, "0000:") && strncmp(text + 5, name, length) == 0);
}

static bool entry_means(
	const struct pt_facts *facts, const struct pt_hostpci *entry, const struct pt_taken *taken)
{
	const struct pt_assignment *ours = &facts->assignment[taken->assignment];

	if (entry->mdev)
		return false;
	/* a mapping of one device here; of several there may be enough */
	if (entry->mapping)
		return pt_streq(entry->mapping, ours->entry.mapping) && ours->count == 1;
	for (const char *name = entry->host; name && *name;) {
		size_t length = strcspn(name, ";");

		if (means(name, length, &taken->bdf))
			return true;
		name += length + (name[length] == ';');
	}
	return false;
}

static int note_elsewhere(
	struct pt_facts *facts, const struct pt_guest *other, const struct pt_hostpci *entry)
{
	const char *onboot = pt_guest_get(other, "onboot");

	pt_foreach (taken, facts->taken, facts->taken_count) {
		struct pt_elsewhere *slot;

		if (taken->companion || !entry_means(facts, entry, taken))
			continue;
		slot = pt_array_grow(&facts->elsewhere, &facts->elsewhere_count, sizeof(*slot));
		if (!slot)
			return -ENOMEM;
		*slot = (struct pt_elsewhere){taken->bdf, other->vmid, pt_streq(onboot, "1")};
	}
	return 0;
}

static int read_other(struct pt_facts *facts, const struct pt_guest *other)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < other->count; i++) {
		const struct pt_guest_key *key = &other->key[i];
		struct pt_hostpci entry;
		int index = pt_hostpci_key(key->key);

		if (index < 0 || pt_hostpci_parse(index, key->value, key->length, other->encoding,
					 &entry, NULL) < 0)
			continue;
		r = note_elsewhere(facts, other, &entry);
		pt_hostpci_clear(&entry);
	}
	return r;
}

/* What other guests of this node name. */
static int read_others(struct pt_gathering *gathering)
{
	struct pt_guest *const *guest = NULL;
	size_t count = 0;
	int r = 0;

	/* what their configs are is no reason to know nothing of this one */
	if (pt_node_guests(gathering->node, &guest, &count, NULL) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (guest[i]->vmid != gathering->guest->vmid && !pt_guest_is_template(guest[i]))
			r = read_other(gathering->facts, guest[i]);
	}
	return r;
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
	facts->hook = pt_node_hook(gathering->node, pt_guest_get(gathering->guest, "hookscript"));
	if (r == 0 && gathering->depth == PT_DEPTH_CHECK && facts->taken_count)
		r = read_others(gathering);
	return r < 0 ? pt_err_nomem(gathering->err) : 0;
}
