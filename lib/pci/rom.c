// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/pci/rom.h"

#define HEADER	 0x1a /* bytes of an image's header that we read */
#define DATA	 0x18 /* bytes of its PCI data structure */
#define UNIT	 512
#define LAST_ONE 0x80

static uint16_t read_u16(const unsigned char *bytes)
{
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

/* One image at the beginning of the bytes. Its length, 0: it is none. */
static size_t parse_image(
	const unsigned char *bytes, size_t length, struct pt_rom_image *ret, bool *ret_last)
{
	const unsigned char *data;
	size_t at;

	if (length < HEADER || bytes[0] != 0x55 || bytes[1] != 0xaa)
		return 0;
	at = read_u16(bytes + 0x18);
	if (at + DATA > length)
		return 0;
	data = bytes + at;
	if (memcmp(data, "PCIR", 4) != 0)
		return 0;
	*ret = (struct pt_rom_image){read_u16(data + 4), read_u16(data + 6), data[0x14]};
	*ret_last = data[0x15] & LAST_ONE;
	return (size_t)read_u16(data + 0x10) * UNIT;
}

void pt_rom_parse(const unsigned char *bytes, size_t length, struct pt_rom *ret)
{
	bool last = false;

	*ret = (struct pt_rom){0};
	while (!last && ret->count < PT_ROM_IMAGES) {
		struct pt_rom_image image;
		size_t size = parse_image(bytes, length, &image, &last);

		if (!size)
			return;
		ret->image[ret->count++] = image;
		if (size >= length)
			return;
		bytes += size;
		length -= size;
	}
}
