// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/base/json.h"
#include "pve/config/paths.h"
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

static size_t count_taken(const struct pt_claim *claim)
{
	size_t count = 0;

	pt_foreach (function, claim->function, claim->count)
		count += pt_claim_in_part(function, PT_PART_TAKEN);
	return count;
}

enum pt_exit pt_cmd_release(struct pt_cli *cli, struct pt_err *err)
{
	struct pt_claims PT_CLAIMS *claims = NULL;
	struct pt_claim PT_CLAIM *claim = NULL;
	struct pt_limits limits = pt_cli_limits(cli);
	size_t held;
	char owner[PT_OWNER_TEXT];
	int r = pt_claims_open(&claims, cli->host, PT_CLAIMS_DIR, false, err);

	if (r == -ENOENT) {
		*err = (struct pt_err){0};
		return print(cli, 0, err) < 0 ? PT_EXIT_UNKNOWN : PT_EXIT_OK;
	}
	if (r == 0)
		r = pt_claims_load(claims, pt_owner_name(cli->vmid, owner), &claim, err);
	if (r < 0 && r != -ENOENT)
		return PT_EXIT_UNKNOWN;
	/* a guest that is just starting has no process yet, but its lock is held */
	r = pt_release_stale(cli->host, claims, cli->vmid, &limits, err);
	if (r < 0)
		return PT_EXIT_FINDINGS;
	held = claim ? count_taken(claim) : 0;
	pt_claim_free_p(&claim);
	/* a claim is on hold after all, as when the node goes down meanwhile */
	if (pt_claims_load(claims, owner, &claim, NULL) == 0)
		held -= count_taken(claim) < held ? count_taken(claim) : held;
	return print(cli, held, err) < 0 ? PT_EXIT_UNKNOWN : PT_EXIT_OK;
}
