// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/json.h"
#include "pve/explain.h"
#include "pve/ptconf/ptconf.h"
#include "pve/rules.h"
#include "pve/startup.h"

#define INDENT 2
#define WIDTH  76 /* of text, behind its indentation */

/* What pre-start does about it, as the catalogue says it. */
static const char *at_start(const struct pt_rule *rule)
{
	static const char *const text[] = {
		[PT_SILENT] = "nothing is said",
		[PT_TELL] = "told, and the start goes on",
		[PT_REFUSE] = "the start is refused, unless nothing has to be moved",
		[PT_REFUSE_OWNER] = "the start is refused",
	};

	return text[rule->refusal];
}

/* A paragraph up to the end of its line, broken at spaces, behind a mark as wide as its indentation. What comes behind it. */
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

	puts("\nHow to mend it");
	if (!strchr(text, '\n'))
		print_wrapped(" ", text);
	for (int step = 1; strchr(text, '\n') || (step > 1 && *text); step++) {
		snprintf(mark, sizeof(mark), "%3d.", step);
		text = print_wrapped(mark, text);
	}
}

static void print_story(const struct pt_rule *rule, const struct pt_story *story)
{
	printf("%s (%s; at start: %s)\n", story->tag, pt_severity_name(rule->severity),
		at_start(rule));
	print_part("What it says", story->meaning);
	print_part("Why it matters", story->why);
	print_steps(story->mend);
	print_part("Source", story->source);
}

/* What roff would read as its own is not: a backslash, a hyphen that is a minus, a dot or quote that begins a line. */
static void print_roff(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text && *text != '\n'; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
	}
	putchar('\n');
}

static void print_roff_steps(const char *text)
{
	int step = 1;

	if (!strchr(text, '\n')) {
		puts(".PP");
		print_roff(text);
		return;
	}
	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		printf(".IP %d. 4\n", step++);
		print_roff(text);
	}
}

/* The catalogue, pve-ptconf-findings(7): written by us, so that it says what we say. Source: man-pages(7). */
static int print_man(struct pt_err *err)
{
	puts(".\\\" written by 'pve-ptconf explain --man'\n"
	     ".TH PVE\\-PTCONF\\-FINDINGS 7 \"\" \"pve\\-ptconf " PT_VERSION "\"\n"
	     ".nh\n.ad l\n.SH NAME\npve\\-ptconf\\-findings \\- what pve\\-ptconf and pve\\-pthook find, and how to mend it\n"
	     ".SH DESCRIPTION\nEach finding has a tag, by which\n.B pve\\-ptconf explain\ntells of it, too.");
	pt_foreach (rule, pt_rules, pt_rules_count) {
		const struct pt_story *story = pt_story_find(rule->tag);

		if (!story)
			continue;
		printf(".SS ");
		print_roff(rule->tag);
		printf("%s; at start: %s.\n.PP\n", pt_severity_name(rule->severity),
			at_start(rule));
		print_roff(story->meaning);
		print_roff(story->why);
		print_roff_steps(story->mend);
		puts(".PP\nSource:");
		print_roff(story->source);
	}
	puts(".SH SEE ALSO\n.BR pve\\-ptconf (8),\n.BR pve\\-pthook (8)");
	return pt_output_end(err);
}

static struct json_object *to_json(const struct pt_rule *rule, const struct pt_story *story)
{
	struct json_object *json = json_object_new_object();

	pt_json_add_text(json, "tag", story->tag);
	pt_json_add_text(json, "severity", pt_severity_name(rule->severity));
	pt_json_add_text(json, "start", at_start(rule));
	pt_json_add_text(json, "meaning", story->meaning);
	pt_json_add_text(json, "why", story->why);
	pt_json_add_text(json, "mend", story->mend);
	pt_json_add_text(json, "source", story->source);
	return json;
}

static int list(const struct pt_cli *cli, struct pt_err *err)
{
	static const char *const header[] = {"TAG", "SEVERITY", "AT START"};
	struct pt_table PT_TABLE table = {.columns = PT_ARRAY_SIZE(header)};
	struct json_object PT_JSON *json = json_object_new_array();

	pt_table_row(&table, header);
	pt_foreach (rule, pt_rules, pt_rules_count) {
		const struct pt_story *story = pt_story_find(rule->tag);

		pt_table_row(&table, (const char *const[]){rule->tag,
					     pt_severity_name(rule->severity), at_start(rule)});
		if (story)
			json_object_array_add(json, to_json(rule, story));
	}
	return cli->format == PT_OUTPUT_TEXT ? pt_table_print(&table, err)
					     : pt_output_json(json, cli->format, err);
}

enum pt_exit pt_cmd_explain(struct pt_cli *cli, struct pt_err *err)
{
	const struct pt_story *story = cli->tag ? pt_story_find(cli->tag) : NULL;
	const struct pt_rule *rule = cli->tag ? pt_rule_find(cli->tag) : NULL;
	struct json_object PT_JSON *json = NULL;

	if (cli->man)
		return print_man(err) < 0 ? PT_EXIT_UNKNOWN : PT_EXIT_OK;
	if (!cli->tag)
		return list(cli, err) < 0 ? PT_EXIT_UNKNOWN : PT_EXIT_OK;
	if (!story || !rule) {
		pt_err_set(err, -ENOENT,
			"there is no finding '%s'; 'pve-ptconf explain --list' lists them",
			cli->tag);
		return PT_EXIT_USAGE;
	}
	if (cli->format == PT_OUTPUT_TEXT) {
		print_story(rule, story);
		return PT_EXIT_OK;
	}
	json = to_json(rule, story);
	return pt_output_json(json, cli->format, err) < 0 ? PT_EXIT_UNKNOWN : PT_EXIT_OK;
}
