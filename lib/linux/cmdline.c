// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/linux/cmdline.h"

static char plain(char c)
{
	return c == '-' ? '_' : c;
}

/* Where a parameter ends: at white space outside of quotes. */
static size_t length_of(const char *text)
{
	bool quoted = false;
	size_t length = 0;

	for (; text[length] && (quoted || !strchr(" \t\n", text[length])); length++)
		quoted ^= text[length] == '"';
	return length;
}

static bool has_key(const char *text, size_t length, const char *key)
{
	size_t at = 0;

	for (; at < length && key[at]; at++) {
		if (plain(text[at]) != plain(key[at]))
			return false;
	}
	return !key[at] && (at == length || text[at] == '=');
}

static void copy_value(const char *text, size_t length, char *ret, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < length && at + 1 < size; i++) {
		if (text[i] != '"')
			ret[at++] = text[i];
	}
	ret[at] = '\0';
}

bool pt_cmdline_get(const char *cmdline, const char *key, char *ret, size_t size)
{
	bool found = false;

	if (size)
		ret[0] = '\0';
	while (cmdline && *cmdline) {
		size_t length = length_of(cmdline), skip;

		if (length && has_key(cmdline, length, key)) {
			found = true;
			skip = strlen(key);
			skip += skip < length;
			if (size)
				copy_value(cmdline + skip, length - skip, ret, size);
		}
		cmdline += length + (cmdline[length] != '\0');
	}
	return found;
}
