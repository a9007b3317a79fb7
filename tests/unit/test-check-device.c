// SPDX-License-Identifier: AGPL-3.0-or-later
/* Every check on the made machine: a config that just triggers it, and one beside it that just does
 * not. Goes through gathering and resolving, so these are tested along. */

#include "tests/unit/judge.h"

static void iommu_disabled(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	passes(fake, "iommu-disabled", "hostpci0: 02:00.0\n");
	fake_remove(fake, "/sys/class/iommu/dmar0");
	passes(fake, "iommu-disabled", "memory: 64\n");
	passes(fake, "iommu-disabled", "hostpci0: 66:00.0\n");
	passes(fake, "no-iommu-group", "hostpci0: 02:00.0\n");
	/* Proxmox VE asks before it looks at the driver */
	triggers(fake, "iommu-disabled", "hostpci0: 02:00.0,driver=keep\n", "no IOMMU is active");
	triggers(fake, "iommu-disabled", "hostpci0: 02:00.0,mdev=x\n", "no IOMMU is active");
	fake_file(fake, "/proc/cmdline", "quiet\n");
	judge(fake, "hostpci0: 02:00.0\n", &judged);
	assert_holds(hint_of(find(&judged, "iommu-disabled")), "enable VT-d (Intel) or AMD-Vi");
	clear(&judged);
	fake_file(fake, "/sys/firmware/acpi/tables/DMAR", "");
	judge(fake, "hostpci0: 02:00.0\n", &judged);
	assert_holds(hint_of(find(&judged, "iommu-disabled")), "add intel_iommu=on");
	clear(&judged);
	/* added, but not booted with */
	fake_file(
		fake, "/etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet intel_iommu=on\"\n");
	judge(fake, "hostpci0: 02:00.0\n", &judged);
	assert_string_equal(message_of(find(&judged, "iommu-disabled")),
		"no IOMMU is active: /etc/default/grub has intel_iommu=on, but the kernel was booted without it");
	assert_string_equal(
		hint_of(find(&judged, "iommu-disabled")), "run 'update-grub', and reboot");
	clear(&judged);
	/* the loader that has not booted this kernel says nothing */
	fake_file(fake, "/proc/cmdline", "initrd=\\EFI\\proxmox\\initrd.img quiet\n");
	judge(fake, "hostpci0: 02:00.0\n", &judged);
	assert_holds(hint_of(find(&judged, "iommu-disabled")), "add intel_iommu=on");
	clear(&judged);
	fake_remove(fake, "/etc/default/grub");
	/* newer kernels of Proxmox VE need no option */
	fake_file(fake, "/proc/sys/kernel/osrelease", "6.8.12-4-pve\n");
	judge(fake, "hostpci0: 02:00.0\n", &judged);
	assert_holds(hint_of(find(&judged, "iommu-disabled")), "search the kernel log for DMAR");
	clear(&judged);
	fake_file(fake, "/proc/sys/kernel/osrelease", "6.8.12-4-custom\n");
	judge(fake, "hostpci0: 02:00.0\n", &judged);
	assert_holds(hint_of(find(&judged, "iommu-disabled")), "add intel_iommu=on");
	clear(&judged);
	fake_file(fake, "/proc/cmdline", "intel_iommu=on\n");
	judge(fake, "hostpci0: 02:00.0\n", &judged);
	assert_holds(hint_of(find(&judged, "iommu-disabled")), "search the kernel log for DMAR");
	clear(&judged);
	fake_file(fake, "/proc/cmdline", "intel_iommu=off\n");
	judge(fake, "hostpci0: 02:00.0\n", &judged);
	assert_holds(message_of(find(&judged, "iommu-disabled")), "switches it off");
	assert_ptr_equal(
		pt_findings_refusing(&judged.findings, true), find(&judged, "iommu-disabled"));
	clear(&judged);
}

static void vfio_module(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	judge(fake, "hostpci0: 02:00.0\n", &judged);
	assert_null(find(&judged, "vfio-module-missing"));
	judged.node->traits.vfio.state = PT_MODULE_MISSING;
	pt_check_run(&judged.facts, &judged.findings);
	assert_holds(message_of(find(&judged, "vfio-module-missing")), "has no module vfio-pci");
	pt_findings_clear(&judged.findings);
	judged.node->traits.vfio.state = PT_MODULE_BLOCKED;
	snprintf(judged.node->traits.vfio.command, sizeof(judged.node->traits.vfio.command),
		"/bin/false");
	pt_check_run(&judged.facts, &judged.findings);
	assert_holds(message_of(find(&judged, "vfio-module-missing")), "'/bin/false'");
	judged.node->traits.vfio = (struct pt_module){
		.state = PT_MODULE_CUSTOM, .command = "/sbin/modprobe --ignore-install vfio-pci"};
	pt_findings_clear(&judged.findings);
	pt_check_run(&judged.facts, &judged.findings);
	assert_int_equal(find(&judged, "vfio-module-missing")->severity, PT_WARNING);
	assert_holds(message_of(find(&judged, "vfio-module-missing")),
		"which pve-pthook does not run: the start goes on without pve-pthook");
	clear(&judged);
}

/* A start that takes all to vfio drivers of their own does not need it. */
static void vfio_module_needed(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	fake_link(fake, "/sys/module/edu_vfio_pci/drivers/pci:edu-vfio-pci",
		"/sys/bus/pci/drivers/edu-vfio-pci");
	fake_file(fake, PT_POLICY_FILE, "[device 02:00]\nvfio-driver = edu-vfio-pci\n");
	judge(fake, "hostpci0: 02:00.0,driver=keep\n" HOOKED, &judged);
	assert_int_equal(judged.facts.taken_count, 1);
	judged.node->traits.vfio.state = PT_MODULE_MISSING;
	pt_findings_clear(&judged.findings);
	pt_check_run(&judged.facts, &judged.findings);
	assert_null(find(&judged, "vfio-module-missing"));
	judged.facts.taken[0].lacking = true;
	pt_findings_clear(&judged.findings);
	pt_check_run(&judged.facts, &judged.findings);
	assert_non_null(find(&judged, "vfio-module-missing"));
	clear(&judged);
}

static void syntax(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	triggers(fake, "hostpci-syntax", "hostpci3: 01:00.0,pcie=2\n",
		"'01:00.0,pcie=2': at character 9: pcie: '2' is no boolean");
	triggers(fake, "hostpci-syntax", "hostpci3: zz,foo=1\n", "drops the line");
	judge(fake, "hostpci12: zz\n", &judged);
	assert_holds(hint_of(find(&judged, "hostpci-syntax")), "'qm set 100 --hostpci12 VALUE'");
	assert_string_equal(subject_of(find(&judged, "hostpci-syntax")), "hostpci12");
	clear(&judged);
	judge(fake, "hostpci12: host=gpu,pcie=1\n", &judged);
	assert_string_equal(hint_of(find(&judged, "hostpci-syntax")),
		"correct it with 'qm set 100 --hostpci12 VALUE'; there is no resource mapping gpu either");
	clear(&judged);
	fake_file(fake, PT_PVE_PCI_MAPPINGS,
		"gpu\n\tmap node=node2,path=0000:01:00.0,id=10de:2204,iommugroup=1\n");
	judge(fake, "hostpci12: host=gpu,pcie=1\n", &judged);
	assert_string_equal(hint_of(find(&judged, "hostpci-syntax")),
		"gpu is a resource mapping: write mapping=gpu, with 'qm set 100 --hostpci12 VALUE'");
	clear(&judged);
	fake_remove(fake, PT_PVE_PCI_MAPPINGS);
	passes(fake, "hostpci-syntax", "hostpci3: 02:00.0,foo=1\n");
	triggers(fake, "hostpci-syntax", " hostpci3: 02:00.0\n",
		"' hostpci3: 02:00.0': at character 1: the key does not begin the line");
	judge(fake, "hostpci3: 02:00.0\nhostpci3 = 02:00.0\n", &judged);
	assert_int_equal(find(&judged, "hostpci-syntax")->severity, PT_WARNING);
	assert_holds(message_of(find(&judged, "hostpci-syntax")), "and another one sets hostpci3");
	clear(&judged);
	triggers(fake, "hostpci-syntax", "hostpci16: 02:00.0\n", "there are hostpci0 to hostpci15");
	passes(fake, "hostpci-syntax", "# hostpci16: 02:00.0\n");
	triggers(fake, "hostpci-unknown-key", "hostpci3: 02:00.0,foo=1\n", "there is no key 'foo'");
	passes(fake, "hostpci-unknown-key", "hostpci3: 02:00.0,pcie=0\n");
	passes(fake, "hostpci-unknown-key", "hostpci3: zz,foo=1\n");
	passes(fake, "hostpci-unknown-key", "hostpci3: 02:00.0,driver=vfio\n");
	fake_file(fake, "/var/lib/dpkg/status",
		"Package: qemu-server\nStatus: install ok installed\nVersion: 8.4.10\n\n");
	triggers(fake, "hostpci-unknown-key", "hostpci3: 02:00.0,driver=vfio\n",
		"driver= is a key of Proxmox VE 9; this node's qemu-server 8.4.10 drops the whole line");
	passes(fake, "hostpci-unknown-key", "hostpci3: 02:00.0\n");
	fake_remove(fake, "/var/lib/dpkg/status");
	triggers(fake, "hostpci-host-and-mapping", "hostpci0: 02:00.0,mapping=gpu\n",
		"both a device (02:00.0) and a mapping (gpu)");
	passes(fake, "hostpci-host-and-mapping", "hostpci0: 02:00.0\n");
	triggers(fake, "hostpci-no-device", "hostpci0: pcie=0\n", "neither a device nor a mapping");
	passes(fake, "hostpci-no-device", "hostpci0: 02:00.0\n");
}

static void machine_type(void **state)
{
	struct fake *fake = *state;

	triggers(fake, "pcie-needs-q35", "hostpci0: 02:00.0,pcie=1\n", "the default, i440fx");
	triggers(fake, "pcie-needs-q35", "machine: pc-i440fx-8.1\nhostpci0: 02:00.0,pcie=1\n",
		"the guest has pc-i440fx-8.1");
	passes(fake, "pcie-needs-q35", "machine: q35\nhostpci0: 02:00.0,pcie=1\n");
	passes(fake, "pcie-needs-q35", "hostpci0: 02:00.0,pcie=0\n");
	triggers(fake, "machine-invalid", "machine: q35 # x\nhostpci0: 02:00.0\n",
		"machine 'q35 # x': at character 1: type: 'q35 # x': a comment cannot stand behind a value");
	triggers(fake, "pcie-needs-q35", "machine: q35x\nhostpci0: 02:00.0,pcie=1\n", "i440fx");
	triggers(fake, "machine-invalid", "machine: q35,hpet=0\nhostpci0: 02:00.0,pcie=1\n",
		"there is no key 'hpet'; a Proxmox VE that does not know it either");
	passes(fake, "pcie-needs-q35", "machine: q35,hpet=0\nhostpci0: 02:00.0,pcie=1\n");
	passes(fake, "machine-invalid", "machine: q35,viommu=virtio\nhostpci0: 02:00.0\n");
	triggers(fake, "machine-invalid", "machine = q35\nhostpci0: 02:00.0\n",
		"'machine = q35': at character 8: a colon must follow the key; Proxmox VE drops");
	passes(fake, "machine-invalid", "machine: q35\n machine: q35\nhostpci0: 02:00.0\n");
	triggers(fake, "machine-invalid", "machine: q35\nmachine: xyz\nhostpci0: 02:00.0\n",
		"drops the line, and the other one counts, 'q35'");
}

#define IGD                                                                                        \
	"{\"functions\":[{\"addr\":\"0000:00:02.0\",\"vendor\":\"0x8086\",\"device\":\"0x3e92\","  \
	"\"class\":\"0x030000\",\"driver\":\"i915\",\"iommu_group\":20}]}"

static void legacy_igd(void **state)
{
	static const char *const tags[] = {"legacy-igd-vga", "legacy-igd-rombar",
		"legacy-igd-x-vga", "legacy-igd-mdev", "legacy-igd-q35", "legacy-igd-multifunction",
		"legacy-igd-alternatives", "legacy-igd-address", "legacy-igd-twice"};
	struct fake *fake = *state;

	fake_tree_text(fake, IGD);
	for (size_t i = 0; i < PT_ARRAY_SIZE(tags); i++) {
		passes(fake, tags[i], "vga: none\nhostpci0: 00:02.0,legacy-igd=1\n");
		passes(fake, tags[i], "hostpci0: 01:00,x-vga=1,rombar=0\nmachine: q35\n");
	}
	triggers(fake, tags[0], "hostpci0: 00:02.0,legacy-igd=1\n", "needs 'vga: none'");
	triggers(fake, tags[0], "vga: type=none\nhostpci0: 00:02.0,legacy-igd=1\n", "vga: none");
	triggers(fake, tags[1], "vga: none\nhostpci0: 00:02.0,legacy-igd=1,rombar=0\n", "ROM BAR");
	triggers(fake, tags[2], "vga: none\nhostpci0: 00:02.0,legacy-igd=1,x-vga=1\n", "x-vga");
	triggers(fake, tags[3], "vga: none\nhostpci0: 00:02.0,legacy-igd=1,mdev=x\n", "mediated");
	triggers(fake, tags[4], "vga: none\nmachine: q35\nhostpci0: 00:02.0,legacy-igd=1\n", "q35");
	triggers(fake, tags[5], "vga: none\nhostpci0: 01:00,legacy-igd=1\n",
		"a device of several functions");
	triggers(fake, tags[7], "vga: none\nhostpci0: 02:00.0,legacy-igd=1\n", "at 00:02.0 only");
	triggers(fake, tags[8],
		"vga: none\nhostpci0: 00:02.0,legacy-igd=1\nhostpci1: 02:00.0,legacy-igd=1\n",
		"but hostpci0 has it already");
	fake_file(fake, PT_PVE_PCI_MAPPINGS, TWO_DISKS);
	triggers(fake, tags[6], "vga: none\nhostpci0: mapping=disks,legacy-igd=1\n",
		"several devices");
}

static void assigned_twice(void **state)
{
	struct fake *fake = *state;

	triggers(fake, "device-assigned-twice", "hostpci0: 01:00\nhostpci1: 01:00.1\n",
		"0000:01:00.1 is assigned to this guest more than once");
	triggers(fake, "device-assigned-twice", "hostpci0: 02:00.0;02:00.0\n", "0000:02:00.0");
	passes(fake, "device-assigned-twice", "hostpci0: 01:00.0\nhostpci1: 01:00.1\n");
	triggers(fake, "mdev-multifunction", "hostpci0: 01:00,mdev=x\n",
		"several functions at once");
	passes(fake, "mdev-multifunction", "hostpci0: 02:00,mdev=x\n");
}

static void partial_slot(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	judge(fake, "hostpci0: 01:00.0\n", &judged);
	assert_holds(
		hint_of(find(&judged, "partial-slot")), "write 0000:01:00 instead of its single");
	assert_null(find(&judged, "group-companions"));
	clear(&judged);
	/* nobody should pass what the host needs */
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.1/class", "0x0c0500\n");
	passes(fake, "partial-slot", "hostpci0: 01:00.0\n");
	triggers(fake, "group-companions", "hostpci0: 01:00.0\n",
		"will be taken from the host with IOMMU group 1");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.1/class", "0x040300\n");
	/* a function of the slot that is in another group stays with the host */
	fake_link(fake, "/sys/bus/pci/devices/0000:01:00.2/driver", "/sys/bus/pci/drivers/iwlwifi");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.2/vendor", "0x8086\n");
	judge(fake, "hostpci0: 01:00.0\n", &judged);
	assert_holds(hint_of(find(&judged, "partial-slot")),
		"write 0000:01:00.0;0000:01:00.1 instead of its single");
	clear(&judged);
	fake_tree_text(fake,
		"{\"functions\": [{\"addr\": \"0000:01:00.3\", \"vendor\": \"10de\", "
		"\"device\": \"1ad9\", \"class\": \"0c8000\", \"iommu_group\": \"1\"}]}");
	judge(fake, "hostpci0: 01:00.0;01:00.3\n", &judged);
	assert_holds(hint_of(find(&judged, "partial-slot")),
		"write 0000:01:00.0;0000:01:00.1;0000:01:00.3 instead of its single");
	clear(&judged);
	fake_remove(fake, "/sys/bus/pci/devices/0000:01:00.2");
	/* one that another entry names */
	judge(fake, "hostpci0: 01:00.0\nhostpci1: 01:00.3\n", &judged);
	assert_string_equal(hint_of(find(&judged, "partial-slot")),
		"write 0000:01:00 instead of its single functions (All Functions), and remove hostpci1");
	clear(&judged);
	judge(fake, "hostpci0: 01:00.0\nargs: -device vfio-pci,host=01:00.3\n", &judged);
	assert_holds(hint_of(find(&judged, "partial-slot")), "and remove its -device in args");
	clear(&judged);
	fake_remove(fake, "/sys/bus/pci/devices/0000:01:00.3");
	triggers(fake, "partial-slot", "args: -device vfio-pci,host=01:00.0\n",
		"the whole device leaves the host");
	passes(fake, "partial-slot", "hostpci0: 01:00\n");
	passes(fake, "partial-slot", "hostpci0: 01:00.1\n");
	triggers(fake, "group-companions", "hostpci0: 01:00.1\n",
		"will be taken from the host with IOMMU group 1");
	judge(fake, "hostpci0: 05:00.0\n", &judged);
	assert_holds(message_of(find(&judged, "group-companions")), "with IOMMU group 7");
	/* parts of the board, below one bridge, below two */
	assert_holds(hint_of(find(&judged, "group-companions")), "no slot separates them");
	clear(&judged);
	put_below(fake, "0000:00:05.0", "0000:05:00.0");
	put_below(fake, "0000:00:05.0", "0000:05:01.0");
	judge(fake, "hostpci0: 05:00.0\n", &judged);
	assert_holds(hint_of(find(&judged, "group-companions")), "no slot separates them");
	clear(&judged);
	fake_remove(fake, "/sys/bus/pci/devices/0000:05:01.0");
	fake_link(fake, "/sys/devices/pci0000:00/0000:00:06.0/0000:05:01.0",
		"/sys/devices/pci0000:00/0000:00:05.0/0000:05:01.0");
	fake_link(fake, "/sys/bus/pci/devices/0000:05:01.0",
		"../../../devices/pci0000:00/0000:00:06.0/0000:05:01.0");
	judge(fake, "hostpci0: 05:00.0\n", &judged);
	assert_holds(hint_of(find(&judged, "group-companions")),
		"move one of the cards to another slot");
	clear(&judged);
	passes(fake, "group-companions", "hostpci0: 02:00.0\n");
	passes(fake, "group-companions", "hostpci0: 05:00.0\nhostpci1: 05:01.0\n");
	fake_file(fake, PT_PVE_PCI_MAPPINGS,
		"gpu\n\tmap node=node1,path=0000:01:00.0,id=10de:2204,iommugroup=1,"
		"subsystem-id=1043:87d5\n");
	judge(fake, "hostpci0: mapping=gpu\n", &judged);
	assert_holds(hint_of(find(&judged, "partial-slot")),
		"set the path 0000:01:00 in the mapping gpu");
	clear(&judged);
}

static void device(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	triggers(fake, "device-missing", "hostpci0: 66:00.0\n", "there is no PCI device 66:00.0");
	passes(fake, "device-missing", "hostpci0: 02:00.0\n");
	fake_remove(fake, "/sys/bus/pci/devices/0000:02:00.0/irq");
	triggers(fake, "device-missing", "hostpci0: 02:00.0\n", "cannot be read");
	triggers(fake, "device-missing", "hostpci0: 02:00.0,driver=keep\n", "cannot be read");
	triggers(fake, "bridge-assigned", "hostpci0: 00:01.0\n", "is a PCI bridge");
	passes(fake, "bridge-assigned", "hostpci0: 01:00\n");
	passes(fake, "no-iommu-group", "hostpci0: 03:00.0\n");
	fake_remove(fake, "/sys/bus/pci/devices/0000:03:00.0/iommu_group");
	triggers(fake, "no-iommu-group", "hostpci0: 03:00.0\n",
		"is in no IOMMU group, and as a part of the board in no slot");
	/* integrated graphics that the command line leaves out */
	fake_file(fake, "/proc/cmdline", "intel_iommu=on,igfx_off\n");
	passes(fake, "no-iommu-group", "hostpci0: 02:00.0\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:03:00.0/vendor", "0x8086\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:03:00.0/class", "0x030000\n");
	judge(fake, "hostpci0: 03:00.0\n", &judged);
	assert_holds(
		message_of(find(&judged, "no-iommu-group")), "igfx_off on the kernel command line");
	assert_null(strstr(hint_of(find(&judged, "no-iommu-group")), "slot"));
	clear(&judged);
	put_below(fake, "0000:00:04.0", "0000:03:00.0");
	judge(fake, "hostpci0: 03:00.0\n", &judged);
	assert_holds(hint_of(find(&judged, "no-iommu-group")), "try another slot");
	clear(&judged);
}

static void mapping(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	triggers(fake, "mapping-missing", "hostpci0: mapping=gpu\n", "there is no PCI mapping gpu");
	fake_file(fake, PT_PVE_PCI_MAPPINGS,
		"away\n\tmap node=node2,path=0000:01:00,id=10de:2204\n\n"
		"gpu\n\tmap node=node1,path=0000:01:00,id=10de:2204,iommugroup=1,"
		"subsystem-id=1043:87d5\n\n"
		"wrong\n\tmap node=node1,path=0000:01:00,id=10de:2205\n\n"
		"group\n\tmap node=node1,path=0000:02:00.0,id=144d:a808,iommugroup=9,"
		"subsystem-id=144d:a801\n\n"
		"less\n\tmap node=node1,path=0000:02:00.0,id=144d:a808,iommugroup=2\n\n"
		"more\n\tmap node=node1,path=0000:05:00.0,id=1234:11e8,iommugroup=7,"
		"subsystem-id=1:2\n\n"
		"extra\n\tmap node=node1,path=0000:05:00.0,id=1234:11e8,iommugroup=7,"
		"subsystem-id=1af4:1100\n\n"
		"gone\n\tmap node=node1,path=0000:66:00.0,id=1234:11e8\n\n"
		"one\n\tmap node=node1,path=0000:02:00.0,id=144d:a808,iommugroup=2,"
		"subsystem-id=144d:a801\n\tmap node=node1,path=0000:02:00.0,id=144d:a808,"
		"iommugroup=2,subsystem-id=144d:a801\n");
	passes(fake, "mapping-missing", "hostpci0: mapping=gpu\n");
	passes(fake, "mapping-no-node", "hostpci0: mapping=gpu\n");
	passes(fake, "mapping-mismatch", "hostpci0: mapping=gpu\n");
	triggers(
		fake, "mapping-no-node", "hostpci0: mapping=away\n", "has no device on node node1");
	triggers(fake, "mapping-mismatch", "hostpci0: mapping=wrong\n",
		"says id=10de:2205, but it is 10de:2204");
	triggers(fake, "mapping-mismatch", "hostpci0: mapping=group\n",
		"says iommugroup=9, but it is 2");
	triggers(fake, "mapping-mismatch", "hostpci0: mapping=less\n",
		"does not give subsystem-id, which is 144d:a801");
	triggers(fake, "mapping-missing", "hostpci0: mapping=more\n",
		"there is no PCI mapping more");
	triggers(fake, "mapping-mismatch", "hostpci0: mapping=extra\n",
		"gives subsystem-id=1af4:1100, which this device does not have");
	triggers(fake, "device-missing", "hostpci0: mapping=gone\n", "which is not on this host");
	triggers(fake, "mapping-nothing-free", "hostpci0: mapping=one\nhostpci1: mapping=one\n",
		"none of the 2 devices of mapping one is free");
	passes(fake, "mapping-nothing-free", "hostpci0: mapping=one\n");
	/* the card is at another address, which the mapping does not have */
	fake_file(fake, PT_PVE_PCI_MAPPINGS,
		"disk\n\tmap node=node1,path=0000:66:00.0,id=144d:a808,iommugroup=2,"
		"subsystem-id=144d:a801\n\tmap node=node1,path=0000:02:00.0,id=144d:a808,"
		"iommugroup=2,subsystem-id=144d:a801\n\n"
		"taken\n\tmap node=node1,path=0000:01:00.0,id=144d:a808,iommugroup=1,"
		"subsystem-id=144d:a801\n\n"
		"other\n\tmap node=node1,path=0000:66:00.0,id=144d:a808,subsystem-id=1234:5678\n");
	judge(fake, "hostpci0: mapping=disk\n", &judged);
	assert_string_equal(hint_of(find(&judged, "device-missing")),
		"correct the mapping of this node (Datacenter, Resource Mappings): a device of its "
		"ids is at 0000:03:00.0 now");
	clear(&judged);
	judge(fake, "hostpci0: mapping=taken\n", &judged);
	assert_holds(hint_of(find(&judged, "mapping-mismatch")),
		"a device of the stored ids is at 0000:02:00.0 now");
	clear(&judged);
	judge(fake, "hostpci0: mapping=other\n", &judged);
	assert_string_equal(hint_of(find(&judged, "device-missing")),
		"correct the mapping of this node (Datacenter, Resource Mappings)");
	clear(&judged);
}

/* By the kernel's list: the lab has no such device. */
static void denied(void **state)
{
	static const char parameter[] = "/sys/module/vfio_pci/parameters/disable_denylist";
	struct fake *fake = *state;
	struct judged judged;

	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.1/vendor", "0x8086\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.1/device", "0x37ca\n");
	passes(fake, "vfio-pci-denies", "hostpci0: 01:00.1\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.1/device", "0x37c9\n");
	triggers(fake, "vfio-pci-denies", "hostpci0: 01:00.1\n",
		"its model (8086:37c9) has faults by which a guest can hang the host");
	triggers(fake, "vfio-pci-denies", "hostpci0: 01:00.0\n",
		"does not take it, nor then its IOMMU group 1");
	judge(fake, "hostpci0: 01:00.0\n", &judged);
	assert_ptr_equal(
		pt_findings_refusing(&judged.findings, true), find(&judged, "vfio-pci-denies"));
	clear(&judged);
	/* what is loaded counts before what is written */
	fake_file(fake, "/proc/cmdline", "quiet vfio-pci.disable_denylist=1\n");
	passes(fake, "vfio-pci-denies", "hostpci0: 01:00.1\n");
	fake_file(fake, parameter, "N\n");
	triggers(fake, "vfio-pci-denies", "hostpci0: 01:00.1\n", "does not take it");
	fake_file(fake, "/proc/cmdline", "quiet\n");
	fake_file(fake, parameter, "Y\n");
	passes(fake, "vfio-pci-denies", "hostpci0: 01:00.1\n");
	fake_remove(fake, parameter);
	/* DSA: by the kernel */
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.1/device", "0x0b25\n");
	fake_file(fake, "/proc/sys/kernel/osrelease", "6.5.13-6-pve\n");
	passes(fake, "vfio-pci-denies", "hostpci0: 01:00.1\n");
	fake_file(fake, "/proc/sys/kernel/osrelease", "6.8.12-9-pve\n");
	triggers(fake, "vfio-pci-denies", "hostpci0: 01:00.1\n", "(8086:0b25)");
	/* it has it already: the list was off */
	fake_remove(fake, "/sys/bus/pci/devices/0000:01:00.1/driver");
	fake_link(
		fake, "/sys/bus/pci/devices/0000:01:00.1/driver", "/sys/bus/pci/drivers/vfio-pci");
	passes(fake, "vfio-pci-denies", "hostpci0: 01:00.1\n");
}

static void keep(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	triggers(fake, "keep-without-vfio", "hostpci0: 02:00.0,driver=keep\n",
		"leaves it on nvme, which is no vfio driver");
	triggers(fake, "keep-without-vfio", "hostpci0: 05:00.0,driver=keep\n",
		"leaves it on no driver");
	passes(fake, "keep-without-vfio", "hostpci0: 02:00.0\n");
	fake_file(fake, PT_POLICY_FILE, "[device 02:00]\nvfio-driver = auto\n");
	passes(fake, "keep-without-vfio", "hostpci0: 02:00.0,driver=keep\n" HOOKED);
	/* without the hook nobody heeds them */
	triggers(fake, "keep-without-vfio", "hostpci0: 02:00.0,driver=keep\n",
		"driver=keep leaves it on nvme");
	fake_file(fake, PT_POLICY_FILE, "[device 02:00]\nvfio-driver = nvme\n");
	triggers(fake, "keep-without-vfio", "hostpci0: 02:00.0,driver=keep\n" HOOKED,
		"driver=keep leaves it on nvme");
	fake_remove(fake, PT_POLICY_FILE);
	/* QEMU opens it all the same: nobody else may have it, and the guest's memory is pinned */
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, "0000:02:00.0 101 time:99999999999\n");
	triggers(fake, "reserved-by-other", "hostpci0: 02:00.0,driver=keep\n",
		"is reserved by guest 101, which is starting");
	fake_remove(fake, PT_PVE_PCI_RESERVATIONS);
	triggers(fake, "balloon-with-passthrough",
		"hostpci0: 02:00.0,driver=keep\nballoon: 64\nmemory: 128\n", "has no effect");
	fake_dir(fake, "/sys/bus/pci/devices/0000:02:00.0/vfio-dev/vfio0");
	passes(fake, "keep-without-vfio", "hostpci0: 02:00.0,driver=keep\n");
	/* the other function of the group is on a host driver */
	fake_remove(fake, "/sys/bus/pci/devices/0000:01:00.0/driver");
	fake_link(
		fake, "/sys/bus/pci/devices/0000:01:00.0/driver", "/sys/bus/pci/drivers/vfio-pci");
	triggers(fake, "keep-without-vfio", "hostpci0: 01:00.0,driver=keep\n",
		"leaves 0000:01:00.1, of the same IOMMU group 1, on snd_hda_intel as well");
	passes(fake, "keep-without-vfio", "hostpci0: 01:00.0,driver=keep\nhostpci1: 01:00.1\n");
	fake_remove(fake, "/sys/bus/pci/devices/0000:01:00.1/driver");
	passes(fake, "keep-without-vfio", "hostpci0: 01:00.0,driver=keep\n");
	/* PVE touches nothing then, and neither do we */
	judge(fake, "hostpci0: 05:00.0,driver=keep\nhostpci1: 02:00.0,mdev=x\n", &judged);
	assert_int_equal(judged.facts.taken_count, 0);
	assert_false(pt_facts_moves(&judged.facts));
	clear(&judged);
}

static void other_guests(void **state)
{
	const struct pt_finding *found;
	struct fake *fake = *state;
	struct judged judged;
	int lock;

	passes(fake, "claimed-by-other", "hostpci0: 02:00.0\n");
	save_claim(fake, "/run/pt", 100, "0000:03:00.0", NULL);
	passes(fake, "claimed-by-other", "hostpci0: 03:00.0\n");
	/* a claim of which nothing is alive is no owner: it is returned first */
	save_claim(fake, "/run/pt", 101, "0000:02:00.0", NULL);
	passes(fake, "claimed-by-other", "hostpci0: 02:00.0\n");
	lock = hold_pve_lock(fake, 101);
	triggers(fake, "claimed-by-other", "hostpci0: 02:00.0\n", "is claimed by guest 101");
	close(lock);
	fake_file(fake, PT_PVE_RUN "/102.pid", "4242\n");
	process_4242(fake, KVM_OF("102"));
	/* the other function of a claimed group is taken along, so it counts as well */
	save_claim(fake, "/run/pt", 102, "0000:05:01.0", NULL);
	triggers(fake, "claimed-by-other", "hostpci0: 05:00.0\n", "is claimed by guest 102");
	judge(fake, "hostpci0: 05:00.0\n", &judged);
	assert_non_null(pt_findings_refusing(&judged.findings, false));
	clear(&judged);
	/* a claim, a reservation and an open group of one guest are one conflict */
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, "0000:05:01.0 102 pid:4242\n");
	fake_link(fake, "/proc/4242/fd/3", "/dev/vfio/7");
	judge(fake, "hostpci0: 05:00.0\n", &judged);
	assert_non_null(find(&judged, "claimed-by-other"));
	assert_null(find(&judged, "reserved-by-other"));
	found = find(&judged, "used-by-running");
	/* the group is open for its other function as well, which the claim does not name */
	assert_true(found && pt_finding_is_on(found, &(struct pt_bdf){0, 5, 0, 0}));
	clear(&judged);
	fake_remove(fake, "/proc/4242/fd/3");
	fake_remove(fake, PT_PVE_PCI_RESERVATIONS);

	passes(fake, "reserved-by-other", "hostpci0: 03:00.0\n");
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, "0000:03:00.0 101 time:99999999999\n");
	triggers(fake, "reserved-by-other", "hostpci0: 03:00.0\n",
		"reserved by guest 101, which is starting");
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, "0000:03:00.0 100 time:99999999999\n");
	passes(fake, "reserved-by-other", "hostpci0: 03:00.0\n");
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, "0000:03:00.0 101 pid:4242\n");
	passes(fake, "reserved-by-other", "hostpci0: 03:00.0\n");
	fake_file(fake, PT_PVE_RUN "/101.pid", "4242\n");
	process_4242(fake, KVM_OF("101"));
	triggers(fake, "reserved-by-other", "hostpci0: 03:00.0\n",
		"in use by guest 101, which runs as process 4242");

	passes(fake, "used-by-running", "hostpci0: 03:00.0\n");
	fake_link(fake, "/proc/4242/fd/9", "/dev/vfio/3");
	triggers(
		fake, "used-by-running", "hostpci0: 03:00.0\n", "open in guest 101 (process 4242)");
	process_4242(fake, KVM_OF("100"));
	passes(fake, "used-by-running", "hostpci0: 03:00.0\n");
	process_4242(fake, "spdk\0");
	fake_file(fake, "/proc/4242/comm", "spdk\n");
	triggers(fake, "used-by-running", "hostpci0: 03:00.0\n", "open in process 4242 (spdk)");
}

static void damaged_claims_are_noted(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	save_claim(fake, "/run/pt", 101, "0000:02:00.0", NULL);
	fake_file(fake, "/run/pt/guest/102.json", "{}");
	judge(fake, "hostpci0: 02:00.0\n", &judged);
	assert_holds(judged.facts.claims_err.text, "claim of 102 is damaged");
	clear(&judged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(iommu_disabled),
		MACHINE_TEST(vfio_module),
		MACHINE_TEST(vfio_module_needed),
		MACHINE_TEST(syntax),
		MACHINE_TEST(machine_type),
		MACHINE_TEST(legacy_igd),
		MACHINE_TEST(assigned_twice),
		MACHINE_TEST(partial_slot),
		MACHINE_TEST(device),
		MACHINE_TEST(mapping),
		MACHINE_TEST(denied),
		MACHINE_TEST(keep),
		MACHINE_TEST(other_guests),
		MACHINE_TEST(damaged_claims_are_noted),
	};

	return cmocka_run_group_tests_name("check-device", tests, NULL, NULL);
}
