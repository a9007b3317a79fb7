// SPDX-License-Identifier: AGPL-3.0-or-later
/* The key args of a guest's config: options that Proxmox VE hands to QEMU. Source: pve-common,
 * Tools.pm, split_args; Perl's Text::ParseWords; QEMU, qdev-properties-system.c,
 * set_pci_host_devaddr, and hw/vfio/pci.c. */
#ifndef PT_ARGS_H
#define PT_ARGS_H

#include "lib/base/host.h"

/* The label of devices in args; entries have their key, "hostpci0". */
#define PT_ARGS_LABEL "args"

/* The words of args. -EINVAL: a quote has no end, so that Proxmox VE takes none of them. */
int pt_args_split(const char *args, struct pt_names *ret);

/* Returns the devices in args, "-device vfio-pci,host=00:02.0", with sysfsdev=, quoted or as JSON,
 * in the form of an entry: "0000:00:02.0;0000:00:1f.3". The caller frees it; NULL: none. */
char *pt_args_devices(const char *args);

#endif
