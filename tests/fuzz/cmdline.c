// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/linux/cmdline.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	char value[8];

	pt_cmdline_get(text, "iommu", value, sizeof(value));
	if (strlen(value) >= sizeof(value))
		abort();
	pt_cmdline_get(text, "a-b", value, 0);
	free(text);
	return 0;
}
