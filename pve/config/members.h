// SPDX-License-Identifier: AGPL-3.0-or-later
/* The members of the cluster, as pmxcfs shows them. Source: pve-cluster, status.c, the file
 * .members. */
#ifndef PT_MEMBERS_H
#define PT_MEMBERS_H

#include <netinet/in.h>

#include "lib/base/host.h"

struct pt_member {
	char *name; /* that of a node */
	bool online;
	char address[INET6_ADDRSTRLEN]; /* without a zone; "": pmxcfs knows none */
};

struct pt_members {
	struct pt_member *member; /* none: the node is alone */
	size_t count;
};

/* Parses the text; members whose name cannot be a node's are left out. -EINVAL: it is no JSON. */
int pt_members_parse(const char *text, size_t length, struct pt_members *ret, struct pt_err *err);
/* Reads the file. */
int pt_members_read(const struct pt_host *host, struct pt_members *ret, struct pt_err *err);
void pt_members_clear(struct pt_members *members);
#define PT_MEMBERS PT_CLEANUP(pt_members_clear)

/* NULL: it is none. */
const struct pt_member *pt_member_find(const struct pt_members *members, const char *name);

#endif
