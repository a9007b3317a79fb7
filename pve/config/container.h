// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * What this node's containers are configured to have of its devices, running or not: a device
 * (devN), a mount of a node or of the folder that holds it (mpN, lxc.mount.entry), a network
 * interface (lxc.net.N.link). Source: pct.conf(5), lxc.container.conf(5).
 */
#ifndef PT_CONTAINER_H
#define PT_CONTAINER_H

#include "lib/use/use.h"

/*
 * Adds a weak use for each container of the node with a node or interface of the functions.
 * Configs that cannot be read are skipped.
 */
void pt_container_uses(const struct pt_host *host, const char *node,
	const struct pt_function *const *function, size_t count, struct pt_uses *ret);

#endif
