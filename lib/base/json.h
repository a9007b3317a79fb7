// SPDX-License-Identifier: AGPL-3.0-or-later
/* JSON texts of others. Our own records have tables of fields: record.h. Makes values, as json-c
 * does, and ends the process when memory runs out: a lost value would be null in a record. */
#ifndef PT_JSON_H
#define PT_JSON_H

#include <json-c/json.h>

#include "lib/base/err.h"

/* Returns the new value, the caller's, or ends the process. */
struct json_object *pt_json_have(struct json_object *made) __attribute__((returns_nonnull));
#define pt_json_object()	pt_json_have(json_object_new_object())
#define pt_json_array()		pt_json_have(json_object_new_array())
#define pt_json_flag(value)	pt_json_have(json_object_new_boolean(value))
#define pt_json_number(value)	pt_json_have(json_object_new_int64(value))
#define pt_json_unsigned(value) pt_json_have(json_object_new_uint64(value))
/* A text that is NULL is null. */
struct json_object *pt_json_text(const char *text);

/* Returns a text of so many bytes, whatever they are. */
struct json_object *pt_json_bytes(const char *bytes, size_t length);

/* Add a value, which the object or the array then owns. NULL is null. */
void pt_json_add(struct json_object *object, const char *key, struct json_object *value);
void pt_json_append(struct json_object *array, struct json_object *value);

/* Adds a text, or null for NULL. */
void pt_json_add_text(struct json_object *object, const char *key, const char *text);
#define pt_json_add_flag(object, key, value)   pt_json_add((object), (key), pt_json_flag(value))
#define pt_json_add_number(object, key, value) pt_json_add((object), (key), pt_json_number(value))

/* Returns the text of a value, on loan until the value changes. flags: those of json-c. */
const char *pt_json_print(struct json_object *json, int flags) __attribute__((returns_nonnull));

/* Returns a member on loan; NULL: there is none, it is null, or json is no object. */
struct json_object *pt_json_member(struct json_object *json, const char *key);

/* Returns the number of elements; 0: json is no array. */
size_t pt_json_items(struct json_object *json);

/* Returns the text of a string that is not empty, a number or a flag ("1", "0"), on loan until the
 * value changes; NULL: it is nothing of these. */
const char *pt_json_scalar(struct json_object *json);

/* The same of a member. */
const char *pt_json_get(struct json_object *json, const char *key);

/* Returns whether it is the flag true. */
bool pt_json_is_true(struct json_object *json);

/* Parses one whole JSON value of length bytes, with a NUL behind them. The caller puts it back with
 * json_object_put. NULL, with err filled: it is no JSON. */
struct json_object *pt_json_parse(const char *text, size_t length, struct pt_err *err);

/* Returns the first key that stands twice in one object of a valid JSON text, as it is spelled
 * there; NULL: none does. The caller frees it. */
char *pt_json_twice(const char *text);

static inline void pt_json_put_p(struct json_object **object)
{
	json_object_put(*object);
	*object = NULL;
}
#define PT_JSON PT_CLEANUP(pt_json_put_p)

#endif
