// SPDX-License-Identifier: AGPL-3.0-or-later
/* The nodes on which the HA manager may start a guest. Source: pve-ha-manager,
 * /etc/pve/ha/resources.cfg with groups.cfg (PVE 8) or rules.cfg (PVE 9); sections as in pve-common
 * SectionConfig.pm. */
#ifndef PT_HA_H
#define PT_HA_H

#include "lib/base/host.h"

/* A guest that HA manages. */
struct pt_ha_guest {
	unsigned int vmid;
	bool stopped; /* HA moves it, and does not start it: its state is stopped or disabled */
	struct pt_names node; /* those that it is bound to, "node1"; none: it may run on any */
};

struct pt_ha {
	struct pt_ha_guest *guest;
	size_t count;
};

/* Parses the texts, each may be NULL; parts of another form are skipped, as there. */
void pt_ha_parse(const char *resources, const char *groups, const char *rules, struct pt_ha *ret);
/* Reads the files; skips missing ones. */
int pt_ha_read(const struct pt_host *host, struct pt_ha *ret, struct pt_err *err);
void pt_ha_clear(struct pt_ha *ha);
#define PT_HA PT_CLEANUP(pt_ha_clear)

/* Whether HA may start the guest on the node; never one that it does not manage (NULL). */
bool pt_ha_allows(const struct pt_ha_guest *guest, const char *node);

/* NULL: HA does not manage it. */
const struct pt_ha_guest *pt_ha_find(const struct pt_ha *ha, unsigned int vmid);

#endif
