// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/fake.h"

static _Noreturn void die(const char *what)
{
	perror(what);
	abort();
}

static void note(void *data, enum pt_log_level level, const char *line)
{
	struct fake *fake = data;
	char *said = pt_format("%s%s%s\n", fake->said, pt_log_mark(level), line);

	if (!said)
		die("log");
	free(fake->said);
	fake->said = said;
}

static char *path_in(const struct fake *fake, const char *path)
{
	char *full = pt_format("%s%s", fake->root, path);

	if (!full)
		die("path");
	return full;
}

static void make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			die(path);
		*slash = '/';
	}
}

void fake_bytes(struct fake *fake, const char *path, const char *bytes, size_t length)
{
	PT_FREE char *full = path_in(fake, path);
	FILE *file;

	make_parents(full);
	file = fopen(full, "we");
	if (!file || fwrite(bytes, 1, length, file) != length || fclose(file) != 0)
		die(full);
}

void fake_file(struct fake *fake, const char *path, const char *text)
{
	fake_bytes(fake, path, text, strlen(text));
}

void fake_dir(struct fake *fake, const char *path)
{
	PT_FREE char *full = path_in(fake, path);

	make_parents(full);
	if (mkdir(full, 0755) < 0 && errno != EEXIST)
		die(full);
}

void fake_link(struct fake *fake, const char *path, const char *target)
{
	PT_FREE char *full = path_in(fake, path);

	make_parents(full);
	unlink(full);
	if (symlink(target, full) < 0)
		die(full);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void fake_remove(struct fake *fake, const char *path)
{
	PT_FREE char *full = path_in(fake, path);

	nftw(full, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char *fake_read(struct fake *fake, const char *path)
{
	PT_FREE char *full = path_in(fake, path);
	char text[65536];
	ssize_t n = readlink(full, text, sizeof(text) - 1);
	int fd;

	if (n < 0) {
		fd = open(full, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return NULL;
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (n < 0)
		die(full);
	text[n] = '\0';
	return strdup(text);
}

/* --- the made kernel: everything below runs in the writer child --- */

static int read_at(int root, const char *path, char *text, size_t size)
{
	int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

/* What fake_fault asked for: 1 when the write is dealt with, its result in ret. */
static int apply_fault(int root, const char *op, const char *bdf, int *ret)
{
	char path[128], what[32];

	snprintf(path, sizeof(path), "fault/%s-%s", op, bdf);
	if (read_at(root, path, what, sizeof(what)) < 0)
		return 0;
	*ret = 0;
	if (pt_streq(what, "done-hang"))
		return 0;
	if (pt_starts_with(what, "late-")) {
		struct timespec pause = {.tv_nsec = atol(what + 5) * 1000000};

		nanosleep(&pause, NULL);
		return 0;
	}
	if (pt_streq(what, "stuck")) {
		/* outlives SIGKILL as a D state does: a twin holds the same descriptors for a while */
		if (fork() == 0) {
			sleep(2);
			_exit(0);
		}
		pause();
	}
	if (pt_streq(what, "hang"))
		pause();
	if (pt_streq(what, "exit"))
		raise(SIGKILL);
	*ret = -atoi(what); /* "lie" is 0 */
	return 1;
}

static int device_path(char path[static 160], const char *bdf, const char *name)
{
	return snprintf(path, 160, "sys/bus/pci/devices/%s/%s", bdf, name);
}

static int set_override(int root, const char *bdf, const char *text)
{
	char path[160];
	int fd;

	device_path(path, bdf, "driver_override");
	fd = openat(root, path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dprintf(fd, "%s\n", pt_streq(text, "\n") || !*text ? "(null)" : text);
	close(fd);
	return 0;
}

/* A driver takes a function when the override names it, or, without override, when its ids match. */
static bool driver_matches(int root, const char *driver, const char *bdf)
{
	char path[160], override[64] = "(null)", home[64] = "";

	device_path(path, bdf, "driver_override");
	read_at(root, path, override, sizeof(override));
	if (!pt_streq(override, "(null)"))
		return pt_streq(override, driver);
	device_path(path, bdf, "fake-matches");
	read_at(root, path, home, sizeof(home));
	return pt_streq(home, driver);
}

static int bind(int root, const char *driver, const char *bdf)
{
	char path[160], target[128];

	device_path(path, bdf, "driver");
	if (faccessat(root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return -EBUSY;
	if (!driver_matches(root, driver, bdf))
		return -ENODEV;
	snprintf(target, sizeof(target), "/sys/bus/pci/drivers/%s", driver);
	return symlinkat(target, root, path) < 0 ? -errno : 0;
}

static int unbind(int root, const char *bdf)
{
	char path[160];

	device_path(path, bdf, "driver");
	return unlinkat(root, path, 0) < 0 ? -ENODEV : 0;
}

static int set_vfs(int root, const char *bdf, const char *text)
{
	char path[160];
	int fd;

	device_path(path, bdf, "sriov_numvfs");
	fd = openat(root, path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dprintf(fd, "%s\n", text);
	close(fd);
	return 0;
}

/* Notes the write, so that tests see what was written in which order: "op function", a line each. */
static void journal(int root, const char *op, const char *bdf)
{
	int fd = openat(root, "journal", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (fd < 0)
		return;
	dprintf(fd, "%s %s\n", op, bdf);
	close(fd);
}

/* "done-hang": the driver link has changed, and probe or remove hangs. */
static int hang_after(int root, const char *op, const char *bdf, int result)
{
	char path[160], what[32];

	snprintf(path, sizeof(path), "fault/%s-%s", op, bdf);
	if (read_at(root, path, what, sizeof(what)) == 0 && pt_streq(what, "done-hang"))
		pause();
	return result;
}

/* What a write does to the state of the folder. */
static int change(int root, const char *op, const char *name, const char *text)
{
	if (pt_starts_with(op, "bind-"))
		return bind(root, op + strlen("bind-"), name);
	if (pt_streq(op, "unbind"))
		return unbind(root, name);
	if (pt_streq(op, "override"))
		return set_override(root, name, text);
	return set_vfs(root, name, text);
}

static int react(void *data, int root, const char *path, int fd, const char *text)
{
	char name[64], driver[64], op[96] = "";
	int r;

	(void)data;
	(void)fd;
	if (sscanf(path, "/sys/bus/pci/drivers/%63[^/]/bind", driver) == 1 &&
		strstr(path, "/bind")) {
		snprintf(op, sizeof(op), "bind-%s", driver);
		snprintf(name, sizeof(name), "%s", text);
	} else if (sscanf(path, "/sys/bus/pci/devices/%63[^/]/", name) == 1) {
		snprintf(op, sizeof(op), "%s",
			strstr(path, "/driver/unbind")	   ? "unbind"
			: strstr(path, "/driver_override") ? "override"
			: strstr(path, "/sriov_numvfs")	   ? "numvfs"
							   : "");
	}
	if (!*op)
		return -EINVAL;
	journal(root, op, name);
	if (apply_fault(root, op, name, &r))
		return r;
	return hang_after(root, op, name, change(root, op, name, text));
}

void fake_fault(struct fake *fake, const char *op, const char *bdf, const char *what)
{
	PT_FREE char *path = pt_format("/fault/%s-%s", op, bdf);

	if (path)
		fake_file(fake, path, what);
}

void fake_open(struct fake *fake)
{
	struct pt_err err;

	*fake = (struct fake){.log = {.emit = note, .data = fake}, .said = strdup("")};
	snprintf(fake->root, sizeof(fake->root), "/tmp/pt-fake-XXXXXX");
	if (!fake->said || !mkdtemp(fake->root))
		die(fake->root);
	if (pt_host_open(&fake->host, fake->root, &fake->log, &err) < 0)
		die(err.text);
	fake_react(fake->host);
}

void fake_react(struct pt_host *host)
{
	pt_host_set_writer(host, react, NULL);
}

void fake_close(struct fake *fake)
{
	fake_remove(fake, "");
	pt_host_close_p(&fake->host);
	pt_free_char(&fake->said);
}

/* --- trees --- */

static const char *text_of(struct json_object *json, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(json, key, &value))
		return NULL;
	return json_object_get_string(value);
}

static void device_file(struct fake *fake, const char *addr, const char *name, const char *text)
{
	PT_FREE char *path = pt_format("/sys/bus/pci/devices/%s/%s", addr, name);
	PT_FREE char *line = pt_format("%s\n", text);

	if (path && line)
		fake_file(fake, path, line);
}

static void device_link(struct fake *fake, const char *addr, const char *name, const char *target)
{
	PT_FREE char *path = pt_format("/sys/bus/pci/devices/%s/%s", addr, name);

	if (path)
		fake_link(fake, path, target);
}

static void add_driver(struct fake *fake, const char *name)
{
	static const char *const files[] = {"bind", "unbind", "new_id"};

	for (size_t i = 0; i < PT_ARRAY_SIZE(files); i++) {
		PT_FREE char *path = pt_format("/sys/bus/pci/drivers/%s/%s", name, files[i]);

		if (path)
			fake_file(fake, path, "");
	}
}

static void bind_to(struct fake *fake, const char *addr, const char *driver)
{
	PT_FREE char *target = pt_format("/sys/bus/pci/drivers/%s", driver);

	add_driver(fake, driver);
	device_link(fake, addr, "driver", target);
	if (!pt_streq(driver, "vfio-pci"))
		device_file(fake, addr, "fake-matches", driver);
}

static void join_group(struct fake *fake, const char *addr, const char *group)
{
	PT_FREE char *target = pt_format("/sys/kernel/iommu_groups/%s", group);
	PT_FREE char *member = pt_format("/sys/kernel/iommu_groups/%s/devices/%s", group, addr);
	PT_FREE char *device = pt_format("/sys/bus/pci/devices/%s", addr);

	if (!target || !member || !device)
		die("group");
	device_link(fake, addr, "iommu_group", target);
	fake_link(fake, member, device);
}

static void add_mdev_types(struct fake *fake, const char *addr, struct json_object *types)
{
	PT_FREE char *dir = pt_format("/sys/bus/pci/devices/%s/mdev_supported_types", addr);

	fake_dir(fake, dir);
	json_object_object_foreach(types, type, values)
	{
		json_object_object_foreach(values, key, value)
		{
			PT_FREE char *path = pt_format("%s/%s/%s", dir, type, key);

			if (path)
				fake_file(fake, path, json_object_get_string(value));
		}
	}
}

static void add_extras(struct fake *fake, const char *addr, struct json_object *function)
{
	struct json_object *extra;

	if (json_object_object_get_ex(function, "mdev_types", &extra))
		add_mdev_types(fake, addr, extra);
	if (json_object_object_get_ex(function, "nvidia", &extra)) {
		json_object_object_foreach(extra, file, text)
		{
			PT_FREE char *name = pt_format("nvidia/%s", file);

			device_file(fake, addr, name, json_object_get_string(text));
		}
	}
	if (json_object_object_get_ex(function, "files", &extra)) {
		json_object_object_foreach(extra, file2, text2)
			device_file(fake, addr, file2, json_object_get_string(text2));
	}
	if (json_object_object_get_ex(function, "links", &extra)) {
		json_object_object_foreach(extra, name3, target3)
		{
			const char *base = strrchr(json_object_get_string(target3), '/');

			if (pt_streq(name3, "iommu_group") && base)
				join_group(fake, addr, base + 1);
			else
				device_link(fake, addr, name3, json_object_get_string(target3));
		}
	}
	if (json_object_object_get_ex(function, "dirs", &extra)) {
		for (size_t i = 0; i < json_object_array_length(extra); i++) {
			PT_FREE char *path = pt_format("/sys/bus/pci/devices/%s/%s", addr,
				json_object_get_string(json_object_array_get_idx(extra, i)));

			fake_dir(fake, path);
		}
	}
}

static void add_vfs(struct fake *fake, const char *addr, struct json_object *function)
{
	struct json_object *vfs;
	const char *physfn = text_of(function, "physfn");
	char name[32];

	if (physfn) {
		PT_FREE char *target = pt_format("../%s", physfn);

		device_link(fake, addr, "physfn", target);
	}
	if (!json_object_object_get_ex(function, "virtfns", &vfs))
		return;
	for (size_t i = 0; i < json_object_array_length(vfs); i++) {
		PT_FREE char *target = pt_format(
			"../%s", json_object_get_string(json_object_array_get_idx(vfs, i)));

		snprintf(name, sizeof(name), "virtfn%zu", i);
		device_link(fake, addr, name, target);
	}
	snprintf(name, sizeof(name), "%zu", json_object_array_length(vfs));
	device_file(fake, addr, "sriov_numvfs", name);
	device_file(fake, addr, "sriov_totalvfs", "8");
}

static void add_function(struct fake *fake, struct json_object *function)
{
	static const char *const ids[] = {
		"vendor", "device", "class", "subsystem_vendor", "subsystem_device"};
	const char *addr = text_of(function, "addr");
	PT_FREE char *dir = pt_format("/sys/bus/pci/devices/%s", addr);
	const char *driver = text_of(function, "driver"), *group = text_of(function, "iommu_group");
	struct json_object *value;

	fake_dir(fake, dir);
	for (size_t i = 0; i < PT_ARRAY_SIZE(ids); i++) {
		if (text_of(function, ids[i]))
			device_file(fake, addr, ids[i], text_of(function, ids[i]));
	}
	if (!json_object_object_get_ex(function, "irq", &value))
		device_file(fake, addr, "irq", "16");
	else if (value)
		device_file(fake, addr, "irq", json_object_get_string(value));
	device_file(fake, addr, "driver_override",
		text_of(function, "override") ? text_of(function, "override") : "(null)");
	if (driver)
		bind_to(fake, addr, driver);
	if (group)
		join_group(fake, addr, group);
	if (text_of(function, "reset"))
		device_file(fake, addr, "reset", "");
	if (text_of(function, "pci_bus")) {
		PT_FREE char *bus = pt_format("%s/pci_bus", dir);

		fake_dir(fake, bus);
	}
	if (text_of(function, "bind_fails"))
		fake_fault(fake, "bind-vfio-pci", addr, "22");
	add_vfs(fake, addr, function);
	add_extras(fake, addr, function);
}

static void add_group_extra(struct fake *fake, struct json_object *groups)
{
	json_object_object_foreach(groups, group, names)
	{
		for (size_t i = 0; i < json_object_array_length(names); i++) {
			PT_FREE char *path = pt_format("/sys/kernel/iommu_groups/%s/devices/%s",
				group, json_object_get_string(json_object_array_get_idx(names, i)));

			fake_link(fake, path, "/gone");
		}
	}
}

void fake_tree(struct fake *fake, struct json_object *tree)
{
	struct json_object *functions, *value;
	const char *vfio = text_of(tree, "vfio_driver");

	if (!text_of(tree, "no_pci_bus")) {
		fake_dir(fake, "/sys/bus/pci/devices");
		fake_dir(fake, "/sys/bus/pci/drivers");
	}
	fake_dir(fake, "/sys/class/iommu");
	if (!json_object_object_get_ex(tree, "iommu", &value))
		fake_dir(fake, "/sys/class/iommu/dmar0");
	for (size_t i = 0; value && i < json_object_array_length(value); i++) {
		PT_FREE char *path = pt_format("/sys/class/iommu/%s",
			json_object_get_string(json_object_array_get_idx(value, i)));

		fake_dir(fake, path);
	}
	if (!vfio || pt_streq(vfio, "yes"))
		add_driver(fake, "vfio-pci");
	json_object_object_get_ex(tree, "functions", &functions);
	for (size_t i = 0; i < json_object_array_length(functions); i++)
		add_function(fake, json_object_array_get_idx(functions, i));
	if (json_object_object_get_ex(tree, "group_extra", &value))
		add_group_extra(fake, value);
}

void fake_tree_text(struct fake *fake, const char *json)
{
	struct json_object *tree = json_tokener_parse(json);

	if (!tree)
		die("tree is no JSON");
	fake_tree(fake, tree);
	json_object_put(tree);
}
