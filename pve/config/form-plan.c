// SPDX-License-Identifier: AGPL-3.0-or-later
/* A plan or a state of Terraform. Source: Terraform's JSON output format, and its state, version 4.
 */
#include <errno.h>

#include "lib/base/json.h"
#include "pve/config/form.h"
#include "pve/config/hostpci.h"

/* The resources of a plan or a state that are guests. */
static const char *const guest_types[] = {"proxmox_virtual_environment_vm", "proxmox_vm_qemu"};
/* Newer types of guests, without PCI devices of their own, or with others. */
static const char *const unread_types[] = {"proxmox_virtual_environment_vm2", "proxmox_vm",
	"proxmox_virtual_environment_cloned_vm", "proxmox_cloned_vm"};
#define GUEST_TYPES "proxmox_virtual_environment_vm (bpg) and proxmox_vm_qemu (Telmate)"

/* The change of the resource in a plan; NULL: none is listed. Source: Terraform's JSON output
 * format, resource_changes. */
static struct json_object *change_of(const struct pt_form_reading *reading, const char *address)
{
	for (size_t i = 0; i < pt_json_items(reading->changes); i++) {
		struct json_object *one = json_object_array_get_idx(reading->changes, i);

		if (pt_streq(pt_json_get(one, "address"), address))
			return pt_json_member(one, "change");
	}
	return NULL;
}

static bool has_action(struct json_object *change, const char *action)
{
	struct json_object *actions = pt_json_member(change, "actions");

	for (size_t i = 0; i < pt_json_items(actions); i++) {
		if (pt_streq(pt_json_scalar(json_object_array_get_idx(actions, i)), action))
			return true;
	}
	return false;
}

/* Whether an entry depends on the guest's machine type. */
static bool needs_machine(const struct pt_guest *guest)
{
	pt_guest_foreach (key, guest) {
		if (pt_hostpci_key(key.key) >= 0 &&
			(strstr(key.value, "pcie=1") || strstr(key.value, "legacy-igd=1")))
			return true;
	}
	return false;
}

/* bpg's resource of a mapping, by its old and its new name. */
static bool is_mapping(struct json_object *resource)
{
	static const char *const types[] = {
		"proxmox_virtual_environment_hardware_mapping_pci", "proxmox_hardware_mapping_pci"};
	const char *type = pt_json_get(resource, "type");

	return type && PT_WORD_FIND(types, type) >= 0;
}

/* Whether a module of the plan has the mapping. */
static bool has_mapping(struct json_object *module, const char *mapping)
{
	struct json_object *resources = pt_json_member(module, "resources");
	struct json_object *children = pt_json_member(module, "child_modules");

	for (size_t i = 0; i < pt_json_items(resources); i++) {
		struct json_object *one = json_object_array_get_idx(resources, i);

		if (is_mapping(one) &&
			pt_streq(pt_json_get(pt_json_member(one, "values"), "name"), mapping))
			return true;
	}
	for (size_t i = 0; i < pt_json_items(children); i++) {
		if (has_mapping(json_object_array_get_idx(children, i), mapping))
			return true;
	}
	return false;
}

/* What the plan does to the mapping: "made", "changed" or "deleted"; NULL: nothing. */
static const char *fate_of_mapping(const struct pt_form_reading *reading, const char *mapping)
{
	const char *fate = NULL;
	bool is_listed = false;

	for (size_t i = 0; i < pt_json_items(reading->changes); i++) {
		struct json_object *one = json_object_array_get_idx(reading->changes, i);
		struct json_object *change = pt_json_member(one, "change");
		bool was = pt_streq(pt_json_get(pt_json_member(change, "before"), "name"), mapping);
		bool will = pt_streq(pt_json_get(pt_json_member(change, "after"), "name"), mapping);

		if (!is_mapping(one))
			continue;
		is_listed |= was || will;
		if (will && (has_action(change, "create") || has_action(change, "update")))
			return was ? "changed" : "made";
		if (was && !will && (has_action(change, "delete") || has_action(change, "update")))
			fate = "deleted";
	}
	/* a plan may be cut down to what it will have */
	return !is_listed && has_mapping(reading->planned, mapping) ? "made" : fate;
}

/* Why the mapping of an entry cannot be judged; NULL: it can. The caller frees it. */
static char *mapping_trouble(const struct pt_form_reading *reading, const struct pt_guest *guest)
{
	pt_guest_foreach (key, guest) {
		const char *at = strstr(key.value, "mapping=");
		PT_FREE char *name = NULL;
		const char *fate;

		if (pt_hostpci_key(key.key) < 0 || !at)
			continue;
		at += strlen("mapping=");
		name = pt_strndup(at, strcspn(at, ","));
		fate = fate_of_mapping(reading, name);
		if (fate && pt_streq(fate, "deleted"))
			return pt_format("its mapping %s is deleted by the same plan", name);
		if (fate)
			return pt_format(
				"its mapping %s is %s by the same plan: check it after the apply",
				name, fate);
	}
	return NULL;
}

/* A clone has the settings of its template that it does not set itself. */
static bool is_clone(struct json_object *values)
{
	struct json_object *clone = pt_json_member(values, "clone"),
			   *id = pt_json_member(values, "clone_id");

	return pt_json_items(clone) || json_object_is_type(clone, json_type_object) ||
	       pt_json_scalar(clone) || (pt_json_scalar(id) && !pt_streq(pt_json_scalar(id), "0"));
}

/* Sets what it is a clone of: by number and node (bpg), by number or name (Telmate). */
static void set_template(struct pt_guest *guest, struct json_object *values)
{
	struct json_object *clone = pt_form_block(pt_json_member(values, "clone"));
	const char *vmid = pt_json_get(clone, "vm_id"), *node = pt_json_get(clone, "node_name");

	if (!vmid)
		vmid = pt_json_get(values, "clone_id");
	if (vmid && !pt_vmid_parse(vmid, &guest->clone_of))
		guest->clone_of = 0;
	pt_set_text(&guest->clone_of_name, pt_json_scalar(clone));
	if (node && pt_node_name_valid(node))
		pt_set_text(&guest->clone_from, node);
}

/* Whether the plan makes the resource, rather than keep or change it. A plan may say nothing of
 * changes; a state makes nothing. */
static bool is_made(const struct pt_form_reading *reading, const char *address)
{
	struct json_object *change = change_of(reading, address);

	return change ? has_action(change, "create") : reading->planned != NULL;
}

/* Whether it will be a clone of a guest that is known after apply only. */
static bool has_unknown_template(struct json_object *unknown)
{
	struct json_object *clone = pt_json_member(unknown, "clone");

	return pt_json_is_true(pt_json_member(unknown, "clone_id")) || pt_json_is_true(clone) ||
	       pt_json_is_true(pt_json_member(pt_form_block(clone), "vm_id"));
}

/* Why the guest of a plan cannot be judged; NULL: it can. The caller frees it. */
static char *find_trouble(const struct pt_form_reading *reading, const struct pt_guest *guest,
	struct json_object *values, const char *address)
{
	struct json_object *unknown = pt_json_member(change_of(reading, address), "after_unknown");
	const char *entries = pt_form_unknown_entries(unknown, values);
	PT_FREE char *mapping = mapping_trouble(reading, guest);

	if (mapping)
		return PT_STEAL(mapping);
	if (pt_json_is_true(unknown))
		return pt_strdup("all of it is known after apply only");
	if (entries)
		return pt_format("its %s is known after apply only", entries);
	if (pt_json_is_true(pt_json_member(unknown, "node_name")) ||
		pt_json_is_true(pt_json_member(unknown, "target_node")))
		return pt_strdup("its node is known after apply only");
	if (is_made(reading, address) && has_unknown_template(unknown))
		return pt_strdup(
			"is a clone of a guest that is known after apply only, and gets its "
			"entries");
	if (pt_json_is_true(pt_json_member(unknown, "machine")) && needs_machine(guest))
		return pt_strdup("its machine is known after apply only");
	if (is_made(reading, address) && is_clone(values) && !pt_guest_get(guest, "machine") &&
		needs_machine(guest))
		return pt_strdup(
			"is a clone without a machine type of its own: that of its template "
			"decides whether pcie and legacy-igd work, so set it");
	return NULL;
}

/* Telmate's node, or, of several that it may choose, the one that is asked for. */
static const char *target_of(struct json_object *values, const char *wanted)
{
	struct json_object *nodes = pt_json_member(values, "target_nodes");
	const char *node = pt_json_get(values, "target_node");

	for (size_t i = 0; !node && i < pt_json_items(nodes); i++) {
		if (pt_streq(pt_json_scalar(json_object_array_get_idx(nodes, i)), wanted))
			return wanted;
	}
	return node ? node : pt_json_scalar(pt_form_block(nodes));
}

static int add_guest(struct pt_form_reading *reading, struct json_object *values, const char *name)
{
	const char *node = pt_json_get(values, "node_name");
	struct pt_guest PT_GUEST *guest = pt_form_guest(
		reading, values, node ? node : target_of(values, reading->query->node));
	int r;

	guest->vmid = pt_form_vmid(values);
	pt_set_text(&guest->name, name);
	r = pt_form_set_values(reading, guest, values);
	if (r < 0 && !name)
		return r;
	if (name) {
		guest->trouble = find_trouble(reading, guest, values, name);
		guest->unknown = pt_form_unknown_attributes(
			pt_json_member(change_of(reading, name), "after_unknown"));
		if (is_clone(values) && is_made(reading, name))
			set_template(guest, values);
	}
	pt_form_judge_number(reading, guest);
	/* of a plan the others count all the same */
	if (r < 0 && !guest->trouble)
		pt_set_text(&guest->trouble, reading->err->text);
	*reading->err = (struct pt_err){0};
	pt_form_keep(reading, PT_STEAL(guest));
	return 0;
}

static bool has_type(struct json_object *resource, const char *const *types, size_t count)
{
	const char *mode = pt_json_get(resource, "mode");
	const char *type = pt_json_get(resource, "type");

	return (!mode || pt_streq(mode, "managed")) && type &&
	       pt_word_find(types, count, type) >= 0;
}

static bool is_guest(struct json_object *resource)
{
	return has_type(resource, guest_types, PT_ARRAY_SIZE(guest_types));
}

/* A guest of which nothing is read: it may have entries all the same. */
static void add_unread(
	struct pt_form_reading *reading, struct json_object *resource, const char *name)
{
	struct pt_guest_query query = *reading->query;
	struct pt_guest *guest;

	if (!name || !has_type(resource, unread_types, PT_ARRAY_SIZE(unread_types)))
		return;
	query.vmid = 0;
	guest = pt_guest_new(&query, PT_TEXT_CHARS);
	pt_set_text(&guest->name, name);
	guest->trouble = pt_format("resources of the type %s are not read; 'pve-ptconf check VMID' "
				   "checks the guest on its node",
		pt_json_get(resource, "type"));
	pt_form_keep(reading, guest);
}

/* A module of a plan, or of a state that 'terraform show' has printed. */
static int add_module(struct pt_form_reading *reading, struct json_object *module)
{
	struct json_object *resources = pt_json_member(module, "resources");
	struct json_object *children = pt_json_member(module, "child_modules");
	int r = 0;

	for (size_t i = 0; r == 0 && i < pt_json_items(resources); i++) {
		struct json_object *resource = json_object_array_get_idx(resources, i);

		/* one that is about to be removed, in favour of another one */
		if (pt_json_member(resource, "deposed_key"))
			continue;
		if (is_guest(resource))
			r = add_guest(reading, pt_json_member(resource, "values"),
				pt_json_get(resource, "address"));
		else
			add_unread(reading, resource, pt_json_get(resource, "address"));
	}
	for (size_t i = 0; r == 0 && i < pt_json_items(children); i++)
		r = add_module(reading, json_object_array_get_idx(children, i));
	return r;
}

/* The name of an instance in a state file: "module.x.proxmox_vm_qemu.y[0]". The caller frees it. */
static char *instance_name(struct json_object *resource, struct json_object *instance)
{
	const char *module = pt_json_get(resource, "module");
	const char *type = pt_json_get(resource, "type");
	const char *name = pt_json_get(resource, "name");
	struct json_object *key = pt_json_member(instance, "index_key");
	PT_FREE char *index =
		key ? pt_format("[%s]", pt_json_print(key, JSON_C_TO_STRING_NOSLASHESCAPE)) : NULL;

	return pt_format("%s%s%s.%s%s", module ? module : "", module ? "." : "", type,
		name ? name : "", index ? index : "");
}

static int add_state(struct pt_form_reading *reading, struct json_object *resources)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < pt_json_items(resources); i++) {
		struct json_object *resource = json_object_array_get_idx(resources, i);
		struct json_object *instances = pt_json_member(resource, "instances");

		for (size_t at = 0; r == 0 && at < pt_json_items(instances); at++) {
			struct json_object *instance = json_object_array_get_idx(instances, at);
			PT_FREE char *name = instance_name(resource, instance);

			/* one that is about to be removed, in favour of another one */
			if (pt_json_member(instance, "deposed"))
				continue;
			if (is_guest(resource))
				r = add_guest(
					reading, pt_json_member(instance, "attributes"), name);
			else
				add_unread(reading, resource, name);
		}
	}
	return r;
}

/* Guests that the plan removes, or gives another number. */
static void add_gone(struct pt_form_reading *reading)
{
	for (size_t i = 0; i < pt_json_items(reading->changes); i++) {
		struct json_object *one = json_object_array_get_idx(reading->changes, i);
		struct json_object *change = pt_json_member(one, "change");
		const unsigned int vmid = pt_form_vmid(pt_json_member(change, "before"));

		if (is_guest(one) && has_action(change, "delete") && vmid)
			pt_form_remove(reading, vmid);
	}
}

/* Guests of a plan that has its changes alone. */
static int add_changed(struct pt_form_reading *reading)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < pt_json_items(reading->changes); i++) {
		struct json_object *one = json_object_array_get_idx(reading->changes, i);
		struct json_object *change = pt_json_member(one, "change");
		struct json_object *after = pt_json_member(change, "after");

		if (!after || (has_action(change, "delete") && !has_action(change, "create")))
			continue;
		if (is_guest(one))
			r = add_guest(reading, after, pt_json_get(one, "address"));
		else
			add_unread(reading, one, pt_json_get(one, "address"));
	}
	return r;
}

int pt_form_read_plan(struct pt_form_reading *reading, struct json_object *json)
{
	struct json_object *values = pt_json_member(json, "planned_values");
	int r;

	reading->planned = pt_json_member(values, "root_module");
	reading->changes = pt_json_member(json, "resource_changes");
	add_gone(reading);
	if (pt_json_is_true(pt_json_member(json, "errored")))
		reading->guests->partial = "the plan ended with an error, so it may lack guests";
	else if (pt_json_member(json, "complete") &&
		 !pt_json_is_true(pt_json_member(json, "complete")))
		reading->guests->partial =
			"the plan is not complete: it leaves changes to a later one";
	if (!values)
		values = pt_json_member(json, "values");
	r = values	       ? add_module(reading, pt_json_member(values, "root_module"))
	    : reading->changes ? add_changed(reading)
			       : add_state(reading, pt_json_member(json, "resources"));
	/* a plan may be cut down to what it changes */
	if (r == 0 && !reading->guests->count && values)
		r = add_changed(reading);
	if (r == 0 && !reading->guests->count && !reading->guests->gone_count)
		return pt_err_set(reading->err, -EPROTO,
			"a plan or state of Terraform without a guest that it makes or keeps%s%s: the "
			"resources that are read are those of the types " GUEST_TYPES,
			reading->guests->partial ? "; " : "",
			reading->guests->partial ? reading->guests->partial : "");
	return r;
}

bool pt_form_is_plan(struct json_object *json)
{
	return pt_json_member(json, "planned_values") || pt_json_member(json, "format_version") ||
	       (pt_json_member(json, "terraform_version") &&
		       (pt_json_member(json, "values") ||
			       json_object_is_type(
				       pt_json_member(json, "resources"), json_type_array)));
}
