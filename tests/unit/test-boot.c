// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/boot.h"
#include "tests/unit/unit.h"

static void both_loaders_have_files(void **state)
{
	struct fake *fake = *state;
	struct pt_boot boot;

	pt_boot_read(fake->host, &boot);
	assert_null(boot.systemd);
	assert_null(boot.grub);
	fake_file(fake, PT_BOOT_SYSTEMD_FILE, "root=ZFS=rpool/ROOT/pve-1 intel_iommu=on\n");
	fake_file(fake, PT_BOOT_GRUB_FILE,
		"GRUB_DEFAULT=0\n# GRUB_CMDLINE_LINUX=\"x\"\nGRUB_CMDLINE_LINUX=\"iommu=pt\"\n"
		"GRUB_CMDLINE_LINUX_DEFAULT='quiet splash'\nGRUB_TIMEOUT=5\n");
	pt_boot_read(fake->host, &boot);
	assert_string_equal(boot.systemd, "root=ZFS=rpool/ROOT/pve-1 intel_iommu=on");
	assert_string_equal(boot.grub, "iommu=pt quiet splash");
	pt_boot_clear(&boot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(both_loaders_have_files),
	};

	return cmocka_run_group_tests_name("boot", tests, NULL, NULL);
}
