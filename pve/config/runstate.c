// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "pve/config/runstate.h"
#include "pve/config/guest.h"
#include "pve/config/paths.h"

#define CMDLINE_MAX (1024U * 1024)
#define CMDLINE_MS  1000
#define LOCKS_MAX   (4U * 1024 * 1024)
#define RESTART_S   300

struct cmdline {
	char *text; /* NUL-separated */
	size_t length;
};

static void free_cmdline(struct cmdline *cmdline)
{
	free(cmdline->text);
}

/* Reads the command line in a child: it lies in the process's memory, whose lock a process that
 * hangs in the kernel may hold for ever. -ETIME: it hangs. */
static int read_cmdline(const struct pt_host *host, int pid, struct cmdline *ret)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	return pt_host_read_guarded(
		host, path, pt_now_ms() + CMDLINE_MS, CMDLINE_MAX, &ret->text, &ret->length);
}

static const char *next_argument(const struct cmdline *cmdline, const char *argument)
{
	const char *next = argument + strlen(argument) + 1;

	return next < cmdline->text + cmdline->length ? next : NULL;
}

/* "…kvm", or "qemu-…" as the last component. */
static bool is_qemu(const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *base = slash ? slash + 1 : program;
	size_t length = strlen(program);

	return (length >= 3 && pt_streq(program + length - 3, "kvm")) ||
	       (pt_starts_with(base, "qemu-") && base[5]);
}

/* The last value given for an option, with one dash or two; NULL: none. */
static const char *option_value(const struct cmdline *cmdline, const char *option)
{
	const char *pending = NULL, *value = NULL;

	for (const char *argument = cmdline->length ? cmdline->text : NULL; argument;
		argument = next_argument(cmdline, argument)) {
		if (!*argument)
			continue;
		if (*argument == '-') {
			pending = argument + (argument[1] == '-' ? 2 : 1);
			if (pt_streq(pending, option))
				value = NULL;
		} else if (pending) {
			if (pt_streq(pending, option))
				value = argument;
			pending = NULL;
		}
	}
	return value;
}

int pt_guest_pid_in_file(const struct pt_host *host, unsigned int vmid)
{
	PT_FREE char *line = NULL;
	char path[64];

	snprintf(path, sizeof(path), PT_PVE_RUN "/%u.pid", vmid);
	if (pt_host_read_line(host, path, &line) < 0)
		return 0;
	if (!*line || strlen(line) > 9 || strspn(line, "0123456789") != strlen(line))
		return 0;
	return atoi(line);
}

int pt_guest_pid(const struct pt_host *host, unsigned int vmid)
{
	struct cmdline cmdline PT_CLEANUP(free_cmdline) = {0};
	const char *pidfile;
	char expected[64];
	int pid = pt_guest_pid_in_file(host, vmid);
	int r;

	if (!pid)
		return 0;
	r = read_cmdline(host, pid, &cmdline);
	if (r == -ENOENT || r == -ESRCH)
		return 0;
	/* nobody knows: it counts as alive, and keeps its devices */
	if (r < 0)
		return pid;
	if (!cmdline.length || !is_qemu(cmdline.text))
		return 0;
	snprintf(expected, sizeof(expected), PT_PVE_PIDFILE_ARGUMENT "/%u.pid", vmid);
	pidfile = option_value(&cmdline, "pidfile");
	/* as Proxmox VE judges it: -id alone does not count */
	return pt_streq(pidfile, expected) ? pid : 0;
}

bool pt_pid_ends(const struct pt_host *host, int pid)
{
	struct cmdline cmdline PT_CLEANUP(free_cmdline) = {0};

	int r = read_cmdline(host, pid, &cmdline);

	return r == -ENOENT || r == -ESRCH || (r == 0 && !cmdline.length);
}

int pt_guest_try_lock(const struct pt_host *host, unsigned int vmid, int *ret_fd)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), PT_PVE_LOCKS "/lock-%u.conf", vmid);
	/* flock(2) does not ask how it was opened */
	fd = pt_host_openat(host, path, O_RDONLY | O_NOFOLLOW);
	if (fd == -ENOENT) {
		*ret_fd = -1;
		return 0;
	}
	if (fd < 0)
		return fd;
	/* shared: blocks Proxmox VE's exclusive lock, but not another of ours */
	if (flock(fd, LOCK_SH | LOCK_NB) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

bool pt_guest_restarts(const struct pt_host *host, unsigned int vmid, bool any_age)
{
	PT_CLOSE int fd = -1;
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), PT_PVE_REBOOT, vmid);
	fd = pt_host_openat(host, path, O_PATH | O_NOFOLLOW);
	return fd >= 0 && fstat(fd, &st) == 0 &&
	       (any_age || llabs(time(NULL) - st.st_mtime) < RESTART_S);
}

/* The process of a line of /proc/locks that holds a lock on the file; 0: another line. Source:
 * proc(5). */
static int locker_of(const char *line, const struct stat *file)
{
	unsigned int major_number, minor_number;
	unsigned long inode;
	char kind[16];
	int pid;

	if (sscanf(line, "%*u: %15s %*s %*s %d %x:%x:%lu", kind, &pid, &major_number, &minor_number,
		    &inode) != 5)
		return 0;
	return pt_streq(kind, "FLOCK") && inode == file->st_ino &&
			       makedev(major_number, minor_number) == file->st_dev
		       ? pid
		       : 0;
}

int pt_guest_locker(const struct pt_host *host, unsigned int vmid)
{
	PT_FREE char *text = NULL;
	PT_CLOSE int fd = -1;
	struct stat st;
	char path[64];
	char *rest;

	snprintf(path, sizeof(path), PT_PVE_LOCKS "/lock-%u.conf", vmid);
	fd = pt_host_openat(host, path, O_PATH | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0 ||
		pt_host_read(host, "/proc/locks", LOCKS_MAX, &text, NULL) < 0)
		return 0;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		int pid = locker_of(line, &st);

		if (pid > 0)
			return pid;
	}
	return 0;
}

bool pt_pid_is_roots(const struct pt_host *host, int pid)
{
	PT_CLOSE int fd = -1;
	struct stat st;
	char path[32];

	if (!pt_host_is_live(host))
		return true;
	snprintf(path, sizeof(path), "/proc/%d", pid);
	fd = pt_host_openat(host, path, O_PATH);
	return fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == 0;
}

unsigned int pt_pid_guest(const struct pt_host *host, int pid)
{
	struct cmdline cmdline PT_CLEANUP(free_cmdline) = {0};
	unsigned int vmid = 0;
	const char *id;

	if (!pt_pid_is_roots(host, pid) || read_cmdline(host, pid, &cmdline) < 0)
		return 0;
	if (!cmdline.length || !is_qemu(cmdline.text))
		return 0;
	id = option_value(&cmdline, "id");
	return id && pt_vmid_parse(id, &vmid) ? vmid : 0;
}
