// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/use/use-devfile.h"
#include "pve/config/container.h"
#include "pve/config/guest.h"
#include "pve/config/paths.h"

#define DEV "/dev/"

struct having {
	unsigned int vmid;
	char *name; /* "/dev/dri", or of an interface "enp5s0" */
	bool net;
};

struct havings {
	struct having *having;
	size_t count;
};

static void clear_havings(struct havings *havings)
{
	pt_foreach (having, havings->having, havings->count)
		free(having->name);
	free(havings->having);
}

/* "dev0", "mp12", "lxc.net.0.link": the prefix, a number, the rest. */
static bool is_key(const char *key, size_t length, const char *prefix, const char *rest)
{
	size_t at = strlen(prefix), digits;

	if (length < at || strncmp(key, prefix, at) != 0)
		return false;
	digits = strspn(key + at, "0123456789");
	return digits && length == at + digits + strlen(rest) &&
	       strncmp(key + at + digits, rest, strlen(rest)) == 0;
}

/* The first value of "a,b=c"; a device's may be called path. */
static char *first_value(const char *value, size_t length)
{
	const char *comma = memchr(value, ',', length);

	if (length > 5 && strncmp(value, "path=", 5) == 0) {
		value += 5;
		length -= 5;
	}
	return pt_strndup(value, comma ? (size_t)(comma - value) : length);
}

/* Returns the device of the line, or NULL. The caller frees it. */
static char *gift_of(const char *line, size_t length, bool *ret_net)
{
	static const char mount[] = "lxc.mount.entry";
	size_t key = strcspn(line, ":= \t\n");
	const char *value = line + key + strspn(line + key, " \t:=");
	const char *end = line + length;

	while (end > value && strchr(" \t\r", end[-1]))
		end--;
	if (value >= end)
		return NULL;
	*ret_net = is_key(line, key, "lxc.net.", ".link");
	/* as in fstab the first word */
	if (key == strlen(mount) && strncmp(line, mount, key) == 0)
		return pt_strndup(value, strcspn(value, " \t\r\n"));
	if (*ret_net || is_key(line, key, "dev", "") || is_key(line, key, "mp", ""))
		return first_value(value, (size_t)(end - value));
	return NULL;
}

/* Takes "x/../" out of a path, in place. */
static void collapse(char *path)
{
	char *up;

	while ((up = strstr(path, "/../"))) {
		char *before = up;

		while (before > path && before[-1] != '/')
			before--;
		memmove(before > path ? before - 1 : path, up + 3, strlen(up + 3) + 1);
	}
}

/* Resolves links like /dev/dri/by-path/pci-0000:01:00.0-card; another path stays. */
static char *follow(const struct pt_host *host, char *path)
{
	PT_FREE char *target = NULL;
	char *whole;

	if (!pt_starts_with(path, DEV) || pt_host_link(host, path, &target) < 0)
		return path;
	whole = target[0] == '/'
			? pt_strdup(target)
			: pt_format("%.*s/%s", (int)(strrchr(path, '/') - path), path, target);
	free(path);
	collapse(whole);
	return whole;
}

static void add_line(const struct pt_host *host, struct havings *havings, unsigned int vmid,
	const char *line, size_t length)
{
	struct having *slot;
	bool net = false;
	char *name = gift_of(line, length, &net);

	if (!name)
		return;
	if (!net)
		name = follow(host, name);
	slot = pt_array_grow(&havings->having, &havings->count, sizeof(*slot));
	*slot = (struct having){.vmid = vmid, .name = name, .net = net};
}

static void read_all(const struct pt_host *host, const char *node, struct havings *ret)
{
	struct pt_names PT_NAMES files = {0};
	char folder[128], path[512];

	snprintf(folder, sizeof(folder), PT_PVE_NODES "/%s/lxc", node);
	if (pt_host_list(host, folder, &files) < 0)
		return;
	pt_foreach (file, files.name, files.count) {
		PT_FREE char *text = NULL;
		const char *at, *line;
		unsigned int vmid;
		size_t length;

		snprintf(path, sizeof(path), "%s/%s", folder, *file);
		if (!pt_vmid_of_config(*file, &vmid) ||
			pt_host_read(host, path, PT_CONFIG_MAX, &text, NULL) < 0)
			continue;
		for (at = text; (line = pt_config_line(&at, &length));)
			add_line(host, ret, vmid, line, length);
	}
}

/* Whether the device of a line is the node or interface, or a folder above the node. */
static bool gives(const struct having *having, const struct pt_devfile *devfile)
{
	size_t length = strlen(having->name);
	PT_FREE char *path = NULL;

	if (having->net || devfile->kind == PT_DEVFILE_NET)
		return having->net && devfile->kind == PT_DEVFILE_NET &&
		       pt_streq(having->name, devfile->name);
	path = pt_format(DEV "%s", devfile->name);
	while (length > 1 && having->name[length - 1] == '/')
		length--;
	return length >= strlen(DEV) - 1 && strncmp(path, having->name, length) == 0 &&
	       (path[length] == '/' || path[length] == '\0');
}

static void add_use(
	const struct having *having, const struct pt_devfile *devfile, struct pt_uses *ret)
{
	PT_FREE char *what =
		pt_format("%s%s", devfile->kind == PT_DEVFILE_NET ? "" : DEV, devfile->name);
	struct pt_use use = {.bdf = devfile->bdf,
		.kind = devfile->kind == PT_DEVFILE_NET ? PT_USE_NET : pt_use_kind_of(devfile),
		.how = PT_USE_CONFIGURED,
		.weak = true,
		.what = what};

	snprintf(use.container, sizeof(use.container), "%u", having->vmid);
	pt_uses_add(ret, &use);
}

void pt_container_uses(const struct pt_host *host, const char *node,
	const struct pt_function *const *function, size_t count, struct pt_uses *ret)
{
	struct havings havings PT_CLEANUP(clear_havings) = {0};
	struct pt_devfiles PT_DEVFILES devfiles = {0};

	read_all(host, node, &havings);
	for (size_t i = 0; havings.count && i < count; i++)
		pt_devfiles_add(host, function[i], &devfiles);
	pt_foreach (one, devfiles.devfile, devfiles.count) {
		pt_foreach (having, havings.having, havings.count) {
			if (gives(having, one))
				add_use(having, one, ret);
		}
	}
}
