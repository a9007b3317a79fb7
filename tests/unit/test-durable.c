// SPDX-License-Identifier: AGPL-3.0-or-later
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/durable.h"
#include "tests/unit/unit.h"

struct folders {
	int work, home;
};

static struct folders open_folders(struct fake *fake)
{
	fake_dir(fake, "/work");
	fake_dir(fake, "/work/home");
	return (struct folders){pt_host_openat(fake->host, "/work", O_RDONLY | O_DIRECTORY),
		pt_host_openat(fake->host, "/work/home", O_RDONLY | O_DIRECTORY)};
}

static void close_folders(struct folders *folders)
{
	close(folders->work);
	close(folders->home);
}

static void expect(struct fake *fake, const char *path, const char *text)
{
	PT_FREE char *is = NULL;
	size_t length;

	if (!text) {
		assert_false(pt_host_exists(fake->host, path));
		return;
	}
	assert_int_equal(pt_host_read(fake->host, path, 1U << 20, &is, &length), 0);
	assert_int_equal(length, strlen(text));
	assert_memory_equal(is, text, length);
}

static void writes_whole_and_for_root_alone(void **state)
{
	struct fake *fake = *state;
	struct folders folders = open_folders(fake);
	PT_FREE char *long_text = calloc(1, 300001);
	struct stat st;

	assert_non_null(long_text);
	memset(long_text, 'x', 300000);
	assert_int_equal(pt_durable_write(folders.work, folders.home, "100.json", "new"), 0);
	expect(fake, "/work/home/100.json", "new");
	expect(fake, "/work/100.json", NULL);
	assert_int_equal(fstatat(folders.home, "100.json", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(pt_durable_write(folders.work, folders.home, "100.json", long_text), 0);
	expect(fake, "/work/home/100.json", long_text);
	close_folders(&folders);
}

/* A crash leaves half a file; it is overwritten, and was never seen in its place. */
static void a_leftover_is_no_obstacle(void **state)
{
	struct fake *fake = *state;
	struct folders folders = open_folders(fake);

	fake_file(fake, "/work/100.json", "half of a very long text");
	assert_int_equal(pt_durable_write(folders.work, folders.home, "100.json", "new"), 0);
	expect(fake, "/work/home/100.json", "new");
	expect(fake, "/work/100.json", NULL);
	close_folders(&folders);
}

static void what_fails_changes_nothing(void **state)
{
	struct fake *fake = *state;
	struct folders folders = open_folders(fake);

	fake_file(fake, "/work/home/100.json", "old");
	fake_file(fake, "/target", "untouched");
	fake_link(fake, "/work/100.json", "../target");
	assert_int_equal(pt_durable_write(folders.work, folders.home, "100.json", "new"), -ELOOP);
	expect(fake, "/work/home/100.json", "old");
	expect(fake, "/target", "untouched");
	fake_remove(fake, "/work/100.json");
	/* a folder cannot be replaced by a file */
	fake_dir(fake, "/work/home/101.json/x");
	assert_int_equal(pt_durable_write(folders.work, folders.home, "101.json", "new"), -EISDIR);
	assert_int_equal(pt_durable_write(-1, folders.home, "100.json", "new"), -EBADF);
	expect(fake, "/work/home/100.json", "old");
	close_folders(&folders);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(writes_whole_and_for_root_alone),
		MACHINE_TEST(a_leftover_is_no_obstacle),
		MACHINE_TEST(what_fails_changes_nothing),
	};

	return cmocka_run_group_tests_name("durable", tests, NULL, NULL);
}
