// SPDX-License-Identifier: AGPL-3.0-or-later
#include <regex.h>
#include <search.h>

#include "pve/config/hostpci.h"
#include "pve/node/mask.h"
#include "pve/node/node.h"

#define DELIMITERS " \t\n,;=()'\""
#define ENDS	   ":."
#define PLACE_TEXT 128

/* The names in a text. */
enum names {
	NAMES_NONE,
	NAMES_WHOLE,	/* the text is one */
	NAMES_ONE,	/* the same, unless it is a known word */
	NAMES_WORDS,	/* each word but those that are known or kept */
	NAMES_MARKED,	/* each word like the pattern */
	NAMES_SENTENCE, /* each word that is a name elsewhere, is quoted or is no plain word */
	NAMES_PATH,	/* each part of a path */
	NAMES_VOLUME,	/* STORAGE:snippets/FILE */
	NAMES_ENTRY,	/* hostpciN */
	NAMES_SKIPPED,	/* an entry that Proxmox VE skips because of its form, which stays */
	NAMES_MAPPINGS, /* mapping/pci.cfg */
	NAMES_GUEST,	/* the text is a guest's */
};

#define MOST(type, member) (sizeof(((type *)NULL)->member) - 1)

/* Kinds of names; each has numbers of its own. */
#define NODE	"node"
#define MAPPING "mapping"
#define STORAGE "storage"
#define SERIAL	"serial"
#define UNIT	"unit"
#define PROCESS "process"
#define ROM	"rom"
#define MDEV	"mdev"
#define NAME	"name"

#define UNITS "[.](service|socket|scope|slice|mount|timer|target|device)$"

static const struct rule {
	const char *place;
	enum names names;
	const char *kind;
	const char *pattern; /* of NAMES_MARKED, else of words that stay: extended, or NULL */
	size_t most;	     /* bytes of the text: the rest is cut off; 0: any */
} rules[] = {
	{"format", NAMES_NONE},
	{"node", NAMES_WHOLE, NODE},
	{"host.cmdline", NAMES_NONE},
	{"host.interrupt_remapping", NAMES_NONE},
	{"host.vfio_options", NAMES_NONE},
	{"host.vfio_pci.state", NAMES_NONE},
	{"host.vfio_pci.command", NAMES_SENTENCE, NAME, .most = MOST(struct pt_module, command)},
	{"policy[].section", NAMES_NONE},
	{"policy[].key", NAMES_NONE},
	{"policy[].value", NAMES_MARKED, UNIT, UNITS},
	{"policy_error", NAMES_SENTENCE, NAME, .most = MOST(struct pt_err, text)},
	{"inventory.functions[].bdf", NAMES_NONE},
	{"inventory.functions[].slot_mates[]", NAMES_NONE},
	{"inventory.functions[].vendor", NAMES_NONE},
	{"inventory.functions[].device", NAMES_NONE},
	{"inventory.functions[].subsystem_vendor", NAMES_NONE},
	{"inventory.functions[].subsystem_device", NAMES_NONE},
	{"inventory.functions[].parent", NAMES_NONE},
	{"inventory.functions[].driver", NAMES_NONE},
	{"inventory.functions[].driver_override", NAMES_NONE},
	{"inventory.functions[].modalias", NAMES_NONE},
	{"inventory.functions[].physfn", NAMES_NONE},
	{"inventory.functions[].virtfns[]", NAMES_NONE},
	{"inventory.functions[].reset_method", NAMES_NONE},
	{"inventory.functions[].power_state", NAMES_NONE},
	{"devices[].mdev_types[].type", NAMES_NONE},
	{"devices[].function", NAMES_NONE},
	{"devices[].blocked", NAMES_NONE},
	{"devices[].serial", NAMES_WHOLE, SERIAL},
	{"devices[].net", NAMES_ONE, NAME},
	{"mappings", NAMES_MAPPINGS, MAPPING},
	{"reservations[].id", NAMES_ONE, MDEV},
	{"claims[].functions[].function", NAMES_NONE},
	{"claims[].functions[].error", NAMES_SENTENCE, NAME},
	{"claims_error", NAMES_SENTENCE, NAME, .most = MOST(struct pt_err, text)},
	{"group_users[].name", NAMES_ONE, PROCESS},
	{"uses[].function", NAMES_NONE},
	{"uses[].kind", NAMES_NONE},
	{"uses[].how", NAMES_NONE},
	{"uses[].what", NAMES_WORDS, NAME},
	{"uses[].via", NAMES_WORDS, NAME},
	{"uses[].place", NAMES_WORDS, NAME},
	{"uses[].end", NAMES_WORDS, NAME},
	{"uses[].process", NAMES_ONE, PROCESS},
	{"uses[].container", NAMES_ONE, NAME},
	{"uses[].unit", NAMES_ONE, UNIT},
	{"uses[].bridge", NAMES_ONE, NAME},
	{"records[].functions[].function", NAMES_NONE},
	{"records[].functions[].vendor", NAMES_NONE},
	{"records[].functions[].device", NAMES_NONE},
	{"records[].functions[].subsystem_vendor", NAMES_NONE},
	{"records[].functions[].subsystem_device", NAMES_NONE},
	{"records[].functions[].serial", NAMES_WHOLE, SERIAL},
	{"roms[].name", NAMES_PATH, ROM},
	{"hooks[].volume", NAMES_VOLUME, STORAGE},
	{"hooks[].state", NAMES_NONE},
	{"hooks[].nodes[]", NAMES_WHOLE, NODE},
	{"mdev_instances[]", NAMES_ONE, MDEV},
	{"nodes[]", NAMES_WHOLE, NODE},
	{"ha[].nodes[]", NAMES_WHOLE, NODE},
	{"backups[].id", NAMES_WHOLE, "job"},
	{"backups[].guests[]", NAMES_ONE, NAME},
	{"backups[].except[]", NAMES_ONE, NAME},
	{"guests[].config.args", NAMES_WORDS, NAME, "^(-device|vfio-pci|host|X-PciMmio64Mb)$"},
	{"guests[].config.balloon", NAMES_NONE},
	{"guests[].config.bios", NAMES_NONE},
	{"guests[].config.cpu", NAMES_MARKED, "custom", "^custom-"},
	{"guests[].config.hookscript", NAMES_VOLUME, STORAGE},
	{"guests[].config.hostpci", NAMES_ENTRY, MAPPING},
	{"guests[].config.hotplug", NAMES_NONE},
	{"guests[].config.hugepages", NAMES_NONE},
	{"guests[].config.lock", NAMES_NONE},
	{"guests[].config.machine", NAMES_NONE},
	{"guests[].config.memory", NAMES_NONE},
	{"guests[].config.name", NAMES_GUEST},
	{"guests[].config.numa", NAMES_NONE},
	{"guests[].config.onboot", NAMES_NONE},
	{"guests[].config.sockets", NAMES_NONE},
	{"guests[].config.template", NAMES_NONE},
	{"guests[].config.vga", NAMES_NONE},
	{"guests[].dropped[].value", NAMES_SKIPPED},
	{"bridge_users[].bridge", NAMES_ONE, NAME},
};

/* Words of sentences of ours, and names that say nothing about a site: those of the kernel, of
 * predictable interfaces, of Proxmox VE's. */
static const char known_words[] =
	"^("
	"[0-9]+|Ceph|OSD|LVM|volume|encrypted|multipath|disk|device-mapper|raid[0-9]+|linear|array|"
	"cache|bridge|bond|vlan|veth|macvlan|macvtap|ipvlan|vxlan|team|openvswitch|interface|"
	"umount|zpool|export|vgchange|-an|cryptsetup|close|dmsetup|remove|mdadm|--stop|swapoff|"
	"stop|container|kvm|qemu-system-x86|Xorg|local|local-lvm|local-zfs|rpool|pve|"
	"pve-(root|swap|data)|"
	/* sentences of uses in facts files of version 1 */
	"a|active|address|and|answer|are|as|at|boot|by|carries|chose|configured|console|default|"
	"device|does|driver|drives|exclusively|explain|firmware|framebuffer|functions|guest|guests|"
	"hangs|has|have|held|holds|host|imported|in|interfaces|is|it|its|kernel|keyboard|lies|like|"
	"link-local|many|may|member|memory|more|mount|mounted|namespace|network|no|not|of|often|on|"
	"only|open|or|others|part|pool|port|process|program|route|runs|screen|search|shows|space|"
	"starts|swap|text|than|that|the|there|this|through|times|to|together|too|top|use|used|"
	"which|while|with|ZFS|"
	/* PCI addresses, and the UUID that Proxmox VE makes of an entry's index and a VMID */
	"([0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}([.][0-9a-f])?|"
	"[0-9a-f]{8}-0000-0000-0000-[0-9]{12}|"
	/* disks and volumes */
	"(/dev/)?(sd[a-z]+[0-9]*|nvme[0-9]+(c[0-9]+)?(n[0-9]+(p[0-9]+)?)?|"
	"(dm-|md|loop|zd|sr|st|sg|ram|nbd|rbd|drbd|bcache|mmcblk|pmem)[0-9]+(p[0-9]+)?)|"
	"(vtcon|fb)[0-9]+|"
	/* interfaces */
	"lo|(eth|wlan|vmbr|bond|ib)[0-9]+([.][0-9]+)?|"
	"(en|wl|ww|ib)(P[0-9]+)?(o|s|p)[0-9]+((s|f|d|u|c|i|v|np|r)[0-9]+)*([.][0-9]+)?|"
	"(tap|veth|fwbr|fwln|fwpr)[0-9]+[ip][0-9]+|"
	/* device files, folders of every Debian, and our own */
	"/dev/((dri|snd|input|vfio|infiniband|usb|nvidia-caps)/)?[A-Za-z0-9_-]+|"
	"/|/boot|/boot/efi|/var|/var/lib|/var/lib/vz|/var/log|/var/tmp|/home|/usr|/tmp|/root|/srv|"
	"/etc/modprobe[.]d|/sys/.*|/(etc|run|var/lib)/pve-ptconf(/[a-z]+(/[0-9a-f:.-]+([.]json)?)?)?|"
	"pve-ptconf|pve-pthook|vfio-pci|modprobe"
	")$";
static const char unit_words[] = "^(pve-container@[0-9]+[.]service|[0-9]+[.]scope)$";
static const char unit_names[] = UNITS;
static const char plain_words[] = "^[A-Za-z]+$";
static const char property_words[] = "^(0x[0-9A-Fa-f]{1,4}|on|off|yes|no|true|false|vfio|keep)$";
static const char mac_address[] = "^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$";
static const char ip_address[] =
	"^([0-9]{1,3}([.][0-9]{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*)(/[0-9]+)?$";

/* A name and its mask, in a tree by kind and name. */
struct name {
	const char *kind;
	char *text, *mask;
};

struct kind {
	const char *name;
	unsigned long count;
};

struct pattern {
	const char *text;
	regex_t regex;
};

struct mask {
	void *names;
	struct kind *kind;
	size_t kind_count;
	struct pattern *pattern;
	size_t pattern_count;
};

/* Where a text is, and the guest that it belongs to. */
struct place {
	const struct rule *rule;
	unsigned long vmid;
};

static void free_name(void *node)
{
	struct name *name = node;

	free(name->text);
	free(name->mask);
	free(name);
}

static void clear_mask(struct mask *mask)
{
	tdestroy(mask->names, free_name);
	pt_foreach (pattern, mask->pattern, mask->pattern_count)
		regfree(&pattern->regex);
	free(mask->pattern);
	free(mask->kind);
}
#define MASK PT_CLEANUP(clear_mask)

static bool is_like(struct mask *mask, const char *text, const char *pattern)
{
	struct pattern *slot;

	pt_foreach (known, mask->pattern, mask->pattern_count) {
		if (known->text == pattern)
			return regexec(&known->regex, text, 0, NULL, 0) == 0;
	}
	slot = pt_array_grow(&mask->pattern, &mask->pattern_count, sizeof(*slot));
	slot->text = pattern;
	/* the patterns are ours: memory is all that can be missing */
	if (regcomp(&slot->regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		pt_out_of_memory();
	return regexec(&slot->regex, text, 0, NULL, 0) == 0;
}

static int compare_names(const void *a, const void *b)
{
	const struct name *one = a, *other = b;
	int order = strcmp(one->kind, other->kind);

	return order ? order : strcmp(one->text, other->text);
}

static unsigned long next_number(struct mask *mask, const char *kind)
{
	struct kind *slot;

	pt_foreach (known, mask->kind, mask->kind_count) {
		if (pt_streq(known->name, kind))
			return ++known->count;
	}
	slot = pt_array_grow(&mask->kind, &mask->kind_count, sizeof(*slot));
	slot->name = kind;
	return slot->count = 1;
}

/* Makes the mask of a new name. end: the part of it that stays, "/24" or ".service". */
static char *make_mask(struct mask *mask, const char *kind, const char *end)
{
	unsigned long number = next_number(mask, kind);

	if (pt_streq(kind, SERIAL))
		return pt_format("%016lx", number);
	return pt_format("%s-%lu%s", kind, number, end);
}

/* Returns the mask of a name, on loan. */
static const char *mask_of(struct mask *mask, const char *kind, const char *text, const char *end)
{
	struct name like = {.kind = kind, .text = pt_strdup(text)};
	struct name *const *found = tfind(&like, &mask->names, compare_names);
	struct name *name;

	if (found) {
		free(like.text);
		return (*found)->mask;
	}
	like.mask = make_mask(mask, kind, end);
	name = pt_calloc(1, sizeof(*name));
	*name = like;
	if (!tsearch(name, &mask->names, compare_names))
		pt_out_of_memory();
	return name->mask;
}

/* Returns the mask of a name by its form; kind is for one of no special form. */
static const char *mask_by_form(struct mask *mask, const char *kind, const char *text)
{
	if (is_like(mask, text, mac_address))
		return mask_of(mask, "mac", text, "");
	if (is_like(mask, text, ip_address))
		return mask_of(mask, "address", text, text + strcspn(text, "/"));
	if (text[0] == '/')
		return mask_of(mask, "/path", text, "");
	if (is_like(mask, text, unit_names))
		return mask_of(mask, UNIT, text, strrchr(text, '.'));
	return mask_of(mask, kind, text, "");
}

/* Returns the mask that a name of any kind has already, on loan; NULL: it is none. */
static const char *find_mask(const struct mask *mask, const char *word)
{
	PT_FREE char *copy = pt_strdup(word);

	pt_foreach (kind, mask->kind, mask->kind_count) {
		const struct name like = {.kind = kind->name, .text = copy};
		struct name *const *found = tfind(&like, &mask->names, compare_names);

		if (found)
			return (*found)->mask;
	}
	return NULL;
}

static bool is_known(struct mask *mask, const char *word)
{
	return is_like(mask, word, known_words) || is_like(mask, word, unit_words);
}

/* Whether the word of a text is a name. */
static bool is_name(struct mask *mask, const struct rule *rule, const char *word, bool quoted)
{
	if (is_known(mask, word))
		return false;
	switch (rule->names) {
	case NAMES_MARKED:
		return is_like(mask, word, rule->pattern);
	case NAMES_SENTENCE:
		return quoted || !is_like(mask, word, plain_words);
	default:
		return !rule->pattern || !is_like(mask, word, rule->pattern);
	}
}

static void put_word(
	struct mask *mask, const struct rule *rule, const char *word, bool quoted, FILE *out)
{
	const char *known = rule->names == NAMES_SENTENCE ? find_mask(mask, word) : NULL;

	if (!known && is_name(mask, rule, word, quoted))
		known = mask_by_form(mask, rule->kind, word);
	fputs(known ? known : word, out);
}

static void put_words(struct mask *mask, const struct rule *rule, const char *text, FILE *out)
{
	bool quoted = false;

	while (*text) {
		size_t length = strcspn(text, DELIMITERS), end = length;

		while (end && strchr(ENDS, text[end - 1]))
			end--;
		if (end) {
			PT_FREE char *word = pt_strndup(text, end);

			put_word(mask, rule, word, quoted, out);
		}
		fwrite(text + end, 1, length - end, out);
		text += length;
		if (*text) {
			quoted ^= *text == '\'';
			fputc(*text++, out);
		}
	}
}

static void put_path(struct mask *mask, const char *kind, const char *path, FILE *out)
{
	while (*path) {
		size_t length = strcspn(path, "/");
		PT_FREE char *part = pt_strndup(path, length);

		/* those that lead elsewhere do so still */
		if (length && !pt_streq(part, ".") && !pt_streq(part, ".."))
			fputs(mask_of(mask, kind, part, ""), out);
		else
			fputs(part, out);
		path += length;
		if (*path)
			fputc(*path++, out);
	}
}

static void put_volume(struct mask *mask, const char *volume, FILE *out)
{
	const char *colon = strchr(volume, ':');
	const char *file = strrchr(volume, '/');
	PT_FREE char *storage = colon ? pt_strndup(volume, (size_t)(colon - volume)) : NULL;

	if (!storage || !file || file < colon) {
		fputs(mask_of(mask, NAME, volume, ""), out);
		return;
	}
	fprintf(out, "%s:snippets/%s",
		pt_streq(storage, "local") ? storage : mask_of(mask, STORAGE, storage, ""),
		pt_streq(file, "/pve-pthook") ? file + 1 : mask_of(mask, "hook", file + 1, ""));
}

/* Replaces letters and digits, so that the form stays. */
static void put_form(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text >= '0' && *text <= '9')
			fputc('0', out);
		else if ((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z'))
			fputc('x', out);
		else
			fputc(*text, out);
	}
}

/* Part of an entry. The value of a key, or a bare one (key is ""). */
static void put_property(struct mask *mask, const char *key, const char *value, FILE *out)
{
	static const struct rule other = {
		.names = NAMES_WORDS, .kind = NAME, .pattern = property_words};

	if (pt_streq(key, "mapping"))
		fputs(mask_of(mask, MAPPING, value, ""), out);
	else if (pt_streq(key, "romfile"))
		put_path(mask, ROM, value, out);
	else if (pt_streq(key, "mdev"))
		fputs(value, out);
	else
		put_words(mask, &other, value, out);
}

static bool is_entry_key(const char *key)
{
	pt_foreach (known, pt_hostpci_schema.key, pt_hostpci_schema.count) {
		if (pt_streq(known->name, key))
			return true;
	}
	return false;
}

/* The same of an entry that Proxmox VE skips: a wrong form is the cause. */
static void put_skipped(struct mask *mask, const char *value, FILE *out)
{
	if (is_like(mask, value, property_words) || is_like(mask, value, "^[0-9a-fA-F:.;]*$"))
		fputs(value, out);
	else
		put_form(value, out);
}

static void put_entry(struct mask *mask, const char *entry, enum names names, FILE *out)
{
	while (*entry) {
		size_t length = strcspn(entry, ","), head = strcspn(entry, "=,");
		PT_FREE char *key = pt_strndup(entry, head < length ? head : 0);
		PT_FREE char *value = NULL;

		head = head < length ? head + 1 : 0;
		value = pt_strndup(entry + head, length - head);
		if (names == NAMES_SKIPPED && !is_entry_key(key))
			put_form(key, out);
		else
			fputs(key, out);
		fputs(head ? "=" : "", out);
		if (names == NAMES_SKIPPED)
			put_skipped(mask, value, out);
		else
			put_property(mask, key, value, out);
		entry += length;
		if (*entry)
			fputc(*entry++, out);
	}
}

/* A line "ID", "\tmap id=10de:2204,node=NAME,..." or another of a mapping. */
static void put_mapping_line(struct mask *mask, char *line, FILE *out)
{
	static const char node[] = ",node=";
	char *name = strstr(line, node);
	char *end;

	if (*line && *line != '\t') {
		fputs(mask_of(mask, MAPPING, line, ""), out);
		return;
	}
	if (!name) {
		fputs(line, out);
		return;
	}
	name += strlen(node);
	end = name + strcspn(name, ",");
	fwrite(line, 1, (size_t)(name - line), out);
	name = pt_strndup(name, (size_t)(end - name));
	fprintf(out, "%s%s", mask_of(mask, NODE, name, ""), end);
	free(name);
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

	switch (rule->names) {
	case NAMES_NONE:
		fputs(text, out);
		break;
	case NAMES_WHOLE:
		fputs(mask_of(mask, rule->kind, text, ""), out);
		break;
	case NAMES_ONE:
		put_word(mask, rule, text, false, out);
		break;
	case NAMES_WORDS:
	case NAMES_MARKED:
	case NAMES_SENTENCE:
		put_words(mask, rule, text, out);
		break;
	case NAMES_PATH:
		put_path(mask, rule->kind, text, out);
		break;
	case NAMES_VOLUME:
		put_volume(mask, text, out);
		break;
	case NAMES_ENTRY:
	case NAMES_SKIPPED:
		put_entry(mask, text, rule->names, out);
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
	static const struct rule strict = {.names = NAMES_WHOLE, .kind = NAME};
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
	struct mask MASK mask = {0};

	/* a sentence may come before the names in it */
	json_object_put(mask_value(&mask, facts, "", 0));
	return mask_value(&mask, facts, "", 0);
}
