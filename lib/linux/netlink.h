// SPDX-License-Identifier: AGPL-3.0-or-later
/* The running system's network interfaces, addresses and routes. The sole user of libnl. */
#ifndef PT_NETLINK_H
#define PT_NETLINK_H

#include "lib/base/host.h"

struct pt_link {
	int index;
	char name[16];
	char kind[24]; /* "bridge", "bond", "vlan", "macvtap", "openvswitch"; "" for hardware */
	int master;    /* index of the bridge or bond that it is a port of, 0: none */
	int below;     /* index of the interface that a VLAN or macvtap stands on, 0: none */
	bool default_route; /* one leads through it, in some table */
	char route[64];	    /* target of a route without address, "10.15.15.51/32" */
	bool link_local;    /* has an address that means nothing beyond the wire */
	char address[64];   /* the first other one, "192.168.1.10/24"; "" for none */
};

struct pt_links {
	struct pt_link *link;
	size_t count;
};

/* Reads the links of this network namespace. End with pt_links_clear. */
int pt_links_read(struct pt_links *ret, struct pt_err *err);
void pt_links_clear(struct pt_links *links);
#define PT_LINKS PT_CLEANUP(pt_links_clear)

/* Visits an interface on the device of that name, "0000:01:00.0". Non-zero ends the visit. */
typedef int pt_link_visit(void *data, const char *interface, const char *device);

/* Visits the interfaces of this thread's network namespace. -EIO: netlink does not answer. */
int pt_links_visit_devices(pt_link_visit *visit, void *data);

const struct pt_link *pt_links_find(const struct pt_links *links, const char *name);

#endif
