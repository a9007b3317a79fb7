// SPDX-License-Identifier: AGPL-3.0-or-later
#include <limits.h>

#include "lib/base/record.h"

#define FORMAT_KEY  "format"
#define VERSION_KEY "version"

static const struct pt_field text_field[] = {{.kind = PT_FIELD_TEXT, .size = sizeof(char *)}};
static const struct pt_field uint64_field[] = {{.kind = PT_FIELD_UINT, .size = sizeof(uint64_t)}};
const struct pt_record pt_text_record = {PT_RECORD(char *, text_field)};
const struct pt_record pt_uint64_record = {PT_RECORD(uint64_t, uint64_field)};

static struct json_object *to_json(
	const struct pt_record *record, const void *outer, const void *from);

static const void *member(const void *record, size_t offset)
{
	return (const char *)record + offset;
}

static void *member_of(void *record, size_t offset)
{
	return (char *)record + offset;
}

/* Lines stay lines. */
static void make_lines_plain(char *text)
{
	for (; text && *text; text++) {
		if ((unsigned char)*text >= 0x7f ||
			((unsigned char)*text < ' ' && !strchr("\n\t", *text)))
			*text = '?';
	}
}

static struct json_object *text_to_json(const struct pt_field *field, const char *text)
{
	PT_FREE char *copy = NULL;

	if (text && *text == '\0' && field->kind == PT_FIELD_CHARS && field->need)
		text = NULL;
	if (text)
		copy = field->part ? field->part(text) : pt_strdup(text);
	make_lines_plain(copy);
	return pt_json_text(copy);
}

static struct json_object *number_to_json(const struct pt_field *field, const void *at)
{
	if (field->kind == PT_FIELD_INT && field->size == sizeof(int32_t))
		return pt_json_number(*(const int32_t *)at);
	if (field->kind == PT_FIELD_INT)
		return pt_json_number(*(const int64_t *)at);
	switch (field->size) {
	case sizeof(uint8_t):
		return pt_json_unsigned(*(const uint8_t *)at);
	case sizeof(uint16_t):
		return pt_json_unsigned(*(const uint16_t *)at);
	case sizeof(uint32_t):
		return pt_json_unsigned(*(const uint32_t *)at);
	default:
		return pt_json_unsigned(*(const uint64_t *)at);
	}
}

static struct json_object *elements_to_json(const struct pt_field *field, const void *record)
{
	struct json_object *json = pt_json_array();
	const char *element = member(record, field->offset);
	size_t count = field->size / field->of->size;

	if (field->kind == PT_FIELD_LIST)
		element = *(const char *const *)member(record, field->offset);
	if (field->count)
		count = *(const size_t *)member(record, field->count);
	for (size_t i = 0; i < count; i++, element += field->of->size) {
		if (!field->skip || !field->skip(record, element))
			pt_json_append(json, to_json(field->of, record, element));
	}
	return json;
}

static struct json_object *field_to_json(
	const struct pt_field *field, const void *outer, const void *record)
{
	const void *at = member(record, field->offset);
	char text[PT_FORM_TEXT];

	if (field->own)
		return field->own->write(outer, record);
	if (field->has && !*(const bool *)member(record, field->has))
		return NULL;
	switch (field->kind) {
	case PT_FIELD_FLAG:
		return pt_json_flag(*(const bool *)at);
	case PT_FIELD_INT:
	case PT_FIELD_UINT:
		return number_to_json(field, at);
	case PT_FIELD_TEXT:
		return text_to_json(field, *(const char *const *)at);
	case PT_FIELD_CHARS:
		return text_to_json(field, at);
	case PT_FIELD_WORD:
		return pt_json_text(field->word[*(const unsigned int *)at]);
	case PT_FIELD_FORM:
		return pt_json_text(field->form->format(at, text));
	case PT_FIELD_RECORD:
		return to_json(field->of, record, at);
	case PT_FIELD_LIST:
	case PT_FIELD_ROW:
		return elements_to_json(field, record);
	case PT_FIELD_MAP:
		break;
	}
	return NULL;
}

static bool is_omitted(const struct pt_field *field, const void *record)
{
	if (field->own && !field->own->write)
		return true;
	return field->has && field->need == PT_JSON_MAY_BE_MISSING &&
	       !*(const bool *)member(record, field->has);
}

static struct json_object *to_json(
	const struct pt_record *record, const void *outer, const void *from)
{
	struct json_object *json;

	if (!record->field[0].key)
		return field_to_json(&record->field[0], outer, from);
	json = pt_json_object();
	if (record->format)
		pt_json_add_text(json, FORMAT_KEY, record->format);
	if (record->version)
		pt_json_add_number(json, VERSION_KEY, record->version);
	pt_foreach (field, record->field, record->count) {
		if (!is_omitted(field, from))
			pt_json_add(json, field->key, field_to_json(field, outer, from));
	}
	return json;
}

struct json_object *pt_record_to_json(const struct pt_record *record, const void *from)
{
	return to_json(record, NULL, from);
}

static int refuse(const struct pt_field *field, struct pt_err *err, const char *why)
{
	return field->key ? pt_err_set(err, -EINVAL, "\"%s\" %s", field->key, why)
			  : pt_err_set(err, -EINVAL, "%s", why);
}

static int text_from_json(
	const struct pt_field *field, struct json_object *value, void *at, struct pt_err *err)
{
	const char *text = json_object_get_string(value);
	size_t length = strlen(text);
	const char *too_long = field->form ? field->form->why : "is too long";

	if (field->kind == PT_FIELD_CHARS && length >= field->size)
		return refuse(field, err, too_long);
	if (field->form && field->form->valid && !field->form->valid(text))
		return refuse(field, err, field->form->why);
	if (field->kind == PT_FIELD_CHARS) {
		memcpy(at, text, length + 1);
		make_lines_plain(at);
	} else {
		pt_set_text(at, text);
		make_lines_plain(*(char **)at);
	}
	return 0;
}

static int word_from_json(
	const struct pt_field *field, struct json_object *value, void *at, struct pt_err *err)
{
	int found = pt_word_find(field->word, field->words, json_object_get_string(value));

	if (found < 0)
		return refuse(field, err, "is none of the words that this version knows");
	memcpy(at, &found, sizeof(found));
	return 0;
}

void pt_field_range(const struct pt_field *field, int64_t *ret_min, int64_t *ret_max)
{
	unsigned int bits = (unsigned int)field->size * CHAR_BIT;

	*ret_min = field->min;
	*ret_max = field->max;
	if (field->min || field->max)
		return;
	if (field->kind == PT_FIELD_INT)
		bits--;
	*ret_max = bits > 63 ? INT64_MAX : (int64_t)((UINT64_C(1) << bits) - 1);
	*ret_min = field->kind == PT_FIELD_INT ? -*ret_max - 1 : 0;
}

static int number_from_json(
	const struct pt_field *field, struct json_object *value, void *at, struct pt_err *err)
{
	/* a number that the type cannot hold becomes the closest one that it can */
	int64_t number = json_object_get_int64(value), min, max;
	char why[64];

	pt_field_range(field, &min, &max);
	if (number < min || number > max) {
		snprintf(why, sizeof(why), "is not between %lld and %lld", (long long)min,
			(long long)max);
		return refuse(field, err, why);
	}
	switch (field->size) {
	case sizeof(uint8_t):
		*(uint8_t *)at = (uint8_t)number;
		break;
	case sizeof(uint16_t):
		*(uint16_t *)at = (uint16_t)number;
		break;
	case sizeof(uint32_t):
		*(uint32_t *)at = (uint32_t)number;
		break;
	default:
		*(uint64_t *)at = field->kind == PT_FIELD_INT ? (uint64_t)number
							      : json_object_get_uint64(value);
	}
	return 0;
}

static int list_from_json(
	const struct pt_field *field, struct json_object *value, void *record, struct pt_err *err)
{
	size_t length = json_object_array_length(value);
	size_t most = field->most;
	void *at = member_of(record, field->offset);
	char why[64];

	if (field->kind == PT_FIELD_ROW)
		most = field->size / field->of->size;
	if (most && length > most) {
		snprintf(why, sizeof(why), "has more than %zu elements", most);
		return refuse(field, err, why);
	}
	for (size_t i = 0; i < length; i++) {
		char *element = (char *)at + i * field->of->size;
		int r;

		if (field->kind == PT_FIELD_LIST)
			element =
				pt_array_grow(at, member_of(record, field->count), field->of->size);
		else if (field->count)
			*(size_t *)member_of(record, field->count) = i + 1;
		r = pt_record_from_json(
			field->of, json_object_array_get_idx(value, i), element, err);
		if (r < 0)
			return pt_err_wrap(err, "%s[%zu]", field->key ? field->key : "", i);
	}
	return 0;
}

/* Refuses a value of another JSON type, or a text that a C string cannot hold. */
static int judge_type(const struct pt_field *field, struct json_object *value, struct pt_err *err)
{
	static const struct {
		enum json_type type;
		const char *why;
	} of[] = {
		[PT_FIELD_FLAG] = {json_type_boolean, "is no boolean"},
		[PT_FIELD_INT] = {json_type_int, "is no whole number"},
		[PT_FIELD_UINT] = {json_type_int, "is no whole number"},
		[PT_FIELD_TEXT] = {json_type_string, "is no string"},
		[PT_FIELD_CHARS] = {json_type_string, "is no string"},
		[PT_FIELD_WORD] = {json_type_string, "is no string"},
		[PT_FIELD_FORM] = {json_type_string, "is no string"},
		[PT_FIELD_RECORD] = {json_type_object, "is no object"},
		[PT_FIELD_LIST] = {json_type_array, "is no array"},
		[PT_FIELD_ROW] = {json_type_array, "is no array"},
		[PT_FIELD_MAP] = {json_type_object, "is no object"},
	};

	if (!json_object_is_type(value, of[field->kind].type))
		return refuse(field, err, value ? of[field->kind].why : "is null");
	if (of[field->kind].type == json_type_string &&
		strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
		return refuse(field, err, "holds a NUL character");
	return 0;
}

static int field_from_json(
	const struct pt_field *field, struct json_object *value, void *record, struct pt_err *err)
{
	void *at = member_of(record, field->offset);
	int r;

	if (!value && field->need != PT_JSON_NEEDED)
		return 0;
	r = judge_type(field, value, err);
	if (r < 0)
		return r;
	if (field->has)
		*(bool *)member_of(record, field->has) = true;
	if (field->own)
		return field->own->read ? field->own->read(value, record, err) : 0;
	switch (field->kind) {
	case PT_FIELD_FLAG:
		*(bool *)at = json_object_get_boolean(value);
		return 0;
	case PT_FIELD_INT:
	case PT_FIELD_UINT:
		return number_from_json(field, value, at, err);
	case PT_FIELD_TEXT:
	case PT_FIELD_CHARS:
		return text_from_json(field, value, at, err);
	case PT_FIELD_WORD:
		return word_from_json(field, value, at, err);
	case PT_FIELD_FORM:
		return field->form->parse(json_object_get_string(value), at)
			       ? 0
			       : refuse(field, err, field->form->why);
	case PT_FIELD_RECORD:
		r = pt_record_from_json(field->of, value, at, err);
		return r < 0 ? pt_err_wrap(err, "%s", field->key) : 0;
	case PT_FIELD_LIST:
	case PT_FIELD_ROW:
		return list_from_json(field, value, record, err);
	case PT_FIELD_MAP:
		break;
	}
	return 0;
}

static int judge_head(const struct pt_record *record, struct json_object *json, struct pt_err *err)
{
	struct json_object *format = json_object_object_get(json, FORMAT_KEY);
	struct json_object *version = json_object_object_get(json, VERSION_KEY);
	int oldest = record->oldest ? record->oldest : record->version;
	int64_t number = json_object_get_int64(version);

	if (record->format && (!json_object_is_type(format, json_type_string) ||
				      !pt_streq(json_object_get_string(format), record->format)))
		return pt_err_set(err, -EINVAL, "\"" FORMAT_KEY "\" is not '%s'", record->format);
	if (record->version && (!json_object_is_type(version, json_type_int) || number < oldest ||
				       number > record->version))
		return pt_err_set(
			err, -EINVAL, "\"" VERSION_KEY "\" is none that this version knows");
	return 0;
}

int pt_record_from_json(
	const struct pt_record *record, struct json_object *json, void *ret, struct pt_err *err)
{
	int r;

	if (!record->field[0].key)
		return field_from_json(&record->field[0], json, ret, err);
	if (!json_object_is_type(json, json_type_object))
		return pt_err_set(err, -EINVAL, "is no object");
	r = judge_head(record, json, err);
	pt_foreach (field, record->field, record->count) {
		struct json_object *value = NULL;

		if (r < 0)
			return r;
		if (field->own && !field->own->read)
			continue;
		if (json_object_object_get_ex(json, field->key, &value))
			r = field_from_json(field, value, ret, err);
		else if (field->need != PT_JSON_MAY_BE_MISSING)
			return refuse(field, err, "is missing");
	}
	return r == 0 && record->complete ? record->complete(ret, err) : r;
}
