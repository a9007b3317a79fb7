// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/ptconf/catalogue.h"
#include "pve/ptconf/output.h"
#include "lib/base/startup.h"

const char *pt_at_start(enum pt_refusal refusal)
{
	static const char *const text[] = {
		[PT_SILENT] = "nothing is said",
		[PT_TELL] = "told, and the start goes on",
		[PT_REFUSE] = "the start is refused, unless nothing has to be moved",
		[PT_REFUSE_ALWAYS] = "the start is refused",
	};

	return text[refusal];
}

const char *pt_rule_severities(const struct pt_rule *rule, char text[static PT_SEVERITIES_TEXT])
{
	size_t length =
		(size_t)snprintf(text, PT_SEVERITIES_TEXT, "%s", pt_severity_name(rule->severity));

	pt_foreach (variant, pt_variants, pt_variants_count) {
		if (pt_streq(variant->tag, rule->tag) && variant->severity != rule->severity &&
			length < PT_SEVERITIES_TEXT)
			length += (size_t)snprintf(text + length, PT_SEVERITIES_TEXT - length,
				", %s", pt_severity_name(variant->severity));
	}
	return text;
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

static void print_roff_variants(const char *tag)
{
	pt_foreach (variant, pt_variants, pt_variants_count) {
		if (!pt_streq(variant->tag, tag))
			continue;
		printf(".br\n%s (at start: %s) when\n", pt_severity_name(variant->severity),
			pt_at_start(variant->refusal));
		print_roff(variant->when);
	}
}

/* Source: man-pages(7). */
static void print_man(void)
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
		printf("%s; at start: %s.\n", pt_severity_name(rule->severity),
			pt_at_start(rule->refusal));
		print_roff_variants(rule->tag);
		puts(".PP");
		print_roff(story->meaning);
		print_roff(story->why);
		print_roff_steps(story->mend);
		puts(".PP\nSource:");
		print_roff(story->source);
	}
	puts(".SH SEE ALSO\n.BR pve\\-ptconf (8),\n.BR pve\\-pthook (8)");
}

/* What Markdown would read as its own: a star, an underscore, a bracket, a pipe; in a word in quotes it is all plain. */
static void print_marked(const char *text)
{
	for (; *text && *text != '\n'; text++) {
		if (strchr("*_[]|<>\\`", *text))
			putchar('\\');
		putchar(*text);
	}
	putchar('\n');
}

static void print_marked_steps(const char *text)
{
	int step = 1;

	puts("\n**How to mend it**\n");
	if (!strchr(text, '\n')) {
		print_marked(text);
		return;
	}
	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		printf("%d. ", step++);
		print_marked(text);
	}
}

static void print_marked_story(const struct pt_rule *rule, const struct pt_story *story)
{
	printf("\n## %s\n\n%s; at start: %s.\n", rule->tag, pt_severity_name(rule->severity),
		pt_at_start(rule->refusal));
	pt_foreach (variant, pt_variants, pt_variants_count) {
		if (!pt_streq(variant->tag, rule->tag))
			continue;
		printf("- %s (at start: %s) when ", pt_severity_name(variant->severity),
			pt_at_start(variant->refusal));
		print_marked(variant->when);
	}
	putchar('\n');
	print_marked(story->meaning);
	print_marked(story->why);
	print_marked_steps(story->mend);
	printf("\nSource: ");
	print_marked(story->source);
}

static void print_markdown(void)
{
	puts("<!-- written by 'pve-ptconf explain --markdown' -->\n"
	     "# What pve-ptconf and pve-pthook find, and how to mend it\n\n"
	     "On a node `pve-ptconf explain TAG` tells the same.\n\n"
	     "| finding | severity | at start, when it is the first |\n|---|---|---|");
	pt_foreach (rule, pt_rules, pt_rules_count) {
		char severities[PT_SEVERITIES_TEXT];

		printf("| [%s](#%s) | %s | %s |\n", rule->tag, rule->tag,
			pt_rule_severities(rule, severities), pt_at_start(rule->refusal));
	}
	pt_foreach (rule, pt_rules, pt_rules_count) {
		const struct pt_story *story = pt_story_find(rule->tag);

		if (story)
			print_marked_story(rule, story);
	}
}

int pt_catalogue_print(enum pt_page page, struct pt_err *err)
{
	if (page == PT_PAGE_MAN)
		print_man();
	else
		print_markdown();
	return pt_output_end(err);
}
