// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/base/json.h"
#include "pve/config/paths.h"
#include "pve/ptconf/ptconf.h"
#include "pve/handover/reconcile.h"

static int print(
	const struct pt_cli *cli, const struct pt_reconciled *reconciled, struct pt_err *err)
{
	struct json_object PT_JSON *json = NULL;

	if (cli->format == PT_OUTPUT_TEXT) {
		printf("%zu claim%s returned, %zu not\n", reconciled->returned,
			reconciled->returned == 1 ? "" : "s", reconciled->failed);
		return 0;
	}
	json = pt_json_object();
	pt_json_add(json, "returned", pt_json_unsigned(reconciled->returned));
	pt_json_add(json, "failed", pt_json_unsigned(reconciled->failed));
	return pt_output_json(json, cli->format, err);
}

enum pt_exit pt_cmd_reconcile(struct pt_cli *cli, struct pt_err *err)
{
	struct pt_store PT_STORE *store = NULL;
	struct pt_limits limits = pt_cli_limits(cli);
	struct pt_reconciled reconciled = {0};
	int r = pt_store_open(&store, cli->host, PT_CLAIMS_DIR, false, err);

	pt_store_close_p(&store);
	if (r == -ENOENT)
		*err = (struct pt_err){0};
	else if (r == 0)
		r = pt_store_open(&store, cli->host, PT_CLAIMS_DIR, true, err);
	if (r == 0)
		r = pt_reconcile(cli->host, store, &limits, &reconciled, err);
	if (r < 0 && r != -ENOENT)
		return PT_EXIT_UNKNOWN;
	if (print(cli, &reconciled, err) < 0)
		return PT_EXIT_UNKNOWN;
	return reconciled.failed ? PT_EXIT_FINDINGS : PT_EXIT_OK;
}
