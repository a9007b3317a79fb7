// SPDX-License-Identifier: AGPL-3.0-or-later
/* The checks of what hardware, firmware and boot leave of a function: each just triggers, and
 * beside it just does not. */

#include "tests/unit/judge.h"

static void bar_unassigned(void **state)
{
	static const char resource[] = "/sys/bus/pci/devices/0000:02:00.0/resource";
	struct fake *fake = *state;
	struct judged judged;

	passes(fake, "bar-unassigned", "hostpci0: 02:00.0\n");
	/* an I/O BAR, and behind the sixth line the ROM and the BARs of VFs */
	fake_file(fake, resource,
		"0x00000000f6000000 0x00000000f6ffffff 0x0000000000040200\n"
		"0x0000000000000000 0x000000000000007f 0x0000000020000101\n"
		"0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
		"0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
		"0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
		"0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
		"0x0000000000000000 0x000000000007ffff 0x0000000020046200\n"
		"0x0000000000000000 0x0000000000003fff 0x000000002014220c\n");
	passes(fake, "bar-unassigned", "hostpci0: 02:00.0\n");
	fake_file(fake, resource,
		"0x00000000f6000000 0x00000000f6ffffff 0x0000000000040200\n"
		"0x0000000000000000 0x00000007ffffffff 0x000000002014220c\n"
		"0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
		"0x0000000000000000 0x0000000001ffffff 0x000000002014220c\n");
	judge(fake, "hostpci0: 02:00.0\n", &judged);
	assert_string_equal(message_of(find(&judged, "bar-unassigned")),
		"the host gave no address to its BAR 1 (32.0 GiB), BAR 3 (32 MiB): the guest cannot "
		"use the device as a whole");
	clear(&judged);
	/* QEMU opens one that stays as it is, too */
	triggers(fake, "bar-unassigned", "hostpci0: 02:00.0,driver=keep\n", "BAR 1 (32.0 GiB)");
	fake_file(fake, "/proc/cmdline", "quiet pci=noaer,realloc=on\n");
	triggers(fake, "bar-unassigned", "hostpci0: 02:00.0\n",
		"although it was booted with pci=realloc");
	fake_file(fake, "/proc/cmdline", "quiet pci=noaer,realloc=off\n");
	judge(fake, "hostpci0: 02:00.0\n", &judged);
	assert_holds(hint_of(find(&judged, "bar-unassigned")), "or boot with pci=realloc");
	clear(&judged);
}

static void x_vga_no_vga(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	/* SeaBIOS: VGA alone */
	passes(fake, "x-vga-no-vga", "hostpci0: 01:00,x-vga=1\n");
	passes(fake, "x-vga-no-vga", "hostpci0: 02:00.0\n");
	triggers(fake, "x-vga-no-vga", "hostpci0: 01:00.0,x-vga=1,mdev=t\n",
		"does not go with a mediated device");
	judge(fake, "hostpci0: 02:00.0,x-vga=1\n", &judged);
	assert_holds(message_of(find(&judged, "x-vga-no-vga")), "this one has class 0108");
	assert_string_equal(hint_of(find(&judged, "x-vga-no-vga")),
		"remove x-vga=1, or correct the address: the displays of this host are 0000:01:00.0");
	assert_ptr_equal(
		pt_findings_refusing(&judged.findings, true), find(&judged, "x-vga-no-vga"));
	clear(&judged);
	judge(fake, "hostpci0: 01:00,x-vga=1\n", &judged);
	judged.node->traits.vfio_options = strdup("disable_vga=1");
	pt_check_run(&judged.facts, &judged.findings);
	assert_holds(message_of(find(&judged, "x-vga-no-vga")), "disable_vga=1 switches off");
	clear(&judged);
	/* OVMF: what is no display at all */
	triggers(fake, "x-vga-no-vga", "bios: ovmf\nhostpci0: 02:00.0,x-vga=1\n",
		"has the card moved?");
	passes(fake, "x-vga-no-vga", "bios: ovmf\nhostpci0: 01:00,x-vga=1\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/class", "0x030200\n");
	passes(fake, "x-vga-no-vga", "bios: ovmf\nhostpci0: 01:00,x-vga=1\n");
	triggers(fake, "x-vga-no-vga", "hostpci0: 01:00,x-vga=1\n", "this one has class 0302");
}

static void framebuffer_stays(void **state)
{
	static const char iomem[] =
		"e0000000-e1ffffff : 0000:01:00.0\n  e0000000-e02fffff : BOOTFB\n";
	static const char gpu[] = "/sys/bus/pci/devices/0000:01:00.0/";
	struct fake *fake = *state;
	PT_FREE char *resource = pt_format("%sresource", gpu);
	PT_FREE char *driver = pt_format("%sdriver", gpu);
	PT_FREE char *class = pt_format("%sclass", gpu);

	fake_file(fake, resource, "0x00000000e0000000 0x00000000e1ffffff 0x0000000000040200\n");
	fake_file(fake, "/proc/iomem", iomem);
	/* its driver has ended it, or will, or vfio-pci does */
	passes(fake, "framebuffer-stays", "hostpci0: 01:00\n");
	fake_remove(fake, driver);
	passes(fake, "framebuffer-stays", "hostpci0: 01:00\n");
	triggers(fake, "console-on-device", "hostpci0: 01:00\n", "framebuffer of the firmware");
	fake_file(fake, class, "0x038000\n");
	triggers(fake, "framebuffer-stays", "hostpci0: 01:00\n", "can't reserve");
	passes(fake, "console-on-device", "hostpci0: 01:00\n");
	fake_file(fake, class, "0x030000\n");
	fake_link(fake, driver, "/sys/bus/pci/drivers/vfio-pci");
	triggers(fake, "framebuffer-stays", "hostpci0: 01:00\n", "can't reserve");
	fake_file(fake, "/proc/iomem", "e0000000-e1ffffff : 0000:01:00.0\n");
	passes(fake, "framebuffer-stays", "hostpci0: 01:00\n");
}

/* By fixture: no real card. */
static void d3cold_risk(void **state)
{
	static const char gpu[] = "/sys/bus/pci/devices/0000:01:00.0/";
	struct fake *fake = *state;
	PT_FREE char *power = pt_format("%spower_state", gpu);
	PT_FREE char *driver = pt_format("%sdriver", gpu);
	struct judged judged;

	fake_file(fake, power, "D3cold\n");
	passes(fake, "d3cold-risk", "hostpci0: 01:00\n");
	fake_remove(fake, driver);
	fake_link(fake, driver, "/sys/bus/pci/drivers/vfio-pci");
	triggers(fake, "d3cold-risk", "hostpci0: 01:00\n", "sleeps without power");
	judge(fake, "hostpci0: 01:00\n", &judged);
	judged.node->traits.vfio_options = strdup("disable_idle_d3=1");
	pt_findings_clear(&judged.findings);
	pt_check_run(&judged.facts, &judged.findings);
	assert_null(find(&judged, "d3cold-risk"));
	clear(&judged);
	/* set at run time */
	fake_file(fake, "/sys/module/vfio_pci/parameters/disable_idle_d3", "Y\n");
	passes(fake, "d3cold-risk", "hostpci0: 01:00\n");
	fake_file(fake, "/sys/module/vfio_pci/parameters/disable_idle_d3", "N\n");
	triggers(fake, "d3cold-risk", "hostpci0: 01:00\n", "sleeps without power");
	fake_file(fake, power, "D3hot\n");
	passes(fake, "d3cold-risk", "hostpci0: 01:00\n");
}

static void chipset_function(void **state)
{
	static const struct {
		const char *class, *what;
	} cases[] = {
		{"0x060000", "host bridge"},
		{"0x060100", "ISA bridge"},
		{"0x0c0500", "SMBus controller"},
		{"0x058000", "memory controller"},
		{"0x068000", "(bridge)"},
		{"0x0c0330", NULL},
		{"0x0b4000", NULL},
		{"0x120000", NULL},
		{"0x108000", NULL},
	};
	static const char class[] = "/sys/bus/pci/devices/0000:02:00.0/class";
	static const char vendor[] = "/sys/bus/pci/devices/0000:02:00.0/vendor";
	struct fake *fake = *state;

	pt_foreach (one, cases, PT_ARRAY_SIZE(cases)) {
		fake_file(fake, class, one->class);
		if (one->what)
			triggers(fake, "chipset-function", "hostpci0: 02:00.0\n", one->what);
		else
			passes(fake, "chipset-function", "hostpci0: 02:00.0\n");
	}
	fake_file(fake, vendor, "0x1022\n");
	triggers(fake, "chipset-function", "hostpci0: 02:00.0\n", "security processor");
	/* a card has such controllers too */
	fake_file(fake, class, "0x058000\n");
	put_below(fake, "0000:00:01.0", "0000:02:00.0");
	passes(fake, "chipset-function", "hostpci0: 02:00.0\n");
	fake_file(fake, class, "0x068000\n");
	passes(fake, "chipset-function", "hostpci0: 02:00.0\n");
}

static void reserved_region(void **state)
{
	static const char relaxable[] = "0x00000000bdffd000 0x00000000bdffffff direct-relaxable\n"
					"0x00000000fee00000 0x00000000feefffff msi\n";
	static const char direct[] = "0x00000000fee00000 0x00000000feefffff msi\n"
				     "0x00000000bdffd000 0x00000000bdffffff direct\n";
	struct fake *fake = *state;
	struct judged judged;

	passes(fake, "reserved-region", "hostpci0: 02:00.0\n");
	fake_file(fake, "/sys/kernel/iommu_groups/2/reserved_regions", relaxable);
	passes(fake, "reserved-region", "hostpci0: 02:00.0\n");
	fake_file(fake, "/sys/kernel/iommu_groups/2/reserved_regions", direct);
	passes(fake, "reserved-region", "hostpci0: 03:00.0\n");
	triggers(fake, "reserved-region", "hostpci0: 02:00.0,driver=keep\n", "to no guest");
	judge(fake, "hostpci0: 02:00.0\n", &judged);
	assert_string_equal(message_of(find(&judged, "reserved-region")),
		"the firmware holds memory for its IOMMU group (0xbdffd000 to 0xbdffffff): the kernel "
		"gives the group to no guest");
	assert_holds(hint_of(find(&judged, "reserved-region")), "relax_rmrr");
	assert_ptr_equal(
		pt_findings_refusing(&judged.findings, true), find(&judged, "reserved-region"));
	clear(&judged);
	fake_file(fake, "/sys/firmware/acpi/tables/IVRS", "");
	judge(fake, "hostpci0: 02:00.0\n", &judged);
	assert_holds(hint_of(find(&judged, "reserved-region")), "DMA protection");
	clear(&judged);
}

/* Writes the capabilities that matter: MSI-X at 0xb0, with its table and pending bits. */
static void write_msix(struct fake *fake, unsigned int vectors, uint32_t table, uint32_t pba)
{
	unsigned char space[256] = {0x26, 0x12, 0x63, 0x22, 0, 0, 0x10, 0};
	const uint32_t words[] = {0x11 | (vectors - 1) << 16, table, pba};

	space[0x34] = 0x40;
	space[0x40] = 0x01; /* power management, then MSI-X */
	space[0x41] = 0xb0;
	for (size_t i = 0; i < sizeof(words); i++)
		space[0xb0 + i] = (unsigned char)(words[i / 4] >> i % 4 * 8);
	fake_bytes(fake, "/sys/bus/pci/devices/0000:02:00.0/config", (const char *)space,
		sizeof(space));
}

static void msix_layout(void **state)
{
	static const char resource[] = "/sys/bus/pci/devices/0000:02:00.0/resource";
	struct fake *fake = *state;
	struct judged judged;

	fake_file(fake, resource, "0x00000000f0000000 0x00000000f0003fff 0x0000000000140204\n");
	passes(fake, "msix-layout", "hostpci0: 02:00.0\n");
	/* 22 vectors: 0x160 bytes, and 8 for the pending bits */
	write_msix(fake, 22, 0x2000, 0x2160);
	passes(fake, "msix-layout", "hostpci0: 02:00.0\n");
	write_msix(fake, 22, 0x2000, 0x2158);
	judge(fake, "hostpci0: 02:00.0\n", &judged);
	assert_string_equal(message_of(find(&judged, "msix-layout")),
		"its MSI-X table (0x2000 to 0x215f of BAR 0) and pending bits (0x2158 to 0x215f of "
		"BAR 0) overlap: QEMU does not start");
	assert_holds(hint_of(find(&judged, "msix-layout")),
		"add '-set device.hostpci0.x-msix-relocation=bar0' to");
	clear(&judged);
	/* no BAR that could take them */
	fake_file(fake, resource, "0x000000000000e000 0x000000000000e07f 0x0000000000040101\n");
	judge(fake, "hostpci0: 02:00.0\n", &judged);
	assert_null(hint_of(find(&judged, "msix-layout")));
	clear(&judged);
	fake_file(fake, resource, "0x00000000f0000000 0x00000000f0003fff 0x0000000000140204\n");
	/* done already; done for another entry; not in Proxmox VE's hands */
	passes(fake, "msix-layout",
		"args: -set device.hostpci0.x-msix-relocation=bar0\nhostpci0: 02:00.0\n");
	triggers(fake, "msix-layout",
		"args: -set device.hostpci1.x-msix-relocation=bar0\nhostpci0: 02:00.0\n",
		"overlap");
	triggers(fake, "msix-layout", "args: -device vfio-pci,host=02:00.0\n", "overlap");
	passes(fake, "msix-layout", "args: -device vfio-pci,host=02:00.0,x-msix-relocation=bar0\n");
	triggers(fake, "msix-layout", "hostpci0: 02:00.0,driver=keep\n", "overlap");
	judge(fake, "hostpci0: 02:00.0;03:00.0\n", &judged);
	assert_holds(
		hint_of(find(&judged, "msix-layout")), "give the function an entry of its own");
	clear(&judged);
	/* pending bits before the table, up to its beginning and across */
	write_msix(fake, 22, 0x2000, 0x1ff8);
	passes(fake, "msix-layout", "hostpci0: 02:00.0\n");
	write_msix(fake, 65, 0x2000, 0x1ff8);
	triggers(fake, "msix-layout", "hostpci0: 02:00.0\n", "0x1ff8 to 0x2007");
	/* the end of the BAR, and another BAR that is not there */
	write_msix(fake, 22, 0x3ea0, 0x2000);
	passes(fake, "msix-layout", "hostpci0: 02:00.0\n");
	write_msix(fake, 22, 0x3ea8, 0x2000);
	triggers(fake, "msix-layout", "hostpci0: 02:00.0\n",
		"(0x3ea8 to 0x4007 of BAR 0) leaves the BAR");
	write_msix(fake, 22, 0x2000, 0x2002);
	triggers(fake, "msix-layout", "hostpci0: 02:00.0\n",
		"pending bits (0x2000 to 0x2007 of BAR 2) leave the BAR");
	/* one that QEMU corrects */
	fake_file(fake, "/sys/bus/pci/devices/0000:02:00.0/vendor", "0x1d22\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:02:00.0/device", "0x3685\n");
	passes(fake, "msix-layout", "hostpci0: 02:00.0\n");
}

static void numa_distant(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	fake_file(fake, "/sys/bus/pci/devices/0000:02:00.0/numa_node", "1\n");
	passes(fake, "numa-distant", "hostpci0: 02:00.0\naffinity: 0-3\n");
	fake_file(fake, "/sys/devices/system/node/node0/cpulist", "0-7,16-23\n");
	fake_file(fake, "/sys/devices/system/node/node1/cpulist", "8-15,24-31\n");
	judge(fake, "hostpci0: 02:00.0\naffinity: 0-3,20\n", &judged);
	assert_string_equal(message_of(find(&judged, "numa-distant")),
		"is on NUMA node 1, but affinity=0-3,20 has no processor of it (8-15,24-31)");
	clear(&judged);
	passes(fake, "numa-distant", "hostpci0: 02:00.0\naffinity: 0-3,24\n");
	passes(fake, "numa-distant", "hostpci0: 02:00.0\naffinity: 7-9\n");
	passes(fake, "numa-distant", "hostpci0: 02:00.0\n");
	/* memory; numa alone is a switch */
	triggers(fake, "numa-distant",
		"numa: 1\nnuma0: cpus=0-3,hostnodes=0,memory=1024,policy=bind\nhostpci0: 02:00.0\n",
		"the guest's memory is bound to node 0 (hostnodes)");
	passes(fake, "numa-distant",
		"numa0: cpus=0-3,hostnodes=0\nnuma1: cpus=4-7,hostnodes=1\nhostpci0: 02:00.0\n");
	passes(fake, "numa-distant", "numa0: cpus=0-3,hostnodes=0-1\nhostpci0: 02:00.0\n");
	passes(fake, "numa-distant", "numa0: cpus=0-3,memory=1024\nhostpci0: 02:00.0\n");
	/* huge pages come from the node with the number of the socket */
	triggers(fake, "numa-distant", "numa: 1\nhugepages: 2\nhostpci0: 02:00.0\n",
		"Proxmox VE takes the guest's huge pages from node 0");
	passes(fake, "numa-distant", "numa: 1\nhugepages: 2\nsockets: 2\nhostpci0: 02:00.0\n");
	passes(fake, "numa-distant",
		"numa: 1\nhugepages: 2\nnuma0: cpus=0-3,hostnodes=1,memory=512\nhostpci0: 02:00.0\n");
	/* a device of no node; a companion */
	passes(fake, "numa-distant", "hostpci0: 03:00.0\naffinity: 0-3\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:05:01.0/numa_node", "1\n");
	passes(fake, "numa-distant", "hostpci0: 05:00.0\naffinity: 0-3\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(bar_unassigned),
		MACHINE_TEST(msix_layout),
		MACHINE_TEST(numa_distant),
		MACHINE_TEST(x_vga_no_vga),
		MACHINE_TEST(framebuffer_stays),
		MACHINE_TEST(d3cold_risk),
		MACHINE_TEST(chipset_function),
		MACHINE_TEST(reserved_region),
	};

	return cmocka_run_group_tests_name("check-hardware", tests, NULL, NULL);
}
