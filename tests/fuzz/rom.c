// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/pci/rom.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pt_rom rom;

	pt_rom_parse(data, size, &rom);
	if (rom.count > PT_ROM_IMAGES)
		abort();
	return 0;
}
