// SPDX-License-Identifier: AGPL-3.0-or-later
#include <sys/wait.h>

#include "lib/base/states.h"
#include "tests/unit/unit.h"

enum light { RED, GREEN, YELLOW };
static const char *const names[] = {[RED] = "red", [GREEN] = "green", [YELLOW] = "yellow"};
static const unsigned int next[] = {
	[RED] = PT_NEXT(GREEN),
	[GREEN] = PT_NEXT(YELLOW) | PT_NEXT(GREEN),
	[YELLOW] = PT_NEXT(RED),
};
static const struct pt_states lights = {"light", names, next};

static void what_the_table_has_may_follow(void **state)
{
	(void)state;
	assert_int_equal(pt_state_next(&lights, RED, GREEN), GREEN);
	assert_int_equal(pt_state_next(&lights, GREEN, GREEN), GREEN);
	assert_int_equal(pt_state_next(&lights, GREEN, YELLOW), YELLOW);
}

static void any_other_step_ends_the_process(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		pt_state_next(&lights, RED, YELLOW);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_table_has_may_follow),
		cmocka_unit_test(any_other_step_ends_the_process),
	};

	return cmocka_run_group_tests_name("states", tests, NULL, NULL);
}
