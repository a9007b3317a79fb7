// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

#include "lib/claim/locks.h"

#define POLL_NS	   20000000L
#define LOOK_MS	   50
#define GUEST_LOCK "guest-%u"

/* Returns the descriptor or a negative errno. */
static int take_lock(int folder, const char *name, int flags, int operation, long long deadline_ms)
{
	PT_CLOSE int fd = openat(folder, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0600);

	if (fd < 0)
		return -errno;
	while (flock(fd, operation | LOCK_NB) < 0) {
		struct timespec pause = {.tv_nsec = POLL_NS};

		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (pt_now_ms() >= deadline_ms)
			return -EWOULDBLOCK;
		nanosleep(&pause, NULL);
	}
	return PT_STEAL_FD(fd);
}

static int lock(const struct pt_store *store, const char *name, enum pt_lock_kind kind,
	int patience_ms, int *ret_fd, struct pt_err *err)
{
	int fd = take_lock(pt_store_locks(store), name, O_CREAT,
		kind == PT_LOCK_SHARED ? LOCK_SH : LOCK_EX, pt_now_ms() + patience_ms);

	if (fd < 0)
		return pt_err_errno(err, fd, "lock %s/lock/%s", pt_store_dir(store), name);
	*ret_fd = fd;
	return 0;
}

static bool is_locked(const struct pt_store *store, const char *name)
{
	PT_CLOSE int fd = -1;

	if (!store)
		return false;
	/* a look makes no file, and two looks do not see each other */
	fd = take_lock(pt_store_locks(store), name, 0, LOCK_SH, pt_now_ms());
	return fd == -EWOULDBLOCK;
}

int pt_lock_function(const struct pt_store *store, const struct pt_bdf *bdf, enum pt_lock_kind kind,
	int patience_ms, int *ret_fd, struct pt_err *err)
{
	return lock(store, PT_BDF(bdf), kind, patience_ms, ret_fd, err);
}

int pt_lock_guest(const struct pt_store *store, unsigned int vmid, int patience_ms, int *ret_fd,
	struct pt_err *err)
{
	PT_FREE char *name = pt_format(GUEST_LOCK, vmid);

	return lock(store, name, PT_LOCK_ALONE, patience_ms, ret_fd, err);
}

int pt_lock_unit(const struct pt_store *store, const char *unit, int patience_ms, int *ret_fd,
	struct pt_err *err)
{
	PT_FREE char *name = pt_format("unit-%s", unit);

	return lock(store, name, PT_LOCK_ALONE, patience_ms, ret_fd, err);
}

bool pt_function_is_locked(const struct pt_store *store, const struct pt_bdf *bdf)
{
	return is_locked(store, PT_BDF(bdf));
}

bool pt_guest_is_locked(const struct pt_store *store, unsigned int vmid)
{
	PT_FREE char *name = pt_format(GUEST_LOCK, vmid);

	return is_locked(store, name);
}

int pt_locks_add(const struct pt_store *store, struct pt_locks *locks, const struct pt_bdf *bdf,
	enum pt_lock_kind kind, struct pt_err *err)
{
	const struct pt_lock *held = pt_locks_find(locks, bdf);
	int fd = -1, r = 0;

	if (held && (held->kind == PT_LOCK_ALONE || kind == PT_LOCK_SHARED))
		return 0;
	if (!held)
		r = pt_lock_function(store, bdf, kind, LOOK_MS, &fd, err);
	if (held || r == -EWOULDBLOCK)
		return pt_lock_explain_busy(store, bdf, err);
	if (r == 0)
		*(struct pt_lock *)pt_array_grow(&locks->lock, &locks->count,
			sizeof(*locks->lock)) = (struct pt_lock){*bdf, kind, fd};
	return r;
}

int pt_locks_add_mover(const struct pt_host *host, const struct pt_store *store,
	struct pt_locks *locks, const struct pt_bdf *bdf, struct pt_err *err)
{
	struct pt_bdf pf;
	int r = pt_locks_add(store, locks, bdf, PT_LOCK_ALONE, err);

	if (r == 0 && pt_function_read_pf(host, bdf, &pf) == 0)
		r = pt_locks_add(store, locks, &pf, PT_LOCK_SHARED, err);
	return r;
}

const struct pt_lock *pt_locks_find(const struct pt_locks *locks, const struct pt_bdf *bdf)
{
	pt_foreach (lock, locks->lock, locks->count) {
		if (pt_bdf_compare(&lock->bdf, bdf) == 0)
			return lock;
	}
	return NULL;
}

int pt_locks_fd(const struct pt_locks *locks, const struct pt_bdf *bdf)
{
	const struct pt_lock *lock = pt_locks_find(locks, bdf);

	return lock ? lock->fd : -1;
}

void pt_locks_release(struct pt_locks *locks, size_t but)
{
	while (locks->count > but)
		pt_close_fd(&locks->lock[--locks->count].fd);
}

void pt_locks_clear(struct pt_locks *locks)
{
	pt_locks_release(locks, 0);
	free(locks->lock);
	*locks = (struct pt_locks){0};
}

int pt_lock_explain_busy(const struct pt_store *store, const struct pt_bdf *bdf, struct pt_err *err)
{
	struct pt_function_record PT_FUNCTION_RECORD record = {0};

	if (pt_function_load(store, bdf, &record, NULL) == 0 && record.error)
		return pt_err_set(err, -EWOULDBLOCK,
			"%s is still being moved: %s; when that does not end, look in the kernel "
			"log and reboot the host",
			PT_BDF(bdf), record.error);
	return pt_err_set(err, -EWOULDBLOCK, "%s is being moved right now; try again in a minute",
		PT_BDF(bdf));
}
