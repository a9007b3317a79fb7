// SPDX-License-Identifier: AGPL-3.0-or-later
/* Guest configs from Proxmox VE's API. */
#include <errno.h>

#include "lib/base/json.h"
#include "pve/config/api.h"
#include "pve/config/guest.h"

int pt_guest_parse_reply(const char *text, size_t length, const struct pt_guest_query *query,
	struct pt_guest **ret, struct pt_err *err)
{
	struct json_object PT_JSON *json = pt_json_parse(text, length, err);
	struct pt_guest PT_GUEST *guest = NULL;
	struct json_object *data;
	int r;

	if (!json)
		return pt_err_wrap(err, "its reply");
	if (!json_object_is_type(json, json_type_object) ||
		!json_object_object_get_ex(json, "data", &data) ||
		!json_object_is_type(data, json_type_object))
		return pt_err_set(err, -EPROTO, "its reply holds no object \"data\"");
	if (!json_object_object_get_ex(data, "digest", NULL))
		return pt_err_set(err, -EPROTO, "its reply is no guest's config: no \"digest\"");
	json_object_object_foreach(data, key, value)
	{
		if (!value)
			return pt_err_set(err, -EPROTO, "its reply has null for \"%s\"", key);
	}
	guest = pt_guest_new(query, PT_TEXT_CHARS);
	r = pt_guest_set_all(guest, data, err);
	if (r == 0)
		*ret = PT_STEAL(guest);
	return r;
}

static char *path_of(const struct pt_guest_query *query)
{
	const char *how = query->view == PT_VIEW_CURRENT    ? "?current=1"
			  : query->view == PT_VIEW_SNAPSHOT ? "?snapshot="
							    : "";

	return pt_format("/nodes/%s/qemu/%u/config%s%s", query->node, query->vmid, how,
		query->view == PT_VIEW_SNAPSHOT ? query->snapshot : "");
}

static int ask(const struct pt_api *api, const struct pt_guest_query *query, int budget_ms,
	struct pt_guest **ret, struct pt_err *err)
{
	PT_FREE char *path = path_of(query);
	struct pt_api_reply reply = {0};
	char what[32];
	int r;

	snprintf(what, sizeof(what), "guest %u", query->vmid);
	r = pt_api_get(api, (const char *const[]){path}, 1, what, budget_ms, &reply, err);
	if (r == 0 && reply.err.code) {
		r = reply.err.code;
		if (err)
			*err = reply.err;
	}
	if (r == 0)
		r = pt_guest_parse_reply(reply.text, reply.length, query, ret, err);
	pt_api_replies_clear(&reply, 1);
	return r;
}

int pt_guest_from_api(const struct pt_host *host, const struct pt_guest_query *query, int budget_ms,
	struct pt_guest **ret, struct pt_err *err)
{
	struct pt_api PT_API *api = NULL;
	int r;

	if (!pt_node_name_valid(query->node))
		return pt_err_set(err, -EINVAL, "'%s' cannot be a node's name", query->node);
	if (query->view == PT_VIEW_SNAPSHOT && !pt_snapshot_name_valid(query->snapshot))
		return pt_err_set(
			err, -EINVAL, "'%s' cannot be a snapshot's name", query->snapshot);
	r = pt_api_open(host, &api, err);
	if (r < 0)
		return r;
	r = ask(api, query, budget_ms, ret, err);
	return r < 0 ? pt_err_wrap(err, "API %s", pt_api_url(api)) : 0;
}
