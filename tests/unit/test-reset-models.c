// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/check/reset-models.h"
#include "tests/unit/unit.h"

static struct pt_function made(const char *vendor, const char *device, uint32_t class)
{
	struct pt_function function = {.class = class};

	snprintf(function.vendor, sizeof(function.vendor), "%s", vendor);
	snprintf(function.device, sizeof(function.device), "%s", device);
	return function;
}

static void rows_match_by_id_and_class(void **state)
{
	static const struct {
		const char *vendor, *device;
		uint32_t class;
		enum pt_reset_quirk quirk;
	} cases[] = {
		{"1002", "731f", 0x030000, PT_QUIRK_MODULE},
		{"1002", "731f", 0x040300, PT_QUIRK_NONE},
		{"10de", "731f", 0x030000, PT_QUIRK_NONE},
		{"1002", "744c", 0x030000, PT_QUIRK_CARD},
		{"1002", "747e", 0x030000, PT_QUIRK_CARD},
		{"1002", "7480", 0x038000, PT_QUIRK_CARD},
		{"1002", "7590", 0x030000, PT_QUIRK_CARD},
		{"1002", "7550", 0x030000, PT_QUIRK_CARD},
		/* Navi 21 to 23 reset well */
		{"1002", "73bf", 0x030000, PT_QUIRK_NONE},
		{"1002", "73ff", 0x030000, PT_QUIRK_NONE},
		{"1002", "1638", 0x030000, PT_QUIRK_INTEGRATED},
		{"1002", "1586", 0x038000, PT_QUIRK_INTEGRATED},
		{"1002", "6fdf", 0x030000, PT_QUIRK_MODULE},
	};

	(void)state;
	pt_foreach (one, cases, PT_ARRAY_SIZE(cases)) {
		struct pt_function function = made(one->vendor, one->device, one->class);
		const struct pt_reset_model *model = pt_reset_model_find(&function, "6.14.1");

		assert_int_equal(model ? model->quirk : PT_QUIRK_NONE, one->quirk);
		assert_true(!model || *model->source);
	}
}

static void rows_have_kernels(void **state)
{
	struct pt_function function = made("1022", "149c", 0x0c0330);

	(void)state;
	assert_int_equal(pt_reset_model_find(&function, "5.7.19")->quirk, PT_QUIRK_FLR);
	assert_null(pt_reset_model_find(&function, "5.8.0"));
	assert_null(pt_reset_model_find(&function, "6.8.12-1-pve"));
	assert_null(pt_reset_model_find(&function, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_match_by_id_and_class),
		cmocka_unit_test(rows_have_kernels),
	};

	return cmocka_run_group_tests_name("reset-models", tests, NULL, NULL);
}
