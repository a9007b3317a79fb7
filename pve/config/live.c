// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/claim/locks.h"
#include "lib/claim/older.h"
#include "lib/linux/systemd.h"
#include "pve/config/guest.h"
#include "pve/config/live.h"
#include "pve/config/runstate.h"

#define RESTART_S 60 /* from the stop of a restart to its start */

/* Whether its config says so. One that cannot be read does not: a start that comes all the same
 * takes the devices again. */
static bool is_backed_up(const struct pt_host *host, unsigned int vmid)
{
	struct pt_guest PT_GUEST *guest = NULL;
	struct pt_guest_query query = {.vmid = vmid, .view = PT_VIEW_CURRENT};
	char node[PT_NODE_TEXT];

	if (pt_node_name(host, node, NULL) < 0)
		return false;
	query.node = node;
	return pt_guest_from_file(host, &query, &guest, NULL) == 0 &&
	       pt_streq(pt_guest_get(guest, "lock"), "backup");
}

const char *pt_guest_hold(
	const struct pt_host *host, unsigned int vmid, bool stopping, bool for_backup)
{
	if (pt_guest_restarts(host, vmid, stopping))
		return "it is being restarted";
	/* a backup takes hours, and the watch asks once a second: systemd is not asked meanwhile */
	if (!for_backup && is_backed_up(host, vmid))
		return "a backup of it is under way, which starts it again (if none is, 'qm unlock' it)";
	return pt_system_stopping(host) ? "the node is shutting down" : NULL;
}

/* Whether Proxmox VE works on the guest now. Its lock is held for an instant. */
static bool is_locked(const struct pt_host *host, unsigned int vmid)
{
	PT_CLOSE int lock = -1;

	return pt_guest_try_lock(host, vmid, &lock) < 0;
}

enum pt_life pt_guest_life(const struct pt_host *host, const struct pt_store *store,
	const struct pt_guest_record *record, const char **ret_why)
{
	const unsigned int vmid = record->vmid;
	const char *why;

	if (pt_guest_pid(host, vmid))
		return PT_LIFE_RUNS;
	if (pt_guest_is_locked(store, vmid) || pt_older_busy(store, vmid) || is_locked(host, vmid))
		return PT_LIFE_BUSY;
	why = pt_store_on_hold(store, vmid, RESTART_S)
		      ? "it has stopped to start again"
		      : pt_guest_hold(host, vmid, false, record->for_backup);
	if (ret_why)
		*ret_why = why;
	return why ? PT_LIFE_HELD : PT_LIFE_NONE;
}

bool pt_guest_is_live(const struct pt_host *host, const struct pt_store *store,
	const struct pt_guest_record *record)
{
	return pt_guest_life(host, store, record, NULL) != PT_LIFE_NONE;
}
