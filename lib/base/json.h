// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Reading JSON that somebody else wrote: every key is asked for with its type, the first thing that
 * is wrong is told, and reading goes on harmlessly after it, so that callers look at the result
 * once.
 */
#ifndef PT_JSON_H
#define PT_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

enum pt_json_need {
	PT_JSON_NEEDED,
	PT_JSON_MAY_BE_NULL,
	PT_JSON_MAY_BE_MISSING, /* or null: an older writer may not know the key */
};

struct pt_json_reader {
	struct json_object *object; /* borrowed */
	struct pt_err *err;
	int result; /* 0, or -EINVAL once something was wrong */
};

/* Marks the key as wrong, unless something was before. */
void pt_json_refuse(struct pt_json_reader *reader, const char *key, const char *why);

/* Whether the key is there at all, for keys that an older writer may not know. */
bool pt_json_has(const struct pt_json_reader *reader, const char *key);

/* The text is borrowed from the object; NULL when it is null or wrong. */
const char *pt_json_text(struct pt_json_reader *reader, const char *key, enum pt_json_need need);
int pt_json_int(struct pt_json_reader *reader, const char *key);
uint64_t pt_json_uint64(struct pt_json_reader *reader, const char *key);
bool pt_json_flag(struct pt_json_reader *reader, const char *key);
/* Borrowed; NULL when it is wrong. */
struct json_object *pt_json_array(struct pt_json_reader *reader, const char *key);
/* As pt_json_text, but ret is replaced by a copy, its old text freed. */
void pt_json_copy_text(
	struct pt_json_reader *reader, const char *key, enum pt_json_need need, char **ret);
/* Which of the names it is; 0 when it is none, which is refused with why. */
size_t pt_json_word(struct pt_json_reader *reader, const char *key, const char *const *name,
	size_t count, const char *why);

/* Adds a text, or null for NULL. */
void pt_json_add_text(struct json_object *object, const char *key, const char *text);
void pt_json_add_flag(struct json_object *object, const char *key, bool value);
void pt_json_add_number(struct json_object *object, const char *key, int64_t value);

/*
 * Parses a whole text of length bytes, with a NUL behind them: one value and nothing else. The
 * caller puts it back with json_object_put. NULL, with err filled, when it is not JSON.
 */
struct json_object *pt_json_parse(const char *text, size_t length, struct pt_err *err);

static inline void pt_json_put_p(struct json_object **object)
{
	json_object_put(*object);
	*object = NULL;
}
#define PT_JSON PT_CLEANUP(pt_json_put_p)

#endif
