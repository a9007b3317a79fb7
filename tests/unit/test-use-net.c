// SPDX-License-Identifier: AGPL-3.0-or-later
/* What links mean for an interface; the real ones are asked in the lab. */
#include "lib/use/use-net.h"
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

#define NIC                                                                                        \
	{                                                                                          \
		.index = 2, .name = "eth0"                                                         \
	}

/* What is found of eth0, how strong; NULL: nothing. */
static void expect(struct pt_link *link, size_t count, const char *how, bool weak)
{
	char name[] = "eth0";
	struct pt_devnode node = {.kind = PT_DEVNODE_NET, .name = name};
	struct pt_devnodes nodes = {&node, 1};
	struct pt_links links = {link, count};
	struct pt_uses PT_USES uses = {0};

	assert_int_equal(pt_net_judge(&links, &nodes, &uses), 0);
	assert_int_equal(uses.count, how ? 1 : 0);
	if (!how)
		return;
	assert_string_equal(uses.use[0].what, "eth0");
	assert_string_equal(uses.use[0].how, how);
	assert_int_equal(uses.use[0].weak, weak);
	assert_int_equal(uses.use[0].kind, PT_USE_NET);
}
#define EXPECT(how, weak, ...)                                                                     \
	do {                                                                                       \
		struct pt_link links_[] = {__VA_ARGS__};                                           \
		expect(links_, PT_ARRAY_SIZE(links_), (how), (weak));                              \
	} while (0)

static void the_clusters_links_are_known(void **state)
{
	struct fake *fake = *state;
	struct pt_names PT_NAMES names = {0};

	assert_int_equal(pt_cluster_addresses(fake->host, &names), 0);
	assert_int_equal(names.count, 0);
	fake_file(fake, "/etc/corosync/corosync.conf",
		"nodelist {\n  node {\n    name: one\n    ring0_addr: 10.0.0.1\n"
		"    ring1_addr:\tFD00:0::1\n  }\n  node {\n    ring0_addr: two\n  }\n}\n"
		"totem {\n  ring_addr: x\n}\n");
	assert_int_equal(pt_cluster_addresses(fake->host, &names), 0);
	assert_int_equal(names.count, 2);
	assert_string_equal(names.name[0], "10.0.0.1");
	assert_string_equal(names.name[1], "fd00::1");
}

static void a_cluster_link_by_name_is_looked_up(void **state)
{
	struct fake *fake = *state;
	struct pt_names PT_NAMES names = {0};

	fake_file(fake, "/etc/hosts",
		"127.0.0.1 localhost\n10.0.0.9 far # two\n\nFD00:0::2 two\n"
		"10.0.0.2\ttwo.example.org TWO # the second\nnothing two\n");
	fake_file(fake, "/etc/corosync/corosync.conf",
		"ring0_addr: two\nring0_addr: 10.0.0.9\nring0_addr: three\n");
	assert_int_equal(pt_cluster_addresses(fake->host, &names), 0);
	assert_int_equal(names.count, 3);
	/* which of them corosync takes is its own to say */
	assert_string_equal(names.name[0], "fd00::2");
	assert_string_equal(names.name[1], "10.0.0.2");
	assert_string_equal(names.name[2], "10.0.0.9");
}

static void one_by_itself(void **state)
{
	(void)state;
	EXPECT("carries the route to 10.15.15.51/32", false,
		{.index = 2, .name = "eth0", .route = "10.15.15.51/32"});
	EXPECT("has address 10.0.0.1/24, by which corosync reaches the cluster", false,
		{.index = 2,
			.name = "eth0",
			.address = "10.0.0.1/24",
			.cluster = true,
			.default_route = true});
	EXPECT(NULL, false, NIC);
	EXPECT(NULL, false, {.index = 3, .name = "eth1", .default_route = true});
	EXPECT("has a link-local address only", true,
		{.index = 2, .name = "eth0", .link_local = true});
	EXPECT("has address 10.0.0.1/24", false,
		{.index = 2, .name = "eth0", .address = "10.0.0.1/24", .link_local = true});
	EXPECT("carries a default route of this host", false,
		{.index = 2, .name = "eth0", .address = "10.0.0.1/24", .default_route = true});
}

static void ports(void **state)
{
	(void)state;
	EXPECT("is the only port of bridge vmbr0, which has no address", true,
		{.index = 2, .name = "eth0", .master = 5},
		{.index = 5, .name = "vmbr0", .kind = "bridge"});
	EXPECT("is a port of bridge vmbr0, as tap100i0 is", false,
		{.index = 2, .name = "eth0", .master = 5},
		{.index = 5, .name = "vmbr0", .kind = "bridge"},
		{.index = 6, .name = "tap100i0", .kind = "tun", .master = 5});
	EXPECT("is a port of bridge vmbr0, which has address 10.0.0.1/24", false,
		{.index = 2, .name = "eth0", .master = 5},
		{.index = 5, .name = "vmbr0", .kind = "bridge", .address = "10.0.0.1/24"});
	EXPECT("is a port of bond bond0", false, {.index = 2, .name = "eth0", .master = 5},
		{.index = 5, .name = "bond0", .kind = "bond"});
	EXPECT("is a port of openvswitch ovs-system", false,
		{.index = 2, .name = "eth0", .master = 5},
		{.index = 5, .name = "ovs-system", .kind = "openvswitch"});
	EXPECT("is a port of bond bond0, which is a port of bridge vmbr0, which carries a default "
	       "route of this host",
		false, {.index = 2, .name = "eth0", .master = 5},
		{.index = 5, .name = "bond0", .kind = "bond", .master = 6},
		{.index = 6, .name = "vmbr0", .kind = "bridge", .default_route = true});
}

static void on_top(void **state)
{
	(void)state;
	EXPECT("has vlan eth0.5 on top", false, NIC,
		{.index = 3, .name = "eth0.5", .kind = "vlan", .below = 2});
	EXPECT("has vlan eth0.5 on top, which carries traffic of this host", false, NIC,
		{.index = 3,
			.name = "eth0.5",
			.kind = "vlan",
			.below = 2,
			.address = "10.5.0.1/24"});
	/* links that lead in a circle end */
	EXPECT("is the only port of bridge br0, which has no address", true,
		{.index = 2, .name = "eth0", .master = 3},
		{.index = 3, .name = "br0", .kind = "bridge", .master = 2});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(finds_interfaces_that_are_up),
		MACHINE_TEST(the_clusters_links_are_known),
		MACHINE_TEST(a_cluster_link_by_name_is_looked_up),
		cmocka_unit_test(one_by_itself),
		cmocka_unit_test(ports),
		cmocka_unit_test(on_top),
	};

	return cmocka_run_group_tests_name("use-net", tests, NULL, NULL);
}
