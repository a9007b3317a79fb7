// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/base/json.h"
#include "lib/claim/older.h"
#include "pve/config/paths.h"
#include "pve/handover/release.h"
#include "pve/ptconf/ptconf.h"

static int print(const struct pt_cli *cli, size_t held, struct pt_err *err)
{
	struct json_object PT_JSON *json = NULL;

	if (cli->format == PT_OUTPUT_TEXT) {
		if (held)
			printf("guest %u: %zu function%s returned\n", cli->vmid, held,
				held == 1 ? "" : "s");
		else
			printf("guest %u holds no device\n", cli->vmid);
		return 0;
	}
	json = pt_json_object();
	pt_json_add_number(json, "vmid", cli->vmid);
	pt_json_add(json, "returned", pt_json_unsigned(held));
	return pt_output_json(json, cli->format, err);
}

/* Returns the functions of the guest that has ended, and those of earlier runs that are still
 * open. */
static int release(const struct pt_cli *cli, const struct pt_store *store, size_t *ret_returned,
	struct pt_err *err)
{
	const struct pt_limits limits = pt_cli_limits(cli);
	struct pt_release what = {.patience_ms = limits.group_ms};
	struct pt_released released = {0};
	struct pt_bdf *bdf = NULL;
	int r = 0;

	pt_functions_of_ended(store, cli->vmid, &bdf, &what.count);
	what.bdf = bdf;
	if (what.count)
		r = pt_release(cli->host, store, &limits, &what, &released, err);
	*ret_returned = released.returned;
	free(released.left);
	free(bdf);
	return r;
}

enum pt_exit pt_cmd_release(struct pt_cli *cli, struct pt_err *err)
{
	struct pt_store PT_STORE *store = NULL;
	size_t returned = 0;
	int r = pt_store_open(&store, cli->host, PT_CLAIMS_DIR, false, err);

	if (r == -ENOENT) {
		*err = (struct pt_err){0};
		return print(cli, 0, err) < 0 ? PT_EXIT_UNKNOWN : PT_EXIT_OK;
	}
	pt_store_close_p(&store);
	if (r == 0)
		r = pt_store_open(&store, cli->host, PT_CLAIMS_DIR, true, err);
	if (r == 0)
		r = pt_older_take_over(store, err);
	if (r < 0)
		return PT_EXIT_UNKNOWN;
	/* a guest that is just starting has no process yet, but its lock is held */
	r = pt_end_stale(cli->host, store, cli->vmid, NULL, err);
	if (r == 0)
		r = release(cli, store, &returned, err);
	if (r < 0)
		return PT_EXIT_FINDINGS;
	return print(cli, returned, err) < 0 ? PT_EXIT_UNKNOWN : PT_EXIT_OK;
}
