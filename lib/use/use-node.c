// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/linux/systemd.h"
#include "lib/use/use-node.h"

#define NODE_TEXT     64
#define CGROUP_MAX    65536
#define GROUP_OPEN_MS 2000
#define FIRST_KEYS    0xfffffffeULL /* Escape to S */

/* A node that is looked for, and its place among what was asked. */
struct watch {
	const char *name;
	mode_t type; /* S_IFCHR or S_IFBLK, and number: of the node of that name; 0: there is none */
	dev_t number;
	size_t at;
};

struct search {
	const struct pt_host *host;
	struct watch *by_name;
	struct watch *by_number;
	size_t count;
	struct pt_opener *opener;
	size_t opener_count;
};

static int compare_names(const void *a, const void *b)
{
	const struct watch *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int compare_numbers(const void *a, const void *b)
{
	const struct watch *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

/*
 * The unit is the last part of a control group's path that is a unit's name: "/system.slice/jellyfin.service/worker".
 * Source: systemd's CGROUP_DELEGATION.md.
 */
static void find_unit(const char *text, char ret[static PT_UNIT_TEXT])
{
	static const char mark[] = ".service";
	char unit[PT_UNIT_TEXT];

	for (const char *at = text; (at = strstr(at, mark)); at++) {
		const char *end = at + strlen(mark), *begin = at;
		size_t length;

		while (begin > text && begin[-1] != '/')
			begin--;
		length = (size_t)(end - begin);
		if ((*end != '/' && *end != '\n' && *end) || length >= PT_UNIT_TEXT)
			continue;
		snprintf(unit, PT_UNIT_TEXT, "%.*s", (int)length, begin);
		/* whoever may make control groups may name them by any bytes */
		if (pt_unit_name_valid(unit))
			memcpy(ret, unit, PT_UNIT_TEXT);
	}
}

/*
 * "container 101" for a process below lxc/101 or lxc.payload.101; "" when it is in none. Its control group lies beside that
 * of the service that started it, which is told from its number.
 */
static void find_home(const struct pt_host *host, const char *pid, struct pt_opener *opener)
{
	static const char *const mark[] = {"/lxc/", "/lxc.payload.", "/docker-", "/docker/"};
	PT_FREE char *text = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/cgroup", pid);
	if (pt_host_read(host, path, CGROUP_MAX, &text, NULL) < 0)
		return;
	find_unit(text, opener->unit);
	for (size_t i = 0; i < PT_ARRAY_SIZE(mark); i++) {
		const char *found = strstr(text, mark[i]);
		int length;

		if (!found)
			continue;
		found += strlen(mark[i]);
		length = (int)strcspn(found, "/.\n");
		snprintf(opener->container, sizeof(opener->container), "container %.*s",
			length > 12 ? 12 : length, found);
		return;
	}
}

bool pt_process_is(const char *name)
{
	return strspn(name, "0123456789") == strlen(name);
}

void pt_process_look(const struct pt_host *host, const char *pid, struct pt_opener *ret)
{
	PT_FREE char *name = NULL;
	char path[64];

	*ret = (struct pt_opener){.pid = atoi(pid)};
	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	if (pt_host_read_line(host, path, &name) == 0)
		snprintf(ret->name, sizeof(ret->name), "%s", name);
	find_home(host, pid, ret);
}

static int note(struct search *search, const char *pid, size_t node)
{
	struct pt_opener *slot;
	int number = atoi(pid);

	pt_foreach (known, search->opener, search->opener_count) {
		if (known->pid == number && known->node == node)
			return 0;
	}
	slot = pt_array_grow(&search->opener, &search->opener_count, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	pt_process_look(search->host, pid, slot);
	slot->node = node;
	return 0;
}

/*
 * The name below /dev of what a descriptor is a link to, in place; NULL: nothing there. A process in a root of its own
 * has it below another folder, and it may be unlinked since.
 */
static const char *node_name(char *target)
{
	static const char deleted[] = " (deleted)";
	size_t length = strlen(target);
	const char *found = NULL;

	if (target[0] != '/')
		return NULL;
	if (length > strlen(deleted) && pt_streq(target + length - strlen(deleted), deleted))
		target[length - strlen(deleted)] = '\0';
	for (const char *at = target; (at = strstr(at, "/dev/")); at++)
		found = at;
	return found ? found + strlen("/dev/") : NULL;
}

/* Notes all that equal what is wanted: of two functions that share a node both are meant. */
static int note_equal(struct search *search, const char *pid, const struct watch *list,
	const struct watch *wanted, int (*compare)(const void *a, const void *b))
{
	const struct watch *end = list + search->count;
	const struct watch *found = bsearch(wanted, list, search->count, sizeof(*wanted), compare);
	int r = 0;

	if (!found)
		return 0;
	while (found > list && compare(found - 1, wanted) == 0)
		found--;
	for (; r == 0 && found < end && compare(found, wanted) == 0; found++) {
		/* by a name whose number is known, and is another: it is another device's */
		if (compare == compare_numbers || !found->type || !wanted->type)
			r = note(search, pid, found->at);
	}
	return r;
}

/*
 * A descriptor is of what its number says, whatever it is called: a container may have the second card's node under the name of
 * the first's. Below /dev alone that is looked up, and only of the running system: anywhere else a server may be away, and who
 * looks would hang. There the name counts.
 */
static int look_at_link(
	struct search *search, const char *pid, const char *folder, const char *fd, char *target)
{
	const bool in_dev = pt_starts_with(target, "/dev/");
	struct watch wanted = {.name = node_name(target)};
	PT_CLOSE int in = -1;
	struct stat st;
	int r = 0;

	if (!wanted.name)
		return 0;
	if (in_dev && pt_host_is_live(search->host))
		in = pt_host_openat(search->host, folder, O_PATH | O_DIRECTORY);
	if (in >= 0 && fstatat(in, fd, &st, 0) == 0) {
		if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
			return 0;
		wanted.type = st.st_mode & S_IFMT;
		wanted.number = st.st_rdev;
		r = note_equal(search, pid, search->by_number, &wanted, compare_numbers);
	}
	return r < 0 ? r : note_equal(search, pid, search->by_name, &wanted, compare_names);
}

static int look_at(struct search *search, const char *pid)
{
	struct pt_names PT_NAMES fds = {0};
	char path[NODE_TEXT];
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	if (pt_host_list(search->host, path, &fds) < 0)
		return 0; /* it ended meanwhile */
	for (size_t i = 0; r == 0 && i < fds.count; i++) {
		PT_FREE char *target = NULL;
		char file[NODE_TEXT + 280];

		snprintf(file, sizeof(file), "%s/%s", path, fds.name[i]);
		if (pt_host_link(search->host, file, &target) == 0)
			r = look_at_link(search, pid, path, fds.name[i], target);
	}
	return r;
}

static void watch_node(struct search *search, const char *name)
{
	struct watch *watch = &search->by_name[search->count];
	PT_FREE char *path = pt_format("/dev/%s", name);
	PT_CLOSE int fd = path ? pt_host_openat(search->host, path, O_PATH) : -1;
	struct stat st;

	*watch = (struct watch){.name = name, .at = search->count++};
	if (fd < 0 || fstat(fd, &st) < 0 || (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)))
		return;
	watch->type = st.st_mode & S_IFMT;
	watch->number = st.st_rdev;
}

static void free_watches(struct search *search)
{
	free(search->by_name);
	free(search->by_number);
	free(search->opener);
}

int pt_openers_find(const struct pt_host *host, const char *const *node, size_t count,
	struct pt_opener **ret, size_t *ret_count, struct pt_err *err)
{
	struct search search PT_CLEANUP(free_watches) = {.host = host,
		.by_name = calloc(count + 1, sizeof(struct watch)),
		.by_number = calloc(count + 1, sizeof(struct watch))};
	struct pt_names PT_NAMES pids = {0};
	int r = 0;

	if (!search.by_name || !search.by_number)
		return pt_err_nomem(err);
	while (search.count < count)
		watch_node(&search, node[search.count]);
	memcpy(search.by_number, search.by_name, count * sizeof(struct watch));
	qsort(search.by_name, count, sizeof(struct watch), compare_names);
	qsort(search.by_number, count, sizeof(struct watch), compare_numbers);
	if (count)
		r = pt_host_list(host, "/proc", &pids);
	if (r == -ENOENT)
		r = 0; /* a captured host without processes */
	for (size_t i = 0; r == 0 && i < pids.count; i++) {
		if (pt_process_is(pids.name[i]))
			r = look_at(&search, pids.name[i]);
	}
	if (r < 0)
		return pt_err_errno(err, r, "look for users of device nodes");
	*ret = PT_STEAL(search.opener);
	*ret_count = search.opener_count;
	return 0;
}

enum pt_use_kind pt_use_kind_of(const struct pt_devnode *node)
{
	if (node->kind == PT_DEVNODE_BLOCK)
		return PT_USE_BLOCK;
	if (pt_streq(node->subsystem, "drm") || pt_streq(node->subsystem, "graphics") ||
		pt_streq(node->subsystem, "nvidia"))
		return PT_USE_GPU;
	if (pt_streq(node->subsystem, "sound"))
		return PT_USE_SOUND;
	if (pt_streq(node->subsystem, "input") || pt_streq(node->subsystem, "hidraw"))
		return PT_USE_INPUT;
	return PT_USE_NODE;
}

static int use_node(
	struct pt_uses *uses, const struct pt_devnode *node, const struct pt_opener *opener)
{
	PT_FREE char *what = pt_format("/dev/%s", node->name);
	struct pt_use use = {.bdf = node->bdf, .pid = opener->pid};

	use.kind = pt_use_kind_of(node);
	/* a keyboard is told, and no more */
	use.weak = use.kind == PT_USE_INPUT;
	memcpy(use.unit, opener->unit, sizeof(use.unit));
	if (!what)
		return -ENOMEM;
	return pt_uses_add(uses, use, what,
		pt_format("is open in process %d (%s)%s%s", opener->pid, opener->name,
			opener->container[0] ? " of " : "", opener->container));
}

/* Whether it has the keys of a keyboard's first rows, as udev judges. Source: capabilities/key, linux/input-event-codes.h. */
static bool is_keyboard(const struct pt_host *host, const struct pt_devnode *node)
{
	PT_FREE char *path = pt_format("/sys/class/%s/device/capabilities/key", node->name);
	PT_FREE char *keys = NULL;
	const char *lowest;

	if (!pt_starts_with(node->name, "input/event") || !path ||
		pt_host_read_line(host, path, &keys) < 0)
		return false;
	/* words of 64 keys, the lowest last */
	lowest = strrchr(keys, ' ');
	return (strtoull(lowest ? lowest : keys, NULL, 16) & FIRST_KEYS) == FIRST_KEYS;
}

/* The console reads keyboards, and has no node of theirs open. */
static int use_keyboard(
	const struct pt_host *host, struct pt_uses *uses, const struct pt_devnode *node)
{
	struct pt_use use = {.bdf = node->bdf, .kind = PT_USE_INPUT, .weak = true};
	PT_FREE char *what = pt_format("/dev/%s", node->name);

	if (!what)
		return -ENOMEM;
	return is_keyboard(host, node) ? pt_uses_add(uses, use, what, pt_format("is a keyboard"))
				       : 0;
}

int pt_use_nodes(const struct pt_host *host, const struct pt_devnodes *nodes, struct pt_uses *uses,
	struct pt_err *err)
{
	const char **name = calloc(nodes->count ? nodes->count : 1, sizeof(*name));
	size_t *index = calloc(nodes->count ? nodes->count : 1, sizeof(*index));
	struct pt_opener *opener = NULL;
	size_t count = 0, openers = 0;
	int r = name && index ? 0 : pt_err_nomem(err);

	for (size_t i = 0; r == 0 && i < nodes->count; i++) {
		if (nodes->node[i].kind == PT_DEVNODE_NET)
			continue;
		name[count] = nodes->node[i].name;
		index[count++] = i;
	}
	if (r == 0)
		r = pt_openers_find(host, name, count, &opener, &openers, err);
	for (size_t i = 0; r == 0 && i < openers; i++) {
		if (use_node(uses, &nodes->node[index[opener[i].node]], &opener[i]) < 0)
			r = pt_err_nomem(err);
	}
	for (size_t i = 0; r == 0 && i < nodes->count; i++) {
		if (use_keyboard(host, uses, &nodes->node[i]) < 0)
			r = pt_err_nomem(err);
	}
	free(opener);
	free(name);
	free(index);
	return r;
}

/* Nodes of vfio, and the group that each stands for. */
struct vfio_nodes {
	char (*name)[NODE_TEXT];
	int *group;
	size_t count, groups;
};

static void free_vfio_nodes(struct vfio_nodes *nodes)
{
	free(nodes->name);
	free(nodes->group);
}

static int add_vfio_node(struct vfio_nodes *nodes, int group, const char *folder, const char *name)
{
	char(*slot)[NODE_TEXT] = pt_array_grow(&nodes->name, &nodes->count, sizeof(*slot));
	int *number = slot ? pt_array_grow(&nodes->group, &nodes->groups, sizeof(*number)) : NULL;

	if (!number)
		return -ENOMEM;
	*number = group;
	snprintf(*slot, sizeof(*slot), "vfio/%s%.32s", folder, name);
	return 0;
}

static int add_vfio_nodes(
	const struct pt_host *host, struct vfio_nodes *nodes, const struct pt_function *function)
{
	struct pt_names PT_NAMES devices = {0};
	char path[PT_PCI_PATH], group[16];
	int r;

	if (function->group < 0)
		return 0;
	snprintf(group, sizeof(group), "%d", function->group);
	r = add_vfio_node(nodes, function->group, "", group);
	if (r < 0 || !function->has_vfio_dev ||
		pt_host_list(host, pt_pci_path(&function->bdf, "vfio-dev", path), &devices) < 0)
		return r;
	for (size_t i = 0; r == 0 && i < devices.count; i++)
		r = add_vfio_node(nodes, function->group, "devices/", devices.name[i]);
	return r;
}

static int list_users(const struct vfio_nodes *nodes, const struct pt_opener *opener, size_t count,
	struct pt_vfio_user **ret, size_t *ret_count)
{
	pt_foreach (one, opener, count) {
		struct pt_vfio_user *slot = pt_array_grow(ret, ret_count, sizeof(*slot));

		if (!slot)
			return -ENOMEM;
		slot->group = nodes->group[one->node];
		slot->pid = one->pid;
		memcpy(slot->name, one->name, sizeof(slot->name));
	}
	return 0;
}

int pt_vfio_users(const struct pt_host *host, const struct pt_function *const *function,
	size_t count, struct pt_vfio_user **ret, size_t *ret_count, struct pt_err *err)
{
	struct vfio_nodes nodes PT_CLEANUP(free_vfio_nodes) = {0};
	struct pt_vfio_user *user = NULL;
	struct pt_opener *opener = NULL;
	size_t openers = 0, users = 0;
	const char **name;
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_vfio_nodes(host, &nodes, function[i]);
	name = r == 0 ? calloc(nodes.count ? nodes.count : 1, sizeof(*name)) : NULL;
	if (!name)
		return pt_err_nomem(err);
	for (size_t i = 0; i < nodes.count; i++)
		name[i] = nodes.name[i];
	r = pt_openers_find(host, name, nodes.count, &opener, &openers, err);
	if (r == 0 && list_users(&nodes, opener, openers, &user, &users) < 0)
		r = pt_err_nomem(err);
	free(opener);
	free(name);
	if (r < 0) {
		free(user);
		return r;
	}
	*ret = user;
	*ret_count = users;
	return 0;
}

bool pt_vfio_group_free(const struct pt_host *host, int group)
{
	char path[NODE_TEXT];
	int r;

	if (group < 0)
		return true;
	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	/* while the device of a QEMU that dies is reset, opening it may hang */
	r = pt_host_try_open(host, path, O_RDWR | O_NONBLOCK, pt_now_ms() + GROUP_OPEN_MS);
	/* nor is one that could not be asked for */
	return r != -EBUSY && r != -ETIME && r != -EAGAIN && r != -ENOMEM;
}
