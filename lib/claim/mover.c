// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <poll.h>

#include "lib/base/states.h"
#include "lib/claim/mover.h"

#define WAVE_MIN_MS 1000

void pt_movers_clear(struct pt_movers *movers)
{
	pt_foreach (mover, movers->mover, movers->count)
		free(mover->override);
	free(movers->mover);
	free(movers->pfd);
}

/* Its origin, or the home of the policy: only a vfio driver there needs an override. */
static struct pt_origin goal_of(const struct pt_claim_function *function)
{
	struct pt_origin goal = function->origin;

	if (!function->home)
		return goal;
	goal.driver = *function->home ? function->home : NULL;
	goal.override = pt_streq(goal.driver, pt_claim_driver(function)) ? goal.driver : NULL;
	goal.console = NULL;
	return goal;
}

void pt_movers_make(struct pt_claim *claim, struct pt_movers *ret)
{
	*ret = (struct pt_movers){.mover = pt_calloc(claim->count, sizeof(struct pt_mover))};
	ret->pfd = pt_calloc(claim->count, sizeof(*ret->pfd));
	pt_foreach (function, claim->function, claim->count) {
		struct pt_mover *mover = &ret->mover[ret->count];

		mover->function = function;
		mover->goal = goal_of(function);
		snprintf(mover->vfs, sizeof(mover->vfs), "%d", function->origin.vfs);
		/* functions are in order of address: those of a slot are neighbours */
		if (ret->count++ &&
			pt_bdf_same_slot(&mover->function->bdf, &mover[-1].function->bdf))
			mover->wave = mover[-1].wave + 1;
		if (mover->wave >= ret->waves)
			ret->waves = mover->wave + 1;
	}
}

static const char *const names[] = {
	[PT_MOVE_NEW] = "new",
	[PT_MOVE_SKIPPED] = "skipped",
	[PT_MOVE_ACTIVE] = "active",
	[PT_MOVE_FOREIGN] = "foreign",
	[PT_MOVE_FAILED] = "failed",
	[PT_MOVE_RESTORING] = "restoring",
	[PT_MOVE_GONE] = "gone",
};

static const unsigned int next[] = {
	[PT_MOVE_NEW] = PT_NEXT(PT_MOVE_SKIPPED) | PT_NEXT(PT_MOVE_ACTIVE) |
			PT_NEXT(PT_MOVE_FOREIGN) | PT_NEXT(PT_MOVE_FAILED) | PT_NEXT(PT_MOVE_GONE),
	[PT_MOVE_SKIPPED] = PT_NEXT(PT_MOVE_FAILED), /* it is on no vfio driver */
	[PT_MOVE_ACTIVE] = PT_NEXT(PT_MOVE_FAILED),
	[PT_MOVE_FOREIGN] = PT_NEXT(PT_MOVE_FAILED),
	/* without its console a function is back all the same */
	[PT_MOVE_FAILED] =
		PT_NEXT(PT_MOVE_RESTORING) | PT_NEXT(PT_MOVE_ACTIVE) | PT_NEXT(PT_MOVE_GONE),
	[PT_MOVE_RESTORING] = PT_NEXT(PT_MOVE_FAILED) | PT_NEXT(PT_MOVE_GONE),
	[PT_MOVE_GONE] = 0,
};

static const struct pt_states states = {"move", names, next};

void pt_mover_set(struct pt_mover *mover, enum pt_move state)
{
	mover->state = (enum pt_move)pt_state_next(&states, mover->state, state);
}

void pt_mover_fail(struct pt_mover *mover, int result)
{
	pt_mover_set(mover, PT_MOVE_FAILED);
	mover->result = result;
}

static bool takes_part(const struct pt_mover *mover)
{
	return mover->state == PT_MOVE_ACTIVE || mover->state == PT_MOVE_FOREIGN ||
	       mover->state == PT_MOVE_RESTORING;
}

long long pt_wave_deadline(const struct pt_handover *handover, long long phase_deadline)
{
	long long now = pt_now_ms();
	long long deadline = now + handover->write_ms;

	if (deadline > phase_deadline)
		deadline = phase_deadline;
	return deadline < now + WAVE_MIN_MS ? now + WAVE_MIN_MS : deadline;
}

static void start_wave(const struct pt_handover *handover, struct pt_movers *movers,
	unsigned int wave, pt_step_plan *plan, bool vfs)
{
	pt_foreach (mover, movers->mover, movers->count) {
		enum pt_bind_kind kind;
		const char *driver = "";

		mover->turn = PT_TURN_NONE;
		if (!takes_part(mover) || mover->wave != wave || mover->function->has_pf != vfs ||
			!plan(mover, &kind, &driver))
			continue;
		mover->turn = PT_TURN_WRITES;
		mover->begun_ms = pt_now_ms();
		pt_bind_start(handover->host, &mover->bind, kind, &mover->function->bdf, driver,
			mover->function->lock);
	}
}

static void finish_one(
	const struct pt_handover *handover, struct pt_mover *mover, long long deadline_ms)
{
	int r = pt_bind_finish(handover->host, &mover->bind, deadline_ms);

	mover->spent_ms += pt_now_ms() - mover->begun_ms;
	mover->turn = PT_TURN_ENDED;
	if (r < 0) {
		mover->err = mover->bind.err;
		pt_mover_fail(mover, r);
	}
}

/* Waits until a writer of the wave has ended or the deadline has passed. */
static void wait_for_one(struct pt_movers *movers, long long deadline_ms)
{
	long long rest_ms = deadline_ms - pt_now_ms();
	nfds_t count = 0;

	pt_foreach (mover, movers->mover, movers->count) {
		if (mover->turn == PT_TURN_WRITES && mover->bind.state == PT_BIND_WRITES)
			movers->pfd[count++] = (struct pollfd){
				.fd = pt_host_write_fd(&mover->bind.write), .events = POLLIN};
	}
	poll(movers->pfd, count, rest_ms < 0 ? 0 : (int)rest_ms);
}

static bool has_ended(const struct pt_mover *mover)
{
	struct pollfd pfd = {.events = POLLIN};

	if (mover->bind.state != PT_BIND_WRITES)
		return true;
	pfd.fd = pt_host_write_fd(&mover->bind.write);
	return poll(&pfd, 1, 0) != 0;
}

/* Ends every write of the wave, each as soon as it is through. */
static void finish_wave(
	const struct pt_handover *handover, struct pt_movers *movers, long long deadline_ms)
{
	bool waiting;

	do {
		bool late = pt_now_ms() >= deadline_ms;

		waiting = false;
		pt_foreach (mover, movers->mover, movers->count) {
			if (mover->turn == PT_TURN_WRITES && (late || has_ended(mover)))
				finish_one(handover, mover, deadline_ms);
			waiting |= mover->turn == PT_TURN_WRITES;
		}
		if (waiting)
			wait_for_one(movers, deadline_ms);
	} while (waiting);
}

int pt_movers_step(const struct pt_handover *handover, struct pt_movers *movers, pt_step_plan *plan,
	bool vfs, long long phase_deadline, bool stop_at_failure)
{
	int result = 0;

	for (unsigned int wave = 0; wave < movers->waves; wave++) {
		start_wave(handover, movers, wave, plan, vfs);
		finish_wave(handover, movers, pt_wave_deadline(handover, phase_deadline));
		pt_foreach (mover, movers->mover, movers->count) {
			if (mover->turn == PT_TURN_ENDED && mover->result < 0 && result == 0)
				result = mover->result;
		}
		if (result < 0 && stop_at_failure)
			break;
	}
	return result;
}
