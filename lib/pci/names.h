// SPDX-License-Identifier: AGPL-3.0-or-later
/* Names of PCI devices from the pci.ids database. The sole user of libpci. */
#ifndef PT_NAMES_H
#define PT_NAMES_H

#include "lib/pci/function.h"

struct pt_pcinames;

/* A missing database gives names such as "Device 1234", a missing libpci "Device 10de:1234". */
struct pt_pcinames *pt_pcinames_open(void);
void pt_pcinames_close_p(struct pt_pcinames **names);
#define PT_PCINAMES PT_CLEANUP(pt_pcinames_close_p)

/* "NVMe SSD Controller (Red Hat, Inc. QEMU NVM Express Controller)" and kin. Returns text. */
const char *pt_pciname(
	struct pt_pcinames *names, const struct pt_function *function, char *text, size_t size);

#endif
