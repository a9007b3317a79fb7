// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/claim/claim.h"
#include "lib/base/json.h"
#include "tests/unit/unit.h"

static void json_and_back(void **state)
{
	struct fake *fake = *state;
	struct pt_claim *claim, *again = NULL;
	struct json_object *first, *second;

	fake_file(fake, "/sys/bus/pci/devices/0000:05:01.0/driver_override", "pci-stub\n");
	claim = claim_of(fake, "100", "0000:05:01.0", "0000:05:00.0");
	claim->state = PT_CLAIM_RETURNING;
	pt_claim_set_error(&claim->function[0], "does not come back");
	pt_names_add(&claim->unit, "pve-container@101.service");
	first = pt_record_to_json(&pt_claim_record, claim);
	assert_int_equal(pt_claim_from_json(first, &again, NULL), 0);
	second = pt_record_to_json(&pt_claim_record, again);
	assert_true(json_object_equal(first, second));
	assert_string_equal(again->function[1].origin.override, "pci-stub");
	assert_null(again->function[0].origin.driver);
	assert_true(again->function[0].error_since > 0);
	assert_int_equal(again->unit.count, 1);
	assert_string_equal(again->unit.name[0], "pve-container@101.service");
	/* the record of before there were units */
	json_object_object_del(first, "units");
	pt_claim_free(again);
	assert_int_equal(pt_claim_from_json(first, &again, NULL), 0);
	assert_int_equal(again->unit.count, 0);
	json_object_put(first);
	json_object_put(second);
	pt_claim_free(claim);
	pt_claim_free(again);
}

static void any_plain_override_is_recorded(void **state)
{
	struct fake *fake = *state;
	struct pt_claim *claim, *again = NULL;
	struct pt_origin origin = {0};
	struct pt_bdf bdf = bdf_of("0000:03:00.0");
	struct pt_err err = {0};
	struct json_object *json;

	fake_file(fake, "/sys/bus/pci/devices/0000:02:00.0/driver_override", "(none) /x\n");
	claim = claim_of(fake, "100", "0000:02:00.0", NULL);
	json = pt_record_to_json(&pt_claim_record, claim);
	assert_int_equal(pt_claim_from_json(json, &again, NULL), 0);
	assert_string_equal(again->function[0].origin.override, "(none) /x");
	json_object_put(json);
	pt_claim_free(again);
	/* a claim that could not be read back is refused before anything moves */
	fake_file(fake, "/sys/bus/pci/devices/0000:03:00.0/driver_override", "\xff\n");
	assert_int_equal(pt_origin_read(fake->host, &bdf, &origin, &err), -EINVAL);
	assert_holds(err.text, "characters that cannot be recorded");
	pt_claim_free(claim);
}

static void refuses(struct json_object *good, const char *path, const char *bad, const char *why)
{
	struct json_object *copy = NULL, *at;
	struct pt_claim *claim = NULL;
	struct pt_err err = {0};

	assert_int_equal(json_object_deep_copy(good, &copy, NULL), 0);
	at = json_object_array_get_idx(json_object_object_get(copy, "functions"), 0);
	if (pt_starts_with(path, "origin."))
		json_object_object_add(
			json_object_object_get(at, "origin"), path + 7, json_tokener_parse(bad));
	else if (pt_starts_with(path, "."))
		json_object_object_add(at, path + 1, json_tokener_parse(bad));
	else
		json_object_object_add(copy, path, json_tokener_parse(bad));
	assert_int_equal(pt_claim_from_json(copy, &claim, &err), -EINVAL);
	assert_holds(err.text, why);
	assert_null(claim);
	json_object_put(copy);
}

static void refuses_what_is_no_claim(void **state)
{
	struct fake *fake = *state;
	struct pt_claim *claim = claim_of(fake, "100", "0000:02:00.0", NULL);
	struct json_object *good = pt_record_to_json(&pt_claim_record, claim);

	refuses(good, "version", "1", "none that this version knows");
	refuses(good, "state", "\"lost\"", "none of the words that this version knows");
	refuses(good, "since", "\"x\"", "\"since\" is no whole number");
	refuses(good, "owner", "\"../x\"", "cannot own a claim");
	refuses(good, "functions", "3", "is no array");
	refuses(good, "functions", "[3]", "functions[0]");
	refuses(good, "units", "3", "is no array");
	refuses(good, "units", "[\"a.service\", 3]", "units[1]: is no string");
	refuses(good, "units", "[\"-a\"]", "units[0]: is no unit's name");
	refuses(good, ".function", "\"x\"", "\"function\" is no PCI address");
	refuses(good, ".home", "\"../x\"", "\"home\" is no driver name");
	refuses(good, ".driver", "\"../x\"", "\"driver\" is no driver name");
	refuses(good, ".origin", "null", "\"origin\" is null");
	refuses(good, "origin.driver", "\"a/b\"", "no driver name");
	refuses(good, "origin.driver_override", "\"a\\nb\"", "no plain text");
	refuses(good, "origin.console", "\"vtcon1/..\"", "no console's name");
	refuses(good, ".pf", "\"x\"", "\"pf\" is no PCI address");
	refuses(good, "origin.sriov_numvfs", "\"2\"", "no whole number");
	json_object_put(good);
	pt_claim_free(claim);
}

/* Claims of before there were any drivers but one have no such key. */
static void the_driver_is_vfio_pci_unless_it_says_otherwise(void **state)
{
	struct fake *fake = *state;
	struct pt_claim *claim = claim_of(fake, "100", "0000:02:00.0", NULL);
	struct pt_claim *again = NULL;
	struct json_object *json;

	assert_string_equal(pt_claim_driver(&claim->function[0]), "vfio-pci");
	pt_set_text(&claim->function[0].driver, "mlx5_vfio_pci");
	json = pt_record_to_json(&pt_claim_record, claim);
	assert_int_equal(pt_claim_from_json(json, &again, NULL), 0);
	assert_string_equal(pt_claim_driver(&again->function[0]), "mlx5_vfio_pci");
	pt_claim_free_p(&again);
	json_object_object_del(
		json_object_array_get_idx(json_object_object_get(json, "functions"), 0), "driver");
	assert_int_equal(pt_claim_from_json(json, &again, NULL), 0);
	assert_string_equal(pt_claim_driver(&again->function[0]), "vfio-pci");
	json_object_put(json);
	pt_claim_free(again);
	pt_claim_free(claim);
}

static void owners_are_plain(void **state)
{
	struct pt_claim *claim = NULL;

	(void)state;
	assert_true(pt_claim_owner_valid("100"));
	assert_false(pt_claim_owner_valid(""));
	assert_false(pt_claim_owner_valid("a/b"));
	assert_false(pt_claim_owner_valid(".."));
	assert_int_equal(pt_claim_new(&claim, "../../x", NULL), -EINVAL);
}

static void homes_are_on_record(void **state)
{
	struct fake *fake = *state;
	struct pt_claim *claim = claim_of(fake, "100", "0000:02:00.0", "0000:03:00.0");
	struct pt_claim *again = NULL;
	struct json_object *json;

	pt_set_text(&claim->function[0].home, "vfio-pci");
	json = pt_record_to_json(&pt_claim_record, claim);
	assert_int_equal(pt_claim_from_json(json, &again, NULL), 0);
	json_object_put(json);
	pt_claim_free(claim);
	assert_string_equal(again->function[0].home, "vfio-pci");
	assert_null(again->function[1].home);
	pt_claim_free(again);
}

static void removes_one(void **state)
{
	struct fake *fake = *state;
	struct pt_claim *claim = claim_of(fake, "100", "0000:02:00.0", "0000:03:00.0");
	struct pt_bdf first = bdf_of("0000:02:00.0"), none = bdf_of("0000:77:00.0");

	pt_claim_remove(claim, &none);
	assert_int_equal(claim->count, 2);
	pt_claim_remove(claim, &first);
	assert_int_equal(claim->count, 1);
	assert_int_equal(claim->function[0].bdf.bus, 3);
	pt_claim_free(claim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(json_and_back),
		MACHINE_TEST(any_plain_override_is_recorded),
		MACHINE_TEST(refuses_what_is_no_claim),
		cmocka_unit_test(owners_are_plain),
		MACHINE_TEST(the_driver_is_vfio_pci_unless_it_says_otherwise),
		MACHINE_TEST(homes_are_on_record),
		MACHINE_TEST(removes_one),
	};

	return cmocka_run_group_tests_name("claim", tests, NULL, NULL);
}
