// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/pci/function.h"
#include "tests/unit/unit.h"

static struct pt_function read_function(struct fake *fake, const char *text)
{
	struct pt_function function = {0};
	struct pt_bdf bdf = bdf_of(text);

	assert_int_equal(pt_function_read(fake->host, &bdf, &function, NULL), 0);
	return function;
}

static void attr(struct fake *fake, const char *bdf, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bdf, name);
	fake_file(fake, path, text);
}

static void reads_every_field(void **state)
{
	struct fake *fake = *state;
	struct pt_function function;
	char id[PT_PCI_PAIR_TEXT];

	attr(fake, "0000:01:00.0", "numa_node", "1\n");
	attr(fake, "0000:01:00.0", "boot_vga", "1\n");
	attr(fake, "0000:01:00.0", "reset_method", "flr bus\n");
	attr(fake, "0000:01:00.0", "power_state", "D3hot\n");
	fake_file(fake, "/sys/kernel/iommu_groups/1/reserved_regions",
		"0x0000000000000000 0x0000000000ffffff direct-relaxable\n"
		"0x00000000bdffd000 0x00000000bdffffff direct\n"
		"0x00000000fee00000 0x00000000feefffff msi\n");
	attr(fake, "0000:01:00.0", "d3cold_allowed", "1\n");
	attr(fake, "0000:01:00.0", "modalias", "pci:v000010DEd00002204\n");
	attr(fake, "0000:01:00.0", "driver_override", "nouveau\n");
	attr(fake, "0000:01:00.0", "resource",
		"0x00000000f6000000 0x00000000f6ffffff 0x0000000000040200\n"
		"0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
		"0x0000006000000000 0x00000061ffffffff 0x000000000014220c\n"
		"0x0000000000003000 0x000000000000307f 0x0000000000040101\n");
	function = read_function(fake, "0000:01:00.0");
	assert_true(function.info_ok);
	assert_string_equal(pt_function_id(&function, id), "10de:2204");
	assert_string_equal(pt_function_subsystem(&function, id), "1043:87d5");
	assert_int_equal(function.class, 0x030000);
	assert_false(function.is_bridge);
	assert_string_equal(function.driver, "nouveau");
	assert_string_equal(function.override, "nouveau");
	assert_int_equal(function.group, 1);
	assert_int_equal(function.numa_node, 1);
	assert_int_equal(function.boot_vga, 1);
	assert_true(function.has_reset);
	assert_string_equal(function.reset_methods, "flr bus");
	assert_string_equal(function.power_state, "D3hot");
	assert_string_equal(function.reserved_region, "0xbdffd000 to 0xbdffffff");
	assert_true(function.d3cold_allowed);
	assert_int_equal(function.bar[0].size, 0x1000000);
	assert_true(function.bar[0].memory);
	assert_false(function.bar[0].is_64bit);
	assert_int_equal(function.bar[1].size, 0);
	assert_int_equal(function.bar[2].start, 0x6000000000);
	assert_int_equal(function.bar[2].size, 0x200000000);
	assert_true(function.bar[2].is_64bit);
	assert_true(function.bar[2].prefetchable);
	assert_false(function.bar[3].memory);
	assert_int_equal(function.vfs, -1);
	pt_function_clear(&function);
}

static void reads_virtual_functions(void **state)
{
	struct fake *fake = *state;
	struct pt_function pf = read_function(fake, "0000:04:00.0");
	struct pt_function vf = read_function(fake, "0000:04:10.0");

	assert_int_equal(pf.vfs, 2);
	assert_int_equal(pf.vf_count, 2);
	assert_string_equal(PT_BDF(&pf.vf[1]), "0000:04:10.0");
	assert_false(pt_function_is_vf(&pf));
	assert_true(pt_function_is_vf(&vf));
	assert_string_equal(PT_BDF(&vf.physfn), "0000:04:00.0");
	pt_function_clear(&pf);
	pt_function_clear(&vf);
}

/* Half of them would be another device's. */
static void ids_are_read_whole_or_not_at_all(void **state)
{
	struct fake *fake = *state;
	const struct pt_bdf bdf = bdf_of("0000:02:00.0");
	char vendor[PT_PCI_ID_TEXT], device[PT_PCI_ID_TEXT];

	assert_int_equal(pt_function_read_ids(fake->host, &bdf, vendor, device), 0);
	assert_string_equal(vendor, "144d");
	assert_string_equal(device, "a808");
	fake_link(fake, "/sys/bus/pci/devices/0000:02:00.0/device", "device");
	assert_int_equal(pt_function_read_ids(fake->host, &bdf, vendor, device), -ELOOP);
	fake_remove(fake, "/sys/bus/pci/devices/0000:02:00.0/device");
	assert_int_equal(pt_function_read_ids(fake->host, &bdf, vendor, device), -ENODEV);
	fake_file(fake, "/sys/bus/pci/devices/0000:02:00.0/device", "a808\n");
	assert_int_equal(pt_function_read_ids(fake->host, &bdf, vendor, device), -EINVAL);
}

static void tells_what_is_not_there(void **state)
{
	struct fake *fake = *state;
	struct pt_function function = read_function(fake, "0000:05:00.0");
	struct pt_bdf gone = bdf_of("0000:66:00.0");
	char id[PT_PCI_PAIR_TEXT];
	struct pt_err err = {0};
	char *text = NULL;

	assert_null(function.driver);
	assert_null(function.override);
	assert_null(function.reset_methods);
	assert_null(pt_function_subsystem(&function, id));
	assert_int_equal(function.numa_node, -1);
	pt_function_clear(&function);
	assert_int_equal(pt_function_read(fake->host, &gone, &function, &err), -ENODEV);
	assert_string_equal(err.text, "0000:66:00.0: no such PCI function");
	assert_int_equal(pt_function_read_driver(fake->host, &gone, &text), -ENODEV);
	assert_int_equal(pt_function_read_override(fake->host, &gone, &text), -ENODEV);
}

static void odd_attributes_spoil_the_info(void **state)
{
	struct fake *fake = *state;
	struct pt_function function;

	attr(fake, "0000:02:00.0", "irq", "IRQ\n");
	attr(fake, "0000:03:00.0", "vendor", "144d\n");
	attr(fake, "0000:05:00.0", "device", "0x123456789\n");
	attr(fake, "0000:05:00.0", "numa_node", "many\n");
	function = read_function(fake, "0000:02:00.0");
	assert_false(function.info_ok);
	pt_function_clear(&function);
	function = read_function(fake, "0000:03:00.0");
	assert_false(function.info_ok);
	pt_function_clear(&function);
	function = read_function(fake, "0000:05:00.0");
	assert_false(function.info_ok);
	assert_int_equal(function.numa_node, -1);
	pt_function_clear(&function);
}

static size_t count_matching(struct fake *fake, const char *filter)
{
	struct pt_bdf *found = NULL;
	size_t count = 0;

	assert_int_equal(pt_functions_matching(fake->host, filter, &found, &count, NULL), 0);
	free(found);
	return count;
}

static void expands_prefixes(void **state)
{
	struct fake *fake = *state;

	assert_int_equal(count_matching(fake, ""), 10);
	assert_int_equal(count_matching(fake, "01:00"), 2);
	assert_int_equal(count_matching(fake, "0000:01:00"), 2);
	assert_int_equal(count_matching(fake, "04:00.1"), 1);
	assert_int_equal(count_matching(fake, "0001:01:00"), 0);
	fake_remove(fake, "/sys/bus/pci/devices");
	assert_int_equal(count_matching(fake, ""), 0);
}

static void what_cannot_be_read_is_told(void **state)
{
	struct fake *fake = *state;
	struct pt_function function = {0};
	struct pt_bdf bdf = bdf_of("0000:02:00.0");
	struct pt_err err = {0};

	fake_remove(fake, "/sys/bus/pci/devices/0000:02:00.0/driver");
	fake_file(fake, "/sys/bus/pci/devices/0000:02:00.0/driver", "no link");
	assert_int_equal(pt_function_read(fake->host, &bdf, &function, &err), -EINVAL);
	assert_string_equal(err.text, "0000:02:00.0: read from sysfs: Invalid argument");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(reads_every_field),
		MACHINE_TEST(reads_virtual_functions),
		MACHINE_TEST(ids_are_read_whole_or_not_at_all),
		MACHINE_TEST(tells_what_is_not_there),
		MACHINE_TEST(odd_attributes_spoil_the_info),
		MACHINE_TEST(expands_prefixes),
		MACHINE_TEST(what_cannot_be_read_is_told),
	};

	return cmocka_run_group_tests_name("function", tests, NULL, NULL);
}
