// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/claim/claimfile.h"
#include "lib/base/durable.h"
#include "lib/base/json.h"

#define SUFFIX	       ".json"
#define CLAIM_SIZE_MAX (1024U * 1024)
#define FOLDER_LOCK_MS 5000
#define LOCK_POLL_NS   20000000L

struct pt_claims {
	struct pt_host *folder; /* gate to <dir>: reading goes through it */
	int claims;
	int work;
	char *dir; /* for messages */
};

/* Opens a folder of the claims. A captured host is anybody's, and only looked at. */
static int open_folder(const struct pt_host *host, const char *dir, const char *below, bool create,
	struct pt_err *err)
{
	PT_FREE char *path = pt_format("%s%s", dir, below);
	int r = create ? pt_host_make_dir(host, path) : 0;

	if (r < 0)
		return pt_err_errno(err, r, "%s", path);
	if (create || pt_host_is_live(host))
		return pt_host_open_private(host, path, err);
	r = pt_host_openat(host, path, O_RDONLY | O_DIRECTORY);
	return r < 0 ? pt_err_errno(err, r, "%s", path) : r;
}

int pt_claims_open(struct pt_claims **ret, const struct pt_host *host, const char *dir, bool create,
	struct pt_err *err)
{
	struct pt_claims PT_CLAIMS *claims = NULL;
	PT_CLOSE int root = open_folder(host, dir, "", create, err);
	int r;

	if (root < 0)
		return root;
	claims = pt_calloc(1, sizeof(*claims));
	claims->claims = claims->work = -1;
	claims->dir = pt_strdup(dir);
	r = claims->claims = open_folder(host, dir, "/claims", create, err);
	if (r >= 0)
		r = claims->work = open_folder(host, dir, "/work", create, err);
	if (r < 0)
		return r;
	{
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/fd/%d", claims->claims);
		r = pt_host_open(&claims->folder, path, NULL, err);
	}
	if (r < 0)
		return r;
	*ret = PT_STEAL(claims);
	return 0;
}

void pt_claims_close(struct pt_claims *claims)
{
	if (!claims)
		return;
	pt_host_close(claims->folder);
	pt_close_fd(&claims->claims);
	pt_close_fd(&claims->work);
	free(claims->dir);
	free(claims);
}

void pt_claims_close_p(struct pt_claims **claims)
{
	pt_claims_close(PT_STEAL(*claims));
}

int pt_claims_owners(const struct pt_claims *claims, struct pt_names *ret, struct pt_err *err)
{
	struct pt_names PT_NAMES names = {0};
	size_t count = 0;
	int r = claims ? pt_host_list(claims->folder, "/", &names) : 0;

	if (r < 0)
		return pt_err_errno(err, r, "list the claims");
	for (size_t i = 0; i < names.count; i++) {
		char *dot = strstr(names.name[i], SUFFIX);

		if (dot && pt_streq(dot, SUFFIX)) {
			char *name = names.name[i];

			*dot = '\0';
			names.name[i] = names.name[count];
			names.name[count++] = name;
		}
	}
	for (size_t i = count; i < names.count; i++)
		free(names.name[i]);
	names.count = count;
	*ret = names;
	names = (struct pt_names){0};
	return 0;
}

static char *file_of(const char *owner)
{
	return pt_claim_owner_valid(owner) ? pt_format("%s" SUFFIX, owner) : NULL;
}

int pt_claims_load(const struct pt_claims *claims, const char *owner, struct pt_claim **ret,
	struct pt_err *err)
{
	struct json_object PT_JSON *json = NULL;
	struct pt_claim PT_CLAIM *claim = NULL;
	PT_FREE char *file = file_of(owner);
	PT_FREE char *text = NULL;
	size_t length;
	int r;

	if (!claims || !file)
		return -ENOENT;
	r = pt_host_read(claims->folder, file, CLAIM_SIZE_MAX, &text, &length);
	if (r == -ENOENT)
		return r;
	if (r < 0)
		return pt_err_errno(err, r, "claim of %s", owner);
	json = pt_json_parse(text, length, err);
	r = json ? pt_claim_from_json(json, &claim, err) : -EINVAL;
	if (r == 0 && !pt_streq(claim->owner, owner))
		r = pt_err_set(err, -EINVAL, "it belongs to %s", claim->owner);
	if (r < 0)
		return pt_err_wrap(err,
			"claim of %s is damaged (bind its devices by hand, then remove %s/claims/%s)",
			owner, claims->dir, file);
	*ret = PT_STEAL(claim);
	return 0;
}

int pt_claims_save(const struct pt_claims *claims, const struct pt_claim *claim, struct pt_err *err)
{
	struct json_object PT_JSON *json = pt_record_to_json(&pt_claim_record, claim);
	PT_FREE char *file = file_of(claim->owner);
	int r;

	r = pt_durable_write(
		claims->work, claims->claims, file, pt_json_print(json, JSON_C_TO_STRING_PRETTY));
	return r < 0 ? pt_err_errno(err, r, "write the claim of %s", claim->owner) : 0;
}

/* The age of this file is the time for which the claim is on hold. */
static char *hold_file_of(const char *owner)
{
	return pt_claim_owner_valid(owner) ? pt_format("%s.hold", owner) : NULL;
}

int pt_claims_hold(const struct pt_claims *claims, const char *owner)
{
	PT_FREE char *name = hold_file_of(owner);
	PT_CLOSE int fd = -1;

	if (!name)
		return -EINVAL;
	fd = openat(claims->work, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 || futimens(fd, NULL) < 0 ? -errno : 0;
}

bool pt_claims_on_hold(const struct pt_claims *claims, const char *owner, int seconds)
{
	PT_FREE char *name = hold_file_of(owner);
	struct stat st;

	return claims && name && fstatat(claims->work, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       llabs(time(NULL) - st.st_mtime) < seconds;
}

void pt_claims_end_hold(const struct pt_claims *claims, const char *owner)
{
	PT_FREE char *name = hold_file_of(owner);

	if (name)
		unlinkat(claims->work, name, 0);
}

int pt_claims_remove(const struct pt_claims *claims, const char *owner, struct pt_err *err)
{
	PT_FREE char *file = file_of(owner);

	if (!file)
		return pt_err_set(err, -EINVAL, "'%s' cannot own a claim", owner);
	pt_claims_end_hold(claims, owner);
	if (unlinkat(claims->claims, file, 0) < 0 && errno != ENOENT)
		return pt_err_errno(err, -errno, "remove the claim of %s", owner);
	if (fsync(claims->claims) < 0)
		return pt_err_errno(err, -errno, "remove the claim of %s", owner);
	return 0;
}

/* Locks a file in work, trying until the deadline. Returns the descriptor or a negative errno. */
static int take_lock(const struct pt_claims *claims, const char *name, int flags, int operation,
	long long deadline_ms)
{
	PT_CLOSE int fd = openat(claims->work, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0600);

	if (fd < 0)
		return -errno;
	while (flock(fd, operation | LOCK_NB) < 0) {
		struct timespec pause = {.tv_nsec = LOCK_POLL_NS};

		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (pt_now_ms() >= deadline_ms)
			return -EWOULDBLOCK;
		nanosleep(&pause, NULL);
	}
	return PT_STEAL_FD(fd);
}

/* The holder moves functions, or is a writer that hangs in the kernel: the claim says which. */
static int explain_work(const struct pt_claims *claims, const char *owner, struct pt_err *err)
{
	struct pt_claim PT_CLAIM *claim = NULL;

	if (pt_claims_load(claims, owner, &claim, NULL) == 0) {
		pt_foreach (function, claim->function, claim->count) {
			if (function->error)
				return pt_err_set(err, -EWOULDBLOCK,
					"functions of %s are still being moved: %s; when that does "
					"not end, look in the kernel log and reboot the host",
					owner, function->error);
		}
	}
	return pt_err_set(err, -EWOULDBLOCK,
		"functions of %s are being moved right now; try again in a minute", owner);
}

int pt_claims_work_lock(const struct pt_claims *claims, const char *owner, long long deadline_ms,
	int *ret_fd, struct pt_err *err)
{
	PT_FREE char *name = pt_claim_owner_valid(owner) ? pt_format("%s.lock", owner) : NULL;
	int fd = name ? take_lock(claims, name, O_CREAT, LOCK_EX, deadline_ms) : -EINVAL;

	if (fd == -EWOULDBLOCK)
		return explain_work(claims, owner, err);
	if (fd < 0)
		return pt_err_errno(err, fd, "work lock of %s", owner);
	*ret_fd = fd;
	return 0;
}

bool pt_claims_work_locked(const struct pt_claims *claims, const char *owner)
{
	PT_FREE char *name = pt_claim_owner_valid(owner) ? pt_format("%s.lock", owner) : NULL;
	PT_CLOSE int fd = -1;

	if (!name)
		return false;
	/* a look makes no file, and two looks do not see each other */
	fd = take_lock(claims, name, 0, LOCK_SH, pt_now_ms());
	return fd == -EWOULDBLOCK;
}

int pt_claims_store(
	const struct pt_claims *claims, const struct pt_claim *claim, struct pt_err *err)
{
	return claim->count || claim->unit.count ? pt_claims_save(claims, claim, err)
						 : pt_claims_remove(claims, claim->owner, err);
}

struct sharing {
	struct pt_claim *claim;
	const struct pt_claims_alive *alive;
	const struct pt_claims *claims;
	struct pt_claim *other;
	enum pt_part part;
	const struct pt_log *log;
	struct pt_err *err;
};

/* Handles a function that another claim holds too, there as theirs. */
typedef int shared_function(const struct sharing *sharing, struct pt_claim_function *function,
	struct pt_claim_function *theirs);

static int visit_shared(struct sharing *sharing, shared_function *visit)
{
	int r = 0;

	/* backwards: visiting may take one out */
	for (size_t at = sharing->claim->count; r == 0 && at-- > 0;) {
		struct pt_claim_function *function = &sharing->claim->function[at];
		struct pt_claim_function *theirs = pt_claim_find(sharing->other, &function->bdf);

		if (theirs && pt_claim_in_part(function, sharing->part))
			r = visit(sharing, function, theirs);
	}
	return r;
}

static int for_each_shared(struct sharing *sharing, shared_function *visit)
{
	const struct pt_claims *claims = sharing->claims;
	struct pt_names PT_NAMES owners = {0};
	int r = pt_claims_owners(claims, &owners, sharing->err);

	for (size_t i = 0; r == 0 && i < owners.count; i++) {
		struct pt_claim PT_CLAIM *other = NULL;

		if (pt_streq(owners.name[i], sharing->claim->owner))
			continue;
		/* gone meanwhile, or damaged: one bad file must not stop every other owner */
		if (pt_claims_load(claims, owners.name[i], &other, NULL) < 0 || !other)
			continue;
		sharing->other = other;
		r = visit_shared(sharing, visit);
	}
	return r;
}

static bool counts(const struct sharing *sharing, const struct pt_claim_function *theirs)
{
	return !sharing->alive ||
	       sharing->alive->ask(sharing->alive->data, sharing->other->owner, theirs->spare);
}

/* A dead owner's function that could not be returned: another owner takes it over. */
static bool is_abandoned(const struct sharing *sharing, const struct pt_claim_function *theirs)
{
	return !theirs->spare && theirs->error && !counts(sharing, theirs);
}

static int adopt_origin(const struct sharing *sharing, struct pt_claim_function *function,
	struct pt_claim_function *theirs)
{
	if (!function->spare && !theirs->spare && !is_abandoned(sharing, theirs))
		return pt_err_set(sharing->err, -EBUSY, "%s: is in the claim of %s too",
			PT_BDF(&function->bdf), sharing->other->owner);
	if (function->has_origin)
		return 0;
	function->has_origin = true;
	pt_origin_copy(&function->origin, &theirs->origin);
	return 0;
}

/* Removes from the other claim the functions that the file of ours has now. */
static int take_over(const struct sharing *sharing, struct pt_claim_function *function,
	struct pt_claim_function *theirs)
{
	if (function->spare || !is_abandoned(sharing, theirs))
		return 0;
	pt_claim_remove(sharing->other, &function->bdf);
	return pt_claims_store(sharing->claims, sharing->other, sharing->err);
}

static int leave_to_other(const struct sharing *sharing, struct pt_claim_function *function,
	struct pt_claim_function *theirs)
{
	if (!counts(sharing, theirs))
		return 0;
	if (!function->spare)
		pt_log(sharing->log, PT_LOG_INFO, "%s: %s stays with the claim of %s",
			function->label, PT_BDF(&function->bdf), sharing->other->owner);
	pt_claim_remove(sharing->claim, &function->bdf);
	return 0;
}

static int lock_folder(const struct pt_claims *claims, struct pt_err *err)
{
	int lock = take_lock(claims, ".folder", O_CREAT, LOCK_EX, pt_now_ms() + FOLDER_LOCK_MS);

	return lock < 0 ? pt_err_errno(err, lock, "lock of the claims folder") : lock;
}

int pt_claims_record(const struct pt_claims *claims, const struct pt_host *host,
	struct pt_claim *claim, const struct pt_claims_alive *alive, struct pt_err *err)
{
	struct sharing sharing = {.claims = claims, .claim = claim, .alive = alive, .err = err};
	PT_CLOSE int lock = lock_folder(claims, err);
	int r = lock < 0 ? lock : for_each_shared(&sharing, adopt_origin);

	for (size_t i = 0; r == 0 && i < claim->count; i++) {
		struct pt_claim_function *function = &claim->function[i];

		if (!function->has_origin)
			r = pt_origin_read(host, &function->bdf, &function->origin, err);
		function->has_origin = r == 0;
	}
	if (r == 0)
		r = pt_claims_save(claims, claim, err);
	return r < 0 ? r : for_each_shared(&sharing, take_over);
}

int pt_claims_yield(const struct pt_claims *claims, struct pt_claim *claim, enum pt_part part,
	const struct pt_claims_alive *alive, const struct pt_log *log, struct pt_err *err)
{
	struct sharing sharing = {.claims = claims,
		.claim = claim,
		.alive = alive,
		.part = part,
		.log = log,
		.err = err};
	PT_CLOSE int lock = lock_folder(claims, err);
	size_t count = claim->count;
	int r = lock < 0 ? lock : for_each_shared(&sharing, leave_to_other);

	return r < 0 || claim->count == count ? r : pt_claims_store(claims, claim, err);
}
