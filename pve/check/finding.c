// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/check/check.h"
#include "pve/config/args.h"
#include "pve/config/paths.h"

#define MOST_LISTED 16 /* functions in one line */

struct pt_finding *pt_findings_add(struct pt_findings *findings, const struct pt_check *check,
	const struct pt_case *of, struct pt_subject subject)
{
	struct pt_finding *slot =
		pt_array_grow(&findings->finding, &findings->count, sizeof(*slot));

	*slot = (struct pt_finding){
		.check = check,
		.of = of,
		.severity = of->severity,
		.effect = of->effect,
		.subject = subject,
	};
	return slot;
}

void pt_finding_set(struct pt_finding *finding, const char *name, const char *value)
{
	size_t values = finding->words;
	struct pt_word *word;
	char **copy;

	if (!value)
		return;
	copy = pt_array_grow(&finding->value, &values, sizeof(*copy));
	*copy = pt_strdup(value);
	/* configs and processes may hold any byte, and a terminal or JSON shows it */
	pt_make_plain(*copy);
	word = pt_array_grow(&finding->word, &finding->words, sizeof(*word));
	*word = (struct pt_word){name, *copy};
}

static void clear_finding(struct pt_finding *finding)
{
	pt_foreach (value, finding->value, finding->words)
		free(*value);
	free(finding->value);
	free(finding->word);
	pt_uses_clear(&finding->uses);
}

void pt_findings_clear(struct pt_findings *findings)
{
	pt_foreach (finding, findings->finding, findings->count)
		clear_finding(finding);
	free(findings->finding);
	*findings = (struct pt_findings){0};
}

const char *pt_entry_label(int index, char text[static PT_LABEL_TEXT])
{
	if (index == PT_HOSTPCI_MAX)
		snprintf(text, PT_LABEL_TEXT, PT_ARGS_LABEL);
	else
		snprintf(text, PT_LABEL_TEXT, "hostpci%d", index);
	return text;
}

static char *subject_of(const struct pt_finding *finding)
{
	const struct pt_subject *on = &finding->subject;
	char label[PT_LABEL_TEXT];

	switch (on->kind) {
	case PT_ON_HOST:
		return pt_strdup("host");
	case PT_ON_GUEST:
		return pt_strdup("guest");
	case PT_ON_OTHER_GUEST:
		return pt_format("guest %u", on->vmid);
	case PT_ON_ENTRY:
		return pt_strdup(pt_entry_label(on->entry, label));
	case PT_ON_FUNCTION:
		break;
	}
	return pt_format("%s: %s", pt_entry_label(on->entry, label), PT_BDF(&on->function));
}

char *pt_finding_message(const struct pt_finding *finding)
{
	PT_FREE char *message =
		pt_template_fill(finding->of->message, finding->word, finding->words);

	switch (finding->allowance) {
	case PT_NOT_ALLOWED:
		break;
	case PT_ALLOWED:
		return pt_format("%s (allowed in line %u of " PT_POLICY_FILE ")", message,
			finding->policy_line);
	case PT_ALLOWED_ANOTHER:
		return pt_format("%s (line %u of " PT_POLICY_FILE
				 " allows it for the device that was here before)",
			message, finding->policy_line);
	}
	return PT_STEAL(message);
}

void pt_finding_show(const struct pt_finding *finding, struct pt_shown *ret)
{
	const struct pt_subject *on = &finding->subject;
	char label[PT_LABEL_TEXT];

	*ret = (struct pt_shown){.finding = finding, .severity = finding->severity};
	ret->tag = finding->check->tag;
	ret->subject = subject_of(finding);
	if (on->kind == PT_ON_ENTRY || on->kind == PT_ON_FUNCTION)
		ret->entry = pt_strdup(pt_entry_label(on->entry, label));
	if (on->kind == PT_ON_FUNCTION)
		ret->function = pt_strdup(PT_BDF(&on->function));
	ret->message = pt_finding_message(finding);
	if (finding->of->hint)
		ret->hint = pt_template_fill(finding->of->hint, finding->word, finding->words);
	/* all of it may depend on a word that is not known */
	if (ret->hint && !*ret->hint)
		pt_set_text(&ret->hint, NULL);
}

static bool alike(
	const char *template, const struct pt_finding *one, const struct pt_finding *other)
{
	return pt_template_alike(template, one->word, one->words, other->word, other->words);
}

static bool continues(const struct pt_finding *first, const struct pt_finding *next)
{
	return first->of == next->of && first->severity == next->severity &&
	       first->allowance == next->allowance && first->policy_line == next->policy_line &&
	       first->subject.kind == PT_ON_FUNCTION && next->subject.kind == PT_ON_FUNCTION &&
	       first->subject.entry == next->subject.entry &&
	       alike(first->of->message, first, next) && alike(first->of->hint, first, next);
}

/* Adds the driver of a function to its address, if the message leaves it out. */
static void add_driver(const struct pt_finding *finding, char **subject)
{
	static const char name[] = "driver";
	const char *driver = pt_word_value(finding->word, finding->words, name, strlen(name));
	PT_FREE char *text = NULL;

	if (!driver || pt_template_mentions(finding->of->message, name))
		return;
	text = pt_format("(%s)", driver);
	*subject = pt_list_add(*subject, " ", text);
}

size_t pt_findings_show(const struct pt_findings *findings, size_t at, struct pt_shown *ret)
{
	const struct pt_finding *first = &findings->finding[at];
	size_t count = 1;

	pt_finding_show(first, ret);
	add_driver(first, &ret->subject);
	for (; at + count < findings->count && continues(first, &first[count]); count++) {
		if (count >= MOST_LISTED)
			continue;
		ret->subject =
			pt_list_add(ret->subject, ", ", PT_BDF(&first[count].subject.function));
		add_driver(&first[count], &ret->subject);
	}
	if (count > MOST_LISTED) {
		PT_FREE char *more = pt_format("and %zu more", count - MOST_LISTED);

		ret->subject = pt_list_add(ret->subject, " ", more);
	}
	return count;
}

void pt_shown_clear(struct pt_shown *shown)
{
	free(shown->subject);
	free(shown->entry);
	free(shown->function);
	free(shown->message);
	free(shown->hint);
}

bool pt_finding_is_on(const struct pt_finding *finding, const struct pt_bdf *bdf)
{
	return finding->subject.kind == PT_ON_FUNCTION &&
	       pt_bdf_compare(&finding->subject.function, bdf) == 0;
}

static const char *const severities[] = {
	[PT_INFO] = "info",
	[PT_WARNING] = "warning",
	[PT_ERROR] = "error",
};

const char *pt_severity_name(enum pt_severity severity)
{
	return severities[severity];
}

size_t pt_findings_count(const struct pt_findings *findings, enum pt_severity severity)
{
	size_t count = 0;

	pt_foreach (finding, findings->finding, findings->count)
		count += finding->severity == severity;
	return count;
}

const struct pt_finding *pt_findings_refusing(const struct pt_findings *findings, bool moves)
{
	pt_foreach (finding, findings->finding, findings->count) {
		if (finding->effect == PT_REFUSES_ALWAYS ||
			(moves && finding->effect == PT_REFUSES))
			return finding;
	}
	return NULL;
}

static struct json_object *about_to_json(const void *outer, const void *record)
{
	const struct pt_shown *shown = record;
	struct json_object *json = pt_json_object();

	(void)outer;
	pt_foreach (word, shown->finding->word, shown->finding->words)
		pt_json_add_text(json, word->name, word->value);
	return json;
}

static struct json_object *uses_to_json(const void *outer, const void *record)
{
	const struct pt_shown *shown = record;

	(void)outer;
	return pt_record_to_json(&pt_uses_record, &shown->finding->uses);
}

static const struct pt_own uses = {.write = uses_to_json};
static const struct pt_own about = {.write = about_to_json};

static const struct pt_form tag_form = {.pattern = "^[a-z0-9-]+$"};

#define SHOWN(key, kind, member) PT_FIELD(key, kind, struct pt_shown, member)

static const struct pt_field shown_fields[] = {
	{SHOWN("tag", TEXT, tag), .form = &tag_form, .about = "for pve-ptconf explain"},
	{SHOWN("severity", WORD, severity), PT_FIELD_WORDS(severities)},
	{SHOWN("subject", TEXT, subject), .about = "an entry, a function, the guest or the host"},
	{SHOWN("entry", TEXT, entry), PT_JSON_MAY_BE_NULL, .about = "hostpci0, or args"},
	{SHOWN("function", TEXT, function), PT_JSON_MAY_BE_NULL, .form = &pt_bdf_form},
	{SHOWN("message", TEXT, message)},
	{SHOWN("hint", TEXT, hint), PT_JSON_MAY_BE_NULL, .about = "the fix"},
	{SHOWN("uses", LIST, finding), .own = &uses, .of = &pt_use_record,
		.about = "the uses of the host that it is about"},
	{SHOWN("about", MAP, finding), .own = &about,
		.about = "the words that fill the message and the hint, by name"},
};
static const struct pt_record shown_record = {PT_RECORD(struct pt_shown, shown_fields)};

static struct json_object *finding_to_json(const void *outer, const void *record)
{
	struct pt_shown PT_SHOWN shown = {0};

	(void)outer;
	pt_finding_show(record, &shown);
	return pt_record_to_json(&shown_record, &shown);
}

static const struct pt_own show = {.write = finding_to_json};

static const struct pt_field finding_field[] = {
	{.kind = PT_FIELD_RECORD, .of = &shown_record, .own = &show}};
const struct pt_record pt_finding_record = {PT_RECORD(struct pt_finding, finding_field)};
