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

#endif
