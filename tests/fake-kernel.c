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
	return write_attr(root, name, "sriov_numvfs", text);
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

void fake_react(struct pt_host *host)
{
	pt_host_set_writer(host, react, NULL);
}
