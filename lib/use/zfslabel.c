// SPDX-License-Identifier: AGPL-3.0-or-later
#include <stdint.h>

#include "lib/use/zfslabel.h"

#define LIST_AT	    (16 * 1024) /* of the list of names and values */
#define LIST_END    (128 * 1024)
#define XDR	    1
#define TYPE_STRING 9
#define NAME_MAX_   256 /* of a pool: ZFS_MAX_DATASET_NAME_LEN */

struct reader {
	const unsigned char *bytes;
	size_t at, end;
};

/* The next 32-bit number, big endian; false at the end. */
static bool read_number(struct reader *reader, uint32_t *ret)
{
	const unsigned char *at = reader->bytes + reader->at;

	if (reader->end - reader->at < 4)
		return false;
	*ret = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
	reader->at += 4;
	return true;
}

/* A text: its length, its bytes, padding to four. It lies in the label. */
static bool read_text(struct reader *reader, const char **ret, uint32_t *ret_length)
{
	uint32_t length;

	if (!read_number(reader, &length) || length > reader->end - reader->at)
		return false;
	*ret = (const char *)reader->bytes + reader->at;
	*ret_length = length;
	reader->at += length;
	if (length % 4)
		reader->at += 4 - length % 4;
	return reader->at <= reader->end;
}

static char *copy_name(const char *text, uint32_t length)
{
	if (!length || length >= NAME_MAX_ || memchr(text, '\0', length))
		return NULL;
	for (uint32_t i = 0; i < length; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return NULL;
	}
	return pt_strndup(text, length);
}

char *pt_zfs_label_pool(const unsigned char *label, size_t length)
{
	struct reader reader = {label, LIST_AT, length < LIST_END ? length : LIST_END};
	uint32_t version, flag;

	if (reader.end < LIST_AT + 12 || label[LIST_AT] != XDR)
		return NULL;
	reader.at += 4;
	if (!read_number(&reader, &version) || !read_number(&reader, &flag) || version != 0)
		return NULL;
	for (;;) {
		size_t begin = reader.at;
		uint32_t size, unpacked, name_length, type, count, text_length;
		const char *name, *text;

		if (!read_number(&reader, &size) || !read_number(&reader, &unpacked) || size < 20 ||
			size > reader.end - begin || !read_text(&reader, &name, &name_length) ||
			!read_number(&reader, &type) || !read_number(&reader, &count))
			return NULL;
		if (type == TYPE_STRING && name_length == 4 && memcmp(name, "name", 4) == 0)
			return read_text(&reader, &text, &text_length)
				       ? copy_name(text, text_length)
				       : NULL;
		reader.at = begin + size;
	}
}
