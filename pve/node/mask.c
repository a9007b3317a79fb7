// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/hostpci.h"
#include "pve/node/mask-words.h"
#include "pve/node/mask.h"
#include "pve/node/node.h"

/* The names in a text. */
enum names {
	NAMES_NONE,
	NAMES_WHOLE,	/* the text is one */
	NAMES_ONE,	/* the same, unless the kernel or Debian gives it */
	NAMES_WORDS,	/* each word but those, and our own */
	NAMES_PLACE,	/* a mount point, an address, a bridge, a pool; or a sentence of ours */
	NAMES_UNITS,	/* systemd's units */
	NAMES_SENTENCE, /* each word that is a name elsewhere, is quoted or is no plain word */
	NAMES_DRIVER,	/* none, and it is none in sentences */
	NAMES_PATH,	/* each part of a path */
	NAMES_VOLUME,	/* STORAGE:snippets/FILE */
	NAMES_ENTRY,	/* hostpciN */
	NAMES_SKIPPED,	/* an entry that Proxmox VE skips: the cause stays */
	NAMES_CPU,	/* custom-MODEL,hv-vendor-id=NAME,... */
	NAMES_MAPPINGS, /* mapping/pci.cfg */
	NAMES_GUEST,	/* the text is a guest's */
};

/* Kinds of names beside those of mask-words.h. */
#define NODE	"node"
#define MAPPING "mapping"
#define STORAGE "storage"
#define ROM	"rom"
#define MDEV	"mdev"

#define MOST(type, member) (sizeof(((type *)NULL)->member) - 1)

static const struct rule {
	const char *place;
	enum names names;
	const char *kind;
	size_t most; /* bytes of the text: the rest is cut off; 0: any */
} rules[] = {
	{"format", NAMES_NONE},
	{"node", NAMES_WHOLE, NODE},
	{"host.cmdline", NAMES_NONE},
	{"host.interrupt_remapping", NAMES_NONE},
	{"host.vfio_options", NAMES_NONE},
	{"host.cpu.vendor", NAMES_NONE},
	{"host.cpu.nodes[]", NAMES_NONE},
	{"host.boot.systemd-boot", NAMES_NONE},
	{"host.boot.grub", NAMES_NONE},
	{"host.versions.kernel", NAMES_NONE},
	{"host.versions.pve-manager", NAMES_NONE},
	{"host.versions.pve-qemu-kvm", NAMES_NONE},
	{"host.versions.qemu-server", NAMES_NONE},
	{"host.vfio_pci.state", NAMES_NONE},
	{"host.vfio_pci.command", NAMES_WORDS, PT_MASK_NAME,
		.most = MOST(struct pt_module, command)},
	{"policy[].section", NAMES_NONE},
	{"policy[].key", NAMES_NONE},
	{"policy[].value", NAMES_UNITS, PT_MASK_UNIT},
	{"policy_error", NAMES_SENTENCE, PT_MASK_NAME, .most = MOST(struct pt_err, text)},
	{"inventory.functions[].bdf", NAMES_NONE},
	{"inventory.functions[].slot_mates[]", NAMES_NONE},
	{"inventory.functions[].vendor", NAMES_NONE},
	{"inventory.functions[].device", NAMES_NONE},
	{"inventory.functions[].subsystem_vendor", NAMES_NONE},
	{"inventory.functions[].subsystem_device", NAMES_NONE},
	{"inventory.functions[].parent", NAMES_NONE},
	{"inventory.functions[].driver", NAMES_DRIVER},
	{"inventory.functions[].driver_override", NAMES_DRIVER},
	{"inventory.functions[].modalias", NAMES_NONE},
	{"inventory.functions[].reserved_region", NAMES_NONE},
	{"inventory.functions[].physfn", NAMES_NONE},
	{"inventory.functions[].virtfns[]", NAMES_NONE},
	{"inventory.functions[].reset_method", NAMES_NONE},
	{"inventory.functions[].power_state", NAMES_NONE},
	{"devices[].mdev_types[].type", NAMES_NONE},
	{"devices[].function", NAMES_NONE},
	{"devices[].blocked", NAMES_DRIVER},
	{"devices[].serial", NAMES_WHOLE, PT_MASK_SERIAL},
	{"devices[].net", NAMES_ONE, PT_MASK_NAME},
	{"mappings", NAMES_MAPPINGS, MAPPING},
	{"reservations[].id", NAMES_ONE, MDEV},
	{"claims[].functions[].function", NAMES_NONE},
	{"claims[].functions[].error", NAMES_SENTENCE, PT_MASK_NAME},
	{"claims_error", NAMES_SENTENCE, PT_MASK_NAME, .most = MOST(struct pt_err, text)},
	{"group_users[].name", NAMES_ONE, PT_MASK_PROCESS},
	{"uses[].function", NAMES_NONE},
	{"uses[].kind", NAMES_NONE},
	{"uses[].how", NAMES_NONE},
	{"uses[].what", NAMES_ONE, PT_MASK_NAME},
	{"uses[].via", NAMES_WORDS, PT_MASK_NAME},
	{"uses[].place", NAMES_PLACE, PT_MASK_NAME},
	{"uses[].end", NAMES_WORDS, PT_MASK_NAME},
	{"uses[].process", NAMES_ONE, PT_MASK_PROCESS},
	{"uses[].container", NAMES_ONE, PT_MASK_NAME},
	{"uses[].unit", NAMES_ONE, PT_MASK_UNIT},
	{"uses[].bridge", NAMES_ONE, PT_MASK_NAME},
	{"records[].functions[].function", NAMES_NONE},
	{"records[].functions[].vendor", NAMES_NONE},
	{"records[].functions[].device", NAMES_NONE},
	{"records[].functions[].subsystem_vendor", NAMES_NONE},
	{"records[].functions[].subsystem_device", NAMES_NONE},
	{"records[].functions[].serial", NAMES_WHOLE, PT_MASK_SERIAL},
	{"roms[].name", NAMES_PATH, ROM},
	{"hooks[].volume", NAMES_VOLUME, STORAGE},
	{"hooks[].state", NAMES_NONE},
	{"hooks[].nodes[]", NAMES_WHOLE, NODE},
	{"mdev_instances[]", NAMES_ONE, MDEV},
	{"nodes[]", NAMES_WHOLE, NODE},
	{"ha[].nodes[]", NAMES_WHOLE, NODE},
	{"backups[].id", NAMES_WHOLE, "job"},
	{"backups[].guests[]", NAMES_ONE, PT_MASK_NAME},
	{"backups[].except[]", NAMES_ONE, PT_MASK_NAME},
	{"guests[].config.affinity", NAMES_NONE},
	{"guests[].config.args", NAMES_NONE},
	{"guests[].config.balloon", NAMES_NONE},
	{"guests[].config.bios", NAMES_NONE},
	{"guests[].config.cpu", NAMES_CPU, PT_MASK_NAME},
	{"guests[].config.hookscript", NAMES_VOLUME, STORAGE},
	{"guests[].config.hostpci", NAMES_ENTRY, MAPPING},
	{"guests[].config.hotplug", NAMES_NONE},
	{"guests[].config.hugepages", NAMES_NONE},
	{"guests[].config.lock", NAMES_NONE},
	{"guests[].config.machine", NAMES_NONE},
	{"guests[].config.memory", NAMES_NONE},
	{"guests[].config.meta", NAMES_NONE},
	{"guests[].config.ostype", NAMES_NONE},
	{"guests[].config.name", NAMES_GUEST},
	{"guests[].config.numa", NAMES_NONE},
	{"guests[].config.onboot", NAMES_NONE},
	{"guests[].config.sockets", NAMES_NONE},
	{"guests[].config.template", NAMES_NONE},
	{"guests[].config.vga", NAMES_NONE},
	{"guests[].dropped[].kind", NAMES_NONE},
	{"guests[].dropped[].value", NAMES_SKIPPED},
	{"bridge_users[].bridge", NAMES_ONE, PT_MASK_NAME},
	{"usb_users[].controller", NAMES_NONE},
	{"usb_users[].port", NAMES_NONE},
};

/* A masking under way. */
struct mask {
	struct pt_masks *masks;
	bool learning; /* sentences are left out: names come first */
};

/* Where a text is, and the guest that it belongs to. */
struct place {
	const struct rule *rule;
	unsigned long vmid;
};

static void put_place(struct mask *mask, const struct rule *rule, const char *text, FILE *out)
{
	if (text[0] == '/' || !strchr(text, ' '))
		pt_mask_put_one(mask->masks, rule->kind, text, out);
	else
		pt_mask_put_words(mask->masks, PT_MASK_LABEL, rule->kind, text, out);
}

static void put_volume(struct mask *mask, const char *volume, FILE *out)
{
	static const char snippets[] = ":snippets/";
	const char *colon = strchr(volume, ':');
	PT_FREE char *storage = NULL;

	if (!colon || !pt_starts_with(colon, snippets)) {
		fputs(pt_mask_of(mask->masks, "volume", volume), out);
		return;
	}
	storage = pt_strndup(volume, (size_t)(colon - volume));
	pt_mask_put_one(mask->masks, STORAGE, storage, out);
	fputs(snippets, out);
	pt_mask_put_path(mask->masks, "hook", colon + strlen(snippets), "pve-pthook", out);
}

static bool is_entry_key(const char *key)
{
	pt_foreach (known, pt_hostpci_schema.key, pt_hostpci_schema.count) {
		if (pt_streq(known->name, key))
			return true;
	}
	return !*key;
}

/* A part of an entry, "key=value" or a bare value: what Proxmox VE accepts has names at two keys.
 */
static void put_property(struct mask *mask, const char *key, const char *value, FILE *out)
{
	if (pt_streq(key, "mapping"))
		fputs(pt_mask_of(mask->masks, MAPPING, value), out);
	else if (pt_streq(key, "romfile"))
		pt_mask_put_path(mask->masks, ROM, value, NULL, out);
	else
		fputs(value, out);
}

static void put_entry(struct mask *mask, const char *entry, enum names names, FILE *out)
{
	while (*entry) {
		size_t length = strcspn(entry, ","), head = strcspn(entry, "=,");
		PT_FREE char *key = pt_strndup(entry, head < length ? head : 0);
		PT_FREE char *value = NULL;

		head = head < length ? head + 1 : 0;
		value = pt_strndup(entry + head, length - head);
		fputs(is_entry_key(key) ? key : pt_mask_of(mask->masks, "key", key), out);
		fputs(head ? "=" : "", out);
		if (names == NAMES_SKIPPED)
			pt_mask_put_value(mask->masks, value, out);
		else
			put_property(mask, key, value, out);
		entry += length;
		if (*entry)
			fputc(*entry++, out);
	}
}

/* Length of what stands before the value where a whole line is skipped, "  hostpci0 = "; or 0. */
static size_t line_head(const char *text)
{
	static const char white[] = " \t\r\f\v", entry[] = "hostpci", mark[] = "\xef\xbb\xbf";
	size_t at = pt_starts_with(text, mark) ? strlen(mark) : 0;

	at += strspn(text + at, white);
	if (strncasecmp(text + at, entry, strlen(entry)) != 0)
		return 0;
	at += strlen(entry);
	at += strspn(text + at, "0123456789");
	at += strspn(text + at, white);
	if (text[at] != ':' && text[at] != '=')
		return 0;
	at++;
	return at + strspn(text + at, white);
}

static void put_cpu(struct mask *mask, const char *cpu, FILE *out)
{
	static const char custom[] = "custom-", vendor[] = "hv-vendor-id=";

	while (*cpu) {
		size_t length = strcspn(cpu, ",="), to_end = strcspn(cpu, ",");
		PT_FREE char *part = pt_strndup(cpu, to_end);

		if (pt_starts_with(cpu, vendor)) {
			fprintf(out, "%s%s", vendor,
				pt_mask_of(mask->masks, "vendor", part + strlen(vendor)));
		} else if (pt_starts_with(cpu, custom)) {
			fprintf(out, "%s%s", custom, pt_mask_of(mask->masks, "model", part));
		} else if (length < to_end) {
			/* the value of another key: a model may stand there */
			fwrite(cpu, 1, length + 1, out);
			cpu += length + 1;
			continue;
		} else {
			fputs(part, out);
		}
		cpu += to_end;
		if (*cpu)
			fputc(*cpu++, out);
	}
}

/* A line "ID", "\tmap id=10de:2204,node=NAME,..." or another of a mapping. */
static void put_mapping_line(struct mask *mask, const char *line, FILE *out)
{
	static const char key[] = ",node=";
	const char *found = strstr(line, key);
	PT_FREE char *node = NULL;
	const char *rest;

	if (*line && *line != '\t') {
		fputs(pt_mask_of(mask->masks, MAPPING, line), out);
		return;
	}
	if (!found) {
		fputs(line, out);
		return;
	}
	found += strlen(key);
	rest = found + strcspn(found, ",");
	node = pt_strndup(found, (size_t)(rest - found));
	fwrite(line, 1, (size_t)(found - line), out);
	fprintf(out, "%s%s", pt_mask_of(mask->masks, NODE, node), rest);
}

static void put_mappings(struct mask *mask, const char *text, FILE *out)
{
	while (*text) {
		size_t length = strcspn(text, "\n");
		PT_FREE char *line = pt_strndup(text, length);

		put_mapping_line(mask, line, out);
		text += length;
		if (*text)
			fputc(*text++, out);
	}
}

static void put_text(struct mask *mask, const struct place *place, const char *text, FILE *out)
{
	const struct rule *rule = place->rule;
	size_t head;

	switch (rule->names) {
	case NAMES_NONE:
		fputs(text, out);
		break;
	case NAMES_DRIVER:
		pt_masks_keep(mask->masks, text);
		fputs(text, out);
		break;
	case NAMES_WHOLE:
		fputs(pt_mask_of(mask->masks, rule->kind, text), out);
		break;
	case NAMES_ONE:
		pt_mask_put_one(mask->masks, rule->kind, text, out);
		break;
	case NAMES_PLACE:
		put_place(mask, rule, text, out);
		break;
	case NAMES_WORDS:
		pt_mask_put_words(mask->masks, PT_MASK_LABEL, rule->kind, text, out);
		break;
	case NAMES_UNITS:
		pt_mask_put_words(mask->masks, PT_MASK_UNITS, rule->kind, text, out);
		break;
	case NAMES_SENTENCE:
		if (!mask->learning)
			pt_mask_put_words(mask->masks, PT_MASK_SENTENCE, rule->kind, text, out);
		break;
	case NAMES_PATH:
		pt_mask_put_path(mask->masks, rule->kind, text, NULL, out);
		break;
	case NAMES_VOLUME:
		put_volume(mask, text, out);
		break;
	case NAMES_SKIPPED:
		head = line_head(text);
		fwrite(text, 1, head, out);
		put_entry(mask, text + head, rule->names, out);
		break;
	case NAMES_ENTRY:
		put_entry(mask, text, rule->names, out);
		break;
	case NAMES_CPU:
		put_cpu(mask, text, out);
		break;
	case NAMES_MAPPINGS:
		put_mappings(mask, text, out);
		break;
	case NAMES_GUEST:
		fprintf(out, "guest-%lu", place->vmid);
		break;
	}
}

static struct json_object *mask_text(struct mask *mask, const struct place *place, const char *text)
{
	PT_FREE char *masked = NULL;
	size_t size = 0;
	FILE *out;

	/* an empty one is none */
	if (!*text)
		return pt_json_text(text);
	out = open_memstream(&masked, &size);
	if (out)
		put_text(mask, place, text, out);
	if (!out || fclose(out) != 0)
		pt_out_of_memory();
	if (place->rule->most && size > place->rule->most)
		masked[place->rule->most] = '\0';
	return pt_json_text(masked);
}

/* Returns the rule, or NULL. Of "guests[].config.hostpci0" that of hostpci. */
static const struct rule *find_rule(const char *place)
{
	size_t length = strlen(place);

	while (length && place[length - 1] >= '0' && place[length - 1] <= '9')
		length--;
	pt_foreach (rule, rules, PT_ARRAY_SIZE(rules)) {
		if (strncmp(rule->place, place, length) == 0 && !rule->place[length])
			return rule;
	}
	return NULL;
}

bool pt_mask_has_rule(const char *place)
{
	return find_rule(place) != NULL;
}

static struct json_object *mask_value(
	struct mask *mask, struct json_object *value, const char *at, unsigned long vmid);

static struct json_object *mask_array(
	struct mask *mask, struct json_object *array, const char *at, unsigned long vmid)
{
	struct json_object *copy = pt_json_array();
	PT_FREE char *element = pt_format("%s[]", at);

	for (size_t i = 0; i < json_object_array_length(array); i++)
		pt_json_append(
			copy, mask_value(mask, json_object_array_get_idx(array, i), element, vmid));
	return copy;
}

static struct json_object *mask_object(
	struct mask *mask, struct json_object *object, const char *at, unsigned long vmid)
{
	struct json_object *copy = pt_json_object();
	struct json_object *own;

	if (json_object_object_get_ex(object, "vmid", &own))
		vmid = (unsigned long)json_object_get_int64(own);
	json_object_object_foreach(object, key, value)
	{
		PT_FREE char *below = pt_format("%s%s%s", at, *at ? "." : "", key);

		pt_json_add(copy, key, mask_value(mask, value, below, vmid));
	}
	return copy;
}

/* A text without a rule is all name. */
static struct json_object *mask_value(
	struct mask *mask, struct json_object *value, const char *at, unsigned long vmid)
{
	static const struct rule strict = {.names = NAMES_WHOLE, .kind = PT_MASK_NAME};
	const struct rule *rule;

	switch (json_object_get_type(value)) {
	case json_type_object:
		return mask_object(mask, value, at, vmid);
	case json_type_array:
		return mask_array(mask, value, at, vmid);
	case json_type_string:
		rule = find_rule(at);
		return mask_text(mask, &(struct place){.rule = rule ? rule : &strict, .vmid = vmid},
			json_object_get_string(value));
	default:
		return json_object_get(value);
	}
}

struct json_object *pt_mask_node(struct json_object *facts)
{
	struct mask mask = {.masks = pt_masks_new(), .learning = true};
	struct json_object *masked;

	/* drivers and names come behind texts that have them */
	json_object_put(mask_value(&mask, facts, "", 0));
	mask.learning = false;
	masked = mask_value(&mask, facts, "", 0);
	pt_masks_free(mask.masks);
	return masked;
}
