// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/check/explain.h"
#include "pve/check/rules.h"
#include "tests/unit/unit.h"

static void every_rule_has_its_story(void **state)
{
	(void)state;
	pt_foreach (rule, pt_rules, pt_rules_count) {
		const struct pt_story *story = pt_story_find(rule->tag);

		if (!story)
			fail_msg("%s has no story", rule->tag);
		else
			assert_string_equal(story->tag, rule->tag);
	}
	assert_int_equal(pt_stories_count, pt_rules_count);
	assert_null(pt_story_find("no-such-tag"));
	assert_null(pt_story_find(""));
}

static void each_line_is_a_sentence(const char *tag, const char *text)
{
	struct pt_names PT_NAMES lines = {0};

	assert_int_equal(pt_names_split(&lines, text, "\n"), 0);
	assert_true(lines.count > 0);
	pt_foreach (line, lines.name, lines.count) {
		if (strlen(*line) < 7 || (*line)[strlen(*line) - 1] != '.')
			fail_msg("%s: '%s' is no sentence", tag, *line);
	}
}

/* Each is written for somebody who has to act: sentences, and a source that is more than a word. */
static void every_story_is_told(void **state)
{
	(void)state;
	pt_foreach (story, pt_stories, pt_stories_count) {
		const char *const sentences[] = {story->meaning, story->why, story->mend};

		for (size_t i = 0; i < PT_ARRAY_SIZE(sentences); i++)
			each_line_is_a_sentence(story->tag, sentences[i]);
		if (!story->source || strlen(story->source) < 8)
			fail_msg("%s: no source", story->tag);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rule_has_its_story),
		cmocka_unit_test(every_story_is_told),
	};

	return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
