// SPDX-License-Identifier: AGPL-3.0-or-later
/* The cluster's PCI mappings, /etc/pve/mapping/pci.cfg. Source: pve-common SectionConfig.pm,
 * pve-guest-common Mapping/PCI.pm; we drop the same entries. */
#ifndef PT_MAPPING_H
#define PT_MAPPING_H

#include "lib/base/host.h"
#include "lib/pci/function.h"
#include "pve/config/propstring.h"

struct pt_map_entry {
	char *raw; /* the line's value, as in the file */
	char *node;
	char *path; /* ";" list: all of them together */
	char *id;
	char *subsystem;   /* NULL: not given */
	char *iommugroup;  /* as written; NULL: not given */
	char *description; /* NULL: not given */
};

struct pt_mapping {
	char *id;
	unsigned int order; /* of its section in the file, from 1 */
	bool defined;	    /* false: the section has no valid map line */
	bool has_mdev, mdev;
	bool has_live, live; /* live-migration-capable */
	char *description;
	struct pt_map_entry *entry;
	size_t count;
};

/* A property that is skipped, since its key or value is unknown. */
struct pt_mapping_dropped {
	unsigned int line;
	char *section;
	char *key;
};

struct pt_mappings {
	struct pt_mapping *mapping; /* in the file's order */
	size_t count;
	const struct pt_mapping **by_id; /* the same, sorted */
	struct pt_mapping_dropped *dropped;
	size_t dropped_count;
};

/* Parses the text of the file; nothing in it is an error. */
void pt_mappings_parse(const char *text, struct pt_mappings *ret);
/* Reads the file; a missing file is no error. */
int pt_mappings_read(const struct pt_host *host, struct pt_mappings *ret, struct pt_err *err);
void pt_mappings_clear(struct pt_mappings *mappings);
#define PT_MAPPINGS PT_CLEANUP(pt_mappings_clear)

/* Whether Proxmox VE takes it as the name of a mapping. */
bool pt_mapping_id_valid(const char *id);

/* NULL when there is none of that id. */
const struct pt_mapping *pt_mapping_find(const struct pt_mappings *mappings, const char *id);

/* Whether the entry's path has the function, an address as text, among others or alone. */
bool pt_map_entry_names(const struct pt_map_entry *entry, const char *bdf);

/* Returns the mapping's entry for the node that has the function, or NULL; also for no mapping. */
const struct pt_map_entry *pt_mapping_entry(
	const struct pt_mapping *mapping, const char *node, const char *bdf);

/* Compares the entry with the function at path, property by property as PVE does; the group counts
 * for the entry's first path only. 0, or -EINVAL with property, configured and actual value in err.
 */
int pt_map_entry_check(const struct pt_mapping *mapping, const struct pt_map_entry *entry,
	const struct pt_function *function, bool first, struct pt_err *err);

#endif
