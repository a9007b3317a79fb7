// SPDX-License-Identifier: AGPL-3.0-or-later
/* Network cards with their interface in another network namespace, mostly a container's: sysfs
 * hides it here. Enters each namespace and asks the kernel for devices, never for names, which the
 * namespace's owner chooses. Source: setns(2); rtnetlink(7), IFLA_PARENT_DEV_NAME. */
#ifndef PT_USE_NETNS_H
#define PT_USE_NETNS_H

#include "lib/use/use.h"

/* Adds the network namespace of each function's interface. If it finds none, or the host does not
 * run, adds that a container may have it. Call it in a child: it may not get back. */
void pt_use_hidden_nets(const struct pt_host *host, const struct pt_function *const *function,
	size_t count, struct pt_uses *uses);

#endif
