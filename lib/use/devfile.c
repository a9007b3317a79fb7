// SPDX-License-Identifier: AGPL-3.0-or-later
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>

#include "lib/use/devfile.h"

#define DEEPEST	      24
#define BLOCKS	      "/sys/class/block"
#define NVIDIA	      "/proc/driver/nvidia/gpus/%s/information"
#define UEVENT_MAX    4096
#define VENDOR_NVIDIA "10de"

struct walk {
	const struct pt_host *host;
	struct pt_bdf bdf;
	struct pt_devfiles *devfiles;
};

void pt_devfiles_clear(struct pt_devfiles *devfiles)
{
	pt_foreach (devfile, devfiles->devfile, devfiles->count) {
		free(devfile->name);
		free(devfile->subsystem);
	}
	free(devfiles->devfile);
	*devfiles = (struct pt_devfiles){0};
}

static void add(
	struct walk *walk, enum pt_devfile_kind kind, const char *name, const char *subsystem)
{
	struct pt_devfile *slot =
		pt_array_grow(&walk->devfiles->devfile, &walk->devfiles->count, sizeof(*slot));

	slot->bdf = walk->bdf;
	slot->kind = kind;
	pt_set_text(&slot->name, name);
	pt_set_text(&slot->subsystem, subsystem);
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

/* The folder has a file "dev" with the number of a device file. */
static void add_devfile(struct walk *walk, const char *path)
{
	PT_FREE char *uevent_path = below(path, "uevent");
	PT_FREE char *subsystem_path = below(path, "subsystem");
	PT_FREE char *uevent = NULL;
	PT_FREE char *subsystem = NULL;
	const char *name;

	if (pt_host_read(walk->host, uevent_path, UEVENT_MAX, &uevent, NULL) < 0)
		uevent = NULL;
	if (pt_host_link_name(walk->host, subsystem_path, &subsystem) < 0)
		subsystem = NULL;
	name = uevent ? device_name(uevent) : NULL;
	add(walk, pt_streq(subsystem, "block") ? PT_DEVFILE_BLOCK : PT_DEVFILE_CHAR,
		name ? name : strrchr(path, '/') + 1, subsystem ? subsystem : "");
}

static void add_interfaces(struct walk *walk, const char *path)
{
	struct pt_names PT_NAMES names = {0};

	if (pt_host_list(walk->host, path, &names) < 0)
		return;
	pt_foreach (name, names.name, names.count)
		add(walk, PT_DEVFILE_NET, *name, "net");
}

static void walk_folder(struct walk *walk, const char *path, unsigned int depth);

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

/* A guest with a mediated device has its group or its device file open: the function must stay. */
static void add_mediated(struct walk *walk, const char *path)
{
	PT_FREE char *link = below(path, "iommu_group");
	PT_FREE char *devfiles = below(path, "vfio-dev");
	struct pt_names PT_NAMES names = {0};
	PT_FREE char *group = NULL;
	char name[64];

	if (pt_host_link_name(walk->host, link, &group) == 0) {
		snprintf(name, sizeof(name), "vfio/%.32s", group);
		add(walk, PT_DEVFILE_CHAR, name, "vfio");
	}
	if (pt_host_list(walk->host, devfiles, &names) < 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		snprintf(name, sizeof(name), "vfio/devices/%.32s", names.name[i]);
		add(walk, PT_DEVFILE_CHAR, name, "vfio");
	}
}

/* One path to a disk of several controllers, "nvme0c1n1"; "nvme0n1" is below none of them. */
static void walk_shared_disk(struct walk *walk, const char *name, unsigned int depth)
{
	unsigned int subsystem, controller, disk;
	PT_FREE char *path = NULL;
	int end = 0;

	if (sscanf(name, "nvme%uc%un%u%n", &subsystem, &controller, &disk, &end) != 3 || name[end])
		return;
	path = pt_format(BLOCKS "/nvme%un%u", subsystem, disk);
	walk_folder(walk, path, depth);
}

/* Folders of a device that hold no other device, and many of them. */
static bool is_barren(const char *name)
{
	static const char *const barren[] = {
		"power", "msi_irqs", "queues", "statistics", "vfio-dev", "slaves", "holders", "mq"};

	return PT_WORD_FIND(barren, name) >= 0;
}

static void walk_entry(
	struct walk *walk, const char *path, const struct dirent *entry, unsigned int depth)
{
	PT_FREE char *folder = NULL;

	if (pt_streq(entry->d_name, "dev") && entry->d_type != DT_DIR) {
		add_devfile(walk, path);
		return;
	}
	if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || is_barren(entry->d_name))
		return;
	folder = below(path, entry->d_name);
	if (pt_streq(entry->d_name, "net")) {
		add_interfaces(walk, folder);
	} else if (is_uuid(entry->d_name)) {
		add_mediated(walk, folder);
	} else {
		walk_shared_disk(walk, entry->d_name, depth + 1);
		walk_folder(walk, folder, depth + 1);
	}
}

/* Everything below a folder, links not followed: they lead to other devices. */
static void walk_folder(struct walk *walk, const char *path, unsigned int depth)
{
	PT_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;
	int fd;

	if (depth > DEEPEST)
		return;
	fd = pt_host_openat(walk->host, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return; /* it went meanwhile */
	dir = fdopendir(fd);
	if (!dir)
		pt_out_of_memory();
	while ((entry = readdir(dir)))
		walk_entry(walk, path, entry, depth);
}

/* NVIDIA's driver makes /dev/nvidiaN by itself; N is in a file of its own. */
static void add_nvidia(struct walk *walk)
{
	PT_FREE char *text = NULL;
	char path[96], name[24];
	unsigned int minor;
	const char *line;

	snprintf(path, sizeof(path), NVIDIA, PT_BDF(&walk->bdf));
	if (pt_host_read(walk->host, path, UEVENT_MAX, &text, NULL) < 0)
		return;
	line = strstr(text, "Device Minor:");
	if (!line || sscanf(line, "Device Minor: %u", &minor) != 1)
		return;
	snprintf(name, sizeof(name), "nvidia%u", minor);
	add(walk, PT_DEVFILE_CHAR, name, "nvidia");
}

void pt_devfiles_add(const struct pt_host *host, const struct pt_function *function,
	struct pt_devfiles *devfiles)
{
	struct walk walk = {.host = host, .bdf = function->bdf, .devfiles = devfiles};
	char path[PT_PCI_PATH];

	walk_folder(&walk, pt_pci_path(&function->bdf, "", path), 0);
	if (pt_streq(function->vendor, VENDOR_NVIDIA))
		add_nvidia(&walk);
}
