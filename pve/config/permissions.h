// SPDX-License-Identifier: AGPL-3.0-or-later
/* What a user of Proxmox VE may write into a guest's config. Source: pve-access-control,
 * API2/AccessControl.pm, /access/permissions; qemu-server, API2/Qemu.pm, the checks of an update.
 */
#ifndef PT_PERMISSIONS_H
#define PT_PERMISSIONS_H

#include "pve/config/api.h"

struct pt_permissions {
	const char *user;	 /* borrowed: "terraform@pve!ci" */
	bool is_root;		 /* root@pam itself, with a password: no token of it */
	bool hwtype;		 /* VM.Config.HWType on the guest */
	struct pt_names mapping; /* those with Mapping.Use */
};

/* Whether the text is a user or a token, USER@REALM[!TOKEN]. */
bool pt_user_valid(const char *user);

/* Whether it is root@pam itself, and no token of it. */
bool pt_user_is_root(const char *user);

/* Asks for the user's permissions on the guest (0: on any), on the pool that it is to be in (NULL:
 * none) and on the mappings. Nobody is asked about root@pam. ret borrows user. */
int pt_permissions_read(const struct pt_api *api, const char *user, unsigned int vmid,
	const char *pool, const struct pt_names *mapping, int budget_ms, struct pt_permissions *ret,
	struct pt_err *err);
void pt_permissions_clear(struct pt_permissions *permissions);
#define PT_PERMISSIONS PT_CLEANUP(pt_permissions_clear)

/* The path of the question about one path. The caller frees it. */
char *pt_permissions_question(const char *user, const char *path);
/* Whether an answer has the privilege on the path. -EPROTO: it is none. */
int pt_permissions_parse(const struct pt_api_reply *reply, const char *path, const char *privilege,
	bool *ret, struct pt_err *err);

#endif
