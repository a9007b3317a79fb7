// SPDX-License-Identifier: AGPL-3.0-or-later
/* The host's memory. Source: Documentation/filesystems/proc.rst (meminfo),
 * admin-guide/mm/hugetlbpage.rst; OpenZFS (the ARC gives back all but c_min). */
#ifndef PT_MEMORY_H
#define PT_MEMORY_H

#include <stdint.h>

#include "lib/base/host.h"

#define PT_NUMA_NODES 16

struct pt_hugepages {
	uint64_t size;			   /* bytes of one page */
	uint64_t free;			   /* pages, of all NUMA nodes, */
	uint64_t node_free[PT_NUMA_NODES]; /* and of each by its number */
	size_t nodes;			   /* 0: it is not known of each */
};

struct pt_memory {
	uint64_t total, available; /* bytes; 0: unknown */
	uint64_t arc;		   /* bytes that ZFS would give back */
	struct pt_hugepages huge[4];
	size_t huge_count;
};

/* Unreadable numbers stay 0. */
void pt_memory_read(const struct pt_host *host, struct pt_memory *ret);

/* "12.5 GiB". Returns text. */
#define PT_SIZE_TEXT 24
const char *pt_size_format(uint64_t bytes, char text[static PT_SIZE_TEXT]);
#define PT_SIZE(bytes) pt_size_format((bytes), (char[PT_SIZE_TEXT]){0})

#endif
