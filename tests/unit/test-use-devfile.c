// SPDX-License-Identifier: AGPL-3.0-or-later
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/use/use-devfile.h"
#include "tests/unit/unit.h"

static struct pt_function read_function(struct fake *fake, const char *text)
{
	struct pt_function function = {0};
	struct pt_bdf bdf = bdf_of(text);

	assert_int_equal(pt_function_read(fake->host, &bdf, &function, NULL), 0);
	return function;
}

static size_t count_users(
	struct fake *fake, const struct pt_function *function, struct pt_vfio_user *first)
{
	struct pt_vfio_user *user = NULL;
	size_t count = 0;

	assert_int_equal(pt_vfio_users(fake->host, &function, 1, &user, &count, NULL), 0);
	if (count && first)
		*first = user[0];
	free(user);
	return count;
}

static void finds_who_has_a_group_open(void **state)
{
	struct fake *fake = *state;
	struct pt_function disk = read_function(fake, "0000:02:00.0");
	struct pt_function other = read_function(fake, "0000:03:00.0");
	struct pt_vfio_user user = {0};

	assert_int_equal(count_users(fake, &disk, NULL), 0);
	fake_link(fake, "/proc/4242/fd/7", "/dev/null");
	fake_link(fake, "/proc/4242/fd/8", "/dev/vfio/2");
	fake_file(fake, "/proc/4242/comm", "kvm\n");
	fake_link(fake, "/proc/self/fd/8", "/dev/vfio/2");
	assert_int_equal(count_users(fake, &disk, &user), 1);
	assert_int_equal(user.pid, 4242);
	assert_int_equal(user.group, 2);
	assert_string_equal(user.name, "kvm");
	assert_int_equal(count_users(fake, &other, NULL), 0);
	pt_function_clear(&disk);
	pt_function_clear(&other);
}

static void finds_who_has_a_device_node_open(void **state)
{
	struct fake *fake = *state;
	struct pt_function disk;

	fake_dir(fake, "/sys/bus/pci/devices/0000:02:00.0/vfio-dev/vfio3");
	fake_link(fake, "/proc/77/fd/3", "/dev/vfio/devices/vfio3");
	disk = read_function(fake, "0000:02:00.0");
	assert_true(disk.has_vfio_dev);
	assert_int_equal(count_users(fake, &disk, NULL), 1);
	pt_function_clear(&disk);
}

static void a_group_without_node_is_free(void **state)
{
	struct fake *fake = *state;

	assert_true(pt_vfio_group_free(fake->host, 2));
	assert_true(pt_vfio_group_free(fake->host, PT_GROUP_NONE));
	/* only success, or nothing there, is proof */
	fake_dir(fake, "/dev/vfio/2");
	assert_false(pt_vfio_group_free(fake->host, 2));
}

/* On the running system the number of a device file counts: this process has one open under a name
 * of its own. */
static void a_node_is_its_number(void **state)
{
	static const char name[] = "/dev/pt-test-zero", other[] = "/dev/pt-test-null";
	const char *const watched[] = {"zero", "pt-test-zero", "pt-test-null", "full"};
	char folder[] = "/tmp/pt-decoy-XXXXXX";
	PT_FREE char *decoy = NULL;
	struct pt_opener *opener = NULL;
	struct pt_host *live = NULL;
	bool zero = false, null = false, full = false;
	size_t count = 0;
	int fd, file, third;

	(void)state;
	unlink(name);
	unlink(other);
	assert_int_equal(mknod(name, S_IFCHR | 0600, makedev(1, 5)), 0);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	file = open(other, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	/* anybody can have a file whose path ends like that */
	assert_non_null(mkdtemp(folder));
	decoy = pt_format("%s/dev", folder);
	assert_int_equal(mkdir(decoy, 0700), 0);
	free(decoy);
	decoy = pt_format("%s/dev/full", folder);
	third = open(decoy, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && file >= 0 && third >= 0);
	assert_int_equal(pt_host_open(&live, "/", NULL, NULL), 0);
	assert_int_equal(
		pt_openers_find(live, watched, PT_ARRAY_SIZE(watched), &opener, &count, NULL), 0);
	pt_foreach (one, opener, count) {
		zero |= one->pid == getpid() && one->devfile == 0;
		null |= one->pid == getpid() && one->devfile == 2;
		full |= one->pid == getpid() && one->devfile == 3;
	}
	assert_true(zero);
	/* a file is no device file, even under such a name */
	assert_false(null);
	assert_false(full);
	free(opener);
	pt_host_close(live);
	close(fd);
	close(file);
	close(third);
	unlink(decoy);
	decoy[strlen(folder) + strlen("/dev")] = '\0';
	rmdir(decoy);
	rmdir(folder);
	unlink(name);
	unlink(other);
}

static int find_live(struct pt_host *host, const char *name, size_t *ret_count, struct pt_err *err)
{
	struct pt_opener *opener = NULL;
	int r = pt_openers_find(host, &name, 1, &opener, ret_count, err);

	free(opener);
	return r;
}

/* Nobody opens a file that is not there. One that cannot be looked at may have users. */
static void a_file_that_cannot_be_looked_at_is_an_error(void **state)
{
	struct rlimit limit, few;
	struct pt_host *host = NULL;
	struct pt_err err = {0};
	size_t count = 1;
	int null;

	(void)state;
	assert_int_equal(pt_host_open(&host, "/", NULL, NULL), 0);
	assert_int_equal(find_live(host, "pt-no-such-device", &count, &err), 0);
	assert_int_equal(count, 0);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(find_live(host, "null", &count, &err), 0);
	assert_true(count > 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(find_live(host, "null", &count, &err), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_string_equal(err.text, "/dev/null: Too many open files");
	close(null);
	pt_host_close(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_that_cannot_be_looked_at_is_an_error),
		MACHINE_TEST(finds_who_has_a_group_open),
		MACHINE_TEST(finds_who_has_a_device_node_open),
		cmocka_unit_test(a_node_is_its_number),
		MACHINE_TEST(a_group_without_node_is_free),
	};

	return cmocka_run_group_tests_name("use-devfile", tests, NULL, NULL);
}
