// SPDX-License-Identifier: AGPL-3.0-or-later
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/unit.h"

static void cannot_leave_the_root(void **state)
{
	struct fake *fake = *state;
	char *text = NULL;

	fake_file(fake, "/etc/secret", "inside\n");
	fake_link(fake, "/etc/up", "../../../../../../etc/secret");
	fake_link(fake, "/etc/absolute", "/etc/secret");
	assert_int_equal(pt_host_read_line(fake->host, "/etc/up", &text), 0);
	assert_string_equal(text, "inside");
	pt_free_char(&text);
	assert_int_equal(pt_host_read_line(fake->host, "/etc/absolute", &text), 0);
	assert_string_equal(text, "inside");
	pt_free_char(&text);
	assert_int_equal(pt_host_read_line(fake->host, "/../../../../etc/passwd", &text), -ENOENT);
}

/* The kernel gives up on a ".." while anything on the system is renamed; that is no reason to fail.
 */
static void renames_elsewhere_do_not_disturb(void **state)
{
	struct fake *fake = *state;
	char from[96], to[96];
	pid_t pid;

	fake_file(fake, "/here/file", "text\n");
	fake_dir(fake, "/there/deep");
	fake_link(fake, "/there/deep/link", "../../here/../here/../here/../here/file");
	fake_file(fake, "/other", "");
	snprintf(from, sizeof(from), "%s/other", fake->root);
	snprintf(to, sizeof(to), "%s/another", fake->root);
	pid = fork();
	if (pid == 0) {
		for (;;) {
			rename(from, to);
			rename(to, from);
		}
	}
	for (int i = 0; i < 20000; i++) {
		PT_CLOSE int fd = pt_host_openat(fake->host, "/there/deep/link", O_RDONLY);

		if (fd < 0) {
			kill(pid, SIGKILL);
			fail_msg("opening failed: %s", strerror(-fd));
		}
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void reads_within_the_cap(void **state)
{
	struct fake *fake = *state;
	char *text = NULL;
	size_t length;

	fake_bytes(fake, "/data", "ab\0cd", 5);
	assert_int_equal(pt_host_read(fake->host, "/data", 5, &text, &length), 0);
	assert_int_equal(length, 5);
	assert_memory_equal(text, "ab\0cd", 6);
	pt_free_char(&text);
	assert_int_equal(pt_host_read(fake->host, "/data", 4, &text, &length), -EFBIG);
	assert_null(text);
	assert_int_equal(pt_host_read(fake->host, "/none", 4, &text, &length), -ENOENT);
	assert_int_equal(pt_host_read(fake->host, "/sys", 4, &text, &length), -EISDIR);
}

static void reads_large_files(void **state)
{
	struct fake *fake = *state;
	char large[20000];
	char *text = NULL;
	size_t length;

	memset(large, 'y', sizeof(large));
	fake_bytes(fake, "/large", large, sizeof(large));
	assert_int_equal(pt_host_read(fake->host, "/large", 1 << 20, &text, &length), 0);
	assert_int_equal(length, sizeof(large));
	assert_memory_equal(text, large, sizeof(large));
	free(text);
}

static void reads_links(void **state)
{
	struct fake *fake = *state;
	char *text = NULL;

	fake_link(fake, "/a/driver", "../../bus/drivers/nvme");
	assert_int_equal(pt_host_link_name(fake->host, "/a/driver", &text), 0);
	assert_string_equal(text, "nvme");
	pt_free_char(&text);
	assert_int_equal(pt_host_link(fake->host, "/a/driver", &text), 0);
	assert_string_equal(text, "../../bus/drivers/nvme");
	pt_free_char(&text);
	assert_int_equal(pt_host_link(fake->host, "/a", &text), -EINVAL);
	assert_int_equal(pt_host_link_name(fake->host, "/a/none", &text), -ENOENT);
}

static void lists_sorted(void **state)
{
	struct fake *fake = *state;
	struct pt_names names = {0};

	fake_file(fake, "/list/b", "");
	fake_file(fake, "/list/a", "");
	fake_file(fake, "/list/.hidden", "");
	assert_int_equal(pt_host_list(fake->host, "/list", &names), 0);
	assert_int_equal(names.count, 2);
	assert_string_equal(names.name[0], "a");
	assert_string_equal(names.name[1], "b");
	pt_names_free(&names);
	assert_int_equal(pt_host_list(fake->host, "/none", &names), -ENOENT);
}

static void makes_directories(void **state)
{
	struct fake *fake = *state;

	assert_int_equal(pt_host_make_dir(fake->host, "/run/one"), 0);
	assert_int_equal(pt_host_make_dir(fake->host, "/run/one"), 0);
	assert_true(pt_host_exists(fake->host, "/run/one"));
	assert_int_equal(pt_host_make_dir(fake->host, "/run/two/three"), -ENOENT);
	assert_int_equal(pt_host_make_dir(fake->host, "/run/"), -EINVAL);
}

static int fails_once(void *data, int root, const char *path, int fd, const char *text)
{
	(void)data;
	(void)root;
	(void)path;
	(void)fd;
	return pt_streq(text, "bad") ? -EPERM : 0;
}

static int write_text(struct fake *fake, const char *path, const char *text, struct pt_err *err)
{
	struct pt_write write;
	int r = pt_host_write_start(fake->host, path, text, -1, &write, err);

	return r < 0 ? r : pt_host_write_wait(fake->host, &write, pt_now_ms() + 30000, err);
}

static void writes_in_a_helper(void **state)
{
	struct fake *fake = *state;
	struct pt_err err = {0};

	fake_file(fake, "/file", "");
	pt_host_set_writer(fake->host, fails_once, NULL);
	assert_int_equal(write_text(fake, "/file", "good", &err), 0);
	assert_int_equal(write_text(fake, "/file", "bad", &err), -EPERM);
	assert_string_equal(err.text, "/file: Operation not permitted");
	assert_int_equal(write_text(fake, "/none", "good", &err), -ENOENT);
	assert_holds(err.text, "/none: No such file");
}

static void the_real_writer_writes(void **state)
{
	struct fake *fake = *state;
	struct pt_host *host = NULL;
	struct pt_write write;
	char *text;

	fake_file(fake, "/file", "");
	assert_int_equal(pt_host_open(&host, fake->root, NULL, NULL), 0);
	assert_int_equal(pt_host_write_start(host, "/file", "hello", -1, &write, NULL), 0);
	assert_int_equal(pt_host_write_wait(host, &write, pt_now_ms() + 30000, NULL), 0);
	text = fake_read(fake, "/file");
	assert_string_equal(text, "hello");
	free(text);
	assert_false(pt_host_is_live(host));
	pt_host_close(host);
	assert_int_equal(pt_host_open(&host, "/nonexistent", NULL, NULL), -ENOENT);
}

static void does_not_write_through_a_link(void **state)
{
	struct fake *fake = *state;
	struct pt_err err = {0};

	fake_file(fake, "/target", "");
	fake_link(fake, "/link", "/target");
	assert_int_equal(write_text(fake, "/link", "x", &err), -ELOOP);
}

static void tells_a_write_that_hangs(void **state)
{
	struct fake *fake = *state;
	struct pt_err err = {0};
	struct pt_write write;

	fake_fault(fake, "unbind", "0000:02:00.0", "hang");
	assert_int_equal(
		pt_host_write_start(fake->host, "/sys/bus/pci/devices/0000:02:00.0/driver/unbind",
			"0000:02:00.0", -1, &write, &err),
		0);
	assert_int_equal(pt_host_write_wait(fake->host, &write, pt_now_ms() + 100, &err), -ETIME);
	assert_holds(err.text, "has not answered by the deadline");
}

static void a_text_has_words(void **state)
{
	struct pt_names PT_NAMES names = {0};

	(void)state;
	pt_names_split(&names, "", " ");
	assert_int_equal(names.count, 0);
	pt_names_split(&names, " a\t b;c ", " \t");
	assert_int_equal(names.count, 2);
	assert_string_equal(names.name[1], "b;c");
	assert_true(pt_names_hold(&names, "a"));
	assert_false(pt_names_hold(&names, "b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(cannot_leave_the_root),
		cmocka_unit_test(a_text_has_words),
		MACHINE_TEST(renames_elsewhere_do_not_disturb),
		MACHINE_TEST(reads_within_the_cap),
		MACHINE_TEST(reads_large_files),
		MACHINE_TEST(reads_links),
		MACHINE_TEST(lists_sorted),
		MACHINE_TEST(makes_directories),
		MACHINE_TEST(writes_in_a_helper),
		MACHINE_TEST(the_real_writer_writes),
		MACHINE_TEST(does_not_write_through_a_link),
		MACHINE_TEST(tells_a_write_that_hangs),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
