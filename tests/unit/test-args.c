// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/args.h"
#include "tests/unit/unit.h"

static void assert_words(const char *args, const char *expected)
{
	struct pt_names PT_NAMES words = {0};
	char text[256] = "";

	assert_int_equal(pt_args_split(args, &words), 0);
	for (size_t i = 0; i < words.count; i++) {
		strncat(text, i ? "|" : "", sizeof(text) - strlen(text) - 1);
		strncat(text, words.name[i], sizeof(text) - strlen(text) - 1);
	}
	assert_string_equal(text, expected);
}

/* The parts that Perl 5.36 finds. */
static void words_are_perls(void **state)
{
	struct pt_names words = {0};

	(void)state;
	assert_words("", "");
	assert_words("  lead", "lead");
	assert_words("x\ty\n z ", "x|y|z");
	assert_words("'a b' c", "a b|c");
	assert_words("a\"b c\"d", "ab cd");
	assert_words("a\\ b", "a b");
	assert_words("'a\\'b' c", "a\\'b|c");
	assert_words("\"a\\\"b\" c", "a\"b|c");
	assert_words("'' a", "|a");
	assert_int_equal(pt_args_split("a 'b", &words), -EINVAL);
	assert_int_equal(pt_args_split("a \"b\\", &words), -EINVAL);
	assert_int_equal(words.count, 0);
}

static void assert_devices(const char *args, const char *expected)
{
	PT_FREE char *devices = pt_args_devices(args);

	if (!pt_streq(devices, expected))
		fail_msg("%s: '%s', not '%s'", args, devices ? devices : "(none)",
			expected ? expected : "(none)");
}

static void devices_are_found_however_they_are_written(void **state)
{
	(void)state;
	assert_devices(NULL, NULL);
	assert_devices("-cpu host", NULL);
	assert_devices("-device vfio-pci,host=00:02.0", "0000:00:02.0");
	assert_devices("--device vfio-pci,id=x,host=0001:0A:1f.7,x-vga=on", "0001:0a:1f.7");
	assert_devices("-device vfio-pci,host=2:0.0 -device vfio-pci-nohotplug,host=03:00.1",
		"0000:02:00.0;0000:03:00.1");
	assert_devices("-device 'vfio-pci,host=02:00.0,romfile=/a b,,c'", "0000:02:00.0");
	assert_devices("-device \"vfio-pci,host=02:00.0\"", "0000:02:00.0");
	assert_devices("-device driver=vfio-pci,host=02:00.0", "0000:02:00.0");
	assert_devices(
		"-device vfio-pci,sysfsdev=/sys/bus/pci/devices/0000:02:00.0//", "0000:02:00.0");
	assert_devices("-device id=a,driver=vfio-pci,host=02:00.0", "0000:02:00.0");
	assert_devices("-device '{\"driver\":\"vfio-pci\",\"host\":\"0000:01:00.0\",\"id\":\"g\"}'",
		"0000:01:00.0");
	assert_devices(
		"-device vfio-pci,sysfsdev=/sys/bus/pci/devices/0000:02:00.0", "0000:02:00.0");
	assert_devices(
		"-device "
		"'{\"driver\":\"vfio-pci\",\"sysfsdev\":\"/sys/devices/pci0000:00/0000:00:01.0/"
		"0000:02:00.0\"}'",
		"0000:02:00.0");
}

static void what_is_no_such_device_is_passed_over(void **state)
{
	static const char *const args[] = {
		"-device e1000,id=vfio-pci,host=02:00.0",
		"-device id=vfio-pci",
		"-device vfio-pci",
		"vfio-pci,host=02:00.0",
		"-name 'vfio-pci,host=02:00.0'",
		"-device vfio-pci,host=02:00.8",
		"-device vfio-pci,host=02:20.0",
		"-device vfio-pci,host=102:00.0",
		"-device vfio-pci,host=02:00.0;x",
		"-device vfio-pci,host=",
		"-device vfio-pci,,host=02:00.0",
		"-device vfio-pci,sysfsdev=/sys/bus/mdev/devices/00000000-0000-0000-0000-000000000100",
		"-device {\"driver\":\"vfio-pci\",\"host\":\"02:00.0\"}",
		"-device '{\"driver\":\"vfio-pci\",\"host\":2}'",
		"-device '{\"driver\":\"vfio-pci\"'",
		"-device '[\"vfio-pci\"]'",
		"-device vfio-pci,host=02:00.0 'x",
	};

	(void)state;
	for (size_t i = 0; i < PT_ARRAY_SIZE(args); i++)
		assert_devices(args[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_perls),
		cmocka_unit_test(devices_are_found_however_they_are_written),
		cmocka_unit_test(what_is_no_such_device_is_passed_over),
	};

	return cmocka_run_group_tests_name("args", tests, NULL, NULL);
}
