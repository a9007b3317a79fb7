// SPDX-License-Identifier: AGPL-3.0-or-later
#include <fcntl.h>
#include <unistd.h>

#include "lib/pci/function.h"

#define EXTENDED     0x100 /* where the extended capabilities begin */
#define CONFIG_END   0x1000
#define CAP_SERIAL   0x0003
#define CAPS_AT_MOST 64
#define STATUS	     0x04 /* with the command */
#define HAS_CAPS     0x00100000U
#define FIRST_CAP    0x34
#define CAP_MSIX     0x11
#define MSIX_VECTORS 0x07ff
#define MSIX_BAR     0x7U

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

static void read_msix(int config, struct pt_msix *ret)
{
	uint32_t word, table, pba;
	off_t at;

	if (!read_word(config, STATUS, &word) || word == UINT32_MAX || !(word & HAS_CAPS) ||
		!read_word(config, FIRST_CAP, &word))
		return;
	at = word & 0xfc;
	for (int i = 0; i < CAPS_AT_MOST && at >= 0x40; i++) {
		if (!read_word(config, at, &word) || word == UINT32_MAX)
			return;
		if ((word & 0xff) == CAP_MSIX) {
			if (!read_word(config, at + 4, &table) || !read_word(config, at + 8, &pba))
				return;
			*ret = (struct pt_msix){
				.known = true,
				.vectors = (word >> 16 & MSIX_VECTORS) + 1,
				.table_bar = table & MSIX_BAR,
				.pba_bar = pba & MSIX_BAR,
				.table = table & ~MSIX_BAR,
				.pba = pba & ~MSIX_BAR,
			};
			return;
		}
		at = word >> 8 & 0xfc;
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
	read_msix(config, &ret->msix);
}
