// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "pve/ptconf/output.h"

#define NOTE_INDENT 7 /* columns */

bool pt_output_format_parse(const char *text, enum pt_output_format *ret)
{
	static const char *const name[] = {
		[PT_OUTPUT_TEXT] = "text",
		[PT_OUTPUT_JSON] = "json",
		[PT_OUTPUT_JSON_PRETTY] = "json-pretty",
	};

	for (size_t i = 0; i < PT_ARRAY_SIZE(name); i++) {
		if (pt_streq(text, name[i])) {
			*ret = (enum pt_output_format)i;
			return true;
		}
	}
	return false;
}

int pt_output_end(struct pt_err *err)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	return pt_err_set(err, -EIO, "the output cannot be written");
}

int pt_output_json(struct json_object *json, enum pt_output_format format, struct pt_err *err)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE;

	if (!json)
		return pt_err_nomem(err);
	if (format == PT_OUTPUT_JSON_PRETTY)
		flags |= JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;
	puts(json_object_to_json_string_ext(json, flags));
	return pt_output_end(err);
}

void pt_table_row(struct pt_table *table, const char *const *cell)
{
	for (size_t i = 0; i < table->columns; i++) {
		char **slot = pt_array_grow(&table->cell, &table->count, sizeof(*slot));

		if (!slot || pt_set_text(slot, cell[i] ? cell[i] : "-") < 0)
			table->failed = true;
	}
	if (!pt_array_grow(&table->note, &table->rows, sizeof(*table->note)))
		table->failed = true;
}

void pt_table_note(struct pt_table *table, const char *text)
{
	if (!table->rows || pt_set_text(&table->note[table->rows - 1], text) < 0)
		table->failed = true;
}

static int width_of(const struct pt_table *table, size_t column)
{
	size_t width = 0;

	for (size_t i = column; i < table->count; i += table->columns) {
		if (table->cell[i] && strlen(table->cell[i]) > width)
			width = strlen(table->cell[i]);
	}
	return (int)width;
}

/* Columns of the terminal; INT_MAX when stdout is none. */
static int terminal_width(void)
{
	struct winsize size;

	return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col
		       ? size.ws_col
		       : INT_MAX;
}

/* At most so many characters. Text from outside may hold control characters, which must not reach a terminal. */
static int print_plain(const char *text, int most)
{
	int printed = 0;

	for (; *text && printed < most; text++, printed++)
		putchar((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f ? '?' : *text);
	return printed;
}

static void print_cell(const char *text, int width)
{
	for (int printed = print_plain(text, INT_MAX); printed < width; printed++)
		putchar(' ');
}

/* A row's note below it, in lines of whole words where there is a terminal. */
static void print_note(const char *text, int room)
{
	int most = room > NOTE_INDENT ? room - NOTE_INDENT : room;

	while (*text) {
		int length = (int)strlen(text), at = length;

		if (length > most) {
			at = most;
			while (at > 0 && text[at] != ' ')
				at--;
			at = at > 0 ? at : most;
		}
		printf("%*s", NOTE_INDENT, "");
		print_plain(text, at);
		putchar('\n');
		text += at;
		text += strspn(text, " ");
	}
}

int pt_table_print(const struct pt_table *table, struct pt_err *err)
{
	int room = terminal_width(), used = 0;
	int *widths = calloc(table->columns, sizeof(*widths));

	if (table->failed || !widths) {
		free(widths);
		return pt_err_nomem(err);
	}
	for (size_t column = 0; column < table->columns; column++)
		widths[column] = width_of(table, column) + 2;
	for (size_t i = 0; i < table->count; i++) {
		size_t column = i % table->columns;
		int width = widths[column];

		if (column + 1 < table->columns) {
			print_cell(table->cell[i], width);
			used += width;
			continue;
		}
		/* the last one is cut: names are long */
		print_plain(table->cell[i], room > used ? room - used : 0);
		putchar('\n');
		used = 0;
		if (table->note[i / table->columns])
			print_note(table->note[i / table->columns], room);
	}
	free(widths);
	return pt_output_end(err);
}

void pt_table_clear(struct pt_table *table)
{
	pt_foreach (cell, table->cell, table->count)
		free(*cell);
	free(table->cell);
	pt_foreach (note, table->note, table->rows)
		free(*note);
	free(table->note);
	*table = (struct pt_table){0};
}

static const char *colour(enum pt_severity severity)
{
	static const char *const code[] = {
		[PT_INFO] = "\033[36m", [PT_WARNING] = "\033[33m", [PT_ERROR] = "\033[1;31m"};

	return isatty(STDOUT_FILENO) ? code[severity] : "";
}

int pt_output_findings(const struct pt_findings *findings, const char *subject, struct pt_err *err)
{
	size_t errors = pt_findings_count(findings, PT_ERROR);
	size_t warnings = pt_findings_count(findings, PT_WARNING);
	const char *plain = isatty(STDOUT_FILENO) ? "\033[0m" : "";

	pt_foreach (finding, findings->finding, findings->count) {
		printf("%s%-8s%s ", colour(finding->severity), pt_severity_name(finding->severity),
			plain);
		print_cell(finding->subject, 0);
		printf(": ");
		print_cell(finding->message, 0);
		printf(" [%s]\n", finding->tag);
		if (finding->hint) {
			printf("         -> ");
			print_cell(finding->hint, 0);
			putchar('\n');
		}
	}
	printf("%s: %zu error%s, %zu warning%s\n", subject, errors, errors == 1 ? "" : "s",
		warnings, warnings == 1 ? "" : "s");
	return pt_output_end(err);
}
