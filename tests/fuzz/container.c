// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/container.h"
#include "tests/fuzz/fuzz-host.h"

#define FOLDER "/sys/bus/pci/devices/0000:02:00.0"

/* The input is a container's config. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake *fake = fuzz_host();
	struct pt_function function = {0};
	const struct pt_function *one = &function;
	struct pt_uses uses = {0};

	pt_bdf_parse("0000:02:00.0", &function.bdf);
	fake_file(fake, FOLDER "/drm/card0/dev", "226:0\n");
	fake_file(fake, FOLDER "/drm/card0/uevent", "DEVNAME=dri/card0\n");
	fake_dir(fake, FOLDER "/net/enp2s0");
	fake_bytes(fake, "/etc/pve/nodes/node1/lxc/101.conf", (const char *)data, size);
	pt_container_uses(fake->host, "node1", &one, 1, &uses);
	pt_foreach (use, uses.use, uses.count) {
		if (!use->weak || strcmp(use->container, "101") != 0)
			abort();
	}
	pt_uses_clear(&uses);
	return 0;
}
