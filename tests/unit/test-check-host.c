// SPDX-License-Identifier: AGPL-3.0-or-later
/* The checks of the host as a whole, of resets, and of memory. */
#include "tests/unit/judge.h"

#define DISK   "0000:02:00.0"
#define CONFIG "hostpci0: 02:00.0\n"

static void interrupt_remapping(void **state)
{
	struct fake *fake = *state;

	passes(fake, "interrupt-remapping-missing", CONFIG);
	fake_file(fake, "/proc/interrupts", " 24:  0  IR-PCI-MSI 458752-edge  PCIe PME\n");
	passes(fake, "interrupt-remapping-missing", CONFIG);
	fake_file(fake, "/proc/interrupts", " 24:  0  PCI-MSI 458752-edge  PCIe PME\n");
	triggers(
		fake, "interrupt-remapping-missing", CONFIG, "the IOMMU does not remap interrupts");
	passes(fake, "interrupt-remapping-missing", "memory: 64\n");
	fake_file(fake, "/proc/cmdline", "root=/dev/x intremap=off\n");
	triggers(fake, "interrupt-remapping-missing", CONFIG,
		"since the kernel was booted with intremap=off");
	fake_file(fake, "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "Y\n");
	passes(fake, "interrupt-remapping-missing", CONFIG);
}

static void acs_override(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, "/proc/cmdline", "root=/dev/x quiet\n");
	passes(fake, "acs-override-active", CONFIG);
	fake_file(
		fake, "/proc/cmdline", "root=/dev/x pcie_acs_override=downstream,multifunction\n");
	triggers(fake, "acs-override-active", CONFIG, "pcie_acs_override=downstream,multifunction");
}

/* modprobe.d is read on the running system only: the facts are made here. */
static void ids_captured(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	passes(fake, "vfio-ids-captured", CONFIG);
	judge(fake, CONFIG, &judged);
	pt_findings_clear(&judged.findings);
	judged.node->traits.vfio_options = strdup("ids=10de:2204,144D:A808 disable_vga=1");
	pt_check_run(&judged.facts, &judged.findings);
	/* its host driver has it all the same */
	assert_holds(message_of(find(&judged, "vfio-ids-captured")),
		"names it, but nvme has it: the option was not in force");
	assert_holds(hint_of(find(&judged, "vfio-ids-captured")), "'softdep nvme pre: vfio-pci'");
	/* a softdep would take the other one of its kind as well */
	judged.facts.detail[0].has_id_twin = true;
	judged.facts.detail[0].id_twin = bdf_of("0000:03:00.0");
	pt_findings_clear(&judged.findings);
	pt_check_run(&judged.facts, &judged.findings);
	assert_holds(hint_of(find(&judged, "vfio-ids-captured")),
		"in force the option takes 0000:03:00.0 from the host as well");
	assert_null(strstr(hint_of(find(&judged, "vfio-ids-captured")), "softdep"));
	clear(&judged);
	fake_file(fake, "/sys/bus/pci/devices/" DISK "/driver_override", "nvme\n");
	judge(fake, CONFIG, &judged);
	pt_findings_clear(&judged.findings);
	judged.node->traits.vfio_options = strdup("ids=144D:A808");
	pt_check_run(&judged.facts, &judged.findings);
	assert_holds(message_of(find(&judged, "vfio-ids-captured")), "its driver_override is nvme");
	clear(&judged);
	fake_file(fake, "/sys/bus/pci/devices/" DISK "/driver_override", "(null)\n");
	/* free, it is nobody's yet */
	fake_remove(fake, "/sys/bus/pci/devices/" DISK "/driver");
	judge(fake, CONFIG, &judged);
	pt_findings_clear(&judged.findings);
	judged.node->traits.vfio_options = strdup("ids=10de:2204,144D:A808 disable_vga=1");
	pt_check_run(&judged.facts, &judged.findings);
	assert_null(find(&judged, "vfio-ids-captured"));
	clear(&judged);
	fake_link(fake, "/sys/bus/pci/devices/" DISK "/driver", "/sys/bus/pci/drivers/vfio-pci");
	judge(fake, CONFIG, &judged);
	pt_findings_clear(&judged.findings);
	judged.node->traits.vfio_options = strdup("ids=10de:2204,144D:A808 disable_vga=1");
	pt_check_run(&judged.facts, &judged.findings);
	assert_int_equal(find(&judged, "vfio-ids-captured")->severity, PT_INFO);
	judged.facts.detail[0].has_id_twin = true;
	judged.facts.detail[0].id_twin = bdf_of("0000:03:00.0");
	assert_int_equal(pt_node_learn(judged.node, &judged.facts.detail[0].id_twin, NULL), 0);
	pt_findings_clear(&judged.findings);
	pt_check_run(&judged.facts, &judged.findings);
	assert_holds(message_of(find(&judged, "vfio-ids-captured")),
		"names 0000:03:00.0 too, which no guest uses: nvme has it now");
	clear(&judged);
	fake_link(
		fake, "/sys/bus/pci/devices/0000:03:00.0/driver", "/sys/bus/pci/drivers/vfio-pci");
	judge(fake, CONFIG, &judged);
	judged.node->traits.vfio_options = strdup("ids=10de:2204,144D:A808 disable_vga=1");
	judged.facts.detail[0].has_id_twin = true;
	judged.facts.detail[0].id_twin = bdf_of("0000:03:00.0");
	assert_int_equal(pt_node_learn(judged.node, &judged.facts.detail[0].id_twin, NULL), 0);
	pt_findings_clear(&judged.findings);
	pt_check_run(&judged.facts, &judged.findings);
	assert_int_equal(find(&judged, "vfio-ids-captured")->severity, PT_WARNING);
	assert_holds(message_of(find(&judged, "vfio-ids-captured")), "and so 0000:03:00.0 too");
	assert_holds(hint_of(find(&judged, "vfio-ids-captured")),
		"would let the host start the volumes on its disks");
	pt_findings_clear(&judged.findings);
	free(judged.node->traits.vfio_options);
	judged.node->traits.vfio_options = strdup("ids=10de:2204,144d:a80");
	pt_check_run(&judged.facts, &judged.findings);
	assert_null(find(&judged, "vfio-ids-captured"));
	clear(&judged);
}

static void policy_invalid(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	passes(fake, "policy-invalid", CONFIG);
	fake_file(fake, PT_POLICY_FILE, "[guest 100]\nallow = no-reset\n");
	passes(fake, "policy-invalid", CONFIG);
	fake_file(fake, PT_POLICY_FILE, "[guest 100]\nallow = no-rest\n");
	triggers(fake, "policy-invalid", CONFIG,
		PT_POLICY_FILE ": line 2: there is no finding 'no-rest'");
	/* a driver that the kernel has not, which only a running system can tell */
	fake_file(fake, PT_POLICY_FILE, "[defaults]\nvfio-driver = made-up\n");
	judge(fake, "hostpci0: 02:00.0,driver=keep\n" HOOKED, &judged);
	assert_null(find(&judged, "policy-invalid"));
	judged.facts.taken[0].lacking = true;
	pt_check_run(&judged.facts, &judged.findings);
	assert_holds(message_of(find(&judged, "policy-invalid")),
		"vfio-driver = made-up, but this kernel cannot load that driver");
	clear(&judged);
}

static void return_risky(void **state)
{
	static const char reset[] = "/sys/bus/pci/devices/0000:01:00.0/reset";
	struct fake *fake = *state;

	triggers(fake, "return-risky", CONFIG HOOKED,
		"returns to nvme when the guest stops: the host then "
		"scans the guest's disks");
	/* without the hook it does not go back */
	passes(fake, "return-risky", CONFIG);
	/* silent after a decision */
	fake_file(fake, PT_POLICY_FILE, "[device 02:00.0]\nreturn = origin\n");
	passes(fake, "return-risky", CONFIG HOOKED);
	fake_file(fake, PT_POLICY_FILE, "[device 03:00.0]\nreturn = none\n");
	triggers(fake, "return-risky", CONFIG HOOKED, "returns to nvme");
	passes(fake, "return-risky", "hostpci0: 04:10.0\n" HOOKED);
	passes(fake, "return-risky", "hostpci0: 01:00\n" HOOKED);
	fake_remove(fake, reset);
	triggers(fake, "return-risky", "hostpci0: 01:00\n" HOOKED, "returns to nouveau");
	fake_link(
		fake, "/sys/bus/pci/devices/0000:01:00.0/driver", "/sys/bus/pci/drivers/vfio-pci");
	passes(fake, "return-risky", "hostpci0: 01:00\n" HOOKED);
}

static void driver_blocked(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	passes(fake, "host-driver-blocked", CONFIG);
	judge(fake, "hostpci0: 05:00.0\n", &judged);
	pt_findings_clear(&judged.findings);
	snprintf(judged.facts.detail[0].blocked, sizeof(judged.facts.detail[0].blocked), "nouveau");
	pt_check_run(&judged.facts, &judged.findings);
	assert_holds(message_of(find(&judged, "host-driver-blocked")), "blacklists nouveau");
	clear(&judged);
}

static void resets(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	triggers(fake, "no-reset", CONFIG, "cannot be reset");
	passes(fake, "bus-reset-shared", CONFIG);
	fake_file(fake, "/sys/bus/pci/devices/" DISK "/reset", "");
	passes(fake, "no-reset", CONFIG);
	fake_remove(fake, "/sys/bus/pci/devices/" DISK "/reset");
	/* its bus can be reset, and it is alone on it */
	put_below(fake, "0000:00:03.0", DISK);
	passes(fake, "no-reset", CONFIG);
	passes(fake, "bus-reset-shared", CONFIG);
	/* the GPU resets by itself, its audio function with the bus, which goes along as a whole */
	put_below(fake, "0000:00:03.0", "0000:01:00.1");
	passes(fake, "bus-reset-shared", "hostpci0: 01:00\n");
	passes(fake, "bus-reset-shared", "hostpci0: 01:00.1\n");
	/* in groups of their own, one function leaves the other behind */
	fake_link(fake, "/sys/devices/pci0000:00/0000:00:03.0/0000:01:00.1/iommu_group",
		"/sys/kernel/iommu_groups/9");
	fake_link(fake, "/sys/kernel/iommu_groups/9/devices/0000:01:00.1",
		"/sys/bus/pci/devices/0000:01:00.1");
	triggers(fake, "bus-reset-shared", "hostpci0: 01:00.1\n",
		"0000:01:00.0 on it stays out of the guest");
	/* the upstream port of a chipset's switch beside its USB and SATA */
	fake_dir(fake, "/sys/bus/pci/devices/0000:01:00.0/pci_bus");
	triggers(fake, "bus-reset-shared", "hostpci0: 01:00.1\n",
		"the bridge 0000:01:00.0 on it stays out of the guest");
	fake_remove(fake, "/sys/bus/pci/devices/0000:01:00.0/pci_bus");
	passes(fake, "no-reset", "hostpci0: 01:00.1\n");
	/* function 0 lists the reset of its bus, and has none while the other is there */
	fake_remove(fake, "/sys/kernel/iommu_groups/1/devices/0000:01:00.1");
	put_below(fake, "0000:00:03.0", "0000:01:00.0");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/reset_method", "flr bus\n");
	passes(fake, "bus-reset-shared", "hostpci0: 01:00.0\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/reset_method", "bus\n");
	judge(fake, "hostpci0: 01:00.0\n", &judged);
	assert_holds(message_of(find(&judged, "bus-reset-shared")),
		"0000:01:00.1 on it stays out of the guest");
	assert_string_equal(hint_of(find(&judged, "bus-reset-shared")),
		"pass all functions of the device through");
	clear(&judged);
	passes(fake, "bus-reset-shared", "hostpci0: 01:00\n");
	/* no such advice about a processor's */
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/vendor", "0x1002\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.1/vendor", "0x1022\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.1/class", "0x108000\n");
	judge(fake, "hostpci0: 01:00.0\n", &judged);
	assert_holds(hint_of(find(&judged, "bus-reset-shared")), "plan to reboot the host");
	clear(&judged);
}

static void reset_quirk(void **state)
{
	struct fake *fake = *state;

	passes(fake, "reset-quirk", "hostpci0: 01:00\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/vendor", "0x1002\n");
	passes(fake, "reset-quirk", "hostpci0: 01:00\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/device", "0x731f\n");
	triggers(fake, "reset-quirk", "hostpci0: 01:00\n", "often hangs on a reset");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/device", "0x1638\n");
	triggers(fake, "reset-quirk", "hostpci0: 01:00\n",
		"is integrated graphics without a full reset");
	triggers(fake, "return-risky", "hostpci0: 01:00\n" HOOKED, "hangs the driver and the host");
	/* a reset of the device's own is in force */
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/reset_method", "device_specific bus\n");
	passes(fake, "reset-quirk", "hostpci0: 01:00\n");
	passes(fake, "return-risky", "hostpci0: 01:00\n" HOOKED);
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/reset_method", "flr bus\n");
	/* a processor's by its neighbour, whatever its id */
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/device", "0xffff\n");
	passes(fake, "reset-quirk", "hostpci0: 01:00.0\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.1/vendor", "0x1022\n");
	passes(fake, "reset-quirk", "hostpci0: 01:00.0\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.1/class", "0x108000\n");
	triggers(fake, "reset-quirk", "hostpci0: 01:00.0\n",
		"without a full reset (AMD's security processor is in its slot)");
	/* no display */
	passes(fake, "reset-quirk", "hostpci0: 01:00.1\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/vendor", "0x8086\n");
	passes(fake, "reset-quirk", "hostpci0: 01:00\n");
	/* sound whose function level reset hung until 5.8 */
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.1/device", "0x1487\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.1/class", "0x040300\n");
	passes(fake, "reset-quirk", "hostpci0: 01:00.1\n");
	fake_file(fake, "/proc/sys/kernel/osrelease", "5.4.203-1-pve\n");
	triggers(fake, "reset-quirk", "hostpci0: 01:00.1\n", "hangs on a function level reset");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.1/reset_method", "pm bus\n");
	passes(fake, "reset-quirk", "hostpci0: 01:00.1\n");
}

static void device_dead(void **state)
{
	struct fake *fake = *state;

	fake_bytes(fake, "/sys/bus/pci/devices/" DISK "/config", "\x4d\x14\x08\xa8", 4);
	passes(fake, "device-dead", CONFIG);
	fake_bytes(fake, "/sys/bus/pci/devices/" DISK "/config", "\xff\xff\xff\xff", 4);
	triggers(fake, "device-dead", CONFIG, "reads all ones");
	/* VFs read so by design */
	fake_bytes(fake, "/sys/bus/pci/devices/0000:04:10.0/config", "\xff\xff\xff\xff", 4);
	passes(fake, "device-dead", "hostpci0: 04:10.0\n");
}

static void memory(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	passes(fake, "memory-not-pinnable", CONFIG "memory: 999999999\n");
	fake_file(fake, "/proc/meminfo", "MemTotal:  33554432 kB\nMemAvailable:  4194304 kB\n");
	passes(fake, "memory-not-pinnable", CONFIG "memory: 4096\n");
	triggers(fake, "memory-not-pinnable", CONFIG "memory: 4097\n",
		"its start pins 4.0 GiB of memory, but only 4.0 GiB are available now");
	fake_file(fake, "/proc/spl/kstat/zfs/arcstats",
		"name type data\nc_min                           4    1073741824\n"
		"size                            4    5368709120\n");
	passes(fake, "memory-not-pinnable", CONFIG "memory: current=8192\n");
	triggers(fake, "memory-not-pinnable", CONFIG "memory: 8193\n",
		"(4.0 GiB of them in ZFS's cache)");
	judge(fake, CONFIG "memory: 32769\n", &judged);
	assert_int_equal(find(&judged, "memory-not-pinnable")->severity, PT_ERROR);
	clear(&judged);
	passes(fake, "memory-not-pinnable", "memory: 32769\n");
	/* its own memory is not available any more */
	fake_file(fake, PT_PVE_RUN "/100.pid", "4242\n");
	process_4242(fake, KVM_OF("100"));
	passes(fake, "memory-not-pinnable", CONFIG "memory: 8193\n");
}

static void hugepages(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, "/proc/meminfo", "MemTotal:  33554432 kB\nMemAvailable:  1048576 kB\n");
	fake_file(fake, "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "512\n");
	fake_file(fake, "/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "2\n");
	passes(fake, "hugepages-short", CONFIG "memory: 2048\nnuma: 1\nhugepages: 2\n");
	triggers(fake, "hugepages-short", CONFIG "memory: 2050\nnuma: 1\nhugepages: 2\n",
		"needs 1025 huge pages of 2 MiB on NUMA node 0, but 512 are free there");
	passes(fake, "hugepages-short", CONFIG "memory: 2048\nnuma: 1\nhugepages: 1024\n");
	triggers(fake, "hugepages-short", CONFIG "memory: 3072\nnuma: 1\nhugepages: 1024\n",
		"needs 3 huge pages of 1.0 GiB on NUMA node 0, but 2 are free");
	triggers(fake, "hugepages-short", CONFIG "memory: 3072\nnuma: 1\nhugepages: any\n",
		"needs 3 huge pages of 1.0 GiB on NUMA node 0, but 2 are free");
	passes(fake, "hugepages-short", CONFIG "memory: 2048\nnuma: 1\nhugepages: any\n");
	/* no multiple of the large ones: it is made of small ones */
	triggers(fake, "hugepages-short", CONFIG "memory: 4090\nnuma: 1\nhugepages: any\n",
		"needs 2045 huge pages of 2 MiB on NUMA node 0, but 512 are free");
	triggers(fake, "hugepages-short", CONFIG "memory: 1500\nnuma: 1\nhugepages: 1024\n",
		"is no multiple of the huge page size 1.0 GiB");
	fake_remove(fake, "/sys/kernel/mm/hugepages/hugepages-1048576kB");
	triggers(fake, "hugepages-short", CONFIG "memory: 1024\nnuma: 1\nhugepages: 1024\n",
		"needs huge pages of 1.0 GiB, which this host does not offer");
	passes(fake, "hugepages-short", CONFIG "memory: 1024\nnuma: 1\nhugepages: any\n");
}

/* Each NUMA node of a guest has its memory on one of the host's. */
static void hugepages_by_node(void **state)
{
	static const char free[] = "/sys/devices/system/node/node%d/hugepages/"
				   "hugepages-1048576kB/free_hugepages";
	struct fake *fake = *state;
	char path[128];

	fake_file(fake, "/proc/meminfo", "MemTotal:  33554432 kB\nMemAvailable:  1048576 kB\n");
	fake_file(fake, "/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "8\n");
	for (int node = 0; node < 2; node++) {
		snprintf(path, sizeof(path), free, node);
		fake_file(fake, path, node ? "2\n" : "6\n");
	}
#define HUGE CONFIG "memory: 8192\nhugepages: 1024\n"
	triggers(fake, "hugepages-short", HUGE,
		"huge pages need NUMA: Proxmox VE refuses the start");
	triggers(fake, "hugepages-short", HUGE "numa: 0\n", "huge pages need NUMA");
	passes(fake, "hugepages-short", HUGE "numa: 1\nhotplug: disk,memory\n");
	triggers(fake, "hugepages-short", HUGE "numa: 1\nnuma2: cpus=0,hostnodes=0-1,memory=1024\n",
		"numa2 needs memory and, for huge pages, one NUMA node of the host (hostnodes)");
	triggers(fake, "hugepages-short", HUGE "numa: 1\n",
		"needs 8 huge pages of 1.0 GiB on NUMA node 0, but 6 are free there");
	triggers(fake, "hugepages-short", HUGE "numa: 1\nsockets: 2\n",
		"needs 4 huge pages of 1.0 GiB on NUMA node 1, but 2 are free there");
	passes(fake, "hugepages-short",
		HUGE "numa: 1\nnuma0: cpus=0-1,hostnodes=0,memory=6144,policy=bind\n"
		     "numa1: cpus=2,memory=2048,hostnodes=1\n");
	triggers(fake, "hugepages-short",
		HUGE "numa: 1\nnuma0: cpus=0,hostnodes=1,memory=1024\n"
		     "numa1: cpus=1,hostnodes=1,memory=2048\n",
		"needs 3 huge pages of 1.0 GiB on NUMA node 1, but 2 are free there");
	triggers(fake, "hugepages-short", HUGE "numa: 1\nnuma0: cpus=0,hostnodes=5,memory=1024\n",
		"huge pages on NUMA node 5, which this host does not have");
#undef HUGE
}

/* Leftovers of a run without the hook, or of an entry that was deleted. */
static void left_on_vfio(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	passes(fake, "left-on-vfio", CONFIG);
	fake_dir(fake, "/etc/pve/nodes/node1/qemu-server");
	fake_dir(fake, "/sys/bus/pci/drivers/vfio-pci/0000:03:00.0");
	fake_remove(fake, "/sys/bus/pci/devices/0000:03:00.0/driver");
	fake_link(
		fake, "/sys/bus/pci/devices/0000:03:00.0/driver", "/sys/bus/pci/drivers/vfio-pci");
	triggers(fake, "left-on-vfio", CONFIG,
		"0000:03:00.0 is still on vfio-pci, but no guest of this node and no option ids= names it");
	/* the guest at hand names it, or another one, if only by a mapping or by its group */
	passes(fake, "left-on-vfio", "hostpci0: 03:00.0\n");
	fake_file(fake, PT_PVE_PCI_MAPPINGS, TWO_DISKS);
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf", "hostpci0: mapping=disks\n");
	passes(fake, "left-on-vfio", CONFIG);
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf", "hostpci0: 04:00.0\n");
	triggers(fake, "left-on-vfio", CONFIG, "no guest of this node and no option ids= names it");
	/* QEMU has it, though no config says so */
	fake_link(fake, "/proc/4242/fd/3", "/dev/vfio/3");
	passes(fake, "left-on-vfio", CONFIG);
	fake_remove(fake, "/proc/4242/fd/3");
	/* on purpose, from boot */
	judge(fake, CONFIG, &judged);
	assert_non_null(find(&judged, "left-on-vfio"));
	pt_findings_clear(&judged.findings);
	judged.node->traits.vfio_options = strdup("ids=144d:a808");
	judged.node->has_left = false;
	judged.node->left_count = 0;
	pt_facts_clear(&judged.facts);
	assert_int_equal(
		pt_facts_gather(judged.node, judged.guest, PT_DEPTH_CHECK, &judged.facts, NULL), 0);
	pt_check_run(&judged.facts, &judged.findings);
	assert_null(find(&judged, "left-on-vfio"));
	clear(&judged);
	/* one of two in a group */
	fake_dir(fake, "/sys/bus/pci/drivers/vfio-pci/0000:05:01.0");
	fake_remove(fake, "/sys/bus/pci/devices/0000:05:01.0/driver");
	fake_link(
		fake, "/sys/bus/pci/devices/0000:05:01.0/driver", "/sys/bus/pci/drivers/vfio-pci");
	triggers(fake, "left-on-vfio", CONFIG, "0000:03:00.0, 0000:05:01.0 are still on vfio-pci");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf", "hostpci0: 05:00.0\n");
	triggers(fake, "left-on-vfio", CONFIG, "0000:03:00.0 is still on vfio-pci");
}

static void start_timeout(void **state)
{
	struct fake *fake = *state;

	triggers(fake, "start-timeout-risk", "memory: 65536\nargs: -device vfio-pci,host=02:00.0\n",
		"its start pins 64.0 GiB of memory, but Proxmox VE waits only 64 s for a guest with "
		"devices in args alone");
	passes(fake, "start-timeout-risk", "memory: 30720\nargs: -device vfio-pci,host=02:00.0\n");
	passes(fake, "start-timeout-risk", "memory: 65536\nhostpci0: 02:00.0\n");
	passes(fake, "start-timeout-risk",
		"memory: 65536\nhugepages: 1024\nargs: -device vfio-pci,host=02:00.0\n");
	passes(fake, "start-timeout-risk", "memory: 65536\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(left_on_vfio),
		MACHINE_TEST(start_timeout),
		MACHINE_TEST(interrupt_remapping),
		MACHINE_TEST(acs_override),
		MACHINE_TEST(ids_captured),
		MACHINE_TEST(policy_invalid),
		MACHINE_TEST(return_risky),
		MACHINE_TEST(driver_blocked),
		MACHINE_TEST(resets),
		MACHINE_TEST(reset_quirk),
		MACHINE_TEST(device_dead),
		MACHINE_TEST(memory),
		MACHINE_TEST(hugepages),
		MACHINE_TEST(hugepages_by_node),
	};

	return cmocka_run_group_tests_name("check-host", tests, NULL, NULL);
}
