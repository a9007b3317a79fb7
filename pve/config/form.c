// SPDX-License-Identifier: AGPL-3.0-or-later
/* Sources of the foreign names: bpg/terraform-provider-proxmox, virtual_environment_vm;
 * Telmate/terraform-provider-proxmox, vm_qemu; community.proxmox, proxmox_kvm; Terraform's JSON
 * output format and state, version 4. */
#include <ctype.h>
#include <errno.h>

#include "lib/base/json.h"
#include "pve/config/form.h"
#include "pve/config/hostpci.h"

#define MARK "\xef\xbb\xbf" /* byte order mark, in UTF-8 */
#define EXPECTED                                                                                   \
	"; expected is a guest's config as text or JSON, or what 'terraform show -json' prints"

/* The resources of a plan or a state that are guests. */
static const char *const guest_types[] = {"proxmox_virtual_environment_vm", "proxmox_vm_qemu"};
#define GUEST_TYPES "proxmox_virtual_environment_vm (bpg) and proxmox_vm_qemu (Telmate)"

struct reading {
	const struct pt_guest_query *query;
	struct pt_form_guests *guests;
	struct pt_err *err;
	struct json_object *planned; /* the root module of a plan; NULL: it is none */
	struct json_object *changes; /* of a plan: what is known after apply only; NULL: none */
};

/* Names that providers have for keys of Proxmox VE, or for members of blocks of them. */
static const struct {
	const char *block, *member, *key; /* block NULL: no block around it */
} settings[] = {
	{NULL, "on_boot", "onboot"},
	{NULL, "start_at_node_boot", "onboot"},
	{NULL, "hook_script_file_id", "hookscript"},
	{NULL, "kvm_arguments", "args"},
	{"memory", "dedicated", "memory"},
	{"memory", "floating", "balloon"},
	{"memory", "hugepages", "hugepages"},
	{"cpu", "type", "cpu"},
	{"cpu", "numa", "numa"},
	{"cpu", "sockets", "sockets"},
	{"cpu", "affinity", "affinity"},
	{"vga", "type", "vga"},
	{"operating_system", "type", "ostype"},
};

/* The same of an entry's properties. */
static const struct {
	const char *member, *key;
	bool is_flag;
} properties[] = {
	{"id", "host", false},
	{"raw_id", "host", false},
	{"host", "host", false},
	{"mapping", "mapping", false},
	{"mapping_id", "mapping", false},
	{"mdev", "mdev", false},
	{"rom_file", "romfile", false},
	{"romFile", "romfile", false},
	{"romfile", "romfile", false},
	{"pcie", "pcie", true},
	{"rombar", "rombar", true},
	{"xvga", "x-vga", true},
	{"primary_gpu", "x-vga", true},
	{"device_id", "device-id", false},
	{"vendor_id", "vendor-id", false},
	{"sub_device_id", "sub-device-id", false},
	{"sub_vendor_id", "sub-vendor-id", false},
};

/* Lists of entries. */
static const char *const entry_lists[] = {"hostpci", "hostpcis", "pci", "pcis"};

void pt_form_clear(struct pt_form_guests *guests)
{
	pt_foreach (guest, guests->guest, guests->count)
		pt_guest_free(*guest);
	free(guests->guest);
	free(guests->gone);
	*guests = (struct pt_form_guests){0};
}

/* Keys of a config: their names, and those that have a number behind. */
static const char *const plain_keys[] = {"acpi", "affinity", "agent", "arch", "args", "autostart",
	"balloon", "bios", "boot", "bootdisk", "cdrom", "cicustom", "ciupgrade", "ciuser", "citype",
	"cores", "cpu", "cpulimit", "cpuunits", "description", "freeze", "hookscript", "hotplug",
	"hugepages", "ivshmem", "keephugepages", "keyboard", "kvm", "localtime", "lock", "machine",
	"memory", "meta", "migrate_downtime", "name", "nameserver", "numa", "onboot", "ostype",
	"parent", "protection", "reboot", "scsihw", "searchdomain", "shares", "smbios1", "smp",
	"snapstate", "snaptime", "sockets", "spice_enhancements", "sshkeys", "startup", "tablet",
	"tags", "tdf", "template", "vcpus", "vga", "vmgenid", "vmstate", "vmstatestorage",
	"watchdog"};
static const char *const numbered_keys[] = {"audio", "efidisk", "hostpci", "ide", "ipconfig", "net",
	"numa", "parallel", "rng", "sata", "scsi", "serial", "tpmstate", "unused", "usb", "virtio",
	"virtiofs"};

static bool is_key(const char *key)
{
	size_t length = strcspn(key, "0123456789");
	PT_FREE char *name = pt_strndup(key, length);

	if (PT_WORD_FIND(plain_keys, key) >= 0)
		return true;
	return key[length] && strspn(key + length, "0123456789") == strlen(key + length) &&
	       PT_WORD_FIND(numbered_keys, name) >= 0;
}

/* Whether anything in it is of a config. */
static bool is_config(const struct pt_guest *guest)
{
	pt_guest_foreach (key, guest) {
		if (is_key(key.key))
			return true;
	}
	return guest->dropped_count > 0;
}

static void keep(struct reading *reading, struct pt_guest *guest)
{
	struct pt_guest **slot = pt_array_grow(
		&reading->guests->guest, &reading->guests->count, sizeof(struct pt_guest *));

	*slot = guest;
}

static struct json_object *member(struct json_object *json, const char *name)
{
	return json_object_is_type(json, json_type_object) ? json_object_object_get(json, name)
							   : NULL;
}

/* The number of elements; 0: it is no array. */
static size_t items(struct json_object *json)
{
	return json_object_is_type(json, json_type_array) ? json_object_array_length(json) : 0;
}

/* The text of a scalar; NULL: it is none, or means that nothing is set. */
static const char *text_of(struct json_object *value)
{
	const char *text;

	switch (json_object_get_type(value)) {
	case json_type_boolean:
		return json_object_get_boolean(value) ? "1" : "0";
	case json_type_string:
	case json_type_int:
	case json_type_double:
		text = json_object_get_string(value);
		return *text ? text : NULL;
	default:
		return NULL;
	}
}

/* Some providers write a single block as an object, others as a list of one. */
static struct json_object *block_of(struct json_object *value)
{
	return json_object_is_type(value, json_type_array) ? json_object_array_get_idx(value, 0)
							   : value;
}

static void set_text(struct pt_guest *guest, const char *key, const char *value)
{
	if (value)
		pt_guest_set(guest, key, value, strlen(value));
}

/* A block as Proxmox VE's text, "host=0000:01:00,pcie=1". The caller frees it. */
static char *entry_text(struct json_object *block)
{
	char *text = NULL;

	pt_foreach (property, properties, PT_ARRAY_SIZE(properties)) {
		struct json_object *value = member(block, property->member);
		const char *is = text_of(value);
		PT_FREE char *part = NULL;

		/* Telmate's id is the number of the entry */
		if (!is || (pt_streq(property->member, "id") &&
				   !json_object_is_type(value, json_type_string)))
			continue;
		if (property->is_flag && pt_streq(is, "0") && !pt_streq(property->key, "rombar"))
			continue;
		part = pt_format("%s=%s", property->key, is);
		text = pt_list_add(text, ",", part);
	}
	return text;
}

/* The key of an entry: it says so itself, else its place in the list counts. One that there is not
 * is judged as such. The caller frees it. */
static char *entry_key(struct json_object *block, size_t place)
{
	struct json_object *id = member(block, "id");
	const char *device = text_of(member(block, "device"));

	if (device)
		return pt_strdup(device);
	return json_object_is_type(id, json_type_int)
		       ? pt_format("hostpci%lld", (long long)json_object_get_int64(id))
		       : pt_format("hostpci%zu", place);
}

static int set_entry(struct reading *reading, struct pt_guest *guest, const char *list,
	struct json_object *block, size_t place)
{
	PT_FREE char *text = entry_text(block);
	PT_FREE char *key = entry_key(block, place);

	if (!json_object_is_type(block, json_type_object))
		return pt_err_set(reading->err, -EPROTO, "%s[%zu] is no block", list, place);
	if (!pt_starts_with(key, "hostpci"))
		return pt_err_set(reading->err, -EPROTO,
			"%s[%zu]: '%s' is no entry; there are hostpci0 to hostpci15", list, place,
			key);
	if (pt_guest_find_key(guest, key).key)
		return pt_err_set(reading->err, -EPROTO, "%s stands there twice", key);
	/* what is known after apply only is left out of a plan; one that lists it has been asked */
	if ((!text || (!strstr(text, "host=") && !strstr(text, "mapping="))) && !reading->changes)
		return pt_err_set(reading->err, -EPROTO,
			"%s[%zu] names no device; is it known after apply only?", list, place);
	set_text(guest, key, text ? text : "pcie=0");
	return 0;
}

/* Telmate's {"pci0": [{"raw": [{...}]}]}. */
static int set_numbered(
	struct reading *reading, struct pt_guest *guest, struct json_object *numbered)
{
	json_object_object_foreach(numbered, name, value)
	{
		struct json_object *block = block_of(value);
		struct json_object *raw = block_of(member(block, "raw"));
		struct json_object *mapping = block_of(member(block, "mapping"));
		size_t place = (size_t)strtoul(name + strcspn(name, "0123456789"), NULL, 10);
		int r = 0;

		if (raw && mapping)
			return pt_err_set(reading->err, -EPROTO,
				"%s names a device and a mapping: it can have one of them", name);
		if (raw || mapping)
			r = set_entry(reading, guest, name, raw ? raw : mapping, place);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A list of blocks, or a dictionary of Proxmox VE's own keys. */
static int set_entries(struct reading *reading, struct pt_guest *guest, const char *list,
	struct json_object *value)
{
	int r = 0;

	if (json_object_is_type(value, json_type_object) && pt_streq(list, "hostpci"))
		return pt_guest_set_all(guest, value, reading->err);
	value = pt_streq(list, "pcis") ? block_of(value) : value;
	if (json_object_is_type(value, json_type_object))
		return set_numbered(reading, guest, value);
	for (size_t i = 0; r == 0 && i < items(value); i++)
		r = set_entry(reading, guest, list, json_object_array_get_idx(value, i), i);
	return r;
}

static const char *find_entries(struct json_object *json)
{
	pt_foreach (list, entry_lists, PT_ARRAY_SIZE(entry_lists)) {
		struct json_object *value = member(json, *list);

		if (json_object_is_type(value, json_type_array) ||
			json_object_is_type(value, json_type_object))
			return *list;
	}
	return NULL;
}

/* bpg's blocks of the guest's NUMA nodes. */
static void set_numa(struct pt_guest *guest, struct json_object *blocks)
{
	static const char *const names[] = {"cpus", "hostnodes", "memory", "policy"};

	for (size_t i = 0; i < items(blocks); i++) {
		struct json_object *block = json_object_array_get_idx(blocks, i);
		const char *key = text_of(member(block, "device"));
		PT_FREE char *text = NULL;

		for (size_t at = 0; at < PT_ARRAY_SIZE(names); at++) {
			const char *is = text_of(member(block, names[at]));
			PT_FREE char *part = is ? pt_format("%s=%s", names[at], is) : NULL;

			if (part)
				text = pt_list_add(text, ",", part);
		}
		if (key && text && pt_starts_with(key, "numa") && key[4])
			set_text(guest, key, text);
	}
}

/* The values of a provider's resource. Blocks that have nothing to do with a start are left out. */
static int set_values(struct reading *reading, struct pt_guest *guest, struct json_object *values)
{
	int r = 0;

	if (!json_object_is_type(values, json_type_object))
		return pt_err_set(reading->err, -EPROTO, "has no values");
	json_object_object_foreach(values, key, value)
	{
		set_text(guest, key, text_of(value));
	}
	pt_foreach (setting, settings, PT_ARRAY_SIZE(settings)) {
		struct json_object *block =
			setting->block ? block_of(member(values, setting->block)) : values;
		const char *text = text_of(member(block, setting->member));

		/* bpg's way of saying none */
		if (text && !(pt_streq(setting->key, "balloon") && pt_streq(text, "0")))
			set_text(guest, setting->key, text);
	}
	set_numa(guest, member(values, "numa"));
	pt_foreach (list, entry_lists, PT_ARRAY_SIZE(entry_lists)) {
		struct json_object *entries = member(values, *list);

		if (r == 0 && entries && !text_of(entries))
			r = set_entries(reading, guest, *list, entries);
	}
	return r;
}

/* Attributes of providers that decide about passthrough, or where; blocks have more. */
static const char *const deciding[] = {
	"args", "bios", "hook_script_file_id", "hookscript", "kvm_arguments", "machine", "numa"};

/* Whether any part of a value is known after apply only. */
static bool is_unknown(struct json_object *value)
{
	if (json_object_is_type(value, json_type_boolean))
		return json_object_get_boolean(value);
	for (size_t i = 0; i < items(value); i++) {
		if (is_unknown(json_object_array_get_idx(value, i)))
			return true;
	}
	if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, key, inner)
		{
			(void)key;
			if (is_unknown(inner))
				return true;
		}
	}
	return false;
}

/* The change of the resource in a plan; NULL: none is listed. Source: Terraform's JSON output
 * format, resource_changes. */
static struct json_object *change_of(const struct reading *reading, const char *address)
{
	for (size_t i = 0; i < items(reading->changes); i++) {
		struct json_object *one = json_object_array_get_idx(reading->changes, i);

		if (pt_streq(text_of(member(one, "address")), address))
			return member(one, "change");
	}
	return NULL;
}

static bool has_action(struct json_object *change, const char *action)
{
	struct json_object *actions = member(change, "actions");

	for (size_t i = 0; i < items(actions); i++) {
		if (pt_streq(text_of(json_object_array_get_idx(actions, i)), action))
			return true;
	}
	return false;
}

static bool is_true(struct json_object *value)
{
	return json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
}

/* The list of entries of the resource that is not known yet; NULL: none. Providers take one list.
 */
static const char *unknown_entries(struct json_object *unknown, struct json_object *values)
{
	const char *set = find_entries(values);

	pt_foreach (list, entry_lists, PT_ARRAY_SIZE(entry_lists)) {
		if (is_unknown(member(unknown, *list)) && (!set || pt_streq(set, *list)))
			return *list;
	}
	return NULL;
}

/* The attributes that decide and are not known yet, "cpu, memory"; NULL: none. The caller frees it.
 */
static char *unknown_attributes(struct json_object *unknown)
{
	char *list = NULL;

	pt_foreach (name, deciding, PT_ARRAY_SIZE(deciding)) {
		if (is_true(member(unknown, *name)))
			list = pt_list_add(list, ", ", *name);
	}
	pt_foreach (setting, settings, PT_ARRAY_SIZE(settings)) {
		struct json_object *block = setting->block ? member(unknown, setting->block) : NULL;

		if ((is_true(block) || is_true(member(block_of(block), setting->member))) &&
			(!list || !strstr(list, setting->block)))
			list = pt_list_add(list, ", ", setting->block);
	}
	return list;
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
	const char *type = text_of(member(resource, "type"));

	return type && PT_WORD_FIND(types, type) >= 0;
}

/* Whether a module of the plan has the mapping. */
static bool has_mapping(struct json_object *module, const char *mapping)
{
	struct json_object *resources = member(module, "resources");
	struct json_object *children = member(module, "child_modules");

	for (size_t i = 0; i < items(resources); i++) {
		struct json_object *one = json_object_array_get_idx(resources, i);

		if (is_mapping(one) &&
			pt_streq(text_of(member(member(one, "values"), "name")), mapping))
			return true;
	}
	for (size_t i = 0; i < items(children); i++) {
		if (has_mapping(json_object_array_get_idx(children, i), mapping))
			return true;
	}
	return false;
}

/* Whether the plan makes the mapping, rather than keep or change it. */
static bool makes_mapping(const struct reading *reading, const char *mapping)
{
	for (size_t i = 0; i < items(reading->changes); i++) {
		struct json_object *one = json_object_array_get_idx(reading->changes, i);
		struct json_object *change = member(one, "change");
		struct json_object *actions = member(change, "actions");

		if (is_mapping(one) &&
			pt_streq(text_of(member(member(change, "after"), "name")), mapping))
			return items(actions) &&
			       pt_streq(text_of(json_object_array_get_idx(actions, 0)), "create");
	}
	return has_mapping(reading->planned, mapping);
}

/* The mapping of an entry that the plan makes; NULL: none. The caller frees it. */
static char *new_mapping(const struct reading *reading, const struct pt_guest *guest)
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
	struct json_object *clone = member(values, "clone"), *id = member(values, "clone_id");

	return items(clone) || json_object_is_type(clone, json_type_object) || text_of(clone) ||
	       (text_of(id) && !pt_streq(text_of(id), "0"));
}

/* The guest that it is a clone of, by its number; 0: unknown. */
static unsigned int template_of(struct json_object *values)
{
	const char *vmid = text_of(member(block_of(member(values, "clone")), "vm_id"));
	unsigned int found = 0;

	if (!vmid)
		vmid = text_of(member(values, "clone_id"));
	return vmid && pt_vmid_parse(vmid, &found) ? found : 0;
}

/* Whether the plan makes the resource, rather than keep or change it. A plan may say nothing of
 * changes; a state makes nothing. */
static bool is_made(const struct reading *reading, const char *address)
{
	struct json_object *change = change_of(reading, address);

	return change ? has_action(change, "create") : reading->planned != NULL;
}

/* Why the guest of a plan cannot be judged; NULL: it can. The caller frees it. */
static char *find_trouble(const struct reading *reading, const struct pt_guest *guest,
	struct json_object *values, const char *address)
{
	struct json_object *unknown = member(change_of(reading, address), "after_unknown");
	const char *entries = unknown_entries(unknown, values);
	PT_FREE char *mapping = new_mapping(reading, guest);

	if (mapping)
		return pt_format(
			"its mapping %s is made by the same plan: check it after the apply",
			mapping);
	if (entries)
		return pt_format("its %s is known after apply only", entries);
	if (is_true(member(unknown, "node_name")) || is_true(member(unknown, "target_node")))
		return pt_strdup("its node is known after apply only");
	if (is_true(member(unknown, "machine")) && needs_machine(guest))
		return pt_strdup("its machine is known after apply only");
	if (is_made(reading, address) && is_clone(values) && !pt_guest_get(guest, "machine") &&
		needs_machine(guest))
		return pt_strdup(
			"is a clone without a machine type of its own: that of its template "
			"decides whether pcie and legacy-igd work, so set it");
	return NULL;
}

static int add_guest(struct reading *reading, struct json_object *values, const char *name)
{
	const char *node = text_of(member(values, "node_name"));
	const char *vmid = text_of(member(values, "vm_id"));
	struct pt_guest PT_GUEST *guest = NULL;
	struct pt_guest_query query = *reading->query;
	int r;

	if (!node)
		node = text_of(member(values, "target_node"));
	if (!vmid)
		vmid = text_of(member(values, "vmid"));
	if (name && !(vmid && pt_vmid_parse(vmid, &query.vmid)))
		query.vmid = 0;
	if (name && node && pt_node_name_valid(node))
		query.node = node;
	guest = pt_guest_new(&query, PT_TEXT_CHARS);
	pt_set_text(&guest->name, name);
	r = set_values(reading, guest, values);
	if (r < 0 && !name)
		return r;
	if (name) {
		guest->trouble = find_trouble(reading, guest, values, name);
		guest->unknown =
			unknown_attributes(member(change_of(reading, name), "after_unknown"));
		guest->clone_of =
			is_clone(values) && is_made(reading, name) ? template_of(values) : 0;
	}
	/* of a plan the others count all the same */
	if (r < 0 && !guest->trouble)
		pt_set_text(&guest->trouble, reading->err->text);
	*reading->err = (struct pt_err){0};
	keep(reading, PT_STEAL(guest));
	return 0;
}

static bool is_guest(struct json_object *resource)
{
	const char *mode = text_of(member(resource, "mode"));
	const char *type = text_of(member(resource, "type"));

	return (!mode || pt_streq(mode, "managed")) && type && PT_WORD_FIND(guest_types, type) >= 0;
}

/* A module of a plan, or of a state that 'terraform show' has printed. */
static int add_module(struct reading *reading, struct json_object *module)
{
	struct json_object *resources = member(module, "resources");
	struct json_object *children = member(module, "child_modules");
	int r = 0;

	for (size_t i = 0; r == 0 && i < items(resources); i++) {
		struct json_object *resource = json_object_array_get_idx(resources, i);

		if (is_guest(resource))
			r = add_guest(reading, member(resource, "values"),
				text_of(member(resource, "address")));
	}
	for (size_t i = 0; r == 0 && i < items(children); i++)
		r = add_module(reading, json_object_array_get_idx(children, i));
	return r;
}

/* The name of an instance in a state file: "module.x.proxmox_vm_qemu.y[0]". The caller frees it. */
static char *instance_name(struct json_object *resource, struct json_object *instance)
{
	const char *module = text_of(member(resource, "module"));
	const char *type = text_of(member(resource, "type"));
	const char *name = text_of(member(resource, "name"));
	struct json_object *key = member(instance, "index_key");
	PT_FREE char *index =
		key ? pt_format("[%s]", pt_json_print(key, JSON_C_TO_STRING_PLAIN)) : NULL;

	return pt_format("%s%s%s.%s%s", module ? module : "", module ? "." : "", type,
		name ? name : "", index ? index : "");
}

static int add_state(struct reading *reading, struct json_object *resources)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < items(resources); i++) {
		struct json_object *resource = json_object_array_get_idx(resources, i);
		struct json_object *instances = member(resource, "instances");

		for (size_t at = 0; r == 0 && is_guest(resource) && at < items(instances); at++) {
			struct json_object *instance = json_object_array_get_idx(instances, at);
			PT_FREE char *name = instance_name(resource, instance);

			r = add_guest(reading, member(instance, "attributes"), name);
		}
	}
	return r;
}

/* Guests that the plan removes, or gives another number. */
static void add_gone(struct reading *reading)
{
	for (size_t i = 0; i < items(reading->changes); i++) {
		struct json_object *one = json_object_array_get_idx(reading->changes, i);
		struct json_object *change = member(one, "change");
		const char *vmid = text_of(member(member(change, "before"), "vm_id"));
		unsigned int number;

		if (!vmid)
			vmid = text_of(member(member(change, "before"), "vmid"));
		if (is_guest(one) && has_action(change, "delete") && vmid &&
			pt_vmid_parse(vmid, &number))
			*(unsigned int *)pt_array_grow(&reading->guests->gone,
				&reading->guests->gone_count, sizeof(number)) = number;
	}
}

static int read_terraform(struct reading *reading, struct json_object *json)
{
	struct json_object *values = member(json, "planned_values");
	int r;

	reading->planned = member(values, "root_module");
	reading->changes = member(json, "resource_changes");
	add_gone(reading);
	if (!values)
		values = member(json, "values");
	r = values ? add_module(reading, member(values, "root_module"))
		   : add_state(reading, member(json, "resources"));
	if (r == 0 && !reading->guests->count && !reading->guests->gone_count)
		return pt_err_set(reading->err, -EPROTO,
			"a plan or state of Terraform without a guest: the resources that are read are "
			"those of the types " GUEST_TYPES);
	return r;
}

static bool is_terraform(struct json_object *json)
{
	return member(json, "planned_values") || member(json, "format_version") ||
	       (member(json, "terraform_version") &&
		       (member(json, "values") ||
			       json_object_is_type(member(json, "resources"), json_type_array)));
}

/* As foreign_config, of JSON. */
static const char *foreign_member(struct json_object *json)
{
	const char *what = NULL;

	if (!json_object_is_type(json, json_type_object))
		return NULL;
	json_object_object_foreach(json, key, value)
	{
		(void)value;
		if (pt_hostpci_key(key) >= 0)
			return NULL;
		if (!what)
			what = pt_form_foreign_key(key);
	}
	return what;
}

static int read_object(struct reading *reading, struct json_object *json);

/* Several guests, each as one alone. They are known by their places. */
static int read_array(struct reading *reading, struct json_object *array)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < items(array); i++) {
		const size_t before = reading->guests->count;

		r = read_object(reading, json_object_array_get_idx(array, i));
		if (r < 0)
			return pt_err_wrap(reading->err, "[%zu]", i);
		for (size_t at = before; items(array) > 1 && at < reading->guests->count; at++) {
			PT_FREE char *name = pt_format("[%zu]", i);

			if (!reading->guests->guest[at]->name)
				pt_set_text(&reading->guests->guest[at]->name, name);
		}
	}
	return r;
}

/* The parameters of an Ansible task; NULL: it is none. */
static struct json_object *module_of(struct json_object *json)
{
	if (!json_object_is_type(json, json_type_object))
		return NULL;
	json_object_object_foreach(json, key, value)
	{
		if (pt_ends_with(key, "proxmox_kvm") &&
			json_object_is_type(value, json_type_object))
			return value;
	}
	return NULL;
}

/* Reads an object whose keys are VMIDs. Returns it, or NULL if it is none. */
static struct json_object *by_number(
	struct reading *reading, struct json_object *json, int *ret_result)
{
	const struct pt_guest_query *outer = reading->query;
	struct pt_guest_query query = *outer;

	json_object_object_foreach(json, name, each)
	{
		if (!pt_vmid_parse(name, &query.vmid) ||
			!json_object_is_type(each, json_type_object))
			return NULL;
	}
	*ret_result = 0;
	reading->query = &query;
	json_object_object_foreach(json, key, value)
	{
		if (*ret_result == 0 && pt_vmid_parse(key, &query.vmid))
			*ret_result = read_object(reading, value);
	}
	reading->query = outer;
	return json_object_object_length(json) ? json : NULL;
}

/* Whether each element may be a guest. */
static bool holds_guests(struct json_object *json)
{
	for (size_t i = 0; i < items(json); i++) {
		struct json_object *one = json_object_array_get_idx(json, i);

		if (member(one, "data"))
			one = member(one, "data");
		if (!json_object_is_type(one, json_type_object) || member(one, "key") ||
			member(one, "class") || member(one, "map"))
			return false;
	}
	return items(json);
}

static int read_object(struct reading *reading, struct json_object *json)
{
	struct json_object *data = member(json, "data");
	struct json_object *inner;
	struct pt_guest PT_GUEST *guest = NULL;
	int r;

	if (is_terraform(json))
		return read_terraform(reading, json);
	if (json_object_object_get_ex(json, "data", NULL) && !data)
		return pt_err_set(reading->err, -EINVAL,
			"an answer of the API that holds no data: %s",
			text_of(member(json, "message")) ? text_of(member(json, "message"))
							 : "it was refused");
	if (json_object_is_type(data, json_type_object))
		return read_object(reading, data);
	if (holds_guests(data ? data : json))
		return read_array(reading, data ? data : json);
	if (!json_object_is_type(json, json_type_object) || data)
		return pt_err_set(reading->err, -EINVAL,
			"JSON, but no object with a guest's keys; the API's "
			"/nodes/NODE/qemu/VMID/config has them, not its /pending");
	if (json_object_is_type(member(json, "invocation"), json_type_object))
		return read_object(reading, member(member(json, "invocation"), "module_args"));
	if (find_entries(json))
		return add_guest(reading, json, NULL);
	inner = by_number(reading, json, &r);
	if (inner)
		return r;
	inner = module_of(json);
	if (inner)
		return read_object(reading, inner);
	if (foreign_member(json))
		return pt_err_set(reading->err, -EPROTO, "%s" EXPECTED, foreign_member(json));
	guest = pt_guest_new(reading->query, PT_TEXT_CHARS);
	r = pt_guest_set_all(guest, json, reading->err);
	if (r == 0 && !is_config(guest))
		r = pt_err_set(
			reading->err, -EINVAL, "JSON, but it has no key of a guest's config");
	if (r == 0)
		keep(reading, PT_STEAL(guest));
	return r;
}

static int read_json(struct reading *reading, const char *text, size_t length)
{
	struct json_object PT_JSON *json = pt_json_parse(text, length, reading->err);
	PT_FREE char *twice = NULL;

	if (!json)
		return strstr(text, "\"@level\"")
			       ? pt_err_set(reading->err, -EPROTO,
					 "is the log of 'terraform plan -json'; 'terraform show -json "
					 "PLANFILE' prints the plan")
			       : -EINVAL;
	twice = pt_json_twice(text);
	if (twice)
		return pt_err_set(reading->err, -EINVAL,
			"the key \"%s\" stands there twice: which one counts?", twice);
	return read_object(reading, json);
}

/* NULL: no key is of something else. */
static const char *foreign_config(const struct pt_guest *guest)
{
	const char *what = NULL;

	pt_guest_foreach (key, guest) {
		if (pt_hostpci_key(key.key) >= 0)
			return NULL;
		if (!what)
			what = pt_form_foreign_key(key.key);
	}
	return what;
}

static int read_text(struct reading *reading, const char *text, size_t length)
{
	struct pt_guest PT_GUEST *guest = NULL;
	const char *what = pt_form_what_bytes(text, length);
	int r = 0;

	if (!what)
		what = pt_form_what_text(text + strspn(text, " \t\r\n"));
	if (!what && length > PT_CONFIG_MAX)
		what = "is larger than any guest's config";
	if (!what)
		r = pt_guest_parse(text, length, reading->query, &guest, reading->err);

	if (r == 0 && !what)
		what = foreign_config(guest);
	if (r == 0 && !what && !is_config(guest))
		what = "has no line of a config";
	if (what)
		return pt_err_set(reading->err, -EINVAL, "%s" EXPECTED, what);
	if (r == 0)
		keep(reading, PT_STEAL(guest));
	return r;
}

/* Whether a text begins with the head of a section, "[PENDING]", and not with a list. */
static bool is_section(const char *text)
{
	size_t length = strspn(text + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789_-:");

	return isalpha((unsigned char)text[1]) && text[1 + length] == ']' &&
	       strchr("\r\n", text[2 + length]);
}

int pt_form_read(const char *text, size_t length, const struct pt_guest_query *query,
	struct pt_form_guests *ret, struct pt_err *err)
{
	struct reading reading = {query, ret, err, NULL, NULL};
	size_t at = pt_starts_with(text, MARK) ? strlen(MARK) : 0;

	at += strspn(text + at, " \t\r\n");
	return text[at] == '{' || (text[at] == '[' && !is_section(text + at))
		       ? read_json(&reading, text + at, length - at)
		       : read_text(&reading, text, length);
}
