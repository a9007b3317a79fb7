// SPDX-License-Identifier: AGPL-3.0-or-later
/* A manager of three units that answers as it is told; the real one answers in the lab scenario
 * stop-units. */
#include "lib/linux/systemd.h"
#include "pve/config/paths.h"
#include "pve/handover/units.h"
#include "tests/unit/unit.h"

#define CLAIM PT_CLAIMS_DIR "/claims/100.json"

static struct unit {
	const char *name;
	bool active;
	bool stays; /* active after any order */
	bool fails; /* to start */
} units[3];
static bool recorded; /* the claim named the unit when it was stopped */
static struct fake *machine;

int __wrap_pt_unit_order(const struct pt_host *host, const char *name, enum pt_unit_order order,
	long long deadline_ms, bool *ret_active, struct pt_err *err);
int __wrap_pt_unit_order(const struct pt_host *host, const char *name, enum pt_unit_order order,
	long long deadline_ms, bool *ret_active, struct pt_err *err)
{
	assert_in_range(deadline_ms, pt_now_ms() - 60000, pt_now_ms() + 2100);
	pt_foreach (unit, units, PT_ARRAY_SIZE(units)) {
		PT_FREE char *text = NULL;

		if (!unit->name || !pt_streq(unit->name, name))
			continue;
		if (order == PT_UNIT_STOP && pt_host_read(host, CLAIM, 65536, &text, NULL) == 0)
			recorded = strstr(text, name);
		if (order == PT_UNIT_START && unit->fails)
			return pt_err_set(err, -EIO, "%s: systemd says: no", name);
		if (order != PT_UNIT_LOOK && !unit->stays)
			unit->active = order == PT_UNIT_START;
		*ret_active = unit->active;
		return 0;
	}
	return pt_err_set(err, -ENOENT, "there is no unit %s", name);
}

static struct pt_names names_of(const char *first, const char *second)
{
	struct pt_names names = {0};

	pt_names_add(&names, first);
	if (second)
		pt_names_add(&names, second);
	return names;
}

static void assert_says(const char *line)
{
	assert_holds(machine->said, line);
	free(machine->said);
	machine->said = strdup("");
}

static struct pt_claim *empty_claim(struct fake *fake, struct pt_claims **ret_claims)
{
	struct pt_claim *claim = NULL;

	machine = fake;
	assert_int_equal(pt_claims_open(ret_claims, fake->host, PT_CLAIMS_DIR, true, NULL), 0);
	assert_int_equal(pt_claim_new(&claim, "100", NULL), 0);
	return claim;
}

static void what_runs_is_recorded_stopped_and_started(void **state)
{
	struct pt_claims PT_CLAIMS *claims = NULL;
	struct pt_claim PT_CLAIM *claim = empty_claim(*state, &claims);
	struct pt_names PT_NAMES names = names_of("a.service", "b.service");
	bool any = false;

	memcpy(units, (struct unit[]){{.name = "a.service", .active = true}, {.name = "b.service"}},
		2 * sizeof(*units));
	recorded = false;
	assert_int_equal(pt_units_stop(machine->host, claims, claim, &names, 2000, &any, NULL), 0);
	assert_true(any);
	assert_true(recorded);
	assert_false(units[0].active);
	assert_int_equal(claim->unit.count, 1);
	assert_string_equal(claim->unit.name[0], "a.service");
	assert_says("a.service is stopped (0.0");
	/* a second look finds nothing to do */
	assert_int_equal(pt_units_stop(machine->host, claims, claim, &names, 2000, &any, NULL), 0);
	assert_false(any);
	/* a claim with units is none that has ended */
	assert_int_equal(pt_claims_store(claims, claim, NULL), 0);
	assert_true(pt_host_exists(machine->host, CLAIM));
	pt_units_start(machine->host, claim, 2000);
	assert_true(units[0].active);
	assert_false(units[1].active);
	assert_int_equal(claim->unit.count, 0);
	assert_says("a.service is started again");
	assert_int_equal(pt_claims_store(claims, claim, NULL), 0);
	assert_false(pt_host_exists(machine->host, CLAIM));
}

static void what_does_not_stop_or_start_is_told(void **state)
{
	struct pt_claims PT_CLAIMS *claims = NULL;
	struct pt_claim PT_CLAIM *claim = empty_claim(*state, &claims);
	struct pt_names PT_NAMES names = names_of("gone.service", "a.service");
	bool any = true;

	memcpy(units,
		(struct unit[]){
			{.name = "a.service", .active = true, .stays = true, .fails = true}, {0}},
		2 * sizeof(*units));
	assert_int_equal(pt_units_stop(machine->host, claims, claim, &names, 2000, &any, NULL), 0);
	assert_true(any);
	assert_holds(machine->said, "warning: stop-units: there is no unit gone.service; skipped");
	assert_says("warning: stop-units: a.service was stopped, and runs again");
	pt_units_start(machine->host, claim, 2000);
	assert_says("error: a.service could not be started again: a.service: systemd says: no; see "
		    "'systemctl status a.service'");
	assert_int_equal(claim->unit.count, 0);
}

static void one_whose_work_is_done_is_fine(void **state)
{
	struct pt_claims PT_CLAIMS *claims = NULL;
	struct pt_claim PT_CLAIM *claim = empty_claim(*state, &claims);

	memcpy(units, (struct unit[]){{.name = "a.service", .stays = true}, {0}},
		2 * sizeof(*units));
	claim->unit = names_of("a.service", NULL);
	pt_units_start(machine->host, claim, 2000);
	assert_says("a.service is started again, and has ended");
}

/* Without a record nothing is stopped. */
static void a_claim_that_cannot_be_written_stops_nothing(void **state)
{
	struct pt_claims PT_CLAIMS *claims = NULL;
	struct pt_claim PT_CLAIM *claim = empty_claim(*state, &claims);
	struct pt_names PT_NAMES names = names_of("a.service", NULL);
	struct pt_err err = {0};
	bool any = false;

	memcpy(units, (struct unit[]){{.name = "a.service", .active = true}, {0}},
		2 * sizeof(*units));
	fake_remove(machine, PT_CLAIMS_DIR "/claims");
	assert_true(pt_units_stop(machine->host, claims, claim, &names, 2000, &any, &err) < 0);
	assert_true(units[0].active);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(what_runs_is_recorded_stopped_and_started),
		MACHINE_TEST(what_does_not_stop_or_start_is_told),
		MACHINE_TEST(one_whose_work_is_done_is_fine),
		MACHINE_TEST(a_claim_that_cannot_be_written_stops_nothing),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
