// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/mapping.h"
#include "pve/config/paths.h"
#include "tests/unit/unit.h"

static void mappings_are_read(void **state)
{
	struct fake *fake = *state;
	struct pt_mappings mappings = {0};

	assert_int_equal(pt_mappings_read(fake->host, &mappings, NULL), 0);
	assert_int_equal(mappings.count, 0);
	fake_file(fake, PT_PVE_PCI_MAPPINGS,
		"gpu\n\tmap id=10de:2204,node=node1,path=0000:01:00\n\tfoo bar\n");
	assert_int_equal(pt_mappings_read(fake->host, &mappings, NULL), 0);
	assert_non_null(pt_mapping_find(&mappings, "gpu"));
	assert_null(pt_mapping_find(&mappings, "GPU"));
	assert_int_equal(mappings.dropped_count, 1);
	assert_int_equal(mappings.dropped[0].line, 3);
	pt_mappings_clear(&mappings);
	fake_remove(fake, PT_PVE_PCI_MAPPINGS);
	fake_dir(fake, PT_PVE_PCI_MAPPINGS);
	assert_int_equal(pt_mappings_read(fake->host, &mappings, NULL), -EISDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(mappings_are_read),
	};

	return cmocka_run_group_tests_name("mapping", tests, NULL, NULL);
}
