// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Network cards whose interface is in another network namespace, a container's mostly: sysfs does
 * not show it here. Each namespace is entered, and the kernel asked which interfaces it has and of
 * which devices: never by their names, which whoever owns the namespace chooses. Source: setns(2);
 * rtnetlink(7), IFLA_PARENT_DEV_NAME.
 */
#ifndef PT_USE_NETNS_H
#define PT_USE_NETNS_H

#include "lib/use/use.h"

/*
 * Adds where the interface of each function is; of one that is found nowhere, and on a host that is
 * not the running system, that it may be a container's. For a child: it may not come back from the
 * namespace that it has entered.
 */
void pt_use_hidden_nets(const struct pt_host *host, const struct pt_function *const *function,
	size_t count, struct pt_uses *uses);

#endif
