// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/base/library.h"
#include "tests/unit/unit.h"

static double (*cosine)(double angle), (*sine)(double angle);
static double (*nothing)(double angle);

static void functions_are_found(void **state)
{
	const struct pt_symbol symbols[] = {{"cos", &cosine}};

	(void)state;
	assert_null(pt_library_load("libm.so.6", symbols, PT_ARRAY_SIZE(symbols)));
	assert_non_null(cosine);
	assert_true(cosine(0) > 0.99);
}

static void what_is_missing_is_told(void **state)
{
	const struct pt_symbol symbols[] = {{"sin", &sine}, {"cos_of_another_year", &nothing}};
	const char *why;

	(void)state;
	why = pt_library_load("libm.so.6", symbols, PT_ARRAY_SIZE(symbols));
	assert_non_null(why);
	assert_holds(why, "undefined symbol: cos_of_another_year");
	assert_null(nothing);
	why = pt_library_load("libnothing.so.1", symbols, PT_ARRAY_SIZE(symbols));
	assert_non_null(why);
	assert_holds(why, "libnothing.so.1: cannot open shared object file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_are_found),
		cmocka_unit_test(what_is_missing_is_told),
	};

	return cmocka_run_group_tests_name("library", tests, NULL, NULL);
}
