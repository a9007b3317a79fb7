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
	/* json-c's value for null is NULL, too: that is no success */
	assert_null(pt_json_parse("null", 4, &err));
	assert_int_equal(err.code, -EINVAL);
	assert_string_equal(err.text, "is null");
	json = pt_json_parse(" {\"a\": 1} \n", 11, &err);
	assert_non_null(json);
	json_object_put(json);
}

static void a_key_that_stands_twice_is_found(void **state)
{
	static const char *const once[] = {"{}", "[\"a\",\"a\"]", "{\"a\":{\"a\":1},\"b\":\"a\"}",
		"{\"a\":\"\\\"a\\\":\",\"b\":[{\"a\":1},{\"a\":2}]}", "\"a\"", "7",
		"{\"a\":\"}{\",\"b\":\"{\\\"a\\\":1\"}"};
	static const char *const twice[] = {"{\"a\":1,\"a\":2}",
		"[{\"b\":{}},{\"a\":[],\"a\" : 1}]", "{\"x\":{\"a\":{},\"b\":{\"a\":1},\"a\":2}}"};
	/* no valid JSON, which it may be given all the same */
	static const char *const broken[] = {"{\"a", "{\"a\\", "}}]]", "{{{{", "\""};

	(void)state;
	pt_foreach (text, once, PT_ARRAY_SIZE(once))
		assert_null(pt_json_twice(*text));
	pt_foreach (text, broken, PT_ARRAY_SIZE(broken))
		assert_null(pt_json_twice(*text));
	pt_foreach (text, twice, PT_ARRAY_SIZE(twice)) {
		char *key = pt_json_twice(*text);

		assert_string_equal(key, "a");
		free(key);
	}
}

static void texts_have_a_limit(void **state)
{
	struct pt_err err = {0};

	(void)state;
	/* refused before it is read */
	assert_null(pt_json_parse("{}", (size_t)1 << 31, &err));
	assert_holds(err.text, "JSON of more than 2 GiB");
}

/* json-c 0.18, when strict, takes each byte of a letter beyond ASCII for a control character. */
static void texts_are_utf8(void **state)
{
	static const char *const good[] = {"\xc2\x80", "\xc3\xa4", "\xdf\xbf", "\xe0\xa0\x80",
		"\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80",
		"\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x9f\xbf",
		"\xe2\x82", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80", "\xff"};
	struct json_object PT_JSON *json = NULL;

	(void)state;
	for (size_t i = 0; i < PT_ARRAY_SIZE(good); i++) {
		PT_FREE char *text = pt_format("{\"a\":\"%s\",\"b\":\"x%s\"}", good[i], good[i]);
		struct json_object PT_JSON *made = pt_json_parse(text, strlen(text), NULL);

		assert_non_null(made);
		assert_string_equal(
			json_object_get_string(json_object_object_get(made, "a")), good[i]);
	}
	for (size_t i = 0; i < PT_ARRAY_SIZE(bad); i++) {
		PT_FREE char *text = pt_format("{\"a\":\"x%s\"}", bad[i]);
		struct pt_err err = {0};

		assert_null(pt_json_parse(text, strlen(text), &err));
		assert_string_equal(err.text, "not JSON at byte 7: is no UTF-8");
	}
	/* a backslash and a letter are no escape */
	assert_null(pt_json_parse("{\"a\":\"\\\xc3\xa4\"}", 11, NULL));
	assert_non_null(json = pt_json_parse("{\"a\":\"\\\\\xc3\xa4\"}", 12, NULL));
	assert_string_equal(
		json_object_get_string(json_object_object_get(json, "a")), "\\\xc3\xa4");
}

static void values_are_added(void **state)
{
	struct json_object PT_JSON *json = json_object_new_object();

	(void)state;
	pt_json_add_text(json, "text", "a");
	pt_json_add_text(json, "none", NULL);
	pt_json_add_flag(json, "flag", true);
	pt_json_add_number(json, "number", -99999999999);
	assert_string_equal(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN),
		"{\"text\":\"a\",\"none\":null,\"flag\":true,\"number\":-99999999999}");
}

static void values_are_looked_up(void **state)
{
	static const char text[] =
		"{\"a\":[1,null],\"n\":null,\"e\":\"\",\"t\":\"x\",\"y\":true,\"z\":false,\"d\":1.5}";
	struct json_object PT_JSON *json = pt_json_parse(text, sizeof(text) - 1, NULL);
	struct json_object *list = pt_json_member(json, "a");

	(void)state;
	assert_int_equal(pt_json_items(list), 2);
	assert_int_equal(pt_json_items(json), 0);
	assert_int_equal(pt_json_items(NULL), 0);
	assert_null(pt_json_member(list, "a"));
	assert_null(pt_json_member(NULL, "a"));
	assert_null(pt_json_member(json, "n"));
	assert_null(pt_json_member(json, "no"));
	assert_null(pt_json_scalar(list));
	assert_null(pt_json_scalar(json));
	assert_null(pt_json_scalar(NULL));
	assert_null(pt_json_get(json, "e"));
	assert_string_equal(pt_json_get(json, "t"), "x");
	assert_string_equal(pt_json_get(json, "y"), "1");
	assert_string_equal(pt_json_get(json, "z"), "0");
	assert_string_equal(pt_json_get(json, "d"), "1.5");
	assert_string_equal(pt_json_scalar(json_object_array_get_idx(list, 0)), "1");
	assert_true(pt_json_is_true(pt_json_member(json, "y")));
	assert_false(pt_json_is_true(pt_json_member(json, "z")));
	assert_false(pt_json_is_true(json_object_array_get_idx(list, 0)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_text_is_whole),
		cmocka_unit_test(a_key_that_stands_twice_is_found),
		cmocka_unit_test(texts_have_a_limit),
		cmocka_unit_test(texts_are_utf8),
		cmocka_unit_test(values_are_added),
		cmocka_unit_test(values_are_looked_up),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
