// SPDX-License-Identifier: AGPL-3.0-or-later
/* schema facts|check: prints the JSON Schema of facts files, or of check's output. It follows the
 * tables of fields (lib/base/record.h). */
#include "lib/base/record.h"
#include "pve/node/node-json.h"
#include "pve/ptconf/ptconf.h"

static struct json_object *schema_of(const struct pt_record *record);

/* Leaves out the fields that are only read. */
static bool output_only;

/* A schema of a JSON type, "null" beside it where that is allowed. */
static struct json_object *typed(const struct pt_field *field, const char *type)
{
	struct json_object *schema = pt_json_object();
	struct json_object *types;

	if (field->need == PT_JSON_NEEDED) {
		pt_json_add_text(schema, "type", type);
		return schema;
	}
	types = pt_json_array();
	pt_json_append(types, pt_json_text(type));
	pt_json_append(types, pt_json_text("null"));
	pt_json_add(schema, "type", types);
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
	int64_t min, max;

	/* beyond 64 bits a reader of JSON has the nearest number */
	pt_field_range(field, &min, &max);
	if (min > INT64_MIN)
		pt_json_add_number(schema, "minimum", min);
	if (max < INT64_MAX)
		pt_json_add_number(schema, "maximum", max);
	return schema;
}

static struct json_object *word_schema(const struct pt_field *field)
{
	struct json_object *schema = pt_json_object();
	struct json_object *words = pt_json_array();

	for (size_t i = 0; i < field->words; i++)
		pt_json_append(words, pt_json_text(field->word[i]));
	if (field->need != PT_JSON_NEEDED)
		pt_json_append(words, NULL);
	pt_json_add(schema, "enum", words);
	return schema;
}

static struct json_object *list_schema(const struct pt_field *field)
{
	struct json_object *schema = typed(field, "array");
	size_t most = field->most;

	if (field->kind == PT_FIELD_ROW)
		most = field->size / field->of->size;
	pt_json_add(schema, "items", schema_of(field->of));
	if (most)
		pt_json_add_number(schema, "maxItems", (int64_t)most);
	return schema;
}

static struct json_object *map_schema(const struct pt_field *field)
{
	struct json_object *schema = typed(field, "object");
	struct json_object *text = pt_json_object();

	pt_json_add_text(text, "type", "string");
	pt_json_add(schema, "additionalProperties", text);
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
		one = pt_json_object();
		pt_json_add_text(one, "const", record->format);
		pt_json_add(properties, "format", one);
		pt_json_append(required, pt_json_text("format"));
	}
	if (record->version) {
		one = pt_json_object();
		pt_json_add_text(one, "type", "integer");
		pt_json_add_number(
			one, "minimum", record->oldest ? record->oldest : record->version);
		pt_json_add_number(one, "maximum", record->version);
		pt_json_add(properties, "version", one);
		pt_json_append(required, pt_json_text("version"));
	}
}

static struct json_object *schema_of(const struct pt_record *record)
{
	struct json_object *schema, *properties, *required;

	if (!record->field[0].key)
		return field_schema(&record->field[0]);
	schema = pt_json_object();
	properties = pt_json_object();
	required = pt_json_array();
	if (record->about)
		pt_json_add_text(schema, "title", record->about);
	pt_json_add_text(schema, "type", "object");
	add_head(record, properties, required);
	pt_foreach (field, record->field, record->count) {
		if (output_only && field->own && !field->own->write)
			continue;
		pt_json_add(properties, field->key, field_schema(field));
		if (field->need != PT_JSON_MAY_BE_MISSING)
			pt_json_append(required, pt_json_text(field->key));
	}
	pt_json_add(schema, "properties", properties);
	pt_json_add(schema, "required", required);
	pt_json_add(schema, "additionalProperties", pt_json_flag(false));
	return schema;
}

/* The output of check is one of two. */
static struct json_object *check_schema(void)
{
	struct json_object *schema = pt_json_object();
	struct json_object *either = pt_json_array();

	output_only = true;
	pt_json_add_text(schema, "title", "The output of pve-ptconf check --output-format json");
	pt_json_append(either, schema_of(&pt_check_node_record));
	pt_json_append(either, schema_of(&pt_check_cluster_record));
	pt_json_add(schema, "oneOf", either);
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
	puts(pt_json_print(schema, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
					   JSON_C_TO_STRING_NOSLASHESCAPE));
	return 0;
}
