// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/ha.h"
#include "pve/config/paths.h"
#include "tests/unit/unit.h"

static const char resources[] =
	"vm: 100\n\tgroup big\n\tstate started\n\nct: 101\n\tstate started\n"
	"# a comment\nvm: 102\n\tgroup any\nvm: 103\n\tstate started\nvm: x\n"
	"vm: 104\n\tstate ignored\n";

static void groups_bind_when_restricted(void **state)
{
	static const char groups[] = "group: big\n\tnodes node1:2,node3\n\trestricted 1\n"
				     "group: any\n\tnodes node2\n\trestricted 0\n";
	struct pt_ha ha = {0};

	(void)state;
	pt_ha_parse(resources, groups, NULL, &ha);
	assert_int_equal(ha.count, 3);
	assert_null(pt_ha_find(&ha, 101));
	assert_int_equal(pt_ha_find(&ha, 100)->node.count, 2);
	assert_string_equal(pt_ha_find(&ha, 100)->node.name[0], "node1");
	assert_string_equal(pt_ha_find(&ha, 100)->node.name[1], "node3");
	/* a wish only */
	assert_int_equal(pt_ha_find(&ha, 102)->node.count, 0);
	assert_int_equal(pt_ha_find(&ha, 103)->node.count, 0);
	assert_false(pt_ha_find(&ha, 100)->stopped);
	pt_ha_clear(&ha);
	pt_ha_parse(
		"vm: 100\n\tstate stopped\nvm: 101\n\tstate disabled\nvm: 102\n\tstate enabled\n",
		NULL, NULL, &ha);
	assert_true(pt_ha_find(&ha, 100)->stopped);
	assert_true(pt_ha_find(&ha, 101)->stopped);
	assert_false(pt_ha_find(&ha, 102)->stopped);
	pt_ha_clear(&ha);
}

static void rules_bind_when_strict(void **state)
{
	static const char rules[] =
		"node-affinity: one\n\tresources vm:102,vm:103\n\tnodes node2,../x,node4:1\n\tstrict 1\n"
		"node-affinity: two\n\tresources vm:100\n\tnodes node9\n\tstrict 1\n\tdisable 1\n"
		"resource-affinity: three\n\tresources vm:100,vm:102\n\taffinity negative\n\tnodes node8\n\tstrict 1\n"
		"node-affinity: four\n\tresources vm:1002,ct:100\n\tnodes node7\n\tstrict 1\n";
	struct pt_ha ha = {0};

	(void)state;
	pt_ha_parse(resources, NULL, rules, &ha);
	assert_int_equal(pt_ha_find(&ha, 100)->node.count, 0);
	assert_int_equal(pt_ha_find(&ha, 102)->node.count, 2);
	assert_string_equal(pt_ha_find(&ha, 103)->node.name[1], "node4");
	pt_ha_clear(&ha);
	pt_ha_parse(NULL, NULL, rules, &ha);
	assert_int_equal(ha.count, 0);
}

static void files_may_be_missing(void **state)
{
	struct fake *fake = *state;
	struct pt_err err = {0};
	struct pt_ha ha = {0};

	assert_int_equal(pt_ha_read(fake->host, &ha, NULL), 0);
	assert_int_equal(ha.count, 0);
	fake_file(fake, PT_PVE_HA "/resources.cfg", resources);
	assert_int_equal(pt_ha_read(fake->host, &ha, NULL), 0);
	assert_int_equal(ha.count, 3);
	pt_ha_clear(&ha);
	fake_dir(fake, PT_PVE_HA "/groups.cfg");
	assert_int_equal(pt_ha_read(fake->host, &ha, &err), -EISDIR);
	assert_string_equal(err.text, PT_PVE_HA "/groups.cfg: Is a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_bind_when_restricted),
		cmocka_unit_test(rules_bind_when_strict),
		MACHINE_TEST(files_may_be_missing),
	};

	return cmocka_run_group_tests_name("ha", tests, NULL, NULL);
}
