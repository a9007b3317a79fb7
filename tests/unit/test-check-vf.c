// SPDX-License-Identifier: AGPL-3.0-or-later
/* The checks of virtual functions and of what they hang on: each just triggers, and beside it just
 * does not. */

#include "tests/unit/judge.h"

static void parent_taken(void **state)
{
	static const char group[] = "/sys/bus/pci/devices/0000:04:10.0/iommu_group";
	struct fake *fake = *state;
	struct judged judged;

	passes(fake, "parent-taken", "hostpci0: 04:10.0\n");
	/* the VF comes into the group of its PF */
	fake_remove(fake, group);
	fake_link(fake, group, "../../../../kernel/iommu_groups/4");
	fake_link(fake, "/sys/kernel/iommu_groups/4/devices/0000:04:10.0",
		"../../../../devices/pci0000:00/0000:04:10.0");
	judge(fake, "hostpci0: 04:10.0\n", &judged);
	assert_string_equal(message_of(find(&judged, "parent-taken")),
		"shares its IOMMU group with its physical function 0000:04:00.0: taking the group "
		"destroys it");
	assert_null(find(&judged, "pf-with-vfs"));
	clear(&judged);
	/* pf-with-vfs says what becomes of it */
	triggers(fake, "pf-with-vfs", "hostpci0: 04:00.0\n", "which taking it destroys");
	passes(fake, "group-companions", "hostpci0: 04:00.0\n");
	/* both are the guest's */
	judge(fake, "hostpci0: 04:10.0\nhostpci1: 04:00.0\n", &judged);
	assert_holds(hint_of(find(&judged, "parent-taken")), "remove one of the two");
	assert_null(find(&judged, "pf-with-vfs"));
	clear(&judged);
	judge(fake, "hostpci0: 04:10.0;04:00.0\n", &judged);
	assert_null(find(&judged, "parent-taken"));
	assert_holds(hint_of(find(&judged, "pf-with-vfs")),
		"name the physical function with its number");
	clear(&judged);
	/* nothing is taken */
	passes(fake, "parent-taken", "hostpci0: 04:10.0,driver=keep\n");
}

static void a_disk_behind_vmd(void **state)
{
	static const char machine[] =
		"{\"functions\":["
		"{\"addr\":\"0000:00:0e.0\",\"vendor\":\"0x8086\",\"device\":\"0x467f\",\"class\":"
		"\"0x010400\",\"driver\":\"vmd\",\"iommu_group\":23},"
		"{\"addr\":\"10000:e1:00.0\",\"vendor\":\"0x144d\",\"device\":\"0xa80a\",\"class\":"
		"\"0x010802\",\"driver\":\"nvme\",\"iommu_group\":23}]}";
	struct fake *fake = *state;

	fake_tree_text(fake, machine);
	triggers(fake, "parent-taken", "hostpci0: 10000:e1:00.0\n",
		"lies behind the VMD controller 0000:00:0e.0");
	passes(fake, "parent-taken", "hostpci0: 00:0e.0\n");
	/* whoever gets the controller gets the disk */
	triggers(fake, "group-companions", "hostpci0: 00:0e.0\n",
		"lies behind the VMD controller 0000:00:0e.0: it leaves the host with it, and goes "
		"to the guest");
	triggers(fake, "group-companions", "hostpci0: 10000:e1:00.0\n", "but not passed through");
	fake_file(fake, "/sys/bus/pci/devices/0000:00:0e.0/class", "0x020000\n");
	passes(fake, "parent-taken", "hostpci0: 10000:e1:00.0\n");
}

#define SOME_FUNCTIONS(path) "nic\n\tmap node=node1,path=" path ",id=8086:1521,iommugroup=4\n"

/* The PF 04:00.0 has 8 VFs at most, and two. */
static void vf_not_created(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	/* one that is there, and no VF of any */
	passes(fake, "vf-not-created", "hostpci0: 04:10.0\n");
	triggers(fake, "device-missing", "hostpci0: 04:11.0\n", "there is no PCI device 04:11.0");
	/* the first is at 04:10.0, each next one 4 further: the third at 04:11.0 */
	fake_file(fake, "/sys/bus/pci/devices/0000:04:00.0/sriov_offset", "128\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:04:00.0/sriov_stride", "4\n");
	judge(fake, "hostpci0: 04:11.0\nhostpci1: 04:12\n", &judged);
	assert_null(find(&judged, "device-missing"));
	assert_string_equal(message_of(find(&judged, "vf-not-created")),
		"0000:04:11.0 does not exist yet: it is virtual function 3 of 0000:04:00.0, which "
		"has 2 of 8");
	/* enough for the other entry */
	assert_string_equal(hint_of(find(&judged, "vf-not-created")),
		"stop who uses the others, then write 0 and 5 to "
		"/sys/bus/pci/devices/0000:04:00.0/sriov_numvfs");
	clear(&judged);
	/* and for another guest */
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/105.conf", "hostpci0: 04:13.0\n");
	judge(fake, "hostpci0: 04:11.0\n", &judged);
	assert_holds(hint_of(find(&judged, "vf-not-created")), "write 0 and 7 to");
	clear(&judged);
	fake_remove(fake, "/etc/pve/nodes/node1/qemu-server/105.conf");
	/* for all of a list, and of a mapping */
	judge(fake, "hostpci0: 04:11.0;04:12.4\n", &judged);
	assert_holds(hint_of(find(&judged, "vf-not-created")), "write 0 and 6 to");
	clear(&judged);
	fake_file(fake, PT_PVE_PCI_MAPPINGS,
		"nic\n\tmap node=node1,path=0000:04:11.0,id=8086:1521,iommugroup=4\n"
		"\tmap node=node1,path=0000:04:13.0,id=8086:1521,iommugroup=4\n"
		"\tmap node=node2,path=0000:04:13.4,id=8086:1521,iommugroup=4\n");
	judge(fake, "hostpci0: mapping=nic\n", &judged);
	assert_holds(hint_of(find(&judged, "vf-not-created")), "write 0 and 7 to");
	clear(&judged);
	/* between two, and behind the last */
	passes(fake, "vf-not-created", "hostpci0: 04:11.1\n");
	passes(fake, "vf-not-created", "hostpci0: 04:14.0\n");
	triggers(fake, "vf-not-created", "hostpci0: 04:13.4\n", "virtual function 8");
	/* a mapping names it */
	fake_file(fake, PT_PVE_PCI_MAPPINGS, SOME_FUNCTIONS("0000:04:11.0"));
	triggers(fake, "vf-not-created", "hostpci0: mapping=nic\n",
		"0000:04:11.0 does not exist yet");
	fake_file(fake, "/sys/bus/pci/devices/0000:04:00.0/sriov_numvfs", "0\n");
	judge(fake, "hostpci0: 04:11.0\n", &judged);
	assert_holds(message_of(find(&judged, "vf-not-created")),
		"is expected to be virtual function 3 of 0000:04:00.0, which has 0 of 8");
	assert_holds(hint_of(find(&judged, "vf-not-created")), "'echo 3 > ");
	clear(&judged);
	fake_file(fake, "/sys/bus/pci/devices/0000:04:00.0/sriov_totalvfs", "0\n");
	triggers(fake, "vf-not-created", "hostpci0: 04:11.0\n", "igb allows none");
	passes(fake, "vf-not-created", "hostpci0: 04:14.0\n");
	fake_remove(fake, "/sys/bus/pci/devices/0000:04:00.0/driver");
	triggers(fake, "vf-not-created", "hostpci0: 04:11.0\n", "has no driver to make it");
	fake_link(
		fake, "/sys/bus/pci/devices/0000:04:00.0/driver", "/sys/bus/pci/drivers/vfio-pci");
	judge(fake, "hostpci0: 04:11.0\n", &judged);
	assert_holds(hint_of(find(&judged, "vf-not-created")), "leave 0000:04:00.0 to its host");
	judged.node->traits.vfio_options = strdup("ids=8086:ffffffff");
	pt_findings_clear(&judged.findings);
	pt_check_run(&judged.facts, &judged.findings);
	assert_holds(hint_of(find(&judged, "vf-not-created")), "remove it from ids=");
	clear(&judged);
	/* who has the PF */
	judge(fake, "hostpci0: 04:11.0\nhostpci1: 04:00.0\n", &judged);
	assert_holds(message_of(find(&judged, "vf-not-created")), "which the guest gets too");
	assert_string_equal(
		hint_of(find(&judged, "vf-not-created")), "remove one of the two from the guest");
	clear(&judged);
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, "0000:04:00.0 101 time:99999999999\n");
	judge(fake, "hostpci0: 04:11.0\n", &judged);
	assert_holds(message_of(find(&judged, "vf-not-created")), "which guest 101 has");
	assert_holds(
		hint_of(find(&judged, "vf-not-created")), "remove 0000:04:00.0 from guest 101");
	assert_null(find(&judged, "reserved-by-other"));
	clear(&judged);
	fake_remove(fake, PT_PVE_PCI_RESERVATIONS);
	/* a device that does not say where its VFs lie */
	fake_file(fake, "/sys/bus/pci/devices/0000:04:00.0/sriov_offset", "0\n");
	passes(fake, "vf-not-created", "hostpci0: 04:11.0\n");
}

static void virtual_functions(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	triggers(fake, "slot-includes-vfs", "hostpci0: 04:00\n",
		"includes 0000:04:00.1, a virtual function of 0000:04:00.0");
	passes(fake, "slot-includes-vfs", "hostpci0: 04:00.1\n");
	passes(fake, "slot-includes-vfs", "hostpci0: 04:10\n");
	/* in a mapping it is the path that counts */
	fake_file(fake, PT_PVE_PCI_MAPPINGS, SOME_FUNCTIONS("0000:04:00"));
	triggers(fake, "slot-includes-vfs", "hostpci0: mapping=nic\n", "the whole device includes");
	fake_file(fake, PT_PVE_PCI_MAPPINGS, SOME_FUNCTIONS("0000:04:00.0;0000:04:00.1"));
	passes(fake, "slot-includes-vfs", "hostpci0: mapping=nic\n");
	judge(fake, "hostpci0: 04:00\n", &judged);
	assert_holds(message_of(find(&judged, "pf-with-vfs")),
		"0000:04:00.1 is assigned to the same guest");
	assert_holds(hint_of(find(&judged, "pf-with-vfs")),
		"name the physical function with its number");
	clear(&judged);
	judge(fake, "hostpci0: 04:00.0\nhostpci1: 04:00.1\n", &judged);
	assert_holds(hint_of(find(&judged, "pf-with-vfs")), "remove one of the two");
	clear(&judged);
	judge(fake, "hostpci0: 04:00.0\n", &judged);
	assert_int_equal(find(&judged, "pf-with-vfs")->severity, PT_WARNING);
	assert_null(pt_findings_refusing(&judged.findings, true));
	clear(&judged);
	passes(fake, "pf-with-vfs", "hostpci0: 04:10.0\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:04:10.0/net/eth7/flags", "0x1003\n");
	triggers(fake, "pf-with-vfs", "hostpci0: 04:00.0\n", "0000:04:10.0 is up as eth7");
	fake_remove(fake, "/sys/bus/pci/devices/0000:04:10.0/net");
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, "0000:04:10.0 101 time:99999999999\n");
	triggers(fake, "pf-with-vfs", "hostpci0: 04:00.0\n", "guest 101 has 0000:04:10.0");
	/* which no line of local policy allows, and no mode */
	fake_file(fake, PT_POLICY_FILE, "[guest 100]\nallow = pf-with-vfs\n");
	judge(fake, "hostpci0: 04:00.0\n", &judged);
	assert_int_equal(find(&judged, "pf-with-vfs")->severity, PT_ERROR);
	assert_non_null(pt_findings_refusing(&judged.findings, false));
	clear(&judged);
	fake_remove(fake, PT_POLICY_FILE);
	passes(fake, "reserved-by-other", "hostpci0: 04:00.0\n");
	fake_remove(fake, PT_PVE_PCI_RESERVATIONS);
	fake_link(fake, "/proc/77/fd/3", "/dev/vfio/6");
	fake_file(fake, "/proc/77/comm", "spdk\n");
	triggers(fake, "pf-with-vfs", "hostpci0: 04:00.0\n", "process 77 (spdk) has 0000:04:10.0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(parent_taken),
		MACHINE_TEST(a_disk_behind_vmd),
		MACHINE_TEST(vf_not_created),
		MACHINE_TEST(virtual_functions),
	};

	return cmocka_run_group_tests_name("check-vf", tests, NULL, NULL);
}
