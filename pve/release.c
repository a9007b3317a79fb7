// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <time.h>

#include "lib/use-node.h"
#include "pve/release.h"
#include "pve/runstate.h"

#define GROUP_POLL_NS 100000000L
#define LOOK_MS	      500

const struct pt_limits pt_default_limits = {
	.lock_ms = 5000,
	.group_ms = 20000,
	.write_ms = PT_WRITE_MS,
	.phase_ms = PT_PHASE_MS,
};

const char *pt_owner_name(unsigned int vmid, char text[static PT_OWNER_TEXT])
{
	snprintf(text, PT_OWNER_TEXT, "%u", vmid);
	return text;
}

/* Who holds the function's group, for the message. */
static int tell_holder(
	const struct pt_host *host, const struct pt_function *function, struct pt_err *err)
{
	struct pt_vfio_user *user = NULL;
	size_t count = 0;
	int r;

	if (pt_vfio_users(host, &function, 1, &user, &count, NULL) == 0 && count)
		r = pt_err_set(err, -EBUSY,
			"%s: process %d (%s) still has IOMMU group %d open; end it, then release "
			"again",
			PT_BDF(&function->bdf), user->pid, user->name, function->group);
	else
		r = pt_err_set(err, -EBUSY,
			"%s: a process that is ending still holds IOMMU group %d; release again "
			"when it is gone",
			PT_BDF(&function->bdf), function->group);
	free(user);
	return r;
}

/*
 * Waits until the kernel lets go of the function's group: unbinding it earlier would hang. Only links are
 * read, which take no device lock: a dying QEMU's reset may hold that for long.
 */
static int wait_for_group(const struct pt_host *host, const struct pt_bdf *bdf,
	long long deadline_ms, struct pt_err *err)
{
	struct timespec pause = {.tv_nsec = GROUP_POLL_NS};
	struct pt_function function = {.bdf = *bdf};
	PT_FREE char *driver = NULL;
	int r = pt_function_read_driver(host, bdf, &driver);

	if (r == -ENODEV)
		return 0;
	if (r < 0)
		return pt_err_errno(err, r, "%s: read its driver", PT_BDF(bdf));
	function.group = pt_function_read_group(host, bdf);
	while (pt_streq(driver, PT_VFIO_PCI) && !pt_vfio_group_free(host, function.group)) {
		if (pt_now_ms() >= deadline_ms)
			return tell_holder(host, &function, err);
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int wait_for_groups(const struct pt_host *host, const struct pt_claim *claim,
	const struct pt_limits *limits, struct pt_err *err)
{
	long long deadline = pt_now_ms() + limits->group_ms;

	pt_foreach (function, claim->function, claim->count) {
		int r = wait_for_group(host, &function->bdf, deadline, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int pt_release_locked(const struct pt_host *host, const struct pt_claims *claims, unsigned int vmid,
	const struct pt_limits *limits, int lock_fd, struct pt_err *err)
{
	struct pt_handover handover = {.host = host,
		.log = pt_host_log(host),
		.lock_fd = lock_fd,
		.write_ms = limits->write_ms,
		.phase_ms = limits->phase_ms};
	struct pt_claim PT_CLAIM *claim = NULL;
	char owner[PT_OWNER_TEXT];
	int pid = pt_guest_pid(host, vmid);
	int r, saved;

	if (pid)
		return pt_err_set(err, -EBUSY,
			"guest %u runs as process %d and uses its devices; stop it first", vmid,
			pid);
	r = pt_claims_load(claims, pt_owner_name(vmid, owner), &claim, err);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = wait_for_groups(host, claim, limits, err);
	if (r < 0)
		return r;
	claim->state = PT_CLAIM_RETURNING;
	/* the claim on disk holds the origins whatever its state: a full /run must not stop the return */
	if (pt_claims_save(claims, claim, err) < 0)
		pt_log(pt_host_log(host), PT_LOG_WARNING, "%s",
			err ? err->text : "claim not written");
	r = pt_handover_give_back(&handover, claim, err);
	saved = claim->count ? pt_claims_save(claims, claim, NULL)
			     : pt_claims_remove(claims, owner, r < 0 ? NULL : err);
	return r < 0 ? r : saved;
}

int pt_release(const struct pt_host *host, const struct pt_claims *claims, unsigned int vmid,
	const struct pt_limits *limits, struct pt_err *err)
{
	PT_CLOSE int lock = -1;
	char owner[PT_OWNER_TEXT];
	int r = pt_claims_work_lock(
		claims, pt_owner_name(vmid, owner), pt_now_ms() + limits->lock_ms, &lock, err);

	if (r < 0)
		return r;
	return pt_release_locked(host, claims, vmid, limits, lock, err);
}

int pt_release_stale(const struct pt_host *host, const struct pt_claims *claims, unsigned int vmid,
	const struct pt_limits *limits, struct pt_err *err)
{
	PT_CLOSE int guest_lock = -1;
	PT_CLOSE int lock = -1;
	char owner[PT_OWNER_TEXT];
	int r = pt_guest_try_lock(host, vmid, &guest_lock);

	if (r < 0)
		return pt_err_set(err, r, "guest %u is being started or stopped right now", vmid);
	/* others may be looking at the lock at this instant */
	r = pt_claims_work_lock(
		claims, pt_owner_name(vmid, owner), pt_now_ms() + LOOK_MS, &lock, err);
	if (r < 0)
		return r;
	pt_close_fd(&guest_lock);
	return pt_release_locked(host, claims, vmid, limits, lock, err);
}
