// SPDX-License-Identifier: AGPL-3.0-or-later
#include <ctype.h>
#include <errno.h>

#include "lib/base/json.h"
#include "pve/config/permissions.h"

#define ROOT	 "root@pam"
#define HWTYPE	 "VM.Config.HWType"
#define USER_MAX 128U /* bytes: 64 of Proxmox VE's user, its realm and a token */

/* A realm or a token: a letter, then letters, digits, '.', '-' and '_'. */
static bool is_id(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (!isalnum((unsigned char)text[i]) && !strchr(".-_", text[i]))
			return false;
	}
	return length > 1 && isalpha((unsigned char)*text);
}

bool pt_user_valid(const char *user)
{
	const char *at = strrchr(user, '@');
	size_t realm;

	if (!at || at == user || strlen(user) > USER_MAX ||
		strcspn(user, " \t\r\n\f\v:/") < strlen(user))
		return false;
	realm = strcspn(at + 1, "!");
	return is_id(at + 1, realm) &&
	       (!at[1 + realm] || is_id(at + 2 + realm, strlen(at + 2 + realm)));
}

bool pt_user_is_root(const char *user)
{
	return pt_streq(user, ROOT);
}

/* Letters and digits as they are, any other byte as %XX. */
static char *encode(const char *text)
{
	char *encoded = pt_strdup("");

	for (; *text; text++) {
		PT_FREE char *one = isalnum((unsigned char)*text)
					    ? pt_format("%c", *text)
					    : pt_format("%%%02X", (unsigned char)*text);

		encoded = pt_list_add(encoded, "", one);
	}
	return encoded;
}

char *pt_permissions_question(const char *user, const char *path)
{
	PT_FREE char *who = encode(user);
	PT_FREE char *where = encode(path);

	return pt_format("/access/permissions?userid=%s&path=%s", who, where);
}

int pt_permissions_parse(const struct pt_api_reply *reply, const char *path, const char *privilege,
	bool *ret, struct pt_err *err)
{
	struct json_object PT_JSON *json = NULL;
	struct json_object *data, *of_path;

	if (reply->err.code)
		return pt_err_set(err, reply->err.code, "%s", reply->err.text);
	json = pt_json_parse(reply->text, reply->length, err);
	if (!json)
		return -EPROTO;
	data = pt_json_member(json, "data");
	if (!json_object_is_type(data, json_type_object))
		return pt_err_set(err, -EPROTO, "the reply holds no object \"data\"");
	/* the value says whether it counts below the path as well */
	of_path = pt_json_member(data, path);
	*ret = json_object_is_type(of_path, json_type_object) &&
	       json_object_object_get_ex(of_path, privilege, NULL);
	return 0;
}

int pt_permissions_read(const struct pt_api *api, const char *user, unsigned int vmid,
	const char *pool, const struct pt_names *mapping, int budget_ms, struct pt_permissions *ret,
	struct pt_err *err)
{
	struct pt_names PT_NAMES path = {0}, question = {0};
	struct pt_api_reply *reply;
	PT_FREE char *of_guest = vmid ? pt_format("/vms/%u", vmid) : pt_strdup("/vms");
	PT_FREE char *of_pool = pool ? pt_format("/pool/%s", pool) : NULL;
	bool by_pool = false;
	int r;

	*ret = (struct pt_permissions){.user = user, .is_root = pt_user_is_root(user)};
	if (ret->is_root)
		return 0;
	pt_names_add(&path, of_guest);
	pt_foreach (name, mapping->name, mapping->count) {
		PT_FREE char *one = pt_format("/mapping/pci/%s", *name);

		pt_names_add(&path, one);
	}
	if (pool)
		pt_names_add(&path, of_pool);
	pt_foreach (one, path.name, path.count) {
		PT_FREE char *ask = pt_permissions_question(user, *one);

		pt_names_add(&question, ask);
	}
	reply = pt_calloc(question.count, sizeof(*reply));
	r = pt_api_get(api, (const char *const *)question.name, question.count, "permissions",
		budget_ms, reply, err);
	if (r == 0)
		r = pt_permissions_parse(&reply[0], of_guest, HWTYPE, &ret->hwtype, err);
	/* a guest that is not there yet has its pool's privileges */
	if (r == 0 && pool)
		r = pt_permissions_parse(&reply[path.count - 1], of_pool, HWTYPE, &by_pool, err);
	ret->hwtype |= by_pool;
	for (size_t i = 0; r == 0 && i < mapping->count; i++) {
		bool may = false;

		r = pt_permissions_parse(&reply[i + 1], path.name[i + 1], "Mapping.Use", &may, err);
		if (may)
			pt_names_add(&ret->mapping, mapping->name[i]);
	}
	pt_api_replies_clear(reply, question.count);
	free(reply);
	return r < 0 ? pt_err_wrap(err, "permissions of %s", user) : 0;
}

void pt_permissions_clear(struct pt_permissions *permissions)
{
	pt_names_free(&permissions->mapping);
	*permissions = (struct pt_permissions){0};
}
