// SPDX-License-Identifier: AGPL-3.0-or-later
#include <fcntl.h>
#include <sys/mman.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* The last line that a child has given to the system log. */
static struct {
	int priority, hangs_s, lines;
	char text[128];
} * logged;

static __attribute__((format(printf, 2, 0))) void take_entry(
	int priority, const char *fmt, va_list args)
{
	struct timespec pause = {.tv_sec = logged->hangs_s};

	nanosleep(&pause, NULL);
	logged->lines++;
	logged->priority = priority;
	vsnprintf(logged->text, sizeof(logged->text), fmt, args);
}

/* With the compiler's checks of buffers and without. */
void __wrap_syslog(int priority, const char *fmt, ...) PT_PRINTF(2, 3);
void __wrap_syslog(int priority, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	take_entry(priority, fmt, args);
	va_end(args);
}
void __wrap___syslog_chk(int priority, int flag, const char *fmt, ...) PT_PRINTF(3, 4);
void __wrap___syslog_chk(int priority, int flag, const char *fmt, ...)
{
	va_list args;

	(void)flag;
	va_start(args, fmt);
	take_entry(priority, fmt, args);
	va_end(args);
}

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

/* A reader that reads no more stops nothing. */
static void a_full_pipe_is_not_waited_for(void **state)
{
	struct pt_log log = {.emit = pt_log_without_waiting};
	char read_back[16] = "";
	long long begin;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	log.data = fdopen(ends[1], "w");
	pt_log(&log, PT_LOG_WARNING, "one");
	begin = pt_now_ms();
	for (int line = 0; line < 3000; line++)
		pt_log(&log, PT_LOG_INFO, "a line of some length, and another one of no use");
	/* one second once, not 3,000 times */
	assert_true(pt_now_ms() - begin < 60000);
	assert_int_equal(read(ends[0], read_back, 13), 13);
	assert_string_equal(read_back, "warning: one\n");
	fclose(log.data);
	close(ends[0]);
}

static void lines_are_folded(void **state)
{
	static const struct {
		const char *line, *folded;
	} cases[] = {
		{"", "\n"},
		{"ten bytes.", "ten bytes.\n"},
		{"ten bytes, and more", "ten bytes,\n  and more\n"},
		{"a word-that-is-longer b", "a\n  word-tha\n  t-is-lon\n  ger b\n"},
		{"  -> to", "  -> to\n"},
		{"            x", "          \n  x\n"},
		{"M\xc3\xa4use \xe2\x82\xac\xff", "M?use ??\n"},
	};
	char *all, line[2048];

	(void)state;
	pt_foreach (one, cases, PT_ARRAY_SIZE(cases)) {
		char *folded = pt_log_fold(one->line, 10);

		assert_string_equal(folded, one->folded);
		free(folded);
	}
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	all = pt_log_fold(line, 3);
	assert_int_equal(strlen(all), (sizeof(line) - 1) * 4 - 8);
	free(all);
}

static void says_nothing_without_sink(void **state)
{
	struct pt_log log = {0};

	(void)state;
	pt_log(NULL, PT_LOG_ERROR, "x");
	pt_log(&log, PT_LOG_ERROR, "x");
	assert_null(log.emit);
}

/* The system log names the program itself, and may hang: then it is asked once. */
static void the_system_log_gets_lines_by_a_child(void **state)
{
	const struct pt_log log = {.emit = pt_log_to_system};

	(void)state;
	logged = mmap(
		NULL, sizeof(*logged), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(logged, MAP_FAILED);
	pt_log(&log, PT_LOG_WARNING, "%s: %d%% are back", program_invocation_short_name, 50);
	assert_string_equal(logged->text, "50% are back");
	assert_int_equal(logged->priority, LOG_DAEMON | LOG_WARNING);
	pt_log(&log, PT_LOG_ERROR, "%sx: no", program_invocation_short_name);
	assert_holds(logged->text, "x: no");
	assert_int_equal(logged->priority, LOG_DAEMON | LOG_ERR);
	logged->hangs_s = 1000;
	pt_log(&log, PT_LOG_INFO, "never");
	logged->hangs_s = 0;
	pt_log(&log, PT_LOG_INFO, "never either");
	assert_int_equal(logged->lines, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_levels),
		cmocka_unit_test(a_full_pipe_is_not_waited_for),
		cmocka_unit_test(lines_are_folded),
		cmocka_unit_test(says_nothing_without_sink),
		cmocka_unit_test(the_system_log_gets_lines_by_a_child),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
