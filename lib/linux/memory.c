// SPDX-License-Identifier: AGPL-3.0-or-later
#include <inttypes.h>

#include "lib/linux/memory.h"

#define FILE_MAX (256U * 1024)
#define HUGE	 "/sys/kernel/mm/hugepages"
#define NODES	 "/sys/devices/system/node"

/* Returns the number behind the word that begins a line and so many others; 0: none. */
static uint64_t find_number(const char *text, const char *word, unsigned int others)
{
	size_t length = strlen(word);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		const char *at = line + (*line == '\n');
		char *end;

		line = at;
		if (strncmp(at, word, length) != 0)
			continue;
		at += length;
		for (unsigned int i = 0; i < others; i++) {
			strtoull(at, &end, 10);
			at = end;
		}
		return strtoull(at, NULL, 10);
	}
	return 0;
}

static void read_arc(const struct pt_host *host, struct pt_memory *memory)
{
	PT_FREE char *text = NULL;
	uint64_t size, least;

	if (pt_host_read(host, "/proc/spl/kstat/zfs/arcstats", FILE_MAX, &text, NULL) < 0)
		return;
	size = find_number(text, "size ", 1);
	least = find_number(text, "c_min ", 1);
	memory->arc = size > least ? size - least : 0;
}

/* Pages of that size by NUMA node; a number without a node counts as one without pages. */
static void read_nodes(const struct pt_host *host, const struct pt_names *nodes, const char *size,
	struct pt_hugepages *huge)
{
	pt_foreach (name, nodes->name, nodes->count) {
		PT_FREE char *path =
			pt_format(NODES "/%s/hugepages/%s/free_hugepages", *name, size);
		PT_FREE char *text = NULL;
		unsigned int node;

		if (sscanf(*name, "node%u", &node) != 1 || node >= PT_NUMA_NODES ||
			pt_host_read_line(host, path, &text) < 0)
			continue;
		huge->node_free[node] = strtoull(text, NULL, 10);
		huge->nodes = node >= huge->nodes ? node + 1 : huge->nodes;
	}
}

static void read_hugepages(const struct pt_host *host, struct pt_memory *memory)
{
	struct pt_names PT_NAMES names = {0}, nodes = {0};

	if (pt_host_list(host, HUGE, &names) < 0)
		return;
	/* a kernel without NUMA has none */
	if (pt_host_list(host, NODES, &nodes) < 0)
		nodes.count = 0;
	pt_foreach (name, names.name, names.count) {
		struct pt_hugepages *slot = &memory->huge[memory->huge_count];
		PT_FREE char *path = pt_format(HUGE "/%s/free_hugepages", *name);
		PT_FREE char *text = NULL;
		uint64_t kib;

		if (memory->huge_count == PT_ARRAY_SIZE(memory->huge) ||
			sscanf(*name, "hugepages-%" SCNu64 "kB", &kib) != 1 ||
			pt_host_read_line(host, path, &text) < 0)
			continue;
		*slot = (struct pt_hugepages){.size = kib * 1024, .free = strtoull(text, NULL, 10)};
		read_nodes(host, &nodes, *name, slot);
		memory->huge_count++;
	}
}

void pt_memory_read(const struct pt_host *host, struct pt_memory *ret)
{
	PT_FREE char *text = NULL;

	*ret = (struct pt_memory){0};
	if (pt_host_read(host, "/proc/meminfo", FILE_MAX, &text, NULL) == 0) {
		ret->total = find_number(text, "MemTotal:", 0) * 1024;
		ret->available = find_number(text, "MemAvailable:", 0) * 1024;
	}
	read_arc(host, ret);
	read_hugepages(host, ret);
}

const char *pt_size_format(uint64_t bytes, char text[static PT_SIZE_TEXT])
{
	if (bytes >= UINT64_C(1) << 30)
		snprintf(text, PT_SIZE_TEXT, "%.1f GiB", (double)bytes / (1 << 30));
	else if (bytes >= UINT64_C(1) << 20 || !bytes)
		snprintf(text, PT_SIZE_TEXT, "%.0f MiB", (double)bytes / (1 << 20));
	else
		snprintf(text, PT_SIZE_TEXT, "%.0f KiB", (double)bytes / (1 << 10));
	return text;
}
