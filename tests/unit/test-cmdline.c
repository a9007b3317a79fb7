// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/linux/cmdline.h"
#include "tests/unit/unit.h"

static void finds_parameters(void **state)
{
	static const char line[] =
		"BOOT_IMAGE=/vmlinuz root=\"a b\" iommu=pt intel_iommu=on iommu=on quiet";
	char value[16];

	(void)state;
	assert_true(pt_cmdline_get(line, "quiet", value, sizeof(value)));
	assert_string_equal(value, "");
	assert_true(pt_cmdline_get(line, "iommu", value, sizeof(value)));
	assert_string_equal(value, "on");
	assert_true(pt_cmdline_get(line, "root", value, sizeof(value)));
	assert_string_equal(value, "a b");
	assert_true(pt_cmdline_get(line, "intel-iommu", value, sizeof(value)));
	assert_true(pt_cmdline_get(line, "BOOT_IMAGE", value, 4));
	assert_string_equal(value, "/vm");
	assert_false(pt_cmdline_get(line, "b\"", value, sizeof(value)));
	assert_false(pt_cmdline_get(line, "iomm", value, sizeof(value)));
	assert_false(pt_cmdline_get(line, "iommuu", value, sizeof(value)));
	assert_string_equal(value, "");
	assert_false(pt_cmdline_get(NULL, "iommu", value, sizeof(value)));
	assert_false(pt_cmdline_get("", "iommu", value, sizeof(value)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_parameters),
	};

	return cmocka_run_group_tests_name("cmdline", tests, NULL, NULL);
}
