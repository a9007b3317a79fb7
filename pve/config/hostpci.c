// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "pve/config/hostpci.h"

#define ONE "([a-f0-9]{4,}:)?[a-f0-9]{2}:[a-f0-9]{2}(\\.[a-f0-9])?"
#define ADDRESSES                                                                                  \
	"an address like 0000:01:00.0 or 0000:01:00 in lower case; several are divided by ';'"
#define HEX_ID	 "^0x[0-9a-fA-F]{4}$"
#define HEX_FORM "0x and four hex digits"

static const struct pt_prop_key keys[] = {
	{"host", PT_PROP_PATTERN, "^" ONE "(;" ONE ")*$", ADDRESSES, .is_default = true},
	{"mapping", PT_PROP_PATTERN_NOCASE, "^[a-z][a-z0-9_-]+$", PT_PROP_NAME},
	{"mdev", PT_PROP_PATTERN, "^[^/.:]+$", "the name of a type without '/', '.' and ':'",
		.takes_nul = true},
	{"pcie", PT_PROP_BOOLEAN},
	{"rombar", PT_PROP_BOOLEAN},
	{"romfile", PT_PROP_PATTERN, "^[^,;]+$", "a file name without ',' and ';'",
		.takes_nul = true},
	{"x-vga", PT_PROP_BOOLEAN},
	{"legacy-igd", PT_PROP_BOOLEAN},
	{"vendor-id", PT_PROP_PATTERN, HEX_ID, HEX_FORM},
	{"device-id", PT_PROP_PATTERN, HEX_ID, HEX_FORM},
	{"sub-vendor-id", PT_PROP_PATTERN, HEX_ID, HEX_FORM},
	{"sub-device-id", PT_PROP_PATTERN, HEX_ID, HEX_FORM},
	{"driver", PT_PROP_PATTERN, "^(vfio|keep)$", "vfio or keep"},
};

const struct pt_prop_schema pt_hostpci_schema = {keys, PT_ARRAY_SIZE(keys)};

int pt_hostpci_parse(int index, const char *text, size_t length, enum pt_text encoding,
	struct pt_hostpci *ret, struct pt_err *err)
{
	struct pt_props PT_PROPS props = {0};
	struct pt_hostpci entry = {.index = index};

	pt_props_parse(&pt_hostpci_schema, text, length, encoding, &props);
	if (props.verdict != PT_PROP_OK)
		return pt_props_explain(&pt_hostpci_schema, &props, err);
	entry.pcie = pt_props_flag(&props, "pcie", false);
	entry.rombar = pt_props_flag(&props, "rombar", true);
	entry.x_vga = pt_props_flag(&props, "x-vga", false);
	entry.legacy_igd = pt_props_flag(&props, "legacy-igd", false);
	entry.has_driver = pt_props_get(&props, "driver");
	entry.keep_driver = pt_streq(pt_props_get(&props, "driver"), "keep");
	pt_set_text(&entry.host, pt_props_get(&props, "host"));
	pt_set_text(&entry.mapping, pt_props_get(&props, "mapping"));
	pt_set_text(&entry.mdev, pt_props_get(&props, "mdev"));
	pt_set_text(&entry.romfile, pt_props_get(&props, "romfile"));
	*ret = entry;
	return 0;
}

void pt_hostpci_clear(struct pt_hostpci *entry)
{
	free(entry->host);
	free(entry->mapping);
	free(entry->mdev);
	free(entry->romfile);
	*entry = (struct pt_hostpci){0};
}

bool pt_hostpci_is_set(const char *value)
{
	return value && *value && !pt_streq(value, "0");
}

int pt_hostpci_key(const char *key)
{
	static const char begin[] = "hostpci";
	const char *number = key + strlen(begin);
	int index;

	if (!pt_starts_with(key, begin) || strspn(number, "0123456789") != strlen(number) ||
		!*number || strlen(number) > 2 || (*number == '0' && number[1]))
		return -1;
	index = atoi(number);
	return index < PT_HOSTPCI_MAX ? index : -1;
}
