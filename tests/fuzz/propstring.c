// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/hostpci.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pt_hostpci entry = {0};
	struct pt_err err;

	for (int i = 0; i < 2; i++) {
		if (pt_hostpci_parse(0, (const char *)data, size, i ? PT_TEXT_CHARS : PT_TEXT_BYTES,
			    &entry, &err) == 0)
			pt_hostpci_clear(&entry);
	}
	return 0;
}
