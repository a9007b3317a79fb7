// SPDX-License-Identifier: AGPL-3.0-or-later
#ifndef PT_FUZZ_JUDGE_H
#define PT_FUZZ_JUDGE_H

#include "pve/check/check.h"
#include "tests/fuzz/fuzz.h"

/* Judges every guest of a node that came from outside. */
static inline void fuzz_judge(struct pt_node *node)
{
	struct pt_guest *const *guest = NULL;
	struct pt_err err;
	size_t count = 0;

	if (pt_node_guests(node, &guest, &count, &err) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		struct pt_findings findings = {0};
		struct pt_facts facts = {0};

		if (pt_facts_gather(node, guest[i], PT_DEPTH_CHECK, &facts, &err) == 0)
			pt_check_run(&facts, &findings);
		pt_findings_clear(&findings);
		pt_facts_clear(&facts);
	}
}

#endif
