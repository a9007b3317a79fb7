// SPDX-License-Identifier: AGPL-3.0-or-later
/* Tasks of Ansible's module community.proxmox.proxmox_kvm: a task, a playbook, a result, what a
 * callback has printed. Tasks of other modules are left out. Source: the module's documentation;
 * ansible-core, callback plugins. */
#include <errno.h>

#include "lib/base/json.h"
#include "pve/config/form.h"

#define MODULE "proxmox_kvm"

/* What holds tasks: parts of a play, and of a block; the results of a loop; what a callback prints.
 */
static const char *const lists[] = {"plays", "pre_tasks", "tasks", "post_tasks", "handlers",
	"block", "rescue", "always", "results"};

static bool is_module(const char *name)
{
	return name && pt_ends_with(name, MODULE);
}

/* The parameters of a result, which says what it was called with; NULL: of another module. */
static struct json_object *result_parameters(struct json_object *result)
{
	const char *action = pt_json_get(result, "action");
	struct json_object *parameters =
		pt_json_member(pt_json_member(result, "invocation"), "module_args");

	if (action)
		return is_module(action) ? parameters : NULL;
	/* Ansible adds all parameters that a module has */
	return json_object_is_type(parameters, json_type_object) &&
			       json_object_object_get_ex(parameters, "hostpci", NULL)
		       ? parameters
		       : NULL;
}

/* The parameters of a task or a result; NULL: it is none of that module. */
static struct json_object *parameters_of(struct json_object *task)
{
	if (!json_object_is_type(task, json_type_object))
		return NULL;
	if (pt_json_member(task, "invocation"))
		return result_parameters(task);
	json_object_object_foreach(task, key, value)
	{
		bool is_action = pt_streq(key, "action") || pt_streq(key, "local_action");

		if (is_module(key))
			return value;
		if (is_action && is_module(pt_json_get(value, "module")))
			return value;
		if (is_action && is_module(pt_json_scalar(value)))
			return pt_json_member(task, "args") ? pt_json_member(task, "args") : value;
	}
	return NULL;
}

static bool has_tasks(struct json_object *json)
{
	pt_foreach (name, lists, PT_ARRAY_SIZE(lists)) {
		if (pt_json_items(pt_json_member(json, *name)))
			return true;
	}
	return false;
}

bool pt_form_is_ansible(struct json_object *json)
{
	for (size_t i = 0; i < pt_json_items(json); i++) {
		struct json_object *one = json_object_array_get_idx(json, i);

		if (has_tasks(one) || parameters_of(one) || pt_json_member(one, "hosts"))
			return true;
	}
	return json_object_is_type(json, json_type_object) &&
	       (has_tasks(json) || parameters_of(json));
}

/* Ansible takes texts for booleans, too. */
static bool is_yes(struct json_object *parameters, const char *name)
{
	static const char *const yes[] = {"1", "yes", "true", "on", "y", "t"};
	const char *text = pt_json_get(parameters, name);

	pt_foreach (one, yes, text ? PT_ARRAY_SIZE(yes) : 0) {
		if (strcasecmp(*one, text) == 0)
			return true;
	}
	return false;
}

/* Removes the settings of a list, "hostpci0,hostpci1". */
static void unset(struct pt_guest *guest, const char *list)
{
	struct pt_names PT_NAMES keys = {0};

	pt_names_split(&keys, list, ",");
	pt_foreach (key, keys.name, keys.count)
		pt_guest_unset(guest, *key);
}

/* The guest that an earlier task makes, which this one changes; NULL: there is none. */
static struct pt_guest *find_made(
	const struct pt_form_reading *reading, struct json_object *parameters)
{
	const char *name = pt_json_get(parameters, "name");
	const unsigned int vmid = pt_form_vmid(parameters);

	if (!is_yes(parameters, "update") && !pt_json_get(parameters, "delete"))
		return NULL;
	if (vmid || !name)
		return pt_form_find(reading, vmid);
	pt_foreach (guest, reading->guests->guest, reading->guests->count) {
		if (pt_streq(pt_guest_get(*guest, "name"), name))
			return *guest;
	}
	return NULL;
}

static int set_guest(
	struct pt_form_reading *reading, struct pt_guest *guest, struct json_object *parameters)
{
	const char *clone = pt_json_get(parameters, "clone");

	if (!json_object_is_type(parameters, json_type_object))
		return pt_err_set(reading->err, -EPROTO,
			"its parameters are one text: write them as a dictionary");
	/* the module passes none of its own settings to a clone */
	if (clone)
		return pt_err_set(reading->err, -EPROTO,
			"a clone of %s, which gets its entries, and none of the task: 'pve-ptconf "
			"check VMID' checks it when it is there",
			clone);
	return pt_form_set_values(reading, guest, parameters);
}

/* One that cannot be read does not keep the others from it. */
static void add_task(
	struct pt_form_reading *reading, struct json_object *parameters, const char *name)
{
	const char *state = pt_json_get(parameters, "state");
	const unsigned int vmid = pt_form_vmid(parameters);
	struct pt_guest *made = find_made(reading, parameters);
	struct pt_guest *guest = made ? made : pt_form_guest(reading, parameters, NULL);

	if (state && pt_streq(state, "absent") && vmid)
		pt_form_remove(reading, vmid);
	/* the other states start, stop and remove, and change nothing */
	if (state && !pt_streq(state, "present") && !strstr(state, "{{")) {
		if (!made)
			pt_guest_free(guest);
		return;
	}
	if (set_guest(reading, guest, parameters) < 0) {
		pt_set_text(&guest->trouble, reading->err->text);
		*reading->err = (struct pt_err){0};
	}
	if (pt_json_get(parameters, "delete"))
		unset(guest, pt_json_get(parameters, "delete"));
	if (made)
		return;
	pt_set_text(&guest->name, name);
	guest->changes = is_yes(parameters, "update") || pt_json_get(parameters, "delete");
	if (vmid)
		pt_form_judge_number(reading, guest);
	pt_form_keep(reading, guest);
}

static size_t read_lists(struct pt_form_reading *reading, struct json_object *json);
static size_t read_tasks(struct pt_form_reading *reading, struct json_object *tasks);

/* Returns how many tasks of the module it holds. */
static size_t read_task(struct pt_form_reading *reading, struct json_object *task, const char *name)
{
	struct json_object *parameters = parameters_of(task);

	if (!parameters)
		return read_lists(reading, task);
	add_task(reading, parameters, name);
	return 1;
}

/* One that was skipped, or did not get there, says nothing. */
static size_t read_result(
	struct pt_form_reading *reading, struct json_object *result, const char *name)
{
	struct json_object *parameters = result_parameters(result);

	if (!parameters)
		return read_tasks(reading, pt_json_member(result, "results"));
	add_task(reading, parameters, name);
	return 1;
}

/* The results of a task by host. */
static size_t read_hosts(
	struct pt_form_reading *reading, struct json_object *hosts, const char *name)
{
	const bool several = json_object_object_length(hosts) > 1;
	size_t found = 0;

	json_object_object_foreach(hosts, host, result)
	{
		PT_FREE char *both = several ? pt_format("%s (%s)", name, host) : pt_strdup(name);

		found += read_result(reading, result, both);
	}
	return found;
}

/* Guests get the name of their task. */
static size_t read_tasks(struct pt_form_reading *reading, struct json_object *tasks)
{
	size_t found = 0;

	for (size_t i = 0; i < pt_json_items(tasks); i++) {
		struct json_object *task = json_object_array_get_idx(tasks, i);
		struct json_object *hosts = pt_json_member(task, "hosts");
		const char *name = pt_json_get(task, "name");
		PT_FREE char *place = pt_format("task %zu", i + 1);

		if (!name)
			name = pt_json_get(pt_json_member(task, "task"), "name");
		found += json_object_is_type(hosts, json_type_object)
				 ? read_hosts(reading, hosts, name ? name : place)
				 : read_task(reading, task, name ? name : place);
	}
	return found;
}

static size_t read_lists(struct pt_form_reading *reading, struct json_object *json)
{
	size_t found = 0;

	pt_foreach (name, lists, PT_ARRAY_SIZE(lists))
		found += read_tasks(reading, pt_json_member(json, *name));
	return found;
}

int pt_form_read_ansible(struct pt_form_reading *reading, struct json_object *json)
{
	const struct pt_form_guests *guests = reading->guests;
	const size_t before = guests->count + guests->gone_count;
	struct json_object *parameters = parameters_of(json);
	size_t found = 1;

	if (parameters)
		add_task(reading, parameters, pt_json_get(json, "name"));
	else
		found = json_object_is_type(json, json_type_array) ? read_tasks(reading, json)
								   : read_lists(reading, json);
	if (guests->count + guests->gone_count > before)
		return 0;
	return pt_err_set(reading->err, -EPROTO,
		found ? "is a playbook or a result of Ansible whose tasks of "
			"community.proxmox." MODULE " start and stop guests, and make none"
		      : "is a playbook or a result of Ansible without a task of "
			"community.proxmox." MODULE);
}
