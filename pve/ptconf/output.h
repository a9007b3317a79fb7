// SPDX-License-Identifier: AGPL-3.0-or-later
/* How pve-ptconf writes: aligned tables, JSON, colour on a terminal only. */
#ifndef PT_OUTPUT_H
#define PT_OUTPUT_H

#include <json-c/json.h>

#include "pve/check/finding.h"

enum pt_output_format {
	PT_OUTPUT_TEXT,
	PT_OUTPUT_JSON,
	PT_OUTPUT_JSON_PRETTY,
};

bool pt_output_format_parse(const char *text, enum pt_output_format *ret);

/* Of the JSON that is made by hand; check, facts and claims have versions of their own. */
#define PT_OUTPUT_VERSION 1

/* Returns an object with the key "version" alone, the caller's. */
struct json_object *pt_output_new(void);

/* Writes the object in a JSON format to stdout, with a newline. 0 or -EIO. */
int pt_output_json(struct json_object *json, enum pt_output_format format, struct pt_err *err);

/* Flushes the output. -EIO: it did not arrive. */
int pt_output_end(struct pt_err *err);

/* Rows of as many cells as the header has; columns are as wide as they need. */
struct pt_table {
	size_t columns;
	char **cell;
	size_t count;
	char **note; /* one for each row: the lines below it, or NULL */
	size_t rows;
};

/* Adds cells up to the column count; each is a copy, NULL stands for "-". */
void pt_table_row(struct pt_table *table, const char *const *cell);
/* Adds a line below the last row; a copy. NULL adds none. */
void pt_table_note(struct pt_table *table, const char *text);
/* Writes it to stdout; a terminal's width cuts the lines. 0 or -EIO. */
int pt_table_print(const struct pt_table *table, struct pt_err *err);
void pt_table_clear(struct pt_table *table);
#define PT_TABLE PT_CLEANUP(pt_table_clear)

/* Prints the errors and warnings among findings with their hints. */
void pt_output_problems(const struct pt_findings *findings);

/* Prints findings with their hints, and a closing line. Equal findings of several functions are one
 * line, and count as one. Skips routine infos unless all_infos. */
int pt_output_findings(const struct pt_findings *findings, const char *subject, bool all_infos,
	size_t *ret_errors, size_t *ret_warnings, struct pt_err *err);

#endif
