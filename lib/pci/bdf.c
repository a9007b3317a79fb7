// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/pci/bdf.h"

static char *put_hex(char *at, uint32_t value, int digits)
{
	for (int digit = digits; digit-- > 0;)
		*at++ = "0123456789abcdef"[value >> (4 * digit) & 0xf];
	return at;
}

/* By hand: a listing of a large host compares each address many times over. */
const char *pt_bdf_format(const struct pt_bdf *bdf, char text[static PT_BDF_TEXT])
{
	char *at = text;
	int digits = 4;

	while (digits < 8 && bdf->domain >> (4 * digits))
		digits++;
	at = put_hex(at, bdf->domain, digits);
	*at++ = ':';
	at = put_hex(at, bdf->bus, 2);
	*at++ = ':';
	at = put_hex(at, bdf->slot, 2);
	*at++ = '.';
	at = put_hex(at, bdf->function, 1);
	*at = '\0';
	return text;
}

/* Reads min to max lower-case hexadecimal digits. NULL when there are not so many. */
static const char *read_hex(const char *text, int min, int max, uint32_t *ret)
{
	uint32_t value = 0;
	int digits = 0;

	for (; digits < max; digits++, text++) {
		if (*text >= '0' && *text <= '9')
			value = value << 4 | (uint32_t)(*text - '0');
		else if (*text >= 'a' && *text <= 'f')
			value = value << 4 | (uint32_t)(*text - 'a' + 10);
		else
			break;
	}
	*ret = value;
	return digits < min ? NULL : text;
}

bool pt_bdf_parse(const char *text, struct pt_bdf *ret)
{
	uint32_t domain, bus, slot, function;
	char canonical[PT_BDF_TEXT];
	struct pt_bdf bdf;
	const char *at = text;

	at = read_hex(at, 4, 8, &domain);
	if (!at || *at++ != ':')
		return false;
	at = read_hex(at, 2, 2, &bus);
	if (!at || *at++ != ':')
		return false;
	at = read_hex(at, 2, 2, &slot);
	if (!at || *at++ != '.')
		return false;
	at = read_hex(at, 1, 1, &function);
	if (!at || *at)
		return false;
	bdf = (struct pt_bdf){domain, (uint8_t)bus, (uint8_t)slot, (uint8_t)function};
	/* leading zeros beyond four digits are not how the kernel writes it */
	if (strcmp(pt_bdf_format(&bdf, canonical), text) != 0)
		return false;
	*ret = bdf;
	return true;
}

int pt_bdf_compare(const struct pt_bdf *a, const struct pt_bdf *b)
{
	if (a->domain != b->domain)
		return a->domain < b->domain ? -1 : 1;
	if (a->bus != b->bus)
		return a->bus < b->bus ? -1 : 1;
	if (a->slot != b->slot)
		return a->slot < b->slot ? -1 : 1;
	return (a->function > b->function) - (a->function < b->function);
}

bool pt_bdf_same_slot(const struct pt_bdf *a, const struct pt_bdf *b)
{
	return a->domain == b->domain && a->bus == b->bus && a->slot == b->slot;
}

bool pt_bdf_matches(const struct pt_bdf *bdf, const char *filter)
{
	return pt_bdf_text_matches(PT_BDF(bdf), filter);
}

bool pt_bdf_text_matches(const char *text, const char *filter)
{
	return pt_starts_with(text, filter) ||
	       (pt_starts_with(text, "0000:") && pt_starts_with(text + 5, filter));
}

bool pt_bdf_of_filter(const char *filter, struct pt_bdf *ret)
{
	static const char domain[] = "0000:";
	char text[PT_BDF_TEXT + sizeof(domain)];
	size_t length = strlen(filter);

	if (length >= PT_BDF_TEXT)
		return false;
	snprintf(text, sizeof(text), "%s%s", length < 12 ? domain : "", filter);
	return pt_bdf_parse(text, ret);
}

void pt_bdfs_add(struct pt_bdf **list, size_t *count, const struct pt_bdf *bdf)
{
	struct pt_bdf *slot = pt_array_grow(list, count, sizeof(*slot));

	*slot = *bdf;
}

bool pt_bdfs_have(const struct pt_bdf *list, size_t count, const struct pt_bdf *bdf)
{
	pt_foreach (one, list, count) {
		if (pt_bdf_compare(one, bdf) == 0)
			return true;
	}
	return false;
}

static const char *format_form(const void *value, char text[static PT_FORM_TEXT])
{
	return pt_bdf_format(value, text);
}

static bool parse_form(const char *text, void *ret)
{
	return pt_bdf_parse(text, ret);
}

const struct pt_form pt_bdf_form = {
	.pattern = "^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\\.[0-9a-f]$",
	.why = "is no PCI address",
	.format = format_form,
	.parse = parse_form,
};

static const struct pt_field bdf_field[] = {
	{.kind = PT_FIELD_FORM, .size = sizeof(struct pt_bdf), .form = &pt_bdf_form}};
const struct pt_record pt_bdf_record = {PT_RECORD(struct pt_bdf, bdf_field)};
