// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/claim/mover.h"
#include "tests/unit/unit.h"

#define GPU   "0000:01:00.0"
#define AUDIO "0000:01:00.1"
#define DISK  "0000:02:00.0"
#define DISK2 "0000:03:00.0"
#define BARE  "0000:05:00.0"

/* for events that are sure to come, however slow the machine is */
#define PATIENCE_MS 60000

static struct pt_claim *claim_all(struct fake *fake)
{
	static const char *const names[] = {DISK2, AUDIO, DISK, GPU};
	struct pt_claim *claim = new_claim();

	for (size_t i = 0; i < PT_ARRAY_SIZE(names); i++)
		claim_function(fake, claim, names[i]);
	return claim;
}

static void make(struct pt_claim *claim, struct pt_movers *ret)
{
	pt_movers_make(claim, ret);
	pt_foreach (mover, ret->mover, ret->count)
		pt_mover_set(mover, PT_MOVE_ACTIVE);
}

static bool unbind(const struct pt_mover *mover, enum pt_bind_kind *kind, const char **driver)
{
	(void)driver;
	*kind = PT_BIND_UNBIND;
	return mover->function->origin.driver;
}

static void functions_of_a_slot_go_in_waves(void **state)
{
	struct fake *fake = *state;
	struct pt_claim *claim = claim_all(fake);
	struct pt_movers PT_MOVERS movers;

	make(claim, &movers);
	assert_int_equal(movers.count, 4);
	assert_int_equal(movers.waves, 2);
	assert_string_equal(PT_BDF(&movers.mover[0].function->bdf), GPU);
	assert_int_equal(movers.mover[0].wave, 0);
	assert_string_equal(PT_BDF(&movers.mover[1].function->bdf), AUDIO);
	assert_int_equal(movers.mover[1].wave, 1);
	assert_string_equal(PT_BDF(&movers.mover[2].function->bdf), DISK);
	assert_int_equal(movers.mover[2].wave, 0);
	assert_string_equal(PT_BDF(&movers.mover[3].function->bdf), DISK2);
	assert_int_equal(movers.mover[3].wave, 0);
	free_claim(claim);
}

static void none_is_fine(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = new_claim();
	struct pt_movers PT_MOVERS movers;

	make(claim, &movers);
	assert_int_equal(movers.count, 0);
	assert_int_equal(movers.waves, 0);
	assert_int_equal(
		pt_movers_step(&handover, &movers, unbind, false, pt_now_ms() + PATIENCE_MS, true),
		0);
	free_claim(claim);
}

static void there_is_always_some_time(void **state)
{
	struct pt_handover handover = {.write_ms = 500000};
	long long now = pt_now_ms();
	long long usual = pt_wave_deadline(&handover, now + 6000000);
	long long short_of_time = pt_wave_deadline(&handover, now + 300000);
	long long late = pt_wave_deadline(&handover, now - 7000);
	long long then = pt_now_ms();

	(void)state;
	assert_in_range(usual, now + 500000, then + 500000);
	assert_int_equal(short_of_time, now + 300000);
	assert_in_range(late, now + 1000, then + 1000);
}

/* Three slots of which each write waits for the others: side by side, not one after the other. */
static void slots_move_side_by_side(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = claim_all(fake);
	struct pt_movers PT_MOVERS movers;

	handover.write_ms = PATIENCE_MS;
	fake_fault(fake, "unbind", GPU, "meet-3");
	fake_fault(fake, "unbind", DISK, "meet-3");
	fake_fault(fake, "unbind", DISK2, "meet-3");
	make(claim, &movers);
	assert_int_equal(
		pt_movers_step(&handover, &movers, unbind, false, pt_now_ms() + PATIENCE_MS, true),
		0);
	assert_driver(fake, GPU, "none");
	assert_driver(fake, AUDIO, "none");
	assert_driver(fake, DISK2, "none");
	free_claim(claim);
}

/* The time that a wave waits does not count for the next one. */
static void each_has_its_own_time(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = claim_all(fake);
	struct pt_movers PT_MOVERS movers;
	long long begin = pt_now_ms();

	handover.write_ms = PATIENCE_MS;
	fake_fault(fake, "unbind", GPU, "late-150");
	make(claim, &movers);
	assert_int_equal(
		pt_movers_step(&handover, &movers, unbind, false, begin + PATIENCE_MS, true), 0);
	assert_true(movers.mover[0].spent_ms >= 140);
	assert_string_equal(PT_BDF(&movers.mover[1].function->bdf), AUDIO);
	assert_true(movers.mover[0].spent_ms + movers.mover[1].spent_ms <= pt_now_ms() - begin);
	free_claim(claim);
}

static void a_failure_takes_one_out(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = claim_all(fake);
	struct pt_movers PT_MOVERS movers;

	fake_fault(fake, "unbind", DISK, "16");
	make(claim, &movers);
	assert_int_equal(
		pt_movers_step(&handover, &movers, unbind, false, pt_now_ms() + PATIENCE_MS, false),
		-EBUSY);
	assert_int_equal(movers.mover[2].state, PT_MOVE_FAILED);
	assert_holds(movers.mover[2].err.text, DISK);
	assert_driver(fake, DISK, "nvme");
	/* the others went on, in this wave and the next */
	assert_driver(fake, DISK2, "none");
	assert_driver(fake, AUDIO, "none");
	free_claim(claim);
}

static void or_ends_the_step(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = claim_all(fake);
	struct pt_movers PT_MOVERS movers;

	fake_fault(fake, "unbind", DISK, "hang");
	make(claim, &movers);
	assert_int_equal(
		pt_movers_step(&handover, &movers, unbind, false, pt_now_ms() + 5000, true),
		-ETIME);
	/* of the same wave all were under way; the next never began */
	assert_driver(fake, GPU, "none");
	assert_driver(fake, AUDIO, "snd_hda_intel");
	assert_int_equal(movers.mover[1].state, PT_MOVE_ACTIVE);
	assert_int_equal(movers.mover[1].turn, PT_TURN_NONE);
	free_claim(claim);
}

static void virtual_functions_go_apart(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = new_claim();
	struct pt_movers PT_MOVERS movers;

	claim_function(fake, claim, "0000:04:00.0");
	claim_function(fake, claim, "0000:04:10.0");
	claim->function[1].has_pf = true;
	claim->function[1].pf = claim->function[0].bdf;
	make(claim, &movers);
	assert_int_equal(
		pt_movers_step(&handover, &movers, unbind, true, pt_now_ms() + PATIENCE_MS, true),
		0);
	assert_driver(fake, "0000:04:00.0", "igb");
	assert_driver(fake, "0000:04:10.0", "none");
	free_claim(claim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(functions_of_a_slot_go_in_waves),
		MACHINE_TEST(none_is_fine),
		cmocka_unit_test(there_is_always_some_time),
		MACHINE_TEST(slots_move_side_by_side),
		MACHINE_TEST(each_has_its_own_time),
		MACHINE_TEST(a_failure_takes_one_out),
		MACHINE_TEST(or_ends_the_step),
		MACHINE_TEST(virtual_functions_go_apart),
	};

	return cmocka_run_group_tests_name("mover", tests, NULL, NULL);
}
