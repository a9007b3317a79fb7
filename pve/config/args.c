// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/base/json.h"
#include "lib/pci/bdf.h"
#include "pve/config/args.h"

#define SPACE	   " \t\n\r\f\v"
#define DRIVER_KEY "driver"

/* One word on its way: at is what is read, to what is written. */
struct word {
	const char *at;
	char *to;
};

/* Up to the closing quote. A backslash within single quotes stays, and still quotes. */
static int read_quoted(struct word *word, char quote)
{
	for (word->at++; *word->at && *word->at != quote; word->at++) {
		if (*word->at == '\\') {
			if (!word->at[1])
				return -EINVAL;
			if (quote == '\'')
				*word->to++ = '\\';
			word->at++;
		}
		*word->to++ = *word->at;
	}
	return *word->at++ ? 0 : -EINVAL;
}

static int read_word(struct word *word)
{
	int r = 0;

	while (r == 0 && *word->at && !strchr(SPACE, *word->at)) {
		if (*word->at == '"' || *word->at == '\'') {
			r = read_quoted(word, *word->at);
			continue;
		}
		if (*word->at == '\\' && !*++word->at)
			return -EINVAL;
		*word->to++ = *word->at++;
	}
	*word->to = '\0';
	return r;
}

int pt_args_split(const char *args, struct pt_names *ret)
{
	PT_FREE char *buffer = pt_strdup(args);
	struct word word = {.at = args};
	int r = 0;

	while (r == 0 && *(word.at += strspn(word.at, SPACE))) {
		word.to = buffer;
		r = read_word(&word);
		if (r == 0)
			pt_names_add(ret, buffer);
	}
	if (r < 0)
		pt_names_free(ret);
	return r;
}

/* "2:0.0", "02:00.0", "0000:02:00.0": numbers of any length, the function's a decimal one. */
static bool parse_host(const char *text, struct pt_bdf *ret)
{
	unsigned int domain = 0, bus, device, function;
	int end = 0;

	if (strspn(text, "0123456789abcdefABCDEF:.") != strlen(text) || strlen(text) > 32)
		return false;
	if (sscanf(text, "%x:%x:%x.%u%n", &domain, &bus, &device, &function, &end) != 4) {
		domain = 0;
		if (sscanf(text, "%x:%x.%u%n", &bus, &device, &function, &end) != 3)
			return false;
	}
	if (text[end] || bus > 0xff || device > 0x1f || function > 7)
		return false;
	*ret = (struct pt_bdf){.domain = domain,
		.bus = (uint8_t)bus,
		.slot = (uint8_t)device,
		.function = (uint8_t)function};
	return true;
}

/* The last part of a path in sysfs is the address; that of a mediated device is none. */
static bool parse_sysfs(const char *path, struct pt_bdf *ret)
{
	PT_FREE char *copy = pt_strdup(path);
	char *name;

	for (size_t end = strlen(copy); end > 0 && copy[end - 1] == '/'; end--)
		copy[end - 1] = '\0';
	name = strrchr(copy, '/');
	return name && pt_bdf_parse(name + 1, ret);
}

static bool is_vfio(const char *driver)
{
	return pt_streq(driver, "vfio-pci") || pt_streq(driver, "vfio-pci-nohotplug");
}

/* The text of a key; NULL: it has none. */
static const char *text_of(struct json_object *json, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(json, key, &value);
	if (!json_object_is_type(value, json_type_string) ||
		strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
		return NULL;
	return json_object_get_string(value);
}

static bool parse_json(const char *text, struct pt_bdf *ret)
{
	struct json_object PT_JSON *json = pt_json_parse(text, strlen(text), NULL);
	const char *driver = text_of(json, DRIVER_KEY);
	const char *host = text_of(json, "host");
	const char *path = text_of(json, "sysfsdev");

	return is_vfio(driver) &&
	       ((path && parse_sysfs(path, ret)) || (!path && host && parse_host(host, ret)));
}

/* One "key=value" up to a single comma; at moves behind it. item has room for all of the text. */
static char *next_item(const char **at, char *item)
{
	char *to = item;

	while (**at && (**at != ',' || (*at)[1] == ',')) {
		*at += **at == ',';
		*to++ = *(*at)++;
	}
	*at += **at == ',';
	*to = '\0';
	return item;
}

/* The value, when the item is of that key; NULL: of another. */
static const char *value_of(const char *item, const char *key)
{
	size_t length = strlen(key);

	return strncmp(item, key, length) == 0 && item[length] == '=' ? item + length + 1 : NULL;
}

/* "vfio-pci,host=00:02.0,x-vga=on": the first part is the driver, unless a key names it. */
static bool parse_options(const char *text, struct pt_bdf *ret)
{
	PT_FREE char *buffer = pt_strdup(text);
	bool vfio = false, found = false, by_path = false;
	const char *at = text;

	while (*at) {
		bool first = at == text;
		const char *item = next_item(&at, buffer);
		const char *driver = value_of(item, DRIVER_KEY);
		const char *host = value_of(item, "host");
		const char *path = value_of(item, "sysfsdev");

		vfio |= is_vfio(driver) || (first && is_vfio(item));
		if (path) {
			by_path = true;
			found = parse_sysfs(path, ret);
		} else if (host && !by_path) {
			found = parse_host(host, ret);
		}
	}
	return vfio && found;
}

char *pt_args_devices(const char *args)
{
	struct pt_names PT_NAMES words = {0};
	char *list = NULL;

	if (!args || !strstr(args, "vfio-pci") || pt_args_split(args, &words) < 0)
		return NULL;
	for (size_t i = 0; i + 1 < words.count; i++) {
		const char *value = words.name[i + 1];
		struct pt_bdf bdf;
		char *longer;

		if (!pt_streq(words.name[i], "-device") && !pt_streq(words.name[i], "--device"))
			continue;
		if (!(*value == '{' ? parse_json(value, &bdf) : parse_options(value, &bdf)))
			continue;
		longer = pt_format("%s%s%s", list ? list : "", list ? ";" : "", PT_BDF(&bdf));
		free(list);
		list = longer;
	}
	return list;
}
