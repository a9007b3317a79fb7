// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/base/json.h"
#include "pve/config/api.h"

struct json_object *pt_api_list(
	const struct pt_api_reply *reply, struct json_object **ret_whole, struct pt_err *err)
{
	struct json_object *data = NULL;

	if (reply->err.code) {
		*err = reply->err;
		return NULL;
	}
	*ret_whole = pt_json_parse(reply->text, reply->length, err);
	if (!*ret_whole)
		return NULL;
	if (!json_object_is_type(*ret_whole, json_type_object) ||
		!json_object_object_get_ex(*ret_whole, "data", &data) ||
		!json_object_is_type(data, json_type_array)) {
		pt_err_set(err, -EPROTO, "the reply holds no list \"data\"");
		return NULL;
	}
	return data;
}

const char *pt_api_member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(object, json_type_object) ||
		!json_object_object_get_ex(object, key, &value) || !value)
		return NULL;
	return json_object_is_type(value, json_type_boolean)
		       ? (json_object_get_boolean(value) ? "1" : "0")
		       : json_object_get_string(value);
}
