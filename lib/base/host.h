// SPDX-License-Identifier: AGPL-3.0-or-later
/* The one gate to the host's files. Paths cannot leave a root directory handle (openat2 with
 * RESOLVE_IN_ROOT), so the same code runs on a live, a captured and a simulated host. Every write
 * runs in a helper with a deadline. */
#ifndef PT_HOST_H
#define PT_HOST_H

#include "lib/base/child.h"
#include "lib/base/err.h"
#include "lib/base/helper.h"
#include "lib/base/log.h"

struct pt_host;

/* Writes text to path, which begins below the root without a slash. Runs in a helper. fd is the
 * file, open for writing. Returns 0 or a negative errno. The default is write(2), tests put a made
 * kernel here. */
typedef int pt_host_writer(void *data, int root, const char *path, int fd, const char *text);

/* Opens the gate at root ("/" for the live host). log may be NULL and must outlive the host. */
int pt_host_open(
	struct pt_host **ret, const char *root, const struct pt_log *log, struct pt_err *err);
void pt_host_close(struct pt_host *host);
void pt_host_close_p(struct pt_host **host);
#define PT_HOST PT_CLEANUP(pt_host_close_p)

/* Opens the gate with one of the host's folders as root, to read many of its files by name. 0 or
 * a negative errno. Close it before the host. */
int pt_host_open_folder(struct pt_host **ret, const struct pt_host *host, const char *path);

/* For a long wait: ends the helpers that have nothing to do. */
void pt_host_rest(const struct pt_host *host);

void pt_host_set_writer(struct pt_host *host, pt_host_writer *writer, void *data);
const struct pt_log *pt_host_log(const struct pt_host *host);
/* Whether this is the running system itself, whose processes, modules and locks may be asked. */
bool pt_host_is_live(const struct pt_host *host);

/* Returns a descriptor, close-on-exec, or a negative errno. path begins at the host's root. */
int pt_host_openat(const struct pt_host *host, const char *path, int flags);

/* Reads all of it, at most cap bytes (-EFBIG). The caller frees ret, which ends with a
 * NUL. ret_length may be NULL. */
int pt_host_read(
	const struct pt_host *host, const char *path, size_t cap, char **ret, size_t *ret_length);

/* The first line of a small file without its newline; the caller frees. -ENOENT and kin. */
int pt_host_read_line(const struct pt_host *host, const char *path, char **ret);

/* The same in a helper with a deadline, for files that take the device's lock: reading hangs while
 * a probe or remove hangs. -ETIME. Opening has no deadline: for sysfs and /proc only. */
int pt_host_read_line_guarded(
	const struct pt_host *host, const char *path, long long deadline_ms, char **ret);

/* All of a file, at most cap bytes (-EFBIG), in the same way. The caller frees ret, which ends with
 * a NUL. */
int pt_host_read_guarded(const struct pt_host *host, const char *path, long long deadline_ms,
	size_t cap, char **ret, size_t *ret_length);

/* Tries to open path with these flags in a child. 0 or a negative errno, -ETIME if it hangs. */
int pt_host_try_open(
	const struct pt_host *host, const char *path, int flags, long long deadline_ms);

/* The last component of a link's target, as in ".../driver" -> "nvme". The caller frees. */
int pt_host_link_name(const struct pt_host *host, const char *path, char **ret);

/* The whole target of a link, unresolved. The caller frees. */
int pt_host_link(const struct pt_host *host, const char *path, char **ret);

/* Looks whether path is there, links followed. 0: it is; -ENOENT: it is not; else nobody knows. */
int pt_host_look(const struct pt_host *host, const char *path);
/* The same, for those to whom "unknown" means no. */
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

/* Splits text at each of the separators, and adds the words. */
void pt_names_split(struct pt_names *names, const char *text, const char *separators);
bool pt_names_hold(const struct pt_names *names, const char *name);

/* The entries of a directory without those that begin with a dot, sorted by byte value. */
int pt_host_list(const struct pt_host *host, const char *path, struct pt_names *ret);

/* Makes one directory, mode 0700, unless it is there; its parent must be. */
int pt_host_make_dir(const struct pt_host *host, const char *path);

/* Opens a folder that holds state of ours. -EPERM: it is no folder of our user's alone, mode 0700,
 * or a link: then others could steer what root does. Returns a descriptor. */
int pt_host_open_private(const struct pt_host *host, const char *path, struct pt_err *err);

/* As pt_child_start with an output, with the gate open in the child. */
int pt_host_start(const struct pt_host *host, int (*work)(void *data, int out), void *data,
	struct pt_child *ret);
/* The same, and pt_child_collect. */
int pt_host_collect(const struct pt_host *host, int (*work)(void *data, int out), void *data,
	long long deadline_ms, size_t cap, char **ret_text, size_t *ret_length);

/* One write under way. */
struct pt_write {
	struct pt_helper *helper;
	char path[PT_ORDER_PATH];
};

/* Starts writing text to path. lock_fd (or -1) stays open in the helper: a stuck one keeps its
 * lock. */
int pt_host_write_start(const struct pt_host *host, const char *path, const char *text, int lock_fd,
	struct pt_write *ret, struct pt_err *err);
/* Becomes readable when the kernel has answered. */
int pt_host_write_fd(const struct pt_write *write);
/* Waits for the write. Returns 0, the kernel's errno, or -ETIME after the deadline. */
int pt_host_write_wait(const struct pt_host *host, struct pt_write *write, long long deadline_ms,
	struct pt_err *err);

#endif
