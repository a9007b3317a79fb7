// SPDX-License-Identifier: AGPL-3.0-or-later
/* All findings on a page: the man page pve-ptconf-findings(7) and FINDINGS.md, from the one table that the programs have. */
#ifndef PT_CATALOGUE_H
#define PT_CATALOGUE_H

#include "pve/check/explain.h"
#include "pve/check/rules.h"

enum pt_page {
	PT_PAGE_NONE,
	PT_PAGE_MAN,
	PT_PAGE_MARKDOWN,
};

int pt_catalogue_print(enum pt_page page, struct pt_err *err);

/* What pre-start does about it, in words. */
const char *pt_at_start(enum pt_refusal refusal);

/* "warning, error": the rule's severity, then those of its variants. Returns text. */
#define PT_SEVERITIES_TEXT 32
const char *pt_rule_severities(const struct pt_rule *rule, char text[static PT_SEVERITIES_TEXT]);

#endif
