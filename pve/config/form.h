// SPDX-License-Identifier: AGPL-3.0-or-later
/* Guests in what people and programs hand over: the text of a config file, a JSON object of its
 * keys, an answer of the API, and what Terraform's and Ansible's modules for Proxmox VE take. */
#ifndef PT_FORM_H
#define PT_FORM_H

#include "pve/config/guest.h"

struct pt_form_guests {
	struct pt_guest **guest; /* those of a plan have names */
	size_t count;
};

/* Reads one guest or more. query: of the guests that say nothing else; a VMID of its own stands in
 * it. -EINVAL, -EPROTO: it is something else, and err says what. End with pt_form_clear. */
int pt_form_read(const char *text, size_t length, const struct pt_guest_query *query,
	struct pt_form_guests *ret, struct pt_err *err);
void pt_form_clear(struct pt_form_guests *guests);
#define PT_FORM PT_CLEANUP(pt_form_clear)

#endif
