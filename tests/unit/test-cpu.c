// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/linux/cpu.h"
#include "tests/unit/unit.h"

static void the_first_processor_counts(void **state)
{
	static const struct {
		const char *text;
		enum pt_cpu_vendor vendor;
		int bits;
	} cases[] = {
		{"processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: x\n"
		 "address sizes\t: 39 bits physical, 48 bits virtual\n\n"
		 "vendor_id\t: AuthenticAMD\n",
			PT_CPU_INTEL, 39},
		{"vendor_id : AuthenticAMD\naddress sizes : 48 bits physical\n", PT_CPU_AMD, 48},
		{"vendor_id\t: HygonGenuine\n", PT_CPU_AMD, 0},
		{"the vendor_id\t: GenuineIntel\n", PT_CPU_UNKNOWN, 0},
		{"address sizes\t: x\n", PT_CPU_UNKNOWN, 0},
	};
	struct fake *fake = *state;
	struct pt_cpu cpu;

	pt_cpu_read(fake->host, &cpu);
	assert_int_equal(cpu.address_bits, 0);
	pt_foreach (one, cases, PT_ARRAY_SIZE(cases)) {
		fake_file(fake, "/proc/cpuinfo", one->text);
		pt_cpu_read(fake->host, &cpu);
		assert_int_equal(cpu.vendor, one->vendor);
		assert_int_equal(cpu.address_bits, one->bits);
	}
}

static void each_node_has_processors(void **state)
{
	struct fake *fake = *state;
	struct pt_cpu cpu;

	fake_file(fake, "/sys/devices/system/node/node0/cpulist", "0-7\n");
	fake_file(fake, "/sys/devices/system/node/node1/cpulist", "8-15\n");
	pt_cpu_read(fake->host, &cpu);
	assert_int_equal(cpu.nodes.count, 2);
	assert_string_equal(cpu.nodes.name[1], "8-15");
	pt_cpu_clear(&cpu);
}

static void lists_meet_in_a_number(void **state)
{
	(void)state;
	assert_true(pt_cpu_lists_meet("0-3,8", "8-15"));
	assert_true(pt_cpu_lists_meet("5", "0-7"));
	assert_true(pt_cpu_lists_meet("0-15", "3"));
	assert_false(pt_cpu_lists_meet("0-3,16", "4-15"));
	assert_false(pt_cpu_lists_meet("", "0"));
	assert_false(pt_cpu_lists_meet("x", "0-9"));
	assert_false(pt_cpu_lists_meet("3-", "4"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(the_first_processor_counts),
		MACHINE_TEST(each_node_has_processors),
		cmocka_unit_test(lists_meet_in_a_number),
	};

	return cmocka_run_group_tests_name("cpu", tests, NULL, NULL);
}
