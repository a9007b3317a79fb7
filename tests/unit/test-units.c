// SPDX-License-Identifier: AGPL-3.0-or-later
/* A manager of three units that answers as it is told; the real one answers in the lab scenario
 * stop-units. */
#include "lib/linux/systemd.h"
#include "pve/config/paths.h"
#include "pve/handover/units.h"
#include "tests/unit/unit.h"

#define UNIT PT_CLAIMS_DIR "/unit/a.service.json"

static struct unit {
	const char *name;
	bool active;
	bool stays;   /* active after any order */
	bool fails;   /* to start */
	int failures; /* so often it has failed by itself */
} units[3];
static bool recorded; /* it was on record when it was stopped */
static bool unheard;  /* the manager cannot be asked */
static bool hangs;    /* it does not answer */
static struct fake *machine;

int __wrap_pt_unit_order(const struct pt_host *host, const char *name, enum pt_unit_order order,
	long long deadline_ms, bool *ret_active, struct pt_err *err);
int __wrap_pt_unit_order(const struct pt_host *host, const char *name, enum pt_unit_order order,
	long long deadline_ms, bool *ret_active, struct pt_err *err)
{
	assert_in_range(deadline_ms, pt_now_ms() - 60000, pt_now_ms() + 5000);
	if (unheard)
		return pt_err_set(err, -EAGAIN,
			"%s: systemd cannot be asked: a process of ours was killed", name);
	if (hangs)
		return pt_err_set(err, -ETIME, "systemd is not through with it");
	pt_foreach (unit, units, PT_ARRAY_SIZE(units)) {
		PT_FREE char *text = NULL;

		if (!unit->name || !pt_streq(unit->name, name))
			continue;
		if (order == PT_UNIT_STOP && pt_host_read(host, UNIT, 65536, &text, NULL) == 0)
			recorded = strstr(text, name);
		if (order == PT_UNIT_START && unit->fails)
			return pt_err_set(err, -EIO, "%s: systemd says: no", name);
		if (order == PT_UNIT_AWAIT && unit->failures) {
			unit->failures--;
			return pt_err_set(err, -EIO, "%s: it has failed", name);
		}
		if ((order == PT_UNIT_STOP || order == PT_UNIT_START) && !unit->stays)
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

static const struct pt_bdf disk = {.bus = 2};

static int stop(const struct pt_store *store, const struct pt_names *names, bool *ret_any,
	struct pt_err *err)
{
	return pt_units_stop(machine->host, store, names, &disk, 1, 2000, ret_any, err);
}

static void start(const struct pt_store *store)
{
	struct pt_records PT_RECORDS records = {0};

	pt_records_read(store, &records);
	pt_units_start(machine->host, store, &records, 2000);
}

static void what_runs_is_recorded_stopped_and_started(void **state)
{
	struct pt_store PT_STORE *store = open_store(machine = *state, PT_CLAIMS_DIR);
	struct pt_names PT_NAMES names = names_of("a.service", "b.service");
	bool any = false;

	memcpy(units, (struct unit[]){{.name = "a.service", .active = true}, {.name = "b.service"}},
		2 * sizeof(*units));
	recorded = false;
	assert_int_equal(stop(store, &names, &any, NULL), 0);
	assert_true(any);
	assert_true(recorded);
	assert_false(units[0].active);
	assert_says("a.service is stopped (0.0");
	/* a second look finds nothing to do */
	assert_int_equal(stop(store, &names, &any, NULL), 0);
	assert_false(any);
	assert_true(pt_host_exists(machine->host, UNIT));
	start(store);
	assert_true(units[0].active);
	assert_false(units[1].active);
	assert_says("a.service is started again");
	assert_false(pt_host_exists(machine->host, UNIT));
}

/* It stays stopped for each guest that wants its devices, and until they are back. */
static void it_waits_for_all_its_devices(void **state)
{
	struct pt_store PT_STORE *store = open_store(machine = *state, PT_CLAIMS_DIR);
	struct pt_guest_record guest = {.vmid = 100, .start = "a"};
	struct pt_names PT_NAMES names = names_of("a.service", NULL);
	const struct pt_bdf other = {.bus = 3};
	bool any = false;

	memcpy(units, (struct unit[]){{.name = "a.service", .active = true}, {0}},
		2 * sizeof(*units));
	record_guest(store, 100, PT_ROLE_CANDIDATE, "0000:02:00.0", NULL);
	assert_int_equal(stop(store, &names, &any, NULL), 0);
	/* another guest, for another device of the unit */
	assert_int_equal(
		pt_units_stop(machine->host, store, &names, &other, 1, 2000, &any, NULL), 0);
	assert_false(any);
	start(store);
	assert_false(units[0].active);
	assert_int_equal(pt_guest_end(store, &guest, PT_GUEST_ENDED, NULL), 0);
	record_function(machine, store, "0000:03:00.0", NULL);
	start(store);
	assert_false(units[0].active);
	assert_int_equal(pt_function_forget(store, &other, NULL), 0);
	start(store);
	assert_true(units[0].active);
}

static void the_last_stopped_is_started_first(void **state)
{
	struct pt_store PT_STORE *store = open_store(machine = *state, PT_CLAIMS_DIR);
	struct pt_names PT_NAMES names = names_of("b.service", "a.service");
	bool any = false;

	memcpy(units,
		(struct unit[]){{.name = "a.service", .active = true},
			{.name = "b.service", .active = true}},
		2 * sizeof(*units));
	assert_int_equal(stop(store, &names, &any, NULL), 0);
	start(store);
	assert_true(strstr(machine->said, "a.service is started again") <
		    strstr(machine->said, "b.service is started again"));
	assert_says("a.service is started again");
}

static void what_does_not_stop_or_start_is_told(void **state)
{
	struct pt_store PT_STORE *store = open_store(machine = *state, PT_CLAIMS_DIR);
	struct pt_names PT_NAMES names = names_of("gone.service", "a.service");
	bool any = true;

	memcpy(units,
		(struct unit[]){
			{.name = "a.service", .active = true, .stays = true, .fails = true}, {0}},
		2 * sizeof(*units));
	assert_int_equal(stop(store, &names, &any, NULL), 0);
	assert_true(any);
	assert_holds(machine->said, "warning: stop-units: there is no unit gone.service; skipped");
	assert_says("warning: stop-units: a.service was stopped, and runs again");
	start(store);
	assert_says("error: a.service could not be started again: a.service: systemd says: no; see "
		    "'systemctl status a.service'");
	assert_false(pt_host_exists(machine->host, UNIT));
}

/* A manager that is busy, or an asking process that was killed, is no reason to leave it stopped.
 */
static void what_systemd_has_not_heard_of_is_tried_again(void **state)
{
	struct pt_store PT_STORE *store = open_store(machine = *state, PT_CLAIMS_DIR);
	struct pt_names PT_NAMES names = names_of("a.service", NULL);
	bool any = false;

	memcpy(units, (struct unit[]){{.name = "a.service", .active = true}, {0}},
		2 * sizeof(*units));
	assert_int_equal(stop(store, &names, &any, NULL), 0);
	unheard = true;
	start(store);
	unheard = false;
	assert_says(
		"warning: a.service could not be started again: a.service: systemd cannot be asked: "
		"a process of ours was killed; retry with 'pve-ptconf reconcile'");
	assert_true(pt_host_exists(machine->host, UNIT));
	start(store);
	assert_true(units[0].active);
	assert_false(pt_host_exists(machine->host, UNIT));
	/* silence is no answer either */
	assert_int_equal(stop(store, &names, &any, NULL), 0);
	hangs = true;
	start(store);
	hangs = false;
	assert_true(pt_host_exists(machine->host, UNIT));
	start(store);
	assert_true(units[0].active);
	assert_false(pt_host_exists(machine->host, UNIT));
}

/* Its device file may come later than the driver. */
static void one_that_fails_is_started_once_more(void **state)
{
	struct pt_store PT_STORE *store = open_store(machine = *state, PT_CLAIMS_DIR);
	char name[] = "a.service";
	const struct pt_unit_record record = {.unit = name};

	memcpy(units, (struct unit[]){{.name = "a.service", .failures = 1}, {0}},
		2 * sizeof(*units));
	assert_int_equal(pt_unit_save(store, &record, NULL), 0);
	start(store);
	assert_says("a.service is started again");
	units[0].failures = 2;
	assert_int_equal(pt_unit_save(store, &record, NULL), 0);
	start(store);
	assert_says("error: a.service could not be started again: a.service: it has failed; see "
		    "'systemctl status a.service'");
	assert_false(pt_host_exists(machine->host, UNIT));
}

static void one_whose_work_is_done_is_fine(void **state)
{
	struct pt_store PT_STORE *store = open_store(machine = *state, PT_CLAIMS_DIR);
	char name[] = "a.service";
	const struct pt_unit_record record = {.unit = name};

	memcpy(units, (struct unit[]){{.name = "a.service", .stays = true}, {0}},
		2 * sizeof(*units));
	assert_int_equal(pt_unit_save(store, &record, NULL), 0);
	start(store);
	assert_says("a.service is started again, and has ended");
}

/* Without a record nothing is stopped. */
static void what_cannot_be_recorded_is_not_stopped(void **state)
{
	struct pt_store PT_STORE *store = open_store(machine = *state, PT_CLAIMS_DIR);
	struct pt_names PT_NAMES names = names_of("a.service", NULL);
	struct pt_err err = {0};
	bool any = false;

	memcpy(units, (struct unit[]){{.name = "a.service", .active = true}, {0}},
		2 * sizeof(*units));
	fake_dir(machine, PT_CLAIMS_DIR "/lock/a.service.json");
	assert_int_equal(stop(store, &names, &any, &err), -EISDIR);
	assert_string_equal(err.text, "write record of unit a.service: Is a directory");
	assert_true(units[0].active);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(what_runs_is_recorded_stopped_and_started),
		MACHINE_TEST(it_waits_for_all_its_devices),
		MACHINE_TEST(the_last_stopped_is_started_first),
		MACHINE_TEST(what_does_not_stop_or_start_is_told),
		MACHINE_TEST(what_systemd_has_not_heard_of_is_tried_again),
		MACHINE_TEST(one_that_fails_is_started_once_more),
		MACHINE_TEST(one_whose_work_is_done_is_fine),
		MACHINE_TEST(what_cannot_be_recorded_is_not_stopped),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
