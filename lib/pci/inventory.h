// SPDX-License-Identifier: AGPL-3.0-or-later
/* The functions of a host that somebody asked about, each read once. */
#ifndef PT_INVENTORY_H
#define PT_INVENTORY_H

#include "lib/pci/group.h"

struct pt_inventory {
	struct pt_function *function; /* in order of address, each once */
	size_t count;
	bool iommu_active;
	bool whole; /* every function is there: the host is not asked any more, and may be NULL */
};

/* Reads every function of the host. End with pt_inventory_clear. */
int pt_inventory_read_all(const struct pt_host *host, struct pt_inventory *ret, struct pt_err *err);

/* Adds one function, read now unless it is there already. -ENODEV: the host has none such. */
int pt_inventory_add(const struct pt_host *host, struct pt_inventory *inventory,
	const struct pt_bdf *bdf, struct pt_err *err);

/* As pt_functions_matching and pt_group_read; a whole inventory knows the answer. */
int pt_inventory_matching(const struct pt_host *host, const struct pt_inventory *inventory,
	const char *filter, struct pt_bdf **ret, size_t *ret_count, struct pt_err *err);
int pt_inventory_group(const struct pt_host *host, const struct pt_inventory *inventory,
	const struct pt_bdf *bdf, struct pt_group *ret, struct pt_err *err);

/* Adds all that are not there yet, read at once; skips functions that the host does not have. */
int pt_inventory_add_all(const struct pt_host *host, struct pt_inventory *inventory,
	const struct pt_bdf *bdf, size_t count, struct pt_err *err);

/* Adds a function that was made elsewhere, or replaces one. Takes over its texts. */
void pt_inventory_put(struct pt_inventory *inventory, struct pt_function *function);

void pt_inventory_clear(struct pt_inventory *inventory);
#define PT_INVENTORY PT_CLEANUP(pt_inventory_clear)

/* NULL when it is not there. The pointer is good until something is added. */
const struct pt_function *pt_inventory_find(
	const struct pt_inventory *inventory, const struct pt_bdf *bdf);

/* The functions of a slot, the first of ret_count side by side; NULL and 0: there is none. */
const struct pt_function *pt_inventory_slot(
	const struct pt_inventory *inventory, const struct pt_bdf *bdf, size_t *ret_count);

/* A whole inventory. Reading refuses an address that is there twice. */
extern const struct pt_record pt_inventory_record;

#endif
