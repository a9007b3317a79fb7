// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/json.h"
#include "tests/unit/unit.h"

static void json_text_is_whole(void **state)
{
	static const char *const bad[] = {"", "{", "{} x", "nul", "{\"a\":1}}", "[1,]"};
	struct pt_err err = {0};
	struct json_object *json;

	(void)state;
	for (size_t i = 0; i < PT_ARRAY_SIZE(bad); i++) {
		json = pt_json_parse(bad[i], strlen(bad[i]), &err);
		if (json)
			fail_msg("'%s' passes", bad[i]);
		assert_holds(err.text, "not JSON at byte");
	}
	json = pt_json_parse(" {\"a\": 1} \n", 11, &err);
	assert_non_null(json);
	json_object_put(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_text_is_whole),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
