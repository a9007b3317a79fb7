// SPDX-License-Identifier: AGPL-3.0-or-later
/* The table of checks; the checks themselves are in test-check-*.c. */
#include "pve/check/check.h"
#include "tests/unit/shown.h"
#include "tests/unit/unit.h"

static void each_tag_is_there_once(void **state)
{
	size_t count = 0;

	(void)state;
	for (size_t at = 0; pt_check_at(at); at++) {
		const struct pt_check *check = pt_check_at(at);
		assert_ptr_equal(pt_check_find(check->tag), check);
		count++;
	}
	assert_true(count > 70);
	assert_null(pt_check_find("no-such-tag"));
	assert_null(pt_check_find(""));
}

static void each_line_is_a_sentence(const char *tag, const char *text)
{
	struct pt_names PT_NAMES lines = {0};

	pt_names_split(&lines, text, "\n");
	assert_true(lines.count > 0);
	pt_foreach (line, lines.name, lines.count) {
		if (strlen(*line) < 7 || (*line)[strlen(*line) - 1] != '.')
			fail_msg("%s: '%s' is no sentence", tag, *line);
	}
}

/* Somebody has to act on it: sentences, and a source that is more than a word. */
static void each_check_is_explained(void **state)
{
	(void)state;
	for (size_t at = 0; pt_check_at(at); at++) {
		const struct pt_check *check = pt_check_at(at);
		const char *const sentences[] = {check->meaning, check->why, check->steps};

		for (size_t i = 0; i < PT_ARRAY_SIZE(sentences); i++)
			each_line_is_a_sentence(check->tag, sentences[i]);
		if (!check->source || strlen(check->source) < 8)
			fail_msg("%s: no source", check->tag);
	}
}

/* The first case is the usual one. One that differs from it says when it applies, or follows one
 * that does. */
static void each_case_is_explained(void **state)
{
	(void)state;
	for (size_t at = 0; pt_check_at(at); at++) {
		const struct pt_check *check = pt_check_at(at);
		size_t cases = pt_check_cases(check);

		if (!cases || check->of[0].when)
			fail_msg("%s has no usual case", check->tag);
		for (size_t i = 1; i < cases; i++) {
			const struct pt_case *one = &check->of[i];
			bool said = one->when || (one->severity == check->of[0].severity &&
							 one->effect == check->of[0].effect);

			for (size_t other = 0; other < cases; other++)
				said |= check->of[other].when &&
					check->of[other].severity == one->severity &&
					check->of[other].effect == one->effect;
			if (!said)
				fail_msg("%s: case %zu says not when it applies", check->tag, i);
		}
		for (size_t i = cases; i < PT_CASES_MAX; i++)
			assert_null(check->of[i].message);
	}
}

static void a_message_is_no_sentence_of_its_own(void **state)
{
	(void)state;
	for (size_t at = 0; pt_check_at(at); at++) {
		const struct pt_check *check = pt_check_at(at);
		pt_foreach (one, check->of, pt_check_cases(check)) {
			const char *const texts[] = {one->message, one->hint};

			for (size_t i = 0; i < PT_ARRAY_SIZE(texts); i++) {
				if (texts[i] && (texts[i][strlen(texts[i]) - 1] == '.' ||
							strchr(texts[i], '\n')))
					fail_msg("%s: '%s'", check->tag, texts[i]);
			}
		}
	}
}

static void policy_may_allow_some_tags(void **state)
{
	(void)state;
	assert_int_equal(pt_check_allowing("no-reset"), PT_ALLOWING_ANY);
	assert_int_equal(pt_check_allowing("in-use-gpu"), PT_ALLOWING_ONE_DEVICE);
	assert_int_equal(pt_check_allowing("in-use-module"), PT_ALLOWING_ANY);
	assert_int_equal(pt_check_allowing("claimed-by-other"), PT_ALLOWING_NEVER);
	assert_int_equal(pt_check_allowing("no-such-tag"), PT_ALLOWING_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_tag_is_there_once),
		cmocka_unit_test(each_check_is_explained),
		cmocka_unit_test(each_case_is_explained),
		cmocka_unit_test(a_message_is_no_sentence_of_its_own),
		cmocka_unit_test(policy_may_allow_some_tags),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
