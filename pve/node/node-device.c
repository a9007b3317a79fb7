// SPDX-License-Identifier: AGPL-3.0-or-later
/* Properties of single devices, and the files that entries name. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/looks.h"
#include "lib/use/use-console.h"
#include "pve/node/node.h"
#include "pve/config/paths.h"
#include "pve/config/section.h"

#define ROM_MAX	    (32U * 1024 * 1024)
#define STORAGE_MAX (1024U * 1024)
#define VGPU_MAX    (64U * 1024)
#define OUR_HOOK    "pve-pthook"
#define INSTANCES   "/sys/bus/mdev/devices"

static void read_mdev_types(const struct pt_host *host, struct pt_device *device)
{
	struct pt_names PT_NAMES types = {0};
	char path[PT_PCI_PATH];

	if (pt_host_list(host, pt_pci_path(&device->bdf, "mdev_supported_types", path), &types) < 0)
		return;
	pt_foreach (type, types.name, types.count) {
		struct pt_mdev_type *slot;
		PT_FREE char *file =
			pt_format("mdev_supported_types/%.60s/available_instances", *type);
		PT_FREE char *text = NULL;

		if (pt_host_read_line(host, pt_pci_path(&device->bdf, file, path), &text) < 0)
			continue;
		slot = pt_array_grow(&device->mdev, &device->mdev_count, sizeof(*slot));
		pt_set_text(&slot->name, *type);
		slot->available = atoi(text);
	}
}

/* Notes a type of NVIDIA's vGPU as an entry names it; line: its number, then " : " and its name. */
static void note_vgpu_type(struct pt_device *device, const char *line, int available)
{
	size_t length = strspn(line, "0123456789");
	struct pt_mdev_type *slot;

	/* a line without number is the heading */
	if (!length)
		return;
	slot = pt_array_grow(&device->mdev, &device->mdev_count, sizeof(*slot));
	slot->name = pt_format("nvidia-%.*s", (int)length, line);
	slot->available = available;
}

/* The VF's type, PT_VGPU_NONE for none, then the types that NVIDIA's driver can create on it now.
 * Source: NVIDIA's vGPU User Guide, vendor-specific VFIO framework. */
static void read_vgpu_types(const struct pt_host *host, struct pt_device *device)
{
	PT_FREE char *current = NULL, *creatable = NULL;
	char path[PT_PCI_PATH];
	char *line, *rest;

	if (pt_host_read_line(host, pt_pci_path(&device->bdf, "nvidia/current_vgpu_type", path),
		    &current) < 0)
		return;
	note_vgpu_type(device, current, 0);
	if (pt_host_read(host, pt_pci_path(&device->bdf, "nvidia/creatable_vgpu_types", path),
		    VGPU_MAX, &creatable, NULL) < 0)
		return;
	for (line = strtok_r(creatable, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		note_vgpu_type(device, line, 1);
}

const struct pt_mdev_type *pt_mdev_type_find(const struct pt_device *device, const char *type)
{
	pt_foreach (offered, device->mdev, device->mdev_count) {
		if (pt_streq(offered->name, type))
			return offered;
	}
	return NULL;
}

static void look(
	const struct pt_host *host, const struct pt_function *function, struct pt_device *device)
{
	const struct pt_config_space *space = &function->space;

	device->unknown = !space->known;
	device->dead = pt_function_is_dead(function);
	memcpy(device->serial, space->serial, sizeof(device->serial));
	device->msix = space->msix;
	device->framebuffer = pt_function_is_display(function) && pt_framebuffer_in(host, function);
	if (!function->driver && function->modalias)
		pt_module_alias_blocked(host, function->modalias, device->blocked);
	pt_net_up(host, &function->bdf, device->net);
	if (function->has_mdev)
		read_mdev_types(host, device);
	else if (function->has_nvidia)
		read_vgpu_types(host, device);
}

const struct pt_device *pt_node_device(struct pt_node *node, const struct pt_bdf *bdf)
{
	const struct pt_function *function = pt_inventory_find(&node->inventory, bdf);
	struct pt_device *slot;

	pt_foreach (device, node->device, node->device_count) {
		if (pt_bdf_compare(&device->bdf, bdf) == 0)
			return device;
	}
	slot = pt_array_grow(&node->device, &node->device_count, sizeof(*slot));
	slot->bdf = *bdf;
	if (node->host && function)
		look(node->host, function, slot);
	return slot;
}

bool pt_node_net_is_up(struct pt_node *node, const struct pt_bdf *bdf)
{
	char net[PT_NETDEV_TEXT];

	return node->host ? pt_net_up(node->host, bdf, net) : pt_node_device(node, bdf)->net[0];
}

void pt_node_identity(
	struct pt_node *node, const struct pt_function *function, struct pt_identity *ret)
{
	const struct pt_device *device = pt_node_device(node, &function->bdf);

	pt_identity_of(function, device->serial, ret);
}

const struct pt_identities *pt_node_last_start(struct pt_node *node, unsigned int vmid)
{
	struct pt_last_start *slot;
	struct pt_err err = {0};

	pt_foreach (start, node->last_start, node->last_start_count) {
		if (start->vmid == vmid)
			return &start->identities;
	}
	slot = pt_array_grow(&node->last_start, &node->last_start_count, sizeof(*slot));
	slot->vmid = vmid;
	/* a damaged record warns, and is no reason to refuse */
	if (node->host && pt_identities_read(node->host, vmid, &slot->identities, &err) < 0)
		pt_log(pt_host_log(node->host), PT_LOG_WARNING, "%s", err.text);
	return &slot->identities;
}

bool pt_rom_leads_out(const char *name)
{
	for (const char *at = name; (at = strstr(at, "..")); at += 2) {
		if ((at == name || at[-1] == '/') && (at[2] == '/' || !at[2]))
			return true;
	}
	return false;
}

/* Whether it can be opened without consequences; a device file may act on being opened. */
static bool is_regular(const struct pt_host *host, const char *path)
{
	PT_CLOSE int fd = pt_host_openat(host, path, O_PATH);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

const struct pt_rom_file *pt_node_rom(struct pt_node *node, const char *name)
{
	PT_FREE char *path = pt_format(PT_PVE_ROMS "/%s", name);
	PT_FREE char *bytes = NULL;
	struct pt_rom_file *slot;
	size_t length;

	pt_foreach (rom, node->rom, node->rom_count) {
		if (pt_streq(rom->name, name))
			return rom;
	}
	slot = pt_array_grow(&node->rom, &node->rom_count, sizeof(*slot));
	pt_set_text(&slot->name, name);
	/* a config that somebody hands over must not make root open any path of the host */
	slot->known = node->host && !pt_rom_leads_out(name);
	slot->readable = slot->known && is_regular(node->host, path) &&
			 pt_host_read(node->host, path, ROM_MAX, &bytes, &length) == 0;
	if (slot->readable)
		pt_rom_parse((const unsigned char *)bytes, length, &slot->rom);
	return slot;
}

struct storage {
	const char *name;
	size_t length;
	bool here; /* the section at hand is its */
	char *folder;
	struct pt_names *nodes; /* that it is limited to */
	bool found;
};

static void take_storage(
	void *data, const char *type, const char *id, const char *key, const char *value)
{
	struct storage *storage = data;

	if (type && !key)
		storage->here = strlen(id) == storage->length &&
				strncmp(id, storage->name, storage->length) == 0;
	storage->found |= storage->here;
	if (!storage->here || !key)
		return;
	/* what lies on another machine may be away for now, and hang who looks */
	if (pt_streq(key, "path") && (pt_streq(type, "dir") || pt_streq(type, "btrfs")))
		pt_set_text(&storage->folder, value);
	if (pt_streq(key, "nodes"))
		pt_names_split(storage->nodes, value, ",; \t");
}

/* Returns the folder of a storage of type dir or btrfs ("local" has its own), and the nodes that it
 * is limited to. NULL: no such folder; ret_gone: there is no such storage either. The caller frees
 * it. Source: pve-storage, PVE/Storage/DirPlugin.pm. */
static char *storage_path(const struct pt_host *host, const char *name, size_t length,
	struct pt_names *nodes, bool *ret_gone)
{
	struct storage storage = {.name = name, .length = length, .nodes = nodes};
	PT_FREE char *text = NULL;

	if (pt_host_read(host, PT_PVE_STORAGE_CFG, STORAGE_MAX, &text, NULL) == 0) {
		pt_sections_read(text, take_storage, &storage);
		*ret_gone = !storage.found;
	}
	if (!storage.folder && length == 5 && strncmp(name, "local", 5) == 0)
		storage.folder = pt_strdup(PT_PVE_LOCAL);
	return storage.folder;
}

static enum pt_hook_state state_of_file(const struct pt_host *host, const char *path)
{
	PT_CLOSE int fd = pt_host_openat(host, path, O_PATH);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return PT_HOOK_MISSING;
	return st.st_mode & S_IXUSR ? PT_HOOK_OURS : PT_HOOK_NOT_EXECUTABLE;
}

static void look_at_file(const struct pt_host *host, const void *data, size_t at, void *result)
{
	enum pt_hook_state *state = result;

	(void)at;
	*state = state_of_file(host, data);
}

/* The state of the file of a volume as if it were ours. */
static enum pt_hook_state look_at_volume(
	const struct pt_host *host, const char *volume, struct pt_names *nodes)
{
	const char *colon = strchr(volume, ':');
	PT_FREE char *folder = NULL;
	PT_FREE char *path = NULL;
	bool gone = false;
	struct pt_looks looks PT_LOOKS = {0};
	const enum pt_hook_state *state = NULL;

	if (!host || !colon)
		return PT_HOOK_UNKNOWN;
	folder = storage_path(host, volume, (size_t)(colon - volume), nodes, &gone);
	if (!folder)
		return gone ? PT_HOOK_MISSING : PT_HOOK_UNKNOWN;
	path = pt_format("%s/%s", folder, colon + 1);
	if (pt_streq(folder, PT_PVE_LOCAL))
		return state_of_file(host, path);
	/* a folder may lie on another machine, with any type of storage */
	if (pt_looks_take(host, look_at_file, path, 1, sizeof(*state), &looks) == 0 &&
		pt_looks_done(&looks, 0))
		state = pt_looks_result(&looks, 0);
	return state ? *state : PT_HOOK_UNKNOWN;
}

static void look_at_hook(const struct pt_host *host, struct pt_hook_volume *hook)
{
	const char *name = strrchr(hook->volume, '/');
	enum pt_hook_state state = look_at_volume(host, hook->volume, &hook->nodes);

	if (name && pt_streq(name + 1, OUR_HOOK)) {
		hook->state = state;
		return;
	}
	hook->state = PT_HOOK_OTHER;
	hook->broken = state == PT_HOOK_MISSING || state == PT_HOOK_NOT_EXECUTABLE;
}

const struct pt_hook_volume *pt_node_hook(struct pt_node *node, const char *volume)
{
	struct pt_hook_volume *slot;

	if (!volume)
		return NULL;
	pt_foreach (hook, node->hook, node->hook_count) {
		if (pt_streq(hook->volume, volume))
			return hook;
	}
	slot = pt_array_grow(&node->hook, &node->hook_count, sizeof(*slot));
	pt_set_text(&slot->volume, volume);
	look_at_hook(node->host, slot);
	return slot;
}

bool pt_node_has_instance(struct pt_node *node, const char *uuid)
{
	if (!node->has_instances && node->host)
		pt_host_list(node->host, INSTANCES, &node->instances);
	node->has_instances = true;
	pt_foreach (name, node->instances.name, node->instances.count) {
		if (pt_streq(*name, uuid))
			return true;
	}
	return false;
}
