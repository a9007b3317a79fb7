// SPDX-License-Identifier: AGPL-3.0-or-later
#include <arpa/inet.h>
#include <errno.h>

#include "lib/base/json.h"
#include "pve/config/guest.h"
#include "pve/config/members.h"
#include "pve/config/paths.h"

#define FILE_MAX (1024U * 1024)

static struct json_object *member_of(struct json_object *json, const char *key, enum json_type type)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(json, json_type_object) ||
		!json_object_object_get_ex(json, key, &value) || !json_object_is_type(value, type))
		return NULL;
	return value;
}

static bool is_address(const char *text)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static void take_member(struct pt_members *members, const char *name, struct json_object *json)
{
	struct json_object *online = member_of(json, "online", json_type_int);
	const char *address = json_object_get_string(member_of(json, "ip", json_type_string));
	struct pt_member *slot;

	if (!pt_node_name_valid(name))
		return;
	slot = pt_array_grow(&members->member, &members->count, sizeof(*slot));
	slot->name = pt_strdup(name);
	slot->online = json_object_get_int64(online) == 1;
	if (address && is_address(address))
		snprintf(slot->address, sizeof(slot->address), "%s", address);
}

int pt_members_parse(const char *text, size_t length, struct pt_members *ret, struct pt_err *err)
{
	struct json_object PT_JSON *json = pt_json_parse(text, length, err);
	struct json_object *list;

	if (!json)
		return -EINVAL;
	if (!json_object_is_type(json, json_type_object))
		return pt_err_set(err, -EINVAL, "is no JSON object");
	list = member_of(json, "nodelist", json_type_object);
	if (!list)
		return 0;
	json_object_object_foreach(list, name, member)
	{
		take_member(ret, name, member);
	}
	return 0;
}

int pt_members_read(const struct pt_host *host, struct pt_members *ret, struct pt_err *err)
{
	PT_FREE char *text = NULL;
	size_t length = 0;
	int r = pt_host_read(host, PT_PVE_MEMBERS, FILE_MAX, &text, &length);

	if (r < 0)
		return pt_err_errno(err, r, PT_PVE_MEMBERS);
	r = pt_members_parse(text, length, ret, err);
	return r < 0 ? pt_err_wrap(err, PT_PVE_MEMBERS) : 0;
}

void pt_members_clear(struct pt_members *members)
{
	pt_foreach (member, members->member, members->count)
		free(member->name);
	free(members->member);
	*members = (struct pt_members){0};
}

const struct pt_member *pt_member_find(const struct pt_members *members, const char *name)
{
	pt_foreach (member, members->member, members->count) {
		if (pt_streq(member->name, name))
			return member;
	}
	return NULL;
}
