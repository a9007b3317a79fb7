// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/base/json.h"
#include "pve/node/node-json.h"
#include "pve/ptconf/ptconf.h"

/* Text of other verbs is indented JSON here. */
static enum pt_output_format format_of(const struct pt_cli *cli)
{
	return cli->format == PT_OUTPUT_JSON ? PT_OUTPUT_JSON : PT_OUTPUT_JSON_PRETTY;
}

static enum pt_exit write_cluster(struct pt_cli *cli, struct pt_err *err)
{
	struct pt_cluster PT_CLUSTER cluster = {0};
	struct json_object PT_JSON *json = NULL;

	if (pt_cli_open_cluster(cli, &cluster, err) < 0)
		return PT_EXIT_UNKNOWN;
	json = pt_cluster_to_json(&cluster);
	if (pt_output_json(json, format_of(cli), err) < 0)
		return PT_EXIT_UNKNOWN;
	return pt_cli_tell_unknown(&cluster);
}

enum pt_exit pt_cmd_facts(struct pt_cli *cli, struct pt_err *err)
{
	struct json_object PT_JSON *json = NULL;

	if (cli->cluster)
		return write_cluster(cli, err);
	if (pt_cli_open_node(cli, err) < 0 || pt_node_learn_all(cli->node, err) < 0 ||
		pt_node_to_json(cli->node, &json, err) < 0 ||
		pt_output_json(json, format_of(cli), err) < 0)
		return PT_EXIT_UNKNOWN;
	return PT_EXIT_OK;
}
