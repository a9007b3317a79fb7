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

static int put_mapping(FILE *out, struct json_object *one, struct pt_err *err)
{
	const char *id = pt_api_member(one, "id");
	struct json_object *map = NULL;

	put_section(out, NULL, id);
	if (!json_object_object_get_ex(one, "map", &map) ||
		!json_object_is_type(map, json_type_array))
		return pt_err_set(err, -EPROTO, "mapping %s has no list \"map\"", id);
	for (size_t i = 0; i < json_object_array_length(map); i++) {
		struct json_object *line = json_object_array_get_idx(map, i);

		if (!json_object_is_type(line, json_type_string))
			return pt_err_set(err, -EPROTO, "mapping %s: map[%zu] is no text", id, i);
		put_line(out, "map", json_object_get_string(line));
	}
	put_line(out, "mdev", pt_api_member(one, "mdev"));
	put_line(out, "live-migration-capable", pt_api_member(one, "live-migration-capable"));
	fputc('\n', out);
	return 0;
}

static int put_resource(FILE *out, struct json_object *one, struct pt_err *err)
{
	const char *sid = pt_api_member(one, "sid"), *colon = strchr(sid, ':');

	(void)err;
	if (!colon || strncmp(sid, "vm:", 3) != 0)
		return 0;
	put_section(out, "vm", colon + 1);
	put_line(out, "group", pt_api_member(one, "group"));
	put_line(out, "state", pt_api_member(one, "state"));
	return 0;
}

static int put_group(FILE *out, struct json_object *one, struct pt_err *err)
{
	(void)err;
	put_section(out, "group", pt_api_member(one, "group"));
	put_line(out, "nodes", pt_api_member(one, "nodes"));
	put_line(out, "restricted", pt_api_member(one, "restricted"));
	return 0;
}

static int put_rule(FILE *out, struct json_object *one, struct pt_err *err)
{
	(void)err;
	if (!pt_streq(pt_api_member(one, "type"), "node-affinity"))
		return 0;
	put_section(out, "node-affinity", pt_api_member(one, "rule"));
	put_line(out, "resources", pt_api_member(one, "resources"));
	put_line(out, "nodes", pt_api_member(one, "nodes"));
	put_line(out, "strict", pt_api_member(one, "strict"));
	put_line(out, "disable", pt_api_member(one, "disable"));
	return 0;
}

/* Makes a file of a list in the API. */
struct filer {
	const char *key[8]; /* as pt_api_list */
	int (*put)(FILE *out, struct json_object *one, struct pt_err *err);
};

static const struct filer mapping_filer = {{"id", "mdev", "live-migration-capable"}, put_mapping};
static const struct filer resource_filer = {{"sid", "group", "state"}, put_resource};
static const struct filer group_filer = {{"group", "nodes", "restricted"}, put_group};
static const struct filer rule_filer = {
	{"rule", "type", "resources", "nodes", "strict", "disable"}, put_rule};

/* A reply as a file, which the caller frees; on failure too, if ret is set. */
static int file_of(
	const struct pt_api_reply *reply, const struct filer *filer, char **ret, struct pt_err *err)
{
	struct json_object PT_JSON *whole = NULL;
	struct json_object *list = pt_api_list(reply, filer->key, &whole, err);
	size_t size;
	FILE *out;
	int r = 0;

	if (!list)
		return -EPROTO;
	out = open_memstream(ret, &size);
	for (size_t i = 0; out && r == 0 && i < json_object_array_length(list); i++)
		r = filer->put(out, json_object_array_get_idx(list, i), err);
	if (!out || fclose(out) != 0)
		pt_out_of_memory();
	return r;
}

/* A node without HA answers with an error; groups are gone with Proxmox VE 9, which has rules. */
static int file_if_any(
	const struct pt_api_reply *reply, const struct filer *filer, char **ret, struct pt_err *err)
{
	return reply->err.code ? 0 : file_of(reply, filer, ret, err);
}

int pt_api_files_read(const struct pt_api_reply *mappings, const struct pt_api_reply *ha,
	const struct pt_api_reply *groups, const struct pt_api_reply *rules,
	struct pt_api_files *ret, struct pt_err *err)
{
	if (file_of(mappings, &mapping_filer, &ret->mappings, err) < 0)
		return pt_err_wrap(err, "mappings");
	if (file_if_any(ha, &resource_filer, &ret->ha, err) < 0 ||
		file_if_any(groups, &group_filer, &ret->groups, err) < 0 ||
		file_if_any(rules, &rule_filer, &ret->rules, err) < 0)
		return pt_err_wrap(err, "HA");
	return 0;
}
