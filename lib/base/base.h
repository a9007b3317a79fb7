// SPDX-License-Identifier: AGPL-3.0-or-later
/* Foundations that every file may use: clean-up attributes and a few words the C library lacks. */
#ifndef PT_BASE_H
#define PT_BASE_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PT_CLEANUP(fn)	     __attribute__((cleanup(fn)))
#define PT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define PT_ARRAY_SIZE(a)     (sizeof(a) / sizeof((a)[0]))

/* Takes a pointer out of a variable that has a clean-up attribute: the caller owns it now. */
#define PT_STEAL(p)                                                                                \
	({                                                                                         \
		__typeof__(p) stolen_ = (p);                                                       \
		(p) = NULL;                                                                        \
		stolen_;                                                                           \
	})

/* The same for a descriptor. */
#define PT_STEAL_FD(fd)                                                                            \
	({                                                                                         \
		int stolen_ = (fd);                                                                \
		(fd) = -1;                                                                         \
		stolen_;                                                                           \
	})

#define pt_foreach(it, array, count)                                                               \
	for (__typeof__((array) + 0) it = (array); it != (array) + (count); it++)

static inline bool pt_streq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static inline bool pt_starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static inline bool pt_ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), of_end = strlen(end);

	return length >= of_end && strcmp(text + length - of_end, end) == 0;
}

static inline void pt_free_char(char **p)
{
	free(*p);
	*p = NULL;
}

static inline void pt_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void pt_close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
	*dir = NULL;
}

static inline void pt_close_file(FILE **file)
{
	if (*file)
		fclose(*file);
	*file = NULL;
}

#define PT_FREE	    PT_CLEANUP(pt_free_char)
#define PT_CLOSE    PT_CLEANUP(pt_close_fd)
#define PT_CLOSEDIR PT_CLEANUP(pt_close_dir)
#define PT_FCLOSE   PT_CLEANUP(pt_close_file)

/* Running out of memory ends the process at once, with the status ENOMEM: no function below returns
 * NULL for it. The hook's supervisor then undoes the work, as after any crash. */
_Noreturn void pt_out_of_memory(void);

#define PT_RETURNS_TEXT __attribute__((returns_nonnull, malloc))

/* Returns zeroed memory for count elements. The caller frees it. */
void *pt_calloc(size_t count, size_t element_size) __attribute__((returns_nonnull, malloc));

/* Returns the block with room for size bytes; memory may be NULL. The caller frees it. */
void *pt_resize(void *memory, size_t size) __attribute__((returns_nonnull));

/* Returns a copy of the text, or of its first length bytes. The caller frees it. */
char *pt_strdup(const char *text) PT_RETURNS_TEXT;
char *pt_strndup(const char *text, size_t length) PT_RETURNS_TEXT;

/* Adds one element to an array of the caller. Returns the address of the zeroed element. */
void *pt_array_grow(void *array_pointer, size_t *count, size_t element_size)
	__attribute__((returns_nonnull));

/* Returns the place of word among the words, or -1. */
int pt_word_find(const char *const *words, size_t count, const char *word);
#define PT_WORD_FIND(words, word) pt_word_find((words), PT_ARRAY_SIZE(words), (word))

/* As asprintf. The caller frees the text. */
char *pt_format(const char *fmt, ...) PT_PRINTF(1, 2) PT_RETURNS_TEXT;

/* Returns list (which may be NULL) with word added behind a separator. Takes list over. */
char *pt_list_add(char *list, const char *separator, const char *word)
	__attribute__((returns_nonnull));

/* Replaces *ret by a copy of text, and frees the old text. NULL stays NULL. */
void pt_set_text(char **ret, const char *text);

/* Replaces each byte that is no printable ASCII by "?". text may be NULL. */
void pt_make_plain(char *text);

/* Whether each byte is below 0x80. */
bool pt_is_ascii(const char *text, size_t length);

/* Writes all of it, despite signals. 0 or a negative errno. */
int pt_write_all(int fd, const char *text, size_t length);

#endif
