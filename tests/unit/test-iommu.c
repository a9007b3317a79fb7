// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/pci/iommu.h"
#include "tests/unit/unit.h"

static void active_is_what_has_an_entry(void **state)
{
	struct fake *fake = *state;

	assert_true(pt_iommu_active(fake->host));
	fake_remove(fake, PT_IOMMU_CLASS "/dmar0");
	assert_false(pt_iommu_active(fake->host));
	fake_remove(fake, PT_IOMMU_CLASS);
	assert_false(pt_iommu_active(fake->host));
}

static void the_narrowest_counts(void **state)
{
	struct fake *fake = *state;

	assert_int_equal(pt_iommu_width(fake->host), 0);
	/* bits 21:16 are the width less one: 2f of a server's, 26 of a client's for graphics */
	fake_file(fake, PT_IOMMU_CLASS "/dmar0/intel-iommu/cap", "c402f0462\n");
	assert_int_equal(pt_iommu_width(fake->host), 48);
	fake_file(fake, PT_IOMMU_CLASS "/dmar1/intel-iommu/cap", "c40260462\n");
	assert_int_equal(pt_iommu_width(fake->host), 39);
	fake_file(fake, PT_IOMMU_CLASS "/dmar1/intel-iommu/cap", "nonsense\n");
	assert_int_equal(pt_iommu_width(fake->host), 48);
	/* page tables of three levels are narrower than the unit's width */
	fake_file(fake, PT_IOMMU_CLASS "/dmar1/intel-iommu/cap", "c402f0262\n");
	assert_int_equal(pt_iommu_width(fake->host), 39);
	fake_remove(fake, PT_IOMMU_CLASS "/dmar0/intel-iommu");
	fake_file(fake, PT_IOMMU_CLASS "/dmar1/intel-iommu/cap", "c40380862\n");
	assert_int_equal(pt_iommu_width(fake->host), 57);
}

/* AMD's: of 64 bits on all that is sold, of 48 and fewer on early ones. */
static void amds_width_stands_in_its_table(void **state)
{
	struct fake *fake = *state;
	char table[48] = "IVRS";

	fake_bytes(fake, PT_FIRMWARE_TABLES "/IVRS", table, 36);
	assert_int_equal(pt_iommu_width(fake->host), 0);
	memcpy(table + 36, "\x43\x30\x20\x00", 4);
	fake_bytes(fake, PT_FIRMWARE_TABLES "/IVRS", table, sizeof(table));
	assert_int_equal(pt_iommu_width(fake->host), 64);
	memcpy(table + 36, "\x00\x30\x18\x00", 4);
	fake_bytes(fake, PT_FIRMWARE_TABLES "/IVRS", table, sizeof(table));
	assert_int_equal(pt_iommu_width(fake->host), 48);
	/* the active one counts */
	fake_remove(fake, PT_IOMMU_CLASS "/dmar0");
	assert_int_equal(pt_iommu_width(fake->host), 0);
}

static void remapping_shows_in_the_chips(void **state)
{
	struct fake *fake = *state;

	assert_int_equal(pt_iommu_remapping(fake->host), PT_REMAPPING_UNKNOWN);
	fake_file(fake, "/proc/interrupts", "  0: 9 IO-APIC 2-edge timer\n");
	assert_int_equal(pt_iommu_remapping(fake->host), PT_REMAPPING_UNKNOWN);
	fake_file(fake, "/proc/interrupts", " 24: 0 PCI-MSI 458752-edge PCIe PME\n");
	assert_int_equal(pt_iommu_remapping(fake->host), PT_REMAPPING_OFF);
	fake_file(fake, "/proc/interrupts",
		" 24: 0 DMAR-MSI 0-edge dmar0\n 25: 0 IR-PCI-MSI 458752-edge PCIe PME\n");
	assert_int_equal(pt_iommu_remapping(fake->host), PT_REMAPPING_ON);
	/* newer kernels name the device's domain */
	fake_file(fake, "/proc/interrupts", " 25: 0 IR-PCI-MSIX-0000:02:00.0 0-edge nvme0q0\n");
	assert_int_equal(pt_iommu_remapping(fake->host), PT_REMAPPING_ON);
	fake_file(fake, "/proc/interrupts", " 25: 0 PCI-MSIX-0000:02:00.0 0-edge nvme0q0\n");
	assert_int_equal(pt_iommu_remapping(fake->host), PT_REMAPPING_OFF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(active_is_what_has_an_entry),
		MACHINE_TEST(the_narrowest_counts),
		MACHINE_TEST(amds_width_stands_in_its_table),
		MACHINE_TEST(remapping_shows_in_the_chips),
	};

	return cmocka_run_group_tests_name("iommu", tests, NULL, NULL);
}
