// SPDX-License-Identifier: AGPL-3.0-or-later
/* schema facts|check: prints the JSON Schema of facts files, or of check's output. It follows the
 * tables of fields (lib/base/record.h). */
#include <limits.h>

#include "lib/base/record.h"
#include "pve/node/node-json.h"
#include "pve/ptconf/ptconf.h"

static struct json_object *schema_of(const struct pt_record *record);

/* A schema of a JSON type, "null" beside it where that is allowed. */
static struct json_object *typed(const struct pt_field *field, const char *type)
{
	struct json_object *schema = json_object_new_object();
	struct json_object *types;

	if (field->need == PT_JSON_NEEDED) {
		pt_json_add_text(schema, "type", type);
		return schema;
	}
	types = json_object_new_array();
	json_object_array_add(types, json_object_new_string(type));
	json_object_array_add(types, json_object_new_string("null"));
	json_object_object_add(schema, "type", types);
	return schema;
}

static struct json_object *text_schema(const struct pt_field *field)
{
	struct json_object *schema = typed(field, "string");

	if (field->form && field->form->pattern)
		pt_json_add_text(schema, "pattern", field->form->pattern);
	if (field->kind == PT_FIELD_CHARS)
		pt_json_add_number(schema, "maxLength", (int64_t)field->size - 1);
	return schema;
}

static struct json_object *number_schema(const struct pt_field *field)
{
	struct json_object *schema = typed(field, "integer");

	if (field->kind == PT_FIELD_UINT || field->min || field->max)
		pt_json_add_number(schema, "minimum", field->min);
	if (field->max && field->max < INT_MAX)
		pt_json_add_number(schema, "maximum", field->max);
	else if (field->kind == PT_FIELD_UINT && field->size < sizeof(uint32_t))
		pt_json_add_number(schema, "maximum", (INT64_C(1) << field->size * CHAR_BIT) - 1);
	return schema;
}

static struct json_object *word_schema(const struct pt_field *field)
{
	struct json_object *schema = json_object_new_object();
	struct json_object *words = json_object_new_array();

	for (size_t i = 0; i < field->words; i++)
		json_object_array_add(words, json_object_new_string(field->word[i]));
	json_object_object_add(schema, "enum", words);
	return schema;
}

static struct json_object *list_schema(const struct pt_field *field)
{
	struct json_object *schema = typed(field, "array");
	size_t most = field->most;

	if (field->kind == PT_FIELD_ROW)
		most = field->size / field->of->size;
	json_object_object_add(schema, "items", schema_of(field->of));
	if (most)
		pt_json_add_number(schema, "maxItems", (int64_t)most);
	return schema;
}

static struct json_object *map_schema(const struct pt_field *field)
{
	struct json_object *schema = typed(field, "object");
	struct json_object *text = json_object_new_object();

	pt_json_add_text(text, "type", "string");
	json_object_object_add(schema, "additionalProperties", text);
	return schema;
}

static struct json_object *kind_schema(const struct pt_field *field)
{
	switch (field->kind) {
	case PT_FIELD_FLAG:
		return typed(field, "boolean");
	case PT_FIELD_INT:
	case PT_FIELD_UINT:
		return number_schema(field);
	case PT_FIELD_TEXT:
	case PT_FIELD_CHARS:
	case PT_FIELD_FORM:
		return text_schema(field);
	case PT_FIELD_WORD:
		return word_schema(field);
	case PT_FIELD_LIST:
	case PT_FIELD_ROW:
		return list_schema(field);
	case PT_FIELD_MAP:
		return map_schema(field);
	case PT_FIELD_RECORD:
		break;
	}
	return schema_of(field->of);
}

static struct json_object *field_schema(const struct pt_field *field)
{
	struct json_object *schema = kind_schema(field);

	if (field->about)
		pt_json_add_text(schema, "description", field->about);
	return schema;
}

/* The keys "format" and "version". */
static void add_head(const struct pt_record *record, struct json_object *properties,
	struct json_object *required)
{
	struct json_object *one;

	if (record->format) {
		one = json_object_new_object();
		pt_json_add_text(one, "const", record->format);
		json_object_object_add(properties, "format", one);
		json_object_array_add(required, json_object_new_string("format"));
	}
	if (record->version) {
		one = json_object_new_object();
		pt_json_add_text(one, "type", "integer");
		pt_json_add_number(
			one, "minimum", record->oldest ? record->oldest : record->version);
		pt_json_add_number(one, "maximum", record->version);
		json_object_object_add(properties, "version", one);
		json_object_array_add(required, json_object_new_string("version"));
	}
}

static struct json_object *schema_of(const struct pt_record *record)
{
	struct json_object *schema, *properties, *required;

	if (!record->field[0].key)
		return field_schema(&record->field[0]);
	schema = json_object_new_object();
	properties = json_object_new_object();
	required = json_object_new_array();
	if (record->about)
		pt_json_add_text(schema, "title", record->about);
	pt_json_add_text(schema, "type", "object");
	add_head(record, properties, required);
	pt_foreach (field, record->field, record->count) {
		json_object_object_add(properties, field->key, field_schema(field));
		if (field->need != PT_JSON_MAY_BE_MISSING)
			json_object_array_add(required, json_object_new_string(field->key));
	}
	json_object_object_add(schema, "properties", properties);
	json_object_object_add(schema, "required", required);
	json_object_object_add(schema, "additionalProperties", json_object_new_boolean(false));
	return schema;
}

/* The output of check is one of two. */
static struct json_object *check_schema(void)
{
	struct json_object *schema = json_object_new_object();
	struct json_object *either = json_object_new_array();

	pt_json_add_text(schema, "title", "The output of pve-ptconf check --output-format json");
	json_object_array_add(either, schema_of(&pt_check_node_record));
	json_object_array_add(either, schema_of(&pt_check_cluster_record));
	json_object_object_add(schema, "oneOf", either);
	return schema;
}

int main(int argc, char **argv)
{
	struct json_object PT_JSON *schema = NULL;

	if (argc == 2 && pt_streq(argv[1], "facts"))
		schema = schema_of(&pt_node_record);
	else if (argc == 2 && pt_streq(argv[1], "check"))
		schema = check_schema();
	else
		return 2;
	pt_json_add_text(schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
	puts(json_object_to_json_string_ext(schema, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_SPACED |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	return 0;
}
