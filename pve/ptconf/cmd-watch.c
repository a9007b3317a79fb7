// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/ptconf/ptconf.h"

enum pt_exit pt_cmd_watch(struct pt_cli *cli, struct pt_err *err)
{
	const struct pt_limits limits = pt_cli_limits(cli);

	return pt_watch(cli->host, &cli->watch, &limits, &pt_watch_pace, err) < 0 ? PT_EXIT_FINDINGS
										  : PT_EXIT_OK;
}
