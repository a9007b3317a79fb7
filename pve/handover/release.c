// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <time.h>

#include "lib/linux/systemd.h"
#include "lib/use/use-devfile.h"
#include "pve/config/guest.h"
#include "pve/config/paths.h"
#include "pve/config/policy.h"
#include "pve/handover/release.h"
#include "pve/config/reservation.h"
#include "pve/config/runstate.h"
#include "pve/handover/units.h"

#define WITH_OTHERS   "is with another guest or process; reconcile returns it when it is free"
#define POLL_MS	      100
#define GROUP_POLL_NS (POLL_MS * 1000000L)
#define LOOK_MS	      500
#define SHORT_MS      500 /* after a shorter wait the facts still hold, and are not read again */

static unsigned int vmid_of(const struct pt_claim *claim)
{
	return (unsigned int)strtoul(claim->owner, NULL, 10);
}

static int name_holder(
	const struct pt_host *host, const struct pt_function *function, struct pt_err *err)
{
	struct pt_vfio_user *user = NULL;
	size_t count = 0;
	int r;

	if (pt_vfio_users(host, &function, 1, &user, &count, NULL) == 0 && count)
		r = pt_err_set(err, -EBUSY,
			"%s: process %d (%s) still has IOMMU group %d open; end it first",
			PT_BDF(&function->bdf), user->pid, user->name, function->group);
	else
		r = pt_err_set(err, -EBUSY,
			"%s: a process that is ending still holds IOMMU group %d; wait until it is "
			"gone",
			PT_BDF(&function->bdf), function->group);
	free(user);
	return r;
}

/* Waits until the kernel releases the function's group: an earlier unbind would hang. Reads links
 * only, which take no device lock: a dying QEMU's reset may hold that for long. */
static int wait_for_group(const struct pt_host *host, const struct pt_bdf *bdf,
	long long deadline_ms, struct pt_err *err)
{
	struct timespec pause = {.tv_nsec = GROUP_POLL_NS};
	struct pt_function function = {.bdf = *bdf, .has_vfio_dev = true};
	PT_FREE char *driver = NULL;
	int r = pt_function_read_driver(host, bdf, &driver);

	if (r == -ENODEV)
		return 0;
	if (r < 0)
		return pt_err_errno(err, r, "%s: read its driver", PT_BDF(bdf));
	function.group = pt_function_read_group(host, bdf);
	while (pt_function_read_on_vfio(host, bdf, driver) &&
		!pt_vfio_group_free(host, function.group)) {
		if (pt_now_ms() >= deadline_ms)
			return name_holder(host, &function, err);
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* Parks the VFs of parked PFs: they return with their PF. */
static void park_vfs(struct pt_claim *claim)
{
	pt_foreach (function, claim->function, claim->count) {
		const struct pt_claim_function *pf =
			function->has_pf ? pt_claim_find(claim, &function->pf) : NULL;

		function->parked |= pf && pf->parked;
	}
}

/* -EBUSY: some groups stay held, err names the first. Their functions are parked, on record with
 * the reason: the others need not wait for them. */
static int wait_until(
	const struct pt_host *host, struct pt_claim *claim, long long deadline, struct pt_err *err)
{
	int result = 0;

	pt_foreach (function, claim->function, claim->count) {
		bool asked = !function->spare && !function->parked;
		struct pt_err why = {0};
		int r = asked ? wait_for_group(host, &function->bdf, deadline, &why) : 0;

		if (r < 0 && result == 0 && err)
			*err = why;
		if (r == -EBUSY) {
			function->parked = true;
			pt_claim_set_error(function, why.text);
		}
		if (r < 0 && r != -EBUSY)
			return r;
		result = r < 0 ? r : result;
	}
	return result;
}

/* As wait_until, by the limit of groups. Looks at all once more right before a move: somebody may
 * have opened one while another was waited for. */
static int wait_for_groups(const struct pt_host *host, struct pt_claim *claim,
	const struct pt_limits *limits, bool *ret_waited, struct pt_err *err)
{
	long long begin = pt_now_ms();
	int result = wait_until(host, claim, begin + limits->group_ms, err), again = 0;

	*ret_waited = pt_now_ms() - begin >= SHORT_MS;
	if (pt_now_ms() - begin >= POLL_MS && (result == 0 || result == -EBUSY))
		again = wait_until(host, claim, begin, result < 0 ? NULL : err);
	park_vfs(claim);
	return again < 0 ? again : result;
}

/* Whether only a dying process holds the group: its QEMU ends, and frees memory or files. */
static bool is_ending(const struct pt_host *host, unsigned int vmid, const struct pt_bdf *bdf)
{
	struct pt_function function = {
		.bdf = *bdf, .group = pt_function_read_group(host, bdf), .has_vfio_dev = true};
	const struct pt_function *const asked = &function;
	struct pt_vfio_user *user = NULL;
	size_t users = 0;
	bool ending;

	if (pt_vfio_group_free(host, function.group) ||
		pt_vfio_users(host, &asked, 1, &user, &users, NULL) < 0)
		return false;
	ending = true;
	for (size_t i = 0; i < users; i++)
		ending = ending && (pt_pid_ends(host, user[i].pid) ||
					   pt_pid_guest(host, user[i].pid) == vmid);
	free(user);
	return ending;
}

int pt_wait_for_last_run(const struct pt_host *host, unsigned int vmid, const struct pt_bdf *bdf,
	long long deadline_ms, bool *waited, struct pt_err *err)
{
	struct timespec pause = {.tv_nsec = GROUP_POLL_NS};

	while (is_ending(host, vmid, bdf)) {
		if (pt_now_ms() >= deadline_ms)
			return pt_err_set(err, -EBUSY,
				"%s: the last QEMU of guest %u has not ended and still holds it; "
				"start again when it is gone",
				PT_BDF(bdf), vmid);
		if (!*waited)
			pt_log(pt_host_log(host), PT_LOG_INFO,
				"guest %u: its last QEMU is still ending; waiting", vmid);
		*waited = true;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static struct pt_handover handover_of(
	const struct pt_host *host, const struct pt_limits *limits, int lock_fd)
{
	return (struct pt_handover){.host = host,
		.log = pt_host_log(host),
		.lock_fd = lock_fd,
		.write_ms = limits->write_ms,
		.phase_ms = limits->phase_ms};
}

/* Whether another guest starts or runs with it, as Proxmox VE has it. */
static bool is_reserved(const struct pt_host *host, unsigned int vmid,
	const struct pt_reservations *reservations, const struct pt_bdf *bdf)
{
	const struct pt_reservation *reservation = pt_reservation_find(reservations, PT_BDF(bdf));
	int pid = 0;

	if (reservation && reservation->vmid <= PT_VMID_MAX)
		pid = pt_guest_pid(host, (unsigned int)reservation->vmid);
	return pt_reservation_judge(reservation, vmid, time(NULL), pid) != PT_RESERVATION_FREE;
}

/* Whether somebody else has the spare: a reservation of another guest, or any process. */
static bool spare_is_used(const struct pt_host *host, unsigned int vmid,
	const struct pt_reservations *reservations, const struct pt_bdf *bdf)
{
	struct pt_function function = {
		.bdf = *bdf, .group = pt_function_read_group(host, bdf), .has_vfio_dev = true};
	const struct pt_function *const asked = &function;
	struct pt_vfio_user *user = NULL;
	size_t users = 0;

	if (is_reserved(host, vmid, reservations, bdf) || !pt_vfio_group_free(host, function.group))
		return true;
	/* unknown counts as yes: the function stays as it is */
	if (pt_vfio_users(host, &asked, 1, &user, &users, NULL) < 0)
		return true;
	free(user);
	return users > 0;
}

/* Keeps the function on record, untouched. One line only: reconcile runs every few minutes. */
static void leave_with_others(const struct pt_host *host, struct pt_claim_function *function)
{
	PT_FREE char *error = pt_format("%s: " WITH_OTHERS, PT_BDF(&function->bdf));

	function->parked = true;
	if (function->with_others)
		return;
	function->with_others = true;
	pt_log(pt_host_log(host), PT_LOG_INFO, "%s: %s %s", function->label, PT_BDF(&function->bdf),
		WITH_OTHERS);
	pt_claim_set_error(function, error);
}

/* Leaves functions that Proxmox VE has promised to another guest: its QEMU may not have opened them
 * yet. It happens if two guests got each other's device and one dies before its post-start. */
static void leave_reserved(const struct pt_host *host, unsigned int vmid, struct pt_claim *claim)
{
	struct pt_reservations PT_RESERVATIONS reservations = {0};
	struct pt_err unread = {0};

	/* no reason to keep everything: the groups are free */
	if (pt_reservations_read(host, &reservations, &unread) < 0)
		pt_log(pt_host_log(host), PT_LOG_WARNING, "%s", unread.text);
	pt_foreach (function, claim->function, claim->count) {
		if (!function->spare && !function->parked &&
			is_reserved(host, vmid, &reservations, &function->bdf))
			leave_with_others(host, function);
	}
	park_vfs(claim);
}

/* Drops spares that somebody else has; one that we moved stays on record until it is free. */
static int drop_used_spares(
	const struct pt_host *host, unsigned int vmid, struct pt_claim *claim, struct pt_err *err)
{
	struct pt_reservations PT_RESERVATIONS reservations = {0};
	int r = 0;

	for (size_t at = claim->count; at-- > 0;) {
		struct pt_claim_function *function = &claim->function[at];

		if (!function->spare)
			continue;
		if (!reservations.reservation)
			r = pt_reservations_read(host, &reservations, err);
		if (r < 0)
			return r;
		if (!spare_is_used(host, vmid, &reservations, &function->bdf))
			continue;
		if (!function->moved) {
			pt_claim_remove(claim, &function->bdf);
			continue;
		}
		leave_with_others(host, function);
	}
	park_vfs(claim);
	return 0;
}

bool pt_other_counts(void *data, const char *owner, bool spare)
{
	const struct pt_others *others = data;
	unsigned int vmid;

	if (!pt_vmid_parse(owner, &vmid))
		return true;
	/* a guest that runs has chosen: Proxmox VE will not give it a spare any more */
	return pt_guest_is_live(others->host, others->claims, vmid) &&
	       !(spare && pt_guest_pid(others->host, vmid));
}

/* Writes the claim. An empty one ends and starts its units, unless the guest runs. */
static int store(const struct pt_host *host, const struct pt_claims *claims, struct pt_claim *claim,
	const struct pt_limits *limits, struct pt_err *err)
{
	if (!claim->count && !pt_guest_pid(host, vmid_of(claim)))
		pt_units_start(host, claim, limits->phase_ms);
	return pt_claims_store(claims, claim, err);
}

int pt_release_spares(const struct pt_host *host, const struct pt_claims *claims,
	struct pt_claim *claim, const struct pt_limits *limits, int lock_fd, struct pt_err *err)
{
	struct pt_handover handover = handover_of(host, limits, lock_fd);
	struct pt_others others = {host, claims};
	struct pt_claims_alive alive = {pt_other_counts, &others};
	unsigned int vmid = vmid_of(claim);
	int r = pt_claims_yield(claims, claim, PT_PART_SPARE, &alive, pt_host_log(host), err);
	int stored;

	if (r == 0)
		r = drop_used_spares(host, vmid, claim, err);
	if (r < 0)
		return r;
	r = pt_handover_give_back(&handover, claim, PT_PART_SPARE, err);
	stored = store(host, claims, claim, limits, r < 0 ? NULL : err);
	return r < 0 ? r : stored;
}

/* Applies the policy of now: an earlier one may be wrong. An undone take goes to the origin. */
static void use_policy(const struct pt_host *host, unsigned int vmid,
	const struct pt_limits *limits, struct pt_claim *claim)
{
	struct pt_policy PT_POLICY policy = {0};

	if (claim->state != PT_CLAIM_TAKING &&
		pt_policy_read(host, limits->allowing, &policy, NULL) == 0)
		pt_policy_set_homes(&policy, vmid, claim, pt_host_log(host));
}

int pt_release_locked(const struct pt_host *host, const struct pt_claims *claims, unsigned int vmid,
	const struct pt_limits *limits, int lock_fd, struct pt_err *err)
{
	struct pt_handover handover = handover_of(host, limits, lock_fd);
	struct pt_others others = {host, claims};
	struct pt_claims_alive alive = {pt_other_counts, &others};
	struct pt_claim PT_CLAIM *claim = NULL;
	char owner[PT_OWNER_TEXT];
	int pid = pt_guest_pid(host, vmid);
	bool waited = false;
	int r, held, stored;

	if (pid)
		return pt_err_set(err, -EBUSY,
			"guest %u runs as process %d and uses its devices; stop it first", vmid,
			pid);
	r = pt_claims_load(claims, pt_owner_name(vmid, owner), &claim, err);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = pt_claims_yield(claims, claim, PT_PART_ALL, &alive, pt_host_log(host), err);
	if (r == 0)
		r = drop_used_spares(host, vmid, claim, err);
	if (r < 0)
		return r;
	use_policy(host, vmid, limits, claim);
	claim->state = PT_CLAIM_RETURNING;
	/* the file holds the origins in any state: a full /run must not stop the return */
	if (pt_claims_store(claims, claim, err) < 0)
		pt_log(pt_host_log(host), PT_LOG_WARNING, "%s",
			err ? err->text : "claim not written");
	held = wait_for_groups(host, claim, limits, &waited, err);
	if (held < 0 && held != -EBUSY)
		return held;
	if (waited && pt_system_stopping(host)) {
		pt_log(pt_host_log(host), PT_LOG_INFO,
			"guest %u: the node is shutting down; its devices stay taken", vmid);
		return 0;
	}
	pid = waited ? pt_guest_pid(host, vmid) : 0;
	if (pid)
		return pt_err_set(err, -EBUSY,
			"guest %u was started again meanwhile, as process %d; its devices stay with it",
			vmid, pid);
	leave_reserved(host, vmid, claim);
	r = pt_handover_give_back(&handover, claim, PT_PART_ALL, held < 0 ? NULL : err);
	stored = store(host, claims, claim, limits, r < 0 || held < 0 ? NULL : err);
	return held < 0 ? held : r < 0 ? r : stored;
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

/* A claim in the state "taking" is undone to its origins, and keeps its state. */
static int mark_returning(const struct pt_host *host, const struct pt_claims *claims,
	unsigned int vmid, struct pt_err *err)
{
	struct pt_claim PT_CLAIM *claim = NULL;
	char owner[PT_OWNER_TEXT];
	int r = pt_claims_load(claims, pt_owner_name(vmid, owner), &claim, err);

	if (r < 0 || claim->state != PT_CLAIM_TAKEN || pt_guest_pid(host, vmid))
		return r == -ENOENT ? 0 : r;
	claim->state = PT_CLAIM_RETURNING;
	if (pt_claims_save(claims, claim, err) < 0)
		pt_log(pt_host_log(host), PT_LOG_WARNING, "%s",
			err ? err->text : "claim not written");
	return 0;
}

/* Says who has Proxmox VE's lock: any process may, and for ever. */
static int name_locker(const struct pt_host *host, unsigned int vmid, struct pt_err *err)
{
	int pid = pt_guest_locker(host, vmid);

	if (!pid)
		return pt_err_set(
			err, -EWOULDBLOCK, "guest %u is being started or stopped right now", vmid);
	return pt_err_set(err, -EWOULDBLOCK,
		"guest %u is being started or stopped right now: process %d holds its lock, " PT_PVE_LOCKS
		"/lock-%u.conf",
		vmid, pid, vmid);
}

int pt_release_stale(const struct pt_host *host, const struct pt_claims *claims, unsigned int vmid,
	const struct pt_limits *limits, struct pt_err *err)
{
	PT_CLOSE int guest_lock = -1;
	PT_CLOSE int lock = -1;
	char owner[PT_OWNER_TEXT];
	int r = pt_guest_try_lock(host, vmid, &guest_lock);

	if (r == -EWOULDBLOCK)
		return name_locker(host, vmid, err);
	if (r < 0)
		return pt_err_errno(err, r, "lock of guest %u", vmid);
	/* others may be looking at the lock at this instant */
	r = pt_claims_work_lock(
		claims, pt_owner_name(vmid, owner), pt_now_ms() + LOOK_MS, &lock, err);
	if (r < 0)
		return r;
	/* under both locks: from here on a start of it sees a return, and waits */
	r = mark_returning(host, claims, vmid, err);
	pt_close_fd(&guest_lock);
	return r < 0 ? r : pt_release_locked(host, claims, vmid, limits, lock, err);
}
