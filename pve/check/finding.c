// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/check/finding.h"
#include "lib/base/json.h"

void pt_findings_add(struct pt_findings *findings, const char *tag, enum pt_severity severity,
	enum pt_refusal refusal, char *subject, char *message, char *hint)
{
	struct pt_finding *slot = NULL;

	if (subject && message)
		slot = pt_array_grow(&findings->finding, &findings->count, sizeof(*slot));
	if (!slot) {
		findings->failed = true;
		free(subject);
		free(message);
		free(hint);
		return;
	}
	/* what configs hold is shown to a terminal, and goes into JSON */
	pt_make_plain(subject);
	pt_make_plain(message);
	pt_make_plain(hint);
	*slot = (struct pt_finding){tag, severity, refusal, subject, message, hint};
}

void pt_findings_clear(struct pt_findings *findings)
{
	pt_foreach (finding, findings->finding, findings->count) {
		free(finding->subject);
		free(finding->message);
		free(finding->hint);
	}
	free(findings->finding);
	*findings = (struct pt_findings){0};
}

bool pt_finding_function(const struct pt_finding *finding, struct pt_bdf *ret)
{
	const char *space = strrchr(finding->subject, ' ');

	return pt_bdf_parse(space ? space + 1 : finding->subject, ret);
}

const char *pt_severity_name(enum pt_severity severity)
{
	static const char *const name[] = {
		[PT_INFO] = "info", [PT_WARNING] = "warning", [PT_ERROR] = "error"};

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
		if (finding->refusal == PT_REFUSE_ALWAYS ||
			(moves && finding->refusal == PT_REFUSE))
			return finding;
	}
	return NULL;
}

struct json_object *pt_findings_to_json(const struct pt_findings *findings)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (finding, findings->finding, findings->count) {
		struct json_object *one = json_object_new_object();

		pt_json_add_text(one, "tag", finding->tag);
		pt_json_add_text(one, "severity", pt_severity_name(finding->severity));
		pt_json_add_text(one, "subject", finding->subject);
		pt_json_add_text(one, "message", finding->message);
		pt_json_add_text(one, "hint", finding->hint);
		json_object_array_add(json, one);
	}
	return json;
}
