// SPDX-License-Identifier: AGPL-3.0-or-later
/* Our answers beside PVE's. */
#ifndef PT_COMPARE_H
#define PT_COMPARE_H

#include "pve/check/check.h"
#include "tests/conformance/verdicts.h"
#include "tests/fake.h"

/* Makes the host that the case names. False: there is no such tree. */
bool make_host(const struct suite_context *context, struct json_object *input, struct fake *fake);

/* Whether the check (or NULL) reports PVE's reason; a reason without tags of ours agrees with none.
 */
bool same_story(const char *reason, const struct pt_check *check);

/* New lists of ids, [[id]] for alternatives; a mediated device keeps the first of each to try. */
struct json_object *ids_to_json(const struct pt_alternative *alternative);
struct json_object *alternatives_to_json(const struct pt_assignment *assignment);
struct json_object *chosen_to_json(const struct pt_assignment *assignment);

/* Compares such a list, which it takes over, with PVE's [{id: ...}] or [[{id: ...}]]. */
bool same_ids(struct json_object *ours, struct json_object *theirs);
/* Names, sorted here, repetitions left out, against PVE's list. */
bool same_set(char **name, size_t count, struct json_object *theirs);

/* Lists the functions that are bound along with one: the group's PCI members less bridges. */
void list_touched(const struct fake *fake, const struct pt_group *group, struct pt_names *touched);

#endif
