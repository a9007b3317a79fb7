// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/base/json.h"
#include "pve/check/check.h"
#include "pve/config/identity.h"
#include "pve/ptconf/ptconf.h"

/* A partial record would miss the devices that are absent now, once they are back. */
static int check_whole(const struct pt_facts *facts, struct pt_err *err)
{
	struct pt_findings PT_FINDINGS findings = {0};

	pt_check_run(facts, &findings);
	pt_foreach (assignment, facts->assignment, facts->count) {
		PT_FREE char *error = pt_entry_problem(&findings, assignment);

		if (error)
			return pt_err_set(err, -ENODEV, "%s: %s; fix that first",
				PT_LABEL(assignment), error);
	}
	return 0;
}

static int list_identities(struct pt_cli *cli, const struct pt_facts *facts,
	struct pt_identities *ret, struct pt_err *err)
{
	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function =
			pt_inventory_find(facts->inventory, &taken->bdf);
		struct pt_identity *slot;

		if (taken->companion || !function)
			continue;
		if (!function->space.known)
			return pt_err_set(err, -EAGAIN,
				"%s: cannot read its config space now; it may be in a reset: try again",
				PT_BDF(&taken->bdf));
		slot = pt_array_grow(&ret->identity, &ret->count, sizeof(*slot));
		pt_node_identity(cli->node, function, slot);
	}
	return 0;
}

static int print_result(const struct pt_cli *cli, size_t accepted, struct pt_err *err)
{
	struct json_object PT_JSON *json = NULL;

	if (cli->format == PT_OUTPUT_TEXT) {
		printf("guest %u: %zu function%s accepted as they are\n", cli->vmid, accepted,
			accepted == 1 ? "" : "s");
		return 0;
	}
	json = pt_json_object();
	pt_json_add_number(json, "vmid", cli->vmid);
	pt_json_add(json, "accepted", pt_json_unsigned(accepted));
	return pt_output_json(json, cli->format, err);
}

/* The functions that the guest's entries mean now become those that it is known to have. */
enum pt_exit pt_cmd_accept(struct pt_cli *cli, struct pt_err *err)
{
	struct pt_identities PT_IDENTITIES identities = {0};
	struct pt_facts PT_FACTS facts = {0};
	struct pt_guest PT_GUEST *guest = NULL;

	if (pt_cli_read_guest(cli, &guest, err) < 0 || pt_cli_gather(cli, guest, &facts, err) < 0)
		return PT_EXIT_UNKNOWN;
	if (check_whole(&facts, err) < 0)
		return PT_EXIT_FINDINGS;
	if (list_identities(cli, &facts, &identities, err) < 0 ||
		pt_identities_write(cli->host, cli->vmid, &identities, err) < 0 ||
		print_result(cli, identities.count, err) < 0)
		return PT_EXIT_UNKNOWN;
	return PT_EXIT_OK;
}
