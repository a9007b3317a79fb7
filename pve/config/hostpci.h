// SPDX-License-Identifier: AGPL-3.0-or-later
/* One hostpciN entry of a guest's config. Source: qemu-server, QemuServer/PCI.pm, $hostpci_fmt. */
#ifndef PT_HOSTPCI_H
#define PT_HOSTPCI_H

#include "pve/config/propstring.h"

#define PT_HOSTPCI_MAX 16

struct pt_hostpci {
	int index;
	char *host;    /* ";" list of functions and whole devices; NULL: none */
	char *mapping; /* NULL: none */
	char *mdev;    /* NULL: none */
	char *romfile; /* NULL: none */
	bool pcie;
	bool rombar; /* default on */
	bool x_vga;
	bool legacy_igd;
	bool has_driver;  /* a key that came with Proxmox VE 9 */
	bool keep_driver; /* driver=keep */
};

extern const struct pt_prop_schema pt_hostpci_schema;

/* Parses the value of hostpci<index>. -EINVAL: PVE refuses it; err names problem and place. */
int pt_hostpci_parse(int index, const char *text, size_t length, enum pt_text encoding,
	struct pt_hostpci *ret, struct pt_err *err);
void pt_hostpci_clear(struct pt_hostpci *entry);

/* Whether there is an entry: PVE skips a value that is false in Perl, or missing (NULL). */
bool pt_hostpci_is_set(const char *value);

/* The index of a config key "hostpci0" to "hostpci15", or -1. */
int pt_hostpci_key(const char *key);

#endif
