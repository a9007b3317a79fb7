// SPDX-License-Identifier: AGPL-3.0-or-later
#include <ctype.h>
#include <errno.h>

#include "lib/base/json.h"
#include "pve/check/check.h"
#include "pve/check/messages.h"
#include "pve/ptconf/ptconf.h"

#define INDENT	 2
#define WIDTH	 76 /* of text, behind its indentation */
#define ALL_TEXT 32 /* "error, warning, info" */

/* The effect on a start, in words. */
static const char *effect_text(enum pt_effect effect)
{
	static const char *const text[] = {
		[PT_SILENT] = "none",
		[PT_WARNS] = "warns",
		[PT_REFUSES] = "refuses, if a device must be moved",
		[PT_REFUSES_ALWAYS] = "refuses",
	};

	return text[effect];
}

/* "warning, error": the severities of all cases, each once, the usual one first. Returns text. */
static const char *list_severities(const struct pt_check *check, char text[static ALL_TEXT])
{
	size_t length = 0;
	unsigned int seen = 0;

	pt_foreach (one, check->of, pt_check_cases(check)) {
		if (seen & 1U << one->severity || length >= ALL_TEXT)
			continue;
		seen |= 1U << one->severity;
		length += (size_t)snprintf(text + length, ALL_TEXT - length, "%s%s",
			length ? ", " : "", pt_severity_name(one->severity));
	}
	return text;
}

/* Prints a paragraph up to its line end, wrapped, behind a mark. Returns the rest. */
static const char *print_wrapped(const char *mark, const char *text)
{
	int indent = (int)strlen(mark), column = indent;

	fputs(mark, stdout);
	while (*text && *text != '\n') {
		int length = (int)strcspn(text, " \n");

		if (column + 1 + length > INDENT + WIDTH) {
			printf("\n%*s", indent, "");
			column = indent;
		}
		column += printf(" %.*s", length, text);
		text += length + (text[length] == ' ');
	}
	putchar('\n');
	return text + (*text == '\n');
}

static void print_part(const char *title, const char *text)
{
	printf("\n%s\n", title);
	print_wrapped(" ", text);
}

static void print_steps(const char *text)
{
	char mark[16];

	puts("\nFix");
	if (!strchr(text, '\n'))
		print_wrapped(" ", text);
	for (int step = 1; strchr(text, '\n') || (step > 1 && *text); step++) {
		snprintf(mark, sizeof(mark), "%3d.", step);
		text = print_wrapped(mark, text);
	}
}

static void print_check(const struct pt_check *check)
{
	printf("%s (%s; effect on a start: %s)\n", check->tag,
		pt_severity_name(check->of[0].severity), effect_text(check->of[0].effect));
	pt_foreach (one, check->of, pt_check_cases(check)) {
		const char *when = one->when ? one->when : "";

		while (*when) {
			int length = (int)strcspn(when, "\n");
			PT_FREE char *text = pt_format("%s (effect on a start: %s) when %.*s.",
				pt_severity_name(one->severity), effect_text(one->effect), length,
				when);

			print_wrapped(" ", text);
			when += length + (when[length] == '\n');
		}
	}
	print_part("Meaning", check->meaning);
	print_part("Why it matters", check->why);
	print_steps(check->steps);
	print_part("Source", check->source);
}

static struct json_object *cases_to_json(const struct pt_check *check)
{
	struct json_object *json = pt_json_array();

	pt_foreach (one, check->of, pt_check_cases(check)) {
		struct json_object *object = pt_json_object();

		pt_json_add_text(object, "severity", pt_severity_name(one->severity));
		pt_json_add_text(object, "start", effect_text(one->effect));
		pt_json_add_text(object, "when", one->when);
		pt_json_add_text(object, "message", one->message);
		pt_json_add_text(object, "hint", one->hint);
		pt_json_append(json, object);
	}
	return json;
}

static struct json_object *to_json(const struct pt_check *check)
{
	struct json_object *json = pt_json_object();
	char severities[ALL_TEXT];

	pt_json_add_text(json, "tag", check->tag);
	pt_json_add_text(json, "severity", pt_severity_name(check->of[0].severity));
	pt_json_add_text(json, "severities", list_severities(check, severities));
	pt_json_add_text(json, "start", effect_text(check->of[0].effect));
	pt_json_add_text(json, "meaning", check->meaning);
	pt_json_add_text(json, "why", check->why);
	pt_json_add_text(json, "fix", check->steps);
	pt_json_add_text(json, "source", check->source);
	pt_json_add(json, "cases", cases_to_json(check));
	return json;
}

static int list(const struct pt_cli *cli, struct pt_err *err)
{
	static const char *const header[] = {"TAG", "SEVERITY", "EFFECT ON A START"};
	struct pt_table PT_TABLE table = {.columns = PT_ARRAY_SIZE(header)};
	struct json_object PT_JSON *json = pt_output_new();
	struct json_object *findings = pt_json_array();
	const struct pt_check *check;

	pt_json_add(json, "findings", findings);
	pt_table_row(&table, header);
	for (size_t at = 0; (check = pt_check_at(at)); at++) {
		char severities[ALL_TEXT];

		pt_table_row(&table,
			(const char *const[]){check->tag, list_severities(check, severities),
				effect_text(check->of[0].effect)});
		pt_json_append(findings, to_json(check));
	}
	return cli->format == PT_OUTPUT_TEXT ? pt_table_print(&table, err)
					     : pt_output_json(json, cli->format, err);
}

/* The check of a tag as people copy it, "[no-reset]" or "NO-RESET"; NULL: there is none. */
static const struct pt_check *find_check(const char *tag)
{
	PT_FREE char *plain = pt_strdup(*tag == '[' ? tag + 1 : tag);

	plain[strcspn(plain, "]")] = '\0';
	for (char *c = plain; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return pt_check_find(plain);
}

static struct json_object *message_to_json(const struct pt_message *message)
{
	struct json_object *json = pt_output_new(), *findings = pt_json_array();

	pt_json_add_text(json, "cause", message->cause);
	pt_json_add_text(json, "seen", message->seen);
	for (size_t i = 0; message->tags[i]; i++)
		pt_json_append(findings, to_json(pt_check_find(message->tags[i])));
	pt_json_add(json, "findings", findings);
	return json;
}

static void print_message(const struct pt_message *message)
{
	printf("%s\n(seen in %s)\n", message->cause, message->seen);
	for (size_t i = 0; message->tags[i]; i++) {
		const struct pt_check *check = pt_check_find(message->tags[i]);

		printf("\n[%s]\n", check->tag);
		print_wrapped(" ", check->meaning);
		print_steps(check->steps);
	}
	puts("\n'pve-ptconf check VMID' finds which of them it is.");
}

static enum pt_exit explain_message(struct pt_cli *cli, struct pt_err *err)
{
	struct json_object PT_JSON *json = NULL;
	const struct pt_message *message;
	size_t at = 0;

	message = pt_message_next(cli->tag, &at);
	if (!message) {
		pt_err_set(err, -ENOENT,
			"'%s' is neither a finding ('pve-ptconf explain --list' lists them) nor a message "
			"that is known",
			cli->tag);
		return PT_EXIT_USAGE;
	}
	if (cli->format == PT_OUTPUT_TEXT) {
		print_message(message);
		return PT_EXIT_OK;
	}
	json = message_to_json(message);
	return pt_output_json(json, cli->format, err) < 0 ? PT_EXIT_UNKNOWN : PT_EXIT_OK;
}

enum pt_exit pt_cmd_explain(struct pt_cli *cli, struct pt_err *err)
{
	const struct pt_check *check = cli->tag ? find_check(cli->tag) : NULL;
	struct json_object PT_JSON *json = pt_output_new();
	struct json_object *findings = pt_json_array();

	pt_json_add(json, "findings", findings);
	if (!cli->tag)
		return list(cli, err) < 0 ? PT_EXIT_UNKNOWN : PT_EXIT_OK;
	if (!check)
		return explain_message(cli, err);
	if (cli->format == PT_OUTPUT_TEXT) {
		print_check(check);
		return PT_EXIT_OK;
	}
	pt_json_append(findings, to_json(check));
	return pt_output_json(json, cli->format, err) < 0 ? PT_EXIT_UNKNOWN : PT_EXIT_OK;
}
