// SPDX-License-Identifier: AGPL-3.0-or-later
/* Turns the cluster's settings from the API into their files, for the files' parsers. */
#include "lib/base/json.h"
#include "pve/node/node-api.h"

void pt_api_files_clear(struct pt_api_files *files)
{
	free(files->mappings);
	free(files->ha);
	free(files->groups);
	free(files->rules);
}

/* A value must not begin a line of its own. */
static void put_line(FILE *out, const char *key, const char *value)
{
	PT_FREE char *copy = value ? pt_strdup(value) : NULL;

	pt_make_plain(copy);
	if (copy)
		fprintf(out, "\t%s %s\n", key, copy);
}

static void put_section(FILE *out, const char *type, const char *id)
{
	PT_FREE char *copy = id ? pt_strdup(id) : NULL;

	pt_make_plain(copy);
	fprintf(out, "%s%s%s\n", type ? type : "", type ? ": " : "", copy ? copy : "");
}

static void put_mapping(FILE *out, struct json_object *one)
{
	struct json_object *map = NULL;

	put_section(out, NULL, pt_api_member(one, "id"));
	if (json_object_object_get_ex(one, "map", &map) &&
		json_object_is_type(map, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(map); i++)
			put_line(out, "map",
				json_object_get_string(json_object_array_get_idx(map, i)));
	}
	put_line(out, "mdev", pt_api_member(one, "mdev"));
	put_line(out, "live-migration-capable", pt_api_member(one, "live-migration-capable"));
	fputc('\n', out);
}

static void put_resource(FILE *out, struct json_object *one)
{
	const char *sid = pt_api_member(one, "sid"), *colon = sid ? strchr(sid, ':') : NULL;

	if (!colon || strncmp(sid, "vm:", 3) != 0)
		return;
	put_section(out, "vm", colon + 1);
	put_line(out, "group", pt_api_member(one, "group"));
	put_line(out, "state", pt_api_member(one, "state"));
}

static void put_group(FILE *out, struct json_object *one)
{
	put_section(out, "group", pt_api_member(one, "group"));
	put_line(out, "nodes", pt_api_member(one, "nodes"));
	put_line(out, "restricted", pt_api_member(one, "restricted"));
}

static void put_rule(FILE *out, struct json_object *one)
{
	if (!pt_streq(pt_api_member(one, "type"), "node-affinity"))
		return;
	put_section(out, "node-affinity", pt_api_member(one, "rule"));
	put_line(out, "resources", pt_api_member(one, "resources"));
	put_line(out, "nodes", pt_api_member(one, "nodes"));
	put_line(out, "strict", pt_api_member(one, "strict"));
	put_line(out, "disable", pt_api_member(one, "disable"));
}

/* A reply as a file. NULL: err has the reason. The caller frees it. */
static char *file_of(const struct pt_api_reply *reply,
	void (*put)(FILE *out, struct json_object *one), struct pt_err *err)
{
	struct json_object PT_JSON *whole = NULL;
	struct json_object *list = pt_api_list(reply, &whole, err);
	char *text = NULL;
	size_t size;
	FILE *out;

	if (!list)
		return NULL;
	out = open_memstream(&text, &size);
	for (size_t i = 0; out && i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		if (json_object_is_type(one, json_type_object))
			put(out, one);
	}
	if (!out || fclose(out) != 0)
		pt_out_of_memory();
	return text;
}

int pt_api_files_read(const struct pt_api_reply *mappings, const struct pt_api_reply *ha,
	const struct pt_api_reply *groups, const struct pt_api_reply *rules,
	struct pt_api_files *ret, struct pt_err *err)
{
	struct pt_err none;

	ret->mappings = file_of(mappings, put_mapping, err);
	if (!ret->mappings)
		return pt_err_wrap(err, "mappings");
	/* a node without HA has none; groups are gone with Proxmox VE 9, which has rules */
	ret->ha = file_of(ha, put_resource, &none);
	ret->groups = file_of(groups, put_group, &none);
	ret->rules = file_of(rules, put_rule, &none);
	return 0;
}
