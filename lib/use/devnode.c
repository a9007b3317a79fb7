// SPDX-License-Identifier: AGPL-3.0-or-later
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>

#include "lib/use/devnode.h"

#define DEEPEST	      24
#define BLOCKS	      "/sys/class/block"
#define NVIDIA	      "/proc/driver/nvidia/gpus/%s/information"
#define UEVENT_MAX    4096
#define VENDOR_NVIDIA "10de"

struct walk {
	const struct pt_host *host;
	struct pt_bdf bdf;
	struct pt_devnodes *nodes;
};

void pt_devnodes_clear(struct pt_devnodes *nodes)
{
	pt_foreach (node, nodes->node, nodes->count) {
		free(node->name);
		free(node->subsystem);
	}
	free(nodes->node);
	*nodes = (struct pt_devnodes){0};
}

static int add(
	struct walk *walk, enum pt_devnode_kind kind, const char *name, const char *subsystem)
{
	struct pt_devnode *slot =
		pt_array_grow(&walk->nodes->node, &walk->nodes->count, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	slot->bdf = walk->bdf;
	slot->kind = kind;
	if (pt_set_text(&slot->name, name) < 0 || pt_set_text(&slot->subsystem, subsystem) < 0)
		return -ENOMEM;
	return 0;
}

/* The value of DEVNAME in a uevent file, in place; NULL: none. */
static const char *device_name(char *uevent)
{
	char *line, *rest;

	for (line = strtok_r(uevent, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (pt_starts_with(line, "DEVNAME="))
			return line + strlen("DEVNAME=");
	}
	return NULL;
}

static char *below(const char *path, const char *name)
{
	return pt_format("%s/%s", path, name);
}

/* The folder has a file "dev": a node. */
static int add_node(struct walk *walk, const char *path)
{
	PT_FREE char *uevent_path = below(path, "uevent");
	PT_FREE char *subsystem_path = below(path, "subsystem");
	PT_FREE char *uevent = NULL;
	PT_FREE char *subsystem = NULL;
	const char *name;

	if (!uevent_path || !subsystem_path)
		return -ENOMEM;
	if (pt_host_read(walk->host, uevent_path, UEVENT_MAX, &uevent, NULL) < 0)
		uevent = NULL;
	if (pt_host_link_name(walk->host, subsystem_path, &subsystem) < 0)
		subsystem = NULL;
	name = uevent ? device_name(uevent) : NULL;
	return add(walk, pt_streq(subsystem, "block") ? PT_DEVNODE_BLOCK : PT_DEVNODE_CHAR,
		name ? name : strrchr(path, '/') + 1, subsystem ? subsystem : "");
}

static int add_interfaces(struct walk *walk, const char *path)
{
	struct pt_names PT_NAMES names = {0};
	int r = pt_host_list(walk->host, path, &names);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = 0;
	for (size_t i = 0; r == 0 && i < names.count; i++)
		r = add(walk, PT_DEVNODE_NET, names.name[i], "net");
	return r;
}

static int walk_folder(struct walk *walk, const char *path, unsigned int depth);

/* "c0ffee00-...": how a mediated device's folder below that of its function is called. */
static bool is_uuid(const char *name)
{
	static const char like[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (strlen(name) != strlen(like))
		return false;
	for (size_t i = 0; like[i]; i++) {
		if (like[i] == '-' ? name[i] != '-' : !isxdigit((unsigned char)name[i]))
			return false;
	}
	return true;
}

/* Who runs with a mediated device has its group open, or its own node: the function cannot go from under it. */
static int add_mediated(struct walk *walk, const char *path)
{
	PT_FREE char *link = below(path, "iommu_group");
	PT_FREE char *nodes = below(path, "vfio-dev");
	struct pt_names PT_NAMES names = {0};
	PT_FREE char *group = NULL;
	char name[64];
	int r = 0;

	if (!link || !nodes)
		return -ENOMEM;
	if (pt_host_link_name(walk->host, link, &group) == 0) {
		snprintf(name, sizeof(name), "vfio/%.32s", group);
		r = add(walk, PT_DEVNODE_CHAR, name, "vfio");
	}
	if (pt_host_list(walk->host, nodes, &names) < 0)
		return r;
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		snprintf(name, sizeof(name), "vfio/devices/%.32s", names.name[i]);
		r = add(walk, PT_DEVNODE_CHAR, name, "vfio");
	}
	return r;
}

/* A path to a disk of several controllers, "nvme0c1n1": the disk itself, "nvme0n1", is below none of them. */
static int walk_shared_disk(struct walk *walk, const char *name, unsigned int depth)
{
	unsigned int subsystem, controller, disk;
	PT_FREE char *path = NULL;
	int end = 0;

	if (sscanf(name, "nvme%uc%un%u%n", &subsystem, &controller, &disk, &end) != 3 || name[end])
		return 0;
	path = pt_format(BLOCKS "/nvme%un%u", subsystem, disk);
	return path ? walk_folder(walk, path, depth) : -ENOMEM;
}

/* Folders of a device that hold no other device, and many of them. */
static bool is_barren(const char *name)
{
	static const char *const barren[] = {
		"power", "msi_irqs", "queues", "statistics", "vfio-dev", "slaves", "holders", "mq"};

	for (size_t i = 0; i < PT_ARRAY_SIZE(barren); i++) {
		if (pt_streq(name, barren[i]))
			return true;
	}
	return false;
}

static int walk_entry(
	struct walk *walk, const char *path, const struct dirent *entry, unsigned int depth)
{
	PT_FREE char *folder = NULL;
	int r;

	if (pt_streq(entry->d_name, "dev") && entry->d_type != DT_DIR)
		return add_node(walk, path);
	if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || is_barren(entry->d_name))
		return 0;
	folder = below(path, entry->d_name);
	if (!folder)
		return -ENOMEM;
	if (pt_streq(entry->d_name, "net"))
		return add_interfaces(walk, folder);
	if (is_uuid(entry->d_name))
		return add_mediated(walk, folder);
	r = walk_shared_disk(walk, entry->d_name, depth + 1);
	return r < 0 ? r : walk_folder(walk, folder, depth + 1);
}

/* Everything below a folder, links not followed: they lead to other devices. */
static int walk_folder(struct walk *walk, const char *path, unsigned int depth)
{
	PT_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;
	int fd, r = 0;

	if (depth > DEEPEST)
		return 0;
	fd = pt_host_openat(walk->host, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return 0; /* it went meanwhile */
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (entry = readdir(dir)))
		r = walk_entry(walk, path, entry, depth);
	return r;
}

/* NVIDIA's driver makes /dev/nvidiaN by itself; N stands in its own file. */
static int add_nvidia(struct walk *walk)
{
	PT_FREE char *text = NULL;
	char path[96], name[24];
	unsigned int minor;
	const char *line;

	snprintf(path, sizeof(path), NVIDIA, PT_BDF(&walk->bdf));
	if (pt_host_read(walk->host, path, UEVENT_MAX, &text, NULL) < 0)
		return 0;
	line = strstr(text, "Device Minor:");
	if (!line || sscanf(line, "Device Minor: %u", &minor) != 1)
		return 0;
	snprintf(name, sizeof(name), "nvidia%u", minor);
	return add(walk, PT_DEVNODE_CHAR, name, "nvidia");
}

int pt_devnodes_add(
	const struct pt_host *host, const struct pt_function *function, struct pt_devnodes *nodes)
{
	struct walk walk = {.host = host, .bdf = function->bdf, .nodes = nodes};
	char path[PT_PCI_PATH];
	int r = walk_folder(&walk, pt_pci_path(&function->bdf, "", path), 0);

	return r < 0 || !pt_streq(function->vendor, VENDOR_NVIDIA) ? r : add_nvidia(&walk);
}
