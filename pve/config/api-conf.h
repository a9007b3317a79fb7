// SPDX-License-Identifier: AGPL-3.0-or-later
/* Where Proxmox VE's API is, and the token for it: PT_API_CONF, a file of root's alone, lines
 * "token = ", "url = " (default http://127.0.0.1:85), "ca = ". Over plain http the token goes to
 * this machine only. */
#ifndef PT_API_CONF_H
#define PT_API_CONF_H

#include "lib/base/host.h"

struct pt_api {
	char *url;   /* "http://127.0.0.1:85" or "https://node:8006" */
	char *ca;    /* CA file for https; NULL: the system's */
	char *token; /* USER@REALM!TOKENID=UUID */
};

/* Reads the file. err names the exact problem, and nothing of the secret. */
int pt_api_open(const struct pt_host *host, struct pt_api **ret, struct pt_err *err);
/* The same with the settings of another file, which is the caller's own. */
int pt_api_open_file(
	const struct pt_host *host, const char *file, struct pt_api **ret, struct pt_err *err);
/* Overwrites the token. */
void pt_api_close_p(struct pt_api **api);
#define PT_API PT_CLEANUP(pt_api_close_p)

#endif
