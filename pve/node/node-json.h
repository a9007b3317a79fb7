// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Facts files: a node as JSON, to be judged elsewhere. examples/facts.schema.json describes them.
 */
#ifndef PT_NODE_JSON_H
#define PT_NODE_JSON_H

#include "pve/node/node.h"

#define PT_FACTS_FORMAT	 "pve-ptconf facts"
#define PT_FACTS_VERSION 2 /* version 1 is read too */

/* The words that stand for the values, for both directions. */
#define PT_MODULE_STATES (PT_MODULE_UNKNOWN + 1)
#define PT_REMAPPINGS	 (PT_REMAPPING_OFF + 1)
#define PT_HOOK_STATES	 (PT_HOOK_NOT_EXECUTABLE + 1)
extern const char *const pt_module_state_names[PT_MODULE_STATES];
extern const char *const pt_remapping_names[PT_REMAPPINGS];
extern const char *const pt_hook_state_names[PT_HOOK_STATES];

/* The node must be whole. The caller puts ret back. -ETIME: a driver hangs. */
int pt_node_to_json(struct pt_node *node, struct json_object **ret, struct pt_err *err);

/* A node that has nobody to ask. The text is hostile: -EINVAL with the problem and its place. */
int pt_node_from_json(struct json_object *json, struct pt_node **ret, struct pt_err *err);

#endif
