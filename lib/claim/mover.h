// SPDX-License-Identifier: AGPL-3.0-or-later
/* Functions on their way: all go through a step before any goes to the next. Slots move side by
 * side, the functions of one slot in waves. */
#ifndef PT_MOVER_H
#define PT_MOVER_H

#include "lib/claim/bind.h"
#include "lib/claim/handover.h"

struct pollfd;

/* The state of a move. Only the states marked * take part in the steps. */
enum pt_move {
	PT_MOVE_NEW,	   /* nobody has looked at the function yet */
	PT_MOVE_SKIPPED,   /* it is where it is taken to already */
	PT_MOVE_ACTIVE,	   /* * */
	PT_MOVE_FOREIGN,   /* * somebody else bound it to another driver, which keeps it */
	PT_MOVE_FAILED,	   /* result and err say why */
	PT_MOVE_RESTORING, /* * it failed, but sriov_drivers_autoprobe is restored */
	PT_MOVE_GONE,	   /* from the bus */
};

/* The part of a function in the wave at hand. */
enum pt_turn {
	PT_TURN_NONE,
	PT_TURN_WRITES, /* bind was started */
	PT_TURN_ENDED,	/* and is finished */
};

/* One function on its way. */
struct pt_mover {
	struct pt_claim_function *function; /* borrowed */
	struct pt_origin goal; /* where giving back brings it; its texts are borrowed */
	char *override;	       /* somebody else's: the goal's then; NULL: none */
	unsigned int wave;     /* its place within its slot */
	enum pt_move state;
	char was[PT_DRIVER_TEXT]; /* driver when the handover began, "" for none */
	char vfs[16];		  /* how many it had, as text */
	bool has_vfs;		  /* and has again */
	long long spent_ms;
	int result;
	struct pt_err err;
	struct pt_bind bind;
	long long begun_ms;
	enum pt_turn turn;
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

/* One mover for each function of the claim, which must not change meanwhile. */
void pt_movers_make(struct pt_claim *claim, struct pt_movers *ret);
void pt_movers_clear(struct pt_movers *movers);
#define PT_MOVERS PT_CLEANUP(pt_movers_clear)

/* Changes the state, as the table of mover.c allows. */
void pt_mover_set(struct pt_mover *mover, enum pt_move state);

/* Takes one out of the steps that follow; its err says why. */
void pt_mover_fail(struct pt_mover *mover, int result);

/* Returns the deadline of a write that begins now: a slow slot leaves the others some time. */
long long pt_wave_deadline(const struct pt_handover *handover, long long phase_deadline);

/* Brings each active function through one step: VFs that go with their PF (vfs), or all others.
 * Returns the first failure, or 0; others go on, but with stop_at_failure no further wave begins.
 */
int pt_movers_step(const struct pt_handover *handover, struct pt_movers *movers, pt_step_plan *plan,
	bool vfs, long long phase_deadline, bool stop_at_failure);

#endif
