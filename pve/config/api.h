// SPDX-License-Identifier: AGPL-3.0-or-later
/* Questions to Proxmox VE's API. The token follows no redirect. Source: pve-http-server,
 * AnyEvent.pm; the API viewer. */
#ifndef PT_API_H
#define PT_API_H

#include "pve/config/api-conf.h"

struct pt_api_reply {
	struct pt_err err; /* code 0: text is the body of an answer with status 200 */
	char *text;	   /* with a NUL behind its length */
	size_t length;
};
void pt_api_replies_clear(struct pt_api_reply *reply, size_t count);

/* Questions on their way, in a child. */
struct pt_api_asking {
	struct pt_child child;
	size_t count;
	int budget_ms;
	long long deadline_ms;
};

/* Asks for all paths ("/nodes") side by side, within budget_ms together, at most 1 MiB each.
 * End it with pt_api_hear. */
int pt_api_ask(const struct pt_api *api, const char *const *path, size_t count, int budget_ms,
	struct pt_api_asking *ret, struct pt_err *err);

/* Waits for the answers. ret has room for as many replies, all zero; what names the subject in
 * messages: "guest 100". An error: there is no answer at all; else each reply has its own. */
int pt_api_hear(struct pt_api_asking *asking, const char *what, struct pt_api_reply *ret,
	struct pt_err *err);

/* Both. */
int pt_api_get(const struct pt_api *api, const char *const *path, size_t count, const char *what,
	int budget_ms, struct pt_api_reply *ret, struct pt_err *err);

struct json_object;

/* The list "data" of a reply, borrowed from ret_whole (put that back): objects whose members of
 * these keys, up to NULL, are texts, numbers or booleans. Each has the first one. NULL: err is
 * filled. */
struct json_object *pt_api_list(const struct pt_api_reply *reply, const char *const *key,
	struct json_object **ret_whole, struct pt_err *err);

/* A checked member as text, true as "1"; NULL when it is missing. Borrowed. */
const char *pt_api_member(struct json_object *object, const char *key);

#endif
