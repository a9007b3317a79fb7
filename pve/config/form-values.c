// SPDX-License-Identifier: AGPL-3.0-or-later
/* The values of a provider's resource, and the parameters of an Ansible module.
 * Sources of the names: bpg/terraform-provider-proxmox, virtual_environment_vm;
 * Telmate/terraform-provider-proxmox, vm_qemu; community.proxmox, proxmox_kvm. */
#include <errno.h>

#include "lib/base/json.h"
#include "pve/config/form.h"
#include "pve/config/hostpci.h"

/* Names that providers have for keys of Proxmox VE, or for members of blocks of them. */
static const struct {
	const char *block, *member, *key; /* block NULL: no block around it */
} settings[] = {
	{NULL, "on_boot", "onboot"},
	{NULL, "start_at_node_boot", "onboot"},
	{NULL, "hook_script_file_id", "hookscript"},
	{NULL, "kvm_arguments", "args"},
	{NULL, "cpu_type", "cpu"},
	/* as Pulumi writes bpg's names */
	{NULL, "onBoot", "onboot"},
	{NULL, "hookScriptFileId", "hookscript"},
	{NULL, "kvmArguments", "args"},
	{"operatingSystem", "type", "ostype"},
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

/* Some providers write a single block as an object, others as a list of one. */
struct json_object *pt_form_block(struct json_object *value)
{
	return json_object_is_type(value, json_type_array) ? json_object_array_get_idx(value, 0)
							   : value;
}

static void set_text(struct pt_guest *guest, const char *key, const char *value)
{
	if (value)
		pt_guest_set(guest, key, value, strlen(value));
}

/* Whether it is an id that Telmate's provider writes with what is missing before its number. */
static bool needs_prefix(const char *key, const char *value)
{
	return pt_ends_with(key, "-id") && strncasecmp(value, "0x", 2) != 0;
}

/* A block as Proxmox VE's text, "host=0000:01:00,pcie=1". The caller frees it. */
static char *entry_text(struct json_object *block)
{
	char *text = NULL;

	pt_foreach (property, properties, PT_ARRAY_SIZE(properties)) {
		struct json_object *value = pt_json_member(block, property->member);
		const char *is = pt_json_scalar(value);
		PT_FREE char *part = NULL;

		/* Telmate's id is the number of the entry */
		if (!is || (pt_streq(property->member, "id") &&
				   !json_object_is_type(value, json_type_string)))
			continue;
		if (property->is_flag && pt_streq(is, "0") && !pt_streq(property->key, "rombar"))
			continue;
		part = pt_format(
			"%s=%s%s", property->key, needs_prefix(property->key, is) ? "0x" : "", is);
		text = pt_list_add(text, ",", part);
	}
	return text;
}

/* The key of an entry: it says so itself, else its place in the list counts. One that there is not
 * is judged as such. The caller frees it. */
static char *entry_key(struct json_object *block, size_t place)
{
	struct json_object *id = pt_json_member(block, "id");
	const char *device = pt_json_get(block, "device");

	if (device)
		return pt_strdup(device);
	return json_object_is_type(id, json_type_int)
		       ? pt_format("hostpci%lld", (long long)json_object_get_int64(id))
		       : pt_format("hostpci%zu", place);
}

/* A text that its program has not filled in: an expression, or Pulumi's mark for what is not known
 * yet (UnknownStringValue of its SDK). */
static int refuse_unfilled(const struct pt_form_reading *reading, const char *key, const char *text)
{
	if (text && strstr(text, "{{"))
		return pt_err_set(reading->err, -EPROTO,
			"its %s is a Jinja expression, which Ansible has not filled in", key);
	if (text && pt_streq(text, "04da6b54-80e4-46f7-96ec-b56ff0331ba9"))
		return pt_err_set(
			reading->err, -EPROTO, "its %s is known after the deployment only", key);
	return 0;
}

static int set_entry(struct pt_form_reading *reading, struct pt_guest *guest, const char *list,
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
	json_object_object_foreach(block, name, value)
	{
		if (refuse_unfilled(reading, name, pt_json_scalar(value)) < 0)
			return -EPROTO;
	}
	/* what is known after apply only is left out of a plan; one that lists it has been asked */
	if ((!text || (!strstr(text, "host=") && !strstr(text, "mapping="))) && !reading->changes)
		return pt_err_set(reading->err, -EPROTO,
			"%s[%zu] names no device; is it known after apply only?", list, place);
	set_text(guest, key, text ? text : "pcie=0");
	return 0;
}

/* Whether the object is an entry itself: some write a single one without a list. */
static bool is_entry(struct json_object *object)
{
	pt_foreach (property, properties, PT_ARRAY_SIZE(properties)) {
		if (pt_json_scalar(pt_json_member(object, property->member)))
			return true;
	}
	return pt_json_get(object, "device");
}

/* Sets the entry that stands under the name "pci0": {"raw": {...}}, {"mapping": {...}}, or {...}.
 */
static int set_numbered(struct pt_form_reading *reading, struct pt_guest *guest, const char *name,
	struct json_object *block)
{
	struct json_object *raw = pt_form_block(pt_json_member(block, "raw"));
	struct json_object *mapping = pt_form_block(pt_json_member(block, "mapping"));
	PT_FREE char *key = pt_format("host%s", name);
	size_t place;

	/* one that there is not is judged as such */
	if (!pt_starts_with(name, "pci") || pt_hostpci_key(key) < 0)
		return pt_err_set(
			reading->err, -EPROTO, "'%s' is no entry; there are pci0 to pci15", name);
	place = (size_t)pt_hostpci_key(key);
	if (is_entry(block))
		return set_entry(reading, guest, name, block, place);
	if (raw && mapping)
		return pt_err_set(reading->err, -EPROTO,
			"%s names a device and a mapping: it can have one of them", name);
	return raw || mapping ? set_entry(reading, guest, name, raw ? raw : mapping, place) : 0;
}

/* Telmate's {"pci0": [{"raw": [{...}]}]}. */
static int set_all_numbered(
	struct pt_form_reading *reading, struct pt_guest *guest, struct json_object *numbered)
{
	json_object_object_foreach(numbered, name, value)
	{
		int r = pt_form_block(value)
				? set_numbered(reading, guest, name, pt_form_block(value))
				: 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* Whether a line with this key would be told as one that means an entry. */
static bool means_entry(const struct pt_form_reading *reading, const char *key)
{
	struct pt_guest PT_GUEST *guest = pt_guest_new(reading->query, PT_TEXT_CHARS);

	pt_guest_set(guest, key, "", 0);
	return guest->dropped_count || pt_hostpci_key(key) >= 0;
}

/* {"hostpci0": "host=01:00"}: each key has to be an entry, or look like one. */
static int set_dictionary(
	struct pt_form_reading *reading, struct pt_guest *guest, struct json_object *entries)
{
	json_object_object_foreach(entries, key, value)
	{
		if (!means_entry(reading, key))
			return pt_err_set(reading->err, -EPROTO,
				"hostpci: '%s' is no entry; there are hostpci0 to hostpci15", key);
		if (refuse_unfilled(reading, key, pt_json_scalar(value)) < 0)
			return -EPROTO;
	}
	return pt_guest_set_all(guest, entries, reading->err);
}

/* A list of blocks, or a dictionary of Proxmox VE's own keys. */
static int set_entries(struct pt_form_reading *reading, struct pt_guest *guest, const char *list,
	struct json_object *value)
{
	int r = 0;

	if (json_object_is_type(value, json_type_object)) {
		/* Ansible has no such way */
		if (!pt_streq(list, "hostpci") && is_entry(value))
			return set_entry(reading, guest, list, value, 0);
		return pt_starts_with(list, "hostpci") ? set_dictionary(reading, guest, value)
						       : set_all_numbered(reading, guest, value);
	}
	for (size_t i = 0; r == 0 && i < pt_json_items(value); i++) {
		struct json_object *one = json_object_array_get_idx(value, i);

		r = pt_streq(list, "pcis") ? set_all_numbered(reading, guest, one)
					   : set_entry(reading, guest, list, one, i);
	}
	return r;
}

/* The entries of a list; Ansible takes them as the text of JSON as well. NULL: it is no list. The
 * caller puts it back. */
static struct json_object *entries_of(struct json_object *value)
{
	struct json_object *json;

	if (!json_object_is_type(value, json_type_string)) {
		json = json_object_get(value);
	} else {
		const char *text = json_object_get_string(value);

		json = *text == '{' ? pt_json_parse(text, strlen(text), NULL) : NULL;
	}
	if (json_object_is_type(json, json_type_array) ||
		json_object_is_type(json, json_type_object))
		return json;
	json_object_put(json);
	return NULL;
}

const char *pt_form_entries(struct json_object *json)
{
	pt_foreach (list, entry_lists, PT_ARRAY_SIZE(entry_lists)) {
		struct json_object *value = pt_json_member(json, *list);
		struct json_object PT_JSON *entries = entries_of(value);

		if (entries || pt_json_scalar(value))
			return *list;
	}
	return NULL;
}

/* bpg's blocks of the guest's NUMA nodes. */
static void set_numa(struct pt_guest *guest, struct json_object *blocks)
{
	static const char *const names[] = {"cpus", "hostnodes", "memory", "policy"};

	for (size_t i = 0; i < pt_json_items(blocks); i++) {
		struct json_object *block = json_object_array_get_idx(blocks, i);
		const char *key = pt_json_get(block, "device");
		PT_FREE char *text = NULL;

		for (size_t at = 0; at < PT_ARRAY_SIZE(names); at++) {
			const char *is = pt_json_get(block, names[at]);
			PT_FREE char *part = is ? pt_format("%s=%s", names[at], is) : NULL;

			if (part)
				text = pt_list_add(text, ",", part);
		}
		if (key && text && pt_starts_with(key, "numa") && key[4])
			set_text(guest, key, text);
	}
}

/* An entry within the list and beside it: which one counts? */
static int refuse_twice(const struct pt_form_reading *reading, struct json_object *values,
	struct json_object *entries)
{
	if (!json_object_is_type(entries, json_type_object))
		return 0;
	json_object_object_foreach(entries, key, value)
	{
		if (pt_hostpci_key(key) >= 0 && value && pt_json_member(values, key))
			return pt_err_set(reading->err, -EPROTO, "%s stands there twice", key);
	}
	return 0;
}

/* Attributes of providers that decide about passthrough, or where; blocks have more. */
static const char *const deciding[] = {"args", "balloon", "bios", "cpu_type", "hook_script_file_id",
	"hookscript", "kvm_arguments", "machine", "numa"};

/* Whether a parameter decides about passthrough, or about which guest it is. */
static bool decides(const char *key)
{
	static const char *const others[] = {"clone", "cpu", "hugepages", "memory", "node",
		"node_name", "ostype", "target_node", "vga", "vm_id", "vmid"};

	return PT_WORD_FIND(deciding, key) >= 0 || PT_WORD_FIND(others, key) >= 0 ||
	       PT_WORD_FIND(entry_lists, key) >= 0 || pt_hostpci_key(key) >= 0;
}

/* The values of a provider's resource. Blocks that have nothing to do with a start are left out. */
int pt_form_set_values(
	struct pt_form_reading *reading, struct pt_guest *guest, struct json_object *values)
{
	int r = 0;

	if (!json_object_is_type(values, json_type_object))
		return pt_err_set(reading->err, -EPROTO, "has no values");
	json_object_object_foreach(values, key, value)
	{
		const char *text = pt_json_scalar(value);

		if (decides(key) && refuse_unfilled(reading, key, text) < 0)
			return -EPROTO;
		if (PT_WORD_FIND(entry_lists, key) < 0)
			set_text(guest, key, text);
	}
	pt_foreach (setting, settings, PT_ARRAY_SIZE(settings)) {
		struct json_object *block =
			setting->block ? pt_form_block(pt_json_member(values, setting->block))
				       : values;
		const char *text = pt_json_get(block, setting->member);

		/* bpg's way of saying none */
		if (text && !(pt_streq(setting->key, "balloon") && pt_streq(text, "0")))
			set_text(guest, setting->key, text);
	}
	set_numa(guest, pt_json_member(values, "numa"));
	pt_foreach (list, entry_lists, PT_ARRAY_SIZE(entry_lists)) {
		struct json_object *given = pt_json_member(values, *list);
		struct json_object PT_JSON *entries = entries_of(given);

		if (r == 0 && entries)
			r = refuse_twice(reading, values, entries);
		if (r == 0 && entries)
			r = set_entries(reading, guest, *list, entries);
		else if (r == 0 && pt_json_scalar(given))
			r = pt_err_set(reading->err, -EPROTO,
				"its %s is no list of entries: write it as a dictionary, "
				"{\"hostpci0\": \"host=...\"}",
				*list);
	}
	return r;
}

/* Whether is() holds of a value, or of anything within it. */
static bool any_within(struct json_object *value, bool (*is)(struct json_object *value))
{
	if (is(value))
		return true;
	for (size_t i = 0; i < pt_json_items(value); i++) {
		if (any_within(json_object_array_get_idx(value, i), is))
			return true;
	}
	if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, key, inner)
		{
			(void)key;
			if (any_within(inner, is))
				return true;
		}
	}
	return false;
}

static bool is_scalar(struct json_object *value)
{
	return pt_json_scalar(value) != NULL;
}
static bool has_scalar(struct json_object *value)
{
	return any_within(value, is_scalar);
}

bool pt_form_is_unknown(struct json_object *unknown)
{
	return any_within(unknown, pt_json_is_true);
}

/* The list of entries of the resource that is not known yet; NULL: none. Providers take one list.
 */
const char *pt_form_unknown_entries(struct json_object *unknown, struct json_object *values)
{
	const char *set = NULL;

	/* Terraform prints lists that are not used as empty ones */
	pt_foreach (list, entry_lists, PT_ARRAY_SIZE(entry_lists)) {
		if (!set && has_scalar(pt_json_member(values, *list)))
			set = *list;
	}
	pt_foreach (list, entry_lists, PT_ARRAY_SIZE(entry_lists)) {
		if (pt_form_is_unknown(pt_json_member(unknown, *list)) &&
			(!set || pt_streq(set, *list)))
			return *list;
	}
	return NULL;
}

/* The attributes that decide and are not known yet, "cpu, memory"; NULL: none. The caller frees it.
 */
char *pt_form_unknown_attributes(struct json_object *unknown)
{
	char *list = NULL;

	pt_foreach (name, deciding, PT_ARRAY_SIZE(deciding)) {
		if (pt_json_is_true(pt_json_member(unknown, *name)))
			list = pt_list_add(list, ", ", *name);
	}
	pt_foreach (setting, settings, PT_ARRAY_SIZE(settings)) {
		struct json_object *block;

		if (!setting->block)
			continue;
		block = pt_json_member(unknown, setting->block);
		if ((pt_json_is_true(block) || pt_json_is_true(pt_json_member(
						       pt_form_block(block), setting->member))) &&
			(!list || !strstr(list, setting->block)))
			list = pt_list_add(list, ", ", setting->block);
	}
	return list;
}
