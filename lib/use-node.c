// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>

#include "use-node.h"

#define NODE_TEXT 64

/* A device node and the group it stands for. */
struct watch {
	char node[NODE_TEXT];
	int group;
};

struct watches {
	struct watch *watch;
	size_t count;
};

static void free_watches(struct watches *watches)
{
	free(watches->watch);
}

static int watch(struct watches *watches, int group, const char *folder, const char *name)
{
	struct watch *slot = pt_array_grow(&watches->watch, &watches->count, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	slot->group = group;
	snprintf(slot->node, sizeof(slot->node), "/dev/vfio/%s%s", folder, name);
	return 0;
}

static int watch_function(
	const struct pt_host *host, struct watches *watches, const struct pt_function *function)
{
	struct pt_names PT_NAMES devices = {0};
	char path[PT_PCI_PATH], group[16];
	int r;

	if (function->group < 0)
		return 0;
	snprintf(group, sizeof(group), "%d", function->group);
	r = watch(watches, function->group, "", group);
	if (r < 0 ||
		pt_host_list(host, pt_pci_path(&function->bdf, "vfio-dev", path), &devices) < 0)
		return r;
	pt_foreach (name, devices.name, devices.count) {
		r = watch(watches, function->group, "devices/", *name);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The group that one of a process's descriptors holds, or PT_GROUP_NONE. */
static int group_held(const struct pt_host *host, const struct watches *watches, const char *pid)
{
	struct pt_names PT_NAMES fds = {0};
	char path[96];

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	if (pt_host_list(host, path, &fds) < 0)
		return PT_GROUP_NONE; /* it ended meanwhile */
	pt_foreach (fd, fds.name, fds.count) {
		PT_FREE char *target = NULL;

		snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, *fd);
		if (pt_host_link(host, path, &target) < 0)
			continue;
		pt_foreach (one, watches->watch, watches->count) {
			if (pt_streq(one->node, target))
				return one->group;
		}
	}
	return PT_GROUP_NONE;
}

static int note_user(const struct pt_host *host, const char *pid, int group,
	struct pt_vfio_user **ret, size_t *ret_count)
{
	PT_FREE char *name = NULL;
	char path[64];
	struct pt_vfio_user *slot = pt_array_grow(ret, ret_count, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	slot->group = group;
	slot->pid = atoi(pid);
	if (pt_host_read_line(host, path, &name) == 0)
		snprintf(slot->name, sizeof(slot->name), "%s", name);
	return 0;
}

int pt_vfio_users(const struct pt_host *host, const struct pt_function *const *function,
	size_t count, struct pt_vfio_user **ret, size_t *ret_count, struct pt_err *err)
{
	struct watches watches PT_CLEANUP(free_watches) = {0};
	struct pt_names PT_NAMES pids = {0};
	struct pt_vfio_user *users = NULL;
	size_t user_count = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = watch_function(host, &watches, function[i]);
	if (r == 0 && watches.count)
		r = pt_host_list(host, "/proc", &pids);
	if (r == -ENOENT)
		r = 0; /* a captured host without processes */
	for (size_t i = 0; r == 0 && i < pids.count; i++) {
		int group = PT_GROUP_NONE;

		if (strspn(pids.name[i], "0123456789") == strlen(pids.name[i]))
			group = group_held(host, &watches, pids.name[i]);
		if (group != PT_GROUP_NONE)
			r = note_user(host, pids.name[i], group, &users, &user_count);
	}
	if (r < 0) {
		free(users);
		return pt_err_errno(err, r, "look for users of vfio devices");
	}
	*ret = users;
	*ret_count = user_count;
	return 0;
}

bool pt_vfio_group_free(const struct pt_host *host, int group)
{
	char path[NODE_TEXT];
	PT_CLOSE int fd = -1;

	if (group < 0)
		return true;
	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	fd = pt_host_openat(host, path, O_RDWR | O_NONBLOCK);
	return fd != -EBUSY;
}
