// SPDX-License-Identifier: AGPL-3.0-or-later
/* The images of a PCI expansion ROM. Source: PCI Firmware Specification 3.3, 5.2. */
#ifndef PT_ROM_H
#define PT_ROM_H

#include <stdint.h>

#include "lib/base/base.h"

#define PT_ROM_IMAGES	 8
#define PT_ROM_CODE_BIOS 0
#define PT_ROM_CODE_EFI	 3
#define PT_ROM_ANY	 0xffff

struct pt_rom_image {
	uint16_t vendor, device; /* PT_ROM_ANY: for any */
	uint8_t code_type;	 /* PT_ROM_CODE_BIOS, PT_ROM_CODE_EFI or another one */
};

struct pt_rom {
	struct pt_rom_image image[PT_ROM_IMAGES]; /* more are skipped */
	size_t count;				  /* 0: it is no ROM */
};

/* Reads the images; a broken one ends the list. The bytes are hostile. */
void pt_rom_parse(const unsigned char *bytes, size_t length, struct pt_rom *ret);

#endif
