// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/linux/memory.h"
#include "tests/unit/unit.h"

#define GIB (UINT64_C(1) << 30)

static void what_is_not_there_is_zero(void **state)
{
	struct fake *fake = *state;
	struct pt_memory memory;

	pt_memory_read(fake->host, &memory);
	assert_int_equal(memory.total, 0);
	assert_int_equal(memory.available, 0);
	assert_int_equal(memory.arc, 0);
	assert_int_equal(memory.huge_count, 0);
	fake_file(fake, "/proc/meminfo", "no number: here\nMemTotal\nXMemTotal: 7 kB\n");
	pt_memory_read(fake->host, &memory);
	assert_int_equal(memory.total, 0);
}

static void reads_total_and_available(void **state)
{
	struct fake *fake = *state;
	struct pt_memory memory;

	fake_file(fake, "/proc/meminfo",
		"MemTotal:       33554432 kB\nMemFree:         1048576 kB\n"
		"MemAvailable:   16777216 kB\n");
	pt_memory_read(fake->host, &memory);
	assert_int_equal(memory.total, 32 * GIB);
	assert_int_equal(memory.available, 16 * GIB);
}

static void zfs_gives_back_all_but_its_least(void **state)
{
	static const char stats[] = "/proc/spl/kstat/zfs/arcstats";
	struct fake *fake = *state;
	struct pt_memory memory;

	fake_file(fake, stats,
		"13 1 0x01 123 33456\nname                            type data\n"
		"hits                            4    99\n"
		"c_min                           4    1073741824\n"
		"size                            4    4294967296\n");
	pt_memory_read(fake->host, &memory);
	assert_int_equal(memory.arc, 3 * GIB);
	fake_file(fake, stats, "c_min 4 4294967296\nsize 4 1073741824\n");
	pt_memory_read(fake->host, &memory);
	assert_int_equal(memory.arc, 0);
}

static void counts_free_hugepages_by_size(void **state)
{
	struct fake *fake = *state;
	struct pt_memory memory;

	fake_file(fake, "/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "3\n");
	fake_file(fake, "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "512\n");
	fake_dir(fake, "/sys/kernel/mm/hugepages/hugepages-64kB");
	fake_file(fake, "/sys/kernel/mm/hugepages/other/free_hugepages", "1\n");
	pt_memory_read(fake->host, &memory);
	assert_int_equal(memory.huge_count, 2);
	for (size_t i = 0; i < memory.huge_count; i++) {
		bool large = memory.huge[i].size == GIB;

		assert_int_equal(memory.huge[i].size, large ? GIB : 2 << 20);
		assert_int_equal(memory.huge[i].free, large ? 3 : 512);
		assert_int_equal(memory.huge[i].nodes, 0);
	}
	/* by node of the host, one of which is not there */
	fake_remove(fake, "/sys/kernel/mm/hugepages/hugepages-2048kB");
	fake_file(fake,
		"/sys/devices/system/node/node0/hugepages/hugepages-1048576kB/free_hugepages",
		"1\n");
	fake_file(fake,
		"/sys/devices/system/node/node2/hugepages/hugepages-1048576kB/free_hugepages",
		"2\n");
	pt_memory_read(fake->host, &memory);
	assert_int_equal(memory.huge_count, 1);
	assert_int_equal(memory.huge[0].nodes, 3);
	assert_int_equal(memory.huge[0].node_free[0], 1);
	assert_int_equal(memory.huge[0].node_free[1], 0);
	assert_int_equal(memory.huge[0].node_free[2], 2);
	fake_file(fake, "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "512\n");
	/* more sizes than any machine has */
	fake_file(fake, "/sys/kernel/mm/hugepages/hugepages-16kB/free_hugepages", "1\n");
	fake_file(fake, "/sys/kernel/mm/hugepages/hugepages-32kB/free_hugepages", "1\n");
	fake_file(fake, "/sys/kernel/mm/hugepages/hugepages-128kB/free_hugepages", "1\n");
	pt_memory_read(fake->host, &memory);
	assert_int_equal(memory.huge_count, PT_ARRAY_SIZE(memory.huge));
}

static void sizes_read_well(void **state)
{
	(void)state;
	assert_string_equal(PT_SIZE(12 * GIB + GIB / 2), "12.5 GiB");
	assert_string_equal(PT_SIZE(GIB), "1.0 GiB");
	assert_string_equal(PT_SIZE(GIB - (1 << 20)), "1023 MiB");
	assert_string_equal(PT_SIZE(1 << 20), "1 MiB");
	assert_string_equal(PT_SIZE(16 << 10), "16 KiB");
	assert_string_equal(PT_SIZE(0), "0 MiB");
	assert_string_equal(PT_SIZE(UINT64_MAX), "17179869184.0 GiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(what_is_not_there_is_zero),
		MACHINE_TEST(reads_total_and_available),
		MACHINE_TEST(zfs_gives_back_all_but_its_least),
		MACHINE_TEST(counts_free_hugepages_by_size),
		cmocka_unit_test(sizes_read_well),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
