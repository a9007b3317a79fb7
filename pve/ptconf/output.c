// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "lib/base/json.h"
#include "pve/ptconf/output.h"

#define NOTE_INDENT 7 /* columns */
#define NOTE_END    "\n"

bool pt_output_format_parse(const char *text, enum pt_output_format *ret)
{
	static const char *const name[] = {
		[PT_OUTPUT_TEXT] = "text",
		[PT_OUTPUT_JSON] = "json",
		[PT_OUTPUT_JSON_PRETTY] = "json-pretty",
	};
	int found = PT_WORD_FIND(name, text);

	if (found >= 0)
		*ret = (enum pt_output_format)found;
	return found >= 0;
}

int pt_output_end(struct pt_err *err)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	return pt_err_set(err, -EIO, "the output cannot be written");
}

struct json_object *pt_output_new(void)
{
	struct json_object *json = pt_json_object();

	pt_json_add_number(json, "version", PT_OUTPUT_VERSION);
	return json;
}

int pt_output_json(struct json_object *json, enum pt_output_format format, struct pt_err *err)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE;

	if (format == PT_OUTPUT_JSON_PRETTY)
		flags |= JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;
	puts(pt_json_print(json, flags));
	return pt_output_end(err);
}

void pt_table_row(struct pt_table *table, const char *const *cell)
{
	for (size_t i = 0; i < table->columns; i++) {
		char **slot = pt_array_grow(&table->cell, &table->count, sizeof(*slot));

		pt_set_text(slot, cell[i] ? cell[i] : "-");
	}
	pt_array_grow(&table->note, &table->rows, sizeof(*table->note));
}

void pt_table_note(struct pt_table *table, const char *text)
{
	char **note = &table->note[table->rows - 1];

	if (text)
		*note = pt_list_add(*note, NOTE_END, text);
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

/* At most so many characters. Control characters must not reach a terminal. */
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

static void print_notes(const char *notes, int room)
{
	struct pt_names PT_NAMES lines = {0};

	pt_names_split(&lines, notes ? notes : "", NOTE_END);
	pt_foreach (line, lines.name, lines.count)
		print_note(*line, room);
}

int pt_table_print(const struct pt_table *table, struct pt_err *err)
{
	int *widths = pt_calloc(table->columns, sizeof(*widths));
	int room = terminal_width();

	for (size_t column = 0; column < table->columns; column++)
		widths[column] = width_of(table, column) + 2;
	for (size_t row = 0; row < table->rows; row++) {
		char **cell = table->cell + row * table->columns;
		int used = 0;

		for (size_t column = 0; column + 1 < table->columns; column++) {
			print_cell(cell[column], widths[column]);
			used += widths[column];
		}
		/* the last one is cut: names are long */
		print_plain(cell[table->columns - 1], room > used ? room - used : 0);
		putchar('\n');
		print_notes(table->note[row], room);
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

static void print_shown(const struct pt_shown *shown)
{
	const char *plain = isatty(STDOUT_FILENO) ? "\033[0m" : "";

	printf("%s%-8s%s ", colour(shown->severity), pt_severity_name(shown->severity), plain);
	print_cell(shown->subject, 0);
	printf(": ");
	print_cell(shown->message, 0);
	printf(" [%s]\n", shown->tag);
	if (!shown->hint)
		return;
	printf("         -> ");
	print_cell(shown->hint, 0);
	putchar('\n');
}

void pt_output_problems(const struct pt_findings *findings)
{
	for (size_t at = 0; at < findings->count;) {
		struct pt_shown PT_SHOWN shown = {0};

		at += pt_findings_show(findings, at, &shown);
		if (shown.severity != PT_INFO)
			print_shown(&shown);
	}
}

int pt_output_findings(const struct pt_findings *findings, const char *subject, bool all_infos,
	size_t *ret_errors, size_t *ret_warnings, struct pt_err *err)
{
	size_t errors = 0, warnings = 0;

	for (size_t at = 0; at < findings->count;) {
		struct pt_shown PT_SHOWN shown = {0};

		at += pt_findings_show(findings, at, &shown);
		errors += shown.severity == PT_ERROR;
		warnings += shown.severity == PT_WARNING;
		if (all_infos || !shown.finding->of->routine || shown.severity != PT_INFO)
			print_shown(&shown);
	}
	printf("%s: %zu error%s, %zu warning%s\n", subject, errors, errors == 1 ? "" : "s",
		warnings, warnings == 1 ? "" : "s");
	*ret_errors = errors;
	*ret_warnings = warnings;
	return pt_output_end(err);
}
