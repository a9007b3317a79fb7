// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <signal.h>

#include "lib/base/looks.h"
#include "tests/unit/unit.h"

struct seen {
	char mark;
	int number;
};

/* The third and the fifth hang, which the kernel does in a way that no signal ends. */
static void look(const struct pt_host *host, const void *data, size_t at, void *result)
{
	const int *numbers = data;
	struct seen *seen = result;

	assert_non_null(host);
	seen->number = numbers[at];
	if (at == 2 || at == 4) {
		for (;;)
			pause();
	}
	seen->mark = 'x';
}

static void what_hangs_is_left_out(void **state)
{
	static const int numbers[] = {7, 8, 9, 10, 11, 12};
	struct fake *fake = *state;
	struct pt_looks looks PT_LOOKS = {0};

	assert_int_equal(pt_looks_take(fake->host, look, numbers, PT_ARRAY_SIZE(numbers),
				 sizeof(struct seen), &looks),
		0);
	for (size_t i = 0; i < PT_ARRAY_SIZE(numbers); i++) {
		const struct seen *seen = pt_looks_result(&looks, i);
		bool hung = i == 2 || i == 4;

		assert_int_equal(pt_looks_done(&looks, i), !hung);
		/* its results until then are there */
		assert_int_equal(seen->number, numbers[i]);
		assert_int_equal(seen->mark, hung ? '\0' : 'x');
	}
}

static void nothing_to_look_at(void **state)
{
	struct fake *fake = *state;
	struct pt_looks looks PT_LOOKS = {0};

	assert_int_equal(pt_looks_take(fake->host, look, NULL, 0, 4, &looks), 0);
	assert_false(pt_looks_done(&looks, 0));
}

static void die(const struct pt_host *host, const void *data, size_t at, void *result)
{
	(void)host;
	(void)data;
	(void)at;
	(void)result;
	raise(SIGKILL);
}

static void a_child_that_dies_is_told(void **state)
{
	struct fake *fake = *state;
	struct pt_looks looks PT_LOOKS = {0};

	assert_int_equal(pt_looks_take(fake->host, die, NULL, 2, 4, &looks), -ECHILD);
	assert_false(pt_looks_done(&looks, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(what_hangs_is_left_out),
		MACHINE_TEST(nothing_to_look_at),
		MACHINE_TEST(a_child_that_dies_is_told),
	};

	return cmocka_run_group_tests_name("looks", tests, NULL, NULL);
}
