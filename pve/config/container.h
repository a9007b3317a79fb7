// SPDX-License-Identifier: AGPL-3.0-or-later
/* Devices in the configs of this node's containers, running or not: a device (devN), a mount of a
 * device file or its folder (mpN, lxc.mount.entry), an interface (lxc.net.N.link). Source:
 * pct.conf(5), lxc.container.conf(5). */
#ifndef PT_CONTAINER_H
#define PT_CONTAINER_H

#include "lib/use/use.h"

/* Adds a weak use for each container with a device file or interface of the functions. */
void pt_container_uses(const struct pt_host *host, const char *node,
	const struct pt_function *const *function, size_t count, struct pt_uses *ret);

#endif
