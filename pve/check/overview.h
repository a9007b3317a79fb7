// SPDX-License-Identifier: AGPL-3.0-or-later
/* A node at a glance: the guests and users of each function, the findings of each guest. */
#ifndef PT_OVERVIEW_H
#define PT_OVERVIEW_H

#include "pve/check/finding.h"
#include "pve/check/facts.h"

/* A guest that would take a function at its start. */
struct pt_wanting {
	unsigned int vmid;
	char label[PT_LABEL_TEXT];
	bool companion; /* because of the IOMMU group only */
	bool spare;	/* of an alternative that is not chosen now */
};

struct pt_seen_function {
	const struct pt_function *function;
	struct pt_wanting *wanting;
	size_t wanting_count;
	unsigned int holder; /* the guest that has it taken now, 0: none */
	char *why_not;	     /* it cannot be passed through; NULL: it can, as far as is known */
	bool unchecked;	     /* of a node that is known in part */
	struct pt_names use; /* by the host, as sentences */
};

struct pt_seen_guest {
	const struct pt_guest *guest;
	bool running;
	struct pt_findings findings;
};

struct pt_overview {
	const struct pt_node *node;
	struct pt_seen_function *function; /* one for each of the inventory, in its order */
	size_t count;
	struct pt_findings host;     /* about the node without any guest */
	struct pt_seen_guest *guest; /* those that have passthrough, templates left out */
	size_t guest_count;
};

/* The node must be whole, and outlive it. End with pt_overview_clear in every case. */
int pt_overview_make(struct pt_node *node, struct pt_overview *ret, struct pt_err *err);
void pt_overview_clear(struct pt_overview *overview);
#define PT_OVERVIEW PT_CLEANUP(pt_overview_clear)

/* NULL: there is no such function. */
struct pt_seen_function *pt_overview_find(
	const struct pt_overview *overview, const struct pt_bdf *bdf);

/* A function's keys beside those of the inventory. */
extern const struct pt_record pt_seen_function_record;

/* The inventory's object, with "node", "not_known" and a function's further keys. The caller puts
 * it back. */
struct json_object *pt_overview_to_json(const struct pt_overview *overview);

#endif
