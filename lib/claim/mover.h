// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Functions on their way: all go through a step before any goes to the next. Slots move side by
 * side, the functions of one slot in waves, one after the other.
 */
#ifndef PT_MOVER_H
#define PT_MOVER_H

#include "lib/claim/bind.h"
#include "lib/claim/handover.h"

struct pollfd;

/* One function on its way. */
struct pt_mover {
	struct pt_claim_function *function; /* borrowed */
	struct pt_origin goal;	  /* where giving back brings it; its texts are borrowed */
	unsigned int wave;	  /* its place within its slot */
	bool active;		  /* still to be moved */
	bool gone;		  /* from the bus */
	bool left;		  /* to a driver that somebody else bound it to */
	bool ours;		  /* the override is that of a take */
	bool quiet;		  /* nothing about it is worth a line */
	char was[PT_DRIVER_TEXT]; /* driver when the handover began, "" for none */
	char vfs[16];		  /* how many it had, as text */
	long long spent_ms;
	int result;
	struct pt_err err;
	struct pt_bind bind;
	long long begun_ms;
	bool busy;   /* bind was started in this wave */
	bool waited; /* and has not been finished */
};

struct pt_movers {
	struct pt_mover *mover;
	size_t count;
	struct pollfd *pfd; /* room for one each */
	unsigned int waves;
};

/* Plans one step of a function. False: nothing to do. */
typedef bool pt_step_plan(
	const struct pt_mover *mover, enum pt_bind_kind *kind, const char **driver);

/* One mover for each function of that part of the claim, which must not change meanwhile. */
void pt_movers_make(struct pt_claim *claim, enum pt_part part, struct pt_movers *ret);
void pt_movers_clear(struct pt_movers *movers);
#define PT_MOVERS PT_CLEANUP(pt_movers_clear)

/* Takes one out of the steps that follow; its err says why. */
void pt_mover_fail(struct pt_mover *mover, int result);

/*
 * When a write that begins now must have ended. A slow slot must not take the time of the others:
 * there is some, at any time.
 */
long long pt_wave_deadline(const struct pt_handover *handover, long long phase_deadline);

/*
 * Brings every active function through one step: VFs that come and go with their PF (vfs), or all
 * others. The first failure, or 0; the others go on, unless stop_at_failure: then no further wave
 * begins.
 */
int pt_movers_step(const struct pt_handover *handover, struct pt_movers *movers, pt_step_plan *plan,
	bool vfs, long long phase_deadline, bool stop_at_failure);

#endif
