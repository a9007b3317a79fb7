// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/pci/bdf.h"
#include "tests/unit/unit.h"

static void reads_what_the_kernel_writes(void **state)
{
	static const char *const good[] = {"0000:01:00.0", "0000:ff:1f.7", "0001:00:02.0",
		"10000:e1:00.0", "ffffffff:00:00.f"};

	(void)state;
	for (size_t i = 0; i < PT_ARRAY_SIZE(good); i++) {
		struct pt_bdf bdf = bdf_of(good[i]);

		assert_string_equal(PT_BDF(&bdf), good[i]);
	}
}

static void refuses_the_rest(void **state)
{
	static const char *const bad[] = {"", "01:00.0", "0000:01:00", "0000:01:00.",
		"0000:01:00.g", "0000:01:00.0 ", "0000:01:00.00", "0000:1:00.0", "000:01:00.0",
		"00000:01:00.0", "0000:0A:00.0", "0000-01:00.0", "0000:01-00.0", "0000:01:00x0",
		"fffffffff:01:00.0", "../../etc"};
	struct pt_bdf bdf = {.domain = 7};

	(void)state;
	for (size_t i = 0; i < PT_ARRAY_SIZE(bad); i++) {
		if (pt_bdf_parse(bad[i], &bdf))
			fail_msg("'%s' passes", bad[i]);
	}
	assert_int_equal(bdf.domain, 7);
}

static void orders(void **state)
{
	static const char *const ordered[] = {"0000:01:00.0", "0000:01:00.1", "0000:01:01.0",
		"0000:02:00.0", "0001:00:00.0", "10000:00:00.0"};

	(void)state;
	for (size_t i = 0; i < PT_ARRAY_SIZE(ordered); i++) {
		for (size_t j = 0; j < PT_ARRAY_SIZE(ordered); j++) {
			struct pt_bdf a = bdf_of(ordered[i]), b = bdf_of(ordered[j]);
			int expected = (i > j) - (i < j);

			assert_int_equal(pt_bdf_compare(&a, &b), expected);
			assert_int_equal(pt_bdf_same_slot(&a, &b), i == j || (i < 2 && j < 2));
		}
	}
}

static void lists_of_addresses_grow(void **state)
{
	struct pt_bdf one = bdf_of("0000:01:00.1"), other = bdf_of("10000:e1:00.0"), *list = NULL;
	size_t count = 0;

	(void)state;
	pt_bdfs_add(&list, &count, &one);
	pt_bdfs_add(&list, &count, &other);
	assert_int_equal(count, 2);
	assert_int_equal(pt_bdf_compare(&list[0], &one), 0);
	assert_int_equal(pt_bdf_compare(&list[1], &other), 0);
	free(list);
}

static void a_whole_address_is_one_function(void **state)
{
	static const char *const whole[] = {"0000:01:02.3", "01:02.3"};
	static const char *const others[] = {"", "01:02", "0000:01:02", "1:02.3", "0000:01:02.3x",
		"10000:01:02.3:0000:01:02.3", "0000:01:02.g", "000001:02.3"};
	struct pt_bdf bdf;

	(void)state;
	for (size_t i = 0; i < PT_ARRAY_SIZE(whole); i++) {
		assert_true(pt_bdf_of_filter(whole[i], &bdf));
		assert_string_equal(PT_BDF(&bdf), "0000:01:02.3");
	}
	assert_true(pt_bdf_of_filter("10000:01:02.3", &bdf));
	assert_int_equal(bdf.domain, 0x10000);
	for (size_t i = 0; i < PT_ARRAY_SIZE(others); i++)
		assert_false(pt_bdf_of_filter(others[i], &bdf));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_the_kernel_writes),
		cmocka_unit_test(refuses_the_rest),
		cmocka_unit_test(orders),
		cmocka_unit_test(a_whole_address_is_one_function),
		cmocka_unit_test(lists_of_addresses_grow),
	};

	return cmocka_run_group_tests_name("bdf", tests, NULL, NULL);
}
