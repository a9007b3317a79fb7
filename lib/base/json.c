// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <limits.h>

#include "lib/base/json.h"

#define NESTING_MAX 32

struct json_object *pt_json_have(struct json_object *made)
{
	if (!made)
		pt_out_of_memory();
	return made;
}

struct json_object *pt_json_text(const char *text)
{
	return text ? pt_json_have(json_object_new_string(text)) : NULL;
}

struct json_object *pt_json_bytes(const char *bytes, size_t length)
{
	return pt_json_have(json_object_new_string_len(bytes, (int)length));
}

void pt_json_add(struct json_object *object, const char *key, struct json_object *value)
{
	if (json_object_object_add(object, key, value) < 0)
		pt_out_of_memory();
}

void pt_json_append(struct json_object *array, struct json_object *value)
{
	if (json_object_array_add(array, value) < 0)
		pt_out_of_memory();
}

void pt_json_add_text(struct json_object *object, const char *key, const char *text)
{
	pt_json_add(object, key, pt_json_text(text));
}

const char *pt_json_print(struct json_object *json, int flags)
{
	const char *text = json_object_to_json_string_ext(json, flags);

	if (!text)
		pt_out_of_memory();
	return text;
}

struct json_object *pt_json_parse(const char *text, size_t length, struct pt_err *err)
{
	struct json_tokener *tokener = json_tokener_new_ex(NESTING_MAX);
	struct json_object *json;
	enum json_tokener_error error;
	size_t end;

	if (!tokener)
		pt_out_of_memory();
	if (length >= INT_MAX) {
		json_tokener_free(tokener);
		pt_err_set(err, -EMSGSIZE, "JSON of more than 2 GiB");
		return NULL;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	json = json_tokener_parse_ex(tokener, text, (int)length + 1);
	error = json_tokener_get_error(tokener);
	end = json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);
	/* the tokener was given the NUL behind the text, so that a bare number ends */
	while (end < length && strchr(" \t\r\n", text[end]))
		end++;
	if (error != json_tokener_success || end < length) {
		json_object_put(json);
		pt_err_set(err, -EINVAL, "not JSON at byte %zu: %s", end,
			error == json_tokener_success || error == json_tokener_continue
				? "unexpected end"
				: json_tokener_error_desc(error));
		return NULL;
	}
	/* the value null is the pointer NULL in json-c: nobody must take it for a result */
	if (!json)
		pt_err_set(err, -EINVAL, "is null");
	return json;
}
