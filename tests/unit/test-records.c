// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/claim/records.h"
#include "tests/unit/unit.h"

#define GPU   "0000:01:00.0"
#define AUDIO "0000:01:00.1"
#define DISK  "0000:02:00.0"
#define DISK2 "0000:03:00.0"
#define PF    "0000:04:00.0"
#define VF    "0000:04:00.1"

static struct pt_guest_record *add_guest(struct pt_records *records, unsigned int vmid,
	enum pt_guest_state state, const char *name, enum pt_role role)
{
	struct pt_guest_record *guest =
		pt_array_grow(&records->guest, &records->guest_count, sizeof(*guest));
	struct pt_bdf bdf = bdf_of(name);

	guest->vmid = vmid;
	guest->state = state;
	snprintf(guest->start, sizeof(guest->start), "%x", vmid);
	pt_wish_add(guest, &bdf, "hostpci0")->role = role;
	return guest;
}

static void wishes_are_in_order_each_once(void **state)
{
	struct pt_guest_record PT_GUEST_RECORD record = {.vmid = 100};
	struct pt_bdf first = bdf_of(DISK), second = bdf_of(DISK2), none = bdf_of(GPU);

	(void)state;
	pt_wish_add(&record, &second, "hostpci1");
	pt_wish_add(&record, &first, "hostpci0");
	pt_wish_add(&record, &second, "hostpci2");
	assert_int_equal(record.count, 2);
	assert_string_equal(record.wish[0].entry, "hostpci0");
	assert_string_equal(pt_wish_find(&record, &second)->entry, "hostpci2");
	assert_int_equal(record.wish[0].role, PT_ROLE_CANDIDATE);
	pt_wish_remove(&record, &none);
	assert_int_equal(record.count, 2);
	pt_wish_remove(&record, &first);
	assert_int_equal(record.count, 1);
	assert_null(pt_wish_find(&record, &first));
}

static void a_wish_counts_for_its_group(void **state)
{
	struct fake *fake = *state;
	struct pt_records PT_RECORDS records = {0};
	struct pt_bdf gpu = bdf_of(GPU), audio = bdf_of(AUDIO), disk = bdf_of(DISK);

	add_guest(&records, 100, PT_GUEST_WANTS, GPU, PT_ROLE_CANDIDATE);
	add_guest(&records, 101, PT_GUEST_ENDED, DISK, PT_ROLE_TAKEN);
	pt_records_learn_groups(fake->host, &records);
	assert_int_equal(pt_records_wanted(&records, &gpu, 1, 0, false)->vmid, 100);
	assert_int_equal(pt_records_wanted(&records, &audio, 1, 0, false)->vmid, 100);
	/* without a group only the function itself counts */
	assert_null(pt_records_wanted(&records, &audio, PT_GROUP_NONE, 0, false));
	assert_null(pt_records_wanted(&records, &gpu, 1, 100, false));
	/* a candidate is in nobody's way; and who has ended wants nothing */
	assert_null(pt_records_wanted(&records, &gpu, 1, 0, true));
	assert_null(pt_records_wanted(&records, &disk, 2, 0, false));
	records.guest[0].wish[0].role = PT_ROLE_TAKEN;
	assert_int_equal(pt_records_wanted(&records, &audio, 1, 0, true)->vmid, 100);
}

static void a_record_that_cannot_be_read_wants_everything(void **state)
{
	struct pt_records PT_RECORDS records = {0};
	struct pt_bdf disk = bdf_of(DISK);

	(void)state;
	add_guest(&records, 100, PT_GUEST_WANTS, GPU, PT_ROLE_CANDIDATE)->unreadable = true;
	assert_int_equal(pt_records_wanted(&records, &disk, 2, 0, false)->vmid, 100);
	/* but what it has taken nobody knows: open groups and reservations decide */
	assert_null(pt_records_wanted(&records, &disk, 2, 0, true));
}

static void the_last_guest_is_the_youngest_that_had_taken_it(void **state)
{
	struct pt_records PT_RECORDS records = {0};
	struct pt_bdf disk = bdf_of(DISK), gpu = bdf_of(GPU), audio = bdf_of(AUDIO);
	const struct pt_wish *wish = NULL;

	(void)state;
	add_guest(&records, 100, PT_GUEST_ENDED, DISK, PT_ROLE_TAKEN);
	add_guest(&records, 101, PT_GUEST_UNDONE, DISK, PT_ROLE_CANDIDATE);
	add_guest(&records, 102, PT_GUEST_WANTS, DISK, PT_ROLE_CANDIDATE);
	add_guest(&records, 103, PT_GUEST_UNDONE, GPU, PT_ROLE_CANDIDATE);
	assert_int_equal(pt_records_last(&records, &disk, &wish)->vmid, 100);
	assert_int_equal(wish->role, PT_ROLE_TAKEN);
	assert_int_equal(pt_records_last(&records, &gpu, &wish)->vmid, 103);
	assert_null(pt_records_last(&records, &audio, &wish));
	assert_int_equal(pt_records_guest(&records, 102)->vmid, 102);
	assert_null(pt_records_guest(&records, 100));
}

static void a_pf_is_found_by_its_vfs(void **state)
{
	struct pt_records PT_RECORDS records = {0};
	struct pt_function_record *pf =
		pt_array_grow(&records.function, &records.count, sizeof(*pf));
	struct pt_vf_record *vf = pt_array_grow(&pf->vf, &pf->vf_count, sizeof(*vf));
	struct pt_bdf disk = bdf_of(DISK);

	(void)state;
	pf->bdf = bdf_of(PF);
	vf->bdf = bdf_of(VF);
	assert_ptr_equal(pt_records_pf(&records, &vf->bdf), pf);
	assert_null(pt_records_pf(&records, &disk));
	assert_ptr_equal(pt_records_function(&records, &pf->bdf), pf);
	assert_null(pt_records_function(&records, &vf->bdf));
}

static struct json_object *good_guest(void)
{
	struct pt_guest_record PT_GUEST_RECORD record = {
		.vmid = 100, .start = "1a", .since = 7, .ran = true, .for_backup = true};
	struct pt_bdf first = bdf_of(DISK), second = bdf_of(DISK2);
	struct pt_wish *wish = pt_wish_add(&record, &first, "hostpci0");

	wish->role = PT_ROLE_TAKEN;
	pt_set_text(&wish->driver, "mlx5_vfio_pci");
	pt_set_text(&wish->home, "");
	pt_wish_add(&record, &second, "args")->role = PT_ROLE_COMPANION;
	return pt_record_to_json(&pt_guest_file, &record);
}

static struct json_object *good_function(struct fake *fake)
{
	struct pt_function_record PT_FUNCTION_RECORD record = {.bdf = bdf_of(PF),
		.vendor = "8086",
		.device = "1521",
		.since = 7,
		.error_since = 9};
	struct pt_vf_record *vf = pt_array_grow(&record.vf, &record.vf_count, sizeof(*vf));

	vf->bdf = bdf_of(VF);
	assert_int_equal(pt_origin_read(fake->host, &record.bdf, &record.origin, NULL), 0);
	assert_int_equal(pt_origin_read(fake->host, &vf->bdf, &vf->origin, NULL), 0);
	pt_set_text(&record.home, "vfio-pci");
	pt_set_text(&record.error, "it hangs");
	return pt_record_to_json(&pt_function_file, &record);
}

static void json_and_back(void **state)
{
	struct pt_guest_record PT_GUEST_RECORD guest = {0};
	struct pt_function_record PT_FUNCTION_RECORD function = {0};
	struct json_object PT_JSON *first = good_guest();
	struct json_object PT_JSON *second = good_function(*state);
	struct json_object PT_JSON *again = NULL;
	struct json_object PT_JSON *once = NULL;

	assert_int_equal(pt_record_from_json(&pt_guest_file, first, &guest, NULL), 0);
	once = pt_record_to_json(&pt_guest_file, &guest);
	assert_true(json_object_equal(first, once));
	assert_string_equal(guest.wish[0].home, "");
	assert_null(guest.wish[1].driver);
	assert_int_equal(guest.wish[1].group, PT_GROUP_NONE);
	assert_int_equal(guest.state, PT_GUEST_WANTS);
	assert_int_equal(pt_record_from_json(&pt_function_file, second, &function, NULL), 0);
	again = pt_record_to_json(&pt_function_file, &function);
	assert_true(json_object_equal(second, again));
	assert_string_equal(function.vf[0].origin.driver, "igbvf");
	assert_string_equal(function.error, "it hangs");
}

static void refuses(const struct pt_record *table, struct json_object *good, const char *key,
	const char *bad, const char *why)
{
	struct json_object PT_JSON *copy = NULL;
	struct json_object *at;
	PT_FREE char *record = pt_calloc(1, table->size);
	struct pt_err err = {0};

	assert_int_equal(json_object_deep_copy(good, &copy, NULL), 0);
	at = copy;
	if (*key == '.')
		at = json_object_array_get_idx(json_object_object_get(copy, "functions"), 0);
	json_object_object_add(at, key + (*key == '.'), json_tokener_parse(bad));
	assert_int_equal(pt_record_from_json(table, copy, record, &err), -EINVAL);
	assert_holds(err.text, why);
	if (table == &pt_guest_file)
		pt_guest_record_clear((void *)record);
	else
		pt_function_record_clear((void *)record);
}

static void refuses_what_is_no_record(void **state)
{
	struct json_object PT_JSON *guest = good_guest();
	struct json_object PT_JSON *function = good_function(*state);

	refuses(&pt_guest_file, guest, "version", "2", "none that this version knows");
	refuses(&pt_guest_file, guest, "start", "\"../x\"", "\"start\" is no name of a start");
	refuses(&pt_guest_file, guest, "functions", "[3]", "functions[0]: is no object");
	refuses(&pt_guest_file, guest, ".function", "\"x\"", "\"function\" is no PCI address");
	refuses(&pt_guest_file, guest, ".role", "\"lost\"", "none of the words");
	refuses(&pt_guest_file, guest, ".driver", "\"../x\"", "\"driver\" is no driver name");
	refuses(&pt_guest_file, guest, ".home", "\"a/b\"", "\"home\" is no driver name");
	refuses(&pt_function_file, function, "version", "0", "none that this version knows");
	refuses(&pt_function_file, function, "origin", "null", "\"origin\" is null");
	refuses(&pt_function_file, function, "home", "\"../x\"", "\"home\" is no driver name");
	refuses(&pt_function_file, function, "virtual_functions", "[{}]",
		"virtual_functions[0]: \"function\" is missing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wishes_are_in_order_each_once),
		MACHINE_TEST(a_wish_counts_for_its_group),
		cmocka_unit_test(a_record_that_cannot_be_read_wants_everything),
		cmocka_unit_test(the_last_guest_is_the_youngest_that_had_taken_it),
		cmocka_unit_test(a_pf_is_found_by_its_vfs),
		MACHINE_TEST(json_and_back),
		MACHINE_TEST(refuses_what_is_no_record),
	};

	return cmocka_run_group_tests_name("records", tests, NULL, NULL);
}
