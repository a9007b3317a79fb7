// SPDX-License-Identifier: AGPL-3.0-or-later
/* How the made kernel reacts to a write. Everything here runs in the writer child. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/fake.h"

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

/* Returns when as many writers have come here as there are to be: they are under way at the same
 * time. */
static void meet(int root, long long writers)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	int fd = openat(root, "fault/met", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	struct stat met = {0};

	if (fd < 0 || write(fd, ".", 1) != 1)
		_exit(1);
	while (fstat(fd, &met) == 0 && met.st_size < writers)
		nanosleep(&pause, NULL);
	close(fd);
}

/* Applies a fault of fake_fault: 1 when the write is dealt with, its result in ret. */
static int apply_fault(int root, const char *op, const char *bdf, int *ret)
{
	char path[256], what[32];

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
	if (pt_starts_with(what, "meet-")) {
		meet(root, atol(what + 5));
		return 0;
	}
	if (pt_streq(what, "stuck")) {
		/* outlives SIGKILL as a D state does: a twin holds the same descriptors for a while
		 */
		if (fork() == 0) {
			sleep(10);
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

static int write_attr(int root, const char *bdf, const char *name, const char *text)
{
	char path[160];
	int fd;

	device_path(path, bdf, name);
	fd = openat(root, path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dprintf(fd, "%s\n", text);
	close(fd);
	return 0;
}

/* The ids of a function as new_id takes them: "8086 10d3". */
static void ids_of(int root, const char *bdf, char ids[static 32])
{
	char path[160], vendor[16] = "", device[16] = "";

	device_path(path, bdf, "vendor");
	read_at(root, path, vendor, sizeof(vendor));
	device_path(path, bdf, "device");
	read_at(root, path, device, sizeof(device));
	snprintf(ids, 32, "%.4s %.4s", vendor + (vendor[0] ? 2 : 0), device + (device[0] ? 2 : 0));
}

/* The file that stands for an id which vfio-pci was told in new_id. */
static void new_id_path(const char *ids, char path[static 160])
{
	snprintf(path, 160, "sys/bus/pci/drivers/vfio-pci/fake-id-%.16s", ids);
}

static bool has_new_id(int root, const char *ids)
{
	char path[160];

	new_id_path(ids, path);
	return faccessat(root, path, F_OK, 0) == 0;
}

/* A driver takes a function when the override names it, or, without override, when its ids match:
 * those in its table, and vfio-pci's those that it was told. Source: drivers/pci/pci-driver.c,
 * pci_match_device. */
static bool driver_matches(int root, const char *driver, const char *bdf)
{
	char path[160], override[64] = "(null)", home[64] = "", ids[32];

	device_path(path, bdf, "driver_override");
	read_at(root, path, override, sizeof(override));
	if (!pt_streq(override, "(null)"))
		return pt_streq(override, driver);
	if (pt_streq(driver, "vfio-pci")) {
		ids_of(root, bdf, ids);
		return has_new_id(root, ids);
	}
	device_path(path, bdf, "fake-matches");
	read_at(root, path, home, sizeof(home));
	return pt_streq(home, driver);
}

static bool has_driver(int root, const char *bdf)
{
	char path[160];

	device_path(path, bdf, "driver");
	return faccessat(root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int bind(int root, const char *driver, const char *bdf)
{
	char path[160], target[128];

	if (!driver_matches(root, driver, bdf))
		return -ENODEV;
	if (has_driver(root, bdf))
		return -EBUSY;
	device_path(path, bdf, "driver");
	snprintf(target, sizeof(target), "/sys/bus/pci/drivers/%s", driver);
	return symlinkat(target, root, path) < 0 ? -errno : 0;
}

static int unbind(int root, const char *bdf)
{
	char path[160];

	device_path(path, bdf, "driver");
	return unlinkat(root, path, 0) < 0 ? -ENODEV : 0;
}

/* Written to a driver's own file: it must have the function. */
static int unbind_from(int root, const char *driver, const char *bdf)
{
	char path[160], target[128];
	ssize_t n;

	device_path(path, bdf, "driver");
	n = readlinkat(root, path, target, sizeof(target) - 1);
	if (n < 0)
		return -ENODEV;
	target[n] = '\0';
	return pt_streq(strrchr(target, '/') + 1, driver) ? unbind(root, bdf) : -ENODEV;
}

/* The first driver that matches takes the function: vfio-pci, which was loaded first, or its own.
 */
static void attach(int root, const char *bdf)
{
	char path[160], home[64] = "";

	device_path(path, bdf, "fake-matches");
	read_at(root, path, home, sizeof(home));
	if (bind(root, "vfio-pci", bdf) < 0 && home[0])
		bind(root, home, bdf);
}

/* Calls visit with every entry of a folder that looks like a function. */
static void for_each_function(
	int root, const char *folder, void (*visit)(int root, const char *bdf))
{
	int fd = openat(root, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	PT_CLOSEDIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			visit(root, entry->d_name);
	}
}

static void attach_to_vfio(int root, const char *bdf)
{
	bind(root, "vfio-pci", bdf);
}

/* Only vfio-pci's are known here. Telling it an id has it look at every function without driver. */
static int new_id(int root, const char *ids)
{
	char path[160];
	int fd;

	if (strlen(ids) != 9)
		return -EINVAL;
	if (has_new_id(root, ids))
		return -EEXIST;
	new_id_path(ids, path);
	fd = openat(root, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	close(fd);
	for_each_function(root, "sys/bus/pci/devices", attach_to_vfio);
	return 0;
}

static int remove_id(int root, const char *ids)
{
	char path[160];

	new_id_path(ids, path);
	return unlinkat(root, path, 0) < 0 ? -ENODEV : 0;
}

static int probe(int root, const char *bdf)
{
	char path[160];

	device_path(path, bdf, "");
	if (faccessat(root, path, F_OK, 0) < 0)
		return -ENODEV;
	/* success, whether a driver takes it or not */
	if (!has_driver(root, bdf))
		attach(root, bdf);
	return 0;
}

/* The link to a function in its IOMMU group. */
static bool group_link(int root, const char *folder, const char *bdf, char path[static 256])
{
	char link[160], group[64];
	ssize_t n;

	snprintf(link, sizeof(link), "%s/%s/iommu_group", folder, bdf);
	n = readlinkat(root, link, group, sizeof(group) - 1);
	if (n < 0)
		return false;
	group[n] = '\0';
	return snprintf(path, 256, "%s/devices/%s", group + 1, bdf) < 256;
}

/* Off the bus, until the next rescan. */
static int remove_function(int root, const char *bdf)
{
	char from[160], to[160], group[256];

	device_path(from, bdf, "driver");
	unlinkat(root, from, 0);
	if (group_link(root, "sys/bus/pci/devices", bdf, group))
		unlinkat(root, group, 0);
	mkdirat(root, "fake-removed", 0755);
	snprintf(from, sizeof(from), "sys/bus/pci/devices/%s", bdf);
	snprintf(to, sizeof(to), "fake-removed/%s", bdf);
	return renameat(root, from, root, to) < 0 ? -errno : 0;
}

static void find_again(int root, const char *bdf)
{
	char from[320], to[320], group[256];

	snprintf(from, sizeof(from), "fake-removed/%s", bdf);
	snprintf(to, sizeof(to), "sys/bus/pci/devices/%s", bdf);
	renameat(root, from, root, to);
	snprintf(from, sizeof(from), "/sys/bus/pci/devices/%s", bdf);
	if (group_link(root, "sys/bus/pci/devices", bdf, group) && symlinkat(from, root, group) < 0)
		abort();
	write_attr(root, bdf, "driver_override", "(null)");
	attach(root, bdf);
}

static int rescan(int root)
{
	for_each_function(root, "fake-removed", find_again);
	return 0;
}

/* The VFs of a PF go, to a folder of their own. Their links stay, under another name. */
static void end_vfs(int root, const char *pf)
{
	mkdirat(root, "fake-gone", 0755);
	for (int i = 0;; i++) {
		char link[160], parked[160], target[64], device[160], gone[96], name[32];
		ssize_t n;

		snprintf(name, sizeof(name), "virtfn%d", i);
		device_path(link, pf, name);
		n = readlinkat(root, link, target, sizeof(target) - 1);
		if (n < 4)
			return;
		target[n] = '\0';
		snprintf(name, sizeof(name), "fake-vf%d", i);
		device_path(parked, pf, name);
		renameat(root, link, root, parked);
		device_path(device, target + 3, "");
		snprintf(gone, sizeof(gone), "fake-gone/%s", target + 3);
		device[strlen(device) - 1] = '\0';
		renameat(root, device, root, gone);
	}
}

/* They come back bare, or with the driver that matches when the PF says so. */
static void make_vfs(int root, const char *pf, int count)
{
	char path[160], autoprobe[8] = "1";

	device_path(path, pf, "sriov_drivers_autoprobe");
	read_at(root, path, autoprobe, sizeof(autoprobe));
	for (int i = 0; i < count; i++) {
		char link[160], parked[160], target[64], device[160], gone[96], name[32];
		ssize_t n;

		snprintf(name, sizeof(name), "fake-vf%d", i);
		device_path(parked, pf, name);
		n = readlinkat(root, parked, target, sizeof(target) - 1);
		if (n < 4)
			return;
		target[n] = '\0';
		snprintf(name, sizeof(name), "virtfn%d", i);
		device_path(link, pf, name);
		renameat(root, parked, root, link);
		snprintf(gone, sizeof(gone), "fake-gone/%s", target + 3);
		device_path(device, target + 3, "");
		device[strlen(device) - 1] = '\0';
		renameat(root, gone, root, device);
		unbind(root, target + 3);
		write_attr(root, target + 3, "driver_override", "(null)");
		if (pt_streq(autoprobe, "1"))
			attach(root, target + 3);
	}
}

/* From and to 0 only. */
static int set_vfs(int root, const char *pf, const char *text)
{
	char path[160], now[8] = "0";

	device_path(path, pf, "sriov_numvfs");
	read_at(root, path, now, sizeof(now));
	if (pt_streq(now, text))
		return 0;
	if (!pt_streq(now, "0") && !pt_streq(text, "0"))
		return -EBUSY;
	if (pt_streq(text, "0"))
		end_vfs(root, pf);
	else
		make_vfs(root, pf, atoi(text));
	return write_attr(root, pf, "sriov_numvfs", text);
}

/* Notes the write, so that tests see all writes in order: "op function", a line each. */
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
	char path[256], what[32];

	snprintf(path, sizeof(path), "fault/%s-%s", op, bdf);
	if (read_at(root, path, what, sizeof(what)) == 0 && pt_streq(what, "done-hang"))
		pause();
	return result;
}

/* Applies a write to the state of the folder. */
static int change(int root, const char *op, const char *name, const char *text)
{
	static const struct {
		const char *prefix;
		int (*change)(int root, const char *driver, const char *bdf);
	} of_driver[] = {{"bind-", bind}, {"unbind-", unbind_from}};

	for (size_t i = 0; i < PT_ARRAY_SIZE(of_driver); i++) {
		if (pt_starts_with(op, of_driver[i].prefix))
			return of_driver[i].change(root, op + strlen(of_driver[i].prefix), name);
	}
	if (pt_streq(op, "unbind"))
		return unbind(root, name);
	if (pt_streq(op, "override"))
		return write_attr(root, name, "driver_override",
			pt_streq(text, "\n") || !*text ? "(null)" : text);
	if (pt_streq(op, "autoprobe"))
		return write_attr(root, name, "sriov_drivers_autoprobe", text);
	if (pt_streq(op, "numvfs"))
		return set_vfs(root, name, text);
	if (pt_streq(op, "remove"))
		return remove_function(root, name);
	if (pt_streq(op, "new_id-vfio-pci"))
		return new_id(root, text);
	if (pt_streq(op, "remove_id-vfio-pci"))
		return remove_id(root, text);
	if (pt_streq(op, "probe"))
		return probe(root, name);
	return pt_streq(op, "rescan") ? rescan(root) : -EINVAL;
}

/* A console is no function: its file holds the text that was written. */
static int set_console(int root, const char *path, const char *text)
{
	int fd = openat(root, path + 1, O_WRONLY | O_TRUNC | O_CLOEXEC);
	int r;

	journal(root, pt_streq(text, "1") ? "console-on" : "console-off", path);
	if (fd < 0)
		return -errno;
	if (!apply_fault(root, "console", text, &r))
		r = dprintf(fd, "%s\n", text) < 0 ? -EIO : 0;
	close(fd);
	return r;
}

/* Finds the operation that a write to path asks for, and its function. False: it is not known here.
 */
static bool parse(const char *path, const char *text, char op[static 96], char name[static 64])
{
	static const struct {
		const char *file, *op;
	} attribute[] = {
		{"driver/unbind", "unbind"},
		{"driver_override", "override"},
		{"sriov_numvfs", "numvfs"},
		{"sriov_drivers_autoprobe", "autoprobe"},
		{"remove", "remove"},
	};
	char driver[48], file[48];

	if (sscanf(path, "/sys/bus/pci/devices/%63[^/]/%47s", name, file) == 2) {
		for (size_t i = 0; i < PT_ARRAY_SIZE(attribute); i++) {
			if (pt_streq(attribute[i].file, file))
				return snprintf(op, 96, "%s", attribute[i].op) > 0;
		}
		return false;
	}
	snprintf(name, 64, "%s", text);
	if (sscanf(path, "/sys/bus/pci/drivers/%47[^/]/%47s", driver, file) == 2)
		return snprintf(op, 96, "%s-%s", file, driver) > 0;
	return snprintf(op, 96, "%s",
		       pt_streq(path, "/sys/bus/pci/drivers_probe") ? "probe"
		       : pt_streq(path, "/sys/bus/pci/rescan")	    ? "rescan"
								    : "") > 0;
}

int fake_reaction(void *data, int root, const char *path, int fd, const char *text)
{
	char name[64], op[96];
	int r;

	(void)data;
	(void)fd;
	if (strstr(path, "/vtconsole/"))
		return set_console(root, path, text);
	if (!parse(path, text, op, name))
		return -EINVAL;
	journal(root, op, name);
	if (apply_fault(root, op, name, &r))
		return r;
	return hang_after(root, op, name, change(root, op, name, text));
}

void fake_react(struct pt_host *host)
{
	pt_host_set_writer(host, fake_reaction, NULL);
}
