// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/pci/rom.h"
#include "tests/unit/unit.h"

#define UNIT 512

/* An image of so many units at the beginning of the bytes, its data structure right behind the
 * header. */
static void put_image(
	unsigned char *bytes, uint16_t device, uint8_t code, uint16_t units, bool last)
{
	unsigned char *data = bytes + 0x1c;

	bytes[0] = 0x55;
	bytes[1] = 0xaa;
	bytes[0x18] = 0x1c;
	bytes[0x19] = 0;
	memcpy(data, "PCIR\xde\x10", 6);
	data[6] = (unsigned char)device;
	data[7] = (unsigned char)(device >> 8);
	data[0x10] = (unsigned char)units;
	data[0x11] = (unsigned char)(units >> 8);
	data[0x14] = code;
	data[0x15] = last ? 0x80 : 0;
}

static void reads_every_image(void **state)
{
	unsigned char bytes[4 * UNIT] = {0};
	struct pt_rom rom;

	(void)state;
	put_image(bytes, 0x2204, 0, 1, false);
	put_image(bytes + UNIT, 0x2205, PT_ROM_CODE_EFI, 2, true);
	/* nothing behind the last one counts */
	put_image(bytes + 3 * UNIT, 0x2206, 0, 1, true);
	pt_rom_parse(bytes, sizeof(bytes), &rom);
	assert_int_equal(rom.count, 2);
	assert_int_equal(rom.image[0].vendor, 0x10de);
	assert_int_equal(rom.image[0].device, 0x2204);
	assert_int_equal(rom.image[0].code_type, 0);
	assert_int_equal(rom.image[1].device, 0x2205);
	assert_int_equal(rom.image[1].code_type, PT_ROM_CODE_EFI);
}

static void what_is_broken_ends_the_list(void **state)
{
	unsigned char bytes[2 * UNIT] = {0};
	struct pt_rom rom;

	(void)state;
	pt_rom_parse(bytes, sizeof(bytes), &rom);
	assert_int_equal(rom.count, 0);
	pt_rom_parse(bytes, 0, &rom);
	assert_int_equal(rom.count, 0);
	put_image(bytes, 1, 0, 1, false);
	/* the second has no signature */
	pt_rom_parse(bytes, sizeof(bytes), &rom);
	assert_int_equal(rom.count, 1);
	/* of a wrong structure */
	put_image(bytes + UNIT, 2, 0, 1, true);
	bytes[UNIT + 0x1c] = 'X';
	pt_rom_parse(bytes, sizeof(bytes), &rom);
	assert_int_equal(rom.count, 1);
	/* or one that lies beyond the end */
	bytes[UNIT + 0x1c] = 'P';
	bytes[UNIT + 0x18] = 0xf0;
	bytes[UNIT + 0x19] = 0x01;
	pt_rom_parse(bytes, sizeof(bytes), &rom);
	assert_int_equal(rom.count, 1);
	bytes[0x18] = 0xff;
	bytes[0x19] = 0xff;
	pt_rom_parse(bytes, sizeof(bytes), &rom);
	assert_int_equal(rom.count, 0);
}

static void lengths_are_not_trusted(void **state)
{
	unsigned char bytes[UNIT] = {0};
	struct pt_rom rom;

	(void)state;
	/* one that says it is longer than the file, and one without any */
	put_image(bytes, 1, 0, 200, false);
	pt_rom_parse(bytes, sizeof(bytes), &rom);
	assert_int_equal(rom.count, 1);
	put_image(bytes, 1, 0, 0, false);
	pt_rom_parse(bytes, sizeof(bytes), &rom);
	assert_int_equal(rom.count, 0);
	/* cut off within the header */
	put_image(bytes, 1, 0, 1, true);
	pt_rom_parse(bytes, 0x19, &rom);
	assert_int_equal(rom.count, 0);
	pt_rom_parse(bytes, 0x1c + 0x18, &rom);
	assert_int_equal(rom.count, 1);
	pt_rom_parse(bytes, 0x1c + 0x17, &rom);
	assert_int_equal(rom.count, 0);
}

static void more_than_there_is_room_for(void **state)
{
	unsigned char bytes[12 * UNIT] = {0};
	struct pt_rom rom;

	(void)state;
	for (uint16_t i = 0; i < 12; i++)
		put_image(bytes + i * UNIT, i, 0, 1, false);
	pt_rom_parse(bytes, sizeof(bytes), &rom);
	assert_int_equal(rom.count, PT_ROM_IMAGES);
	assert_int_equal(rom.image[PT_ROM_IMAGES - 1].device, PT_ROM_IMAGES - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_image),
		cmocka_unit_test(what_is_broken_ends_the_list),
		cmocka_unit_test(lengths_are_not_trusted),
		cmocka_unit_test(more_than_there_is_room_for),
	};

	return cmocka_run_group_tests_name("rom", tests, NULL, NULL);
}
