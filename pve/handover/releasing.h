// SPDX-License-Identifier: AGPL-3.0-or-later
/* What the parts of a release share: which functions are due, and whether they may move now. */
#ifndef PT_RELEASING_H
#define PT_RELEASING_H

#include "lib/claim/handover.h"
#include "pve/config/reservation.h"
#include "pve/handover/release.h"

/* A guest that runs though it wants nothing: somebody started it without our hook. */
struct pt_runner {
	unsigned int vmid;
	int pid;
};

/* A function that is to be tried again, and why. */
struct pt_waiting {
	struct pt_bdf bdf;
	struct pt_err why;
};

struct pt_releasing {
	const struct pt_host *host;
	const struct pt_store *store;
	const struct pt_limits *limits;
	const struct pt_release *what;
	struct pt_policy policy;
	bool has_policy;
	struct pt_records records;
	struct pt_runner *runner;
	size_t runners;
	struct pt_bdf *failed; /* not tried again now */
	size_t failures;
	struct pt_bdf *told; /* that stay with another guest */
	size_t told_count;
	size_t returned;
	/* one round's */
	struct pt_locks locks;
	struct pt_claim claim;
	struct pt_waiting *waiting;
	size_t waits;
	struct pt_err failure;
};

/* Whether the function is to return, as far as the records say. */
bool pt_releasing_is_due(struct pt_releasing *releasing, struct pt_function_record *record);
/* Looks once more, under the lock, whether the function may move now. */
bool pt_releasing_may_move(struct pt_releasing *releasing,
	const struct pt_reservations *reservations, struct pt_function_record *record);
/* Finds guests that were started without our hook; once a round, before pt_releasing_is_due. */
void pt_releasing_learn_runners(struct pt_releasing *releasing);
/* Whether the guest that had the function on its list last has taken it, as far as is known. */
bool pt_releasing_was_taken(const struct pt_releasing *releasing, const struct pt_bdf *bdf);
/* Whether a guest has a VF of the PF that returns: it is back already then, and has a record of its
 * own. One that a guest wants and has not come to yet returns as the others do. */
bool pt_releasing_is_with_guest(const struct pt_releasing *releasing, const struct pt_bdf *vf);

/* Puts the reason why the function is not back on its record. */
void pt_releasing_put_reason(const struct pt_releasing *releasing,
	struct pt_function_record *record, const char *reason);
/* A function that somebody may let go: the next round tries it again. */
void pt_releasing_wait_for(
	struct pt_releasing *releasing, const struct pt_bdf *bdf, const struct pt_err *why);

#endif
