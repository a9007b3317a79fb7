// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/base/json.h"
#include "pve/ptconf/catalogue.h"
#include "pve/ptconf/ptconf.h"

#define INDENT 2
#define WIDTH  76 /* of text, behind its indentation */

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
		pt_at_start(rule->refusal));
	pt_foreach (variant, pt_variants, pt_variants_count) {
		PT_FREE char *text = pt_streq(variant->tag, rule->tag)
					     ? pt_format("%s (at start: %s) when %s.",
						       pt_severity_name(variant->severity),
						       pt_at_start(variant->refusal), variant->when)
					     : NULL;

		if (text)
			print_wrapped(" ", text);
	}
	print_part("What it says", story->meaning);
	print_part("Why it matters", story->why);
	print_steps(story->mend);
	print_part("Source", story->source);
}

static struct json_object *variants_to_json(const char *tag)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (variant, pt_variants, pt_variants_count) {
		struct json_object *one;

		if (!pt_streq(variant->tag, tag))
			continue;
		one = json_object_new_object();
		pt_json_add_text(one, "severity", pt_severity_name(variant->severity));
		pt_json_add_text(one, "start", pt_at_start(variant->refusal));
		pt_json_add_text(one, "when", variant->when);
		json_object_array_add(json, one);
	}
	return json;
}

static struct json_object *to_json(const struct pt_rule *rule, const struct pt_story *story)
{
	struct json_object *json = json_object_new_object();

	pt_json_add_text(json, "tag", story->tag);
	pt_json_add_text(json, "severity", pt_severity_name(rule->severity));
	json_object_object_add(json, "variants", variants_to_json(rule->tag));
	pt_json_add_text(json, "start", pt_at_start(rule->refusal));
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
		char severities[PT_SEVERITIES_TEXT];

		pt_table_row(&table,
			(const char *const[]){rule->tag, pt_rule_severities(rule, severities),
				pt_at_start(rule->refusal)});
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

	if (cli->page != PT_PAGE_NONE)
		return pt_catalogue_print(cli->page, err) < 0 ? PT_EXIT_UNKNOWN : PT_EXIT_OK;
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
