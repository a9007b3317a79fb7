// SPDX-License-Identifier: AGPL-3.0-or-later
/* The meaning of links for an interface; the lab has real ones. */
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

/* The use that is found of eth0, and its strength; NULL: none. */
static void expect(struct pt_link *link, size_t count, const char *how, bool weak)
{
	char name[] = "eth0";
	struct pt_devfile node = {.kind = PT_DEVFILE_NET, .name = name};
	struct pt_devfiles nodes = {&node, 1};
	struct pt_links links = {link, count};
	struct pt_uses PT_USES uses = {0};

	pt_net_judge(&links, &nodes, &uses);
	assert_int_equal(uses.count, how ? 1 : 0);
	if (!how)
		return;
	assert_string_equal(uses.use[0].what, "eth0");
	assert_string_equal(on_loan(pt_use_text(&uses.use[0])), on_loan(pt_format("eth0 %s", how)));
	assert_int_equal(uses.use[0].weak, weak);
	assert_int_equal(uses.use[0].kind, PT_USE_NET);
}
#define EXPECT(how, weak, ...)                                                                     \
	do {                                                                                       \
		struct pt_link links_[] = {__VA_ARGS__};                                           \
		expect(links_, PT_ARRAY_SIZE(links_), (how), (weak));                              \
	} while (0)

static void one_by_itself(void **state)
{
	(void)state;
	EXPECT("carries the route to 10.15.15.51/32", false,
		{.index = 2, .name = "eth0", .route = "10.15.15.51/32"});
	EXPECT(NULL, false, NIC);
	EXPECT(NULL, false, {.index = 3, .name = "eth1", .default_route = true});
	EXPECT("has only a link-local address", true,
		{.index = 2, .name = "eth0", .link_local = true});
	EXPECT("carries the address 10.0.0.1/24", false,
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
	EXPECT("is a port of bridge vmbr0, together with tap100i0", false,
		{.index = 2, .name = "eth0", .master = 5},
		{.index = 5, .name = "vmbr0", .kind = "bridge"},
		{.index = 6, .name = "tap100i0", .kind = "tun", .master = 5});
	EXPECT("carries the address 10.0.0.1/24 through bridge vmbr0", false,
		{.index = 2, .name = "eth0", .master = 5},
		{.index = 5, .name = "vmbr0", .kind = "bridge", .address = "10.0.0.1/24"});
	EXPECT("is a port of bond bond0", false, {.index = 2, .name = "eth0", .master = 5},
		{.index = 5, .name = "bond0", .kind = "bond"});
	EXPECT("is a port of openvswitch ovs-system", false,
		{.index = 2, .name = "eth0", .master = 5},
		{.index = 5, .name = "ovs-system", .kind = "openvswitch"});
	EXPECT("carries a default route of this host through bond bond0, bridge vmbr0", false,
		{.index = 2, .name = "eth0", .master = 5},
		{.index = 5, .name = "bond0", .kind = "bond", .master = 6},
		{.index = 6, .name = "vmbr0", .kind = "bridge", .default_route = true});
}

static void on_top(void **state)
{
	(void)state;
	EXPECT("has vlan eth0.5 on top", false, NIC,
		{.index = 3, .name = "eth0.5", .kind = "vlan", .below = 2});
	EXPECT("carries the address 10.5.0.1/24 through vlan eth0.5", false, NIC,
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

#define ROUTES                                                                                     \
	"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"

/* The use that links and routes show of eth7; NULL: none. */
static void expect_plainly(struct fake *fake, const char *how, bool weak)
{
	char name[] = "eth7";
	struct pt_devfile node = {.kind = PT_DEVFILE_NET, .name = name};
	struct pt_devfiles nodes = {&node, 1};
	struct pt_uses PT_USES uses = {0};

	assert_int_equal(pt_use_nets_plainly(fake->host, &nodes, &uses, NULL), 0);
	assert_int_equal(uses.count, how ? 1 : 0);
	if (!how)
		return;
	assert_string_equal(on_loan(pt_use_text(&uses.use[0])), on_loan(pt_format("eth7 %s", how)));
	assert_int_equal(uses.use[0].weak, weak);
}

static void what_links_and_routes_show(void **state)
{
	struct fake *fake = *state;

	expect_plainly(fake, NULL, false);
	/* link-local, multicast, and those of another */
	fake_file(fake, "/proc/1/net/route",
		ROUTES "eth7\t0000FEA9\t00000000\t0001\t0\t0\t1000\t0000FFFF\t0\t0\t0\n"
		       "eth7\t000000E0\t00000000\t0001\t0\t0\t0\t000000F0\t0\t0\t0\n"
		       "eth70\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
	fake_file(fake, "/proc/1/net/ipv6_route",
		"fe800000000000000000000000000000 40 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth7\n"
		"ff000000000000000000000000000000 08 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00000100 00000004 00000000 00000001     eth7\n");
	expect_plainly(fake, NULL, false);
	fake_file(fake, "/proc/1/net/ipv6_route",
		"20010db8000000000000000000000000 40 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth7\n");
	expect_plainly(fake, "carries the route to the network", false);
	/* what the router says of the wire */
	fake_file(fake, "/proc/1/net/ipv6_route",
		"20010db8000000000000000000000000 40 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00000100 00000001 00000000 00040001     eth7\n");
	expect_plainly(fake, NULL, false);
	fake_remove(fake, "/proc/1/net/ipv6_route");
	fake_file(fake, "/proc/1/net/route",
		ROUTES "vmbr1\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
	expect_plainly(fake, NULL, false);
	/* below a bond below a bridge with the route */
	fake_link(fake, "/sys/class/net/eth7/master", "../bond0");
	fake_link(fake, "/sys/class/net/bond0/upper_vmbr1", "../vmbr1");
	fake_dir(fake, "/sys/class/net/vmbr1");
	expect_plainly(fake, "carries a default route of this host through bond0", false);
	fake_remove(fake, "/proc/1/net/route");
	expect_plainly(fake, "has bond0 on top", false);
	/* below one of two VLANs of its bridge */
	fake_link(fake, "/sys/class/net/vmbr1/upper_vmbr1.10", "../vmbr1.10");
	fake_link(fake, "/sys/class/net/vmbr1/upper_vmbr1.20", "../vmbr1.20");
	fake_file(fake, "/proc/1/net/route",
		ROUTES "vmbr1.20\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
	expect_plainly(fake, "carries a default route of this host through bond0", false);
	fake_remove(fake, "/proc/1/net/route");
	fake_remove(fake, "/sys/class/net/vmbr1/upper_vmbr1.10");
	fake_remove(fake, "/sys/class/net/vmbr1/upper_vmbr1.20");
	/* alone on a bridge */
	fake_remove(fake, "/sys/class/net/eth7/master");
	fake_link(fake, "/sys/class/net/eth7/master", "../vmbr1");
	fake_dir(fake, "/sys/class/net/vmbr1/brif/eth7");
	expect_plainly(fake, "has vmbr1 on top", true);
	fake_dir(fake, "/sys/class/net/vmbr1/brif/tap101i0");
	expect_plainly(fake, "has vmbr1 on top", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(finds_interfaces_that_are_up),
		MACHINE_TEST(what_links_and_routes_show),
		cmocka_unit_test(one_by_itself),
		cmocka_unit_test(ports),
		cmocka_unit_test(on_top),
	};

	return cmocka_run_group_tests_name("use-net", tests, NULL, NULL);
}
