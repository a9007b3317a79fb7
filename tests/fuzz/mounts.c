// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/use/use-block.h"
#include "tests/fuzz/fuzz-host.h"

#define DISK "/sys/bus/pci/devices/0000:02:00.0/nvme/nvme0/nvme0n1"

/* The input is the list of mounts, and that of swap space: both are lists of words. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake *fake = fuzz_host();
	struct pt_function function = {0};
	struct pt_devfiles nodes = {0};
	struct pt_uses uses = {0};

	pt_bdf_parse("0000:02:00.0", &function.bdf);
	fake_file(fake, DISK "/dev", "259:0\n");
	fake_file(fake, DISK "/uevent", "DEVNAME=nvme0n1\n");
	fake_link(fake, DISK "/subsystem", "/sys/class/block");
	fake_link(fake, "/sys/class/block/nvme0n1", DISK);
	fake_bytes(fake, "/proc/1/mountinfo", (const char *)data, size);
	fake_bytes(fake, "/proc/swaps", (const char *)data, size);
	pt_devfiles_add(fake->host, &function, &nodes);
	if (!nodes.count || pt_use_blocks(fake->host, &nodes, &uses, NULL) < 0)
		abort();
	pt_foreach (use, uses.use, uses.count) {
		if (strcmp(use->what, "nvme0n1") != 0)
			abort();
	}
	pt_uses_clear(&uses);
	pt_devfiles_clear(&nodes);
	return 0;
}
