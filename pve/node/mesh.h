// SPDX-License-Identifier: AGPL-3.0-or-later
/* Proxmox VE's own ssh mesh: asks the pve-ptconf of other nodes. Source: pve-cluster,
 * PVE/SSHInfo.pm. */
#ifndef PT_MESH_H
#define PT_MESH_H

#include "pve/config/members.h"

/* Is told now and then which nodes have not answered for so many seconds; nobody waits at the end.
 */
typedef void pt_mesh_waiting(void *data, const struct pt_names *nodes, unsigned int seconds);

/* What a node's pve-ptconf wrote. */
struct pt_mesh_answer {
	char *text; /* of length bytes; NULL: none */
	size_t length;
	struct pt_err why; /* why there is none, or what it lacks */
};

void pt_mesh_answer_clear(struct pt_mesh_answer *answer);

/* Has every member but self run "pve-ptconf VERB" side by side, within budget_ms. verb:
 * "facts --output-format json". ret: an answer for each member, all zero before; that of self has
 * neither text nor reason. What nodes said besides their answer is logged as warnings. */
int pt_mesh_ask(const struct pt_host *host, const struct pt_members *members, const char *self,
	const char *verb, int budget_ms, pt_mesh_waiting *waiting, void *data,
	struct pt_mesh_answer *ret, struct pt_err *err);

#endif
