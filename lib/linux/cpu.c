// SPDX-License-Identifier: AGPL-3.0-or-later
#include <ctype.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/linux/cpu.h"

/* The value of a line "key : value", up to its end; NULL: there is none. On loan. */
static const char *value_of(const char *text, const char *key)
{
	const char *line = strstr(text, key);

	if (!line || (line != text && line[-1] != '\n'))
		return NULL;
	line += strlen(key);
	line += strspn(line, " \t");
	return *line == ':' ? line + 1 + strspn(line + 1, " ") : NULL;
}

#define NODES	   "/sys/devices/system/node"
#define NODES_MOST 64

static void read_nodes(const struct pt_host *host, struct pt_names *ret)
{
	for (int i = 0; i < NODES_MOST; i++) {
		PT_FREE char *path = pt_format(NODES "/node%d/cpulist", i);
		PT_FREE char *list = NULL;

		if (pt_host_read_line(host, path, &list) < 0)
			return;
		pt_names_add(ret, list);
	}
}

void pt_cpu_clear(struct pt_cpu *cpu)
{
	pt_names_free(&cpu->nodes);
	*cpu = (struct pt_cpu){0};
}

/* The next range of a list, "0-3"; false: the list has ended, or is none. */
static bool next_range(const char **list, unsigned long *first, unsigned long *last)
{
	char *end;

	*list += strspn(*list, ", ");
	if (!isdigit((unsigned char)**list))
		return false;
	*first = *last = strtoul(*list, &end, 10);
	if (*end == '-')
		*last = strtoul(end + 1, &end, 10);
	*list = end;
	return true;
}

bool pt_cpu_lists_meet(const char *one, const char *other)
{
	unsigned long first, last;

	while (next_range(&one, &first, &last)) {
		const char *rest = other;
		unsigned long begin, end;

		while (next_range(&rest, &begin, &end)) {
			if (first <= end && begin <= last)
				return true;
		}
	}
	return false;
}

void pt_cpu_read(const struct pt_host *host, struct pt_cpu *ret)
{
	PT_CLOSE int fd = pt_host_openat(host, "/proc/cpuinfo", O_RDONLY);
	char text[4096]; /* the first one's part: the kernel asks each processor in turn */
	ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	const char *vendor, *sizes;

	*ret = (struct pt_cpu){0};
	read_nodes(host, &ret->nodes);
	text[length > 0 ? length : 0] = '\0';
	vendor = value_of(text, "vendor_id");
	sizes = value_of(text, "address sizes");
	if (vendor && pt_starts_with(vendor, "GenuineIntel"))
		ret->vendor = PT_CPU_INTEL;
	if (vendor &&
		(pt_starts_with(vendor, "AuthenticAMD") || pt_starts_with(vendor, "HygonGenuine")))
		ret->vendor = PT_CPU_AMD;
	if (sizes && sscanf(sizes, "%d bits physical", &ret->address_bits) != 1)
		ret->address_bits = 0;
}
