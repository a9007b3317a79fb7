// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * What a finding means, why it matters, how to mend it, and where the fact is from; one story for each rule. In some cases a
 * finding is graver or less grave than its rule says: those are variants.
 */
#ifndef PT_EXPLAIN_H
#define PT_EXPLAIN_H

#include "pve/check/finding.h"

struct pt_story {
	const char *tag;
	const char *meaning;
	const char *why;
	const char *mend; /* one step, or several with a line end between them */
	const char *source;
};

extern const struct pt_story pt_stories[];
extern const size_t pt_stories_count;

struct pt_variant {
	const char *tag;
	enum pt_severity severity;
	enum pt_refusal refusal;
	const char *when; /* behind "when" */
};

/* Those of a tag stand together. */
extern const struct pt_variant pt_variants[];
extern const size_t pt_variants_count;

/* NULL: there is no such tag. */
const struct pt_story *pt_story_find(const char *tag);

#endif
