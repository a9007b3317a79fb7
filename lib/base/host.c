// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lib/base/helper.h"
#include "lib/base/host.h"

#define SMALL_FILE 4096
#define OPEN_TRIES 10000

struct pt_host {
	int root;
	bool live;
	pt_host_writer *writer;
	void *writer_data;
	struct pt_helpers *helpers;
	bool is_folder; /* of another host, whose helpers it has */
	const struct pt_log *log;
};

static int write_to_kernel(void *data, int root, const char *path, int fd, const char *text)
{
	size_t length = strlen(text);
	ssize_t n;

	(void)data;
	(void)root;
	(void)path;
	/* one write(2) in any case: sysfs takes each call as a command of its own */
	n = write(fd, text, length);
	/* ETIME is our own word for a write that has not been answered */
	if (n < 0)
		return errno == ETIME ? -EIO : -errno;
	return (size_t)n == length ? 0 : -EIO;
}

/* Reads at most size bytes, or to the end of the file. The number, or a negative errno. */
static ssize_t read_some(int fd, char *to, size_t size)
{
	size_t length = 0;
	ssize_t n = 1;

	while (n && length < size) {
		n = read(fd, to + length, size - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		length += (size_t)n;
	}
	return (ssize_t)length;
}

/* Reads all of it, at most cap bytes (-EFBIG); ret ends with a NUL. */
static int read_all(int fd, size_t cap, char **ret, size_t *ret_length)
{
	char small[SMALL_FILE];
	PT_FREE char *text = NULL;
	size_t length, size = sizeof(small);
	ssize_t n;

	/* most files end here, and need no memory but their own */
	n = read_some(fd, small, sizeof(small));
	if (n < 0)
		return (int)n;
	length = (size_t)n;
	text = pt_resize(NULL, length + 1);
	memcpy(text, small, length);
	while (length == size && length <= cap) {
		text = pt_resize(text, size * 2 + 1);
		n = read_some(fd, text + size, size);
		if (n < 0)
			return (int)n;
		size *= 2;
		length += (size_t)n;
	}
	if (length > cap)
		return -EFBIG;
	text[length] = '\0';
	*ret_length = length;
	*ret = PT_STEAL(text);
	return 0;
}

static int read_in_helper(const struct pt_order *order, char **ret, size_t *ret_length)
{
	PT_FREE char *text = NULL;
	int r = read_all(order->fd, order->cap, &text, ret_length);

	/* ETIME is our own word for a file that has not been answered */
	if (r == 0)
		*ret = PT_STEAL(text);
	return r == -ETIME ? -EIO : r;
}

static int work_in_helper(void *data, const struct pt_order *order, char **ret, size_t *ret_length)
{
	const struct pt_host *host = data;

	if (!order->text)
		return read_in_helper(order, ret, ret_length);
	return host->writer(host->writer_data, host->root, order->path, order->fd, order->text);
}

int pt_host_open(
	struct pt_host **ret, const char *root, const struct pt_log *log, struct pt_err *err)
{
	struct pt_host *host;
	int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return pt_err_errno(err, -errno, "%s", root);
	host = pt_calloc(1, sizeof(*host));
	*host = (struct pt_host){
		.root = fd, .live = pt_streq(root, "/"), .writer = write_to_kernel, .log = log};
	host->helpers = pt_helpers_new(work_in_helper, host, -1);
	*ret = host;
	return 0;
}

int pt_host_open_folder(struct pt_host **ret, const struct pt_host *host, const char *path)
{
	struct pt_host *folder;
	int fd = pt_host_openat(host, path, O_PATH | O_DIRECTORY);

	if (fd < 0)
		return fd;
	folder = pt_calloc(1, sizeof(*folder));
	*folder = *host;
	folder->root = fd;
	folder->is_folder = true;
	*ret = folder;
	return 0;
}

void pt_host_close(struct pt_host *host)
{
	if (!host)
		return;
	if (!host->is_folder)
		pt_helpers_end(host->helpers);
	close(host->root);
	free(host);
}

void pt_host_close_p(struct pt_host **host)
{
	pt_host_close(PT_STEAL(*host));
}

void pt_host_rest(const struct pt_host *host)
{
	pt_helpers_rest(host->helpers);
}

void pt_host_set_writer(struct pt_host *host, pt_host_writer *writer, void *data)
{
	host->writer = writer;
	host->writer_data = data;
	/* those that began before would not know */
	pt_helpers_end(host->helpers);
	host->helpers = pt_helpers_new(work_in_helper, host, host->root);
}

const struct pt_log *pt_host_log(const struct pt_host *host)
{
	return host->log;
}

bool pt_host_is_live(const struct pt_host *host)
{
	return host->live;
}

int pt_host_openat(const struct pt_host *host, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned long long)flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd = -1;

	errno = EAGAIN;
	/* it gives up on a ".." of a link while anything on the system is renamed: openat2(2) */
	for (int tries = 0; fd < 0 && errno == EAGAIN && tries < OPEN_TRIES; tries++)
		fd = syscall(SYS_openat2, host->root, path, &how, sizeof(how));
	return fd < 0 ? -errno : (int)fd;
}

int pt_host_read(
	const struct pt_host *host, const char *path, size_t cap, char **ret, size_t *ret_length)
{
	PT_CLOSE int fd = pt_host_openat(host, path, O_RDONLY | O_NONBLOCK);
	size_t length;

	return fd < 0 ? fd : read_all(fd, cap, ret, ret_length ? ret_length : &length);
}

int pt_host_read_line(const struct pt_host *host, const char *path, char **ret)
{
	PT_CLOSE int fd = pt_host_openat(host, path, O_RDONLY | O_NONBLOCK);
	char text[SMALL_FILE + 1];
	ssize_t n;

	if (fd < 0)
		return fd;
	/* its first line comes with the first read in any case */
	do
		n = read(fd, text, SMALL_FILE);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	if (n == SMALL_FILE && !memchr(text, '\n', SMALL_FILE))
		return -EFBIG;
	*ret = pt_strndup(text, strcspn(text, "\n"));
	return 0;
}

static int read_by_helper(const struct pt_host *host, const char *path, long long deadline_ms,
	size_t cap, char **ret, size_t *ret_length)
{
	PT_CLOSE int fd = pt_host_openat(host, path, O_RDONLY | O_NONBLOCK);
	struct pt_order order = {.fd = fd, .lock_fd = -1, .cap = cap};
	struct pt_helper *helper;
	int r = fd < 0 ? fd : pt_helper_start(host->helpers, &order, &helper, NULL);

	return r < 0 ? r : pt_helper_finish(host->helpers, helper, deadline_ms, ret, ret_length);
}

int pt_host_read_guarded(const struct pt_host *host, const char *path, long long deadline_ms,
	size_t cap, char **ret, size_t *ret_length)
{
	int r = read_by_helper(host, path, deadline_ms, cap, ret, ret_length);

	/* reading changes nothing: another helper may do it */
	return r == -ECHILD || r == -ENOMEM
		       ? read_by_helper(host, path, deadline_ms, cap, ret, ret_length)
		       : r;
}

int pt_host_read_line_guarded(
	const struct pt_host *host, const char *path, long long deadline_ms, char **ret)
{
	char *text = NULL;
	size_t length;
	int r = pt_host_read_guarded(host, path, deadline_ms, SMALL_FILE, &text, &length);

	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	*ret = text;
	return 0;
}

struct open_work {
	const struct pt_host *host;
	const char *path;
	int flags;
};

static int open_in_child(void *data, int out)
{
	const struct open_work *work = data;
	int fd = pt_host_openat(work->host, work->path, work->flags);

	(void)out;
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

int pt_host_try_open(const struct pt_host *host, const char *path, int flags, long long deadline_ms)
{
	struct open_work work = {host, path, flags};
	struct pt_child child;
	int r = pt_child_start(&child, open_in_child, &work, &host->root, 1, false, NULL);

	return r < 0 ? r : pt_child_wait(&child, deadline_ms);
}

int pt_host_link(const struct pt_host *host, const char *path, char **ret)
{
	PT_CLOSE int fd = pt_host_openat(host, path, O_PATH | O_NOFOLLOW);
	char target[4096];
	ssize_t n;
	char *copy;

	if (fd < 0)
		return fd;
	n = readlinkat(fd, "", target, sizeof(target));
	if (n < 0)
		return errno == ENOENT ? -EINVAL : -errno; /* ENOENT: the handle is no link */
	if ((size_t)n == sizeof(target))
		return -ENAMETOOLONG;
	copy = pt_strndup(target, (size_t)n);
	*ret = copy;
	return 0;
}

int pt_host_link_name(const struct pt_host *host, const char *path, char **ret)
{
	PT_FREE char *target = NULL;
	const char *slash;
	int r = pt_host_link(host, path, &target);

	if (r < 0 || !target)
		return r;
	slash = strrchr(target, '/');
	*ret = pt_strdup(slash ? slash + 1 : target);
	return 0;
}

int pt_host_look(const struct pt_host *host, const char *path)
{
	PT_CLOSE int fd = pt_host_openat(host, path, O_PATH);

	return fd < 0 ? fd : 0;
}

bool pt_host_exists(const struct pt_host *host, const char *path)
{
	return pt_host_look(host, path) == 0;
}

void pt_names_free(struct pt_names *names)
{
	pt_foreach (name, names->name, names->count)
		free(*name);
	free(names->name);
	*names = (struct pt_names){0};
}

void pt_names_split(struct pt_names *names, const char *text, const char *separators)
{
	PT_FREE char *copy = pt_strdup(text);
	char *rest;

	for (char *word = strtok_r(copy, separators, &rest); word;
		word = strtok_r(NULL, separators, &rest))
		pt_names_add(names, word);
}

bool pt_names_hold(const struct pt_names *names, const char *name)
{
	return pt_word_find((const char *const *)names->name, names->count, name) >= 0;
}

void pt_names_add(struct pt_names *names, const char *name)
{
	char **slot = pt_array_grow(&names->name, &names->count, sizeof(*slot));

	pt_set_text(slot, name);
}

static int compare_names(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

int pt_host_list(const struct pt_host *host, const char *path, struct pt_names *ret)
{
	struct pt_names PT_NAMES names = {0};
	PT_CLOSEDIR DIR *dir = NULL;
	int fd = pt_host_openat(host, path, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir)
		pt_out_of_memory();
	for (;;) {
		struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (!entry) {
			if (errno)
				return -errno;
			break;
		}
		if (entry->d_name[0] == '.')
			continue;
		pt_names_add(&names, entry->d_name);
	}
	if (names.count)
		qsort(names.name, names.count, sizeof(*names.name), compare_names);
	*ret = names;
	names = (struct pt_names){0};
	return 0;
}

int pt_host_make_dir(const struct pt_host *host, const char *path)
{
	PT_FREE char *parent = pt_strdup(path);
	PT_CLOSE int fd = -1;
	char *slash;

	slash = strrchr(parent, '/');
	if (!slash || !slash[1])
		return -EINVAL;
	*slash = '\0';
	fd = pt_host_openat(host, *parent ? parent : "/", O_PATH | O_DIRECTORY);
	if (fd < 0)
		return fd;
	if (mkdirat(fd, slash + 1, 0700) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

int pt_host_open_private(const struct pt_host *host, const char *path, struct pt_err *err)
{
	PT_CLOSE int fd = pt_host_openat(host, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	struct stat st;

	if (fd == -ELOOP || fd == -ENOTDIR)
		return pt_err_set(err, -EPERM, "%s: is no folder, or a link; remove it", path);
	if (fd < 0)
		return pt_err_errno(err, fd, "%s", path);
	if (fstat(fd, &st) < 0)
		return pt_err_errno(err, -errno, "%s", path);
	if (st.st_uid != geteuid() || st.st_mode & (S_IRWXG | S_IRWXO))
		return pt_err_set(err, -EPERM,
			"%s: is not root's alone, so it is not trusted; look who has changed it, then "
			"'chown root: %s' and 'chmod 700 %s'",
			path, path, path);
	return PT_STEAL_FD(fd);
}

int pt_host_start(const struct pt_host *host, int (*work)(void *data, int out), void *data,
	struct pt_child *ret)
{
	return pt_child_start(ret, work, data, &host->root, 1, true, NULL);
}

int pt_host_collect(const struct pt_host *host, int (*work)(void *data, int out), void *data,
	long long deadline_ms, size_t cap, char **ret_text, size_t *ret_length)
{
	struct pt_child child;
	int r = pt_host_start(host, work, data, &child);

	return r < 0 ? r : pt_child_collect(&child, deadline_ms, cap, ret_text, ret_length);
}

int pt_host_write_start(const struct pt_host *host, const char *path, const char *text, int lock_fd,
	struct pt_write *ret, struct pt_err *err)
{
	PT_CLOSE int fd = pt_host_openat(host, path, O_WRONLY | O_NOFOLLOW);
	struct pt_order order = {.fd = fd, .lock_fd = lock_fd, .text = text};

	*ret = (struct pt_write){0};
	snprintf(ret->path, sizeof(ret->path), "%s", path);
	memcpy(order.path, ret->path, sizeof(order.path));
	return fd < 0 ? pt_err_errno(err, fd, "%s", path)
		      : pt_helper_start(host->helpers, &order, &ret->helper, err);
}

int pt_host_write_fd(const struct pt_write *write)
{
	return pt_helper_fd(write->helper);
}

int pt_host_write_wait(const struct pt_host *host, struct pt_write *write, long long deadline_ms,
	struct pt_err *err)
{
	int r = pt_helper_finish(host->helpers, PT_STEAL(write->helper), deadline_ms, NULL, NULL);

	if (r == -ETIME)
		return pt_err_set(
			err, r, "%s: the kernel has not answered by the deadline", write->path);
	if (r < 0)
		return pt_err_errno(err, r, "%s", write->path);
	return 0;
}
