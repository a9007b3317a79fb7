// SPDX-License-Identifier: AGPL-3.0-or-later
/* The record "owner N holds functions F, which were at origins O", from which everything returns.
 * An origin is recorded once, when the function enters the claim. */
#ifndef PT_CLAIM_H
#define PT_CLAIM_H

#include <stdint.h>

#include "lib/base/host.h"
#include "lib/claim/origin.h"

enum pt_claim_state {
	PT_CLAIM_TAKING,
	PT_CLAIM_TAKEN,
	PT_CLAIM_RETURNING,
};

struct pt_claim_function {
	struct pt_bdf bdf;
	char *label;	/* the entry that it was taken for: "hostpci0" */
	bool companion; /* taken because of its IOMMU group only */
	bool moved;	/* we took it, even if it is a spare by now */
	bool parked;	/* with somebody else now: not for this handover; not in the record */
	bool spare;	/* recorded, not taken: not chosen, or not returned by an earlier start */
	bool has_pf;	/* a VF that goes when its PF leaves its driver, and comes back with it */
	struct pt_bdf pf;
	bool has_origin;
	struct pt_origin origin;
	char *driver; /* the vfio driver that it is taken to; NULL: vfio-pci */
	char *home; /* the driver that giving back brings it to, "" for none; NULL: to its origin */
	/* why it could not be moved, NULL while all is well, and since when (seconds since 1970) */
	char *error;
	int64_t error_since;
	bool with_others; /* error: somebody else has it, which is logged once */
};

struct pt_claim {
	char *owner; /* letters, digits and dashes */
	enum pt_claim_state state;
	int64_t since;			    /* seconds since 1970 */
	struct pt_claim_function *function; /* in order of address, each once */
	size_t count;
	struct pt_names
		unit; /* of systemd, that ran: stopped for it, in this order, to be started again */
};

/* A selection of a claim's functions. */
enum pt_part {
	PT_PART_ALL,
	PT_PART_TAKEN,
	PT_PART_SPARE,
};
bool pt_claim_in_part(const struct pt_claim_function *function, enum pt_part part);

/* An empty claim, state taking. -EINVAL when owner cannot be a file's name. */
int pt_claim_new(struct pt_claim **ret, const char *owner, struct pt_err *err);
void pt_claim_free(struct pt_claim *claim);
void pt_claim_free_p(struct pt_claim **claim);
#define PT_CLAIM PT_CLEANUP(pt_claim_free_p)

const char *pt_claim_state_name(enum pt_claim_state state);
bool pt_claim_owner_valid(const char *owner);

/* NULL when it is not in the claim. */
struct pt_claim_function *pt_claim_find(const struct pt_claim *claim, const struct pt_bdf *bdf);

/* Adds a function, or finds it, and sets its label. pt_claims_record sets the origin of a new one.
 * The pointer is good until the next add. */
struct pt_claim_function *pt_claim_add(
	struct pt_claim *claim, const struct pt_bdf *bdf, const char *label);

/* The driver that the function is taken to. On loan. */
const char *pt_claim_driver(const struct pt_claim_function *function);

/* Takes one function out. */
void pt_claim_remove(struct pt_claim *claim, const struct pt_bdf *bdf);

/* Sets (error) or clears (NULL) the reason why the function is not back. A first one sets since. */
void pt_claim_set_error(struct pt_claim_function *function, const char *error);

extern const struct pt_record pt_claim_record;
/* Reads pt_claim_record. The caller frees ret. -EINVAL: err names the first wrong key. */
int pt_claim_from_json(struct json_object *json, struct pt_claim **ret, struct pt_err *err);

#endif
