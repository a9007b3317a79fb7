// SPDX-License-Identifier: AGPL-3.0-or-later
/* The kernel command lines that boot loaders will use. Which of them boots is not known: a node may
 * have files of both. Source: pve-docs, sysboot; grub-mkconfig(8). */
#ifndef PT_BOOT_H
#define PT_BOOT_H

#include "lib/base/host.h"

#define PT_BOOT_SYSTEMD_FILE	"/etc/kernel/cmdline"
#define PT_BOOT_SYSTEMD_COMMAND "proxmox-boot-tool refresh"
#define PT_BOOT_GRUB_FILE	"/etc/default/grub"
#define PT_BOOT_GRUB_COMMAND	"update-grub"

struct pt_boot {
	char *systemd; /* what systemd-boot will use; NULL: there is no such file */
	char *grub;
};

void pt_boot_read(const struct pt_host *host, struct pt_boot *ret);
void pt_boot_clear(struct pt_boot *boot);

#endif
