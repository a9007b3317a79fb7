// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The interfaces of a function: every device node and network interface in its part of sysfs.
 * Source: Documentation/admin-guide/sysfs-rules.rst (a "dev" file is a node), and of NVIDIA's
 * driver its README (its nodes are not below the device).
 */
#ifndef PT_DEVNODE_H
#define PT_DEVNODE_H

#include "lib/pci/function.h"

enum pt_devnode_kind {
	PT_DEVNODE_CHAR,
	PT_DEVNODE_BLOCK,
	PT_DEVNODE_NET, /* an interface: no node */
};

struct pt_devnode {
	struct pt_bdf bdf; /* the function that it belongs to */
	enum pt_devnode_kind kind;
	char *name;	 /* below /dev, "nvme0n1p2", "dri/card0"; of an interface its name */
	char *subsystem; /* "block", "drm", "sound", "net" */
};

struct pt_devnodes {
	struct pt_devnode *node;
	size_t count;
};

/* Adds those of one function. A file that vanishes meanwhile is skipped. */
void pt_devnodes_add(
	const struct pt_host *host, const struct pt_function *function, struct pt_devnodes *nodes);
void pt_devnodes_clear(struct pt_devnodes *nodes);
#define PT_DEVNODES PT_CLEANUP(pt_devnodes_clear)

#endif
