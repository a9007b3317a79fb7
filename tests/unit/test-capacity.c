// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/check/capacity.h"
#include "tests/unit/nodes.h"

/* "100,101" */
static const char *list_of(const struct pt_vmids *vmids)
{
	char *list = NULL;

	pt_foreach (vmid, vmids->vmid, vmids->count) {
		PT_FREE char *one = pt_format("%llu", (unsigned long long)*vmid);

		list = pt_list_add(list, ",", one);
	}
	return on_loan(list ? list : pt_strdup(""));
}

static void assert_row(const struct pt_capacity *row, const char *mapping, const char *node,
	size_t devices, const char *here, const char *coming)
{
	assert_string_equal(row->mapping, mapping);
	assert_string_equal(row->node, node);
	assert_int_equal(row->devices, devices);
	assert_string_equal(list_of(&row->here), here);
	assert_string_equal(list_of(&row->coming), coming);
}

static void mappings_that_guests_name_are_counted(void **state)
{
	struct pt_capacities PT_CAPACITIES capacities = {0};
	struct nodes IN_NODES nodes;

	(void)state;
	open_nodes(&nodes);
	guest_on(&nodes, 1, 100, "hostpci0: mapping=disk\nhostpci1: mapping=disk\n");
	guest_on(&nodes, 1, 101, "hostpci0: mapping=disk\n");
	guest_on(&nodes, 1, 102, "hostpci0: 0000:02:00.0\n");
	guest_on(&nodes, 1, 103, "hostpci0: mapping=disk\ntemplate: 1\n");
	guest_on(&nodes, 2, 200, "hostpci0: mapping=disk\n");
	guest_on(&nodes, 2, 201, "hostpci0: mapping=gone\n");
	file_on_all(&nodes, PT_PVE_HA "/resources.cfg", "vm: 200\n\tgroup two\n\nvm: 101\n");
	file_on_all(&nodes, PT_PVE_HA "/groups.cfg",
		"group: two\n\tnodes node2,node3\n\trestricted 1\n");
	pt_capacities_count(learn_nodes(&nodes), &capacities);
	assert_int_equal(capacities.count, 4);
	assert_row(&capacities.row[0], "disk", "node1", 2, "100,100,101", "");
	assert_row(&capacities.row[1], "disk", "node2", 2, "200", "101");
	assert_row(&capacities.row[2], "disk", "node3", 1, "", "101,200");
	assert_row(&capacities.row[3], "gone", "node2", 0, "201", "");
}

static void a_device_that_is_not_that_of_the_mapping_does_not_count(void **state)
{
	struct pt_capacities PT_CAPACITIES capacities = {0};
	struct nodes IN_NODES nodes;

	(void)state;
	open_nodes(&nodes);
	file_on_all(&nodes, PT_PVE_PCI_MAPPINGS,
		"disk\n" DISK("node1", "0000:02:00.0", "2") DISK("node1", "0000:77:00.0", "3")
			DISK("node1", "0000:03:00.0", "9"));
	guest_on(&nodes, 1, 100, "hostpci0: mapping=disk\n");
	pt_capacities_count(learn_nodes(&nodes), &capacities);
	assert_int_equal(capacities.count, 1);
	assert_row(&capacities.row[0], "disk", "node1", 1, "100", "");
}

/* Sixteen small ones of one card, of which a guest that runs has one. */
static void mediated_devices_are_counted_by_type(void **state)
{
	static const char types[] = "/sys/bus/pci/devices/0000:02:00.0/mdev_supported_types/t-1/";
	PT_FREE char *available = pt_format("%savailable_instances", types);
	struct pt_capacities PT_CAPACITIES capacities = {0};
	struct nodes IN_NODES nodes;

	(void)state;
	open_nodes(&nodes);
	file_on_all(&nodes, PT_PVE_PCI_MAPPINGS,
		"disk\n" DISK("node1", "0000:03:00.0", "3") "\nslices\n\tmdev 1\n" DISK(
			"node1", "0000:02:00.0", "2") DISK("node2", "0000:02:00.0", "2"));
	guest_on(&nodes, 1, 100, "hostpci0: mapping=slices,mdev=t-1\n");
	guest_on(&nodes, 1, 101, "hostpci0: mapping=slices,mdev=t-1\nhostpci1: mapping=disk\n");
	fake_file(&nodes.fake[0], available, "15\n");
	fake_file(&nodes.fake[0], PT_PVE_RUN "/100.pid", "4242\n");
	process_4242(&nodes.fake[0], KVM_OF("100"));
	pt_capacities_count(learn_nodes(&nodes), &capacities);
	assert_int_equal(capacities.count, 2);
	assert_row(&capacities.row[0], "disk", "node1", 1, "101", "");
	assert_null(capacities.row[0].type);
	/* node2's is none that makes such */
	assert_row(&capacities.row[1], "slices", "node1", 16, "100,101", "");
	assert_string_equal(capacities.row[1].type, "t-1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mappings_that_guests_name_are_counted),
		cmocka_unit_test(mediated_devices_are_counted_by_type),
		cmocka_unit_test(a_device_that_is_not_that_of_the_mapping_does_not_count),
	};

	return cmocka_run_group_tests_name("capacity", tests, NULL, NULL);
}
