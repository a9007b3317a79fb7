// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <stdarg.h>

#include "lib/base/base.h"

void pt_out_of_memory(void)
{
	static const char message[] = "error: out of memory\n";

	/* nothing that buffers or allocates */
	(void)!write(STDERR_FILENO, message, strlen(message));
	_exit(ENOMEM);
}

static void *must_have(void *memory)
{
	if (!memory)
		pt_out_of_memory();
	return memory;
}

void *pt_calloc(size_t count, size_t element_size)
{
	return must_have(calloc(count ? count : 1, element_size));
}

void *pt_resize(void *memory, size_t size)
{
	return must_have(realloc(memory, size));
}

char *pt_strdup(const char *text)
{
	return must_have(strdup(text));
}

char *pt_strndup(const char *text, size_t length)
{
	return must_have(strndup(text, length));
}

void *pt_array_grow(void *array_pointer, size_t *count, size_t element_size)
{
	void **array = array_pointer;
	char *grown = must_have(reallocarray(*array, *count + 1, element_size));

	*array = grown;
	return memset(grown + (*count)++ * element_size, 0, element_size);
}

int pt_word_find(const char *const *words, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++) {
		if (pt_streq(words[i], word))
			return (int)i;
	}
	return -1;
}

char *pt_format(const char *fmt, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	return must_have(text);
}

char *pt_list_add(char *list, const char *separator, const char *word)
{
	bool begun = list && *list;
	char *longer = pt_format("%s%s%s", begun ? list : "", begun ? separator : "", word);

	free(list);
	return longer;
}

void pt_make_plain(char *text)
{
	for (; text && *text; text++) {
		if (*text < ' ' || *text > '~')
			*text = '?';
	}
}

void pt_set_text(char **ret, const char *text)
{
	char *copy = text ? pt_strdup(text) : NULL;

	free(*ret);
	*ret = copy;
}

bool pt_is_ascii(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)text[i] >= 0x80)
			return false;
	}
	return true;
}

int pt_write_all(int fd, const char *text, size_t length)
{
	while (length) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		length -= (size_t)n;
	}
	return 0;
}
