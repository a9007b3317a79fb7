// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/paths.h"
#include "pve/config/task.h"
#include "tests/unit/unit.h"

#define UPID(start, type, id) "UPID:node1:0000ABCD:00112233:" start ":" type ":" id ":root@pam:"

static void the_last_start_counts(void **state)
{
	struct fake *fake = *state;
	struct pt_err err = {0};
	struct pt_task task;

	assert_true(pt_task_last_start(fake->host, 100, &task, &err) < 0);
	assert_holds(err.text, "guest 100: /var/log/pve/tasks has no start of it on this node");
	fake_file(
		fake, PT_PVE_TASKS "/index.1", UPID("66AA0000", "qmstart", "100") " 66AA0002 OK\n");
	fake_file(fake, PT_PVE_TASKS "/index",
		UPID("66AA1001", "qmstart", "100") " 66AA1009 start failed: exit code 1\n" UPID(
			"66AA2002", "qmstop", "100") " 66AA2009 OK\n" UPID("66AA3003", "qmstart",
			"1000") " 66AA3009 OK\n"
				"no task\n" UPID("zz", "qmstart", "100") "\n");
	fake_file(
		fake, PT_PVE_TASKS "/1/" UPID("66AA1001", "qmstart", "100"), "words\nTASK ERROR\n");
	assert_int_equal(pt_task_last_start(fake->host, 100, &task, &err), 0);
	assert_string_equal(task.upid, UPID("66AA1001", "qmstart", "100"));
	assert_int_equal(task.start, 0x66aa1001);
	assert_string_equal(task.status, "start failed: exit code 1");
	assert_string_equal(task.log, "words\nTASK ERROR\n");
	pt_task_clear(&task);
	/* one that is active: with its end, and without */
	fake_file(fake, PT_PVE_TASKS "/active",
		UPID("66AA4004", "qmstart", "100") " 1 66AA4009 OK\n" UPID(
			"66AA1001", "qmstart", "100") " 0\n");
	assert_int_equal(pt_task_last_start(fake->host, 100, &task, &err), 0);
	assert_int_equal(task.start, 0x66aa4004);
	assert_string_equal(task.status, "OK");
	assert_null(task.log);
	pt_task_clear(&task);
	fake_file(fake, PT_PVE_TASKS "/active", UPID("66AA5005", "qmstart", "100") " 0\n");
	assert_int_equal(pt_task_last_start(fake->host, 100, &task, &err), 0);
	assert_null(task.status);
	pt_task_clear(&task);
}

static void a_task_is_no_path(void **state)
{
	struct fake *fake = *state;
	struct pt_err err = {0};
	struct pt_task task;

	fake_file(fake, PT_PVE_TASKS "/index",
		"UPID:../../../etc/passwd:1:1:66AA1001:qmstart:100:x: 66AA1009 OK\n");
	assert_true(pt_task_last_start(fake->host, 100, &task, &err) < 0);
	assert_holds(err.text, "is no task");
	pt_task_clear(&task);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(the_last_start_counts),
		MACHINE_TEST(a_task_is_no_path),
	};

	return cmocka_run_group_tests_name("task", tests, NULL, NULL);
}
