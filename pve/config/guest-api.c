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
	data = pt_json_member(json, "data");
	if (!json_object_is_type(data, json_type_object))
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

void pt_guest_ask_api(const struct pt_host *host, const struct pt_guest_query *query, int budget_ms,
	struct pt_guest_asking *ret)
{
	PT_FREE char *path = NULL;
	struct pt_err *err = &ret->err;
	int r;

	*ret = (struct pt_guest_asking){.query = *query};
	if (!pt_node_name_valid(query->node))
		r = pt_err_set(err, -EINVAL, "'%s' cannot be a node's name", query->node);
	else if (query->view == PT_VIEW_SNAPSHOT && !pt_snapshot_name_valid(query->snapshot))
		r = pt_err_set(err, -EINVAL, "'%s' cannot be a snapshot's name", query->snapshot);
	else
		r = pt_api_open(host, &ret->api, err);
	if (r < 0)
		return;
	path = path_of(query);
	if (pt_api_ask(ret->api, (const char *const[]){path}, 1, budget_ms, &ret->asking, err) < 0)
		pt_err_wrap(err, "API %s", ret->api->url);
}

static int hear(struct pt_guest_asking *asking, struct pt_guest **ret, struct pt_err *err)
{
	struct pt_api_reply reply = {0};
	char what[32];
	int r;

	snprintf(what, sizeof(what), "guest %u", asking->query.vmid);
	r = pt_api_hear(&asking->asking, what, &reply, err);
	if (r == 0 && reply.err.code) {
		r = reply.err.code;
		if (err)
			*err = reply.err;
	}
	if (r == 0)
		r = pt_guest_parse_reply(reply.text, reply.length, &asking->query, ret, err);
	pt_api_replies_clear(&reply, 1);
	return r < 0 ? pt_err_wrap(err, "API %s", asking->api->url) : 0;
}

int pt_guest_hear_api(struct pt_guest_asking *asking, struct pt_guest **ret, struct pt_err *err)
{
	int r = asking->err.code;

	if (r == 0)
		r = hear(asking, ret, err);
	else if (err)
		*err = asking->err;
	pt_api_close_p(&asking->api);
	return r;
}

void pt_guest_unask(struct pt_guest_asking *asking)
{
	if (asking->api && !asking->err.code)
		pt_child_wait(&asking->asking.child, pt_now_ms());
	pt_api_close_p(&asking->api);
}

int pt_guest_from_api(const struct pt_host *host, const struct pt_guest_query *query, int budget_ms,
	struct pt_guest **ret, struct pt_err *err)
{
	struct pt_guest_asking asking;

	pt_guest_ask_api(host, query, budget_ms, &asking);
	return pt_guest_hear_api(&asking, ret, err);
}
