// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "pve/config/guest.h"
#include "pve/config/ha.h"
#include "pve/config/paths.h"
#include "pve/config/section.h"

#define FILE_MAX (1024U * 1024)
#define SPACE	 " \t"

/* One section, "TYPE: ID" and the lines below it. */
struct section {
	const char *type, *id;
	/* of the keys that count, NULL where there is none */
	const char *group, *nodes, *resources;
	bool binding; /* "restricted 1", "strict 1" */
	bool disabled;
	bool ignored; /* "state ignored" */
	bool stopped; /* "state stopped" and "state disabled" */
};

/* Called for each section; the parser owns its texts. */
typedef void take_section(void *data, const struct section *section);

/* Source: pve-ha-manager, PVE/HA/Resources.pm: "enabled" is an old word for "started". */
static void take_state(struct section *section, const char *value)
{
	section->ignored = pt_streq(value, "ignored");
	section->stopped = pt_streq(value, "stopped") || pt_streq(value, "disabled");
}

static void take_key(struct section *section, const char *key, const char *value)
{
	if (!*value)
		return;
	if (pt_streq(key, "group"))
		section->group = value;
	else if (pt_streq(key, "nodes"))
		section->nodes = value;
	else if (pt_streq(key, "resources"))
		section->resources = value;
	else if (pt_streq(key, "restricted") || pt_streq(key, "strict"))
		section->binding = pt_streq(value, "1");
	else if (pt_streq(key, "state"))
		take_state(section, value);
	else if (pt_streq(key, "disable"))
		section->disabled = pt_streq(value, "1");
}

/* Sections on their way: one is whole when the next begins. */
struct collecting {
	take_section *take;
	void *data;
	struct section section;
};

static void collect(
	void *data, const char *type, const char *id, const char *key, const char *value)
{
	struct collecting *collecting = data;
	struct section whole = collecting->section;

	if (key) {
		take_key(&collecting->section, key, value);
		return;
	}
	collecting->section = (struct section){.type = type, .id = id};
	if (whole.type)
		collecting->take(collecting->data, &whole);
}

static void for_each_section(const char *text, take_section *take, void *data)
{
	struct collecting collecting = {.take = take, .data = data};

	pt_sections_read(text, collect, &collecting);
}

/* "node1:2,node2": adds the names without their priorities. */
static void add_nodes(const char *list, struct pt_names *names)
{
	for (const char *at = list; at && *at;) {
		size_t length = strcspn(at, ",;" SPACE);
		PT_FREE char *name = pt_strndup(at, strcspn(at, ":,;" SPACE));

		at += length + strspn(at + length, ",;" SPACE);
		if (pt_node_name_valid(name))
			pt_names_add(names, name);
	}
}

struct parsing {
	struct pt_ha *ha;
	const char *groups;
	const char *group;   /* the one that is looked for, */
	struct pt_names *to; /* and where its nodes go */
};

static void take_group(void *data, const struct section *section)
{
	const struct parsing *parsing = data;

	if (pt_streq(section->type, "group") && pt_streq(section->id, parsing->group) &&
		section->binding)
		add_nodes(section->nodes, parsing->to);
}

static void take_resource(void *data, const struct section *section)
{
	const struct parsing *parsing = data;
	struct parsing inner = *parsing;
	struct pt_ha_guest *slot;
	unsigned int vmid;

	if (!pt_streq(section->type, "vm") || section->ignored ||
		!pt_vmid_parse(section->id, &vmid))
		return;
	slot = pt_array_grow(&parsing->ha->guest, &parsing->ha->count, sizeof(*slot));
	slot->vmid = vmid;
	slot->stopped = section->stopped;
	inner.group = section->group;
	inner.to = &slot->node;
	if (section->group)
		for_each_section(parsing->groups, take_group, &inner);
}

/* "vm:100,ct:101" */
static bool names_guest(const char *resources, unsigned int vmid)
{
	char wanted[24];
	size_t length;

	snprintf(wanted, sizeof(wanted), "vm:%u", vmid);
	for (const char *at = resources; at && *at;
		at += length + strspn(at + length, ",;" SPACE)) {
		length = strcspn(at, ",;" SPACE);
		if (length == strlen(wanted) && strncmp(at, wanted, length) == 0)
			return true;
	}
	return false;
}

static void take_rule(void *data, const struct section *section)
{
	const struct parsing *parsing = data;

	if (!pt_streq(section->type, "node-affinity") || !section->binding || section->disabled)
		return;
	pt_foreach (guest, parsing->ha->guest, parsing->ha->count) {
		if (names_guest(section->resources, guest->vmid))
			add_nodes(section->nodes, &guest->node);
	}
}

void pt_ha_parse(const char *resources, const char *groups, const char *rules, struct pt_ha *ret)
{
	struct parsing parsing = {.ha = ret, .groups = groups};

	*ret = (struct pt_ha){0};
	for_each_section(resources, take_resource, &parsing);
	for_each_section(rules, take_rule, &parsing);
}

int pt_ha_read(const struct pt_host *host, struct pt_ha *ret, struct pt_err *err)
{
	static const char *const path[] = {
		PT_PVE_HA "/resources.cfg", PT_PVE_HA "/groups.cfg", PT_PVE_HA "/rules.cfg"};
	char *text[PT_ARRAY_SIZE(path)] = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < PT_ARRAY_SIZE(path); i++) {
		r = pt_host_read(host, path[i], FILE_MAX, &text[i], NULL);
		if (r == -ENOENT)
			r = 0;
		if (r < 0)
			pt_err_errno(err, r, "%s", path[i]);
	}
	if (r == 0)
		pt_ha_parse(text[0], text[1], text[2], ret);
	for (size_t i = 0; i < PT_ARRAY_SIZE(path); i++)
		free(text[i]);
	return r;
}

void pt_ha_clear(struct pt_ha *ha)
{
	pt_foreach (guest, ha->guest, ha->count)
		pt_names_free(&guest->node);
	free(ha->guest);
	*ha = (struct pt_ha){0};
}

bool pt_ha_allows(const struct pt_ha_guest *guest, const char *node)
{
	return guest && (!guest->node.count || pt_names_hold(&guest->node, node));
}

const struct pt_ha_guest *pt_ha_find(const struct pt_ha *ha, unsigned int vmid)
{
	pt_foreach (guest, ha->guest, ha->count) {
		if (guest->vmid == vmid)
			return guest;
	}
	return NULL;
}
