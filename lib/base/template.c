// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/base/template.h"

struct filling {
	const struct pt_word *word;
	size_t count;
	FILE *out;
};

static const char *value_of(const struct filling *filling, const char *name, size_t length)
{
	pt_foreach (word, filling->word, filling->count) {
		if (strlen(word->name) == length && strncmp(word->name, name, length) == 0)
			return word->value;
	}
	return NULL;
}

/* Whether every word between two places has a value. */
static bool has_all(const struct filling *filling, const char *begin, const char *end)
{
	for (const char *at = begin; (at = memchr(at, '{', (size_t)(end - at))); at++) {
		if (!value_of(filling, at + 1, strcspn(at + 1, "}")))
			return false;
	}
	return true;
}

static void fill(struct filling *filling, const char *begin, const char *end)
{
	const char *at = begin;

	while (at < end) {
		const char *close = strstr(at, "]]");
		size_t length = strcspn(at, "}");
		const char *value;

		if (pt_starts_with(at, "[[") && close) {
			if (has_all(filling, at, close))
				fill(filling, at + 2, close);
			at = close + 2;
			continue;
		}
		if (*at != '{' || !at[length]) {
			fputc(*at++, filling->out);
			continue;
		}
		value = value_of(filling, at + 1, length - 1);
		fputs(value ? value : "?", filling->out);
		at += length + 1;
	}
}

char *pt_template_fill(const char *template, const struct pt_word *word, size_t count)
{
	char *text = NULL;
	size_t size = 0;
	struct filling filling = {word, count, open_memstream(&text, &size)};

	if (!filling.out)
		pt_out_of_memory();
	fill(&filling, template, template + strlen(template));
	if (fclose(filling.out) != 0 || !text)
		pt_out_of_memory();
	return text;
}
