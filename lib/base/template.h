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

/* Whether the sentence mentions the word. */
bool pt_template_mentions(const char *template, const char *name);

/* Whether the words that the sentence mentions have the same values in both lists. NULL: mentions
 * none. */
bool pt_template_alike(const char *template, const struct pt_word *one, size_t ones,
	const struct pt_word *other, size_t others);

/* Returns a word's value, or NULL. */
const char *pt_word_value(
	const struct pt_word *word, size_t count, const char *name, size_t length);

/* Returns text as one word of a shell's command, quoted where needed: others choose names. NULL: it
 * has bytes that are not shown as they are. The caller frees it. */
char *pt_shell_word(const char *text);

#endif
