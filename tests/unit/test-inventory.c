// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/pci/inventory.h"
#include "lib/base/json.h"
#include "tests/unit/unit.h"

static void reads_all_in_order(void **state)
{
	struct fake *fake = *state;
	struct pt_inventory inventory = {0};
	struct pt_bdf bdf = bdf_of("0000:04:10.0"), gone = bdf_of("0000:99:00.0");

	assert_int_equal(pt_inventory_read_all(fake->host, &inventory, NULL), 0);
	assert_int_equal(inventory.count, 10);
	assert_true(inventory.iommu_active);
	for (size_t i = 1; i < inventory.count; i++)
		assert_true(pt_bdf_compare(&inventory.function[i - 1].bdf,
				    &inventory.function[i].bdf) < 0);
	assert_non_null(pt_inventory_find(&inventory, &bdf));
	assert_null(pt_inventory_find(&inventory, &gone));
	pt_inventory_clear(&inventory);
}

static void adds_each_once(void **state)
{
	struct fake *fake = *state;
	struct pt_inventory inventory = {0};
	struct pt_bdf late = bdf_of("0000:03:00.0"), early = bdf_of("0000:01:00.0");
	struct pt_bdf gone = bdf_of("0000:99:00.0");

	assert_int_equal(pt_inventory_add(fake->host, &inventory, &late, NULL), 0);
	assert_int_equal(pt_inventory_add(fake->host, &inventory, &early, NULL), 0);
	assert_int_equal(pt_inventory_add(fake->host, &inventory, &late, NULL), 0);
	assert_int_equal(inventory.count, 2);
	assert_int_equal(inventory.function[0].bdf.bus, 1);
	assert_int_equal(pt_inventory_add(fake->host, &inventory, &gone, NULL), -ENODEV);
	assert_int_equal(inventory.count, 2);
	pt_inventory_clear(&inventory);
}

static void adds_many_each_once(void **state)
{
	struct fake *fake = *state;
	struct pt_inventory inventory = {0};
	const struct pt_bdf many[] = {bdf_of("0000:03:00.0"), bdf_of("0000:99:00.0"),
		bdf_of("0000:01:00.0"), bdf_of("0000:03:00.0"), bdf_of("0000:02:00.0")};

	assert_int_equal(pt_inventory_add(fake->host, &inventory, &many[4], NULL), 0);
	assert_int_equal(
		pt_inventory_add_all(fake->host, &inventory, many, PT_ARRAY_SIZE(many), NULL), 0);
	/* missing ones are skipped */
	assert_int_equal(inventory.count, 3);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(inventory.function[i].bdf.bus, i + 1);
	pt_inventory_clear(&inventory);
}

static void json_and_back_without_loss(void **state)
{
	struct fake *fake = *state;
	struct pt_inventory inventory = {0}, again = {0};
	struct json_object *first, *second;

	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/driver_override", "x\"y\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/resource",
		"0xffffffff00000000 0xfffffffffffffffe 0x000000000014220c\n");
	fake_dir(fake, "/sys/bus/pci/devices/0000:02:00.0/nvidia");
	assert_int_equal(pt_inventory_read_all(fake->host, &inventory, NULL), 0);
	first = pt_record_to_json(&pt_inventory_record, &inventory);
	assert_int_equal(pt_record_from_json(&pt_inventory_record, first, &again, NULL), 0);
	second = pt_record_to_json(&pt_inventory_record, &again);
	assert_true(json_object_equal(first, second));
	assert_int_equal(again.function[1].bar[0].start, 0xffffffff00000000);
	assert_string_equal(again.function[1].override, "x\"y");
	assert_int_equal(again.function[5].vf_count, 2);
	json_object_put(first);
	json_object_put(second);
	pt_inventory_clear(&inventory);
	pt_inventory_clear(&again);
}

/* Every field another value than its default, so that one that is forgotten shows. */
static void every_field_survives(void **state)
{
	struct pt_bdf vfs[] = {bdf_of("0000:07:10.0"), bdf_of("0000:07:10.2")};
	char driver[] = "igb", override[] = "uio", alias[] = "pci:x", reset[] = "flr bus",
	     power[] = "D3hot";
	struct pt_function function = {.bdf = bdf_of("0000:07:00.1"),
		.info_ok = true,
		.vendor = "8086",
		.device = "1521",
		.subvendor = "103c",
		.subdevice = "8157",
		.class = 0x020001,
		.is_bridge = true,
		.has_parent = true,
		.parent = bdf_of("0000:00:1c.0"),
		.driver = driver,
		.override = override,
		.modalias = alias,
		.group = 17,
		.numa_node = 3,
		.boot_vga = 1,
		.has_physfn = true,
		.physfn = bdf_of("0000:08:00.0"),
		.vfs = 2,
		.vfs_max = 7,
		.vf = vfs,
		.vf_count = 2,
		.has_reset = true,
		.reset_methods = reset,
		.power_state = power,
		.d3cold_allowed = true,
		.has_mdev = true,
		.has_nvidia = true,
		.has_vfio_dev = true};
	struct pt_inventory inventory = {.function = &function, .count = 1, .iommu_active = true};
	struct pt_inventory again = {0};
	const struct pt_function *f;
	struct json_object *json;

	(void)state;
	for (size_t i = 0; i < PT_PCI_BARS; i++)
		function.bar[i] = (struct pt_bar){
			0x1000 * (i + 1), 0x100 * (i + 1), i % 2 == 0, i % 3 == 0, i % 2 == 1};
	json = pt_record_to_json(&pt_inventory_record, &inventory);
	assert_int_equal(pt_record_from_json(&pt_inventory_record, json, &again, NULL), 0);
	json_object_put(json);
	assert_true(again.iommu_active);
	assert_int_equal(again.count, 1);
	f = &again.function[0];
	assert_int_equal(pt_bdf_compare(&f->bdf, &function.bdf), 0);
	assert_string_equal(f->vendor, "8086");
	assert_string_equal(f->device, "1521");
	assert_string_equal(f->subvendor, "103c");
	assert_string_equal(f->subdevice, "8157");
	assert_int_equal(f->class, 0x020001);
	assert_string_equal(f->driver, "igb");
	assert_string_equal(f->override, "uio");
	assert_string_equal(f->modalias, "pci:x");
	assert_int_equal(f->group, 17);
	assert_int_equal(f->numa_node, 3);
	assert_int_equal(f->boot_vga, 1);
	assert_int_equal(pt_bdf_compare(&f->physfn, &function.physfn), 0);
	assert_int_equal(f->vfs, 2);
	assert_int_equal(f->vfs_max, 7);
	assert_int_equal(f->vf_count, 2);
	assert_int_equal(pt_bdf_compare(&f->vf[1], &vfs[1]), 0);
	assert_string_equal(f->reset_methods, "flr bus");
	assert_string_equal(f->power_state, "D3hot");
	assert_true(
		f->info_ok && f->is_bridge && f->has_physfn && f->has_reset && f->d3cold_allowed);
	assert_true(f->has_mdev && f->has_nvidia && f->has_vfio_dev);
	for (size_t i = 0; i < PT_PCI_BARS; i++) {
		assert_int_equal(f->bar[i].start, function.bar[i].start);
		assert_int_equal(f->bar[i].size, function.bar[i].size);
		assert_int_equal(f->bar[i].memory, function.bar[i].memory);
		assert_int_equal(f->bar[i].is_64bit, function.bar[i].is_64bit);
		assert_int_equal(f->bar[i].prefetchable, function.bar[i].prefetchable);
	}
	pt_inventory_clear(&again);
}

static void slot_mates_are_told(void **state)
{
	struct fake *fake = *state;
	struct pt_inventory inventory = {0};
	struct pt_bdf gpu = bdf_of("0000:01:00.0"), disk = bdf_of("0000:02:00.0");
	size_t count = 0;

	assert_int_equal(pt_inventory_read_all(fake->host, &inventory, NULL), 0);
	assert_string_equal(
		PT_BDF(&pt_inventory_slot(&inventory, &gpu, &count)->bdf), "0000:01:00.0");
	assert_int_equal(count, 2);
	assert_non_null(pt_inventory_slot(&inventory, &disk, &count));
	assert_int_equal(count, 1);
	gpu.bus = 0x77;
	assert_null(pt_inventory_slot(&inventory, &gpu, &count));
	assert_int_equal(count, 0);
	pt_inventory_clear(&inventory);
}

/* Spoils one key of a function, and checks the error of reading. */
static void refuses(struct json_object *good, const char *key, const char *bad, const char *why)
{
	struct pt_inventory inventory = {0};
	struct json_object *copy = NULL, *functions;
	struct pt_err err = {0};

	assert_int_equal(json_object_deep_copy(good, &copy, NULL), 0);
	functions = json_object_object_get(copy, "functions");
	json_object_object_del(json_object_array_get_idx(functions, 0), key);
	if (bad)
		json_object_object_add(
			json_object_array_get_idx(functions, 0), key, json_tokener_parse(bad));
	assert_int_equal(
		pt_record_from_json(&pt_inventory_record, copy, &inventory, &err), -EINVAL);
	assert_holds(err.text, key);
	assert_holds(err.text, why);
	pt_inventory_clear(&inventory);
	json_object_put(copy);
}

static void refuses_what_is_no_inventory(void **state)
{
	struct fake *fake = *state;
	struct pt_inventory inventory = {0};
	struct json_object *good, *other = json_tokener_parse("{\"functions\":{}}");

	assert_int_equal(pt_inventory_read_all(fake->host, &inventory, NULL), 0);
	good = pt_record_to_json(&pt_inventory_record, &inventory);
	pt_inventory_clear(&inventory);
	refuses(good, "bdf", "\"nonsense\"", "is no PCI address");
	refuses(good, "bdf", NULL, "is missing");
	refuses(good, "vendor", "7", "is no string");
	refuses(good, "vendor", "\"123456789\"", "is no hexadecimal number of that size");
	refuses(good, "iommu_group", "\"1\"", "is no whole number");
	refuses(good, "iommu_group", "99999999999", "is not between -1 and 2147483647");
	refuses(good, "bridge", "1", "is no boolean");
	refuses(good, "virtfns", "[3]", "virtfns[0]: is no string");
	refuses(good, "bars", "{}", "is no array");
	refuses(good, "bars", "[{}]", "functions[0]: bars[0]: \"start\" is missing");
	refuses(good, "driver", "\"a\\u0000b\"", "NUL");
	assert_int_equal(
		pt_record_from_json(&pt_inventory_record, other, &inventory, NULL), -EINVAL);
	assert_int_equal(
		pt_record_from_json(&pt_inventory_record, NULL, &inventory, NULL), -EINVAL);
	json_object_put(good);
	json_object_put(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(reads_all_in_order),
		MACHINE_TEST(adds_each_once),
		MACHINE_TEST(adds_many_each_once),
		MACHINE_TEST(json_and_back_without_loss),
		cmocka_unit_test(every_field_survives),
		MACHINE_TEST(slot_mates_are_told),
		MACHINE_TEST(refuses_what_is_no_inventory),
	};

	return cmocka_run_group_tests_name("inventory", tests, NULL, NULL);
}
