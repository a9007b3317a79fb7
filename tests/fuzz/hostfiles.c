// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/pci/iommu.h"
#include "lib/linux/memory.h"
#include "lib/use/use-console.h"
#include "tests/fuzz/fuzz-host.h"

/* The input is each of the files that tell of the host's memory, IOMMU and interrupts. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const path[] = {"/proc/iomem", "/proc/interrupts", "/proc/meminfo",
		"/proc/spl/kstat/zfs/arcstats", "/sys/firmware/acpi/tables/IVRS",
		"/sys/class/iommu/dmar0/intel-iommu/cap", "/sys/class/graphics/fb0/name"};
	struct fake *fake = fuzz_host();
	struct pt_function function = {
		.bar = {{.start = 0xe0000000, .size = 0x1000000, .memory = true}}};
	struct pt_memory memory = {0};
	struct pt_uses uses = {0};
	int width;

	for (size_t i = 0; i < PT_ARRAY_SIZE(path); i++)
		fake_bytes(fake, path[i], (const char *)data, size);
	width = pt_iommu_width(fake->host);
	if (width < 0 || width > 64)
		abort();
	fake_remove(fake, path[5]);
	width = pt_iommu_width(fake->host);
	if (width < 0 || width > 64)
		abort();
	pt_iommu_remapping(fake->host);
	pt_memory_read(fake->host, &memory);
	pt_use_console(fake->host, &function, &uses);
	if (uses.count > 1)
		abort();
	pt_uses_clear(&uses);
	return 0;
}
