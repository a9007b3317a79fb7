// SPDX-License-Identifier: AGPL-3.0-or-later
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "lib/claim/store.h"
#include "tests/unit/unit.h"

#define DIR   "/run/pt"
#define DISK  "0000:02:00.0"
#define DISK2 "0000:03:00.0"

static size_t count_of(const struct pt_store *store, enum pt_guest_state state)
{
	struct pt_records PT_RECORDS records = {0};
	size_t count = 0;

	pt_records_read(store, &records);
	pt_foreach (guest, records.guest, records.guest_count)
		count += guest->state == state;
	return count;
}

static void files_come_and_go(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = NULL;
	struct pt_records PT_RECORDS none = {0};
	struct pt_records PT_RECORDS records = {0};
	struct pt_function_record PT_FUNCTION_RECORD function = {0};
	struct pt_guest_record PT_GUEST_RECORD guest = {0};
	struct pt_bdf disk = bdf_of(DISK);

	assert_int_equal(pt_store_open(&store, fake->host, DIR, false, NULL), -ENOENT);
	pt_records_read(NULL, &none);
	assert_int_equal(none.count, 0);
	store = open_store(fake, DIR);
	assert_int_equal(pt_function_load(store, &disk, &function, NULL), -ENOENT);
	assert_int_equal(pt_guest_load(store, 100, &guest, NULL), -ENOENT);
	assert_false(pt_store_has_guest(store, 100));
	record_function(fake, store, DISK2, NULL);
	record_function(fake, store, DISK, "it hangs");
	record_guest(store, 100, PT_ROLE_TAKEN, DISK, DISK2);
	fake_file(fake, DIR "/guest/README", "no record");
	fake_file(fake, DIR "/guest/x.json", "nor this");
	assert_true(pt_store_has_guest(store, 100));
	assert_false(pt_store_has_guest(store, 10));
	pt_records_read(store, &records);
	assert_int_equal(records.err.code, 0);
	assert_int_equal(records.count, 2);
	assert_string_equal(PT_BDF(&records.function[0].bdf), DISK);
	assert_string_equal(records.function[0].error, "it hangs");
	assert_string_equal(records.function[1].origin.driver, "nvme");
	assert_int_equal(records.guest_count, 1);
	assert_int_equal(records.guest[0].count, 2);
	assert_int_equal(pt_function_forget(store, &disk, NULL), 0);
	assert_int_equal(pt_function_forget(store, &disk, NULL), 0);
	assert_int_equal(pt_function_load(store, &disk, &function, NULL), -ENOENT);
}

static void what_a_guest_wants_ends_by_a_rename(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = open_store(fake, DIR);
	struct pt_guest_record PT_GUEST_RECORD guest = {0};

	record_guest(store, 100, PT_ROLE_TAKEN, DISK, NULL);
	assert_int_equal(pt_guest_load(store, 100, &guest, NULL), 0);
	assert_int_equal(pt_store_hold(store, 100), 0);
	/* a new start keeps it while it writes its own */
	assert_int_equal(pt_guest_keep_last(store, &guest, PT_GUEST_UNDONE, NULL), 0);
	assert_int_equal(pt_guest_keep_last(store, &guest, PT_GUEST_UNDONE, NULL), 0);
	assert_int_equal(count_of(store, PT_GUEST_WANTS), 1);
	assert_int_equal(count_of(store, PT_GUEST_UNDONE), 1);
	assert_true(pt_store_on_hold(store, 100, 60));
	assert_int_equal(pt_guest_end(store, &guest, PT_GUEST_ENDED, NULL), 0);
	assert_int_equal(count_of(store, PT_GUEST_WANTS), 0);
	assert_int_equal(count_of(store, PT_GUEST_ENDED), 1);
	assert_false(pt_store_on_hold(store, 100, 60));
	assert_true(pt_store_has_guest(store, 100));
	guest.state = PT_GUEST_ENDED;
	assert_int_equal(pt_guest_forget(store, &guest, NULL), 0);
	guest.state = PT_GUEST_UNDONE;
	assert_int_equal(pt_guest_forget(store, &guest, NULL), 0);
	assert_false(pt_store_has_guest(store, 100));
	assert_true(pt_guest_end(store, &guest, PT_GUEST_ENDED, NULL) < 0);
	/* the new start never wrote its own: both names are of one file, which a rename leaves */
	record_guest(store, 100, PT_ROLE_TAKEN, DISK, NULL);
	assert_int_equal(pt_guest_keep_last(store, &guest, PT_GUEST_ENDED, NULL), 0);
	assert_int_equal(pt_guest_end(store, &guest, PT_GUEST_ENDED, NULL), 0);
	assert_int_equal(count_of(store, PT_GUEST_WANTS), 0);
	assert_int_equal(count_of(store, PT_GUEST_ENDED), 1);
}

/* A full /run: a rename goes, and a new file does not. */
static void a_full_folder_stops_no_end(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = open_store(fake, DIR);
	struct pt_guest_record PT_GUEST_RECORD guest = {0};
	struct pt_err err = {0};

	record_guest(store, 100, PT_ROLE_TAKEN, DISK, NULL);
	assert_int_equal(pt_guest_load(store, 100, &guest, NULL), 0);
	/* where the temporary file would be */
	fake_dir(fake, DIR "/lock/100.json");
	assert_int_equal(pt_guest_save(store, &guest, &err), -EISDIR);
	assert_string_equal(err.text, "write claim of 100: Is a directory");
	assert_int_equal(pt_guest_end(store, &guest, PT_GUEST_ENDED, NULL), 0);
	assert_int_equal(count_of(store, PT_GUEST_ENDED), 1);
}

static void a_guest_is_held_for_a_while(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = open_store(fake, DIR);
	struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	char path[128];

	assert_false(pt_store_on_hold(NULL, 100, 60));
	assert_false(pt_store_on_hold(store, 100, 60));
	assert_int_equal(pt_store_hold(store, 100), 0);
	assert_true(pt_store_on_hold(store, 100, 60));
	assert_false(pt_store_on_hold(store, 101, 60));
	snprintf(path, sizeof(path), "%s" DIR "/hold/100", fake->root);
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	assert_false(pt_store_on_hold(store, 100, 60));
	assert_int_equal(pt_store_hold(store, 100), 0);
	assert_true(pt_store_on_hold(store, 100, 60));
	pt_store_end_hold(store, 100);
	assert_false(pt_host_exists(fake->host, DIR "/hold/100"));
}

static void damaged_files_are_told(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = open_store(fake, DIR);
	struct pt_guest_record PT_GUEST_RECORD guest = {0};
	struct pt_function_record PT_FUNCTION_RECORD function = {0};
	struct pt_records PT_RECORDS records = {0};
	struct pt_bdf disk = bdf_of(DISK), disk2 = bdf_of(DISK2);
	struct pt_err err = {0};

	fake_file(fake, DIR "/guest/100.json", "{");
	assert_int_equal(pt_guest_load(store, 100, &guest, &err), -EINVAL);
	assert_holds(err.text, "claim of 100 is damaged (bind its devices by hand, then remove " DIR
			       "/guest/100.json): not JSON");
	fake_file(fake, DIR "/function/" DISK ".json", "null");
	assert_int_equal(pt_function_load(store, &disk, &function, &err), -EINVAL);
	assert_holds(err.text, "record of function " DISK " is damaged");
	/* the others are read all the same, and these count as well */
	record_function(fake, store, DISK2, NULL);
	pt_records_read(store, &records);
	assert_holds(records.err.text, "claim of 100 is damaged");
	assert_int_equal(records.count, 2);
	assert_true(records.function[0].unreadable);
	assert_false(records.function[1].unreadable);
	assert_true(records.guest[0].unreadable);
	/* one of another name, one of a later version, one that cannot be read at all */
	fake_link(fake, DIR "/function/" DISK ".json", DISK2 ".json");
	assert_int_equal(pt_function_load(store, &disk, &function, &err), -EINVAL);
	assert_holds(err.text, "record of function " DISK " belongs to " DISK2);
	pt_function_record_clear(&function);
	fake_file(fake, DIR "/function/" DISK2 ".json", "{\"version\":2}");
	assert_int_equal(pt_function_load(store, &disk2, &function, &err), -EOPNOTSUPP);
	assert_string_equal(err.text,
		"record of function " DISK2
		" is of a later version of this program, which must return it");
	fake_remove(fake, DIR "/guest/100.json");
	fake_dir(fake, DIR "/guest/100.json");
	assert_int_equal(pt_guest_load(store, 100, &guest, &err), -EISDIR);
	assert_string_equal(err.text, "claim of 100: Is a directory");
}

/* What cannot be read back is not written. */
static void only_what_can_be_read_back_is_written(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = open_store(fake, DIR);
	struct pt_guest_record PT_GUEST_RECORD guest = {.vmid = 100, .start = "a"};
	struct pt_bdf disk = bdf_of(DISK);
	struct pt_err err = {0};

	pt_set_text(&pt_wish_add(&guest, &disk, "hostpci0")->driver, "../x");
	assert_int_equal(pt_guest_save(store, &guest, &err), -EINVAL);
	assert_string_equal(
		err.text, "write claim of 100: functions[0]: \"driver\" is no driver name");
	assert_false(pt_host_exists(fake->host, DIR "/guest/100.json"));
}

/* As many functions as a start may list, with long texts. */
static void a_large_record_is_read_back(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = open_store(fake, DIR);
	struct pt_guest_record PT_GUEST_RECORD guest = {.vmid = 100, .start = "a"};
	struct pt_guest_record PT_GUEST_RECORD again = {0};

	for (unsigned int i = 0; i < 3000; i++) {
		struct pt_bdf bdf = {.bus = (uint8_t)(i >> 8),
			.slot = (uint8_t)(i >> 3 & 31),
			.function = (uint8_t)(i & 7)};
		struct pt_wish *wish = pt_wish_add(&guest, &bdf, "hostpci0");

		pt_set_text(&wish->driver, "a_driver_with_a_long_name_vfio_pci");
		pt_set_text(&wish->home, "another_driver_with_a_long_name");
	}
	assert_int_equal(pt_guest_save(store, &guest, NULL), 0);
	assert_int_equal(pt_guest_load(store, 100, &again, NULL), 0);
	assert_int_equal(again.count, 3000);
}

/* Records outlive a boot only where /run does. */
static void records_of_another_boot_are_none(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = NULL;
	struct pt_records PT_RECORDS records = {0};

	fake_file(fake, "/proc/sys/kernel/random/boot_id", "first\n");
	store = open_store(fake, DIR);
	record_function(fake, store, DISK, NULL);
	record_guest(store, 100, PT_ROLE_TAKEN, DISK, NULL);
	pt_store_close_p(&store);
	fake_file(fake, "/proc/sys/kernel/random/boot_id", "second\n");
	store = open_store(fake, DIR);
	pt_records_read(store, &records);
	assert_int_equal(records.count, 0);
	assert_int_equal(records.guest_count, 0);
	assert_int_equal(records.err.code, 0);
	assert_false(pt_host_exists(fake->host, DIR "/guest/100.json"));
}

/* Links and folders in place of files: the error names the purpose. */
static void what_lies_in_the_way_is_told(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = open_store(fake, DIR);
	struct pt_bdf disk = bdf_of(DISK);
	struct pt_err err = {0};
	int lock = -1;

	fake_link(fake, DIR "/lock/guest-100", "/elsewhere");
	assert_int_equal(pt_lock_guest(store, 100, 0, &lock, &err), -ELOOP);
	assert_holds(err.text, "lock " DIR "/lock/guest-100: Too many levels of symbolic links");
	fake_dir(fake, DIR "/function/" DISK ".json");
	assert_true(pt_function_forget(store, &disk, &err) < 0);
	assert_holds(err.text, "remove record of function " DISK ": Is a directory");
}

static void folders_of_others_are_not_trusted(void **state)
{
	static const char *const folders[] = {DIR, DIR "/function", DIR "/guest", DIR "/ended",
		DIR "/undone", DIR "/unit", DIR "/hold", DIR "/lock", DIR "/claims", DIR "/work"};
	struct fake *fake = *state;
	struct pt_store *store = open_store(fake, DIR);
	struct pt_err err = {0};

	pt_store_close(store);
	fake_dir(fake, DIR "/claims");
	fake_dir(fake, DIR "/work");
	for (size_t i = 0; i < PT_ARRAY_SIZE(folders); i++) {
		PT_FREE char *path = pt_format("%s%s", fake->root, folders[i]);
		PT_FREE char *other = pt_format("%s.other", path);

		assert_int_equal(chmod(path, 0750), 0);
		assert_int_equal(pt_store_open(&store, fake->host, DIR, true, &err), -EPERM);
		assert_holds(err.text, "is not root's alone, so it is not trusted");
		assert_holds(err.text, folders[i]);
		assert_int_equal(chmod(path, 0700), 0);
		assert_int_equal(chown(path, 65534, (gid_t)-1), 0);
		assert_int_equal(pt_store_open(&store, fake->host, DIR, true, &err), -EPERM);
		assert_int_equal(chown(path, 0, (gid_t)-1), 0);
		/* a link leads elsewhere, and to whom does the folder there belong tomorrow? */
		assert_int_equal(rename(path, other), 0);
		assert_int_equal(symlink(other + strlen(fake->root), path), 0);
		assert_int_equal(pt_store_open(&store, fake->host, DIR, true, &err), -EPERM);
		assert_holds(err.text, "is no folder, or a link");
		assert_int_equal(unlink(path), 0);
		assert_int_equal(rename(other, path), 0);
		assert_int_equal(pt_store_open(&store, fake->host, DIR, true, &err), 0);
		pt_store_close(store);
	}
	assert_int_equal(pt_store_open(&store, fake->host, "/none/pt", true, &err), -ENOENT);
}

static void a_folder_that_cannot_be_listed_is_told(void **state)
{
	struct pt_store PT_STORE *store = open_store(*state, DIR);
	struct pt_records PT_RECORDS records = {0};
	struct rlimit limit, none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	pt_records_read(store, &records);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_string_equal(records.err.text, "list " DIR "/guest: Too many open files");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(files_come_and_go),
		MACHINE_TEST(what_a_guest_wants_ends_by_a_rename),
		MACHINE_TEST(a_full_folder_stops_no_end),
		MACHINE_TEST(a_guest_is_held_for_a_while),
		MACHINE_TEST(damaged_files_are_told),
		MACHINE_TEST(only_what_can_be_read_back_is_written),
		MACHINE_TEST(a_large_record_is_read_back),
		MACHINE_TEST(records_of_another_boot_are_none),
		MACHINE_TEST(what_lies_in_the_way_is_told),
		MACHINE_TEST(folders_of_others_are_not_trusted),
		MACHINE_TEST(a_folder_that_cannot_be_listed_is_told),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
