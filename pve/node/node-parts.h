// SPDX-License-Identifier: AGPL-3.0-or-later
/* Fields of a facts file that fit no kind: the policy, the mappings and the guests' configs go
 * through the parsers of their texts. Only words that checks look at are written, since others may
 * be secret. */
#ifndef PT_NODE_PARTS_H
#define PT_NODE_PARTS_H

#include "pve/node/node.h"

/* Returns the words of the kernel's command line that checks look at. The caller frees it. */
char *pt_cmdline_part(const char *cmdline);

/* Of struct pt_node. */
extern const struct pt_own pt_policy_own, pt_mappings_own, pt_guests_own;

/* Their elements. */
extern const struct pt_record pt_policy_line_record, pt_guest_record;

#endif
