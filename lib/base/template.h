// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Sentences with blanks. "{name}" stands for the value of a word. "[[...]]" is left out when a word
 * in it has no value, so that one sentence serves with and without a detail.
 */
#ifndef PT_TEMPLATE_H
#define PT_TEMPLATE_H

#include "lib/base/base.h"

struct pt_word {
	const char *name;
	const char *value; /* NULL: none */
};

/* Returns the sentence with the words' values, a missing word as "?". The caller frees it. */
char *pt_template_fill(
	const char *template, const struct pt_word *word, size_t count) PT_RETURNS_TEXT;

#endif
