// SPDX-License-Identifier: AGPL-3.0-or-later
#include <ctype.h>
#include <errno.h>

#include "lib/base/json.h"
#include "pve/config/form.h"
#include "pve/config/hostpci.h"

#define MARK "\xef\xbb\xbf" /* byte order mark, in UTF-8 */
#define EXPECTED                                                                                   \
	"; expected is a guest's config as text or JSON, or what 'terraform show -json' prints"

void pt_form_clear(struct pt_form_guests *guests)
{
	pt_foreach (guest, guests->guest, guests->count)
		pt_guest_free(*guest);
	free(guests->guest);
	free(guests->gone);
	*guests = (struct pt_form_guests){0};
}

/* Keys of a config: their names, and those that have a number behind. */
static const char *const plain_keys[] = {"acpi", "affinity", "agent", "allow-ksm", "amd-sev",
	"arch", "args", "autostart", "balloon", "bios", "boot", "bootdisk", "cdrom", "cicustom",
	"cipassword", "ciupgrade", "ciuser", "citype", "cores", "cpu", "cpulimit", "cpuunits",
	"description", "freeze", "hookscript", "hotplug", "hugepages", "intel-tdx", "ivshmem",
	"keephugepages", "keyboard", "kvm", "localtime", "lock", "machine", "memory", "meta",
	"migrate_downtime", "name", "nameserver", "numa", "onboot", "ostype", "parent",
	"protection", "reboot", "scsihw", "searchdomain", "shares", "smbios1", "smp", "snapstate",
	"snaptime", "sockets", "spice_enhancements", "sshkeys", "startup", "tablet", "tags", "tdf",
	"template", "vcpus", "vga", "vmgenid", "vmstate", "vmstatestorage", "watchdog"};
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

/* A line that means machine may be one of any text. */
static bool has_dropped_entry(const struct pt_guest *guest)
{
	pt_foreach (dropped, guest->dropped, guest->dropped_count) {
		if (!dropped->of_machine)
			return true;
	}
	return false;
}

/* Whether anything in it is of a config. */
static bool is_config(const struct pt_guest *guest)
{
	pt_guest_foreach (key, guest) {
		if (is_key(key.key))
			return true;
	}
	return has_dropped_entry(guest);
}

/* The API's lists of guests and snapshots have these keys as well. */
static bool has_more_than_a_name(const struct pt_guest *guest)
{
	static const char *const names[] = {"name", "description", "lock", "parent", "snapstate",
		"snaptime", "tags", "template", "vmstate"};

	pt_guest_foreach (key, guest) {
		if (is_key(key.key) && PT_WORD_FIND(names, key.key) < 0)
			return true;
	}
	return has_dropped_entry(guest);
}

void pt_form_keep(struct pt_form_reading *reading, struct pt_guest *guest)
{
	struct pt_guest **slot = pt_array_grow(
		&reading->guests->guest, &reading->guests->count, sizeof(struct pt_guest *));

	*slot = guest;
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

/* Says what it is, and, unless that tells already what to do, what is expected. */
static int refuse(struct pt_form_reading *reading, const char *what)
{
	return pt_err_set(reading->err, -EINVAL, "%s%s", what, strstr(what, "; ") ? "" : EXPECTED);
}

static int read_object(struct pt_form_reading *reading, struct json_object *json);

void pt_form_remove(struct pt_form_reading *reading, unsigned int vmid)
{
	struct pt_form_guests *guests = reading->guests;
	size_t count = 0;

	pt_foreach (guest, guests->guest, guests->count) {
		if ((*guest)->vmid == vmid)
			pt_guest_free(*guest);
		else
			guests->guest[count++] = *guest;
	}
	guests->count = count;
	*(unsigned int *)pt_array_grow(&guests->gone, &guests->gone_count, sizeof(vmid)) = vmid;
}

struct pt_guest *pt_form_find(const struct pt_form_reading *reading, unsigned int vmid)
{
	pt_foreach (guest, reading->guests->guest, vmid ? reading->guests->count : 0) {
		if ((*guest)->vmid == vmid)
			return *guest;
	}
	return NULL;
}

void pt_form_judge_number(const struct pt_form_reading *reading, struct pt_guest *guest)
{
	const struct pt_guest *twin = pt_form_find(reading, guest->vmid);

	if (twin && twin != guest && twin->name && !guest->trouble)
		guest->trouble = pt_format("has VMID %u, as %s has: a cluster has each VMID once",
			guest->vmid, twin->name);
}

unsigned int pt_form_vmid(struct json_object *values)
{
	static const char *const names[] = {"vm_id", "vmid", "vmId"};
	unsigned int vmid;

	pt_foreach (name, names, PT_ARRAY_SIZE(names)) {
		const char *text = pt_json_get(values, *name);

		if (text)
			return pt_vmid_parse(text, &vmid) ? vmid : 0;
	}
	return 0;
}

struct pt_guest *pt_form_guest(
	const struct pt_form_reading *reading, struct json_object *values, const char *node)
{
	static const char *const names[] = {"node", "node_name", "target_node", "nodeName"};
	struct pt_guest_query query = *reading->query;
	const unsigned int vmid = pt_form_vmid(values);

	if (vmid)
		query.vmid = vmid;
	for (size_t i = 0; !node && i < PT_ARRAY_SIZE(names); i++)
		node = pt_json_get(values, names[i]);
	if (node && pt_node_name_valid(node))
		query.node = node;
	return pt_guest_new(&query, PT_TEXT_CHARS);
}

/* The values of a provider's resource, or the parameters of Ansible's module, alone. */
static int add_values(struct pt_form_reading *reading, struct json_object *values)
{
	struct pt_guest PT_GUEST *guest = pt_form_guest(reading, values, NULL);
	int r = pt_form_set_values(reading, guest, values);

	if (r == 0)
		pt_form_keep(reading, PT_STEAL(guest));
	return r;
}

/* Names the guests from there on that have no name. */
static void name_guests(struct pt_form_reading *reading, size_t from, const char *name)
{
	for (size_t at = from; at < reading->guests->count; at++) {
		if (!reading->guests->guest[at]->name)
			pt_set_text(&reading->guests->guest[at]->name, name);
	}
}

/* Several guests, each as one alone. They are known by their places. */
static int read_array(struct pt_form_reading *reading, struct json_object *array)
{
	int r = 0;

	if (pt_form_is_ansible(array))
		return pt_form_read_ansible(reading, array);
	for (size_t i = 0; r == 0 && i < pt_json_items(array); i++) {
		struct json_object *one = json_object_array_get_idx(array, i);
		const size_t before = reading->guests->count;
		PT_FREE char *place = pt_format("[%zu]", i);

		r = read_object(reading, one);
		if (r < 0)
			return pt_err_wrap(reading->err, "%s", place);
		if (pt_json_items(array) < 2)
			continue;
		name_guests(reading, before, place);
		if (pt_form_vmid(one) && reading->guests->count > before)
			pt_form_judge_number(reading, reading->guests->guest[before]);
	}
	return r;
}

/* Reads an object whose keys are VMIDs. Returns it, or NULL if it is none. */
static struct json_object *by_number(
	struct pt_form_reading *reading, struct json_object *json, int *ret_result)
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
	for (size_t i = 0; i < pt_json_items(json); i++) {
		struct json_object *one = json_object_array_get_idx(json, i);

		if (pt_json_member(one, "data"))
			one = pt_json_member(one, "data");
		if (!json_object_is_type(one, json_type_object) || pt_json_member(one, "key") ||
			pt_json_member(one, "class") || pt_json_member(one, "map"))
			return false;
	}
	return pt_json_items(json);
}

/* The API's reason, which ends its line. NULL: there is none. The caller frees it. */
static char *message_of(struct json_object *json)
{
	const char *text = pt_json_get(json, "message");

	return text ? pt_strndup(text, strcspn(text, "\r\n")) : NULL;
}

static int read_object(struct pt_form_reading *reading, struct json_object *json)
{
	struct json_object *data = pt_json_member(json, "data");
	PT_FREE char *message = message_of(json);
	struct json_object *inner;
	const char *what;
	struct pt_guest PT_GUEST *guest = NULL;
	int r;

	if (pt_form_is_plan(json))
		return pt_form_read_plan(reading, json);
	if (json_object_object_get_ex(json, "data", NULL) && !data)
		return pt_err_set(reading->err, -EINVAL,
			"an answer of the API that holds no data: %s",
			message ? message : "it was refused");
	if (json_object_is_type(data, json_type_object))
		return read_object(reading, data);
	if (holds_guests(data ? data : json))
		return read_array(reading, data ? data : json);
	if (!json_object_is_type(json, json_type_object) || data)
		return pt_err_set(reading->err, -EINVAL,
			"JSON, but no object with a guest's keys; the API's "
			"/nodes/NODE/qemu/VMID/config has them, not its /pending");
	if (pt_form_is_ansible(json))
		return pt_form_read_ansible(reading, json);
	if (pt_form_entries(json))
		return add_values(reading, json);
	inner = by_number(reading, json, &r);
	if (inner)
		return r;
	what = foreign_member(json);
	if (what)
		return refuse(reading, what);
	guest = pt_form_guest(reading, json, NULL);
	r = pt_guest_set_all(guest, json, reading->err);
	if (r == 0 && !has_more_than_a_name(guest))
		r = pt_err_set(reading->err, -EINVAL,
			is_config(guest)
				? "JSON with the name of a guest or a snapshot, and none of its "
				  "settings; 'pvesh get /nodes/NODE/qemu/VMID/config' has them"
				: "JSON, but it has no key of a guest's config");
	if (r == 0)
		pt_form_keep(reading, PT_STEAL(guest));
	return r;
}

static int read_json(struct pt_form_reading *reading, const char *text, size_t length)
{
	struct json_object PT_JSON *json = pt_json_parse(text, length, reading->err);
	PT_FREE char *twice = NULL;

	if (!json && strstr(text, "\"@level\""))
		return pt_err_set(reading->err, -EPROTO,
			"is the log of 'terraform plan -json'; 'terraform show -json PLANFILE' prints "
			"the plan");
	if (!json && strstr(text, "}\n{"))
		return pt_err_wrap(
			reading->err, "more than one JSON text, which 'jq -s .' makes one of");
	if (!json)
		return -EINVAL;
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

/* Whether at least every other line is one of a config, but for comments and sections. */
static bool is_mostly_config(const char *text)
{
	size_t lines = 0, keys = 0, length;
	const char *line;

	while ((line = pt_config_line(&text, &length))) {
		PT_FREE char *key = pt_strndup(line, strcspn(line, ":\n"));

		if (*line == '#' || strspn(line, " \t\r\n") >= length)
			continue;
		lines++;
		keys += line[strlen(key)] == ':' && is_key(key);
	}
	return keys * 2 >= lines;
}

/* Whether a line has the key of an entry, whatever its value is. */
static bool has_entry(const struct pt_guest *guest)
{
	pt_guest_foreach (key, guest) {
		if (pt_hostpci_key(key.key) >= 0)
			return true;
	}
	pt_foreach (dropped, guest->dropped, guest->dropped_count) {
		if (dropped->kind == PT_DROPPED_VALUE || dropped->kind == PT_DROPPED_KEY)
			return true;
	}
	return false;
}

/* Whether the text is that of a config of which pending changes remove all. */
static bool has_current(const char *text, size_t length, const struct pt_guest_query *query)
{
	struct pt_guest_query current = *query;
	struct pt_guest PT_GUEST *guest = NULL;
	struct pt_err err = {0};

	current.view = PT_VIEW_CURRENT;
	return query->view == PT_VIEW_NEXT &&
	       pt_guest_parse(text, length, &current, &guest, &err) == 0 &&
	       has_more_than_a_name(guest);
}

/* Whether the first section, which begins the text, has lines of a config. */
static bool is_snapshot(const char *text, size_t length, const struct pt_guest_query *query)
{
	const char *head = text + strspn(text, " \t\r\n");
	const char *end = strchr(head, '\n');
	struct pt_guest PT_GUEST *guest = NULL;
	struct pt_err err = {0};

	if (*head != '[' || !end)
		return false;
	return pt_guest_parse(end + 1, length - (size_t)(end + 1 - text), query, &guest, &err) ==
		       0 &&
	       is_config(guest);
}

/* What a text without an entry is; NULL: a config all the same. */
static const char *what_instead(const struct pt_form_reading *reading, const char *text,
	size_t length, const struct pt_guest *guest)
{
	const char *what = foreign_config(guest);

	if (what || (is_mostly_config(text) && (has_more_than_a_name(guest) ||
						       has_current(text, length, reading->query))))
		return what;
	what = pt_form_what_text(text + strspn(text, " \t\r\n"));
	/* a line that means an entry */
	if (what || has_dropped_entry(guest))
		return what;
	if (is_snapshot(text, length, reading->query))
		return "begins with a snapshot; the config that counts stands before the first section";
	return is_config(guest) ? "has hardly a line of a config" : "has no line of a config";
}

static int read_text(struct pt_form_reading *reading, const char *text, size_t length)
{
	struct pt_guest PT_GUEST *guest = NULL;
	const char *what = pt_form_what_bytes(text, length);
	int r;

	if (!what && length > PT_CONFIG_MAX)
		what = "is larger than any guest's config";
	if (what)
		return refuse(reading, what);
	r = pt_guest_parse(text, length, reading->query, &guest, reading->err);
	if (r < 0)
		return r;
	what = has_entry(guest) ? NULL : what_instead(reading, text, length, guest);
	if (what)
		return refuse(reading, what);
	pt_form_keep(reading, PT_STEAL(guest));
	return 0;
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
	struct pt_form_reading reading = {query, ret, err, NULL, NULL};
	size_t at = pt_starts_with(text, MARK) ? strlen(MARK) : 0;

	at += strspn(text + at, " \t\r\n");
	return text[at] == '{' || (text[at] == '[' && !is_section(text + at))
		       ? read_json(&reading, text + at, length - at)
		       : read_text(&reading, text, length);
}
