// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/base/json.h"
#include "lib/pci/names.h"
#include "pve/ptconf/ptconf.h"
#include "pve/check/check.h"

/* The reason for taking a function: the entry or the group. The caller frees it. */
static char *why(const struct pt_facts *facts, const struct pt_taken *taken,
	const struct pt_function *function)
{
	const struct pt_assignment *assignment = &facts->assignment[taken->assignment];

	if (taken->companion)
		return pt_format("shares IOMMU group %d", function->group);
	if (taken->wish[0])
		return pt_format("driver=keep, and local policy: to %s", pt_taken_driver(taken));
	if (assignment->entry.mapping)
		return pt_format("mapping %s%s", assignment->entry.mapping,
			assignment->count > 1 ? ", first free device" : "");
	return pt_format("%s", assignment->entry.host);
}

/* The first error of the function, or of the host if that refuses the start: "is in use on this
 * host: ...". NULL: none. The caller frees it. */
static char *hindrance_of(const struct pt_findings *findings, const struct pt_bdf *bdf)
{
	const struct pt_finding *of_host = NULL;

	pt_foreach (finding, findings->finding, findings->count) {
		if (finding->severity != PT_ERROR)
			continue;
		if (pt_finding_is_on(finding, bdf))
			return pt_finding_message(finding);
		if (!of_host && finding->subject.kind == PT_ON_HOST && finding->effect > PT_WARNS)
			of_host = finding;
	}
	return of_host ? pt_finding_message(of_host) : NULL;
}

/* Adds a function to both forms of the output. Returns whether it has no hindrance. */
static bool add_taken(const struct pt_facts *facts, const struct pt_findings *findings,
	struct pt_pcinames *names, const struct pt_taken *taken, struct pt_table *table,
	struct json_object *array)
{
	static const struct pt_function none;
	const struct pt_function *found = pt_inventory_find(facts->inventory, &taken->bdf);
	const struct pt_function *function = found ? found : &none;
	PT_FREE char *reason = found ? why(facts, taken, found) : NULL;
	PT_FREE char *hindrance = hindrance_of(findings, &taken->bdf);
	const char *label = PT_LABEL(&facts->assignment[taken->assignment]);
	struct json_object *json = pt_json_object();
	char name[256] = "";

	if (found)
		pt_pciname(names, found, name, sizeof(name));
	pt_table_row(table,
		(const char *const[]){label, PT_BDF(&taken->bdf), function->driver, reason, name});
	pt_table_note(table, hindrance);
	pt_json_add_text(json, "entry", label);
	pt_json_add_text(json, "function", PT_BDF(&taken->bdf));
	pt_json_add_text(json, "driver", function->driver);
	pt_json_add_text(json, "driver_override", function->override);
	pt_json_add_text(json, "to", pt_taken_driver(taken));
	pt_json_add_flag(json, "companion", taken->companion);
	pt_json_add_text(json, "why", reason);
	pt_json_add_text(json, "name", name);
	pt_json_add_text(json, "hindrance", hindrance);
	pt_json_append(array, json);
	return !hindrance;
}

static bool takes_any(const struct pt_facts *facts, const struct pt_assignment *assignment)
{
	const struct pt_alternative *chosen = pt_chosen(assignment);

	for (size_t i = 0; chosen && i < chosen->count; i++) {
		if (pt_taken_find(facts->taken, facts->taken_count, &chosen->id[i]))
			return true;
	}
	return false;
}

/* Logs why entries take nothing. Returns whether all of them are valid. */
static bool log_rest(
	const struct pt_cli *cli, const struct pt_facts *facts, const struct pt_findings *findings)
{
	const struct pt_log *log = pt_host_log(cli->host);
	const struct pt_guest *guest = facts->guest;
	bool well = true;

	pt_foreach (dropped, guest->dropped, guest->dropped_count) {
		/* others are of the guest as a whole */
		if (dropped->index < 0)
			continue;
		pt_log(log, PT_LOG_ERROR,
			"'%s' is not valid, so Proxmox VE drops it; 'pve-ptconf check %u' shows "
			"the place",
			dropped->value, cli->vmid);
		well = false;
	}
	if (!facts->count && well)
		pt_log(log, PT_LOG_INFO, "guest %u has no hostpci entry", cli->vmid);
	pt_foreach (assignment, facts->assignment, facts->count) {
		PT_FREE char *error = pt_entry_problem(findings, assignment);

		well = well && !error;
		if (error)
			pt_log(log, PT_LOG_ERROR, "%s: %s", PT_LABEL(assignment), error);
		else if (assignment->chosen >= 0 && !takes_any(facts, assignment))
			pt_log(log, PT_LOG_INFO, "%s: %s; its functions stay with their drivers",
				PT_LABEL(assignment),
				assignment->entry.mdev ? "a mediated device" : "driver=keep");
	}
	return well;
}

/* Logs the errors of the guest as a whole. Returns whether there is none. */
static bool log_guest(const struct pt_cli *cli, const struct pt_findings *findings)
{
	bool well = true;

	pt_foreach (finding, findings->finding, findings->count) {
		PT_FREE char *message = NULL;

		if (finding->severity != PT_ERROR || finding->subject.kind != PT_ON_GUEST)
			continue;
		message = pt_finding_message(finding);
		pt_log(pt_host_log(cli->host), PT_LOG_ERROR, "guest %u: %s", cli->vmid, message);
		well = false;
	}
	return well;
}

enum pt_exit pt_cmd_show(struct pt_cli *cli, struct pt_err *err)
{
	static const char *const header[] = {"ENTRY", "FUNCTION", "FROM", "WHY", "NAME"};
	struct pt_pcinames PT_PCINAMES *names = pt_pcinames_open();
	struct pt_table PT_TABLE table = {.columns = PT_ARRAY_SIZE(header)};
	struct json_object PT_JSON *json = pt_output_new();
	struct json_object *functions = pt_json_array();
	struct pt_facts PT_FACTS facts = {0};
	struct pt_guest PT_GUEST *guest = NULL;
	struct pt_findings PT_FINDINGS findings = {0};
	bool well;
	int r = 0;

	pt_json_add(json, "functions", functions);
	if (pt_cli_read_guest(cli, &guest, err) < 0 ||
		(cli->config_count && pt_cli_may_judge(cli, guest, err) < 0) ||
		pt_cli_gather(cli, guest, &facts, err) < 0)
		return PT_EXIT_UNKNOWN;
	pt_check_run(&facts, &findings);
	if (pt_guest_is_template(guest))
		pt_log(pt_host_log(cli->host), PT_LOG_INFO,
			"guest %u is a template: Proxmox VE passes nothing to it; this is what its "
			"clones get",
			cli->vmid);
	well = log_guest(cli, &findings);
	well &= log_rest(cli, &facts, &findings);
	pt_table_row(&table, header);
	pt_foreach (taken, facts.taken, facts.taken_count)
		well &= add_taken(&facts, &findings, names, taken, &table, functions);
	if (cli->format != PT_OUTPUT_TEXT)
		r = pt_output_json(json, cli->format, err);
	else if (facts.taken_count)
		r = pt_table_print(&table, err);
	if (r < 0)
		return PT_EXIT_UNKNOWN;
	return well ? PT_EXIT_OK : PT_EXIT_FINDINGS;
}
