// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/use-net.h"
#include "tests/unit/unit.h"

static void finds_interfaces_that_are_up(void **state)
{
	struct fake *fake = *state;
	struct pt_bdf vf = bdf_of("0000:04:10.0");
	char name[PT_NETDEV_TEXT];

	assert_false(pt_net_up(fake->host, &vf, name));
	fake_file(fake, "/sys/bus/pci/devices/0000:04:10.0/net/eth7/flags", "0x1002\n");
	assert_false(pt_net_up(fake->host, &vf, name));
	fake_file(fake, "/sys/bus/pci/devices/0000:04:10.0/net/eth8/flags", "0x1003\n");
	assert_true(pt_net_up(fake->host, &vf, name));
	assert_string_equal(name, "eth8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(finds_interfaces_that_are_up),
	};

	return cmocka_run_group_tests_name("use-net", tests, NULL, NULL);
}
