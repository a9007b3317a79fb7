// SPDX-License-Identifier: AGPL-3.0-or-later
/* What a guest's config leads to: ROM files, mediated devices, its hookscript; and other guests' configs. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "pve/gathering.h"
#include "pve/paths.h"
#include "pve/runstate.h"

#define ROM_MAX	    (32U * 1024 * 1024)
#define STORAGE_MAX (1024U * 1024)
#define OUR_HOOK    "pve-pthook"

static int gather_rom(struct pt_gathering *gathering, size_t at)
{
	struct pt_facts *facts = gathering->facts;
	const char *file = facts->assignment[at].entry.romfile;
	struct pt_rom_fact *slot;
	PT_FREE char *path = NULL;
	PT_FREE char *bytes = NULL;
	size_t length;

	if (!file)
		return 0;
	slot = pt_array_grow(&facts->rom, &facts->rom_count, sizeof(*slot));
	path = pt_format(PT_PVE_ROMS "/%s", file);
	if (!slot || !path)
		return -ENOMEM;
	slot->assignment = at;
	slot->readable = pt_host_read(gathering->host, path, ROM_MAX, &bytes, &length) == 0;
	if (slot->readable)
		pt_rom_parse((const unsigned char *)bytes, length, &slot->rom);
	return 0;
}

static void look_for_type(struct pt_gathering *gathering, const struct pt_bdf *bdf,
	const char *type, struct pt_mdev_fact *fact)
{
	PT_FREE char *name = pt_format("mdev_supported_types/%s/available_instances", type);
	PT_FREE char *text = NULL;
	char path[PT_PCI_PATH];

	if (!name || strlen(name) > 64 ||
		pt_host_read_line(gathering->host, pt_pci_path(bdf, name, path), &text) < 0)
		return;
	fact->known = true;
	fact->free |= atoi(text) > 0;
}

/* Proxmox VE gives its instance a UUID made of entry and guest, and uses one that is there (PCI.pm). */
static bool instance_exists(struct pt_gathering *gathering, const struct pt_assignment *assignment)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%08d-0000-0000-0000-%012u",
		assignment->entry.index, gathering->guest->vmid);
	return pt_host_exists(gathering->host, path);
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
		pt_foreach (id, alternative->id, alternative->count)
			look_for_type(gathering, id, assignment->entry.mdev, slot);
	}
	return 0;
}

/* The folder of a storage of type dir, "local" where it always was. NULL: another type. The caller's. */
static char *storage_path(const struct pt_host *host, const char *storage, size_t length)
{
	PT_FREE char *text = NULL;
	char *line, *rest;
	bool here = false;

	if (pt_host_read(host, PT_PVE_STORAGE_CFG, STORAGE_MAX, &text, NULL) < 0)
		text = NULL;
	for (line = text ? strtok_r(text, "\n", &rest) : NULL; line;
		line = strtok_r(NULL, "\n", &rest)) {
		char path[512];

		if (*line != ' ' && *line != '\t')
			here = pt_starts_with(line, "dir: ") &&
			       strncmp(line + 5, storage, length) == 0 && !line[5 + length];
		else if (here && sscanf(line, " path %511s", path) == 1)
			return strdup(path);
	}
	return length == 5 && strncmp(storage, "local", 5) == 0 ? strdup(PT_PVE_LOCAL) : NULL;
}

/* "local:snippets/pve-pthook". */
static enum pt_hook_state look_at_hook(const struct pt_host *host, const char *volume)
{
	const char *colon = volume ? strchr(volume, ':') : NULL;
	PT_FREE char *folder = NULL;
	PT_FREE char *path = NULL;
	const char *name;
	PT_CLOSE int fd = -1;
	struct stat st;

	if (!volume)
		return PT_HOOK_NONE;
	name = strrchr(volume, '/');
	if (!colon || !name || !pt_streq(name + 1, OUR_HOOK))
		return PT_HOOK_OTHER;
	folder = storage_path(host, volume, (size_t)(colon - volume));
	if (!folder)
		return PT_HOOK_UNKNOWN;
	path = pt_format("%s/%s", folder, colon + 1);
	if (!path)
		return PT_HOOK_UNKNOWN;
	fd = pt_host_openat(host, path, O_PATH);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return PT_HOOK_MISSING;
	return st.st_mode & S_IXUSR ? PT_HOOK_OURS : PT_HOOK_NOT_EXECUTABLE;
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

static int read_other(struct pt_gathering *gathering, unsigned int vmid)
{
	struct pt_guest PT_GUEST *other = NULL;
	struct pt_guest_query query = {
		.vmid = vmid, .node = gathering->node, .view = PT_VIEW_CURRENT};
	int r = 0;

	if (pt_guest_from_file(gathering->host, &query, &other, NULL) < 0 ||
		pt_guest_is_template(other))
		return 0; /* gone since, or broken: its own check tells */
	for (size_t i = 0; r == 0 && i < other->count; i++) {
		const struct pt_guest_key *key = &other->key[i];
		struct pt_hostpci entry;
		int index = pt_hostpci_key(key->key);

		if (index < 0 || pt_hostpci_parse(index, key->value, key->length, other->encoding,
					 &entry, NULL) < 0)
			continue;
		r = note_elsewhere(gathering->facts, other, &entry);
		pt_hostpci_clear(&entry);
	}
	return r;
}

/* What other guests of this node name. */
static int read_others(struct pt_gathering *gathering)
{
	struct pt_names PT_NAMES names = {0};
	char path[128];
	int r = 0;

	snprintf(path, sizeof(path), PT_PVE_NODES "/%s/qemu-server", gathering->node);
	if (pt_host_list(gathering->host, path, &names) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		char *dot = strstr(names.name[i], ".conf");
		unsigned int vmid;

		if (!dot || dot[strlen(".conf")])
			continue;
		*dot = '\0';
		if (pt_vmid_parse(names.name[i], &vmid) && vmid != gathering->guest->vmid)
			r = read_other(gathering, vmid);
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
	facts->running = pt_guest_pid(gathering->host, gathering->guest->vmid) > 0;
	facts->hook = look_at_hook(gathering->host, pt_guest_get(gathering->guest, "hookscript"));
	if (r == 0 && gathering->depth == PT_DEPTH_CHECK && facts->taken_count)
		r = read_others(gathering);
	return r < 0 ? pt_err_nomem(gathering->err) : 0;
}
