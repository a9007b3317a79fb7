// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/base/json.h"
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

static void values_are_what_they_are_to_be(void **state)
{
	static const char text[] = "{\"text\":\"a\\u0000b\",\"number\":99999999999,\"null\":null}";
	struct pt_err err = {0};
	struct json_object *json = pt_json_parse(text, strlen(text), &err);
	struct pt_json_reader reader = {json, &err, 0};

	(void)state;
	assert_non_null(json);
	assert_null(pt_json_text(&reader, "text", PT_JSON_NEEDED));
	assert_holds(err.text, "\"text\" holds a NUL character");
	assert_int_equal(reader.result, -EINVAL);
	reader = (struct pt_json_reader){json, &err, 0};
	assert_int_equal(pt_json_int(&reader, "number"), 0);
	assert_holds(err.text, "\"number\" is out of range");
	reader = (struct pt_json_reader){json, &err, 0};
	assert_int_equal(pt_json_uint64(&reader, "number"), 99999999999);
	assert_null(pt_json_text(&reader, "null", PT_JSON_MAY_BE_NULL));
	assert_int_equal(reader.result, 0);
	assert_null(pt_json_text(&reader, "null", PT_JSON_NEEDED));
	assert_holds(err.text, "\"null\" is null");
	json_object_put(json);
	/* not read before it is known to be of a size that can be */
	assert_null(pt_json_parse("{}", (size_t)1 << 31, &err));
	assert_holds(err.text, "JSON of more than 2 GiB");
}

static void words_and_addresses(void **state)
{
	static const char text[] =
		"{\"word\":\"b\",\"bad\":\"c\",\"bdf\":\"0000:01:00.1\",\"null\":null}";
	static const char *const words[] = {"a", "b"};
	struct pt_err err = {0};
	struct json_object *json = pt_json_parse(text, strlen(text), &err);
	struct pt_json_reader reader = {json, &err, 0};
	struct pt_bdf bdf = {0};
	PT_FREE char *copy = strdup("old");

	(void)state;
	assert_int_equal(pt_json_word(&reader, "word", words, 2, "is no word"), 1);
	assert_true(pt_json_bdf(&reader, "bdf", PT_JSON_NEEDED, &bdf));
	assert_string_equal(PT_BDF(&bdf), "0000:01:00.1");
	assert_false(pt_json_bdf(&reader, "null", PT_JSON_MAY_BE_NULL, &bdf));
	pt_json_copy_text(&reader, "word", PT_JSON_NEEDED, &copy);
	assert_string_equal(copy, "b");
	pt_json_copy_text(&reader, "null", PT_JSON_MAY_BE_NULL, &copy);
	assert_null(copy);
	assert_int_equal(reader.result, 0);
	assert_int_equal(pt_json_word(&reader, "bad", words, 2, "is no word"), 0);
	assert_string_equal(err.text, "\"bad\" is no word");
	reader.result = 0;
	assert_false(pt_json_bdf(&reader, "word", PT_JSON_NEEDED, &bdf));
	assert_string_equal(err.text, "\"word\" is no PCI address");
	json_object_put(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_text_is_whole),
		cmocka_unit_test(values_are_what_they_are_to_be),
		cmocka_unit_test(words_and_addresses),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
