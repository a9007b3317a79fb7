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

/* keep_failed: a function with an error stays in the claim, at home or not. */
static int give_back(const struct pt_handover *handover, struct pt_claim *claim, enum pt_part part,
	bool keep_failed, struct pt_err *err);

/* Records functions that hang in the kernel: the claim must keep them even at their origin. */
static void note_hanging(struct pt_movers *movers)
{
	pt_foreach (mover, movers->mover, movers->count) {
		if (mover->result == -ETIME)
			pt_claim_set_error(mover->function, mover->err.text);
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
	int r = 0;

	pt_movers_make(claim, PT_PART_TAKEN, &movers);
	pt_foreach (function, claim->function, claim->count) {
		if (pt_claim_in_part(function, PT_PART_TAKEN))
			pt_claim_set_error(function, NULL);
	}
	r = find_what_to_take(handover, &movers, err);
	if (r < 0) {
		/* nothing was written yet: functions at home leave the claim */
		give_back(handover, claim, PT_PART_TAKEN, true, NULL);
		return r;
	}
	for (size_t i = 0; r == 0 && i < PT_ARRAY_SIZE(steps); i++)
		r = pt_movers_step(handover, &movers, steps[i], false, deadline, true);
	if (r == 0)
		r = confirm_vfio(handover, &movers);
	if (r < 0) {
		first_error(&movers, err);
		note_hanging(&movers);
		give_back(handover, claim, PT_PART_TAKEN, true, NULL);
		return r;
	}
	pt_foreach (mover, movers.mover, movers.count) {
		if (mover->state == PT_MOVE_ACTIVE)
			log_move(handover, mover, pt_claim_driver(mover->function));
	}
	return 0;
}

static bool is_foreign(const struct pt_mover *mover)
{
	return mover->state == PT_MOVE_FOREIGN || mover->state == PT_MOVE_FOREIGN_OVERRIDE;
}

/* Whether the driver is as it shall be. */
static bool at_home(const struct pt_mover *mover)
{
	return is_foreign(mover) ||
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
	return mover->goal.vfs > 0 && !is_foreign(mover);
}

/* VFs come without a driver first, so that each can get the one that it had. */
static bool plan_hold_autoprobe(
	const struct pt_mover *mover, enum pt_bind_kind *kind, const char **driver)
{
	*kind = PT_BIND_AUTOPROBE;
	*driver = "0";
	return had_vfs(mover) && mover->goal.autoprobe >= 0;
}

static bool plan_home_vfs(
	const struct pt_mover *mover, enum pt_bind_kind *kind, const char **driver)
{
	*kind = PT_BIND_VFS;
	*driver = mover->vfs;
	return had_vfs(mover);
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

/* Leaves a function on a third driver: another program moved it, and may use it there. */
static void leave(const struct pt_handover *handover, struct pt_mover *mover)
{
	PT_FREE char *override = NULL;
	bool ours;

	pt_log(handover->log, PT_LOG_WARNING,
		"%s: another program bound %s to %s; it stays there (origin: %s)",
		mover->function->label, PT_BDF(&mover->function->bdf), mover->was,
		mover->goal.driver ? mover->goal.driver : "no driver");
	ours = pt_function_read_override(handover->host, &mover->function->bdf, &override) == 0 &&
	       (pt_streq(override, pt_claim_driver(mover->function)) ||
		       pt_streq(override, PT_VFIO_PCI));
	pt_mover_set(mover, ours ? PT_MOVE_FOREIGN_OVERRIDE : PT_MOVE_FOREIGN);
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

/* Whether the function is to be looked at; when not, the mover says how it ended. */
static bool may_return(const struct pt_movers *movers, struct pt_mover *mover, bool keep_failed)
{
	const struct pt_claim_function *function = mover->function;

	/* its writer hangs in the kernel */
	if (keep_failed && function->error)
		pt_mover_fail(mover, pt_err_set(&mover->err, -ETIME, "%s", function->error));
	else if (function->has_pf && pf_failed(movers, mover))
		pt_mover_fail(mover,
			pt_err_set(&mover->err, -EIO, "%s: its physical function %s is not back",
				PT_BDF(&function->bdf), PT_BDF(&function->pf)));
	return mover->result == 0;
}

static void find_what_to_return(
	const struct pt_handover *handover, struct pt_movers *movers, bool vfs, bool keep_failed)
{
	pt_foreach (mover, movers->mover, movers->count) {
		bool ours;

		if (mover->function->has_pf != vfs || !may_return(movers, mover, keep_failed))
			continue;
		if (read_was(handover->host, mover) < 0)
			continue;
		/* an earlier policy, or the owner of a claim that was taken over, may have named
		 * another vfio driver */
		ours = is_taken(mover) ||
		       pt_function_read_on_vfio(handover->host, &mover->function->bdf,
			       mover->was[0] ? mover->was : NULL);
		/* a spare that was not moved, and is on no vfio driver, is where it was */
		if (mover->function->spare && !mover->function->moved && !ours)
			pt_mover_set(mover, PT_MOVE_SKIPPED);
		else if (!at_home(mover) && mover->was[0] && !ours)
			leave(handover, mover);
		else
			pt_mover_set(mover, PT_MOVE_ACTIVE);
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
			pt_claim_set_error(function, mover->err.text);
			stay++;
		} else {
			pt_claim_remove(claim, &function->bdf);
		}
	}
	return stay;
}

/* Brings functions back to driver and override: the VFs that come with their PF, or all others. */
static void return_functions(const struct pt_handover *handover, struct pt_movers *movers, bool vfs,
	bool keep_failed, long long deadline)
{
	find_what_to_return(handover, movers, vfs, keep_failed);
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
		if (mover->result < 0 || mover->state == PT_MOVE_SKIPPED)
			continue;
		if (!at_home(mover))
			log_move(handover, mover, mover->goal.driver);
		else if (!mover->function->has_pf)
			log_stays(handover, mover);
	}
}

static int give_back(const struct pt_handover *handover, struct pt_claim *claim, enum pt_part part,
	bool keep_failed, struct pt_err *err)
{
	long long deadline = pt_now_ms() + handover->phase_ms;
	struct pt_movers PT_MOVERS movers = {0};
	size_t stay;

	pt_movers_make(claim, part, &movers);
	return_functions(handover, &movers, false, keep_failed, deadline);
	pt_movers_step(handover, &movers, plan_hold_autoprobe, false, deadline, false);
	pt_movers_step(handover, &movers, plan_home_vfs, false, deadline, false);
	return_functions(handover, &movers, true, keep_failed, deadline);
	revive_for_autoprobe(&movers);
	pt_movers_step(handover, &movers, plan_home_autoprobe, false, deadline, false);
	return_console(handover, &movers, deadline);
	log_returned(handover, &movers);
	first_error(&movers, err);
	stay = settle(handover, claim, &movers);
	if (!stay)
		return 0;
	return err && err->code
		       ? pt_err_wrap(err, "%zu function%s not returned", stay, stay == 1 ? "" : "s")
		       : pt_err_set(err, -EIO, "%zu function%s not returned", stay,
				 stay == 1 ? "" : "s");
}

int pt_handover_give_back(const struct pt_handover *handover, struct pt_claim *claim,
	enum pt_part part, struct pt_err *err)
{
	int r;

	if (err)
		*err = (struct pt_err){0};
	r = give_back(handover, claim, part, false, err);
	return r < 0 ? -EIO : 0;
}
