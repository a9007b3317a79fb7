// SPDX-License-Identifier: AGPL-3.0-or-later
/* The steps of a pre-start; pre-start.c puts them in order. start-wait.c waits for others and stops
 * units, start-record.c writes records, start-take.c takes. Unless noted, they return 0 or a
 * negative errno and fill start->err. */
#ifndef PT_START_H
#define PT_START_H

#include "hook/phases.h"
#include "lib/claim/locks.h"
#include "pve/check/check.h"

enum pt_start_result {
	PT_START_AGAIN,	  /* undecided, or the facts have changed: gather them and judge anew */
	PT_START_GOES_ON, /* with the devices, without them, or without us */
	PT_START_REFUSED,
};

#define PT_START_LOG(run, level, ...) pt_log(pt_host_log((run)->host), level, __VA_ARGS__)
/* a line of its own, behind that of a finding */
#define PT_START_REMEDY "  -> %s"

/* The data that a pre-start hands from step to step. */
struct pt_start {
	const struct pt_run *run;
	struct pt_guest *guest;
	struct pt_guest_asking asking; /* the API is asked for it, beside all else */
	bool asks;
	struct pt_store *store;
	int lock;		       /* of the guest's record */
	bool has_last, has_ended;      /* of others, too */
	struct pt_guest_record last;   /* of an earlier start, that still wanted its functions */
	struct pt_guest_record record; /* of this one; no wish: it is not written yet */
	struct pt_node *node;
	struct pt_facts facts;
	struct pt_findings findings;
	struct pt_err err;
	char *remedy;		     /* what helps against err, NULL: nothing is known */
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

/* Reads everything anew: the node may have changed. */
int pt_start_gather(struct pt_start *start);

/* NULL: the start does not take it. */
const struct pt_taken *pt_start_taken(const struct pt_start *start, const struct pt_bdf *bdf);

/* start-wait.c */

/* Waits for functions that others are moving now. */
int pt_start_wait_for_returns(struct pt_start *start);

/* Waits, for so long, until no function of an earlier start of the guest is being moved. */
void pt_start_wait_for_own_return(const struct pt_run *run, int wait_ms);

/* Waits for functions that the last QEMU of a guest still holds, if this start needs them. -EBUSY:
 * it has not let go in time. */
int pt_start_wait_for_last_run(struct pt_start *start);

/* Stops the units that local policy names; then looks at the host's devices anew. */
int pt_start_stop_units(struct pt_start *start);

/* start-record.c */

/* Opens the records, takes over older ones, and locks that of the guest. */
int pt_start_open(struct pt_start *start);

/* Writes the guest's wishes, as candidates but for what a restarted guest has taken: from now on
 * none of them returns. */
int pt_start_record(struct pt_start *start);

/* Writes where its functions are now, unless that is on record. A candidate that cannot be read is
 * dropped with a warning. */
int pt_start_record_functions(struct pt_start *start);

/* Whether the start wants the function, or another one of its IOMMU group. */
bool pt_start_wants(const struct pt_start *start, const struct pt_bdf *bdf);

/* start-return.c */

/* Ends the wishes of guests that are not live, and returns the functions that nobody wants: the
 * rest of an earlier start with patience, all others without. Gathers anew if a function has moved.
 */
int pt_start_return_others(struct pt_start *start);

/* Removes the lists of ended guests whose functions this start has taken. */
void pt_start_end_lists(const struct pt_start *start);

/* Ends the guest's wishes. Its functions are released; those that do not come back have their
 * reason on record. Returns how many are left. */
size_t pt_start_end(struct pt_start *start);

/* start-take.c */

/* Loads the drivers of local policy, to learn their names. vfio-pci replaces a missing one. */
void pt_start_load_wishes(struct pt_start *start);

/* Makes sure of vfio-pci, unless all that is taken goes to other drivers. */
int pt_start_ensure_vfio(struct pt_start *start);

/* Locks the functions, looks once more, and moves them. */
enum pt_start_result pt_start_take(struct pt_start *start);

#endif
