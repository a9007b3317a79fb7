// SPDX-License-Identifier: AGPL-3.0-or-later
/* Guests in what people and programs hand over: the text of a config file, a JSON object of its
 * keys, an answer of the API, and what Terraform's and Ansible's modules for Proxmox VE take. */
#ifndef PT_FORM_H
#define PT_FORM_H

#include "pve/config/guest.h"

struct pt_form_guests {
	struct pt_guest **guest; /* those of a plan have names */
	size_t count;
	unsigned int *gone; /* guests that a plan removes */
	size_t gone_count;
};

/* Reads one guest or more. query: of the guests that say nothing else; a VMID of its own stands in
 * it. -EINVAL, -EPROTO: it is something else, and err says what. End with pt_form_clear. */
int pt_form_read(const char *text, size_t length, const struct pt_guest_query *query,
	struct pt_form_guests *ret, struct pt_err *err);
void pt_form_clear(struct pt_form_guests *guests);
#define PT_FORM PT_CLEANUP(pt_form_clear)

/* form-else.c, for form.c: what something is that is no guest's config, as the rest of a sentence;
 * NULL: it may be one. Static texts. */
const char *pt_form_foreign_key(const char *key);
const char *pt_form_what_bytes(const char *text, size_t length);
const char *pt_form_what_text(const char *text);

#endif
