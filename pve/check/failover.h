// SPDX-License-Identifier: AGPL-3.0-or-later
/* Where the guests of a node could start if it were gone: as HA may move them, by the devices that
 * the other nodes have left. HA itself chooses by other rules, and tries one node after the other.
 * Affinities between guests do not count, nor does where their disks are. */
#ifndef PT_FAILOVER_H
#define PT_FAILOVER_H

#include "pve/check/finding.h"
#include "pve/node/cluster.h"

struct pt_failover_guest {
	unsigned int vmid;
	bool managed;		 /* by HA: else it stays down */
	char node[PT_NODE_TEXT]; /* where it can start; "": nowhere */
	char *how; /* "hostpci0 0000:01:00.0", or why it starts nowhere; NULL: by HA alone */
};

struct pt_failover {
	char node[PT_NODE_TEXT]; /* that is gone */
	struct pt_failover_guest *guest;
	size_t count;
	struct pt_names unknown; /* nodes that did not answer: they may take guests too */
};

/* guest: those of the node that is gone. Of all ways to place them, one that starts most of them is
 * found; where there are very many ways, a good one. */
int pt_failover_make(const struct pt_cluster *cluster, const char *gone,
	struct pt_guest *const *guest, size_t count, struct pt_failover *ret, struct pt_err *err);
void pt_failover_clear(struct pt_failover *failover);
#define PT_FAILOVER PT_CLEANUP(pt_failover_clear)

/* For writing only. */
extern const struct pt_record pt_failover_record;

#endif
