// SPDX-License-Identifier: AGPL-3.0-or-later
/* Uses of a function's network interfaces, by netlink (netlink.c). Source: rtnetlink(7);
 * Documentation/ABI/testing/sysfs-class-net. */
#ifndef PT_USE_NET_H
#define PT_USE_NET_H

#include "lib/use/devfile.h"
#include "lib/linux/netlink.h"
#include "lib/use/use.h"

#define PT_NETDEV_TEXT 16

/* Whether an interface of the function is up (IFF_UP); ret is then its name, else "". */
bool pt_net_up(
	const struct pt_host *host, const struct pt_bdf *bdf, char ret[static PT_NETDEV_TEXT]);

/* Adds the uses that the links show of the interfaces among the device files. */
void pt_net_judge(
	const struct pt_links *links, const struct pt_devfiles *devfiles, struct pt_uses *uses);

/* The same, of the running system; another one has no links that could be asked. */
int pt_use_nets(const struct pt_host *host, const struct pt_devfiles *devfiles,
	struct pt_uses *uses, struct pt_err *err);

/* The traffic that links and routes show without a question to netlink, which a driver that hangs
 * keeps waiting: nothing of an address without a route. Source:
 * Documentation/ABI/testing/sysfs-class-net; kernel, net/ipv4/fib_trie.c, fib_route_seq_show,
 * net/ipv6/route.c, rt6_info_route. */
int pt_use_nets_plainly(const struct pt_host *host, const struct pt_devfiles *devfiles,
	struct pt_uses *uses, struct pt_err *err);

#endif
