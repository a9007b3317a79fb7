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
		char link[160], parked[160], target[64], device[160], gone[96], name[32], home[64];
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
		device_path(path, target + 3, "fake-matches");
		if (pt_streq(autoprobe, "1") && read_at(root, path, home, sizeof(home)) == 0)
			bind(root, home, target + 3);
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
		return write_attr(root, name, "driver_override",
			pt_streq(text, "\n") || !*text ? "(null)" : text);
	if (pt_streq(op, "autoprobe"))
		return write_attr(root, name, "sriov_drivers_autoprobe", text);
	return set_vfs(root, name, text);
}

/* A console is no function: its file holds what was written. */
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
			strstr(path, "/driver/unbind")		   ? "unbind"
			: strstr(path, "/driver_override")	   ? "override"
			: strstr(path, "/sriov_numvfs")		   ? "numvfs"
			: strstr(path, "/sriov_drivers_autoprobe") ? "autoprobe"
								   : "");
	} else if (strstr(path, "/vtconsole/")) {
		return set_console(root, path, text);
	}
	if (!*op)
		return -EINVAL;
	journal(root, op, name);
	if (apply_fault(root, op, name, &r))
		return r;
	return hang_after(root, op, name, change(root, op, name, text));
}

void fake_react(struct pt_host *host)
{
	pt_host_set_writer(host, react, NULL);
}
