// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <limits.h>

#include "lib/base/json.h"

#define NESTING_MAX 32

void pt_json_refuse(struct pt_json_reader *reader, const char *key, const char *why)
{
	if (reader->result == 0)
		reader->result = pt_err_set(reader->err, -EINVAL, "\"%s\" %s", key, why);
}

bool pt_json_has(const struct pt_json_reader *reader, const char *key)
{
	return json_object_is_type(reader->object, json_type_object) &&
	       json_object_object_get_ex(reader->object, key, NULL);
}

static struct json_object *get(
	struct pt_json_reader *reader, const char *key, enum json_type type, const char *type_name)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(reader->object, json_type_object) ||
		!json_object_object_get_ex(reader->object, key, &value)) {
		pt_json_refuse(reader, key, "is missing");
		return NULL;
	}
	if (!json_object_is_type(value, type)) {
		if (value || type != json_type_string)
			pt_json_refuse(reader, key, type_name);
		return NULL;
	}
	return value;
}

const char *pt_json_text(struct pt_json_reader *reader, const char *key, enum pt_json_need need)
{
	bool missing = need == PT_JSON_MAY_BE_MISSING && !pt_json_has(reader, key);
	struct json_object *value =
		missing ? NULL : get(reader, key, json_type_string, "is no string");

	if (!value && need == PT_JSON_NEEDED)
		pt_json_refuse(reader, key, "is null");
	if (value && strlen(json_object_get_string(value)) !=
			     (size_t)json_object_get_string_len(value)) {
		pt_json_refuse(reader, key, "holds a NUL character");
		return NULL;
	}
	return value ? json_object_get_string(value) : NULL;
}

int pt_json_int(struct pt_json_reader *reader, const char *key)
{
	struct json_object *value = get(reader, key, json_type_int, "is no whole number");
	int64_t number = value ? json_object_get_int64(value) : 0;

	if (number < INT_MIN || number > INT_MAX) {
		pt_json_refuse(reader, key, "is out of range");
		return 0;
	}
	return (int)number;
}

uint64_t pt_json_uint64(struct pt_json_reader *reader, const char *key)
{
	struct json_object *value = get(reader, key, json_type_int, "is no whole number");

	return value ? json_object_get_uint64(value) : 0;
}

bool pt_json_flag(struct pt_json_reader *reader, const char *key)
{
	struct json_object *value = get(reader, key, json_type_boolean, "is no boolean");

	return value && json_object_get_boolean(value);
}

struct json_object *pt_json_array(struct pt_json_reader *reader, const char *key)
{
	return get(reader, key, json_type_array, "is no array");
}

void pt_json_copy_text(
	struct pt_json_reader *reader, const char *key, enum pt_json_need need, char **ret)
{
	pt_set_text(ret, pt_json_text(reader, key, need));
}

size_t pt_json_word(struct pt_json_reader *reader, const char *key, const char *const *name,
	size_t count, const char *why)
{
	const char *text = pt_json_text(reader, key, PT_JSON_NEEDED);

	for (size_t i = 0; text && i < count; i++) {
		if (pt_streq(text, name[i]))
			return i;
	}
	pt_json_refuse(reader, key, why);
	return 0;
}

void pt_json_add_text(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, text ? json_object_new_string(text) : NULL);
}

void pt_json_add_flag(struct json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

void pt_json_add_number(struct json_object *object, const char *key, int64_t value)
{
	json_object_object_add(object, key, json_object_new_int64(value));
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
	return json;
}
