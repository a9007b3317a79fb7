// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "hook/phases.h"
#include "pve/handover/choice.h"
#include "pve/config/identity.h"
#include "pve/config/paths.h"
#include "pve/config/runstate.h"

#define LOG(run, level, ...) pt_log(pt_host_log((run)->host), level, __VA_ARGS__)

bool pt_run_has_claim(const struct pt_run *run)
{
	char path[128];

	snprintf(path, sizeof(path), PT_CLAIMS_DIR "/claims/%u.json", run->vmid);
	return pt_host_exists(run->host, path);
}

/* Records the devices of this start as the expected ones. */
static int record_identities(
	const struct pt_run *run, const struct pt_claims *claims, struct pt_err *err)
{
	struct pt_identities PT_IDENTITIES identities = {0};
	struct pt_claim PT_CLAIM *claim = NULL;
	char owner[PT_OWNER_TEXT];
	int r = pt_claims_load(claims, pt_owner_name(run->vmid, owner), &claim, err);

	/* a start that went on without us took nothing that we know of */
	if (r == 0 && !claim->count)
		return 0;
	for (size_t i = 0; claim && r == 0 && i < claim->count; i++) {
		const struct pt_claim_function *claimed = &claim->function[i];
		struct pt_function function = {0};
		struct pt_identity *slot;

		if (claimed->companion || claimed->spare || claimed->has_pf)
			continue;
		r = pt_function_read(run->host, &claimed->bdf, &function, err);
		if (r == 0 && !function.space.known)
			r = pt_err_set(err, -EAGAIN,
				"%s: cannot read its config space now, so the record of the guest's "
				"devices stays as it was",
				PT_BDF(&claimed->bdf));
		if (r < 0) {
			pt_function_clear(&function);
			return r;
		}
		slot = pt_array_grow(&identities.identity, &identities.count, sizeof(*slot));
		pt_identity_of(&function, function.space.serial, slot);
		pt_function_clear(&function);
	}
	return r < 0 ? r : pt_identities_write(run->host, run->vmid, &identities, err);
}

static int post_start(const struct pt_run *run)
{
	struct pt_claims PT_CLAIMS *claims = NULL;
	struct pt_err err = {0};
	char owner[PT_OWNER_TEXT];
	PT_CLOSE int lock = -1;
	int r;

	if (!pt_run_has_claim(run))
		return 0;
	r = pt_claims_open(&claims, run->host, PT_CLAIMS_DIR, false, &err);
	if (r == 0)
		r = pt_claims_work_lock(claims, pt_owner_name(run->vmid, owner),
			pt_now_ms() + run->limits.lock_ms, &lock, &err);
	if (r == 0)
		r = pt_choice_confirm(run->host, claims, run->vmid, &run->limits, lock, &err);
	if (r == 0) {
		/* no failure: without it the next check compares with an older start */
		if (record_identities(run, claims, &err) < 0)
			LOG(run, PT_LOG_WARNING, "%s", err.text);
		return 0;
	}
	LOG(run, PT_LOG_ERROR, "%s", err.text);
	return 1;
}

static int release(const struct pt_run *run)
{
	struct pt_claims PT_CLAIMS *claims = NULL;
	struct pt_limits limits = run->limits;
	struct pt_err err = {0};

	limits.group_ms = run->release_ms;
	if (pt_claims_open(&claims, run->host, PT_CLAIMS_DIR, false, &err) < 0 ||
		pt_release(run->host, claims, run->vmid, &limits, &err) < 0) {
		LOG(run, PT_LOG_ERROR, "%s; retry with 'pve-ptconf release %u'", err.text,
			run->vmid);
		return 1;
	}
	return 0;
}

/* Between the stop of a restart and its start nothing of the guest is alive. */
static void hold_for_restart(const struct pt_run *run)
{
	struct pt_claims PT_CLAIMS *claims = NULL;
	char owner[PT_OWNER_TEXT];

	if (pt_claims_open(&claims, run->host, PT_CLAIMS_DIR, false, NULL) == 0)
		pt_claims_hold(claims, pt_owner_name(run->vmid, owner));
}

static int post_stop(const struct pt_run *run)
{
	const char *hold;
	int pid;

	if (!pt_run_has_claim(run))
		return 0;
	pid = pt_guest_pid(run->host, run->vmid);
	if (pid) {
		LOG(run, PT_LOG_INFO, "guest %u runs again as process %d; its devices stay with it",
			run->vmid, pid);
		return 0;
	}
	hold = pt_guest_hold(run->host, run->vmid, true);
	if (hold) {
		if (pt_guest_restarts(run->host, run->vmid, true))
			hold_for_restart(run);
		LOG(run, PT_LOG_INFO, "guest %u: %s; its devices stay taken", run->vmid, hold);
		return 0;
	}
	return release(run);
}

int pt_phase_undo(const struct pt_run *run)
{
	if (!pt_run_has_claim(run))
		return 0;
	if (release(run) != 0)
		return 1;
	LOG(run, PT_LOG_INFO, "the devices that were taken are returned");
	return 0;
}

/* The guest still has its devices. */
static int pre_stop(const struct pt_run *run)
{
	(void)run;
	return 0;
}

pt_phase *pt_phase_find(const char *name)
{
	static const struct {
		const char *name;
		pt_phase *phase;
	} phases[] = {
		{"pre-start", pt_phase_pre_start},
		{"post-start", post_start},
		{"pre-stop", pre_stop},
		{"post-stop", post_stop},
	};

	for (size_t i = 0; i < PT_ARRAY_SIZE(phases); i++) {
		if (pt_streq(phases[i].name, name))
			return phases[i].phase;
	}
	return NULL;
}
