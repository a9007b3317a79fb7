// SPDX-License-Identifier: AGPL-3.0-or-later
#include <fcntl.h>
#include <unistd.h>

#include "lib/pci/function.h"

#define EXTENDED     0x100 /* where the extended capabilities begin */
#define CONFIG_END   0x1000
#define CAP_SERIAL   0x0003
#define CAPS_AT_MOST 64

static bool read_word(int config, off_t at, uint32_t *ret)
{
	unsigned char bytes[4];

	if (pread(config, bytes, sizeof(bytes), at) != (ssize_t)sizeof(bytes))
		return false;
	*ret = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
	return true;
}

/* Word by word: some devices do not bear having all of config space read. */
static void read_serial(int config, char ret[static PT_SERIAL_TEXT])
{
	uint32_t header, low, high;
	off_t at = EXTENDED;

	for (int i = 0; i < CAPS_AT_MOST && at >= EXTENDED && at < CONFIG_END; i++) {
		if (!read_word(config, at, &header) || !header || header == UINT32_MAX)
			return;
		if ((header & 0xffff) == CAP_SERIAL) {
			if (read_word(config, at + 4, &low) && read_word(config, at + 8, &high))
				snprintf(ret, PT_SERIAL_TEXT, "%08x%08x", high, low);
			return;
		}
		at = (off_t)(header >> 20);
	}
}

void pt_config_space_read(
	const struct pt_host *host, const struct pt_bdf *bdf, struct pt_config_space *ret)
{
	char path[PT_PCI_PATH];
	PT_CLOSE int config = pt_host_openat(host, pt_pci_path(bdf, "config", path), O_RDONLY);
	uint32_t ids;

	*ret = (struct pt_config_space){.known = true};
	if (config < 0)
		return;
	/* reading the ids wakes a device */
	ret->ones = read_word(config, 0, &ids) && ids == UINT32_MAX;
	read_serial(config, ret->serial);
}
