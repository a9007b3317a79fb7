// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/base/template.h"

struct filling {
	const struct pt_word *word;
	size_t count;
	FILE *out;
};

const char *pt_word_value(const struct pt_word *word, size_t count, const char *name, size_t length)
{
	pt_foreach (one, word, count) {
		if (strlen(one->name) == length && strncmp(one->name, name, length) == 0)
			return one->value;
	}
	return NULL;
}

static bool has_all(const struct filling *filling, const char *begin, const char *end)
{
	for (const char *at = begin; (at = memchr(at, '{', (size_t)(end - at))); at++) {
		if (!pt_word_value(filling->word, filling->count, at + 1, strcspn(at + 1, "}")))
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
		value = pt_word_value(filling->word, filling->count, at + 1, length - 1);
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

bool pt_template_mentions(const char *template, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = template; (at = strchr(at, '{')); at++) {
		if (strncmp(at + 1, name, length) == 0 && at[1 + length] == '}')
			return true;
	}
	return false;
}

bool pt_template_alike(const char *template, const struct pt_word *one, size_t ones,
	const struct pt_word *other, size_t others)
{
	for (const char *at = template; at && (at = strchr(at, '{')); at++) {
		size_t length = strcspn(at + 1, "}");

		if (!pt_streq(pt_word_value(one, ones, at + 1, length),
			    pt_word_value(other, others, at + 1, length)))
			return false;
	}
	return true;
}

char *pt_shell_word(const char *text)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "_@%+=:,./-";
	char *word, *to;

	/* "?" stands for any other byte where names are shown */
	for (const char *at = text; *at; at++) {
		if (*at < ' ' || *at > '~' || *at == '?')
			return NULL;
	}
	if (*text && *text != '-' && strspn(text, safe) == strlen(text))
		return pt_strdup(text);
	word = to = pt_calloc(4 * strlen(text) + 3, 1);
	*to++ = '\'';
	for (; *text; text++)
		to = *text == '\'' ? stpcpy(to, "'\\''") : (*to = *text, to + 1);
	*to = '\'';
	return word;
}
