// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/use/zfslabel.h"
#include "tests/unit/unit.h"

static size_t put_number(unsigned char *at, uint32_t number)
{
	at[0] = (unsigned char)(number >> 24);
	at[1] = (unsigned char)(number >> 16);
	at[2] = (unsigned char)(number >> 8);
	at[3] = (unsigned char)number;
	return 4;
}

static size_t put_text(unsigned char *at, const char *text)
{
	size_t length = strlen(text);

	put_number(at, (uint32_t)length);
	memcpy(at + 4, text, length);
	return 4 + (length + 3) / 4 * 4;
}

/* A pair of a name and a text (or of a number, without). */
static size_t put_pair(unsigned char *at, const char *name, const char *text)
{
	size_t length = 8;

	length += put_text(at + length, name);
	length += put_number(at + length, text ? 9 : 8);
	length += put_number(at + length, 1);
	if (text)
		length += put_text(at + length, text);
	else
		length += 8;
	put_number(at, (uint32_t)length);
	return length;
}

static unsigned char *make_label(const char *pool)
{
	unsigned char *label = calloc(1, PT_ZFS_LABEL);
	size_t at = 16 * 1024 + 12;

	assert_non_null(label);
	label[16 * 1024] = 1;
	at += put_pair(label + at, "version", NULL);
	at += put_pair(label + at, "name", pool);
	put_pair(label + at, "hostname", "elsewhere");
	return label;
}

static void the_name_is_found(void **state)
{
	unsigned char *label = make_label("rpool");
	char *pool = pt_zfs_label_pool(label, PT_ZFS_LABEL);

	(void)state;
	assert_string_equal(pool, "rpool");
	free(pool);
	assert_null(pt_zfs_label_pool(label, 16 * 1024 + 40));
	assert_null(pt_zfs_label_pool(label, 100));
	label[16 * 1024] = 0;
	assert_null(pt_zfs_label_pool(label, PT_ZFS_LABEL));
	free(label);
	label = make_label("a\nb");
	assert_null(pt_zfs_label_pool(label, PT_ZFS_LABEL));
	free(label);
	label = make_label("");
	assert_null(pt_zfs_label_pool(label, PT_ZFS_LABEL));
	memset(label, 0xff, PT_ZFS_LABEL);
	label[16 * 1024] = 1;
	assert_null(pt_zfs_label_pool(label, PT_ZFS_LABEL));
	free(label);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_name_is_found),
	};

	return cmocka_run_group_tests_name("zfslabel", tests, NULL, NULL);
}
