// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/json.h"
#include "pve/ptconf/ptconf.h"
#include "pve/rules.h"

/* Of the JSON that check writes: examples/check.schema.json. */
#define SCHEMA_VERSION 1

/* What all guests together come to. */
struct sum {
	size_t guests, errors, warnings, unknown;
	struct json_object *list; /* NULL for text */
};

static struct json_object *guest_to_json(unsigned int vmid, const struct pt_findings *findings)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "vmid", json_object_new_int64(vmid));
	json_object_object_add(
		json, "errors", json_object_new_uint64(pt_findings_count(findings, PT_ERROR)));
	json_object_object_add(
		json, "warnings", json_object_new_uint64(pt_findings_count(findings, PT_WARNING)));
	json_object_object_add(json, "findings", pt_findings_to_json(findings));
	return json;
}

static int say(const struct pt_cli *cli, const struct pt_findings *findings, struct sum *sum,
	struct pt_err *err)
{
	char subject[32];

	sum->guests++;
	sum->errors += pt_findings_count(findings, PT_ERROR);
	sum->warnings += pt_findings_count(findings, PT_WARNING);
	if (sum->list) {
		json_object_array_add(sum->list, guest_to_json(cli->vmid, findings));
		return 0;
	}
	snprintf(subject, sizeof(subject), "guest %u", cli->vmid);
	return pt_output_findings(findings, subject, err);
}

/* Whether a guest that nobody named is of interest. */
static bool is_wanted(const struct pt_cli *cli, const struct pt_guest *guest)
{
	return !cli->all || (pt_guest_has_hostpci(guest) && !pt_guest_is_template(guest));
}

static int check_one(struct pt_cli *cli, struct sum *sum, struct pt_err *err)
{
	struct pt_findings PT_FINDINGS findings = {0};
	struct pt_facts PT_FACTS facts = {0};
	struct pt_guest PT_GUEST *guest = NULL;
	int r = pt_cli_read_guest(cli, &guest, err);

	if (r < 0 || !is_wanted(cli, guest))
		return r;
	r = pt_cli_gather(cli, guest, &facts, err);
	if (r < 0)
		return r;
	pt_rules_run(&facts, &findings);
	if (findings.failed)
		return pt_err_nomem(err);
	r = say(cli, &findings, sum, err);
	if (r == 0 && facts.claims_err.code) {
		*err = facts.claims_err;
		r = err->code;
	}
	return r;
}

/* One that cannot be checked does not keep the others from it. */
static void check(struct pt_cli *cli, unsigned int vmid, struct sum *sum)
{
	struct pt_err err = {0};

	cli->vmid = vmid;
	if (check_one(cli, sum, &err) == 0)
		return;
	sum->unknown++;
	fprintf(stderr, "pve-ptconf: %s\n", err.text);
}

static int check_all(struct pt_cli *cli, struct sum *sum, struct pt_err *err)
{
	const unsigned int *vmid = NULL;
	size_t count = 0;
	int r = pt_node_vmids(cli->node, &vmid, &count, err);

	for (size_t i = 0; r == 0 && i < count; i++)
		check(cli, vmid[i], sum);
	return r;
}

static int print_sum(const struct pt_cli *cli, struct sum *sum, struct pt_err *err)
{
	struct json_object PT_JSON *json = NULL;

	if (!sum->list) {
		if (cli->all || cli->vmid_count > 1)
			printf("%zu error%s, %zu warning%s in %zu guest%s\n", sum->errors,
				sum->errors == 1 ? "" : "s", sum->warnings,
				sum->warnings == 1 ? "" : "s", sum->guests,
				sum->guests == 1 ? "" : "s");
		return 0;
	}
	json = json_object_new_object();
	json_object_object_add(json, "version", json_object_new_int(SCHEMA_VERSION));
	pt_json_add_text(json, "node", cli->node->name);
	json_object_object_add(json, "errors", json_object_new_uint64(sum->errors));
	json_object_object_add(json, "warnings", json_object_new_uint64(sum->warnings));
	json_object_object_add(json, "unknown", json_object_new_uint64(sum->unknown));
	json_object_object_add(json, "guests", PT_STEAL(sum->list));
	return pt_output_json(json, cli->format, err);
}

enum pt_exit pt_cmd_check(struct pt_cli *cli, struct pt_err *err)
{
	struct sum sum = {.list = cli->format == PT_OUTPUT_TEXT ? NULL : json_object_new_array()};
	int r = pt_cli_open_node(cli, err);

	/* many guests: what they all need is asked once */
	if (r == 0 && (cli->all || cli->vmid_count > 1))
		r = pt_node_learn_all(cli->node, err);
	if (r == 0 && cli->all)
		r = check_all(cli, &sum, err);
	for (size_t i = 0; r == 0 && i < cli->vmid_count; i++)
		check(cli, cli->vmids[i], &sum);
	if (r == 0)
		r = print_sum(cli, &sum, err);
	json_object_put(sum.list);
	if (r < 0 || sum.unknown)
		return PT_EXIT_UNKNOWN;
	return sum.errors ? PT_EXIT_FINDINGS : PT_EXIT_OK;
}
