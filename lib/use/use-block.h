// SPDX-License-Identifier: AGPL-3.0-or-later
/* Uses of a function's disks: mounts of all mount namespaces, swap, volumes on top (device-mapper,
 * md, bcache), ZFS, and exclusive holders. Labels alone do not count: a guest's own disk has them.
 * Source: proc(5); Documentation/ABI/stable/sysfs-block. */
#ifndef PT_USE_BLOCK_H
#define PT_USE_BLOCK_H

#include "lib/use/devfile.h"
#include "lib/use/use.h"

/* Adds uses of disks, and processes with a volume open; use-devfile has those with a disk open. */
int pt_use_blocks(const struct pt_host *host, const struct pt_devfiles *devfiles,
	struct pt_uses *uses, struct pt_err *err);

#endif
