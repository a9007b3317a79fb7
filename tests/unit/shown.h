// SPDX-License-Identifier: AGPL-3.0-or-later
/* The texts of a finding, on loan for some calls, so that tests can compare them in place. */
#ifndef PT_SHOWN_H
#define PT_SHOWN_H

#include "pve/check/check.h"
#include "tests/unit/unit.h"

static inline const char *message_of(const struct pt_finding *finding)
{
	return on_loan(pt_finding_message(finding));
}

static inline const char *hint_of(const struct pt_finding *finding)
{
	struct pt_shown PT_SHOWN shown = {0};

	pt_finding_show(finding, &shown);
	return on_loan(PT_STEAL(shown.hint));
}

static inline const char *subject_of(const struct pt_finding *finding)
{
	struct pt_shown PT_SHOWN shown = {0};

	pt_finding_show(finding, &shown);
	return on_loan(PT_STEAL(shown.subject));
}

static const struct pt_field findings_field[] = {{PT_FIELD(NULL, LIST, struct pt_findings, finding),
	.count = offsetof(struct pt_findings, count), .of = &pt_finding_record}};
static const struct pt_record findings_record = {PT_RECORD(struct pt_findings, findings_field)};

/* The findings as JSON; the caller's. */
static inline struct json_object *findings_to_json(const struct pt_findings *findings)
{
	return pt_record_to_json(&findings_record, findings);
}

#endif
