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
	const char *partial; /* why there may be more guests; NULL: these are all. Static */
};

/* Reads one guest or more. query: of the guests that say nothing else; a VMID of its own stands in
 * it. -EINVAL, -EPROTO: it is something else, and err says what. End with pt_form_clear. */
int pt_form_read(const char *text, size_t length, const struct pt_guest_query *query,
	struct pt_form_guests *ret, struct pt_err *err);
void pt_form_clear(struct pt_form_guests *guests);
#define PT_FORM PT_CLEANUP(pt_form_clear)

/* The parts of form.c. */
struct pt_form_reading {
	const struct pt_guest_query *query;
	struct pt_form_guests *guests;
	struct pt_err *err;
	struct json_object *planned; /* the root module of a plan; NULL: it is none */
	struct json_object *changes; /* of a plan: what is known after apply only; NULL: none */
};

/* Returns a new guest with the VMID and the node that the values say; node: another one, or NULL.
 */
struct pt_guest *pt_form_guest(
	const struct pt_form_reading *reading, struct json_object *values, const char *node);
/* Returns the VMID that the values say, 0: none. */
unsigned int pt_form_vmid(struct json_object *values);
/* Adds the guest, which the reading then owns. */
void pt_form_keep(struct pt_form_reading *reading, struct pt_guest *guest);
/* Adds a guest that is removed. */
void pt_form_remove(struct pt_form_reading *reading, unsigned int vmid);
/* Returns the first of the guests that has the VMID, or NULL. Borrowed. */
struct pt_guest *pt_form_find(const struct pt_form_reading *reading, unsigned int vmid);
/* Puts it as trouble of the guest that another one has its VMID. */
void pt_form_judge_number(const struct pt_form_reading *reading, struct pt_guest *guest);

/* form-ansible.c: a task, a playbook, a result, what a callback has printed. -EPROTO: without a
 * guest. */
bool pt_form_is_ansible(struct json_object *json);
int pt_form_read_ansible(struct pt_form_reading *reading, struct json_object *json);

/* form-plan.c: what 'terraform show -json' prints, or a state file. -EPROTO: has no guest. */
bool pt_form_is_plan(struct json_object *json);
int pt_form_read_plan(struct pt_form_reading *reading, struct json_object *json);

/* form-values.c: sets what the values of a provider's resource, or an Ansible module's parameters
 * say. -EPROTO: an entry that is none, or without a device. */
int pt_form_set_values(
	struct pt_form_reading *reading, struct pt_guest *guest, struct json_object *values);

/* Returns the name of the list of entries; NULL: there is none. A static text. */
const char *pt_form_entries(struct json_object *values);

/* Returns the block: some providers write a single one as an object, others as a list of one. */
struct json_object *pt_form_block(struct json_object *value);

/* unknown: after_unknown of a plan, or a part of it. Returns whether any part is known after apply
 * only. */
bool pt_form_is_unknown(struct json_object *unknown);

/* unknown: after_unknown of a plan. Returns the list of entries of the resource that is not known
 * yet, a static text, or NULL; and the attributes that decide and are not known yet, "cpu, memory",
 * which the caller frees, or NULL. */
const char *pt_form_unknown_entries(struct json_object *unknown, struct json_object *values);
char *pt_form_unknown_attributes(struct json_object *unknown);

/* form-else.c: what something is that is no guest's config, as the rest of a sentence;
 * NULL: it may be one. Static texts. */
const char *pt_form_foreign_key(const char *key);
const char *pt_form_what_bytes(const char *text, size_t length);
const char *pt_form_what_text(const char *text);

#endif
