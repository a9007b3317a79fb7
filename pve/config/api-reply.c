// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/base/json.h"
#include "pve/config/api.h"

static bool is_scalar(struct json_object *value)
{
	return json_object_is_type(value, json_type_string) ||
	       json_object_is_type(value, json_type_int) ||
	       json_object_is_type(value, json_type_double) ||
	       json_object_is_type(value, json_type_boolean);
}

/* A value of another type than Proxmox VE gives is an error: a skipped one would be a fact that
 * nobody knows to be missing. */
static int judge_element(
	struct json_object *one, size_t at, const char *const *key, struct pt_err *err)
{
	struct json_object *value;

	if (!json_object_is_type(one, json_type_object))
		return pt_err_set(err, -EPROTO, "element %zu of the reply is no object", at);
	for (size_t i = 0; key[i]; i++) {
		if (!json_object_object_get_ex(one, key[i], &value)) {
			if (i == 0)
				return pt_err_set(err, -EPROTO,
					"element %zu of the reply has no \"%s\"", at, key[i]);
		} else if (!is_scalar(value)) {
			return pt_err_set(err, -EPROTO,
				"element %zu of the reply: \"%s\" is neither text nor number", at,
				key[i]);
		}
	}
	return 0;
}

struct json_object *pt_api_list(const struct pt_api_reply *reply, const char *const *key,
	struct json_object **ret_whole, struct pt_err *err)
{
	struct json_object *data;

	if (reply->err.code) {
		pt_err_set(err, reply->err.code, "%s", reply->err.text);
		return NULL;
	}
	*ret_whole = pt_json_parse(reply->text, reply->length, err);
	if (!*ret_whole)
		return NULL;
	data = pt_json_member(*ret_whole, "data");
	if (!json_object_is_type(data, json_type_array)) {
		pt_err_set(err, -EPROTO, "the reply holds no list \"data\"");
		return NULL;
	}
	for (size_t i = 0; i < json_object_array_length(data); i++) {
		if (judge_element(json_object_array_get_idx(data, i), i, key, err) < 0)
			return NULL;
	}
	return data;
}

const char *pt_api_member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(object, key, &value) || !value)
		return NULL;
	return json_object_is_type(value, json_type_boolean)
		       ? (json_object_get_boolean(value) ? "1" : "0")
		       : json_object_get_string(value);
}
