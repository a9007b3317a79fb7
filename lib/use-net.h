// SPDX-License-Identifier: AGPL-3.0-or-later
/* Who uses the network interfaces of a function. Source: Documentation/ABI/testing/sysfs-class-net. */
#ifndef PT_USE_NET_H
#define PT_USE_NET_H

#include "pcidev.h"

#define PT_NETDEV_TEXT 16

/* Whether an interface of the function is up (IFF_UP); ret is then its name, else "". */
bool pt_net_up(
	const struct pt_host *host, const struct pt_bdf *bdf, char ret[static PT_NETDEV_TEXT]);

#endif
