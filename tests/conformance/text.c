// SPDX-License-Identifier: AGPL-3.0-or-later
/* The suites property and mappingcfg: parsing alone. */
#include <openssl/evp.h>

#include "pve/config/guest.h"
#include "pve/config/hostpci.h"
#include "pve/config/mapping.h"
#include "tests/conformance/verdicts.h"

struct value {
	char *text;
	size_t length;
	enum pt_text encoding;
};

static bool has_null(struct json_object *input, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(input, key, &value) && !value;
}

static bool get_value(struct json_object *input, struct value *ret)
{
	struct json_object *plain = member(input, "value");
	const char *encoded = member_text(input, "value_b64");
	int length;

	ret->encoding =
		pt_streq(member_text(input, "encoding"), "chars") ? PT_TEXT_CHARS : PT_TEXT_BYTES;
	if (plain) {
		ret->length = (size_t)json_object_get_string_len(plain);
		ret->text = malloc(ret->length + 1);
		if (ret->text)
			memcpy(ret->text, json_object_get_string(plain), ret->length + 1);
		return ret->text;
	}
	if (!encoded)
		return false;
	ret->text = malloc(strlen(encoded) + 1);
	if (!ret->text)
		return false;
	length = EVP_DecodeBlock(
		(unsigned char *)ret->text, (const unsigned char *)encoded, (int)strlen(encoded));
	if (length < 0)
		return false;
	for (const char *end = encoded + strlen(encoded); end > encoded && end[-1] == '='; end--)
		length--;
	ret->length = (size_t)length;
	ret->text[length] = '\0';
	return true;
}

static bool is_flag(const char *key)
{
	return pt_streq(key, "pcie") || pt_streq(key, "rombar") || pt_streq(key, "x-vga") ||
	       pt_streq(key, "legacy-igd");
}

/* A NUL is byte 1 in our texts. */
static struct json_object *value_to_json(const char *value)
{
	PT_FREE char *text = pt_strdup(value);
	int length = (int)strlen(value);

	for (int i = 0; i < length; i++)
		text[i] = text[i] == '\1' ? '\0' : text[i];
	return json_object_new_string_len(text, length);
}

static struct json_object *props_to_json(const struct pt_props *props)
{
	struct json_object *json = json_object_new_object();

	pt_foreach (prop, props->prop, props->count)
		json_object_object_add(json, prop->key,
			is_flag(prop->key) ? json_object_new_int(atoi(prop->value))
					   : value_to_json(prop->value));
	return json;
}

/* The part of the line "hostpci0: <value>" in a config file that counts. */
static bool kept_agrees(const struct value *value, struct json_object *line)
{
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = PT_VIEW_CURRENT};
	const char *expected = member_text(line, "kept");
	struct pt_guest PT_GUEST *guest = NULL;
	size_t length = strlen("hostpci0: ") + value->length + 1;
	PT_FREE char *text = malloc(length + 1);

	if (!line)
		return true; /* PVE was not asked */
	if (!text)
		return false;
	memcpy(text, "hostpci0: ", strlen("hostpci0: "));
	memcpy(text + strlen("hostpci0: "), value->text, value->length);
	text[length - 1] = '\n';
	if (pt_guest_parse(text, length, &query, &guest, NULL) < 0)
		return false;
	return pt_streq(pt_guest_get(guest, "hostpci0"), expected);
}

bool property_agrees(
	const struct suite_context *context, struct json_object *input, struct json_object *output)
{
	struct pt_props PT_PROPS props = {0};
	struct value value = {0};
	struct json_object *result;
	bool agrees;

	(void)context;
	/* null: the key is not set, which is no value that could be wrong */
	if (has_null(input, "value")) {
		result = member(output, "result");
		return json_object_get_boolean(member(output, "ok")) &&
		       (!result || json_object_object_length(result) == 0);
	}
	if (!get_value(input, &value))
		return false;
	pt_props_parse(&pt_hostpci_schema, value.text, value.length, value.encoding, &props);
	agrees = json_object_get_boolean(member(output, "ok")) == (props.verdict == PT_PROP_OK);
	if (agrees && props.verdict == PT_PROP_OK) {
		result = props_to_json(&props);
		agrees = json_object_equal(result, member(output, "result"));
		json_object_put(result);
	}
	agrees = agrees && kept_agrees(&value, member(output, "config_line"));
	free(value.text);
	return agrees;
}

static void digest(const char *text, char ret[static 41])
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned int length = 0;

	EVP_Digest(text, strlen(text), raw, &length, EVP_sha1(), NULL);
	for (unsigned int i = 0; i < length && i < 20; i++)
		snprintf(ret + (size_t)i * 2, 3, "%02x", raw[i]);
}

static struct json_object *mapping_to_json(const struct pt_mapping *mapping)
{
	struct json_object *json, *map;

	if (!mapping->defined)
		return NULL;
	json = json_object_new_object();
	map = json_object_new_array();
	pt_foreach (entry, mapping->entry, mapping->count)
		json_object_array_add(map, json_object_new_string(entry->raw));
	json_object_object_add(json, "map", map);
	json_object_object_add(json, "type", json_object_new_string("pci"));
	if (mapping->description)
		json_object_object_add(
			json, "description", json_object_new_string(mapping->description));
	if (mapping->has_mdev)
		json_object_object_add(json, "mdev", json_object_new_int(mapping->mdev));
	if (mapping->has_live)
		json_object_object_add(
			json, "live-migration-capable", json_object_new_int(mapping->live));
	return json;
}

static void add_optional(struct json_object *json, const char *key, const char *value)
{
	if (value)
		json_object_object_add(json, key, json_object_new_string(value));
}

static struct json_object *entry_to_json(const struct pt_map_entry *entry)
{
	struct json_object *json = json_object_new_object();

	add_optional(json, "node", entry->node);
	add_optional(json, "path", entry->path);
	add_optional(json, "id", entry->id);
	add_optional(json, "subsystem-id", entry->subsystem);
	add_optional(json, "iommugroup", entry->iommugroup);
	add_optional(json, "description", entry->description);
	return json;
}

/* {mapping id: {"ok": true, "entries": [those of the node]}} */
static struct json_object *node_to_json(const struct pt_mappings *mappings, const char *node)
{
	struct json_object *json = json_object_new_object();

	pt_foreach (mapping, mappings->mapping, mappings->count) {
		struct json_object *one = json_object_new_object();
		struct json_object *entries = mapping->defined ? json_object_new_array() : NULL;

		pt_foreach (entry, mapping->entry, mapping->count) {
			if (pt_streq(entry->node, node))
				json_object_array_add(entries, entry_to_json(entry));
		}
		json_object_object_add(one, "ok", json_object_new_boolean(true));
		json_object_object_add(one, "entries", entries);
		json_object_object_add(json, mapping->id, one);
	}
	return json;
}

static struct json_object *errors_to_json(const struct pt_mappings *mappings)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (dropped, mappings->dropped, mappings->dropped_count) {
		struct json_object *one = json_object_new_object();
		PT_FREE char *context =
			pt_format("file /etc/pve/mapping/pci.cfg line %u", dropped->line);

		json_object_object_add(one, "context", json_object_new_string(context));
		json_object_object_add(one, "key", json_object_new_string(dropped->key));
		json_object_object_add(one, "section", json_object_new_string(dropped->section));
		json_object_array_add(json, one);
	}
	return json;
}

static struct json_object *config_to_json(const struct pt_mappings *mappings, const char *text)
{
	struct json_object *json = json_object_new_object();
	struct json_object *ids = json_object_new_object();
	struct json_object *order = json_object_new_object();
	char hash[41] = "";

	pt_foreach (mapping, mappings->mapping, mappings->count) {
		json_object_object_add(ids, mapping->id, mapping_to_json(mapping));
		json_object_object_add(
			order, mapping->id, json_object_new_int((int)mapping->order));
	}
	digest(text, hash);
	json_object_object_add(json, "digest", json_object_new_string(hash));
	json_object_object_add(json, "ids", ids);
	json_object_object_add(json, "order", order);
	if (mappings->dropped_count)
		json_object_object_add(json, "errors", errors_to_json(mappings));
	return json;
}

/* PVE's result with the wording of its messages taken out: where and at which key must agree. */
static struct json_object *without_wording(struct json_object *result)
{
	struct json_object *copy = NULL;
	struct json_object *errors;

	json_object_deep_copy(result, &copy, NULL);
	errors = member(copy, "errors");
	for (size_t i = 0; errors && i < json_object_array_length(errors); i++)
		json_object_object_del(json_object_array_get_idx(errors, i), "err");
	return copy;
}

bool mappingcfg_agrees(
	const struct suite_context *context, struct json_object *input, struct json_object *output)
{
	const char *text = member_text(input, "pci_cfg");
	struct pt_mappings PT_MAPPINGS mappings = {0};
	struct json_object *result, *expected_result;
	bool agrees;

	(void)context;
	if (!text)
		return false;
	pt_mappings_parse(text, &mappings);
	result = config_to_json(&mappings, text);
	expected_result = without_wording(member(output, "result"));
	agrees = json_object_equal(result, expected_result);
	json_object_put(expected_result);
	json_object_put(result);
	json_object_object_foreach(member(output, "node_mappings"), node, expected)
	{
		result = node_to_json(&mappings, node);
		agrees = agrees && json_object_equal(result, expected);
		json_object_put(result);
	}
	return agrees;
}
