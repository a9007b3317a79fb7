// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/pci/group.h"
#include "tests/unit/unit.h"

static void reads_groups(void **state)
{
	struct fake *fake = *state;
	struct pt_group group = {0};
	struct pt_err err = {0};

	assert_int_equal(pt_group_read(fake->host, "0000:01:00.1", &group, NULL), 0);
	assert_int_equal(group.number, 1);
	assert_int_equal(group.function_count, 3);
	pt_group_clear(&group);
	fake_link(fake, "/sys/kernel/iommu_groups/1/devices/MSFT0101:00", "/gone");
	assert_int_equal(pt_group_read(fake->host, "0000:01:00.1", &group, NULL), 0);
	assert_int_equal(group.member.count, 4);
	assert_int_equal(group.function_count, 3);
	pt_group_clear(&group);
	fake_link(fake, "/sys/kernel/iommu_groups/1/devices/abcd:foo", "/gone");
	assert_int_equal(pt_group_read(fake->host, "0000:01:00.1", &group, &err), -EINVAL);
	assert_holds(err.text, "member abcd:foo of its IOMMU group 1 is no PCI address");
	pt_group_clear(&group);
	fake_remove(fake, "/sys/bus/pci/devices/0000:02:00.0/iommu_group");
	assert_int_equal(pt_group_read(fake->host, "0000:02:00.0", &group, &err), -ENOENT);
	assert_holds(err.text, "has no IOMMU group");
	pt_group_clear(&group);
	assert_true(pt_iommu_active(fake->host));
	fake_remove(fake, "/sys/class/iommu/dmar0");
	assert_false(pt_iommu_active(fake->host));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(reads_groups),
	};

	return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}
