// SPDX-License-Identifier: AGPL-3.0-or-later
#include <ctype.h>
#include <regex.h>
#include <search.h>

#include "pve/node/mask-words.h"

#define DELIMITERS " \t\n,;=()\""

/* Forms of words, as extended regular expressions. */
enum form {
	FORM_HARMLESS, /* names that say nothing about a site */
	FORM_OURS,     /* words of labels and commands of ours */
	FORM_PLAIN,    /* words of a language */
	FORM_UNIT,
	FORM_MAC,
	FORM_IP,	/* without its prefix */
	FORM_ADDRESSES, /* of PCI functions */
	FORM_VALUE,	/* of an entry's other keys */
	FORMS,
};

static const char *const forms[] = {
	[FORM_HARMLESS] =
		"^(-?[0-9]+%?|0x[0-9a-f]+|"
		/* PCI addresses and ids, and the UUID that Proxmox VE makes of an index and a VMID
		 */
		"([0-9a-f]{4,}:)?[0-9a-f]{2}:[0-9a-f]{2}([.][0-9a-f])?|[0-9a-f]{4}:[0-9a-f]{4}|"
		"[0-9a-f]{8}-0000-0000-0000-[0-9]{12}|"
		/* disks, volumes and consoles */
		"(/dev/)?(sd[a-z]+[0-9]*|nvme[0-9]+(c[0-9]+)?(n[0-9]+(p[0-9]+)?)?|"
		"(dm-|md|loop|zd|sr|st|sg|ram|nbd|rbd|drbd|bcache|mmcblk|pmem)[0-9]+((p|boot)[0-9]+)?)|"
		"(vtcon|fb)[0-9]+|boot_vga|rpool|pve|pve-(root|swap|data|vm--[0-9]+--disk--[0-9]+)|"
		/* interfaces and routes */
		"lo|(eth|wlan|vmbr|bond|ib|team|em|dummy|wg)[0-9]+([.v][0-9]+)?|p[0-9]+p[0-9]+|"
		"(en|wl|ww|ib)(P[0-9]+)?(o|s|p)[0-9]+((s|f|d|u|c|i|v|np|r)[0-9]+)*([.][0-9]+)?|"
		"(tap|veth|fwbr|fwln|fwpr)[0-9]+[ip][0-9]+|ovs-system|0[.]0[.]0[.]0/0|::/0|"
		/* device files: the kernel's end with a number */
		"/dev/((dri|snd|input|vfio|vfio/devices|infiniband|usb|nvidia-caps|dvb/adapter[0-9]+|"
		"bus/usb/[0-9]+)/)?[a-zA-Z]*[0-9][0-9A-Za-z]*|/dev/(kfd|nvidiactl|nvidia-uvm|"
		"nvidia-uvm-tools|nvidia-modeset|mem|snd/(seq|timer)|input/mice|vfio/vfio)|"
		/* folders and programs of every Debian */
		"/|/boot|/boot/efi|/var|/var/lib|/var/lib/vz|/var/log|/var/tmp|/home|/usr|/tmp|/root|/srv|"
		"/etc/(modules|modprobe[.]d)|/sys/(bus|devices|firmware|kernel|module)(/.*)?|"
		"(/usr)?/s?bin/(modprobe|true|false)|modprobe[.]d|"
		"kvm|qemu-system-x86|Xorg|Xwayland|gnome-shell|kwin_wayland|pipewire|wireplumber|"
		"pulseaudio|multipathd|smartd|ceph-osd|zfs-zed|lightdm|gdm3?|sddm|systemd-(logind|udevd)|"
		"nvidia-(persistenced|powerd)|local|local-lvm|local-zfs|[0-9]+[.]scope|"
		"(lightdm|gdm3?|sddm|display-manager|zfs-zed|multipathd|smartmontools|"
		"nvidia-(persistenced|powerd)|systemd-(logind|udevd)|pve-container@[0-9]+)[.]service|"
		/* our own */
		"/(etc|run|var/lib)/pve-ptconf(/[a-z]+([.]conf|/[0-9a-f:.-]+([.]json)?)?)?|"
		"pve-ptconf|pve-pthook|vfio-pci)$",
	[FORM_OURS] =
		"^("
		/* labels of volumes and interfaces */
		"Ceph|OSD|LVM|volume|encrypted|multipath|disk|device-mapper|raid[0-9]+|linear|array|cache|"
		"bridge|bond|vlan|veth|macvlan|macvtap|macsec|ipvlan|vxlan|vrf|tun|gre|dummy|wireguard|"
		"team|openvswitch|interface|"
		/* commands, in hints and in modprobe.d */
		"umount|zpool|export|vgchange|-an|cryptsetup|close|dmsetup|remove|mdadm|--stop|swapoff|"
		"stop|container|modprobe|insmod|true|false|--ignore-install|[$]CMDLINE_OPTS|"
		/* errors */
		"D3cold|I/O|stop-units|keep-vfio|vfio-driver|name[.]service|(write|phase|group)-deadline|"
		/* sentences of uses in facts files of version 1 */
		"a|active|address|and|answer|are|as|at|boot|by|carries|chose|configured|console|default|"
		"device|does|driver|drives|exclusively|explain|firmware|for|framebuffer|functions|guest|"
		"guests|hangs|has|have|held|holds|host|imported|in|interfaces|is|it|its|kernel|keyboard|"
		"lies|like|link-local|many|may|member|memory|more|mount|mounted|namespace|network|no|not|"
		"of|often|on|only|open|or|others|part|pool|port|process|program|route|runs|screen|search|"
		"show|shows|space|starts|swap|text|than|that|the|there|this|through|times|to|together|"
		"too|top|use|used|which|while|with|ZFS)$",
	[FORM_PLAIN] = "^[A-Za-z]+('s)?$",
	[FORM_UNIT] = "[.](automount|device|mount|path|scope|service|slice|socket|swap|target|"
		      "timer)$",
	[FORM_MAC] = "^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$",
	[FORM_IP] = "^([0-9]{1,3}([.][0-9]{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*"
		    "(%.*)?)$",
	[FORM_ADDRESSES] = "^[ \t;]*(([0-9a-fA-F]+:)?[0-9a-fA-F]+:[0-9a-fA-F]+([.][0-9a-fA-F]*)?"
			   "[ \t;]*)*$",
	[FORM_VALUE] =
		"^[ \t]*(0x[0-9A-Fa-f]{1,4}|[01]|[oO][nN]|[oO][fF][fF]|[yY][eE][sS]|[nN][oO]|"
		"[tT][rR][uU][eE]|[fF][aA][lL][sS][eE]|vfio|keep)[ \t]*$",
};

/* A name and its mask, in a tree by kind and name. */
struct name {
	const char *kind;
	char *text, *mask;
};

struct kind {
	const char *name;
	unsigned long count;
};

struct pt_masks {
	void *names;
	struct kind *kind;
	size_t kind_count;
	void *drivers; /* a tree of their names */
	regex_t regex[FORMS];
};

static int compare_texts(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int compare_names(const void *a, const void *b)
{
	const struct name *one = a, *other = b;
	int order = strcmp(one->kind, other->kind);

	return order ? order : strcmp(one->text, other->text);
}

static void free_name(void *node)
{
	struct name *name = node;

	free(name->text);
	free(name->mask);
	free(name);
}

struct pt_masks *pt_masks_new(void)
{
	struct pt_masks *masks = pt_calloc(1, sizeof(*masks));

	for (size_t i = 0; i < FORMS; i++) {
		/* the patterns are ours: memory is all that can be missing */
		if (regcomp(&masks->regex[i], forms[i], REG_EXTENDED | REG_NOSUB) != 0)
			pt_out_of_memory();
	}
	return masks;
}

void pt_masks_free(struct pt_masks *masks)
{
	tdestroy(masks->names, free_name);
	tdestroy(masks->drivers, free);
	for (size_t i = 0; i < FORMS; i++)
		regfree(&masks->regex[i]);
	free(masks->kind);
	free(masks);
}

static bool has_form(const struct pt_masks *masks, const char *text, enum form form)
{
	return regexec(&masks->regex[form], text, 0, NULL, 0) == 0;
}

void pt_masks_keep(struct pt_masks *masks, const char *driver)
{
	char *copy = pt_strdup(driver);
	char *const *found = tsearch(copy, &masks->drivers, compare_texts);

	if (!found)
		pt_out_of_memory();
	else if (*found != copy)
		free(copy);
}

static unsigned long next_number(struct pt_masks *masks, const char *kind)
{
	struct kind *slot;

	pt_foreach (known, masks->kind, masks->kind_count) {
		if (pt_streq(known->name, kind))
			return ++known->count;
	}
	slot = pt_array_grow(&masks->kind, &masks->kind_count, sizeof(*slot));
	slot->name = kind;
	return slot->count = 1;
}

/* Makes the mask of a new name. end: the part of it that stays, ".service". */
static char *make_mask(struct pt_masks *masks, const char *kind, const char *end)
{
	unsigned long number = next_number(masks, kind);

	if (pt_streq(kind, PT_MASK_SERIAL))
		return pt_format("%016lx", number);
	return pt_format("%s-%lu%s", kind, number, end);
}

/* Returns the mask of a name, on loan. */
static const char *mask_of(
	struct pt_masks *masks, const char *kind, const char *text, const char *end)
{
	struct name like = {.kind = kind, .text = pt_strdup(text)};
	struct name *const *found = tfind(&like, &masks->names, compare_names);
	struct name *name;

	if (found) {
		free(like.text);
		return (*found)->mask;
	}
	like.mask = make_mask(masks, kind, end);
	name = pt_calloc(1, sizeof(*name));
	*name = like;
	if (!tsearch(name, &masks->names, compare_names))
		pt_out_of_memory();
	return name->mask;
}

const char *pt_mask_of(struct pt_masks *masks, const char *kind, const char *name)
{
	return mask_of(masks, kind, name, "");
}

/* Returns the mask that a name of any kind has already, on loan; NULL: it is none. */
static const char *find_mask(const struct pt_masks *masks, const char *word)
{
	PT_FREE char *copy = pt_strdup(word);

	pt_foreach (kind, masks->kind, masks->kind_count) {
		const struct name like = {.kind = kind->name, .text = copy};
		struct name *const *found = tfind(&like, &masks->names, compare_names);

		if (found)
			return (*found)->mask;
	}
	return NULL;
}

/* Puts the mask of an IP address; its prefix stays. */
static bool put_ip(struct pt_masks *masks, const char *text, FILE *out)
{
	size_t length = strcspn(text, "/");
	PT_FREE char *address = pt_strndup(text, length);

	if (!has_form(masks, address, FORM_IP))
		return false;
	fprintf(out, "%s%s", mask_of(masks, "address", address, ""), text + length);
	return true;
}

static void put_mac(struct pt_masks *masks, const char *text, FILE *out)
{
	PT_FREE char *plain = pt_strdup(text);

	for (char *at = plain; *at; at++)
		*at = *at == '-' ? ':' : (char)tolower((unsigned char)*at);
	fputs(mask_of(masks, PT_MASK_MAC, plain, ""), out);
}

/* Puts the mask of a name by its form; kind is for one of no special form. */
static void put_name(struct pt_masks *masks, const char *kind, const char *text, FILE *out)
{
	if (has_form(masks, text, FORM_MAC))
		put_mac(masks, text, out);
	else if (put_ip(masks, text, out))
		return;
	else if (text[0] == '/')
		fprintf(out, "/%s", mask_of(masks, "path", text, ""));
	else if (has_form(masks, text, FORM_UNIT))
		fputs(mask_of(masks, PT_MASK_UNIT, text, strrchr(text, '.')), out);
	else
		fputs(mask_of(masks, kind, text, ""), out);
}

static bool is_harmless(const struct pt_masks *masks, const char *word)
{
	return has_form(masks, word, FORM_HARMLESS) || tfind(word, &masks->drivers, compare_texts);
}

void pt_mask_put_one(struct pt_masks *masks, const char *kind, const char *text, FILE *out)
{
	if (is_harmless(masks, text))
		fputs(text, out);
	else
		put_name(masks, kind, text, out);
}

/* Whether the word of a text is a name. */
static bool is_name(
	const struct pt_masks *masks, enum pt_mask_words words, const char *word, bool quoted)
{
	if (words == PT_MASK_UNITS)
		return has_form(masks, word, FORM_UNIT) && !is_harmless(masks, word);
	if (is_harmless(masks, word) || has_form(masks, word, FORM_OURS))
		return false;
	return words != PT_MASK_SENTENCE || quoted || !has_form(masks, word, FORM_PLAIN);
}

static void put_word(struct pt_masks *masks, enum pt_mask_words words, const char *kind,
	const char *word, bool quoted, FILE *out)
{
	const char *known = NULL;

	if (words == PT_MASK_SENTENCE && !is_harmless(masks, word))
		known = find_mask(masks, word);
	if (known)
		fputs(known, out);
	else if (is_name(masks, words, word, quoted))
		put_name(masks, kind, word, out);
	else
		fputs(word, out);
}

/* An apostrophe within a word is none. */
static bool is_quote(const char *text, const char *at)
{
	return *at == '\'' &&
	       !(at > text && isalnum((unsigned char)at[-1]) && isalnum((unsigned char)at[1]));
}

/* The length of the word at the place, 0 at a delimiter or a quote. */
static size_t word_length(const char *text, const char *at)
{
	size_t length = 0;

	while (at[length] && !strchr(DELIMITERS, at[length]) && !is_quote(text, at + length))
		length++;
	return length;
}

/* A sentence names a process "process 42 (NAME)": the length of NAME at the place, or 0. */
static size_t process_name(const char *text, const char *at)
{
	static const char process[] = "process ";
	size_t to = (size_t)(at - text);

	if (to < 2 || text[to - 1] != '(' || text[to - 2] != ' ')
		return 0;
	for (to -= 2; to && isdigit((unsigned char)text[to - 1]);)
		to--;
	if (to < strlen(process) || !pt_starts_with(text + to - strlen(process), process))
		return 0;
	return strcspn(at, ")");
}

void pt_mask_put_words(struct pt_masks *masks, enum pt_mask_words words, const char *kind,
	const char *text, FILE *out)
{
	const char *at = text;
	int quotes = 0;

	while (*at) {
		size_t name = process_name(text, at);
		size_t length = name ? name : word_length(text, at), end = length;
		PT_FREE char *word = NULL;

		/* the end of a part of a sentence, but no "::" */
		if (!name && end > 1 && strchr(":.", at[end - 1]) && at[end - 2] != ':')
			end--;
		word = pt_strndup(at, end);
		if (name)
			pt_mask_put_one(masks, PT_MASK_PROCESS, word, out);
		else if (end)
			put_word(masks, words, kind, word, quotes > 0, out);
		fwrite(at + end, 1, length - end, out);
		at += length;
		if (!*at)
			break;
		if (*at == '"')
			quotes ^= 1;
		else if (is_quote(text, at))
			quotes += at == text || strchr(" (", at[-1]) ? 1 : quotes ? -1 : 0;
		fputc(*at++, out);
	}
}

void pt_mask_put_path(
	struct pt_masks *masks, const char *kind, const char *path, const char *known, FILE *out)
{
	while (*path) {
		size_t length = strcspn(path, "/");
		PT_FREE char *part = pt_strndup(path, length);

		/* those that lead elsewhere do so still */
		if (!length || pt_streq(part, ".") || pt_streq(part, "..") ||
			(!path[length] && pt_streq(part, known)))
			fputs(part, out);
		else
			fputs(mask_of(masks, kind, part, ""), out);
		path += length;
		if (*path)
			fputc(*path++, out);
	}
}

/* Replaces letters and digits, so that the form stays. */
static void put_form(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (isdigit((unsigned char)*text))
			fputc('0', out);
		else
			fputc(isalpha((unsigned char)*text) || *text & 0x80 ? 'x' : *text, out);
	}
}

void pt_mask_put_value(struct pt_masks *masks, const char *value, FILE *out)
{
	if (has_form(masks, value, FORM_VALUE) ||
		(has_form(masks, value, FORM_ADDRESSES) && !has_form(masks, value, FORM_MAC)))
		fputs(value, out);
	else
		put_form(value, out);
}
