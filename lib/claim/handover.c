// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/claim/handover.h"
#include "lib/linux/modules.h"
#include "lib/claim/mover.h"

static void log_move(
	const struct pt_handover *handover, const struct pt_mover *mover, const char *to)
{
	pt_log(handover->log, PT_LOG_INFO, "%s: %s %s -> %s (%.2f s)%s", mover->function->label,
		PT_BDF(&mover->function->bdf), mover->was[0] ? mover->was : "no driver",
		to ? to : "no driver", (double)mover->spent_ms / 1000,
		mover->function->companion ? ", shares the IOMMU group" : "");
}

static void log_stays(const struct pt_handover *handover, const struct pt_mover *mover)
{
	pt_log(handover->log, PT_LOG_INFO, "%s: %s stays on %s", mover->function->label,
		PT_BDF(&mover->function->bdf), mover->was[0] ? mover->was : "no driver");
}

static void set_gone(struct pt_mover *mover)
{
	pt_mover_set(mover, PT_MOVE_GONE);
	mover->result = pt_err_set(
		&mover->err, -ENODEV, "%s: is gone from the bus", PT_BDF(&mover->function->bdf));
}

/* Reads the driver that a function has now into was; else the move has failed. */
static int read_was(const struct pt_host *host, struct pt_mover *mover)
{
	PT_FREE char *driver = NULL;
	int r = pt_function_read_driver(host, &mover->function->bdf, &driver);

	if (r == 0)
		snprintf(mover->was, sizeof(mover->was), "%s", driver ? driver : "");
	else if (r == -ENODEV)
		set_gone(mover);
	else
		pt_mover_fail(mover, pt_err_errno(&mover->err, r, "%s: read its driver",
					     PT_BDF(&mover->function->bdf)));
	return r;
}

/* fbcon releases the framebuffer first: its driver cannot leave while text is shown there. */
static bool plan_leave_console(
	const struct pt_mover *mover, enum pt_bind_kind *kind, const char **driver)
{
	*kind = PT_BIND_CONSOLE_OFF;
	*driver = mover->goal.console;
	return mover->goal.console;
}

/* A PF moves without VFs: vfio-pci refuses them, and not every driver removes its own. */
static bool plan_end_vfs(const struct pt_mover *mover, enum pt_bind_kind *kind, const char **driver)
{
	*kind = PT_BIND_VFS;
	*driver = "0";
	return mover->goal.vfs > 0;
}

static bool plan_vfio_override(
	const struct pt_mover *mover, enum pt_bind_kind *kind, const char **driver)
{
	*kind = PT_BIND_OVERRIDE;
	*driver = pt_claim_driver(mover->function);
	return true;
}

static bool plan_unbind(const struct pt_mover *mover, enum pt_bind_kind *kind, const char **driver)
{
	*kind = PT_BIND_UNBIND;
	*driver = "";
	return mover->was[0] != '\0';
}

static bool plan_vfio_attach(
	const struct pt_mover *mover, enum pt_bind_kind *kind, const char **driver)
{
	*kind = PT_BIND_ATTACH;
	*driver = pt_claim_driver(mover->function);
	return true;
}

static bool is_taken(const struct pt_mover *mover)
{
	return pt_streq(mover->was, pt_claim_driver(mover->function));
}

/* Policy may name a driver that is no vfio driver: then QEMU could not open the function. */
static int confirm_vfio(const struct pt_handover *handover, struct pt_movers *movers)
{
	pt_foreach (mover, movers->mover, movers->count) {
		const struct pt_claim_function *function = mover->function;

		if (!function->driver ||
			pt_function_read_on_vfio(handover->host, &function->bdf, function->driver))
			continue;
		pt_mover_fail(mover, pt_err_set(&mover->err, -ENODEV,
					     "%s: %s is no vfio driver; correct 'vfio-driver'",
					     PT_BDF(&function->bdf), function->driver));
		return mover->result;
	}
	return 0;
}

static int find_what_to_take(
	const struct pt_handover *handover, struct pt_movers *movers, struct pt_err *err)
{
	pt_foreach (mover, movers->mover, movers->count) {
		int r;

		if (mover->function->has_pf)
			continue; /* goes by itself */
		r = read_was(handover->host, mover);
		if (r < 0) {
			if (err)
				*err = mover->err;
			return r;
		}
		pt_mover_set(mover, is_taken(mover) ? PT_MOVE_SKIPPED : PT_MOVE_ACTIVE);
		if (mover->state == PT_MOVE_SKIPPED)
			log_stays(handover, mover);
	}
	return 0;
}

/* The VF switch of a PF is restored even if its VFs could not be made. */
static void revive_for_autoprobe(struct pt_movers *movers)
{
	pt_foreach (mover, movers->mover, movers->count) {
		if (mover->state == PT_MOVE_FAILED && mover->result != -ETIME &&
			mover->bind.kind == PT_BIND_VFS)
			pt_mover_set(mover, PT_MOVE_RESTORING);
	}
}

static void note_hanging(struct pt_movers *movers)
{
	pt_foreach (mover, movers->mover, movers->count) {
		if (mover->result == -ETIME)
			pt_set_text(&mover->function->error, mover->err.text);
	}
}

static void first_error(const struct pt_movers *movers, struct pt_err *err)
{
	pt_foreach (mover, movers->mover, movers->count) {
		if (mover->result < 0 && mover->state != PT_MOVE_GONE) {
			if (err)
				*err = mover->err;
			return;
		}
	}
}

int pt_handover_take(const struct pt_handover *handover, struct pt_claim *claim, struct pt_err *err)
{
	static pt_step_plan *const steps[] = {plan_leave_console, plan_end_vfs, plan_vfio_override,
		plan_unbind, plan_vfio_attach};
	long long deadline = pt_now_ms() + handover->phase_ms;
	struct pt_movers PT_MOVERS movers = {0};
	int r;

	pt_movers_make(claim, &movers);
	r = find_what_to_take(handover, &movers, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < PT_ARRAY_SIZE(steps); i++)
		r = pt_movers_step(handover, &movers, steps[i], false, deadline, true);
	if (r == 0)
		r = confirm_vfio(handover, &movers);
	if (r < 0) {
		first_error(&movers, err);
		note_hanging(&movers);
		return r;
	}
	pt_foreach (mover, movers.mover, movers.count) {
		if (mover->state == PT_MOVE_ACTIVE)
			log_move(handover, mover, pt_claim_driver(mover->function));
	}
	return 0;
}

/* Whether the driver is as it shall be. */
static bool at_home(const struct pt_mover *mover)
{
	return mover->state == PT_MOVE_FOREIGN ||
	       pt_streq(mover->was, mover->goal.driver ? mover->goal.driver : "");
}

/* While the origin driver is bound, no other may slip in (loading its module may load others that
 * know the device), and no override of an administrator may keep it away. */
static bool plan_open_override(
	const struct pt_mover *mover, enum pt_bind_kind *kind, const char **driver)
{
	const struct pt_origin *origin = &mover->goal;

	*kind = PT_BIND_OVERRIDE;
	*driver = origin->driver ? origin->driver : origin->override ? origin->override : "";
	return !at_home(mover);
}

static bool plan_leave_vfio(
	const struct pt_mover *mover, enum pt_bind_kind *kind, const char **driver)
{
	return !at_home(mover) && plan_unbind(mover, kind, driver);
}

static bool plan_home_attach(
	const struct pt_mover *mover, enum pt_bind_kind *kind, const char **driver)
{
	*kind = PT_BIND_ATTACH;
	*driver = mover->goal.driver;
	return !at_home(mover) && mover->goal.driver;
}

static bool plan_home_override(
	const struct pt_mover *mover, enum pt_bind_kind *kind, const char **driver)
{
	const char *override = mover->goal.override;

	*kind = PT_BIND_OVERRIDE;
	*driver = override ? override : "";
	return true;
}

static bool had_vfs(const struct pt_mover *mover)
{
	return mover->goal.vfs > 0 && mover->state != PT_MOVE_FOREIGN;
}

/* VFs come without a driver first, so that each can get the one that it had. */
static bool plan_hold_autoprobe(
	const struct pt_mover *mover, enum pt_bind_kind *kind, const char **driver)
{
	*kind = PT_BIND_AUTOPROBE;
	*driver = "0";
	return had_vfs(mover) && !mover->has_vfs && mover->goal.autoprobe >= 0;
}

static bool plan_home_vfs(
	const struct pt_mover *mover, enum pt_bind_kind *kind, const char **driver)
{
	*kind = PT_BIND_VFS;
	*driver = mover->vfs;
	return had_vfs(mover) && !mover->has_vfs;
}

static bool plan_home_autoprobe(
	const struct pt_mover *mover, enum pt_bind_kind *kind, const char **driver)
{
	*kind = PT_BIND_AUTOPROBE;
	*driver = mover->goal.autoprobe ? "1" : "0";
	return had_vfs(mover) && mover->goal.autoprobe >= 0;
}

static bool plan_home_console(
	const struct pt_mover *mover, enum pt_bind_kind *kind, const char **driver)
{
	*kind = PT_BIND_CONSOLE_ON;
	*driver = mover->goal.console;
	return mover->goal.console && mover->state == PT_MOVE_ACTIVE;
}

/* Loads the modules of origin drivers that were unloaded meanwhile. */
static void ensure_home_drivers(const struct pt_handover *handover, struct pt_movers *movers,
	bool vfs, long long phase_deadline)
{
	pt_foreach (mover, movers->mover, movers->count) {
		PT_FREE char *alias = NULL;
		int r;

		if (mover->state != PT_MOVE_ACTIVE || mover->function->has_pf != vfs ||
			at_home(mover) || !mover->goal.driver)
			continue;
		/* its name may differ from its module's: the function's alias finds the module */
		if (pt_function_read_modalias(handover->host, &mover->function->bdf, &alias) < 0)
			alias = NULL;
		r = pt_module_ensure(handover->host, mover->goal.driver, alias,
			pt_wave_deadline(handover, phase_deadline), &mover->err);
		if (r < 0) {
			pt_err_wrap(&mover->err, "%s", PT_BDF(&mover->function->bdf));
			pt_mover_fail(mover, r);
		}
	}
}

/* Whether the override is one that taking or giving back writes, or the goal itself. */
static bool is_own_override(const struct pt_mover *mover, const char *override)
{
	const struct pt_claim_function *function = mover->function;

	return pt_streq(override, mover->goal.override) ||
	       (override && (pt_streq(override, pt_claim_driver(function)) ||
				    pt_streq(override, PT_VFIO_PCI) ||
				    pt_streq(override, function->origin.driver) ||
				    pt_streq(override, mover->goal.driver)));
}

/* An override that somebody else has set meanwhile stays. */
static int keep_override(const struct pt_handover *handover, struct pt_mover *mover)
{
	const struct pt_claim_function *function = mover->function;
	PT_FREE char *override = NULL;
	int r = pt_function_read_override(handover->host, &function->bdf, &override);

	if (r == -ENODEV)
		set_gone(mover);
	else if (r < 0)
		pt_mover_fail(mover, pt_err_errno(&mover->err, r, "%s: read its driver override",
					     PT_BDF(&function->bdf)));
	/* a VF that is made anew has none */
	if (r < 0 || function->has_pf || is_own_override(mover, override))
		return r;
	pt_log(handover->log, PT_LOG_WARNING,
		"%s: another program set the driver override of %s to %s; it stays",
		function->label, PT_BDF(&function->bdf), override ? override : "none");
	mover->override = PT_STEAL(override);
	mover->goal.override = mover->override;
	return 0;
}

/* Leaves a function on a third driver: another program moved it, and may use it there. */
static void leave(const struct pt_handover *handover, struct pt_mover *mover)
{
	pt_log(handover->log, PT_LOG_WARNING,
		"%s: another program bound %s to %s; it stays there (origin: %s)",
		mover->function->label, PT_BDF(&mover->function->bdf), mover->was,
		mover->goal.driver ? mover->goal.driver : "no driver");
	pt_mover_set(mover, PT_MOVE_FOREIGN);
}

/* A number of VFs that somebody else has set meanwhile stays, and so do they. */
static void look_at_vfs(const struct pt_handover *handover, struct pt_mover *mover)
{
	PT_FREE char *text = NULL;
	int vfs;

	if (mover->goal.vfs <= 0 ||
		pt_function_read_vfs(handover->host, &mover->function->bdf, &text) < 0)
		return;
	vfs = atoi(text);
	mover->has_vfs = vfs == mover->goal.vfs;
	if (!vfs || mover->has_vfs)
		return;
	pt_log(handover->log, PT_LOG_WARNING,
		"%s: another program gave %s %d virtual functions; they stay (origin: %d)",
		mover->function->label, PT_BDF(&mover->function->bdf), vfs, mover->goal.vfs);
	mover->goal.vfs = 0;
}

/* Whether the PF of a VF that comes back with it did not come back itself. */
static bool pf_failed(const struct pt_movers *movers, const struct pt_mover *vf)
{
	pt_foreach (mover, movers->mover, movers->count) {
		if (pt_bdf_compare(&mover->function->bdf, &vf->function->pf) == 0)
			return mover->result < 0 && mover->state != PT_MOVE_GONE;
	}
	return false;
}

static void find_one_to_return(
	const struct pt_handover *handover, const struct pt_movers *movers, struct pt_mover *mover)
{
	const struct pt_claim_function *function = mover->function;
	bool ours;

	if (function->has_pf && pf_failed(movers, mover)) {
		pt_mover_fail(mover,
			pt_err_set(&mover->err, -EIO, "%s: its physical function %s is not back",
				PT_BDF(&function->bdf), PT_BDF(&function->pf)));
		return;
	}
	if (read_was(handover->host, mover) < 0 || keep_override(handover, mover) < 0)
		return;
	/* an earlier policy, or the guest before, may have named another vfio driver */
	ours = is_taken(mover) || pt_function_read_on_vfio(handover->host, &function->bdf,
					  mover->was[0] ? mover->was : NULL);
	if (!at_home(mover) && mover->was[0] && !ours)
		leave(handover, mover);
	else
		pt_mover_set(mover, PT_MOVE_ACTIVE);
	if (at_home(mover))
		look_at_vfs(handover, mover);
}

static void find_what_to_return(
	const struct pt_handover *handover, struct pt_movers *movers, bool vfs)
{
	pt_foreach (mover, movers->mover, movers->count) {
		if (mover->function->has_pf == vfs)
			find_one_to_return(handover, movers, mover);
	}
}

/* Notes that a step failed because the function went from the bus meanwhile. */
static void note_gone(const struct pt_host *host, struct pt_mover *mover)
{
	PT_FREE char *driver = NULL;

	if (mover->result == -ENODEV && mover->state != PT_MOVE_GONE &&
		pt_function_read_driver(host, &mover->function->bdf, &driver) == -ENODEV)
		set_gone(mover);
}

/* Logs each result and removes the returned functions from the claim. Returns the number left. */
static size_t settle(
	const struct pt_handover *handover, struct pt_claim *claim, struct pt_movers *movers)
{
	size_t stay = 0;

	/* backwards: removing moves the later ones */
	for (size_t i = movers->count; i-- > 0;) {
		struct pt_mover *mover = &movers->mover[i];
		struct pt_claim_function *function = mover->function;

		note_gone(handover->host, mover);
		if (mover->state == PT_MOVE_GONE) {
			pt_log(handover->log, PT_LOG_WARNING, "%s: %s; nothing to return",
				function->label, mover->err.text);
			pt_claim_remove(claim, &function->bdf);
		} else if (mover->result < 0) {
			pt_log(handover->log, PT_LOG_ERROR, "%s: %s", function->label,
				mover->err.text);
			pt_set_text(&function->error, mover->err.text);
			stay++;
		} else {
			pt_claim_remove(claim, &function->bdf);
		}
	}
	return stay;
}

/* Brings functions back to driver and override: the VFs that come with their PF, or all others. */
static void return_functions(
	const struct pt_handover *handover, struct pt_movers *movers, bool vfs, long long deadline)
{
	find_what_to_return(handover, movers, vfs);
	pt_movers_step(handover, movers, plan_open_override, vfs, deadline, false);
	pt_movers_step(handover, movers, plan_leave_vfio, vfs, deadline, false);
	ensure_home_drivers(handover, movers, vfs, deadline);
	pt_movers_step(handover, movers, plan_home_attach, vfs, deadline, false);
	pt_movers_step(handover, movers, plan_home_override, vfs, deadline, false);
}

/* The function is back: without its console it warns, and that is all. */
static void return_console(
	const struct pt_handover *handover, struct pt_movers *movers, long long deadline)
{
	pt_movers_step(handover, movers, plan_home_console, false, deadline, false);
	pt_foreach (mover, movers->mover, movers->count) {
		if (mover->state != PT_MOVE_FAILED || mover->bind.kind != PT_BIND_CONSOLE_ON)
			continue;
		pt_log(handover->log, PT_LOG_WARNING, "%s: %s", mover->function->label,
			mover->err.text);
		pt_mover_set(mover, PT_MOVE_ACTIVE);
		mover->result = 0;
	}
}

static void log_returned(const struct pt_handover *handover, const struct pt_movers *movers)
{
	pt_foreach (mover, movers->mover, movers->count) {
		if (mover->result < 0)
			continue;
		if (!at_home(mover))
			log_move(handover, mover, mover->goal.driver);
		else if (mover->function->home)
			log_stays(handover, mover);
	}
}

int pt_handover_give_back(
	const struct pt_handover *handover, struct pt_claim *claim, struct pt_err *err)
{
	long long deadline = pt_now_ms() + handover->phase_ms;
	struct pt_movers PT_MOVERS movers = {0};
	struct pt_err first = {0};
	size_t stay;

	pt_movers_make(claim, &movers);
	return_functions(handover, &movers, false, deadline);
	pt_movers_step(handover, &movers, plan_hold_autoprobe, false, deadline, false);
	pt_movers_step(handover, &movers, plan_home_vfs, false, deadline, false);
	return_functions(handover, &movers, true, deadline);
	revive_for_autoprobe(&movers);
	pt_movers_step(handover, &movers, plan_home_autoprobe, false, deadline, false);
	return_console(handover, &movers, deadline);
	log_returned(handover, &movers);
	first_error(&movers, &first);
	stay = settle(handover, claim, &movers);
	if (!stay)
		return 0;
	return pt_err_set(err, -EIO, "%zu function%s not returned: %s", stay, stay == 1 ? "" : "s",
		first.text);
}
