// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/check/failover.h"
#include "tests/unit/nodes.h"

/* Without node2. */
static void make(struct nodes *nodes, struct pt_failover *ret)
{
	struct pt_cluster *cluster = learn_nodes(nodes);
	struct pt_guest *const *guest = NULL;
	size_t count = 0;

	pt_failover_clear(ret);
	assert_int_equal(pt_node_guests(cluster->node[1].node, &guest, &count, NULL), 0);
	assert_int_equal(pt_failover_make(cluster, "node2", guest, count, ret, NULL), 0);
}

static void assert_guest(const struct pt_failover *failover, size_t at, unsigned int vmid,
	const char *node, const char *how)
{
	assert_true(at < failover->count);
	assert_int_equal(failover->guest[at].vmid, vmid);
	assert_string_equal(failover->guest[at].node, node);
	assert_holds(failover->guest[at].how, how);
}

/* What one guest wants may be what another one needs: the whole is looked at. */
static void guests_go_where_there_is_room(void **state)
{
	struct pt_failover PT_FAILOVER failover = {0};
	struct nodes IN_NODES nodes;

	(void)state;
	open_nodes(&nodes);
	guest_on(&nodes, 1, 100, "hostpci0: mapping=disk\nonboot: 1\n");
	guest_on(&nodes, 2, 200, "hostpci0: mapping=disk\n");
	guest_on(&nodes, 2, 201, "hostpci0: mapping=disk\n");
	guest_on(&nodes, 2, 202, "hostpci0: mapping=disk\n");
	guest_on(&nodes, 2, 203, "hostpci0: 0000:05:00.0\n");
	guest_on(&nodes, 2, 204, "hostpci0: 0000:05:00.0\n");
	guest_on(&nodes, 2, 205, "memory: 64\n");
	file_on_all(&nodes, PT_PVE_HA "/resources.cfg",
		"vm: 200\n\nvm: 201\n\tgroup one\n\nvm: 202\n\tgroup one\n\nvm: 203\n\nvm: 205\n");
	file_on_all(&nodes, PT_PVE_HA "/groups.cfg",
		"group: one\n\tnodes node1,node2\n\trestricted 1\n");
	make(&nodes, &failover);
	assert_int_equal(failover.count, 5);
	assert_guest(&failover, 0, 200, "node3", "hostpci0 0000:02:00.0");
	assert_guest(&failover, 1, 201, "node1", "hostpci0 0000:03:00.0");
	assert_guest(&failover, 2, 202, "",
		"node1: hostpci0: other guests have every device of mapping disk");
	assert_guest(&failover, 3, 203, "node1", "hostpci0 0000:05:00.0");
	assert_guest(&failover, 4, 204, "", "HA does not manage it");
	assert_false(failover.guest[4].managed);
}

/* An address means what lies there, and one guest has it. */
static void an_address_serves_one_guest_a_node(void **state)
{
	struct pt_failover PT_FAILOVER failover = {0};
	struct nodes IN_NODES nodes;

	(void)state;
	open_nodes(&nodes);
	guest_on(&nodes, 2, 200, "hostpci0: 0000:05:00.0\n");
	guest_on(&nodes, 2, 201, "hostpci0: 0000:05:00.0\n");
	guest_on(&nodes, 2, 202, "hostpci0: 0000:05:00.0\n");
	guest_on(&nodes, 2, 203, "hostpci0: 0000:77:00.0\n");
	file_on_all(
		&nodes, PT_PVE_HA "/resources.cfg", "vm: 200\n\nvm: 201\n\nvm: 202\n\nvm: 203\n");
	make(&nodes, &failover);
	assert_guest(&failover, 0, 200, "node1", "hostpci0 0000:05:00.0");
	assert_guest(&failover, 1, 201, "node3", "hostpci0 0000:05:00.0");
	assert_guest(&failover, 2, 202, "",
		"node1: hostpci0: guest 200 has 0000:05:00.0; node3: "
		"hostpci0: guest 201 has 0000:05:00.0");
	assert_guest(&failover, 3, 203, "", "node1: hostpci0: there is no PCI device 0000:77:00.0");
}

/* The host of a node that stays uses a disk of the mapping. */
static void what_a_host_uses_is_not_free(void **state)
{
	struct pt_failover PT_FAILOVER failover = {0};
	struct nodes IN_NODES nodes;

	(void)state;
	open_nodes(&nodes);
	guest_on(&nodes, 2, 200, "hostpci0: 0000:04:00.0\n");
	file_on_all(&nodes, PT_PVE_HA "/resources.cfg", "vm: 200\n\tgroup one\n");
	file_on_all(&nodes, PT_PVE_HA "/groups.cfg", "group: one\n\tnodes node1\n\trestricted 1\n");
	make(&nodes, &failover);
	assert_guest(&failover, 0, 200, "node1", "hostpci0 0000:04:00.0");
	file_on_all(&nodes, PT_PVE_RUN "/300.pid", "");
	guest_on(&nodes, 1, 300, "hostpci0: 0000:04:00.0\nonboot: 1\n");
	make(&nodes, &failover);
	assert_guest(&failover, 0, 200, "", "node1: hostpci0: guest 300 has 0000:04:00.0");
}

/* What HA keeps stopped starts nowhere, and takes nothing. */
static void stopped_guests_wait(void **state)
{
	struct pt_failover PT_FAILOVER failover = {0};
	struct nodes IN_NODES nodes;

	(void)state;
	open_nodes(&nodes);
	guest_on(&nodes, 1, 100, "hostpci0: 0000:05:00.0\n");
	guest_on(&nodes, 2, 200, "hostpci0: 0000:05:00.0\n");
	guest_on(&nodes, 2, 201, "hostpci0: 0000:05:00.0\n");
	file_on_all(&nodes, PT_PVE_HA "/resources.cfg",
		"vm: 100\n\tstate stopped\n\tgroup one\n\nvm: 200\n\tstate disabled\n\nvm: 201\n\tstate started\n\tgroup one\n");
	file_on_all(&nodes, PT_PVE_HA "/groups.cfg", "group: one\n\tnodes node1\n\trestricted 1\n");
	make(&nodes, &failover);
	assert_guest(&failover, 0, 200, "", "HA does not start it: its state is stopped");
	assert_guest(&failover, 1, 201, "node1", "hostpci0 0000:05:00.0");
}

/* The same address, and another card. */
static void an_address_may_mean_another_device(void **state)
{
	struct pt_failover PT_FAILOVER failover = {0};
	struct nodes IN_NODES nodes;

	(void)state;
	open_nodes(&nodes);
	guest_on(&nodes, 2, 200, "hostpci0: 0000:05:00.0\n");
	fake_file(&nodes.fake[0], "/sys/bus/pci/devices/0000:05:00.0/device", "0x1572\n");
	file_on_all(&nodes, PT_PVE_HA "/resources.cfg", "vm: 200\n\tgroup one\n");
	file_on_all(&nodes, PT_PVE_HA "/groups.cfg", "group: one\n\tnodes node1\n\trestricted 1\n");
	make(&nodes, &failover);
	assert_guest(&failover, 0, 200, "",
		"node1: hostpci0: 0000:05:00.0 is another device there, 1234:1572 in place of 1234:11e8");
}

/* A function makes so many mediated devices, and no more. */
static void mediated_devices_are_counted(void **state)
{
	static const char types[] = "/sys/bus/pci/devices/0000:05:00.0/mdev_supported_types/t-1/";
	struct pt_failover PT_FAILOVER failover = {0};
	PT_FREE char *available = pt_format("%savailable_instances", types);
	struct nodes IN_NODES nodes;

	(void)state;
	open_nodes(&nodes);
	file_on_all(&nodes, available, "2\n");
	for (unsigned int vmid = 200; vmid < 203; vmid++)
		guest_on(&nodes, 2, vmid, "hostpci0: 0000:05:00.0,mdev=t-1\n");
	file_on_all(&nodes, PT_PVE_HA "/resources.cfg",
		"vm: 200\n\tgroup one\n\nvm: 201\n\tgroup one\n\nvm: 202\n\tgroup one\n");
	file_on_all(&nodes, PT_PVE_HA "/groups.cfg", "group: one\n\tnodes node1\n\trestricted 1\n");
	make(&nodes, &failover);
	assert_guest(&failover, 0, 200, "node1", "hostpci0 0000:05:00.0");
	assert_guest(&failover, 1, 201, "node1", "hostpci0 0000:05:00.0");
	assert_guest(
		&failover, 2, 202, "", "node1: hostpci0: no mediated device of type t-1 is left");
	/* two of one guest */
	file_on_all(&nodes, available, "1\n");
	guest_on(&nodes, 2, 200,
		"hostpci0: 0000:05:00.0,mdev=t-1\nhostpci1: 0000:05:00.0,mdev=t-1\n");
	make(&nodes, &failover);
	assert_guest(&failover, 0, 200, "", "no mediated device of type t-1 is left");
	assert_guest(&failover, 1, 201, "node1", "hostpci0 0000:05:00.0");
}

/* Nobody can be placed if nothing is known. */
static void an_unknown_node_takes_nobody(void **state)
{
	struct pt_failover PT_FAILOVER failover = {0};
	struct pt_guest *const *guest = NULL;
	struct pt_cluster *cluster;
	struct nodes IN_NODES nodes;
	size_t count = 0;

	(void)state;
	open_nodes(&nodes);
	guest_on(&nodes, 2, 200, "hostpci0: mapping=disk\n");
	file_on_all(&nodes, PT_PVE_HA "/resources.cfg", "vm: 200\n");
	cluster = learn_nodes(&nodes);
	for (size_t i = 0; i < NODES; i += 2)
		pt_node_close(PT_STEAL(cluster->node[i].node));
	assert_int_equal(pt_node_guests(cluster->node[1].node, &guest, &count, NULL), 0);
	assert_int_equal(pt_failover_make(cluster, "node2", guest, count, &failover, NULL), 0);
	assert_guest(&failover, 0, 200, "",
		"HA may start it on no other node of which anything is known");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guests_go_where_there_is_room),
		cmocka_unit_test(an_address_serves_one_guest_a_node),
		cmocka_unit_test(what_a_host_uses_is_not_free),
		cmocka_unit_test(stopped_guests_wait),
		cmocka_unit_test(an_address_may_mean_another_device),
		cmocka_unit_test(mediated_devices_are_counted),
		cmocka_unit_test(an_unknown_node_takes_nobody),
	};

	return cmocka_run_group_tests_name("failover", tests, NULL, NULL);
}
