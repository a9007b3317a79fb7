// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <time.h>

#include "lib/base/record.h"
#include "lib/claim/store.h"
#include "pve/config/paths.h"
#include "pve/ptconf/ptconf.h"
#include "pve/config/runstate.h"

static const char *format_time(int64_t seconds, char text[static 32])
{
	time_t when = (time_t)seconds;
	struct tm local;

	if (!localtime_r(&when, &local) || !strftime(text, 32, "%F %T", &local))
		snprintf(text, 32, "%lld", (long long)seconds);
	return text;
}

/* A function of a claim, as it is shown. */
struct shown_function {
	struct pt_bdf bdf;
	char *label; /* borrowed, as all texts here */
	enum pt_role role;
	bool has_pf;
	struct pt_bdf pf;
	bool has_origin;
	struct pt_origin origin;
	char *driver, *home, *error;
	int64_t error_since;
};

/* What a guest wants, or wanted, or what nobody wants any more. */
struct shown_claim {
	unsigned int vmid; /* 0: nobody's */
	const char *state;
	int64_t since;
	struct shown_function *function;
	size_t count;
	struct pt_names unit;
};

#define FUNCTION(key, kind, member) PT_FIELD(key, kind, struct shown_function, member)
#define CLAIM(key, kind, member)    PT_FIELD(key, kind, struct shown_claim, member)

static const struct pt_field function_fields[] = {
	{FUNCTION("function", FORM, bdf), .form = &pt_bdf_form},
	{FUNCTION("label", TEXT, label), PT_JSON_MAY_BE_NULL},
	{FUNCTION("role", WORD, role), .word = pt_role_name, .words = PT_ROLES},
	{FUNCTION("pf", FORM, pf), PT_JSON_MAY_BE_NULL,
		.has = offsetof(struct shown_function, has_pf), .form = &pt_bdf_form},
	{FUNCTION("origin", RECORD, origin), PT_JSON_MAY_BE_NULL,
		.has = offsetof(struct shown_function, has_origin), .of = &pt_origin_record},
	{FUNCTION("driver", TEXT, driver), PT_JSON_MAY_BE_NULL},
	{FUNCTION("home", TEXT, home), PT_JSON_MAY_BE_NULL},
	{FUNCTION("error", TEXT, error), PT_JSON_MAY_BE_NULL},
	{FUNCTION("error_since", INT, error_since)},
};
static const struct pt_record function_record = {PT_RECORD(struct shown_function, function_fields)};

static const struct pt_field claim_fields[] = {
	{CLAIM("vmid", UINT, vmid)},
	{CLAIM("state", TEXT, state)},
	{CLAIM("since", INT, since)},
	{CLAIM("functions", LIST, function), .count = offsetof(struct shown_claim, count),
		.of = &function_record},
	{CLAIM("units", LIST, unit.name), .count = offsetof(struct shown_claim, unit.count),
		.of = &pt_text_record},
};
static const struct pt_record claim_record = {PT_RECORD(struct shown_claim, claim_fields)};

struct shown_claims {
	struct shown_claim *claim;
	size_t count;
};

static void clear_claims(struct shown_claims *claims)
{
	pt_foreach (claim, claims->claim, claims->count) {
		free(claim->function);
		pt_names_free(&claim->unit);
	}
	free(claims->claim);
}

static struct shown_function *add_function(struct shown_claim *claim, const struct pt_bdf *bdf,
	const struct pt_function_record *record)
{
	struct shown_function *slot = pt_array_grow(&claim->function, &claim->count, sizeof(*slot));

	slot->bdf = *bdf;
	if (!record)
		return slot;
	slot->has_origin = !record->unreadable;
	slot->origin = record->origin;
	slot->home = record->home;
	slot->error = record->error;
	slot->error_since = record->error_since;
	return slot;
}

static void add_vfs(struct shown_claim *claim, const struct pt_function_record *record,
	const struct shown_function *pf)
{
	const struct shown_function copy = *pf;

	pt_foreach (vf, record->vf, record->vf_count) {
		struct shown_function *slot = add_function(claim, &vf->bdf, NULL);

		slot->label = copy.label;
		slot->role = copy.role;
		slot->has_pf = true;
		slot->pf = copy.bdf;
		slot->has_origin = true;
		slot->origin = vf->origin;
	}
}

static void add_wish(
	struct shown_claim *claim, const struct pt_records *records, const struct pt_wish *wish)
{
	const struct pt_function_record *record = pt_records_function(records, &wish->bdf);
	struct shown_function *slot = add_function(claim, &wish->bdf, record);

	slot->label = wish->entry;
	slot->role = wish->role;
	slot->driver = wish->driver;
	if (!slot->home)
		slot->home = wish->home;
	if (record)
		add_vfs(claim, record, slot);
}

static void add_units(
	struct shown_claim *claim, const struct pt_records *records, const struct pt_bdf *bdf)
{
	pt_foreach (unit, records->unit, records->unit_count) {
		if (pt_bdfs_have(unit->bdf, unit->count, bdf) &&
			!pt_names_hold(&claim->unit, unit->unit))
			pt_names_add(&claim->unit, unit->unit);
	}
}

/* A guest that has ended shows what is not back, and in nobody else's hands. */
static bool is_shown(const struct pt_records *records, const struct pt_guest_record *guest,
	const struct pt_bdf *bdf)
{
	const struct pt_function_record *record = pt_records_function(records, bdf);

	return guest->state == PT_GUEST_WANTS ||
	       (record && !pt_records_wanted(records, bdf, PT_GROUP_NONE, 0, false));
}

static const char *state_of(const struct pt_guest_record *guest)
{
	if (guest->unreadable)
		return "unreadable";
	if (guest->state != PT_GUEST_WANTS)
		return "returning";
	pt_foreach (wish, guest->wish, guest->count) {
		if (wish->role == PT_ROLE_TAKEN)
			return "taken";
	}
	return "taking";
}

static void add_guest(struct shown_claims *claims, const struct pt_records *records,
	const struct pt_guest_record *guest)
{
	struct shown_claim *claim = NULL;

	if (guest->unreadable)
		claim = pt_array_grow(&claims->claim, &claims->count, sizeof(*claim));
	pt_foreach (wish, guest->wish, guest->count) {
		if (!is_shown(records, guest, &wish->bdf))
			continue;
		if (!claim)
			claim = pt_array_grow(&claims->claim, &claims->count, sizeof(*claim));
		add_wish(claim, records, wish);
		add_units(claim, records, &wish->bdf);
	}
	if (!claim)
		return;
	claim->vmid = guest->vmid;
	claim->since = guest->since;
	claim->state = state_of(guest);
}

static bool is_in(const struct shown_claims *claims, const struct pt_bdf *bdf)
{
	pt_foreach (claim, claims->claim, claims->count) {
		pt_foreach (function, claim->function, claim->count) {
			if (pt_bdf_compare(&function->bdf, bdf) == 0)
				return true;
		}
	}
	return false;
}

/* Functions that local policy keeps, or whose record cannot be read. */
static void add_rest(struct shown_claims *claims, const struct pt_records *records)
{
	pt_foreach (record, records->function, records->count) {
		struct shown_claim *claim;

		if (is_in(claims, &record->bdf))
			continue;
		claim = pt_array_grow(&claims->claim, &claims->count, sizeof(*claim));
		claim->state = pt_records_kept(records, record) ? "kept" : "returning";
		claim->since = record->since;
		add_function(claim, &record->bdf, record)->role = PT_ROLE_TAKEN;
	}
}

/* Why the claim holds the function. */
static const char *held_as(const struct shown_function *function)
{
	return function->has_pf			     ? "VF of PF"
	       : function->role == PT_ROLE_CANDIDATE ? "candidate"
	       : function->role == PT_ROLE_COMPANION ? "companion"
						     : "assigned";
}

static void add_rows(
	const struct pt_cli *cli, struct pt_table *table, const struct shown_claim *claim)
{
	char since[32], vmid[16] = "-";
	const char *is = NULL;

	if (claim->vmid) {
		snprintf(vmid, sizeof(vmid), "%u", claim->vmid);
		is = pt_guest_pid(cli->host, claim->vmid) ? "runs" : "stopped";
	}
	format_time(claim->since, since);
	pt_foreach (function, claim->function, claim->count) {
		const char *override = function->origin.override, *error = function->error;
		PT_FREE char *note =
			pt_format("%s%s%s%s", error ? error : "", error && override ? "; " : "",
				override ? "had driver_override " : "", override ? override : "");

		pt_make_plain(note);
		pt_table_row(table, (const char *const[]){vmid, is, claim->state, function->label,
					    held_as(function), PT_BDF(&function->bdf),
					    function->origin.driver, since});
		/* below the row: a reason is no use when the terminal cuts it off */
		if (*note)
			pt_table_note(table, note);
	}
	pt_foreach (unit, claim->unit.name, claim->unit.count)
		pt_table_row(table, (const char *const[]){vmid, is, claim->state, "stop-units",
					    "stopped", *unit, NULL, since});
}

static int print(const struct pt_cli *cli, const struct shown_claims *claims, struct pt_err *err)
{
	static const char *const header[] = {
		"GUEST", "IS", "STATE", "ENTRY", "AS", "FUNCTION", "ORIGIN", "SINCE"};
	struct pt_table PT_TABLE table = {.columns = PT_ARRAY_SIZE(header)};
	struct json_object PT_JSON *json = pt_json_array();

	pt_table_row(&table, header);
	pt_foreach (claim, claims->claim, claims->count) {
		add_rows(cli, &table, claim);
		pt_json_append(json, pt_record_to_json(&claim_record, claim));
	}
	if (cli->format != PT_OUTPUT_TEXT)
		return pt_output_json(json, cli->format, err);
	if (claims->count)
		return pt_table_print(&table, err);
	puts("no guest holds a device");
	return 0;
}

enum pt_exit pt_cmd_claims(struct pt_cli *cli, struct pt_err *err)
{
	struct shown_claims claims PT_CLEANUP(clear_claims) = {0};
	struct pt_records PT_RECORDS records = {0};
	struct pt_store PT_STORE *store = NULL;
	int r = pt_store_open(&store, cli->host, PT_CLAIMS_DIR, false, err);

	if (r < 0 && r != -ENOENT)
		return PT_EXIT_UNKNOWN;
	*err = (struct pt_err){0};
	pt_records_read(store, &records);
	pt_foreach (guest, records.guest, records.guest_count)
		add_guest(&claims, &records, guest);
	add_rest(&claims, &records);
	if (print(cli, &claims, err) < 0)
		return PT_EXIT_UNKNOWN;
	/* main tells what could not be read when the others are shown */
	*err = records.err;
	return err->code ? PT_EXIT_UNKNOWN : PT_EXIT_OK;
}
