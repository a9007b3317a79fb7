// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/linux/systemd.h"
#include "pve/config/guest.h"
#include "pve/config/live.h"
#include "pve/config/runstate.h"

#define RESTART_S 60 /* from the stop of a restart to its start */

const char *pt_owner_name(unsigned int vmid, char text[static PT_OWNER_TEXT])
{
	snprintf(text, PT_OWNER_TEXT, "%u", vmid);
	return text;
}

const char *pt_guest_hold(const struct pt_host *host, unsigned int vmid, bool stopping)
{
	struct pt_guest PT_GUEST *guest = NULL;
	struct pt_guest_query query = {.vmid = vmid, .view = PT_VIEW_CURRENT};
	char node[PT_NODE_TEXT];

	if (pt_guest_restarts(host, vmid, stopping))
		return "it is being restarted";
	if (pt_system_stopping(host))
		return "the node is shutting down";
	if (pt_node_name(host, node, NULL) < 0)
		return NULL;
	query.node = node;
	if (pt_guest_from_file(host, &query, &guest, NULL) == 0 &&
		pt_streq(pt_guest_get(guest, "lock"), "backup"))
		return "a backup of it is under way, which starts it again (if none is, 'qm unlock' it)";
	return NULL;
}

bool pt_guest_is_live(const struct pt_host *host, const struct pt_claims *claims, unsigned int vmid)
{
	char owner[PT_OWNER_TEXT];
	PT_CLOSE int lock = -1;

	return pt_guest_pid(host, vmid) ||
	       pt_claims_work_locked(claims, pt_owner_name(vmid, owner)) ||
	       pt_guest_try_lock(host, vmid, &lock) < 0 ||
	       pt_claims_on_hold(claims, owner, RESTART_S) || pt_guest_hold(host, vmid, false);
}
