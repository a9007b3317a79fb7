// SPDX-License-Identifier: AGPL-3.0-or-later
/* Sentences with "{name}" for a word's value. "[[...]]" is omitted if a word in it has none. */
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
