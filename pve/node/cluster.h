// SPDX-License-Identifier: AGPL-3.0-or-later
/* All nodes of the cluster, each as it knows itself, or else as the API knows it. */
#ifndef PT_CLUSTER_H
#define PT_CLUSTER_H

#include "pve/node/mesh.h"
#include "pve/node/node-api.h"

struct pt_cluster_node {
	char name[PT_NODE_TEXT];
	struct pt_node *node; /* NULL: nothing is known; partial: by the API */
	struct pt_err why;    /* why it did not answer itself; code 0: it did */
};

struct pt_cluster {
	struct pt_cluster_node *node; /* by name */
	size_t count;
	struct pt_node **known; /* for the nodes, which know each other */
};

/* How nodes are asked. */
struct pt_cluster_asking {
	const struct pt_host *host;
	const struct pt_api *api; /* for those that do not answer; NULL: nobody else is asked */
	int budget_ms, api_ms;	  /* of the nodes, and of the API */
	pt_allowing_of *allowing; /* as for pt_node_from_json */
	pt_mesh_waiting *waiting; /* may be NULL */
	void *data;
};

/* Asks all members for their facts. self, whole, is this node: ret takes it over, even with an
 * error. An error: nobody was asked. End with pt_cluster_clear. */
int pt_cluster_ask(const struct pt_cluster_asking *asking, struct pt_node *self,
	struct pt_cluster *ret, struct pt_err *err);

/* Asks the API alone, as whoever owns its token: what it does not know is no reason. */
int pt_cluster_by_api(const struct pt_api *api, int names_ms, int budget_ms,
	const struct pt_log *log, struct pt_cluster *ret, struct pt_err *err);

/* The facts of all nodes, in one file. */
extern const struct pt_record pt_cluster_record;
/* The caller puts ret back. A node whose facts cannot be written has the reason instead. */
struct json_object *pt_cluster_to_json(struct pt_cluster *cluster);
/* The text is hostile: -EINVAL with the problem and its place. */
int pt_cluster_from_json(struct json_object *json, pt_allowing_of *allowing, struct pt_cluster *ret,
	struct pt_err *err);

void pt_cluster_clear(struct pt_cluster *cluster);
#define PT_CLUSTER PT_CLEANUP(pt_cluster_clear)

#endif
