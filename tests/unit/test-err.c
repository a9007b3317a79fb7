// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tests/unit/unit.h"

static void wraps_on_the_way_up(void **state)
{
	struct pt_err err = {0};

	(void)state;
	assert_int_equal(pt_err_errno(&err, -EBUSY, "bind to %s", "vfio-pci"), -EBUSY);
	assert_int_equal(pt_err_wrap(&err, "0000:01:00.0"), -EBUSY);
	assert_int_equal(pt_err_wrap(&err, "hostpci%d", 0), -EBUSY);
	assert_string_equal(
		err.text, "hostpci0: 0000:01:00.0: bind to vfio-pci: Device or resource busy");
	assert_int_equal(err.code, -EBUSY);
	/* nobody has set it: no success all the same */
	err = (struct pt_err){0};
	assert_int_equal(pt_err_wrap(&err, "x"), -EIO);
	assert_int_equal(err.code, -EIO);
}

static void takes_null(void **state)
{
	(void)state;
	assert_int_equal(pt_err_set(NULL, -EINVAL, "x"), -EINVAL);
	assert_int_equal(pt_err_errno(NULL, -EIO, "x"), -EIO);
	assert_int_equal(pt_err_wrap(NULL, "x"), -EIO);
}

static void cuts_what_is_too_long(void **state)
{
	struct pt_err err = {0};
	char longer[4096];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	pt_err_set(&err, -EINVAL, "%s", longer);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	pt_err_wrap(&err, "%s", longer);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	pt_err_errno(&err, -EIO, "%s", longer);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wraps_on_the_way_up),
		cmocka_unit_test(takes_null),
		cmocka_unit_test(cuts_what_is_too_long),
	};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
