// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/ha.h"
#include "tests/fuzz/fuzz.h"

/* The input is all three files: resources, groups and rules look alike. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pt_ha ha = {0};
	char *text = fuzz_text(data, size);

	pt_ha_parse(text, text, text, &ha);
	pt_ha_clear(&ha);
	free(text);
	return 0;
}
