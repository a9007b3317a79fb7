// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "pve/config/section.h"

#define SPACE " \t\r"

/* "vm: 100": splits it in place. NULL: it begins no section. */
static const char *split_head(char *line, const char **ret_id)
{
	char *colon = strchr(line, ':'), *id;

	if (!colon)
		return NULL;
	*colon = '\0';
	id = colon + 1 + strspn(colon + 1, SPACE);
	id[strcspn(id, SPACE)] = '\0';
	*ret_id = id;
	return line;
}

/* "  key value", the blanks around the value left out. NULL: an empty line. */
static const char *split_line(char *line, const char **ret_value)
{
	char *key = line + strspn(line, SPACE), *value;
	size_t length;

	if (!*key)
		return NULL;
	value = key + strcspn(key, SPACE);
	if (*value)
		*value++ = '\0';
	value += strspn(value, SPACE);
	for (length = strlen(value); length && strchr(SPACE, value[length - 1]); length--)
		value[length - 1] = '\0';
	*ret_value = value;
	return key;
}

int pt_sections_read(const char *text, pt_section_line *take, void *data)
{
	PT_FREE char *copy = text ? strdup(text) : NULL;
	const char *type = NULL, *id = NULL;
	char *line, *rest = NULL;
	int r = text && !copy ? -ENOMEM : 0;

	for (line = copy ? strtok_r(copy, "\n", &rest) : NULL; r == 0 && line;
		line = strtok_r(NULL, "\n", &rest)) {
		const char *value, *key;

		if (*line == '#')
			continue;
		if (!strchr(SPACE, *line)) {
			type = split_head(line, &id);
			r = type ? take(data, type, id, NULL, NULL) : 0;
			continue;
		}
		key = split_line(line, &value);
		if (type && key)
			r = take(data, type, id, key, value);
	}
	return r == 0 ? take(data, NULL, NULL, NULL, NULL) : r;
}
