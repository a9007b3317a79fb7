// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <limits.h>

#include "lib/base/json.h"

#define NESTING_MAX 256 /* levels; a plan of nested modules has many */

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

/* The length of the UTF-8 letter at text, of which length bytes are left; 0: it is none. Source:
 * RFC 3629, section 4. */
static size_t letter(const unsigned char *text, size_t length)
{
	const unsigned char first = text[0], second = length > 1 ? text[1] : 0;
	size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	if (size == 1)
		return 1;
	if (first < 0xc2 || first > 0xf4 || size > length || (first == 0xe0 && second < 0xa0) ||
		(first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
		(first == 0xf4 && second > 0x8f))
		return 0;
	for (size_t i = 1; i < size; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	return size;
}

static unsigned int number_of(const unsigned char *text, size_t size)
{
	unsigned int number = text[0] & (size == 1 ? 0x7fU : 0xffU >> (size + 1));

	for (size_t i = 1; i < size; i++)
		number = number << 6 | (text[i] & 0x3fU);
	return number;
}

/* Writes a letter as JSON's escape. Returns its end. */
static char *escape(char *to, unsigned int number)
{
	if (number < 0x10000)
		return to + sprintf(to, "\\u%04x", number);
	number -= 0x10000;
	return to +
	       sprintf(to, "\\u%04x\\u%04x", 0xd800 + (number >> 10), 0xdc00 + (number & 0x3ff));
}

/* A copy in ASCII, with letters escaped. json-c 0.18, when strict, takes each byte beyond ASCII for
 * a control character. NULL: the text is no UTF-8 at *ret_bad, or has a letter escaped. The caller
 * frees. */
static char *to_ascii(const char *text, size_t length, size_t *ret_length, size_t *ret_bad)
{
	/* at worst two bytes become six */
	PT_FREE char *ascii = pt_calloc(length * 3 + 1, 1);
	bool escaped = false; /* by a backslash before it, which no letter may have */
	char *to = ascii;

	for (size_t at = 0; at < length;) {
		const unsigned char *from = (const unsigned char *)text + at;
		size_t size = letter(from, length - at);

		if (!size || (size > 1 && escaped)) {
			*ret_bad = at;
			return NULL;
		}
		escaped = text[at] == '\\' && !escaped;
		if (size == 1)
			*to++ = text[at];
		else
			to = escape(to, number_of(from, size));
		at += size;
	}
	*ret_length = (size_t)(to - ascii);
	return PT_STEAL(ascii);
}

/* json-c counts in int. */
static bool is_too_long(size_t length, struct pt_err *err)
{
	if (length >= INT_MAX)
		pt_err_set(err, -EMSGSIZE, "JSON of more than 2 GiB");
	return length >= INT_MAX;
}

struct json_object *pt_json_member(struct json_object *json, const char *key)
{
	return json_object_is_type(json, json_type_object) ? json_object_object_get(json, key)
							   : NULL;
}

size_t pt_json_items(struct json_object *json)
{
	return json_object_is_type(json, json_type_array) ? json_object_array_length(json) : 0;
}

const char *pt_json_scalar(struct json_object *json)
{
	const char *text;

	switch (json_object_get_type(json)) {
	case json_type_boolean:
		return json_object_get_boolean(json) ? "1" : "0";
	case json_type_string:
	case json_type_int:
	case json_type_double:
		text = json_object_get_string(json);
		return *text ? text : NULL;
	default:
		return NULL;
	}
}

const char *pt_json_get(struct json_object *json, const char *key)
{
	return pt_json_scalar(pt_json_member(json, key));
}

bool pt_json_is_true(struct json_object *json)
{
	return json_object_is_type(json, json_type_boolean) && json_object_get_boolean(json);
}

struct json_object *pt_json_parse(const char *text, size_t length, struct pt_err *err)
{
	struct json_tokener *tokener;
	struct json_object *json;
	enum json_tokener_error error;
	PT_FREE char *ascii = NULL;
	size_t end = 0;

	if (is_too_long(length, err))
		return NULL;
	/* most texts need no copy */
	if (!pt_is_ascii(text, length)) {
		ascii = to_ascii(text, length, &length, &end);
		if (!ascii) {
			pt_err_set(err, -EINVAL, "not JSON at byte %zu: is no UTF-8", end);
			return NULL;
		}
		text = ascii;
	}
	if (is_too_long(length, err))
		return NULL;
	tokener = json_tokener_new_ex(NESTING_MAX);
	if (!tokener)
		pt_out_of_memory();
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
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

/* The end of the string that begins at text with a quote: its last quote. */
static const char *end_of_string(const char *text)
{
	for (text++; *text && *text != '"'; text++)
		text += *text == '\\' && text[1];
	return text;
}

char *pt_json_twice(const char *text)
{
	struct json_object *keys[NESTING_MAX] = {0}; /* of each object around; NULL: an array */
	char *twice = NULL;
	size_t depth = 0;

	for (; *text && !twice; text++) {
		if ((*text == '{' || *text == '[') && depth < NESTING_MAX) {
			keys[depth++] = *text == '{' ? pt_json_object() : NULL;
		} else if ((*text == '}' || *text == ']') && depth) {
			json_object_put(keys[--depth]);
		} else if (*text == '"') {
			const char *end = end_of_string(text);
			PT_FREE char *key = pt_strndup(text + 1, (size_t)(end - text) - !!*end);

			text = end;
			end += !!*end;
			end += strspn(end, " \t\r\n");
			if (*end == ':' && depth && keys[depth - 1]) {
				if (json_object_object_get_ex(keys[depth - 1], key, NULL))
					twice = PT_STEAL(key);
				else
					pt_json_add(keys[depth - 1], key, pt_json_flag(true));
			}
			if (!*text)
				break;
		}
	}
	while (depth)
		json_object_put(keys[--depth]);
	return twice;
}
