// SPDX-License-Identifier: AGPL-3.0-or-later
/* The claims of a node, as an administrator sees them: who holds what, why, and what comes next. */
#ifndef PT_CLAIMS_H
#define PT_CLAIMS_H

#include "lib/claim/store.h"
#include "pve/config/guest.h"

enum pt_standing {
	PT_STANDING_TAKEN,
	PT_STANDING_WANTED,	/* the guest runs, and has nothing taken yet */
	PT_STANDING_BUSY,	/* the guest is being started or stopped */
	PT_STANDING_HELD,	/* it has stopped, and starts again */
	PT_STANDING_STALE,	/* it does not run, and nothing keeps the claim */
	PT_STANDING_RETURNING,	/* the guest wants nothing any more, and not all is back */
	PT_STANDING_KEPT,	/* by local policy */
	PT_STANDING_UNREADABLE, /* so it counts as a claim on everything */
};

struct pt_shown_function {
	struct pt_bdf bdf;
	char *entry; /* that names it; NULL: unknown */
	enum pt_role role;
	bool has_pf; /* it is a VF of this function, and went with it: */
	struct pt_bdf pf;
	bool has_origin;
	struct pt_origin origin;
	char *driver; /* the vfio driver that it is taken to; NULL: vfio-pci */
	char *home;   /* where local policy sends it, "" for no driver; NULL: to its origin */
	char *error;  /* why it could not return; NULL: all is well */
	int64_t error_since;
};

struct pt_shown_claim {
	unsigned int vmid; /* 0: nobody's */
	bool runs;
	enum pt_standing standing;
	char *why, *next; /* sentences without a full stop; NULL: nothing to say */
	int64_t since;
	struct pt_shown_function *function;
	size_t count;
	struct pt_names unit; /* that wait for the functions */
};

/* Of one node. */
struct pt_claims {
	char node[PT_NODE_TEXT];
	struct pt_err why; /* why they are not known, or not all of them; code 0: they are */
	struct pt_shown_claim *claim;
	size_t count;
};

/* Reads the claims of this host; store may be NULL (none). */
void pt_claims_read(const struct pt_host *host, const struct pt_store *store, const char *node,
	struct pt_claims *ret);
void pt_claims_clear(struct pt_claims *claims);
#define PT_CLAIMS PT_CLEANUP(pt_claims_clear)

/* "taken", "stale" */
const char *pt_standing_word(enum pt_standing standing);

/* What 'pve-ptconf claims' writes as JSON; and the same without a version, for a list of nodes. */
extern const struct pt_record pt_claims_record, pt_claims_of_node_record;

#endif
