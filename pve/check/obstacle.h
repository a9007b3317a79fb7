// SPDX-License-Identifier: AGPL-3.0-or-later
/* The reason why a function cannot be passed through. check, list and report share it: a check asks
 * for its own obstacle, list and report for the first. show prints the findings of check. */
#ifndef PT_OBSTACLE_H
#define PT_OBSTACLE_H

#include "lib/use/use.h"
#include "pve/node/node.h"

/* In the order in which the first one is shown. */
enum pt_obstacle {
	PT_OBSTACLE_BRIDGE,
	PT_OBSTACLE_CHIPSET, /* the host needs it */
	PT_OBSTACLE_NO_IOMMU,
	PT_OBSTACLE_NO_GROUP,
	PT_OBSTACLE_PARENT_TAKEN, /* its group takes the function that it hangs on along */
	PT_OBSTACLE_RESERVED,	  /* the firmware holds memory for its group */
	PT_OBSTACLE_DENIED,	  /* by vfio-pci */
	PT_OBSTACLE_HANGS,	  /* a driver hangs on it */
	PT_OBSTACLE_USES_UNKNOWN, /* another driver hangs, so its uses cannot be read */
	PT_OBSTACLE_UNREADABLE,	  /* its vendor, device or interrupt */
	PT_OBSTACLE_DEAD,	  /* its config space reads all ones */
	PT_OBSTACLE_USED,	  /* the host loses something */
	PT_OBSTACLE_MATE_USED,	  /* the host loses something with its IOMMU group */
	PT_OBSTACLE_VF_USED,	  /* taking the PF destroys a VF that is in use */
	PT_OBSTACLE_NONE,
};

/* A function, and the knowledge that it is judged by. */
struct pt_candidate {
	const struct pt_function *function;
	const struct pt_inventory *inventory;
	const struct pt_uses *uses; /* NULL: they cannot be read */
	struct pt_node *node;	    /* whole, for the users of VFs; NULL: they are not judged */
	const struct pt_traits *host;
};

/* A function of a node that is whole. */
struct pt_candidate pt_candidate_of(struct pt_node *node, const struct pt_function *function);

/* An obstacle, and the use or the VF that makes it. */
struct pt_obstruction {
	enum pt_obstacle obstacle;
	const struct pt_use *use;
	const struct pt_bdf *vf;
};

/* The domains of disks behind Intel's VMD controllers, from there on. Source: kernel,
 * drivers/pci/controller/vmd.c. */
#define PT_VMD_DOMAINS 0x10000U

/* Returns the function of the group that this one hangs on and vanishes with: its PF, or Intel's
 * VMD controller, which has the disks behind it in a domain of their own. NULL: there is none. */
const struct pt_function *pt_parent_in_group(
	const struct pt_inventory *inventory, const struct pt_function *function);

/* Whether the candidate has that obstacle, among others. */
bool pt_obstacle_applies(enum pt_obstacle obstacle, const struct pt_candidate *candidate);

/* Returns the first obstacle, PT_OBSTACLE_NONE without one. */
struct pt_obstruction pt_obstacle_first(const struct pt_candidate *candidate);

/* Returns the reason, "is a bridge"; NULL for PT_OBSTACLE_NONE. The caller frees it. */
char *pt_obstruction_text(
	const struct pt_obstruction *obstruction, const struct pt_function *function);

#endif
