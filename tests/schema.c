// SPDX-License-Identifier: AGPL-3.0-or-later
/* schema facts|check|list|claims: prints the JSON Schema of facts files, or of the verb's output.
 * It follows the tables of fields (lib/base/record.h). */
#include "lib/base/record.h"
#include "pve/check/failover.h"
#include "pve/check/overview.h"
#include "pve/node/claims.h"
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

static struct json_object *object_schema(const struct pt_field *field)
{
	struct json_object *schema = schema_of(field->of);
	struct json_object *types;

	if (field->need != PT_JSON_MAY_BE_NULL)
		return schema;
	types = pt_json_array();
	pt_json_append(types, pt_json_text("object"));
	pt_json_append(types, pt_json_text("null"));
	pt_json_add(schema, "type", types);
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
	return object_schema(field);
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

/* What is of one node, or of --cluster. Takes both over. */
static struct json_object *either(
	const char *title, struct json_object *of_node, struct json_object *of_cluster)
{
	struct json_object *schema = pt_json_object();
	struct json_object *both = pt_json_array();

	pt_json_add_text(schema, "title", title);
	pt_json_append(both, of_node);
	pt_json_append(both, of_cluster);
	pt_json_add(schema, "oneOf", both);
	return schema;
}

static struct json_object *text_of(const char *about, bool may_be_null)
{
	const struct pt_field field = {.need = may_be_null ? PT_JSON_MAY_BE_NULL : PT_JSON_NEEDED};
	struct json_object *schema = typed(&field, "string");

	if (about)
		pt_json_add_text(schema, "description", about);
	return schema;
}

/* Adds a key to the schema of an object. */
static void add_key(
	struct json_object *schema, const char *key, struct json_object *value, bool is_needed)
{
	pt_json_add(json_object_object_get(schema, "properties"), key, value);
	if (is_needed)
		pt_json_append(json_object_object_get(schema, "required"), pt_json_text(key));
}

static struct json_object *list_version(void)
{
	struct json_object *schema = pt_json_object();

	pt_json_add_number(schema, "const", PT_OUTPUT_VERSION);
	return schema;
}

static struct json_object *findings_of_host(void)
{
	struct json_object *schema = pt_json_object();

	pt_json_add_text(schema, "type", "array");
	pt_json_add_text(schema, "description", "findings about the node without any guest");
	pt_json_add(schema, "items", schema_of(&pt_finding_record));
	return schema;
}

/* The inventory with more keys, at the top and of each function. */
static struct json_object *list_of_node(void)
{
	struct json_object *schema = schema_of(&pt_inventory_record);
	struct json_object *functions =
		json_object_object_get(json_object_object_get(schema, "properties"), "functions");
	struct json_object PT_JSON *seen = schema_of(&pt_seen_function_record);

	json_object_object_foreach(json_object_object_get(seen, "properties"), key, value)
	{
		add_key(json_object_object_get(functions, "items"), key, json_object_get(value),
			true);
	}
	add_key(schema, "node", text_of(NULL, false), true);
	add_key(schema, "host", findings_of_host(), true);
	add_key(schema, "not_known",
		text_of("of another node: facts that the API does not give", false), false);
	return schema;
}

static struct json_object *list_schema_of_node(void)
{
	struct json_object *schema = list_of_node();

	add_key(schema, "version", list_version(), true);
	return schema;
}

/* A node of which nothing is known has the reason alone. */
static struct json_object *list_schema_of_cluster(void)
{
	struct json_object *schema = pt_json_object(), *node = list_of_node();
	struct json_object *nodes = pt_json_object(), *needed = pt_json_array();

	add_key(node, "why", text_of("why the node did not answer", true), true);
	pt_json_append(needed, pt_json_text("node"));
	pt_json_append(needed, pt_json_text("why"));
	pt_json_add(node, "required", needed);
	pt_json_add_text(nodes, "type", "array");
	pt_json_add(nodes, "items", node);
	pt_json_add_text(schema, "title", "of --cluster");
	pt_json_add_text(schema, "type", "object");
	pt_json_add(schema, "properties", pt_json_object());
	pt_json_add(schema, "required", pt_json_array());
	add_key(schema, "version", list_version(), true);
	add_key(schema, "nodes", nodes, true);
	pt_json_add(schema, "additionalProperties", pt_json_flag(false));
	return schema;
}

/* The nodes' facts are those of one node, which stand first. */
static struct json_object *facts_of_cluster(void)
{
	struct json_object *schema = schema_of(&pt_cluster_record), *nodes, *facts;
	struct json_object *either_way = pt_json_array(), *reference = pt_json_object();

	nodes = json_object_object_get(json_object_object_get(schema, "properties"), "nodes");
	pt_json_add_text(reference, "$ref", "#/oneOf/0");
	pt_json_append(either_way, reference);
	reference = pt_json_object();
	pt_json_add_text(reference, "type", "null");
	pt_json_append(either_way, reference);
	facts = pt_json_object();
	pt_json_add(facts, "anyOf", either_way);
	pt_json_add(json_object_object_get(json_object_object_get(nodes, "items"), "properties"),
		"facts", facts);
	return schema;
}

/* NULL: there is no such schema. */
static struct json_object *schema_named(const char *name)
{
	if (pt_streq(name, "facts"))
		return either("Facts about a node, or about all nodes of a cluster: the output of "
			      "pve-ptconf facts, the input of --facts",
			schema_of(&pt_node_record), facts_of_cluster());
	output_only = true;
	if (pt_streq(name, "check")) {
		struct json_object *schema = either(
			"The output of pve-ptconf check --output-format json",
			schema_of(&pt_check_node_record), schema_of(&pt_check_cluster_record));

		pt_json_append(
			json_object_object_get(schema, "oneOf"), schema_of(&pt_failover_record));
		return schema;
	}
	if (pt_streq(name, "list"))
		return either("The output of pve-ptconf list --output-format json",
			list_schema_of_node(), list_schema_of_cluster());
	if (pt_streq(name, "claims"))
		return either("The output of pve-ptconf claims --output-format json",
			schema_of(&pt_claims_record), schema_of(&pt_claims_cluster_record));
	return NULL;
}

int main(int argc, char **argv)
{
	struct json_object PT_JSON *schema = argc == 2 ? schema_named(argv[1]) : NULL;

	if (!schema)
		return 2;
	pt_json_add_text(schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
	puts(pt_json_print(schema, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
					   JSON_C_TO_STRING_NOSLASHESCAPE));
	return 0;
}
