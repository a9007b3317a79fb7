// SPDX-License-Identifier: AGPL-3.0-or-later
/* JSON texts of others. Our own records have tables of fields: record.h. */
#ifndef PT_JSON_H
#define PT_JSON_H

#include <json-c/json.h>

#include "lib/base/err.h"

/* Adds a text, or null for NULL. */
void pt_json_add_text(struct json_object *object, const char *key, const char *text);
void pt_json_add_flag(struct json_object *object, const char *key, bool value);
void pt_json_add_number(struct json_object *object, const char *key, int64_t value);

/* Parses one whole JSON value of length bytes, with a NUL behind them. The caller puts it back with
 * json_object_put. NULL, with err filled: it is no JSON. */
struct json_object *pt_json_parse(const char *text, size_t length, struct pt_err *err);

static inline void pt_json_put_p(struct json_object **object)
{
	json_object_put(*object);
	*object = NULL;
}
#define PT_JSON PT_CLEANUP(pt_json_put_p)

#endif
