// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/node/claims.h"
#include "tests/unit/phases.h"

/* Reads the claims; the first one is what most tests look at. */
static void read_claims(struct fake *fake, struct pt_claims *ret)
{
	struct pt_store PT_STORE *store = open_store(fake, PT_CLAIMS_DIR);

	pt_claims_clear(ret);
	pt_claims_read(fake->host, store, "node1", ret);
}

static void assert_standing(
	struct fake *fake, enum pt_standing standing, const char *why, const char *next)
{
	struct pt_claims PT_CLAIMS claims = {0};

	read_claims(fake, &claims);
	assert_int_equal(claims.count, 1);
	assert_string_equal(pt_standing_word(claims.claim[0].standing), pt_standing_word(standing));
	if (why)
		assert_string_equal(claims.claim[0].why, why);
	else
		assert_null(claims.claim[0].why);
	if (next)
		assert_string_equal(claims.claim[0].next, next);
	else
		assert_null(claims.claim[0].next);
}

static void a_claim_says_how_it_stands(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = open_store(fake, PT_CLAIMS_DIR);
	struct pt_guest_record PT_GUEST_RECORD record = {0};
	int lock;

	save_claim(fake, PT_CLAIMS_DIR, 100, "0000:02:00.0", NULL);
	assert_int_equal(pt_guest_load(store, 100, &record, NULL), 0);
	record.ran = false;
	assert_int_equal(pt_guest_save(store, &record, NULL), 0);
	assert_standing(fake, PT_STANDING_STALE, "the start failed",
		"the timer releases it within five minutes, and 'pve-ptconf release 100' does so "
		"now");
	lock = hold_pve_lock(fake, 100);
	assert_standing(fake, PT_STANDING_BUSY, "the guest is being started or stopped", NULL);
	close(lock);
	fake_file(fake, "/run/qemu-server/100.reboot", "");
	assert_standing(fake, PT_STANDING_HELD, "it is being restarted",
		"the start that follows finds the functions where they are");
	fake_remove(fake, "/run/qemu-server/100.reboot");
	fake_file(fake, PT_PVE_RUN "/100.pid", "4242\n");
	process_4242(fake, KVM_OF("100"));
	assert_standing(fake, PT_STANDING_TAKEN, NULL, NULL);
}

/* What is there after a start that ran, and its watch. */
static void a_stale_claim_knows_who_ends_it(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = open_store(fake, PT_CLAIMS_DIR);
	struct pt_guest_record PT_GUEST_RECORD record = {0};

	save_claim(fake, PT_CLAIMS_DIR, 100, "0000:02:00.0", NULL);
	assert_int_equal(pt_guest_load(store, 100, &record, NULL), 0);
	record.ran = record.watched = true;
	assert_int_equal(pt_guest_save(store, &record, NULL), 0);
	assert_standing(fake, PT_STANDING_STALE, "the guest runs no longer, and no post-stop came",
		"the watch of the start releases it in a moment, and 'pve-ptconf release 100' does "
		"so now");
}

static void a_function_that_cannot_return_has_the_reason(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = open_store(fake, PT_CLAIMS_DIR);
	struct pt_guest_record PT_GUEST_RECORD record = {0};
	struct pt_claims PT_CLAIMS claims = {0};

	save_claim(fake, PT_CLAIMS_DIR, 100, "0000:02:00.0", "does not answer");
	assert_int_equal(pt_guest_load(store, 100, &record, NULL), 0);
	assert_int_equal(pt_guest_end(store, &record, PT_GUEST_ENDED, NULL), 0);
	assert_standing(fake, PT_STANDING_RETURNING, NULL,
		"the timer tries again every five minutes, and 'pve-ptconf release 100' does so "
		"now");
	read_claims(fake, &claims);
	assert_string_equal(claims.claim[0].function[0].error, "does not answer");
	assert_int_equal(claims.claim[0].vmid, 100);
}

static void a_record_without_a_guest_is_on_its_way_back(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = open_store(fake, PT_CLAIMS_DIR);

	record_function(fake, store, "0000:02:00.0", NULL);
	assert_standing(fake, PT_STANDING_RETURNING, "its functions are on their way back", NULL);
}

static void a_damaged_record_counts_for_everything(void **state)
{
	struct fake *fake = *state;
	struct pt_claims PT_CLAIMS claims = {0};

	fake_dir(fake, PT_CLAIMS_DIR "/guest");
	save_claim(fake, PT_CLAIMS_DIR, 101, "0000:02:00.0", NULL);
	fake_file(fake, PT_CLAIMS_DIR "/guest/101.json", "x");
	read_claims(fake, &claims);
	assert_int_equal(claims.claim[0].standing, PT_STANDING_UNREADABLE);
	assert_holds(claims.claim[0].next, "'pve-ptconf release 101' ends the claim");
	assert_holds(claims.why.text, "claim of 101 is damaged");
}

/* What one node writes, another reads. */
static void json_gives_them_back(void **state)
{
	struct fake *fake = *state;
	struct pt_claims PT_CLAIMS claims = {0}, back = {0};
	struct json_object PT_JSON *json = NULL;

	save_claim(fake, PT_CLAIMS_DIR, 100, "0000:02:00.0", "late");
	read_claims(fake, &claims);
	json = pt_record_to_json(&pt_claims_record, &claims);
	assert_int_equal(pt_record_from_json(&pt_claims_record, json, &back, NULL), 0);
	assert_string_equal(back.node, "node1");
	assert_int_equal(back.count, 1);
	assert_int_equal(back.claim[0].standing, PT_STANDING_STALE);
	assert_string_equal(back.claim[0].next, claims.claim[0].next);
	assert_string_equal(back.claim[0].function[0].origin.driver, "nvme");
	assert_string_equal(back.claim[0].function[0].error, "late");
	assert_int_equal(back.why.code, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(a_claim_says_how_it_stands),
		MACHINE_TEST(a_stale_claim_knows_who_ends_it),
		MACHINE_TEST(a_function_that_cannot_return_has_the_reason),
		MACHINE_TEST(a_record_without_a_guest_is_on_its_way_back),
		MACHINE_TEST(a_damaged_record_counts_for_everything),
		MACHINE_TEST(json_gives_them_back),
	};

	return cmocka_run_group_tests_name("claims", tests, NULL, NULL);
}
