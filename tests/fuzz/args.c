// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/pci/bdf.h"
#include "pve/config/args.h"
#include "tests/fuzz/fuzz.h"

/* The result is a list of addresses. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PT_FREE char *args = strndup((const char *)data, size);
	PT_FREE char *devices = pt_args_devices(args);
	char *name, *rest = NULL;
	struct pt_bdf bdf;

	for (name = devices ? strtok_r(devices, ";", &rest) : NULL; name;
		name = strtok_r(NULL, ";", &rest)) {
		if (!pt_bdf_parse(name, &bdf))
			abort();
	}
	return 0;
}
