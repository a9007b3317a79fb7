// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/identity.h"
#include "pve/ptconf/ptconf.h"

/* The functions that the guest's entries mean now become those that it is known to have. */
enum pt_exit pt_cmd_accept(struct pt_cli *cli, struct pt_err *err)
{
	struct pt_identities PT_IDENTITIES identities = {0};
	struct pt_facts PT_FACTS facts = {0};
	struct pt_guest PT_GUEST *guest = NULL;

	if (pt_cli_read_guest(cli, &guest, err) < 0 || pt_cli_gather(cli, guest, &facts, err) < 0)
		return PT_EXIT_UNKNOWN;
	pt_foreach (taken, facts.taken, facts.taken_count) {
		const struct pt_function *function =
			pt_inventory_find(&facts.inventory, &taken->bdf);
		struct pt_identity *slot;

		if (taken->companion || !function)
			continue;
		slot = pt_array_grow(&identities.identity, &identities.count, sizeof(*slot));
		if (!slot) {
			pt_err_nomem(err);
			return PT_EXIT_UNKNOWN;
		}
		pt_identity_of(cli->host, function, slot);
	}
	if (pt_identities_write(cli->host, cli->vmid, &identities, err) < 0)
		return PT_EXIT_UNKNOWN;
	printf("guest %u: %zu function%s accepted as they are\n", cli->vmid, identities.count,
		identities.count == 1 ? "" : "s");
	return PT_EXIT_OK;
}
