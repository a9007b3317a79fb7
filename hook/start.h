// SPDX-License-Identifier: AGPL-3.0-or-later
/* The steps of a pre-start; pre-start.c puts them in order. start-way.c clears the way,
 * start-take.c takes. Unless noted, they return 0 or a negative errno and fill start->err. */
#ifndef PT_START_H
#define PT_START_H

#include "hook/phases.h"
#include "pve/check/check.h"

enum pt_start_result {
	PT_START_AGAIN,	  /* undecided, or the facts have changed: gather them and judge anew */
	PT_START_GOES_ON, /* with the devices, without them, or without us */
	PT_START_REFUSED,
};

#define PT_START_LOG(run, level, ...) pt_log(pt_host_log((run)->host), level, __VA_ARGS__)

/* The data that a pre-start hands from step to step. */
struct pt_start {
	const struct pt_run *run;
	struct pt_guest *guest;
	struct pt_claims *claims;
	struct pt_claim *claim;
	int lock;
	struct pt_node *node;
	struct pt_facts facts;
	struct pt_findings findings;
	struct pt_err err;
	enum pt_start_result result; /* set by pt_start_decide */
};

/* Sets the result of the start, and returns it. It is final, except PT_START_AGAIN: a step that
 * refuses must not be overruled. */
enum pt_start_result pt_start_decide(struct pt_start *start, enum pt_start_result result);

/* Our own trouble never keeps a guest from starting: logs an error, and the start goes on. */
enum pt_start_result pt_start_go_on(struct pt_start *start);

/* Refuses the start, or goes on if local policy only advises. */
enum pt_start_result pt_start_refuse(struct pt_start *start);

/* Refuses the start, even if local policy only advises. */
enum pt_start_result pt_start_refuse_for_good(struct pt_start *start);

/* The claim of an earlier start, if there is one. */
int pt_start_load_claim(struct pt_start *start);

/* Reads everything anew: the node may have changed. */
int pt_start_gather(struct pt_start *start);

/* NULL: the start does not take it. */
const struct pt_taken *pt_start_taken(const struct pt_start *start, const struct pt_bdf *bdf);

/* start-way.c */

/* Returns the claim of a failed start whose config has changed since. Functions that do not come
 * back stay on record as spares, and stop no start. */
int pt_start_return_old(struct pt_start *start);

/* Returns the functions of dead guests before anything is taken. Waits for nothing, since a held
 * function may not concern this guest (those that do are returned with patience below), and retries
 * no failed return, since a slow failure would delay every start of the node. */
void pt_start_reconcile(const struct pt_start *start);

/* Returns claims of dead owners in the way. A function that its host driver refuses is no error:
 * this start takes it over. -EWOULDBLOCK: a guest came alive. Another error: it cannot be taken.
 * *ret_any: gather the facts again. */
int pt_start_return_stale(struct pt_start *start, bool *ret_any);

/* Waits for functions that other guests are returning now. */
int pt_start_wait_for_returns(struct pt_start *start);

/* Waits for functions that the guest's last QEMU still holds, if this start needs them. */
int pt_start_wait_for_last_run(struct pt_start *start);

/* Stops the units that local policy names; then looks at the host's devices anew. */
int pt_start_stop_units(struct pt_start *start);

/* Starts the units of a refused start again if its claim is empty; else the release that empties
 * the claim does. */
void pt_start_begin_units(struct pt_start *start);

/* start-take.c */

/* Loads the drivers of local policy, to learn their names. vfio-pci replaces a missing one. */
void pt_start_load_wishes(struct pt_start *start);

/* Makes sure of vfio-pci, unless all that is taken goes to other drivers. */
int pt_start_ensure_vfio(struct pt_start *start);

/* Puts all that is taken, and the spares, on the claim. */
int pt_start_make_claim(struct pt_start *start);

/* Writes the claim, moves the functions, writes the claim. */
enum pt_start_result pt_start_take(struct pt_start *start);

#endif
