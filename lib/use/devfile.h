// SPDX-License-Identifier: AGPL-3.0-or-later
/* Device files and network interfaces of a function, from its part of sysfs. Source:
 * Documentation/admin-guide/sysfs-rules.rst (the file "dev"), NVIDIA's README (its device files are
 * not below the device). */
#ifndef PT_DEVFILE_H
#define PT_DEVFILE_H

#include "lib/pci/function.h"

enum pt_devfile_kind {
	PT_DEVFILE_CHAR,
	PT_DEVFILE_BLOCK,
	PT_DEVFILE_NET, /* an interface: no device file */
};

struct pt_devfile {
	struct pt_bdf bdf; /* the function that it belongs to */
	enum pt_devfile_kind kind;
	char *name;	 /* below /dev, "nvme0n1p2", "dri/card0"; of an interface its name */
	char *subsystem; /* "block", "drm", "sound", "net" */
};

struct pt_devfiles {
	struct pt_devfile *devfile;
	size_t count;
};

/* Adds those of one function. A file that vanishes meanwhile is skipped. */
void pt_devfiles_add(const struct pt_host *host, const struct pt_function *function,
	struct pt_devfiles *devfiles);
void pt_devfiles_clear(struct pt_devfiles *devfiles);
#define PT_DEVFILES PT_CLEANUP(pt_devfiles_clear)

#endif
