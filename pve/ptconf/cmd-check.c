// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/base/json.h"
#include "pve/node/node-api.h"
#include "pve/ptconf/ptconf.h"
#include "pve/check/check.h"

/* Of the JSON that check writes: examples/check.schema.json. */
#define SCHEMA_VERSION 1

/* The totals of all guests. */
struct sum {
	size_t guests, errors, warnings, unknown;
	struct json_object *list; /* NULL for text */
};

static struct json_object *guest_to_json(unsigned int vmid, const struct pt_findings *findings)
{
	struct json_object *json = json_object_new_object();

	pt_json_add_number(json, "vmid", vmid);
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
	if (cli->vmid)
		snprintf(subject, sizeof(subject), "guest %u", cli->vmid);
	else
		snprintf(subject, sizeof(subject), "this config");
	return pt_output_findings(findings, subject, cli->all_infos, err);
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
	pt_check_run(&facts, &findings);
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

static void say_unknown(const struct pt_cli *cli, struct sum *sum)
{
	/* single guests have errors of their own reading */
	if (cli->all || cli->cluster)
		sum->unknown += cli->node->unread;
	if (cli->node->partial && cli->format == PT_OUTPUT_TEXT)
		printf("node %s: not known by the API: " PT_NODE_UNKNOWN "\n", cli->node->name);
}

static void add_counts(struct json_object *json, const struct sum *sum)
{
	json_object_object_add(json, "errors", json_object_new_uint64(sum->errors));
	json_object_object_add(json, "warnings", json_object_new_uint64(sum->warnings));
	json_object_object_add(json, "unknown", json_object_new_uint64(sum->unknown));
}

static int print_text_sum(const struct pt_cli *cli, const struct sum *sum)
{
	if (cli->all || cli->vmid_count > 1)
		printf("%zu error%s, %zu warning%s in %zu guest%s\n", sum->errors,
			sum->errors == 1 ? "" : "s", sum->warnings, sum->warnings == 1 ? "" : "s",
			sum->guests, sum->guests == 1 ? "" : "s");
	return 0;
}

/* One node's part of the JSON; takes the list of guests over. */
static void add_node(const struct pt_cli *cli, struct sum *sum, struct json_object *json)
{
	pt_json_add_text(json, "node", cli->node->name);
	if (cli->node->partial)
		pt_json_add_text(json, "not_known", PT_NODE_UNKNOWN);
	add_counts(json, sum);
	json_object_object_add(json, "guests", PT_STEAL(sum->list));
}

static int print_sum(const struct pt_cli *cli, struct sum *sum, struct pt_err *err)
{
	struct json_object PT_JSON *json = NULL;

	if (!sum->list)
		return print_text_sum(cli, sum);
	json = json_object_new_object();
	pt_json_add_number(json, "version", SCHEMA_VERSION);
	add_node(cli, sum, json);
	return pt_output_json(json, cli->format, err);
}

static enum pt_exit exit_of(int r, const struct sum *sum)
{
	if (r < 0 || sum->unknown)
		return PT_EXIT_UNKNOWN;
	return sum->errors ? PT_EXIT_FINDINGS : PT_EXIT_OK;
}

/* All guests of one node of the cluster, added to the sum of all. */
static int check_node(struct pt_cli *cli, struct pt_node *node, struct sum *all,
	struct json_object *nodes, struct pt_err *err)
{
	struct sum sum = {.list = nodes ? json_object_new_array() : NULL};
	int r;

	cli->node = node;
	say_unknown(cli, &sum);
	r = check_all(cli, &sum, err);
	if (nodes) {
		struct json_object *json = json_object_new_object();

		add_node(cli, &sum, json);
		json_object_array_add(nodes, json);
	}
	all->guests += sum.guests;
	all->errors += sum.errors;
	all->warnings += sum.warnings;
	all->unknown += sum.unknown;
	cli->node = NULL;
	return r;
}

static int check_nodes(struct pt_cli *cli, const struct pt_names *names, struct sum *all,
	struct json_object *nodes, struct pt_err *err)
{
	struct pt_node **node = pt_calloc(names->count, sizeof(struct pt_node *));
	struct pt_err *why = pt_calloc(names->count, sizeof(*why));
	int r = pt_cli_ask_nodes(
		cli, (const char *const *)names->name, names->count, node, why, err);

	for (size_t i = 0; node && why && i < names->count; i++) {
		if (r == 0 && node[i]) {
			r = check_node(cli, node[i], all, nodes, err);
		} else if (r == 0) {
			fprintf(stderr, "pve-ptconf: node %s: %s\n", names->name[i], why[i].text);
			all->unknown++;
		}
	}
	/* each knows of the others */
	for (size_t i = 0; node && i < names->count; i++)
		pt_node_close(node[i]);
	free(node);
	free(why);
	return r;
}

static enum pt_exit check_cluster(struct pt_cli *cli, struct pt_err *err)
{
	struct json_object PT_JSON *json = json_object_new_object();
	struct json_object *nodes = cli->format == PT_OUTPUT_TEXT ? NULL : json_object_new_array();
	struct pt_names PT_NAMES names = {0}, offline = {0};
	struct sum sum = {0};
	int r = pt_cli_list_nodes(cli, &names, &offline, err);

	if (r == 0)
		r = check_nodes(cli, &names, &sum, nodes, err);
	pt_foreach (name, offline.name, offline.count) {
		fprintf(stderr, "pve-ptconf: node %s: is offline\n", *name);
		sum.unknown++;
	}
	if (r == 0 && !nodes)
		r = print_text_sum(cli, &sum);
	pt_json_add_number(json, "version", SCHEMA_VERSION);
	add_counts(json, &sum);
	json_object_object_add(json, "nodes", nodes);
	if (r == 0 && nodes)
		r = pt_output_json(json, cli->format, err);
	return exit_of(r, &sum);
}

enum pt_exit pt_cmd_check(struct pt_cli *cli, struct pt_err *err)
{
	struct sum sum = {0};
	int r;

	if (cli->cluster)
		return check_cluster(cli, err);
	sum.list = cli->format == PT_OUTPUT_TEXT ? NULL : json_object_new_array();
	r = pt_cli_open_node(cli, err);
	/* many guests: asks for shared facts once */
	if (r == 0 && (cli->all || cli->vmid_count > 1))
		r = pt_node_learn_all(cli->node, err);
	if (r == 0)
		say_unknown(cli, &sum);
	if (r == 0 && cli->all)
		r = check_all(cli, &sum, err);
	for (size_t i = 0; r == 0 && i < cli->vmid_count; i++)
		check(cli, cli->vmids[i], &sum);
	if (r == 0)
		r = print_sum(cli, &sum, err);
	json_object_put(sum.list);
	return exit_of(r, &sum);
}
