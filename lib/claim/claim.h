// SPDX-License-Identifier: AGPL-3.0-or-later
/* Functions that move together, each with all that its moves need: taken from the records for as
 * long as a handover lasts. */
#ifndef PT_CLAIM_H
#define PT_CLAIM_H

#include "lib/claim/origin.h"

struct pt_claim_function {
	struct pt_bdf bdf;
	char *label;	/* the entry that it was taken for: "hostpci0" */
	bool companion; /* taken because of its IOMMU group only */
	bool has_pf;	/* a VF that goes when its PF leaves its driver, and comes back with it */
	struct pt_bdf pf;
	struct pt_origin origin;
	char *driver; /* the vfio driver that it is taken to; NULL: vfio-pci */
	char *home; /* the driver that giving back brings it to, "" for none; NULL: to its origin */
	char *error; /* why it could not be moved; NULL: all is well */
	int lock;    /* its lock, which its writers keep; borrowed; -1: none */
};

struct pt_claim {
	struct pt_claim_function *function; /* in order of address, each once */
	size_t count;
};

/* Takes all functions out. */
void pt_claim_clear(struct pt_claim *claim);
#define PT_CLAIM PT_CLEANUP(pt_claim_clear)

/* NULL when it is not in the claim. */
struct pt_claim_function *pt_claim_find(const struct pt_claim *claim, const struct pt_bdf *bdf);

/* Adds a function, or finds it, and sets its label and a copy of its origin. The pointer is good
 * until the next add. */
struct pt_claim_function *pt_claim_add(struct pt_claim *claim, const struct pt_bdf *bdf,
	const char *label, const struct pt_origin *origin);

/* The driver that the function is taken to. On loan. */
const char *pt_claim_driver(const struct pt_claim_function *function);

/* Takes one function out. */
void pt_claim_remove(struct pt_claim *claim, const struct pt_bdf *bdf);

#endif
