// SPDX-License-Identifier: AGPL-3.0-or-later
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

void pt_cpu_read(const struct pt_host *host, struct pt_cpu *ret)
{
	PT_CLOSE int fd = pt_host_openat(host, "/proc/cpuinfo", O_RDONLY);
	char text[4096]; /* the first one's part: the kernel asks each processor in turn */
	ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	const char *vendor, *sizes;

	*ret = (struct pt_cpu){0};
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
