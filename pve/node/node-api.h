// SPDX-License-Identifier: AGPL-3.0-or-later
/* Other nodes through the API: functions, guests, mappings, HA. The rest is unknown. */
#ifndef PT_NODE_API_H
#define PT_NODE_API_H

#include "pve/config/api.h"
#include "pve/node/node.h"

/* The facts that the API does not give, as a part of a sentence. */
#define PT_NODE_UNKNOWN                                                                              \
	"drivers, uses of devices, resets, claims and reservations, memory, free mediated devices, " \
	"whether the hookscript is there"

/* The names of the cluster's nodes that are online, and of those that are not. */
int pt_api_nodes(const struct pt_api *api, int budget_ms, struct pt_names *ret,
	struct pt_names *ret_offline, struct pt_err *err);

/* Asks these nodes side by side. ret[i], NULL before, is the node; else why[i] has the reason. The
 * nodes know each other while ret lives. Logs guests whose config cannot be read. An error: nothing
 * could be asked; even then ret's nodes are the caller's. */
int pt_api_read_nodes(const struct pt_api *api, const char *const *name, size_t count,
	int budget_ms, const struct pt_log *log, struct pt_node **ret, struct pt_err *why,
	struct pt_err *err);

/* node-api-files.c, for node-api.c: NULL where there is none. */
struct pt_api_files {
	char *mappings, *ha, *groups, *rules;
};
void pt_api_files_clear(struct pt_api_files *files);
int pt_api_files_read(const struct pt_api_reply *mappings, const struct pt_api_reply *ha,
	const struct pt_api_reply *groups, const struct pt_api_reply *rules,
	struct pt_api_files *ret, struct pt_err *err);

#endif
