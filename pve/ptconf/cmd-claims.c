// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <time.h>

#include "lib/base/record.h"
#include "pve/config/paths.h"
#include "pve/node/claims.h"
#include "pve/ptconf/ptconf.h"

/* Those of the cluster. */
struct claims_report {
	struct pt_claims *node;
	size_t count;
};

static const struct pt_field report_fields[] = {
	{PT_FIELD("nodes", LIST, struct claims_report, node),
		.count = offsetof(struct claims_report, count), .of = &pt_claims_of_node_record},
};
const struct pt_record pt_claims_cluster_record = {
	PT_RECORD(struct claims_report, report_fields), .version = 1, .about = "of --cluster"};

static void clear_report(struct claims_report *report)
{
	pt_foreach (node, report->node, report->count)
		pt_claims_clear(node);
	free(report->node);
}
#define CLAIMS_REPORT PT_CLEANUP(clear_report)

static const char *format_time(int64_t seconds, char text[static 32])
{
	time_t when = (time_t)seconds;
	struct tm local;

	if (!seconds)
		snprintf(text, 32, "-");
	else if (!localtime_r(&when, &local) || !strftime(text, 32, "%F %T", &local))
		snprintf(text, 32, "%lld", (long long)seconds);
	return text;
}

/* Why the claim holds the function. */
static const char *held_as(const struct pt_shown_function *function)
{
	return function->has_pf			     ? "VF of PF"
	       : function->role == PT_ROLE_CANDIDATE ? "candidate"
	       : function->role == PT_ROLE_COMPANION ? "companion"
						     : "assigned";
}

/* Below the row: a reason is no use when the terminal cuts it off. */
static void add_notes(struct pt_table *table, const struct pt_shown_function *function)
{
	if (function->error)
		pt_table_note(table, function->error);
	if (function->origin.override) {
		PT_FREE char *note = pt_format("had driver_override %s", function->origin.override);

		pt_table_note(table, note);
	}
}

static void add_rows(struct pt_table *table, const struct pt_shown_claim *claim)
{
	const char *is = claim->vmid ? claim->runs ? "runs" : "stopped" : NULL;
	const char *state = pt_standing_word(claim->standing);
	char since[32], vmid[16] = "-";

	if (claim->vmid)
		snprintf(vmid, sizeof(vmid), "%u", claim->vmid);
	format_time(claim->since, since);
	if (!claim->count)
		pt_table_row(table,
			(const char *const[]){vmid, is, state, NULL, NULL, NULL, NULL, since});
	pt_foreach (function, claim->function, claim->count) {
		pt_table_row(table,
			(const char *const[]){vmid, is, state, function->entry, held_as(function),
				PT_BDF(&function->bdf), function->origin.driver, since});
		add_notes(table, function);
	}
	pt_foreach (unit, claim->unit.name, claim->unit.count)
		pt_table_row(table, (const char *const[]){vmid, is, state, "stop-units", "stopped",
					    *unit, NULL, since});
	pt_table_note(table, claim->why);
	pt_table_note(table, claim->next);
}

static int print_node(const struct pt_claims *claims, struct pt_err *err)
{
	static const char *const header[] = {
		"GUEST", "IS", "STATE", "ENTRY", "AS", "FUNCTION", "ORIGIN", "SINCE"};
	struct pt_table PT_TABLE table = {.columns = PT_ARRAY_SIZE(header)};

	pt_table_row(&table, header);
	pt_foreach (claim, claims->claim, claims->count)
		add_rows(&table, claim);
	if (claims->count)
		return pt_table_print(&table, err);
	if (!claims->why.code)
		puts("no guest holds a device");
	return 0;
}

/* This node's; store stays open as long as the program runs. */
static int read_own(struct pt_cli *cli, struct pt_claims *ret, struct pt_err *err)
{
	char name[PT_NODE_TEXT];
	int r = pt_node_name(cli->host, name, err);

	if (r == 0)
		r = pt_store_open(&cli->store, cli->host, PT_CLAIMS_DIR, false, err);
	if (r < 0 && r != -ENOENT)
		return r;
	*err = (struct pt_err){0};
	pt_claims_read(cli->host, cli->store, name, ret);
	return 0;
}

static int show_own(struct pt_cli *cli, struct pt_err *err)
{
	struct pt_claims PT_CLAIMS claims = {0};
	struct json_object PT_JSON *json = NULL;
	int r = read_own(cli, &claims, err);

	if (r < 0)
		return r;
	if (cli->format == PT_OUTPUT_TEXT) {
		r = print_node(&claims, err);
	} else {
		json = pt_record_to_json(&pt_claims_record, &claims);
		r = pt_output_json(json, cli->format, err);
	}
	if (r == 0 && claims.why.code) {
		*err = claims.why;
		r = err->code;
	}
	return r;
}

/* What another node said of itself. */
static void take_answer(
	const struct pt_mesh_answer *answer, const char *node, struct pt_claims *ret)
{
	struct json_object PT_JSON *json = NULL;
	struct pt_err err = {0};

	if (answer->text)
		json = pt_json_parse(answer->text, answer->length, &err);
	if (json && pt_record_from_json(&pt_claims_record, json, ret, &err) < 0)
		pt_claims_clear(ret);
	if (err.code)
		pt_err_wrap(&err, "its claims");
	snprintf(ret->node, sizeof(ret->node), "%s", node);
	if (!ret->why.code)
		ret->why = err.code ? err : answer->why;
}

static int read_all(struct pt_cli *cli, struct claims_report *report, struct pt_err *err)
{
	struct pt_members PT_MEMBERS members = {0};
	struct pt_mesh_answer *answer = NULL;
	int r = read_own(
		cli, pt_array_grow(&report->node, &report->count, sizeof(*report->node)), err);

	if (r == 0)
		r = pt_members_read(cli->host, &members, err);
	if (r < 0 || !members.count)
		return r;
	answer = pt_calloc(members.count, sizeof(*answer));
	r = pt_mesh_ask(cli->host, &members, report->node[0].node, "claims --output-format json",
		PT_CLI_MESH_MS, pt_cli_waiting, &cli->waiting, answer, err);
	for (size_t i = 0; i < members.count; i++) {
		if (r == 0 && !pt_streq(members.member[i].name, report->node[0].node))
			take_answer(&answer[i], members.member[i].name,
				pt_array_grow(
					&report->node, &report->count, sizeof(*report->node)));
		pt_mesh_answer_clear(&answer[i]);
	}
	free(answer);
	return r;
}

static enum pt_exit show_cluster(struct pt_cli *cli, struct pt_err *err)
{
	struct claims_report CLAIMS_REPORT report = {0};
	struct json_object PT_JSON *json = NULL;
	enum pt_exit result = PT_EXIT_OK;
	int r = read_all(cli, &report, err);

	if (r < 0)
		return PT_EXIT_UNKNOWN;
	pt_foreach (node, report.node, report.count) {
		if (node->why.code) {
			fprintf(stderr, "pve-ptconf: node %s: %s\n", node->node, node->why.text);
			result = PT_EXIT_UNKNOWN;
		}
		if (cli->format != PT_OUTPUT_TEXT || (node->why.code && !node->count))
			continue;
		printf("node %s\n", node->node);
		r = r < 0 ? r : print_node(node, err);
	}
	if (cli->format != PT_OUTPUT_TEXT) {
		json = pt_record_to_json(&pt_claims_cluster_record, &report);
		r = pt_output_json(json, cli->format, err);
	}
	return r < 0 ? PT_EXIT_UNKNOWN : result;
}

enum pt_exit pt_cmd_claims(struct pt_cli *cli, struct pt_err *err)
{
	if (cli->cluster)
		return show_cluster(cli, err);
	/* main tells what could not be read when the others are shown */
	return show_own(cli, err) < 0 ? PT_EXIT_UNKNOWN : PT_EXIT_OK;
}
