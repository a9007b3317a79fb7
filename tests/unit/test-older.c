// SPDX-License-Identifier: AGPL-3.0-or-later
/* Claims of version 4 become records, while guests run and an older worker goes on. */
#include <fcntl.h>
#include <sys/file.h>

#include "lib/claim/older.h"
#include "tests/unit/unit.h"

#define DIR "/run/pt"

#define ORIGIN                                                                                     \
	"\"origin\":{\"driver\":\"%s\",\"driver_override\":null,\"sriov_numvfs\":%d,"              \
	"\"sriov_drivers_autoprobe\":-1,\"console\":null}"

/* One function of an older claim, the caller's. pf: quoted, or null. */
static char *function(const char *name, const char *driver, bool spare, int vfs, const char *pf)
{
	return pt_format("{\"function\":\"%s\",\"label\":\"hostpci0\",\"companion\":false,"
			 "\"spare\":%s,\"moved\":%s,\"home\":null,\"pf\":%s,\"error\":null,"
			 "\"error_since\":0," ORIGIN "}",
		name, spare ? "true" : "false", spare ? "false" : "true", pf, driver, vfs);
}

static void claim(struct fake *fake, unsigned int vmid, const char *state, const char *functions,
	const char *units)
{
	PT_FREE char *path = pt_format(DIR "/claims/%u.json", vmid);
	PT_FREE char *lock = pt_format(DIR "/work/%u.lock", vmid);
	PT_FREE char *text = pt_format(
		"{\"version\":4,\"owner\":\"%u\",\"state\":\"%s\",\"since\":5,\"functions\":[%s],"
		"\"units\":[%s]}",
		vmid, state, functions, units);

	fake_file(fake, path, text);
	fake_file(fake, lock, "");
}

/* Guest 100 has taken a disk and a PF, and may have got the other disk; a unit was stopped. */
static void claim_of_100(struct fake *fake, const char *state)
{
	PT_FREE char *disk = function("0000:02:00.0", "nvme", false, -1, "null");
	PT_FREE char *spare = function("0000:03:00.0", "nvme", true, -1, "null");
	PT_FREE char *pf = function("0000:04:00.0", "igb", false, 1, "null");
	PT_FREE char *vf = function("0000:04:00.1", "igbvf", false, -1, "\"0000:04:00.0\"");
	PT_FREE char *all = pt_format("%s,%s,%s,%s", disk, spare, pf, vf);

	claim(fake, 100, state, all, "\"a.service\",\"b.service\"");
}

static void read_all(struct fake *fake, struct pt_records *ret)
{
	struct pt_store PT_STORE *store = open_store(fake, DIR);

	pt_records_clear(ret);
	pt_records_read(store, ret);
	assert_string_equal(ret->err.text, "");
}

static void assert_is_100(const struct pt_records *records, bool older)
{
	const struct pt_guest_record *guest = &records->guest[0];

	assert_int_equal(records->guest_count, 1);
	assert_int_equal(guest->vmid, 100);
	assert_int_equal(guest->older, older);
	assert_int_equal(guest->state, PT_GUEST_WANTS);
	assert_true(guest->ran);
	assert_int_equal(guest->count, 3);
	assert_int_equal(guest->wish[0].role, PT_ROLE_TAKEN);
	assert_int_equal(guest->wish[1].role, PT_ROLE_CANDIDATE);
	assert_int_equal(records->count, 3);
	assert_string_equal(records->function[0].origin.driver, "nvme");
	/* a VF is on its PF's record */
	assert_int_equal(records->function[2].vf_count, 1);
	assert_string_equal(records->function[2].vf[0].origin.driver, "igbvf");
	assert_int_equal(records->unit_count, 2);
	assert_int_equal(records->unit[0].count, 4);
}

static void a_claim_becomes_records(void **state)
{
	struct fake *fake = *state;
	struct pt_records PT_RECORDS records = {0};
	struct pt_store PT_STORE *store = NULL;

	claim_of_100(fake, "taken");
	/* who only looks sees it as it is */
	read_all(fake, &records);
	assert_is_100(&records, true);
	store = open_store(fake, DIR);
	assert_true(pt_store_has_guest(store, 100));
	assert_true(pt_older_has(store, 100));
	assert_int_equal(pt_older_take_over(store, NULL), 0);
	assert_false(pt_older_has(store, 100));
	assert_true(pt_store_has_guest(store, 100));
	read_all(fake, &records);
	assert_is_100(&records, false);
	assert_int_equal(pt_older_take_over(store, NULL), 0);
}

/* What was returning wants nothing any more; what was being taken never ran. */
static void states_are_kept(void **state)
{
	struct fake *fake = *state;
	struct pt_records PT_RECORDS records = {0};
	struct pt_store PT_STORE *store = NULL;

	claim_of_100(fake, "returning");
	store = open_store(fake, DIR);
	assert_int_equal(pt_older_take_over(store, NULL), 0);
	read_all(fake, &records);
	assert_int_equal(records.guest[0].state, PT_GUEST_ENDED);
	assert_true(pt_host_exists(fake->host, DIR "/ended/100-5.json"));
	fake_remove(fake, DIR "/ended/100-5.json");
	claim_of_100(fake, "taking");
	fake_file(fake, DIR "/work/100.hold", "");
	assert_int_equal(pt_older_take_over(store, NULL), 0);
	read_all(fake, &records);
	assert_int_equal(records.guest[0].state, PT_GUEST_WANTS);
	assert_false(records.guest[0].ran);
	assert_true(pt_store_on_hold(store, 100, 60));
}

/* A worker of the older version moves functions: it ends first, and they count as taken. */
static void a_busy_claim_waits(void **state)
{
	struct fake *fake = *state;
	struct pt_records PT_RECORDS records = {0};
	struct pt_store PT_STORE *store = NULL;
	struct pt_bdf disk = bdf_of("0000:02:00.0");
	PT_CLOSE int lock = -1;

	claim_of_100(fake, "taken");
	store = open_store(fake, DIR);
	assert_false(pt_older_busy(store, 100));
	lock = pt_host_openat(fake->host, DIR "/work/100.lock", O_RDWR);
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
	assert_true(pt_older_busy(store, 100));
	assert_false(pt_older_busy(store, 101));
	assert_false(pt_older_busy(NULL, 100));
	assert_int_equal(pt_older_take_over(store, NULL), 0);
	assert_true(pt_older_has(store, 100));
	read_all(fake, &records);
	assert_is_100(&records, true);
	assert_int_equal(pt_records_wanted(&records, &disk, PT_GROUP_NONE, 0, true)->vmid, 100);
	pt_close_fd(&lock);
	assert_int_equal(pt_older_take_over(store, NULL), 0);
	assert_false(pt_older_has(store, 100));
}

/* Two claims list one disk, as spares and as taken: its origin is the same. */
static void one_function_in_two_claims(void **state)
{
	struct fake *fake = *state;
	PT_FREE char *one = function("0000:02:00.0", "nvme", false, -1, "null");
	PT_FREE char *two = function("0000:02:00.0", "nvme", true, -1, "null");
	struct pt_records PT_RECORDS records = {0};
	struct pt_store PT_STORE *store = NULL;

	claim(fake, 100, "taken", one, "");
	claim(fake, 101, "taken", two, "");
	store = open_store(fake, DIR);
	assert_int_equal(pt_older_take_over(store, NULL), 0);
	read_all(fake, &records);
	assert_int_equal(records.count, 1);
	assert_int_equal(records.guest_count, 2);
	assert_int_equal(records.guest[0].wish[0].role, PT_ROLE_TAKEN);
	assert_int_equal(records.guest[1].wish[0].role, PT_ROLE_CANDIDATE);
}

/* What is on record already was written by this version, and counts. */
static void what_is_there_stays(void **state)
{
	struct fake *fake = *state;
	struct pt_records PT_RECORDS records = {0};
	struct pt_store PT_STORE *store = open_store(fake, DIR);

	fake_link(fake, "/sys/bus/pci/devices/0000:02:00.0/driver", "/sys/bus/pci/drivers/uio");
	record_function(fake, store, "0000:02:00.0", NULL);
	record_guest(store, 100, PT_ROLE_TAKEN, "0000:02:00.0", NULL);
	pt_store_close_p(&store);
	claim_of_100(fake, "taken");
	store = open_store(fake, DIR);
	assert_int_equal(pt_older_take_over(store, NULL), 0);
	read_all(fake, &records);
	assert_string_equal(records.function[0].origin.driver, "uio");
	assert_int_equal(records.guest_count, 1);
	assert_int_equal(records.guest[0].count, 1);
}

/* Wherever it ends midway, the next one goes on: the claim goes last. */
static void a_take_over_can_be_repeated(void **state)
{
	static const char *const ways[] = {DIR "/lock/0000:02:00.0.json",
		DIR "/lock/0000:04:00.0.json", DIR "/lock/a.service.json",
		DIR "/lock/b.service.json", DIR "/lock/100.json"};
	struct fake *fake = *state;

	for (size_t i = 0; i < PT_ARRAY_SIZE(ways); i++) {
		struct pt_records PT_RECORDS records = {0};
		struct pt_store PT_STORE *store = NULL;
		struct pt_err err = {0};

		claim_of_100(fake, "taken");
		store = open_store(fake, DIR);
		/* where a temporary file would be */
		fake_dir(fake, ways[i]);
		assert_int_equal(pt_older_take_over(store, &err), -EISDIR);
		assert_holds(err.text, "write ");
		assert_true(pt_older_has(store, 100));
		read_all(fake, &records);
		fake_remove(fake, ways[i]);
		assert_int_equal(pt_older_take_over(store, NULL), 0);
		read_all(fake, &records);
		assert_is_100(&records, false);
		fake_remove(fake, DIR);
	}
}

static void a_damaged_claim_is_told(void **state)
{
	struct fake *fake = *state;
	PT_FREE char *one = function("0000:02:00.0", "nvme", false, -1, "null");
	struct pt_store PT_STORE *store = NULL;
	struct pt_records PT_RECORDS records = {0};
	struct pt_err err = {0};

	claim(fake, 101, "taken", one, "");
	fake_file(fake, DIR "/claims/100.json", "{");
	fake_file(fake, DIR "/claims/notes.json", "of somebody");
	store = open_store(fake, DIR);
	pt_records_read(store, &records);
	assert_holds(records.err.text, "claim of 100 is damaged (bind its devices by hand, then "
				       "remove " DIR "/claims/100.json): not JSON");
	assert_int_equal(records.guest_count, 1);
	/* the others are taken over all the same */
	assert_int_equal(pt_older_take_over(store, &err), -EINVAL);
	assert_holds(err.text, "claim of 100 is damaged");
	assert_false(pt_older_has(store, 101));
	fake_file(fake, DIR "/claims/100.json", "null");
	assert_int_equal(pt_older_take_over(store, &err), -EINVAL);
	assert_holds(err.text, "is null");
	claim(fake, 100, "taken", "{}", "");
	assert_int_equal(pt_older_take_over(store, &err), -EINVAL);
	assert_holds(err.text, "functions[0]: \"function\" is missing");
	claim(fake, 102, "taken", one, "");
	fake_link(fake, DIR "/claims/100.json", "102.json");
	assert_int_equal(pt_older_take_over(store, &err), -EINVAL);
	assert_holds(err.text, "it belongs to 102");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(a_claim_becomes_records),
		MACHINE_TEST(states_are_kept),
		MACHINE_TEST(a_busy_claim_waits),
		MACHINE_TEST(one_function_in_two_claims),
		MACHINE_TEST(what_is_there_stays),
		MACHINE_TEST(a_take_over_can_be_repeated),
		MACHINE_TEST(a_damaged_claim_is_told),
	};

	return cmocka_run_group_tests_name("older", tests, NULL, NULL);
}
