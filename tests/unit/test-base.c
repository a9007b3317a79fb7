// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tests/unit/unit.h"

static void array_grows_and_zeroes(void **state)
{
	int *array = NULL;
	size_t count = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		int *slot = pt_array_grow(&array, &count, sizeof(*slot));

		assert_non_null(slot);
		assert_int_equal(*slot, 0);
		*slot = i;
	}
	assert_int_equal(count, 100);
	assert_int_equal(array[57], 57);
	free(array);
}

static void set_text_replaces_and_clears(void **state)
{
	char *text = NULL;

	(void)state;
	assert_int_equal(pt_set_text(&text, "one"), 0);
	assert_int_equal(pt_set_text(&text, "two"), 0);
	assert_string_equal(text, "two");
	assert_int_equal(pt_set_text(&text, NULL), 0);
	assert_null(text);
}

static void streq_knows_null(void **state)
{
	(void)state;
	assert_true(pt_streq(NULL, NULL));
	assert_false(pt_streq(NULL, ""));
	assert_true(pt_streq("a", "a"));
	assert_false(pt_streq("a", "b"));
	assert_true(pt_starts_with("hostpci0", "hostpci"));
	assert_false(pt_starts_with("host", "hostpci"));
}

static void steal_leaves_null(void **state)
{
	char *text = pt_format("%d-%s", 7, "x");
	char *mine = PT_STEAL(text);

	(void)state;
	assert_null(text);
	assert_string_equal(mine, "7-x");
	free(mine);
}

static void foreach_takes_null(void **state)
{
	int *none = NULL;
	int seen = 0;

	(void)state;
	pt_foreach (one, none, 0)
		seen += *one + 1;
	assert_int_equal(seen, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(array_grows_and_zeroes),
		cmocka_unit_test(set_text_replaces_and_clears),
		cmocka_unit_test(streq_knows_null),
		cmocka_unit_test(steal_leaves_null),
		cmocka_unit_test(foreach_takes_null),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
