// SPDX-License-Identifier: AGPL-3.0-or-later
/* How many guests want how many devices of a mapping on which node. */
#ifndef PT_CAPACITY_H
#define PT_CAPACITY_H

#include "lib/base/record.h"
#include "pve/node/cluster.h"

struct pt_vmids {
	uint64_t *vmid;
	size_t count;
};

/* A mapping on a node, or one type of the mediated devices that a mapping's devices make there. */
struct pt_capacity {
	char *mapping;
	char *type; /* NULL: whole devices */
	char node[PT_NODE_TEXT];
	size_t devices; /* that it has there and that Proxmox VE would take, as far as is known; of
			 * a type: those that guests run with, and those that can still be made */
	struct pt_vmids here;	/* guests of the node that name it, once for each entry */
	struct pt_vmids coming; /* those of other nodes that HA may start there */
};

struct pt_capacities {
	struct pt_capacity *row; /* by mapping, then by node */
	size_t count;
};

/* Counts for the mappings that guests name, on the nodes that are known. */
void pt_capacities_count(const struct pt_cluster *cluster, struct pt_capacities *ret);
void pt_capacities_clear(struct pt_capacities *capacities);
#define PT_CAPACITIES PT_CLEANUP(pt_capacities_clear)

/* For writing only. */
extern const struct pt_record pt_capacity_record;

#endif
