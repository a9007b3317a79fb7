// SPDX-License-Identifier: AGPL-3.0-or-later
#include <sys/wait.h>

#include "tests/unit/unit.h"

static void array_grows_and_zeroes(void **state)
{
	int *array = NULL;
	size_t count = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		int *slot = pt_array_grow(&array, &count, sizeof(*slot));

		assert_non_null(slot);
		assert_int_equal(*slot, 0);
		*slot = i;
	}
	assert_int_equal(count, 100);
	assert_int_equal(array[57], 57);
	free(array);
}

static void set_text_replaces_and_clears(void **state)
{
	char *text = NULL;

	(void)state;
	pt_set_text(&text, "one");
	pt_set_text(&text, "two");
	assert_string_equal(text, "two");
	pt_set_text(&text, NULL);
	assert_null(text);
}

static void streq_knows_null(void **state)
{
	(void)state;
	assert_true(pt_streq(NULL, NULL));
	assert_false(pt_streq(NULL, ""));
	assert_true(pt_streq("a", "a"));
	assert_false(pt_streq("a", "b"));
	assert_true(pt_starts_with("hostpci0", "hostpci"));
	assert_false(pt_starts_with("host", "hostpci"));
}

static void steal_leaves_null(void **state)
{
	char *text = pt_format("%d-%s", 7, "x");
	char *mine = PT_STEAL(text);

	(void)state;
	assert_null(text);
	assert_string_equal(mine, "7-x");
	free(mine);
}

static void lists_have_separators_between(void **state)
{
	char *list = pt_list_add(NULL, ", ", "a");

	(void)state;
	assert_string_equal(list, "a");
	list = pt_list_add(list, ", ", "b");
	assert_string_equal(list, "a, b");
	free(list);
	list = pt_list_add(strdup(""), " ", "c");
	assert_string_equal(list, "c");
	free(list);
}

/* More than a pipe takes at once. */
static void writes_all(void **state)
{
	static char sent[200000], got[sizeof(sent)];
	size_t length = 0;
	int ends[2], status;
	pid_t child;

	(void)state;
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)('a' + i % 23);
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		close(ends[0]);
		_exit(pt_write_all(ends[1], sent, sizeof(sent)) == 0 ? 0 : 1);
	}
	close(ends[1]);
	for (ssize_t n; (n = read(ends[0], got + length, sizeof(got) - length)) > 0;)
		length += (size_t)n;
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(length, sizeof(sent));
	assert_memory_equal(sent, got, sizeof(sent));
	assert_int_equal(pt_write_all(-1, "x", 1), -EBADF);
}

static void words_are_found(void **state)
{
	static const char *const words[] = {"a", "b"};

	(void)state;
	assert_int_equal(PT_WORD_FIND(words, "b"), 1);
	assert_int_equal(PT_WORD_FIND(words, "c"), -1);
	assert_int_equal(PT_WORD_FIND(words, NULL), -1);
	assert_int_equal(pt_word_find(NULL, 0, "a"), -1);
}

static void foreach_takes_null(void **state)
{
	int *none = NULL;
	int seen = 0;

	(void)state;
	pt_foreach (one, none, 0)
		seen += *one + 1;
	assert_int_equal(seen, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(array_grows_and_zeroes),
		cmocka_unit_test(set_text_replaces_and_clears),
		cmocka_unit_test(streq_knows_null),
		cmocka_unit_test(steal_leaves_null),
		cmocka_unit_test(lists_have_separators_between),
		cmocka_unit_test(writes_all),
		cmocka_unit_test(words_are_found),
		cmocka_unit_test(foreach_takes_null),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
