// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/mapping.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pt_mappings mappings = {0};
	char *text = fuzz_text(data, size);

	pt_mappings_parse(text, &mappings);
	pt_mapping_find(&mappings, "gpu");
	pt_mappings_clear(&mappings);
	free(text);
	return 0;
}
