// SPDX-License-Identifier: AGPL-3.0-or-later
/* The versions of what starts a guest. Sources: dpkg(1), the file status; uname(2). */
#ifndef PT_VERSIONS_H
#define PT_VERSIONS_H

#include "lib/base/host.h"

/* Each NULL when it is not known. */
struct pt_versions {
	char *kernel;			    /* that runs, "6.14.11-3-pve" */
	char *manager, *qemu, *qemu_server; /* pve-manager, pve-qemu-kvm, qemu-server */
};

void pt_versions_read(const struct pt_host *host, struct pt_versions *ret);
void pt_versions_clear(struct pt_versions *versions);

/* Whether the version, "1:10.0.2-4", is that one or a later one; false for NULL. */
bool pt_version_from(
	const char *version, unsigned int major, unsigned int minor, unsigned int patch);

#endif
