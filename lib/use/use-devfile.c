// SPDX-License-Identifier: AGPL-3.0-or-later
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/linux/systemd.h"
#include "lib/use/use-devfile.h"

#define DEVFILE_TEXT	64
#define CGROUP_MAX	65536
#define CONTAINER_ID	12 /* characters; docker shows as many */
#define GROUP_OPEN_MS	2000
#define LOOK_MS		10000
#define LOOKS_PER_CLOCK 4096
#define ENTRIES_SIZE	4096
#define FIRST_KEYS	0xfffffffeULL /* Escape to S */

/* A wanted device file, and its index in the request. */
struct watch {
	const char *name;
	mode_t type; /* S_IFCHR or S_IFBLK, and number; 0: unknown */
	dev_t number;
	size_t at;
};

/* A number cannot be chosen by the user of a file, and a name can: only on another host's copy,
 * where there are no numbers, the name counts. */
struct search {
	const struct pt_host *host;
	struct watch *watch; /* sorted by compare */
	size_t count;
	int (*compare)(const void *a, const void *b);
	struct pt_opener *opener;
	size_t opener_count;
	long long until; /* when looking ends; anybody can have descriptors without end */
	size_t looked;	 /* descriptors */
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

/* Returns the path of a process's control group in systemd's hierarchy, in place, or NULL. Source:
 * cgroups(7). */
static char *group_path(char *text)
{
	char *path = NULL, *rest;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *colon = strchr(line, ':'), *end = colon ? strchr(colon + 1, ':') : NULL;

		if (!end)
			continue;
		if (pt_starts_with(colon, ":name=systemd:"))
			return end + 1;
		if (pt_starts_with(line, "0::"))
			path = end + 1;
	}
	return path;
}

/* The unit of the system is the first part of the path that is no slice: whoever a unit delegates
 * its group to names the parts behind it. Source: systemd, CGROUP_DELEGATION.md. */
static void find_unit(const char *path, char ret[static PT_UNIT_TEXT])
{
	for (const char *at = path; *at == '/';) {
		size_t length = strcspn(++at, "/");
		PT_FREE char *part = pt_strndup(at, length);

		at += length;
		if (pt_ends_with(part, ".slice"))
			continue;
		if (length < PT_UNIT_TEXT && pt_ends_with(part, ".service") &&
			pt_unit_name_valid(part))
			snprintf(ret, PT_UNIT_TEXT, "%s", part);
		return;
	}
}

/* Finds a process's container and unit by its control group. LXC and docker name the first part, or
 * the first below system.slice; any other may be a user's. */
static void find_home(const struct pt_host *host, const char *pid, struct pt_opener *opener)
{
	static const struct {
		const char *mark, *prefix;
	} marks[] = {
		{"/lxc/", ""},
		{"/lxc.payload.", ""},
		{"/system.slice/docker-", "docker-"},
		{"/docker/", "docker-"},
	};
	PT_FREE char *text = NULL;
	const char *group;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/cgroup", pid);
	if (pt_host_read(host, path, CGROUP_MAX, &text, NULL) < 0)
		return;
	group = group_path(text);
	if (!group)
		return;
	find_unit(group, opener->unit);
	pt_foreach (one, marks, PT_ARRAY_SIZE(marks)) {
		int length;

		if (!pt_starts_with(group, one->mark))
			continue;
		group += strlen(one->mark);
		length = (int)strcspn(group, "/.");
		snprintf(opener->container, sizeof(opener->container), "%s%.*s", one->prefix,
			length > CONTAINER_ID ? CONTAINER_ID : length, group);
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

static void note(struct search *search, const char *pid, size_t devfile)
{
	struct pt_opener *slot;
	int number = atoi(pid);

	pt_foreach (known, search->opener, search->opener_count) {
		if (known->pid == number && known->devfile == devfile)
			return;
	}
	slot = pt_array_grow(&search->opener, &search->opener_count, sizeof(*slot));
	pt_process_look(search->host, pid, slot);
	slot->devfile = devfile;
}

/* Returns the name below /dev of a descriptor's link, in place; NULL: none. Another root has it
 * below another folder, and it may be unlinked. */
static const char *devfile_name(char *target)
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

static void note_equal(struct search *search, const char *pid, const struct watch *wanted)
{
	const struct watch *end = search->watch + search->count;
	const struct watch *found =
		bsearch(wanted, search->watch, search->count, sizeof(*wanted), search->compare);

	if (!found)
		return;
	while (found > search->watch && search->compare(found - 1, wanted) == 0)
		found--;
	for (; found < end && search->compare(found, wanted) == 0; found++)
		note(search, pid, found->at);
}

/* Counts one more descriptor. Returns whether there is time to look at it. */
static bool has_time(struct search *search)
{
	return ++search->looked % LOOKS_PER_CLOCK || pt_now_ms() < search->until;
}

/* Looks at a descriptor by its number: one call, which asks no server of a network file system.
 * Source: statx(2), AT_STATX_DONT_SYNC. */
static void look_at_number(struct search *search, const char *pid, int folder, const char *fd)
{
	struct watch wanted = {0};
	struct statx st;

	if (statx(folder, fd, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &st) < 0)
		return;
	wanted.type = st.stx_mode & S_IFMT;
	wanted.number = makedev(st.stx_rdev_major, st.stx_rdev_minor);
	if (wanted.type == S_IFCHR || wanted.type == S_IFBLK)
		note_equal(search, pid, &wanted);
}

/* A node has thousands of processes: readdir(3) would ask twice as much of the kernel. */
static int look_at_numbers(struct search *search, const char *pid, int folder)
{
	alignas(struct dirent64) char entries[ENTRIES_SIZE];
	ssize_t n;

	while ((n = getdents64(folder, entries, sizeof(entries))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const struct dirent64 *)(entries + at);

			at += entry->d_reclen;
			if (entry->d_name[0] == '.')
				continue;
			if (!has_time(search))
				return -ETIME;
			look_at_number(search, pid, folder, entry->d_name);
		}
	}
	return n < 0 ? -errno : 0;
}

static int look_at_names(struct search *search, const char *pid, const char *folder)
{
	struct pt_names PT_NAMES fds = {0};
	int r = pt_host_list(search->host, folder, &fds);

	if (r < 0)
		return r;
	pt_foreach (fd, fds.name, fds.count) {
		PT_FREE char *path = pt_format("%s/%s", folder, *fd);
		PT_FREE char *target = NULL;
		struct watch wanted = {0};

		if (!has_time(search))
			return -ETIME;
		if (pt_host_link(search->host, path, &target) < 0)
			continue;
		wanted.name = devfile_name(target);
		if (wanted.name)
			note_equal(search, pid, &wanted);
	}
	return 0;
}

static int look_at_all(struct search *search, const char *pid)
{
	PT_CLOSE int folder = -1;
	char path[DEVFILE_TEXT];

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	if (search->compare == compare_names)
		return look_at_names(search, pid, path);
	folder = pt_host_openat(search->host, path, O_RDONLY | O_DIRECTORY);
	return folder < 0 ? folder : look_at_numbers(search, pid, folder);
}

static int look_at(struct search *search, const char *pid, struct pt_err *err)
{
	struct pt_opener process;

	/* with another error it ended meanwhile */
	if (look_at_all(search, pid) != -ETIME)
		return 0;
	pt_process_look(search->host, pid, &process);
	return pt_err_set(err, -ETIME,
		"process %d (%s) and others have so many files open that the users of devices "
		"cannot be found within %d s; end it",
		process.pid, process.name, LOOK_MS / 1000);
}

/* One that is not there has no number, and nobody opens it. One that cannot be looked at now is an
 * error: nobody would look for its users. */
static int watch_devfile(struct search *search, const char *name, struct pt_err *err)
{
	struct watch *watch = &search->watch[search->count];
	PT_FREE char *path = pt_format("/dev/%s", name);
	PT_CLOSE int fd = pt_host_openat(search->host, path, O_PATH);
	struct stat st;

	*watch = (struct watch){.name = name, .at = search->count++};
	if (fd == -ENOENT || fd == -ENOTDIR || !pt_host_is_live(search->host))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return pt_err_errno(err, fd < 0 ? fd : -errno, "%s", path);
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
		watch->type = st.st_mode & S_IFMT;
		watch->number = st.st_rdev;
	}
	return 0;
}

/* Whether any of the device files is there to be opened. */
static bool has_watch(const struct search *search)
{
	pt_foreach (watch, search->watch, search->count) {
		if (watch->type || search->compare == compare_names)
			return true;
	}
	return false;
}

static void clear_search(struct search *search)
{
	free(search->watch);
	free(search->opener);
}

int pt_openers_find(const struct pt_host *host, const char *const *devfile, size_t count,
	struct pt_opener **ret, size_t *ret_count, struct pt_err *err)
{
	struct search search PT_CLEANUP(clear_search) = {.host = host,
		.watch = pt_calloc(count + 1, sizeof(struct watch)),
		.compare = pt_host_is_live(host) ? compare_numbers : compare_names,
		.until = pt_now_ms() + LOOK_MS};
	struct pt_names PT_NAMES pids = {0};
	int r = 0;

	while (r == 0 && search.count < count)
		r = watch_devfile(&search, devfile[search.count], err);
	if (r < 0)
		return r;
	qsort(search.watch, count, sizeof(struct watch), search.compare);
	if (has_watch(&search))
		r = pt_host_list(host, "/proc", &pids);
	if (r == -ENOENT)
		r = 0; /* a captured host without processes */
	if (r < 0)
		return pt_err_errno(err, r, "look for users of device files");
	pt_foreach (pid, pids.name, pids.count) {
		r = pt_process_is(*pid) ? look_at(&search, *pid, err) : 0;
		if (r < 0)
			return r;
	}
	*ret = PT_STEAL(search.opener);
	*ret_count = search.opener_count;
	return 0;
}

void pt_use_by(struct pt_use *use, const struct pt_opener *opener)
{
	use->pid = opener->pid;
	memcpy(use->process, opener->name, sizeof(use->process));
	memcpy(use->container, opener->container, sizeof(use->container));
	memcpy(use->unit, opener->unit, sizeof(use->unit));
}

enum pt_use_kind pt_use_kind_of(const struct pt_devfile *devfile)
{
	if (devfile->kind == PT_DEVFILE_BLOCK)
		return PT_USE_BLOCK;
	if (pt_streq(devfile->subsystem, "drm") || pt_streq(devfile->subsystem, "graphics") ||
		pt_streq(devfile->subsystem, "nvidia"))
		return PT_USE_GPU;
	if (pt_streq(devfile->subsystem, "sound"))
		return PT_USE_SOUND;
	if (pt_streq(devfile->subsystem, "input") || pt_streq(devfile->subsystem, "hidraw"))
		return PT_USE_INPUT;
	return PT_USE_DEVFILE;
}

static void use_devfile(
	struct pt_uses *uses, const struct pt_devfile *devfile, const struct pt_opener *opener)
{
	PT_FREE char *what = pt_format("/dev/%s", devfile->name);
	struct pt_use use = {.bdf = devfile->bdf,
		.kind = pt_use_kind_of(devfile),
		.how = PT_USE_OPEN,
		.what = what};

	/* a keyboard only warns */
	use.weak = use.kind == PT_USE_INPUT;
	pt_use_by(&use, opener);
	pt_uses_add(uses, &use);
}

/* Whether it has a keyboard's first rows, as udev judges. Source: linux/input-event-codes.h. */
static bool is_keyboard(const struct pt_host *host, const struct pt_devfile *devfile)
{
	PT_FREE char *path = pt_format("/sys/class/%s/device/capabilities/key", devfile->name);
	PT_FREE char *keys = NULL;
	const char *lowest;

	if (!pt_starts_with(devfile->name, "input/event") ||
		pt_host_read_line(host, path, &keys) < 0)
		return false;
	/* words of 64 keys, the lowest last */
	lowest = strrchr(keys, ' ');
	return (strtoull(lowest ? lowest : keys, NULL, 16) & FIRST_KEYS) == FIRST_KEYS;
}

/* The console reads keyboards, and has no device file of theirs open. */
static void use_keyboard(
	const struct pt_host *host, struct pt_uses *uses, const struct pt_devfile *devfile)
{
	PT_FREE char *what = pt_format("/dev/%s", devfile->name);
	const struct pt_use use = {.bdf = devfile->bdf,
		.kind = PT_USE_INPUT,
		.how = PT_USE_KEYBOARD,
		.weak = true,
		.what = what};

	if (is_keyboard(host, devfile))
		pt_uses_add(uses, &use);
}

int pt_use_devfiles(const struct pt_host *host, const struct pt_devfiles *devfiles,
	struct pt_uses *uses, struct pt_err *err)
{
	const char **name = pt_calloc(devfiles->count, sizeof(*name));
	size_t *index = pt_calloc(devfiles->count, sizeof(*index));
	struct pt_opener *opener = NULL;
	size_t count = 0, openers = 0;
	int r;

	for (size_t i = 0; i < devfiles->count; i++) {
		if (devfiles->devfile[i].kind == PT_DEVFILE_NET)
			continue;
		name[count] = devfiles->devfile[i].name;
		index[count++] = i;
	}
	r = pt_openers_find(host, name, count, &opener, &openers, err);
	for (size_t i = 0; i < openers; i++)
		use_devfile(uses, &devfiles->devfile[index[opener[i].devfile]], &opener[i]);
	for (size_t i = 0; i < devfiles->count; i++)
		use_keyboard(host, uses, &devfiles->devfile[i]);
	free(opener);
	free(name);
	free(index);
	return r;
}

/* Device files of vfio, and the group that each stands for. */
struct vfio_files {
	char (*name)[DEVFILE_TEXT];
	int *group;
	size_t count, groups;
};

static void free_vfio_files(struct vfio_files *devfiles)
{
	free(devfiles->name);
	free(devfiles->group);
}

static void add_vfio_file(
	struct vfio_files *devfiles, int group, const char *folder, const char *name)
{
	char(*slot)[DEVFILE_TEXT] = pt_array_grow(&devfiles->name, &devfiles->count, sizeof(*slot));
	int *number = pt_array_grow(&devfiles->group, &devfiles->groups, sizeof(*number));

	*number = group;
	snprintf(*slot, sizeof(*slot), "vfio/%s%.32s", folder, name);
}

static void add_vfio_files(
	const struct pt_host *host, struct vfio_files *devfiles, const struct pt_function *function)
{
	struct pt_names PT_NAMES devices = {0};
	char path[PT_PCI_PATH], group[16];

	if (function->group < 0)
		return;
	snprintf(group, sizeof(group), "%d", function->group);
	add_vfio_file(devfiles, function->group, "", group);
	if (!function->has_vfio_dev ||
		pt_host_list(host, pt_pci_path(&function->bdf, "vfio-dev", path), &devices) < 0)
		return;
	for (size_t i = 0; i < devices.count; i++)
		add_vfio_file(devfiles, function->group, "devices/", devices.name[i]);
}

static void list_users(const struct vfio_files *devfiles, const struct pt_opener *opener,
	size_t count, struct pt_vfio_user **ret, size_t *ret_count)
{
	pt_foreach (one, opener, count) {
		struct pt_vfio_user *slot = pt_array_grow(ret, ret_count, sizeof(*slot));

		slot->group = devfiles->group[one->devfile];
		slot->pid = one->pid;
		memcpy(slot->name, one->name, sizeof(slot->name));
	}
}

int pt_vfio_users(const struct pt_host *host, const struct pt_function *const *function,
	size_t count, struct pt_vfio_user **ret, size_t *ret_count, struct pt_err *err)
{
	struct vfio_files devfiles PT_CLEANUP(free_vfio_files) = {0};
	struct pt_opener *opener = NULL;
	size_t openers = 0;
	const char **name;
	int r;

	for (size_t i = 0; i < count; i++)
		add_vfio_files(host, &devfiles, function[i]);
	name = pt_calloc(devfiles.count, sizeof(*name));
	for (size_t i = 0; i < devfiles.count; i++)
		name[i] = devfiles.name[i];
	r = pt_openers_find(host, name, devfiles.count, &opener, &openers, err);
	free(name);
	if (r < 0)
		return r;
	*ret = NULL;
	*ret_count = 0;
	list_users(&devfiles, opener, openers, ret, ret_count);
	free(opener);
	return 0;
}

bool pt_vfio_group_free(const struct pt_host *host, int group)
{
	char path[DEVFILE_TEXT];
	int r;

	if (group < 0)
		return true;
	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	/* while the device of a QEMU that dies is reset, opening it may hang */
	r = pt_host_try_open(host, path, O_RDWR | O_NONBLOCK, pt_now_ms() + GROUP_OPEN_MS);
	/* one that could not be asked for is not free */
	return r == 0 || r == -ENOENT || r == -ENODEV;
}
