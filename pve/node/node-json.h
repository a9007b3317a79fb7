// SPDX-License-Identifier: AGPL-3.0-or-later
/* Facts files: a node as JSON, see examples/facts.schema.json. */
#ifndef PT_NODE_JSON_H
#define PT_NODE_JSON_H

#include "pve/node/node.h"

/* A facts file, versions 1 and 2. */
extern const struct pt_record pt_node_record;

/* The name of a node. */
extern const struct pt_form pt_node_name_form;

/* Whether the facts of a node can be written. -ETIME: a driver hangs. */
int pt_node_is_writable(const struct pt_node *node, struct pt_err *err);
/* The node must be whole. The caller puts ret back. -ETIME: a driver hangs. */
int pt_node_to_json(struct pt_node *node, struct json_object **ret, struct pt_err *err);

/* A node that has nobody to ask. The text is hostile: -EINVAL with the problem and its place. */
int pt_node_from_json(struct json_object *json, pt_allowing_of *allowing, struct pt_node **ret,
	struct pt_err *err);

#endif
