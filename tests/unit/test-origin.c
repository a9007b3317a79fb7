// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/claim/origin.h"
#include "tests/unit/unit.h"

#define DISK "0000:02:00.0"
#define PF   "0000:04:00.0"

static struct pt_origin read_origin(struct fake *fake, const char *name)
{
	struct pt_origin origin = {0};
	struct pt_bdf bdf = bdf_of(name);

	assert_int_equal(pt_origin_read(fake->host, &bdf, &origin, NULL), 0);
	return origin;
}

static void is_what_the_function_has(void **state)
{
	struct fake *fake = *state;
	struct pt_origin origin = read_origin(fake, DISK);

	assert_string_equal(origin.driver, "nvme");
	assert_null(origin.override);
	assert_null(origin.console);
	assert_int_equal(origin.vfs, -1);
	assert_int_equal(origin.autoprobe, -1);
	pt_origin_clear(&origin);
	fake_file(fake, "/sys/bus/pci/devices/" DISK "/driver_override", "pci-stub\n");
	fake_remove(fake, "/sys/bus/pci/devices/" DISK "/driver");
	origin = read_origin(fake, DISK);
	assert_null(origin.driver);
	assert_string_equal(origin.override, "pci-stub");
	pt_origin_clear(&origin);
	origin = read_origin(fake, PF);
	assert_int_equal(origin.vfs, 2);
	assert_int_equal(origin.autoprobe, 1);
	pt_origin_clear(&origin);
}

static void what_is_gone_is_told(void **state)
{
	struct fake *fake = *state;
	struct pt_origin origin = {0};
	struct pt_bdf gone = bdf_of("0000:77:00.0");
	struct pt_err err = {0};

	assert_int_equal(pt_origin_read(fake->host, &gone, &origin, &err), -ENODEV);
	assert_holds(err.text, "0000:77:00.0: read its present state");
}

static struct pt_origin through_json(const struct pt_origin *origin)
{
	struct json_object *json = pt_record_to_json(&pt_origin_record, origin);
	struct pt_origin again = {0};

	assert_int_equal(pt_record_from_json(&pt_origin_record, json, &again, NULL), 0);
	json_object_put(json);
	return again;
}

static void copies_and_json_lose_nothing(void **state)
{
	char driver[] = "nouveau", override[] = "some text", console[] = "vtcon1";
	struct pt_origin full = {driver, override, 7, 0, console},
			 none = {.vfs = -1, .autoprobe = -1};
	struct pt_origin copy, again;

	(void)state;
	pt_origin_copy(&copy, &full);
	again = through_json(&copy);
	pt_origin_clear(&copy);
	assert_string_equal(again.driver, "nouveau");
	assert_string_equal(again.override, "some text");
	assert_string_equal(again.console, "vtcon1");
	assert_int_equal(again.vfs, 7);
	assert_int_equal(again.autoprobe, 0);
	pt_origin_clear(&again);
	again = through_json(&none);
	assert_null(again.driver);
	assert_null(again.override);
	assert_null(again.console);
	assert_int_equal(again.vfs, -1);
	assert_int_equal(again.autoprobe, -1);
	pt_origin_clear(&again);
}

/* A module may be called by any bytes, and an override hold any. */
static void any_bytes_come_back(void **state)
{
	static char driver[] = "speedfax+ pci", override[] = "a\tb\xff%41%%0A";
	const struct pt_origin odd = {driver, override, -1, -1, NULL};
	struct pt_origin again;

	(void)state;
	again = through_json(&odd);
	assert_string_equal(again.driver, "speedfax+ pci");
	assert_string_equal(again.override, "a\tb\xff%41%%0A");
	pt_origin_clear(&again);
}

/* A driver's name becomes part of a path. */
static void a_record_is_not_trusted(void **state)
{
	static const char *const bad[][2] = {
		{"{\"driver\":\"../x\",\"driver_override\":null,\"sriov_numvfs\":-1,"
		 "\"sriov_drivers_autoprobe\":-1,\"console\":null}",
			"\"driver\" is no driver name"},
		{"{\"driver\":null,\"driver_override\":\"a\\nb\",\"sriov_numvfs\":-1,"
		 "\"sriov_drivers_autoprobe\":-1,\"console\":null}",
			"\"driver_override\" has more than one line"},
		{"{\"driver\":null,\"driver_override\":null,\"sriov_numvfs\":-1,"
		 "\"sriov_drivers_autoprobe\":-1,\"console\":\"vtcon/..\"}",
			"\"console\" is no console's name"},
		{"{\"driver\":null,\"driver_override\":null,\"sriov_numvfs\":\"x\","
		 "\"sriov_drivers_autoprobe\":-1,\"console\":null}",
			"\"sriov_numvfs\""},
	};

	(void)state;
	for (size_t i = 0; i < PT_ARRAY_SIZE(bad); i++) {
		struct json_object *json = json_tokener_parse(bad[i][0]);
		struct pt_err err = {0};
		struct pt_origin origin = {0};

		assert_int_equal(
			pt_record_from_json(&pt_origin_record, json, &origin, &err), -EINVAL);
		assert_holds(err.text, bad[i][1]);
		pt_origin_clear(&origin);
		json_object_put(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(is_what_the_function_has),
		MACHINE_TEST(what_is_gone_is_told),
		cmocka_unit_test(any_bytes_come_back),
		cmocka_unit_test(copies_and_json_lose_nothing),
		cmocka_unit_test(a_record_is_not_trusted),
	};

	return cmocka_run_group_tests_name("origin", tests, NULL, NULL);
}
