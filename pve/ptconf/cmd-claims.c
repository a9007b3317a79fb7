// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <time.h>

#include "lib/base/json.h"
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

/* Why the claim holds the function. */
static const char *held_as(const struct pt_claim_function *function)
{
	return function->spare	     ? "spare"
	       : function->has_pf    ? "VF of PF"
	       : function->companion ? "companion"
				     : "assigned";
}

static void add_rows(const struct pt_cli *cli, struct pt_table *table, const struct pt_claim *claim)
{
	char since[32];
	unsigned int vmid = 0;
	bool runs = pt_vmid_parse(claim->owner, &vmid) && pt_guest_pid(cli->host, vmid);

	format_time(claim->since, since);
	pt_foreach (function, claim->function, claim->count) {
		const char *override = function->origin.override, *error = function->error;
		PT_FREE char *note =
			pt_format("%s%s%s%s", error ? error : "", error && override ? "; " : "",
				override ? "had driver_override " : "", override ? override : "");

		pt_table_row(table, (const char *const[]){claim->owner, runs ? "runs" : "stopped",
					    pt_claim_state_name(claim->state), function->label,
					    held_as(function), PT_BDF(&function->bdf),
					    function->origin.driver, since});
		/* below the row: a reason is no use when the terminal cuts it off */
		if (*note)
			pt_table_note(table, note);
	}
	pt_foreach (unit, claim->unit.name, claim->unit.count)
		pt_table_row(table, (const char *const[]){claim->owner, runs ? "runs" : "stopped",
					    pt_claim_state_name(claim->state), "stop-units",
					    "stopped", *unit, NULL, since});
}

static int print(const struct pt_cli *cli, const struct pt_table *table, struct json_object *json,
	bool any, struct pt_err *err)
{
	if (cli->format != PT_OUTPUT_TEXT)
		return pt_output_json(json, cli->format, err);
	if (any)
		return pt_table_print(table, err);
	puts("no guest holds a device");
	return 0;
}

enum pt_exit pt_cmd_claims(struct pt_cli *cli, struct pt_err *err)
{
	static const char *const header[] = {
		"GUEST", "IS", "STATE", "ENTRY", "AS", "FUNCTION", "ORIGIN", "SINCE"};
	struct pt_table PT_TABLE table = {.columns = PT_ARRAY_SIZE(header)};
	struct json_object PT_JSON *json = pt_json_array();
	struct pt_claims PT_CLAIMS *claims = NULL;
	struct pt_names PT_NAMES owners = {0};
	int r = pt_claims_open(&claims, cli->host, PT_CLAIMS_DIR, false, err);

	if (r < 0 && r != -ENOENT)
		return PT_EXIT_UNKNOWN;
	*err = (struct pt_err){0};
	if (pt_claims_owners(claims, &owners, err) < 0)
		return PT_EXIT_UNKNOWN;
	pt_table_row(&table, header);
	pt_foreach (owner, owners.name, owners.count) {
		struct pt_claim PT_CLAIM *claim = NULL;

		r = pt_claims_load(claims, *owner, &claim, err);
		/* ended meanwhile; or damaged, which main tells when the others are shown */
		if (r < 0)
			continue;
		add_rows(cli, &table, claim);
		pt_json_append(json, pt_record_to_json(&pt_claim_record, claim));
	}
	r = print(cli, &table, json, owners.count > 0, err);
	return r < 0 || err->code ? PT_EXIT_UNKNOWN : PT_EXIT_OK;
}
