// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/linux/ssh.h"
#include "tests/unit/ssh.h"

#define LONG_MS 20000

static int ask(struct fake *fake, const struct pt_ssh *machine, size_t count, int budget_ms,
	size_t cap, struct pt_ssh_answer *ret)
{
	return pt_ssh_ask(fake->host, machine, count, budget_ms, cap, NULL, NULL, ret, NULL);
}

static void each_machine_gets_its_command_line(void **state)
{
	static const struct pt_ssh machine[] = {
		{"root@10.0.0.2", "node2", "/known/node2", "facts one"},
		{"root@fd00::3", "node3", NULL, "facts two"},
		{.alias = "node4"},
	};
	struct pt_ssh_answer answer[PT_ARRAY_SIZE(machine)] = {0};
	struct fake *fake = *state;

	fake_ssh(fake, "echo \"$login|$alias|$known|$command\"; echo \"words of $alias\" >&2");
	assert_int_equal(ask(fake, machine, PT_ARRAY_SIZE(machine), LONG_MS, 1000, answer), 0);
	assert_int_equal(answer[0].result, 0);
	assert_string_equal(answer[0].text, "root@10.0.0.2|node2|/known/node2|facts one\n");
	assert_int_equal(answer[0].length, strlen(answer[0].text));
	assert_string_equal(answer[0].words, "words of node2\n");
	assert_string_equal(answer[1].text, "root@fd00::3|node3||facts two\n");
	assert_int_equal(answer[2].result, -ENOENT);
	assert_null(answer[2].text);
	pt_foreach (one, answer, PT_ARRAY_SIZE(machine))
		pt_ssh_answer_clear(one);
}

/* Who waits is told, and one that hangs does not keep the answers of others. */
static void a_deadline_ends_those_that_hang(void **state)
{
	static const struct pt_ssh machine[] = {
		{"root@10.0.0.2", "deaf", NULL, "x"},
		{"root@10.0.0.3", "long", NULL, "x"},
	};
	struct pt_ssh_answer answer[PT_ARRAY_SIZE(machine)] = {0};
	struct fake *fake = *state;
	long long begin_ms = pt_now_ms();

	/* more than a pipe holds */
	fake_ssh(fake, "[ $alias = long ] || exec sleep 60; head -c 200000 /dev/zero | tr '\\0' a");
	assert_int_equal(ask(fake, machine, 2, 5000, 1000000, answer), 0);
	assert_int_equal(answer[0].result, -ETIME);
	assert_int_equal(answer[1].result, 0);
	assert_int_equal(answer[1].length, 200000);
	assert_true(pt_now_ms() - begin_ms >= 5000);
	pt_ssh_answer_clear(&answer[0]);
	pt_ssh_answer_clear(&answer[1]);
}

static void failures_are_told_apart(void **state)
{
	static const struct pt_ssh machine[] = {
		{"root@10.0.0.2", "command", NULL, "x"},
		{"root@10.0.0.3", "refused", NULL, "x"},
		{"root@10.0.0.4", "long", NULL, "x"},
	};
	struct pt_ssh_answer answer[PT_ARRAY_SIZE(machine)] = {0};
	struct fake *fake = *state;
	struct pt_err err = {0};

	fake_ssh(fake, "case $alias in\n"
		       "command) echo part; exit 3 ;;\n"
		       "refused) echo 'Permission denied (publickey).' >&2; exit 255 ;;\n"
		       "*) head -c 2000 /dev/zero ;;\n"
		       "esac");
	assert_int_equal(ask(fake, machine, 3, LONG_MS, 1000, answer), 0);
	assert_int_equal(answer[0].result, 3);
	assert_string_equal(answer[0].text, "part\n");
	assert_int_equal(answer[1].result, -ECHILD);
	assert_string_equal(answer[1].words, "Permission denied (publickey).\n");
	assert_int_equal(answer[2].result, -EFBIG);
	pt_foreach (one, answer, PT_ARRAY_SIZE(machine))
		pt_ssh_answer_clear(one);
	fake_remove(fake, "/usr/bin/ssh");
	assert_int_equal(
		pt_ssh_ask(fake->host, machine, 3, LONG_MS, 1000, NULL, NULL, answer, &err),
		-ENOENT);
	assert_string_equal(err.text, "/usr/bin/ssh: No such file or directory");
}

static void note_waiting(void *data, const bool *waits, size_t count, unsigned int seconds)
{
	unsigned int *last = data;

	assert_int_equal(count, 2);
	assert_true(waits[0]);
	*last = seconds;
}

static void those_who_wait_are_named(void **state)
{
	static const struct pt_ssh machine[] = {
		{"root@10.0.0.2", "slow", NULL, "x"},
		{"root@10.0.0.3", "quick", NULL, "x"},
	};
	struct pt_ssh_answer answer[PT_ARRAY_SIZE(machine)] = {0};
	struct fake *fake = *state;
	unsigned int last = 0;

	fake_ssh(fake, "[ $alias = quick ] || exec sleep 60");
	assert_int_equal(
		pt_ssh_ask(fake->host, machine, 2, 2500, 1000, note_waiting, &last, answer, NULL),
		0);
	assert_true(last >= 1);
	pt_ssh_answer_clear(&answer[0]);
	pt_ssh_answer_clear(&answer[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(each_machine_gets_its_command_line),
		MACHINE_TEST(a_deadline_ends_those_that_hang),
		MACHINE_TEST(failures_are_told_apart),
		MACHINE_TEST(those_who_wait_are_named),
	};

	return cmocka_run_group_tests_name("ssh", tests, NULL, NULL);
}
