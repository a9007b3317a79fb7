// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/backup.h"
#include "pve/config/paths.h"
#include "tests/unit/unit.h"

static const char jobs[] = "vzdump: some\n\tschedule 01:00\n\tenabled 1\n\tvmid 100,101\n\n"
			   "vzdump: off\n\tenabled 0\n\tall 1\n"
			   "vzdump: elsewhere\n\tall 1\n\tnode node2\n"
			   "realm-sync: all\n\tall 1\n"
			   "vzdump: pooled\n\tpool prod\n";
static const char users[] =
	"user:root@pam:1:0:::::\npool:prodigal:x:103:::\n"
	"pool:prod:of 103 and more:102,104::\npool:prod:the real one:102,105:local:\n";

static void jobs_name_guests(void **state)
{
	struct pt_backups PT_BACKUPS backups = {0};

	(void)state;
	pt_backups_parse(jobs, users, "node1", &backups);
	assert_int_equal(backups.count, 2);
	assert_string_equal(pt_backups_find(&backups, 100), "some");
	assert_string_equal(pt_backups_find(&backups, 101), "some");
	assert_string_equal(pt_backups_find(&backups, 102), "pooled");
	assert_string_equal(pt_backups_find(&backups, 105), "pooled");
	assert_null(pt_backups_find(&backups, 103));
	assert_null(pt_backups_find(&backups, 10));
	pt_backups_clear(&backups);
	pt_backups_parse(jobs, NULL, "node2", &backups);
	assert_string_equal(pt_backups_find(&backups, 999), "elsewhere");
	pt_backups_clear(&backups);
	pt_backups_parse(NULL, NULL, "node1", &backups);
	assert_null(pt_backups_find(&backups, 100));
}

static void all_but_some(void **state)
{
	struct pt_backups PT_BACKUPS backups = {0};

	(void)state;
	pt_backups_parse("vzdump: nightly\n\tall 1\n\texclude 101;102\n", NULL, "node1", &backups);
	assert_string_equal(pt_backups_find(&backups, 100), "nightly");
	assert_null(pt_backups_find(&backups, 101));
	assert_null(pt_backups_find(&backups, 102));
}

static void files_may_be_missing(void **state)
{
	struct fake *fake = *state;
	struct pt_backups PT_BACKUPS backups = {0};

	assert_int_equal(pt_backups_read(fake->host, "node1", &backups, NULL), 0);
	assert_int_equal(backups.count, 0);
	fake_file(fake, PT_PVE_JOBS, jobs);
	assert_int_equal(pt_backups_read(fake->host, "node1", &backups, NULL), 0);
	assert_string_equal(pt_backups_find(&backups, 100), "some");
	assert_null(pt_backups_find(&backups, 102));
	pt_backups_clear(&backups);
	fake_file(fake, PT_PVE_USERS, users);
	assert_int_equal(pt_backups_read(fake->host, "node1", &backups, NULL), 0);
	assert_string_equal(pt_backups_find(&backups, 102), "pooled");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_name_guests),
		cmocka_unit_test(all_but_some),
		MACHINE_TEST(files_may_be_missing),
	};

	return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
