// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/args.h"
#include "pve/config/hostpci.h"
#include "pve/node/node-parts.h"

#define LINES_MAX 10000 /* of a policy */

char *pt_cmdline_part(const char *cmdline)
{
	static const char *const wanted_words[] = {"iommu", "vfio", "acs", "hugepages", "blacklist",
		"intremap", "enable_gvt", "BOOT_IMAGE", "initrd"};
	PT_FREE char *copy = pt_strdup(cmdline);
	char *list = pt_strdup("");
	char *rest;

	for (char *word = strtok_r(copy, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
		bool wanted = false;

		/* the parameter's name counts, with any value */
		for (size_t i = 0; i < PT_ARRAY_SIZE(wanted_words); i++) {
			const char *found = strstr(word, wanted_words[i]);

			wanted |= found && found < word + strcspn(word, "=");
		}
		if (wanted)
			list = pt_list_add(list, " ", word);
	}
	return list;
}

/* A setting as its text. */
struct line {
	int64_t number;
	char *section, *key, *value;
};

static void clear_line(struct line *line)
{
	free(line->section);
	free(line->key);
	free(line->value);
}
#define LINE PT_CLEANUP(clear_line)

static const struct pt_field line_fields[] = {
	{PT_FIELD("line", INT, struct line, number), .min = 1, .max = LINES_MAX},
	{PT_FIELD("section", TEXT, struct line, section)},
	{PT_FIELD("key", TEXT, struct line, key)},
	{PT_FIELD("value", TEXT, struct line, value)},
};
const struct pt_record pt_policy_line_record = {PT_RECORD(struct line, line_fields)};

static char *section_of(const struct pt_setting *setting)
{
	switch (setting->scope) {
	case PT_POLICY_DEFAULTS:
		return pt_strdup("defaults");
	case PT_POLICY_GUEST:
		return pt_format("guest %u", setting->vmid);
	case PT_POLICY_FUNCTION:
		return pt_format("device %s", PT_BDF(&setting->bdf));
	case PT_POLICY_SLOT:
		break;
	}
	return pt_format(
		"device %04x:%02x:%02x", setting->bdf.domain, setting->bdf.bus, setting->bdf.slot);
}

static struct json_object *policy_to_json(const void *outer, const void *record)
{
	const struct pt_node *node = record;
	struct json_object *json = pt_json_array();

	(void)outer;
	pt_foreach (setting, node->traits.policy.setting, node->traits.policy.count) {
		PT_FREE char *section = section_of(setting);
		struct line line = {setting->line, section, setting->key, setting->value};

		pt_json_append(json, pt_record_to_json(&pt_policy_line_record, &line));
	}
	return json;
}

/* Writes a setting on its line, behind the section's header where that changes. */
static int write_line(
	FILE *out, const struct line *line, char **section, int64_t *at, struct pt_err *err)
{
	bool enter = !pt_streq(line->section, *section);

	if (line->number < *at + enter)
		return pt_err_set(err, -EINVAL, "\"line\" is not behind the one before");
	for (; *at < line->number - enter; (*at)++)
		fputc('\n', out);
	if (enter)
		fprintf(out, "[%s]\n", line->section);
	fprintf(out, "%s = %s\n", line->key, line->value);
	pt_set_text(section, line->section);
	*at = line->number + 1;
	return 0;
}

/* Writes the settings as their text, each on the line that findings name, for their parser. */
static int write_policy(struct json_object *settings, FILE *out, struct pt_err *err)
{
	PT_FREE char *section = NULL;
	int64_t at = 1;

	for (size_t i = 0; i < json_object_array_length(settings); i++) {
		struct line LINE line = {0};
		int r = pt_record_from_json(
			&pt_policy_line_record, json_object_array_get_idx(settings, i), &line, err);

		if (r == 0)
			r = write_line(out, &line, &section, &at, err);
		if (r < 0)
			return pt_err_wrap(err, "policy[%zu]", i);
	}
	return 0;
}

static int policy_from_json(struct json_object *value, void *record, struct pt_err *err)
{
	struct pt_node *node = record;
	struct pt_policy_first first = {.err = err, .file = "policy"};
	PT_FREE char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int r = 0;

	if (out)
		r = write_policy(value, out, err);
	if (!out || fclose(out) != 0)
		pt_out_of_memory();
	return r < 0 ? r
		     : pt_policy_parse(text, size, node->allowing, pt_policy_keep_first, &first,
			       &node->traits.policy);
}

const struct pt_own pt_policy_own = {policy_to_json, policy_from_json};

static void put_part(FILE *out, const char *key, const char *value)
{
	if (value)
		fprintf(out, ",%s=%s", key, value);
}

/* The mappings as in their file, without descriptions. The caller frees it. */
static char *mappings_text(const struct pt_mappings *mappings)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; out && i < mappings->count; i++) {
		const struct pt_mapping *mapping = &mappings->mapping[i];

		fprintf(out, "%s\n", mapping->id);
		pt_foreach (entry, mapping->entry, mapping->count) {
			fprintf(out, "\tmap id=%s,node=%s,path=%s", entry->id, entry->node,
				entry->path);
			put_part(out, "iommugroup", entry->iommugroup);
			put_part(out, "subsystem-id", entry->subsystem);
			fputc('\n', out);
		}
		if (mapping->has_mdev)
			fprintf(out, "\tmdev %d\n", mapping->mdev);
		if (mapping->has_live)
			fprintf(out, "\tlive-migration-capable %d\n", mapping->live);
		fputc('\n', out);
	}
	if (!out || fclose(out) != 0)
		pt_out_of_memory();
	return text;
}

static struct json_object *mappings_to_json(const void *outer, const void *record)
{
	const struct pt_node *node = record;
	PT_FREE char *text = mappings_text(&node->mappings);

	(void)outer;
	return pt_record_to_json(&pt_text_record, &text);
}

static int mappings_from_json(struct json_object *value, void *record, struct pt_err *err)
{
	struct pt_node *node = record;
	PT_FREE char *text = NULL;
	int r = pt_record_from_json(&pt_text_record, value, &text, err);

	if (r < 0)
		return pt_err_wrap(err, "mappings");
	pt_mappings_parse(text, &node->mappings);
	return 0;
}

const struct pt_own pt_mappings_own = {mappings_to_json, mappings_from_json};

/* The word of args as far as checks look at it; NULL: they do not. The caller frees it. */
static char *keep_word(const char *word)
{
	static const char relocation[] = "x-msix-relocation", window[] = "X-PciMmio64Mb";

	if (pt_streq(word, "-cpu"))
		return pt_strdup(word);
	if (strstr(word, window)) {
		const char *size = strstr(word, ",string=");

		return size ? pt_format("%s,string=%llu", window,
				      strtoull(size + strlen(",string="), NULL, 10))
			    : pt_strdup(window);
	}
	if (!strstr(word, relocation))
		return NULL;
	/* the rest of a device is kept otherwise */
	return pt_strdup(pt_starts_with(word, "device.hostpci") || pt_starts_with(word, "vfio-pci.")
				 ? word
				 : relocation);
}

/* The parts of args about devices, room for BARs and the processor. The caller frees it. */
static char *keep_args(const char *args)
{
	PT_FREE char *devices = pt_args_devices(args);
	struct pt_names PT_NAMES words = {0};
	char *list = pt_strdup("");
	char *name, *rest;

	/* Proxmox VE takes none of them either */
	if (pt_args_split(args, &words) < 0)
		return list;
	pt_foreach (word, words.name, words.count) {
		PT_FREE char *kept = keep_word(*word);

		if (kept)
			list = pt_list_add(list, " ", kept);
	}
	for (name = devices ? strtok_r(devices, ";", &rest) : NULL; name;
		name = strtok_r(NULL, ";", &rest)) {
		PT_FREE char *device = pt_format("-device vfio-pci,host=%s", name);

		list = pt_list_add(list, " ", device);
	}
	return list;
}

/* Whether checks look at the key. */
static bool is_of_use(const char *key)
{
	static const char *const keys[] = {"affinity", "balloon", "bios", "cpu", "hookscript",
		"hotplug", "hugepages", "lock", "machine", "memory", "meta", "name", "numa",
		"onboot", "ostype", "sockets", "template", "vga"};

	return PT_WORD_FIND(keys, key) >= 0 || pt_hostpci_key(key) >= 0 ||
	       (pt_starts_with(key, "numa") && strlen(key) == strlen("numa0"));
}

static struct json_object *config_to_json(const void *outer, const void *record)
{
	const struct pt_guest *guest = record;
	struct json_object *config = pt_json_object();

	(void)outer;
	pt_guest_foreach (key, guest) {
		PT_FREE char *args = pt_streq(key.key, "args") ? keep_args(key.value) : NULL;
		const char *value = args ? args : key.value;

		if ((args && *args) || is_of_use(key.key))
			pt_json_add(config, key.key, pt_record_to_json(&pt_text_record, &value));
	}
	return config;
}

static int config_from_json(struct json_object *value, void *record, struct pt_err *err)
{
	return pt_guest_set_all(record, value, err);
}

static const struct pt_own config = {config_to_json, config_from_json};

static const char *const dropped_kinds[] = {
	[PT_DROPPED_VALUE] = "value",
	[PT_DROPPED_KEY] = "key",
	[PT_DROPPED_LINE] = "line",
	[PT_DROPPED_MACHINE] = "machine",
	[PT_DROPPED_MACHINE_KEY] = "machine-key",
};

static const struct pt_field dropped_fields[] = {
	{PT_FIELD("kind", WORD, struct pt_guest_dropped, kind), PT_JSON_MAY_BE_MISSING,
		PT_FIELD_WORDS(dropped_kinds)},
	{PT_FIELD("index", INT, struct pt_guest_dropped, index), .min = -1,
		.max = PT_HOSTPCI_MAX - 1},
	{PT_FIELD("value", TEXT, struct pt_guest_dropped, value)},
};
static const struct pt_record dropped_record = {PT_RECORD(struct pt_guest_dropped, dropped_fields)};

static const struct pt_field guest_fields[] = {
	{PT_FIELD("vmid", UINT, struct pt_guest, vmid), .min = 100, .max = PT_VMID_MAX},
	{PT_FIELD("config", MAP, struct pt_guest, keys), .own = &config},
	{PT_FIELD("dropped", LIST, struct pt_guest, dropped),
		.count = offsetof(struct pt_guest, dropped_count), .of = &dropped_record,
		.about = "lines that Proxmox VE skips"},
};

/* The lines that Proxmox VE skips are judged anew, and dropped again. */
static int complete_guest(void *record, struct pt_err *err)
{
	struct pt_guest *guest = record;
	struct pt_guest_dropped *dropped = PT_STEAL(guest->dropped);
	size_t count = guest->dropped_count;

	(void)err;
	guest->dropped_count = 0;
	for (size_t i = 0; i < count; i++) {
		pt_guest_drop_again(guest, &dropped[i]);
		free(dropped[i].value);
		free(dropped[i].why);
	}
	free(dropped);
	return 0;
}

const struct pt_record pt_guest_record = {
	PT_RECORD(struct pt_guest, guest_fields), .complete = complete_guest};

static struct json_object *guests_to_json(const void *outer, const void *record)
{
	const struct pt_node *node = record;
	struct json_object *json = pt_json_array();

	(void)outer;
	pt_foreach (guest, node->guest, node->guest_count)
		pt_json_append(json, pt_record_to_json(&pt_guest_record, *guest));
	return json;
}

static int guest_from_json(struct pt_node *node, struct json_object *json, struct pt_err *err)
{
	struct pt_guest_query query = {.node = node->name, .view = PT_VIEW_NEXT};
	struct pt_guest **slot = pt_array_grow(&node->guest, &node->guest_count, sizeof(*slot));
	int r;

	*slot = pt_guest_new(&query, PT_TEXT_BYTES);
	r = pt_record_from_json(&pt_guest_record, json, *slot, err);
	if (r == 0 && slot > node->guest && slot[-1]->vmid >= (*slot)->vmid)
		return pt_err_set(err, -EINVAL, "\"vmid\" is not behind the one before");
	return r;
}

static int guests_from_json(struct json_object *value, void *record, struct pt_err *err)
{
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		int r = guest_from_json(record, json_object_array_get_idx(value, i), err);

		if (r < 0)
			return pt_err_wrap(err, "guests[%zu]", i);
	}
	return 0;
}

const struct pt_own pt_guests_own = {guests_to_json, guests_from_json};
