// SPDX-License-Identifier: AGPL-3.0-or-later
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "lib/claim/claimfile.h"
#include "tests/unit/unit.h"

static struct pt_claims *open_claims(struct fake *fake)
{
	struct pt_claims *claims = NULL;

	assert_int_equal(pt_claims_open(&claims, fake->host, "/run/pt", true, NULL), 0);
	return claims;
}

static void files_come_and_go(void **state)
{
	struct fake *fake = *state;
	struct pt_claims *claims = NULL;
	struct pt_claim *claim = claim_of(fake, "100", "0000:02:00.0", NULL), *again = NULL;
	struct pt_names owners = {0};

	assert_int_equal(pt_claims_open(&claims, fake->host, "/run/pt", false, NULL), -ENOENT);
	assert_int_equal(pt_claims_owners(NULL, &owners, NULL), 0);
	assert_int_equal(owners.count, 0);
	assert_int_equal(pt_claims_load(NULL, "100", &again, NULL), -ENOENT);
	claims = open_claims(fake);
	assert_int_equal(pt_claims_load(claims, "100", &again, NULL), -ENOENT);
	assert_int_equal(pt_claims_save(claims, claim, NULL), 0);
	fake_file(fake, "/run/pt/claims/README", "not a claim");
	assert_int_equal(pt_claims_owners(claims, &owners, NULL), 0);
	assert_int_equal(owners.count, 1);
	assert_string_equal(owners.name[0], "100");
	pt_names_free(&owners);
	assert_int_equal(pt_claims_load(claims, "100", &again, NULL), 0);
	assert_string_equal(again->function[0].origin.driver, "nvme");
	assert_int_equal(pt_claims_remove(claims, "100", NULL), 0);
	assert_int_equal(pt_claims_remove(claims, "100", NULL), 0);
	assert_int_equal(pt_claims_remove(claims, "../x", NULL), -EINVAL);
	pt_claim_free(again);
	again = NULL;
	assert_int_equal(pt_claims_load(claims, "100", &again, NULL), -ENOENT);
	pt_claim_free(claim);
	pt_claims_close(claims);
}

static void a_folder_that_cannot_be_listed_is_told(void **state)
{
	struct pt_claims *claims = open_claims(*state);
	struct pt_names owners = {0};
	struct rlimit limit, none;
	struct pt_err err = {0};

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(pt_claims_owners(claims, &owners, &err), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_string_equal(err.text, "list the claims: Too many open files");
	pt_claims_close(claims);
}

static void a_claim_is_kept_for_a_while(void **state)
{
	struct fake *fake = *state;
	struct pt_claims *claims = open_claims(fake);
	struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	char path[128];

	assert_false(pt_claims_on_hold(NULL, "100", 60));
	assert_false(pt_claims_on_hold(claims, "100", 60));
	assert_int_equal(pt_claims_hold(claims, "100"), 0);
	assert_int_equal(pt_claims_hold(claims, "../100"), -EINVAL);
	assert_true(pt_claims_on_hold(claims, "100", 60));
	assert_false(pt_claims_on_hold(claims, "101", 60));
	snprintf(path, sizeof(path), "%s/run/pt/work/100.hold", fake->root);
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	assert_false(pt_claims_on_hold(claims, "100", 60));
	assert_int_equal(pt_claims_hold(claims, "100"), 0);
	assert_true(pt_claims_on_hold(claims, "100", 60));
	assert_int_equal(pt_claims_remove(claims, "100", NULL), 0);
	assert_false(pt_host_exists(fake->host, "/run/pt/work/100.hold"));
	pt_claims_close(claims);
}

static void damaged_files_are_told(void **state)
{
	struct fake *fake = *state;
	struct pt_claims *claims = open_claims(fake);
	struct pt_claim *claim = claim_of(fake, "101", "0000:02:00.0", NULL), *again = NULL;
	struct pt_err err = {0};

	fake_file(fake, "/run/pt/claims/100.json", "{");
	assert_int_equal(pt_claims_load(claims, "100", &again, &err), -EINVAL);
	assert_holds(err.text, "claim of 100 is damaged (bind its devices by hand, then remove "
			       "/run/pt/claims/100.json): not JSON");
	fake_file(fake, "/run/pt/claims/100.json", "null");
	assert_int_equal(pt_claims_load(claims, "100", &again, &err), -EINVAL);
	assert_holds(err.text, "100.json): is null");
	/* one bad file does not stop the other owners */
	assert_int_equal(pt_claims_record(claims, fake->host, claim, NULL, &err), 0);
	assert_int_equal(pt_claims_save(claims, claim, NULL), 0);
	fake_file(fake, "/run/pt/claims/100.json",
		"{\"version\":4,\"owner\":\"100\",\"state\":\"taken\",\"since\":1,\"functions\":[{"
		"\"function\":\"0000:02:00.0\",\"pf\":null,\"label\":null,\"error\":null,"
		"\"companion\":false,\"spare\":false,\"moved\":true,\"home\":null,\"error_since\":0}]}");
	assert_int_equal(pt_claims_load(claims, "100", &again, &err), -EINVAL);
	assert_holds(err.text, "functions[0]: \"origin\" is missing");
	fake_remove(fake, "/run/pt/claims/100.json");
	fake_dir(fake, "/run/pt/claims/100.json");
	assert_int_equal(pt_claims_load(claims, "100", &again, &err), -EISDIR);
	assert_string_equal(err.text, "claim of 100: Is a directory");
	fake_remove(fake, "/run/pt/claims/100.json");
	fake_link(fake, "/run/pt/claims/102.json", "101.json");
	assert_int_equal(pt_claims_load(claims, "102", &again, &err), -EINVAL);
	pt_claim_free(claim);
	pt_claims_close(claims);
}

static void two_cannot_hold_one_function(void **state)
{
	struct fake *fake = *state;
	struct pt_claims *claims = open_claims(fake);
	struct pt_claim *one = claim_of(fake, "100", "0000:02:00.0", "0000:03:00.0");
	struct pt_claim *two = claim_of(fake, "101", "0000:03:00.0", NULL);
	struct pt_claim *three = claim_of(fake, "102", "0000:01:00.0", NULL);
	struct pt_err err = {0};

	assert_int_equal(pt_claims_record(claims, fake->host, one, NULL, NULL), 0);
	assert_int_equal(pt_claims_record(claims, fake->host, one, NULL, NULL), 0);
	assert_int_equal(pt_claims_record(claims, fake->host, two, NULL, &err), -EBUSY);
	assert_holds(err.text, "0000:03:00.0: is in the claim of 100 too");
	assert_int_equal(pt_claims_record(claims, fake->host, three, NULL, NULL), 0);
	pt_claim_free(one);
	pt_claim_free(two);
	pt_claim_free(three);
	pt_claims_close(claims);
}

static void one_works_at_a_time(void **state)
{
	struct fake *fake = *state;
	struct pt_claims *claims = open_claims(fake);
	struct pt_claim *claim;
	struct pt_err err = {0};
	int first = -1, second = -1;

	assert_false(pt_claims_work_locked(claims, "100"));
	assert_int_equal(pt_claims_work_lock(claims, "100", pt_now_ms(), &first, NULL), 0);
	assert_true(pt_claims_work_locked(claims, "100"));
	assert_int_equal(
		pt_claims_work_lock(claims, "100", pt_now_ms() + 60, &second, &err), -EWOULDBLOCK);
	assert_holds(err.text, "being moved right now");
	assert_int_equal(pt_claims_work_lock(claims, "101", pt_now_ms(), &second, NULL), 0);
	/* a writer that hangs is called by its device */
	claim = claim_of(fake, "100", "0000:02:00.0", NULL);
	pt_claim_set_error(&claim->function[0], "0000:02:00.0: bind: no answer");
	assert_int_equal(pt_claims_save(claims, claim, NULL), 0);
	assert_int_equal(
		pt_claims_work_lock(claims, "100", pt_now_ms(), &second, &err), -EWOULDBLOCK);
	assert_holds(err.text, "of 100 are still being moved: 0000:02:00.0: bind: no answer; when");
	pt_claim_free(claim);
	close(first);
	assert_false(pt_claims_work_locked(claims, "100"));
	close(second);
	assert_int_equal(pt_claims_work_lock(claims, "/", pt_now_ms(), &second, &err), -EINVAL);
	pt_claims_close(claims);
}

/* Links and folders in place of files: the error names the purpose. */
static void what_lies_in_the_way_is_told(void **state)
{
	struct fake *fake = *state;
	struct pt_claims *claims = open_claims(fake);
	struct pt_claim *claim = claim_of(fake, "101", "0000:02:00.0", NULL), *other = NULL;
	struct pt_err err = {0};
	int lock = -1;

	fake_link(fake, "/run/pt/work/100.lock", "/elsewhere");
	assert_int_equal(pt_claims_work_lock(claims, "100", pt_now_ms(), &lock, &err), -ELOOP);
	assert_holds(err.text, "work lock of 100: Too many levels of symbolic links");
	fake_link(fake, "/run/pt/work/.folder", "/elsewhere");
	assert_int_equal(pt_claims_record(claims, fake->host, claim, NULL, &err), -ELOOP);
	assert_holds(err.text, "lock of the claims folder: Too many levels of symbolic links");
	fake_dir(fake, "/run/pt/claims/100.json");
	assert_true(pt_claims_remove(claims, "100", &err) < 0);
	assert_holds(err.text, "remove the claim of 100: Is a directory");
	assert_int_equal(pt_claims_save(claims, claim, NULL), 0);
	fake_link(fake, "/run/pt/claims/102.json", "101.json");
	assert_int_equal(pt_claims_load(claims, "102", &other, &err), -EINVAL);
	assert_holds(err.text, "it belongs to 101");
	pt_claim_free(claim);
	pt_claims_close(claims);
}

static void folders_of_others_are_not_trusted(void **state)
{
	struct fake *fake = *state;
	struct pt_claims *claims = open_claims(fake);
	struct pt_err err = {0};
	static const char *const folders[] = {"/run/pt", "/run/pt/claims", "/run/pt/work"};

	pt_claims_close(claims);
	for (size_t i = 0; i < PT_ARRAY_SIZE(folders); i++) {
		PT_FREE char *path = pt_format("%s%s", fake->root, folders[i]);
		PT_FREE char *other = pt_format("%s.other", path);

		assert_int_equal(chmod(path, 0750), 0);
		assert_int_equal(
			pt_claims_open(&claims, fake->host, "/run/pt", true, &err), -EPERM);
		assert_holds(err.text, "is not root's alone, so it is not trusted");
		assert_holds(err.text, folders[i]);
		assert_int_equal(chmod(path, 0700), 0);
		assert_int_equal(chown(path, 65534, (gid_t)-1), 0);
		assert_int_equal(
			pt_claims_open(&claims, fake->host, "/run/pt", true, &err), -EPERM);
		assert_int_equal(chown(path, 0, (gid_t)-1), 0);
		/* a link leads elsewhere, and to whom does the folder there belong tomorrow? */
		assert_int_equal(rename(path, other), 0);
		assert_int_equal(symlink(other + strlen(fake->root), path), 0);
		assert_int_equal(
			pt_claims_open(&claims, fake->host, "/run/pt", true, &err), -EPERM);
		assert_holds(err.text, "is no folder, or a link");
		assert_int_equal(unlink(path), 0);
		assert_int_equal(rename(other, path), 0);
		assert_int_equal(pt_claims_open(&claims, fake->host, "/run/pt", true, &err), 0);
		pt_claims_close(claims);
	}
	assert_int_equal(pt_claims_open(&claims, fake->host, "/none/pt", true, &err), -ENOENT);
}

/* As a new claim without origins; the second function is a spare. */
static struct pt_claim *fresh(const char *owner, const char *first, const char *second)
{
	struct pt_claim *claim = NULL;
	struct pt_bdf bdf = bdf_of(first), spare = bdf_of(second);

	assert_int_equal(pt_claim_new(&claim, owner, NULL), 0);
	assert_non_null(pt_claim_add(claim, &bdf, "hostpci0"));
	pt_claim_add(claim, &spare, "hostpci0")->spare = true;
	return claim;
}

static void origins_are_recorded_once(void **state)
{
	struct fake *fake = *state;
	struct pt_claims *claims = open_claims(fake);
	struct pt_claim *one = fresh("100", "0000:02:00.0", "0000:03:00.0"), *two;
	struct pt_bdf gone = bdf_of("0000:77:00.0");
	struct pt_err err = {0};

	assert_int_equal(pt_claims_record(claims, fake->host, one, NULL, NULL), 0);
	fake_link(
		fake, "/sys/bus/pci/devices/0000:02:00.0/driver", "/sys/bus/pci/drivers/vfio-pci");
	/* neither by the same guest again nor by another that may get it */
	assert_int_equal(pt_claims_record(claims, fake->host, one, NULL, NULL), 0);
	two = fresh("101", "0000:03:00.0", "0000:02:00.0");
	assert_int_equal(pt_claims_record(claims, fake->host, two, NULL, NULL), 0);
	assert_string_equal(one->function[0].origin.driver, "nvme");
	assert_string_equal(two->function[0].origin.driver, "nvme");
	assert_true(two->function[0].spare);
	/* a function that is gone cannot be recorded */
	assert_non_null(pt_claim_add(two, &gone, "hostpci1"));
	assert_int_equal(pt_claims_record(claims, fake->host, two, NULL, &err), -ENODEV);
	assert_holds(err.text, "0000:77:00.0: read its present state: No such device");
	pt_claim_free(one);
	pt_claim_free(two);
	pt_claims_close(claims);
}

static void of_two_that_let_go_one_keeps_it(void **state)
{
	struct fake *fake = *state;
	struct pt_claims *claims = open_claims(fake);
	struct pt_claim *one = fresh("100", "0000:02:00.0", "0000:03:00.0");
	struct pt_claim *two = fresh("101", "0000:03:00.0", "0000:02:00.0"), *left = NULL;

	assert_int_equal(pt_claims_record(claims, fake->host, one, NULL, NULL), 0);
	assert_int_equal(pt_claims_record(claims, fake->host, two, NULL, NULL), 0);
	/* only spares: it keeps the others */
	assert_int_equal(pt_claims_yield(claims, one, PT_PART_SPARE, NULL, &fake->log, NULL), 0);
	assert_int_equal(one->count, 1);
	assert_string_equal(fake->said, "");
	assert_int_equal(pt_claims_yield(claims, one, PT_PART_ALL, NULL, &fake->log, NULL), 0);
	assert_int_equal(one->count, 0);
	assert_holds(fake->said, "hostpci0: 0000:02:00.0 stays with the claim of 101");
	assert_int_equal(pt_claims_load(claims, "100", &left, NULL), -ENOENT);
	assert_int_equal(pt_claims_yield(claims, two, PT_PART_ALL, NULL, &fake->log, NULL), 0);
	assert_int_equal(two->count, 2);
	pt_claim_free(one);
	pt_claim_free(two);
	pt_claims_close(claims);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(origins_are_recorded_once),
		MACHINE_TEST(of_two_that_let_go_one_keeps_it),
		MACHINE_TEST(files_come_and_go),
		MACHINE_TEST(a_folder_that_cannot_be_listed_is_told),
		MACHINE_TEST(a_claim_is_kept_for_a_while),
		MACHINE_TEST(damaged_files_are_told),
		MACHINE_TEST(two_cannot_hold_one_function),
		MACHINE_TEST(one_works_at_a_time),
		MACHINE_TEST(what_lies_in_the_way_is_told),
		MACHINE_TEST(folders_of_others_are_not_trusted),
	};

	return cmocka_run_group_tests_name("claimfile", tests, NULL, NULL);
}
