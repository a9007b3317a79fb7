// SPDX-License-Identifier: AGPL-3.0-or-later
/* A plan or a state of Terraform. Source: Terraform's JSON output format, and its state, version 4.
 */
#include <errno.h>

#include "lib/base/json.h"
#include "pve/config/form.h"
#include "pve/config/hostpci.h"

/* The resources of a plan or a state that are guests. */
static const char *const guest_types[] = {"proxmox_virtual_environment_vm", "proxmox_vm_qemu"};
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

/* Whether the plan makes the mapping, rather than keep or change it. */
static bool makes_mapping(const struct pt_form_reading *reading, const char *mapping)
{
	for (size_t i = 0; i < pt_json_items(reading->changes); i++) {
		struct json_object *one = json_object_array_get_idx(reading->changes, i);
		struct json_object *change = pt_json_member(one, "change");
		struct json_object *actions = pt_json_member(change, "actions");

		if (is_mapping(one) &&
			pt_streq(pt_json_get(pt_json_member(change, "after"), "name"), mapping))
			return pt_json_items(actions) &&
			       pt_streq(pt_json_scalar(json_object_array_get_idx(actions, 0)),
				       "create");
	}
	return has_mapping(reading->planned, mapping);
}

/* The mapping of an entry that the plan makes; NULL: none. The caller frees it. */
static char *new_mapping(const struct pt_form_reading *reading, const struct pt_guest *guest)
{
	pt_guest_foreach (key, guest) {
		const char *at = strstr(key.value, "mapping=");
		PT_FREE char *name = NULL;

		if (pt_hostpci_key(key.key) < 0 || !at)
			continue;
		at += strlen("mapping=");
		name = pt_strndup(at, strcspn(at, ","));
		if (makes_mapping(reading, name))
			return PT_STEAL(name);
	}
	return NULL;
}

/* What a clone does not set is that of its template. */
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

/* Of the plan's guests the first one that has the VMID; NULL: none. */
static const struct pt_guest *find_vmid(const struct pt_form_reading *reading, unsigned int vmid)
{
	pt_foreach (guest, reading->guests->guest, vmid ? reading->guests->count : 0) {
		if ((*guest)->vmid == vmid)
			return *guest;
	}
	return NULL;
}

/* Whether the plan makes the resource, rather than keep or change it. A plan may say nothing of
 * changes; a state makes nothing. */
static bool is_made(const struct pt_form_reading *reading, const char *address)
{
	struct json_object *change = change_of(reading, address);

	return change ? has_action(change, "create") : reading->planned != NULL;
}

/* Why the guest of a plan cannot be judged; NULL: it can. The caller frees it. */
static char *find_trouble(const struct pt_form_reading *reading, const struct pt_guest *guest,
	struct json_object *values, const char *address)
{
	struct json_object *unknown = pt_json_member(change_of(reading, address), "after_unknown");
	const char *entries = pt_form_unknown_entries(unknown, values);
	PT_FREE char *mapping = new_mapping(reading, guest);

	if (mapping)
		return pt_format(
			"its mapping %s is made by the same plan: check it after the apply",
			mapping);
	if (entries)
		return pt_format("its %s is known after apply only", entries);
	if (pt_json_is_true(pt_json_member(unknown, "node_name")) ||
		pt_json_is_true(pt_json_member(unknown, "target_node")))
		return pt_strdup("its node is known after apply only");
	if (pt_json_is_true(pt_json_member(unknown, "machine")) && needs_machine(guest))
		return pt_strdup("its machine is known after apply only");
	if (is_made(reading, address) && is_clone(values) && !pt_guest_get(guest, "machine") &&
		needs_machine(guest))
		return pt_strdup(
			"is a clone without a machine type of its own: that of its template "
			"decides whether pcie and legacy-igd work, so set it");
	return NULL;
}

static int add_guest(struct pt_form_reading *reading, struct json_object *values, const char *name)
{
	const char *node = pt_json_get(values, "node_name");
	const char *vmid = pt_json_get(values, "vm_id");
	struct pt_guest PT_GUEST *guest = NULL;
	struct pt_guest_query query = *reading->query;
	const struct pt_guest *twin;
	int r;

	if (!node)
		node = pt_json_get(values, "target_node");
	if (!vmid)
		vmid = pt_json_get(values, "vmid");
	if (name && !(vmid && pt_vmid_parse(vmid, &query.vmid)))
		query.vmid = 0;
	if (name && node && pt_node_name_valid(node))
		query.node = node;
	twin = name ? find_vmid(reading, query.vmid) : NULL;
	guest = pt_guest_new(&query, PT_TEXT_CHARS);
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
	if (twin && !guest->trouble)
		guest->trouble = pt_format("has VMID %u, as %s has: a cluster has each VMID once",
			query.vmid, twin->name);
	/* of a plan the others count all the same */
	if (r < 0 && !guest->trouble)
		pt_set_text(&guest->trouble, reading->err->text);
	*reading->err = (struct pt_err){0};
	pt_form_keep(reading, PT_STEAL(guest));
	return 0;
}

static bool is_guest(struct json_object *resource)
{
	const char *mode = pt_json_get(resource, "mode");
	const char *type = pt_json_get(resource, "type");

	return (!mode || pt_streq(mode, "managed")) && type && PT_WORD_FIND(guest_types, type) >= 0;
}

/* A module of a plan, or of a state that 'terraform show' has printed. */
static int add_module(struct pt_form_reading *reading, struct json_object *module)
{
	struct json_object *resources = pt_json_member(module, "resources");
	struct json_object *children = pt_json_member(module, "child_modules");
	int r = 0;

	for (size_t i = 0; r == 0 && i < pt_json_items(resources); i++) {
		struct json_object *resource = json_object_array_get_idx(resources, i);

		if (is_guest(resource))
			r = add_guest(reading, pt_json_member(resource, "values"),
				pt_json_get(resource, "address"));
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
		key ? pt_format("[%s]", pt_json_print(key, JSON_C_TO_STRING_PLAIN)) : NULL;

	return pt_format("%s%s%s.%s%s", module ? module : "", module ? "." : "", type,
		name ? name : "", index ? index : "");
}

static int add_state(struct pt_form_reading *reading, struct json_object *resources)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < pt_json_items(resources); i++) {
		struct json_object *resource = json_object_array_get_idx(resources, i);
		struct json_object *instances = pt_json_member(resource, "instances");

		for (size_t at = 0; r == 0 && is_guest(resource) && at < pt_json_items(instances);
			at++) {
			struct json_object *instance = json_object_array_get_idx(instances, at);
			PT_FREE char *name = instance_name(resource, instance);

			r = add_guest(reading, pt_json_member(instance, "attributes"), name);
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
		const char *vmid = pt_json_get(pt_json_member(change, "before"), "vm_id");
		unsigned int number;

		if (!vmid)
			vmid = pt_json_get(pt_json_member(change, "before"), "vmid");
		if (is_guest(one) && has_action(change, "delete") && vmid &&
			pt_vmid_parse(vmid, &number))
			*(unsigned int *)pt_array_grow(&reading->guests->gone,
				&reading->guests->gone_count, sizeof(number)) = number;
	}
}

int pt_form_read_plan(struct pt_form_reading *reading, struct json_object *json)
{
	struct json_object *values = pt_json_member(json, "planned_values");
	int r;

	reading->planned = pt_json_member(values, "root_module");
	reading->changes = pt_json_member(json, "resource_changes");
	add_gone(reading);
	if (!values)
		values = pt_json_member(json, "values");
	r = values ? add_module(reading, pt_json_member(values, "root_module"))
		   : add_state(reading, pt_json_member(json, "resources"));
	if (r == 0 && !reading->guests->count && !reading->guests->gone_count)
		return pt_err_set(reading->err, -EPROTO,
			"a plan or state of Terraform without a guest: the resources that are read are "
			"those of the types " GUEST_TYPES);
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
