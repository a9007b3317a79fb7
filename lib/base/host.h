// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The one gate to the host's files. Paths are relative to a root directory handle and cannot leave
 * it (openat2 with RESOLVE_IN_ROOT), so the same code runs on the live host, on a captured one and
 * on a made one. Every write goes to the kernel in a child with a deadline.
 */
#ifndef PT_HOST_H
#define PT_HOST_H

#include "lib/base/child.h"
#include "lib/base/err.h"
#include "lib/base/log.h"

struct pt_host;

/*
 * What happens when text is written to path, a path below the root without a leading slash.
 * Runs in the child. fd is the file, open for writing. Returns 0 or a negative errno.
 * Tests put a made kernel here; the default is write(2).
 */
typedef int pt_host_writer(void *data, int root, const char *path, int fd, const char *text);

/* Opens the gate at root ("/" for the live host). log may be NULL and must outlive the host. */
int pt_host_open(
	struct pt_host **ret, const char *root, const struct pt_log *log, struct pt_err *err);
void pt_host_close(struct pt_host *host);
void pt_host_close_p(struct pt_host **host);
#define PT_HOST PT_CLEANUP(pt_host_close_p)

/*
 * The same gate with one of the host's folders as its root: for reading many files of it, each by
 * its name, without finding the way there each time. A negative errno. To be closed before the host
 * is.
 */
int pt_host_open_folder(struct pt_host **ret, const struct pt_host *host, const char *path);

void pt_host_set_writer(struct pt_host *host, pt_host_writer *writer, void *data);
const struct pt_log *pt_host_log(const struct pt_host *host);
/* Whether this is the running system itself, whose processes, modules and locks may be asked. */
bool pt_host_is_live(const struct pt_host *host);

/* Returns a descriptor, close-on-exec, or a negative errno. path begins at the host's root. */
int pt_host_openat(const struct pt_host *host, const char *path, int flags);

/*
 * The whole file, at most cap bytes (-EFBIG beyond). ret is NUL-terminated, the caller frees it.
 * ret_length may be NULL.
 */
int pt_host_read(
	const struct pt_host *host, const char *path, size_t cap, char **ret, size_t *ret_length);

/* The first line of a small file without its newline; the caller frees. -ENOENT and kin. */
int pt_host_read_line(const struct pt_host *host, const char *path, char **ret);

/*
 * The same in a child with a deadline, for files whose reading takes the device's lock in the
 * kernel: it hangs while a driver's probe or remove hangs. -ETIME.
 */
int pt_host_read_line_guarded(
	const struct pt_host *host, const char *path, long long deadline_ms, char **ret);

/*
 * Whether path could be opened with these flags, for devices that may hang: opened in a child and
 * closed again. 0 or a negative errno, -ETIME at the deadline.
 */
int pt_host_try_open(
	const struct pt_host *host, const char *path, int flags, long long deadline_ms);

/* The last component of a link's target, as in ".../driver" -> "nvme". The caller frees. */
int pt_host_link_name(const struct pt_host *host, const char *path, char **ret);

/* The whole target of a link, unresolved. The caller frees. */
int pt_host_link(const struct pt_host *host, const char *path, char **ret);

/* Whether path exists, links followed. */
bool pt_host_exists(const struct pt_host *host, const char *path);

/* A list of names. */
struct pt_names {
	char **name;
	size_t count;
};
void pt_names_free(struct pt_names *names);
#define PT_NAMES PT_CLEANUP(pt_names_free)

/* Adds a copy at the end. */
void pt_names_add(struct pt_names *names, const char *name);

/* Adds the words of a text that stand between any of the separators. */
void pt_names_split(struct pt_names *names, const char *text, const char *separators);
bool pt_names_hold(const struct pt_names *names, const char *name);

/* The entries of a directory without those that begin with a dot, sorted by byte value. */
int pt_host_list(const struct pt_host *host, const char *path, struct pt_names *ret);

/* Makes one directory, mode 0700, unless it is there; its parent must be. */
int pt_host_make_dir(const struct pt_host *host, const char *path);

/*
 * Runs work in a child with a deadline that keeps the gate open, and collects what it writes to
 * out; as pt_child_collect.
 */
int pt_host_collect(const struct pt_host *host, int (*work)(void *data, int out), void *data,
	long long deadline_ms, size_t cap, char **ret_text, size_t *ret_length);

/* One write under way. lock_fd (or -1) stays open in the child: a stuck writer keeps its lock. */
struct pt_write {
	struct pt_child child;
	char path[128];
};

/* Starts writing text to path. */
int pt_host_write_start(const struct pt_host *host, const char *path, const char *text, int lock_fd,
	struct pt_write *ret, struct pt_err *err);
/* Ends it: the kernel's errno, or -ETIME when it has not answered by the deadline. */
int pt_host_write_wait(struct pt_write *write, long long deadline_ms, struct pt_err *err);

#endif
