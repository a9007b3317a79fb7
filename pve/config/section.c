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

void pt_sections_read(const char *text, pt_section_line *take, void *data)
{
	PT_FREE char *copy = text ? pt_strdup(text) : NULL;
	const char *type = NULL, *id = NULL;
	char *line, *rest = NULL;

	for (line = copy ? strtok_r(copy, "\n", &rest) : NULL; line;
		line = strtok_r(NULL, "\n", &rest)) {
		const char *value, *key;

		if (*line == '#')
			continue;
		if (!strchr(SPACE, *line)) {
			type = split_head(line, &id);
			if (type)
				take(data, type, id, NULL, NULL);
			continue;
		}
		key = split_line(line, &value);
		if (type && key)
			take(data, type, id, key, value);
	}
	take(data, NULL, NULL, NULL, NULL);
}
