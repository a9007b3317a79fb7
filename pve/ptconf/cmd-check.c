// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/json.h"
#include "pve/ptconf/ptconf.h"
#include "pve/rules.h"

static int print(const struct pt_cli *cli, const struct pt_findings *findings, struct pt_err *err)
{
	struct json_object PT_JSON *json = NULL;
	char subject[32];

	snprintf(subject, sizeof(subject), "guest %u", cli->vmid);
	if (cli->format == PT_OUTPUT_TEXT)
		return pt_output_findings(findings, subject, err);
	json = json_object_new_object();
	json_object_object_add(json, "vmid", json_object_new_int64(cli->vmid));
	json_object_object_add(
		json, "errors", json_object_new_uint64(pt_findings_count(findings, PT_ERROR)));
	json_object_object_add(
		json, "warnings", json_object_new_uint64(pt_findings_count(findings, PT_WARNING)));
	json_object_object_add(json, "findings", pt_findings_to_json(findings));
	return pt_output_json(json, cli->format, err);
}

enum pt_exit pt_cmd_check(struct pt_cli *cli, struct pt_err *err)
{
	struct pt_findings PT_FINDINGS findings = {0};
	struct pt_facts PT_FACTS facts = {0};
	struct pt_guest PT_GUEST *guest = NULL;

	if (pt_cli_gather(cli, &guest, &facts, err) < 0)
		return PT_EXIT_UNKNOWN;
	pt_rules_run(&facts, &findings);
	if (findings.failed) {
		pt_err_nomem(err);
		return PT_EXIT_UNKNOWN;
	}
	if (print(cli, &findings, err) < 0)
		return PT_EXIT_UNKNOWN;
	if (facts.claims_err.code) {
		*err = facts.claims_err;
		return PT_EXIT_UNKNOWN;
	}
	return pt_findings_count(&findings, PT_ERROR) ? PT_EXIT_FINDINGS : PT_EXIT_OK;
}
