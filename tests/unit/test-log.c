// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tests/unit/unit.h"

static void marks_levels(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct pt_log log = {.emit = pt_log_to_file, .data = out};

	(void)state;
	pt_log(&log, PT_LOG_INFO, "moved %d", 2);
	pt_log(&log, PT_LOG_WARNING, "careful");
	pt_log(&log, PT_LOG_ERROR, "no");
	pt_log(&log, PT_LOG_DEBUG, "detail");
	fclose(out);
	assert_string_equal(text, "moved 2\nwarning: careful\nerror: no\ndebug: detail\n");
	free(text);
}

static void says_nothing_without_sink(void **state)
{
	struct pt_log log = {0};

	(void)state;
	pt_log(NULL, PT_LOG_ERROR, "x");
	pt_log(&log, PT_LOG_ERROR, "x");
	assert_null(log.emit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_levels),
		cmocka_unit_test(says_nothing_without_sink),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
