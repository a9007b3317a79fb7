// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/base/json.h"
#include "pve/node/node-json.h"
#include "pve/ptconf/ptconf.h"

/* Text of other verbs is indented JSON here. */
enum pt_exit pt_cmd_facts(struct pt_cli *cli, struct pt_err *err)
{
	enum pt_output_format format =
		cli->format == PT_OUTPUT_JSON ? PT_OUTPUT_JSON : PT_OUTPUT_JSON_PRETTY;
	struct json_object PT_JSON *json = NULL;

	if (pt_cli_open_node(cli, err) < 0 || pt_node_learn_all(cli->node, err) < 0 ||
		pt_node_to_json(cli->node, &json, err) < 0 || pt_output_json(json, format, err) < 0)
		return PT_EXIT_UNKNOWN;
	return PT_EXIT_OK;
}
