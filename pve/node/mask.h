// SPDX-License-Identifier: AGPL-3.0-or-later
/* Facts without names: those of nodes, guests, storages, volumes, mount points, processes and the
 * like, serial numbers and addresses are replaced by numbered ones ("node-1"). The same name always
 * gets the same one, so that the facts lead to the same findings. Names that the kernel gives
 * ("nvme0n1", "enp5s0"), drivers, PCI addresses and VMIDs stay. */
#ifndef PT_MASK_H
#define PT_MASK_H

#include "lib/base/json.h"

/* Returns a masked copy of a node's facts (pt_node_to_json), the caller's. */
struct json_object *pt_mask_node(struct json_object *facts);

/* Whether there is a rule for the texts at a place of the facts, such as "uses[].what". A text
 * without one is masked as a name. */
bool pt_mask_has_rule(const char *place);

#endif
