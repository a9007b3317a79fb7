// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/base/json.h"
#include "pve/check/check.h"
#include "pve/config/args.h"
#include "pve/config/paths.h"

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
	size_t kept_count = finding->words;
	struct pt_word *word;
	char **kept;

	if (!value)
		return;
	kept = pt_array_grow(&finding->kept, &kept_count, sizeof(*kept));
	*kept = pt_strdup(value);
	/* configs and processes may hold any byte, and a terminal or JSON shows it */
	pt_make_plain(*kept);
	word = pt_array_grow(&finding->word, &finding->words, sizeof(*word));
	*word = (struct pt_word){name, *kept};
}

static void clear_finding(struct pt_finding *finding)
{
	pt_foreach (kept, finding->kept, finding->words)
		free(*kept);
	free(finding->kept);
	free(finding->word);
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

const char *pt_finding_tag(const struct pt_finding *finding)
{
	return finding->check->tag;
}

char *pt_finding_subject(const struct pt_finding *finding)
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

char *pt_finding_hint(const struct pt_finding *finding)
{
	if (!finding->of->hint)
		return NULL;
	return pt_template_fill(finding->of->hint, finding->word, finding->words);
}

bool pt_finding_is_on(const struct pt_finding *finding, const struct pt_bdf *bdf)
{
	return finding->subject.kind == PT_ON_FUNCTION &&
	       pt_bdf_compare(&finding->subject.function, bdf) == 0;
}

const char *pt_severity_name(enum pt_severity severity)
{
	static const char *const name[] = {
		[PT_INFO] = "info",
		[PT_WARNING] = "warning",
		[PT_ERROR] = "error",
	};

	return name[severity];
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

static struct json_object *about_to_json(const struct pt_finding *finding)
{
	struct json_object *json = json_object_new_object();

	pt_foreach (word, finding->word, finding->words)
		pt_json_add_text(json, word->name, word->value);
	return json;
}

static struct json_object *finding_to_json(const struct pt_finding *finding)
{
	const struct pt_subject *on = &finding->subject;
	bool of_function = on->kind == PT_ON_FUNCTION;
	bool of_entry = of_function || on->kind == PT_ON_ENTRY;
	struct json_object *json = json_object_new_object();
	PT_FREE char *subject = pt_finding_subject(finding);
	PT_FREE char *message = pt_finding_message(finding);
	PT_FREE char *hint = pt_finding_hint(finding);
	char label[PT_LABEL_TEXT];

	pt_json_add_text(json, "tag", pt_finding_tag(finding));
	pt_json_add_text(json, "severity", pt_severity_name(finding->severity));
	pt_json_add_text(json, "subject", subject);
	pt_json_add_text(json, "entry", of_entry ? pt_entry_label(on->entry, label) : NULL);
	pt_json_add_text(json, "function", of_function ? PT_BDF(&on->function) : NULL);
	pt_json_add_text(json, "message", message);
	pt_json_add_text(json, "hint", hint);
	json_object_object_add(json, "about", about_to_json(finding));
	return json;
}

struct json_object *pt_findings_to_json(const struct pt_findings *findings)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (finding, findings->finding, findings->count)
		json_object_array_add(json, finding_to_json(finding));
	return json;
}
