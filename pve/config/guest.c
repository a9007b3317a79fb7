// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/base/json.h"
#include "pve/config/args.h"
#include "pve/config/guest.h"
#include "pve/config/hostpci.h"

#define LETTERS	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	    "0123456789"
#define DEFAULT_MIB 512
#define VERSION	    "[0-9]+(\\.[0-9]+)+(\\+pve[0-9]+)?"

/* Source: qemu-server, QemuServer/Machine.pm, $machine_fmt. */
static const struct pt_prop_key machine_keys[] = {
	{"type", PT_PROP_PATTERN,
		"^(pc|pc(-i440fx)?-" VERSION "(\\.pxe)?|q35|pc-q35-" VERSION
		"(\\.pxe)?|virt(-" VERSION ")?)$",
		"a machine type like q35, pc or pc-q35-9.2+pve1", .is_default = true},
	{"viommu", PT_PROP_PATTERN, "^(intel|virtio)$", "intel or virtio"},
	{"enable-s3", PT_PROP_BOOLEAN},
	{"enable-s4", PT_PROP_BOOLEAN},
	{"aw-bits", PT_PROP_PATTERN, "^(3[2-9]|[45][0-9]|6[0-4])$", "a number from 32 to 64"},
};
static const struct pt_prop_schema machine_schema = {machine_keys, PT_ARRAY_SIZE(machine_keys)};

bool pt_vmid_parse(const char *text, unsigned int *ret)
{
	size_t length = strlen(text);
	unsigned long vmid;

	if (length < 3 || length > 9 || strspn(text, DIGITS) != length || text[0] == '0')
		return false;
	vmid = strtoul(text, NULL, 10);
	if (vmid > PT_VMID_MAX)
		return false;
	*ret = (unsigned int)vmid;
	return true;
}

bool pt_vmid_of_config(const char *name, unsigned int *ret)
{
	PT_FREE char *vmid = pt_strndup(name, strcspn(name, "."));

	return pt_streq(name + strlen(vmid), ".conf") && pt_vmid_parse(vmid, ret);
}

bool pt_node_name_valid(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length < PT_NODE_TEXT && name[0] != '-' && name[length - 1] != '-' &&
	       strspn(name, LETTERS DIGITS "-") == length;
}

bool pt_snapshot_name_valid(const char *name)
{
	size_t length = strlen(name);

	return length > 1 && length <= 40 && strchr(LETTERS, name[0]) &&
	       strspn(name, LETTERS DIGITS "_-") == length;
}

int pt_node_name(const struct pt_host *host, char ret[static PT_NODE_TEXT], struct pt_err *err)
{
	char name[256] = "";
	PT_FREE char *line = NULL;
	int r = 0;

	if (pt_host_is_live(host))
		r = gethostname(name, sizeof(name) - 1) < 0 ? -errno : 0;
	else
		r = pt_host_read_line(host, "/etc/hostname", &line);
	if (r < 0)
		return pt_err_errno(err, r, "the node's name");
	if (line)
		snprintf(name, sizeof(name), "%s", line);
	name[strcspn(name, ".")] = '\0';
	if (!pt_node_name_valid(name))
		return pt_err_set(err, -EINVAL, "the host's name '%s' cannot be a node's", name);
	memcpy(ret, name, strlen(name) + 1);
	return 0;
}

struct pt_guest *pt_guest_new(const struct pt_guest_query *query, enum pt_text encoding)
{
	struct pt_guest *guest = pt_calloc(1, sizeof(*guest));

	guest->vmid = query->vmid;
	guest->encoding = encoding;
	guest->keys = pt_json_object();
	snprintf(guest->node, sizeof(guest->node), "%s", query->node);
	return guest;
}

static void clear_dropped(struct pt_guest_dropped *dropped)
{
	free(dropped->value);
	free(dropped->why);
}

void pt_guest_free(struct pt_guest *guest)
{
	if (!guest)
		return;
	json_object_put(guest->keys);
	free(guest->name);
	free(guest->clone_of_name);
	free(guest->clone_from);
	free(guest->trouble);
	free(guest->unknown);
	pt_foreach (dropped, guest->dropped, guest->dropped_count)
		clear_dropped(dropped);
	free(guest->dropped);
	free(guest);
}

void pt_guest_free_p(struct pt_guest **guest)
{
	pt_guest_free(PT_STEAL(*guest));
}

static struct pt_guest_key key_at(const struct lh_entry *entry)
{
	struct json_object *value;

	if (!entry)
		return (struct pt_guest_key){0};
	value = lh_entry_v(entry);
	return (struct pt_guest_key){
		.key = lh_entry_k(entry),
		.value = json_object_get_string(value),
		.length = (size_t)json_object_get_string_len(value),
		.entry = entry,
	};
}

struct pt_guest_key pt_guest_first_key(const struct pt_guest *guest)
{
	return key_at(lh_table_head(json_object_get_object(guest->keys)));
}

struct pt_guest_key pt_guest_next_key(const struct pt_guest_key *key)
{
	return key_at(lh_entry_next(key->entry));
}

struct pt_guest_key pt_guest_find_key(const struct pt_guest *guest, const char *name)
{
	return key_at(lh_table_lookup_entry(json_object_get_object(guest->keys), name));
}

const char *pt_guest_get(const struct pt_guest *guest, const char *key)
{
	return json_object_get_string(json_object_object_get(guest->keys, key));
}

/* Another setting, or a deletion, replaces bad values among the older ones. */
static void forget_dropped(struct pt_guest *guest, const char *key, size_t older)
{
	int index = pt_hostpci_key(key);
	size_t count = 0;

	for (size_t i = 0; i < guest->dropped_count; i++) {
		const struct pt_guest_dropped *dropped = &guest->dropped[i];
		bool of_key = dropped->kind >= PT_DROPPED_MACHINE
				      ? pt_streq(key, "machine")
				      : dropped->kind != PT_DROPPED_LINE && dropped->index == index;

		if (of_key && i < older)
			clear_dropped(&guest->dropped[i]);
		else
			guest->dropped[count++] = guest->dropped[i];
	}
	guest->dropped_count = count;
}

void pt_guest_unset(struct pt_guest *guest, const char *key)
{
	forget_dropped(guest, key, guest->dropped_count);
	json_object_object_del(guest->keys, key);
}

void pt_guest_note_dropped(struct pt_guest *guest, enum pt_dropped_kind kind, int index,
	const char *value, size_t length, const char *why)
{
	struct pt_guest_dropped *slot =
		pt_array_grow(&guest->dropped, &guest->dropped_count, sizeof(*slot));

	*slot = (struct pt_guest_dropped){
		.kind = kind, .index = index, .value = pt_strndup(value, length)};
	pt_set_text(&slot->why, why);
}

/* Whether the value's only trouble is keys that this version does not know. */
static bool has_only_unknown_keys(const struct pt_props *props)
{
	bool only = props->verdict == PT_PROP_FORMAT && !props->missing;

	pt_foreach (prop, props->prop, props->count)
		only &= !prop->malformed;
	return only;
}

/* Notes what is wrong with a value of machine, as its kind where that is known. Returns whether it
 * counts here: a newer Proxmox VE may know the key. */
static bool judge_machine(struct pt_guest *guest, const char *value, size_t length)
{
	struct pt_props PT_PROPS props = {0};
	struct pt_err err = {0};
	bool counts;

	pt_props_parse(&machine_schema, value, length, guest->encoding, &props);
	if (props.verdict == PT_PROP_OK)
		return true;
	counts = has_only_unknown_keys(&props);
	pt_props_explain(&machine_schema, &props, &err);
	pt_guest_note_dropped(guest, counts ? PT_DROPPED_MACHINE_KEY : PT_DROPPED_MACHINE, -1,
		value, length, err.text);
	return counts;
}

static bool judge_hostpci(struct pt_guest *guest, int index, const char *value, size_t length)
{
	struct pt_props PT_PROPS props = {0};
	struct pt_err err = {0};

	pt_props_parse(&pt_hostpci_schema, value, length, guest->encoding, &props);
	if (props.verdict == PT_PROP_OK)
		return true;
	pt_props_explain(&pt_hostpci_schema, &props, &err);
	pt_guest_note_dropped(guest,
		has_only_unknown_keys(&props) ? PT_DROPPED_KEY : PT_DROPPED_VALUE, index, value,
		length, err.text);
	return false;
}

/* Whether Proxmox VE keeps the value of a key; a bad one of hostpciN or machine is noted. */
static bool keeps(struct pt_guest *guest, const char *key, const char *value, size_t length)
{
	int index = pt_hostpci_key(key);
	PT_FREE char *line = NULL;

	if (pt_streq(key, "machine"))
		return judge_machine(guest, value, length);
	if (index >= 0)
		return judge_hostpci(guest, index, value, length);
	line = pt_format("%s: %.*s", key, (int)length, value);
	pt_guest_judge_line(guest, line, strlen(line));
	return !pt_starts_with(key, "hostpci");
}

void pt_guest_set(struct pt_guest *guest, const char *key, const char *value, size_t length)
{
	size_t older = guest->dropped_count;

	if (!keeps(guest, key, value, length))
		return;
	forget_dropped(guest, key, older);
	pt_json_add(guest->keys, key, pt_json_bytes(value, length));
}

void pt_guest_drop_again(struct pt_guest *guest, const struct pt_guest_dropped *dropped)
{
	const size_t length = strlen(dropped->value);
	size_t at = guest->dropped_count;
	char key[16];

	switch (dropped->kind) {
	case PT_DROPPED_VALUE:
	case PT_DROPPED_KEY:
		snprintf(key, sizeof(key), "hostpci%d", dropped->index);
		pt_guest_set(guest, key, dropped->value, length);
		break;
	case PT_DROPPED_LINE:
		pt_guest_judge_line(guest, dropped->value, length);
		break;
	case PT_DROPPED_MACHINE:
	case PT_DROPPED_MACHINE_KEY:
		judge_machine(guest, dropped->value, length);
		/* Proxmox VE has answered whether it knows the key */
		if (at < guest->dropped_count)
			guest->dropped[at].kind = dropped->kind;
		break;
	}
}

struct pt_guest *pt_guest_copy(const struct pt_guest *guest)
{
	struct pt_guest_query query = {.vmid = guest->vmid, .node = guest->node};
	struct pt_guest *copy = pt_guest_new(&query, guest->encoding);

	pt_set_text(&copy->name, guest->name);
	pt_guest_foreach (key, guest)
		pt_json_add(copy->keys, key.key, pt_json_bytes(key.value, key.length));
	pt_foreach (dropped, guest->dropped, guest->dropped_count)
		pt_guest_drop_again(copy, dropped);
	return copy;
}

static int set_json(
	struct pt_guest *guest, const char *key, struct json_object *value, struct pt_err *err)
{
	const char *text;
	size_t length;

	switch (json_object_get_type(value)) {
	case json_type_string:
		text = json_object_get_string(value);
		length = (size_t)json_object_get_string_len(value);
		break;
	case json_type_boolean:
		text = json_object_get_boolean(value) ? "1" : "0";
		length = 1;
		break;
	case json_type_int:
	case json_type_double:
		text = pt_json_print(value, JSON_C_TO_STRING_SPACED);
		length = strlen(text);
		break;
	case json_type_null:
		return 0; /* not set */
	default:
		/* a value that is skipped is a device that nobody protects */
		return pt_err_set(err, -EPROTO, "\"%s\" is neither text nor number", key);
	}
	/* as a line of the config without a value */
	if (!length && pt_hostpci_key(key) >= 0) {
		PT_FREE char *line = pt_format("%s:", key);

		pt_guest_judge_line(guest, line, strlen(line));
		return 0;
	}
	pt_guest_set(guest, key, text, length);
	return 0;
}

int pt_guest_set_all(struct pt_guest *guest, struct json_object *json, struct pt_err *err)
{
	json_object_object_foreach(json, key, value)
	{
		int r = set_json(guest, key, value, err);

		if (r < 0)
			return r;
	}
	return 0;
}

bool pt_guest_has_hostpci(const struct pt_guest *guest)
{
	PT_FREE char *devices = pt_args_devices(pt_guest_get(guest, "args"));

	pt_guest_foreach (key, guest) {
		if (pt_hostpci_key(key.key) >= 0)
			return true;
	}
	pt_foreach (dropped, guest->dropped, guest->dropped_count) {
		if (dropped->kind < PT_DROPPED_MACHINE && !dropped->of_machine)
			return true;
	}
	return devices;
}

uint64_t pt_guest_memory(const struct pt_guest *guest)
{
	const char *text = pt_guest_get(guest, "memory");

	if (text && pt_starts_with(text, "current="))
		text += strlen("current=");
	return (text ? strtoull(text, NULL, 10) : DEFAULT_MIB) << 20;
}

void pt_guest_machine(const struct pt_guest *guest, struct pt_machine *ret)
{
	struct pt_props PT_PROPS props = {0};
	const char *machine = pt_guest_get(guest, "machine");
	const char *type, *viommu, *aw_bits;

	*ret = (struct pt_machine){0};
	if (!machine)
		return;
	pt_props_parse(&machine_schema, machine, strlen(machine), guest->encoding, &props);
	type = pt_props_get(&props, "type");
	viommu = pt_props_get(&props, "viommu");
	aw_bits = pt_props_get(&props, "aw-bits");
	ret->is_q35 = type && strstr(type, "q35");
	if (!type || sscanf(type, "pc-q35-%u.%u", &ret->major, &ret->minor) != 2)
		ret->major = ret->minor = 0;
	if (viommu)
		ret->viommu = pt_streq(viommu, "intel") ? PT_VIOMMU_INTEL : PT_VIOMMU_VIRTIO;
	snprintf(ret->aw_bits, sizeof(ret->aw_bits), "%.15s", aw_bits ? aw_bits : "");
}

bool pt_guest_is_q35(const struct pt_guest *guest)
{
	struct pt_machine machine;

	pt_guest_machine(guest, &machine);
	return machine.is_q35;
}

char *pt_guest_cpu(const struct pt_guest *guest, const char *property)
{
	return pt_prop_of(pt_guest_get(guest, "cpu"), property, pt_streq(property, "cputype"));
}

bool pt_guest_is_template(const struct pt_guest *guest)
{
	return pt_streq(pt_guest_get(guest, "template"), "1");
}

static int compare_key(const char *key, const struct pt_guest *reply, const struct pt_guest *text,
	struct pt_err *err)
{
	const char *theirs = pt_guest_get(reply, key), *ours = pt_guest_get(text, key);

	if (pt_streq(theirs, ours))
		return 0;
	/* which may hold secrets */
	if (pt_streq(key, "args"))
		return pt_err_set(err, -EPROTO,
			"the API's reply has other 'args' than the config file of guest %u; were "
			"they just changed, or is it another guest's?",
			text->vmid);
	return pt_err_set(err, -EPROTO,
		"the API's reply has %s '%s', but the config file of guest %u has '%s'; was it "
		"just changed, or is it another guest's?",
		key, theirs ? theirs : "", text->vmid, ours ? ours : "");
}

/* The API's reply must name the devices of the file: else it is another guest's, or an old one. */
static int compare_devices(
	const struct pt_guest *reply, const struct pt_guest *text, struct pt_err *err)
{
	int r = compare_key("template", reply, text, err);

	if (r == 0)
		r = compare_key("args", reply, text, err);
	for (int i = 0; r == 0 && i < PT_HOSTPCI_MAX; i++) {
		char key[16];

		snprintf(key, sizeof(key), "hostpci%d", i);
		r = compare_key(key, reply, text, err);
	}
	return r;
}

/* Compares the API's reply with the file, and adds the dropped lines, which only that shows. */
static int complete(struct pt_guest *reply, struct pt_guest *text, struct pt_err *err)
{
	int r = compare_devices(reply, text, err);

	if (r < 0)
		return r;
	pt_foreach (dropped, reply->dropped, reply->dropped_count)
		clear_dropped(dropped);
	free(reply->dropped);
	reply->dropped = PT_STEAL(text->dropped);
	reply->dropped_count = text->dropped_count;
	text->dropped_count = 0;
	pt_foreach (dropped, reply->dropped, reply->dropped_count) {
		/* it does not know the key */
		if (dropped->kind == PT_DROPPED_MACHINE_KEY && !pt_guest_get(reply, "machine"))
			dropped->kind = PT_DROPPED_MACHINE;
	}
	return 0;
}

static int read_api(const struct pt_host *host, const struct pt_guest_query *query, int budget_ms,
	struct pt_guest **ret, struct pt_err *err)
{
	struct pt_guest PT_GUEST *reply = NULL;
	struct pt_guest PT_GUEST *text = NULL;
	int r = pt_guest_from_api(host, query, budget_ms, &reply, err);

	if (r == 0 && pt_guest_from_file(host, query, &text, NULL) == 0)
		r = complete(reply, text, err);
	if (r == 0)
		*ret = PT_STEAL(reply);
	return r;
}

/* The API has these beside the settings: one it makes, one stands in comments of the file. */
static bool is_no_setting(const char *key)
{
	return pt_streq(key, "digest") || pt_streq(key, "description");
}

static size_t count_settings(const struct pt_guest *guest)
{
	size_t count = 0;

	pt_guest_foreach (key, guest)
		count += !is_no_setting(key.key);
	return count;
}

/* Whether both have the same settings. Other letters mean one text to the API and another to the
 * file: see enum pt_text. */
static bool is_same(const struct pt_guest *one, const struct pt_guest *other)
{
	pt_guest_foreach (key, one) {
		const char *value = pt_guest_get(one, key.key);

		if (!is_no_setting(key.key) &&
			(!pt_is_ascii(value, strlen(value)) ||
				!pt_streq(value, pt_guest_get(other, key.key))))
			return false;
	}
	return count_settings(one) == count_settings(other);
}

int pt_guest_hear(const struct pt_host *host, struct pt_guest_asking *asking,
	struct pt_guest **guest, struct pt_err *err)
{
	struct pt_guest PT_GUEST *reply = NULL;
	struct pt_err api_err = {0};
	int r = pt_guest_hear_api(asking, &reply, &api_err);

	if (r == 0 && *guest && is_same(reply, *guest))
		return 0;
	if (r == 0 && *guest)
		r = complete(reply, *guest, &api_err);
	if (r < 0 && !*guest)
		return pt_err_wrap(
			err, "neither the API (%s) nor the file can be read", api_err.text);
	if (r < 0) {
		pt_log(pt_host_log(host), PT_LOG_WARNING, "%s; the config file is used instead",
			api_err.text);
		return 0;
	}
	pt_guest_free(*guest);
	*guest = PT_STEAL(reply);
	/* that the file cannot be read is no error then */
	if (err)
		*err = (struct pt_err){0};
	return 1;
}

int pt_guest_read(const struct pt_host *host, const struct pt_guest_query *query,
	enum pt_guest_source source, int budget_ms, struct pt_guest **ret, struct pt_err *err)
{
	struct pt_guest PT_GUEST *guest = NULL;
	struct pt_guest_asking asking;
	int r;

	if (source == PT_SOURCE_FILE)
		return pt_guest_from_file(host, query, ret, err);
	if (source == PT_SOURCE_API)
		return read_api(host, query, budget_ms, ret, err);
	pt_guest_ask_api(host, query, budget_ms, &asking);
	pt_guest_from_file(host, query, &guest, err);
	r = pt_guest_hear(host, &asking, &guest, err);
	if (r < 0)
		return r;
	*ret = PT_STEAL(guest);
	return 0;
}
