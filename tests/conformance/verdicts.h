// SPDX-License-Identifier: AGPL-3.0-or-later
/* The conformance runner: each suite gives its verdict on one case. */
#ifndef PT_VERDICTS_H
#define PT_VERDICTS_H

#include <json-c/json.h>

#include "lib/base/base.h"

struct suite_context {
	struct json_object *trees; /* borrowed */
};

/* Whether our answer to input agrees with output, one of PVE's own. */
typedef bool suite_agrees(
	const struct suite_context *context, struct json_object *input, struct json_object *output);
suite_agrees property_agrees, resolve_agrees, vm_agrees, mappingcfg_agrees;

/* A member of an object; NULL when it is null or missing. */
static inline struct json_object *member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (json_object_is_type(object, json_type_object))
		json_object_object_get_ex(object, key, &value);
	return value;
}

static inline const char *member_text(struct json_object *object, const char *key)
{
	struct json_object *value = member(object, key);

	return value ? json_object_get_string(value) : NULL;
}

#endif
