// SPDX-License-Identifier: AGPL-3.0-or-later
/* Files of sections "TYPE: ID" with "key value" lines. Source: pve-common, SectionConfig.pm. */
#ifndef PT_SECTION_H
#define PT_SECTION_H

#include "lib/base/base.h"

/* A key of a section; key NULL: its begin; type NULL: the end. Pointers live while reading. */
typedef void pt_section_line(
	void *data, const char *type, const char *id, const char *key, const char *value);

/* Hands over each line of text (or NULL). Skips a line that begins no section, and those below. */
void pt_sections_read(const char *text, pt_section_line *take, void *data);

#endif
