// SPDX-License-Identifier: AGPL-3.0-or-later
/* The checks of address widths: each just triggers, and beside it just does not. */

#include "tests/unit/judge.h"

#define DISK   "0000:02:00.0"
#define CONFIG "hostpci0: 02:00.0\n"

static void widths_of_host(struct fake *fake, const char *iommu, const char *vendor, int bits)
{
	char text[128];

	fake_file(fake, "/sys/class/iommu/dmar0/intel-iommu/cap", iommu);
	snprintf(text, sizeof(text),
		"processor\t: 0\nvendor_id\t: %s\naddress sizes\t: %d bits physical, 48 bits virtual\n",
		vendor, bits);
	fake_file(fake, "/proc/cpuinfo", text);
}
#define IOMMU_39 "260000\n"
#define IOMMU_48 "2f0400\n"

/* A 64-bit BAR of so many GiB. */
static void large_bar(struct fake *fake, unsigned int gib)
{
	char text[128];

	snprintf(text, sizeof(text), "0x%016llx 0x%016llx 0x000000000014220c\n", 0x380000000000ULL,
		0x380000000000ULL + ((unsigned long long)gib << 30) - 1);
	fake_file(fake, "/sys/bus/pci/devices/" DISK "/resource", text);
}

static void install(struct fake *fake, const char *qemu, const char *qemu_server)
{
	char text[512];

	snprintf(text, sizeof(text),
		"Package: other\nStatus: install ok installed\nVersion: 1\n\n"
		"Package: pve-qemu-kvm\nStatus: install ok installed\nVersion: %s\n\n"
		"Package: qemu-server\nVersion: %s\nStatus: install ok installed\n\n",
		qemu, qemu_server);
	fake_file(fake, "/var/lib/dpkg/status", text);
}

static void iova(void **state)
{
	/* bits 21 to 15 of the word at 36: 40 */
	static const char ivrs[48] = {[37] = 0, [38] = 0x14};
	struct fake *fake = *state;
	struct judged judged;

	passes(fake, "iova-too-narrow", CONFIG "memory: 999999\n");
	/* MGAW of 39 bits: half a TiB */
	fake_file(fake, "/sys/class/iommu/dmar0/intel-iommu/cap", "1c0000c40660462\n");
	fake_file(fake, "/sys/class/iommu/dmar1/intel-iommu/cap", "d2008c40660462\n");
	passes(fake, "iova-too-narrow", CONFIG "memory: 64\n");
	fake_file(fake, "/sys/class/iommu/dmar0/intel-iommu/cap", "260000\n");
	passes(fake, "iova-too-narrow", CONFIG "machine: q35\nmemory: 522240\n");
	triggers(fake, "iova-too-narrow", CONFIG "machine: q35\nmemory: 522241\n",
		"translates addresses of 39 bits, 512.0 GiB");
	/* the other machine has a GiB more below 4 GiB */
	passes(fake, "iova-too-narrow", CONFIG "memory: 523264\n");
	triggers(fake, "iova-too-narrow", CONFIG "memory: 523265\n",
		"translates addresses of 39 bits, 512.0 GiB");
	/* of AMD's the firmware says it, and the kernel does not hold itself to that */
	fake_remove(fake, "/sys/class/iommu/dmar0/intel-iommu/cap");
	fake_remove(fake, "/sys/class/iommu/dmar1/intel-iommu/cap");
	fake_bytes(fake, "/sys/firmware/acpi/tables/IVRS", ivrs, sizeof(ivrs));
	passes(fake, "iova-too-narrow", CONFIG "machine: q35\nmemory: 1046528\n");
	judge(fake, CONFIG "machine: q35\nmemory: 1046529\n", &judged);
	assert_int_equal(find(&judged, "iova-too-narrow")->severity, PT_WARNING);
	assert_holds(message_of(find(&judged, "iova-too-narrow")),
		"by the firmware's table the IOMMU of this host translates addresses of 40 bits, 1024.0 GiB");
	clear(&judged);
}

#define VIOMMU(machine) "machine: " machine "\n" CONFIG

static void viommu(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	/* an unknown width is none to compare with */
	passes(fake, "viommu-too-wide", VIOMMU("q35,viommu=intel"));
	widths_of_host(fake, IOMMU_39, "GenuineIntel", 39);
	install(fake, "10.0.2-4", "9.0.21");
	judge(fake, VIOMMU("q35,viommu=intel"), &judged);
	assert_int_equal(find(&judged, "viommu-too-wide")->severity, PT_ERROR);
	assert_string_equal(message_of(find(&judged, "viommu-too-wide")),
		"viommu=intel translates addresses of 48 bits, but the IOMMU of this host only 39: QEMU "
		"does not start");
	assert_string_equal(hint_of(find(&judged, "viommu-too-wide")),
		"set aw-bits=39 in machine and guest-phys-bits=39 in cpu");
	clear(&judged);
	passes(fake, "viommu-too-wide", VIOMMU("q35,viommu=intel,aw-bits=39"));
	passes(fake, "viommu-too-wide", VIOMMU("q35,viommu=virtio"));
	passes(fake, "viommu-too-wide", VIOMMU("q35"));
	/* nothing of the host is opened */
	passes(fake, "viommu-too-wide", "machine: q35,viommu=intel\n");
	/* the default changed with 9.2 */
	passes(fake, "viommu-too-wide", VIOMMU("pc-q35-9.1,viommu=intel"));
	triggers(fake, "viommu-too-wide", VIOMMU("pc-q35-9.2+pve1,viommu=intel"), "48 bits");
	triggers(fake, "viommu-too-wide", VIOMMU("pc-q35-9.1,viommu=intel,aw-bits=48"), "48 bits");
	/* a guest with Windows keeps the version of its creation */
	passes(fake, "viommu-too-wide", "ostype: win11\n" VIOMMU("q35,viommu=intel"));
	triggers(fake, "viommu-too-wide",
		"ostype: win11\nmeta: creation-qemu=9.2.0,ctime=1\n" VIOMMU("q35,viommu=intel"),
		"48 bits");
	passes(fake, "viommu-too-wide",
		"ostype: win11\nmeta: creation-qemu=9.1.2\n" VIOMMU("q35,viommu=intel"));
	passes(fake, "machine-invalid", VIOMMU("q35,viommu=intel,aw-bits=39"));
	triggers(fake, "machine-invalid", VIOMMU("q35,viommu=intel,aw-bits=31"), "aw-bits");
	/* Proxmox VE comes before QEMU */
	judge(fake, VIOMMU("q35,viommu=intel,aw-bits=40"), &judged);
	assert_int_equal(pt_findings_count(&judged.findings, PT_ERROR), 1);
	assert_holds(message_of(find(&judged, "viommu-too-wide")), "neither 39 nor 48");
	clear(&judged);
	/* an older qemu-server does not know the property */
	install(fake, "9.2.0-5", "8.4.10");
	judge(fake, VIOMMU("q35,viommu=intel"), &judged);
	assert_string_equal(hint_of(find(&judged, "viommu-too-wide")),
		"set the machine 'pc-q35-9.1,viommu=intel'");
	clear(&judged);
	triggers(fake, "machine-invalid", VIOMMU("q35,viommu=intel,aw-bits=39"),
		"this node's 8.4.10 drops the line");
	/* an older QEMU has 39 bits by default, and does not look */
	install(fake, "9.0.2-4", "8.3.0");
	passes(fake, "viommu-too-wide", VIOMMU("q35,viommu=intel"));
	/* the whole line is dropped */
	passes(fake, "viommu-too-wide", VIOMMU("q35,viommu=intel,aw-bits=48"));
	install(fake, "9.0.2-4", "9.0.21");
	judge(fake, VIOMMU("q35,viommu=intel,aw-bits=48"), &judged);
	assert_int_equal(find(&judged, "viommu-too-wide")->severity, PT_WARNING);
	clear(&judged);
	/* not known at all: by the kernel, if that is new */
	fake_remove(fake, "/var/lib/dpkg/status");
	judge(fake, VIOMMU("q35,viommu=intel"), &judged);
	assert_int_equal(find(&judged, "viommu-too-wide")->severity, PT_WARNING);
	assert_holds(hint_of(find(&judged, "viommu-too-wide")), "else the machine 'pc-q35-9.1");
	clear(&judged);
	fake_file(fake, "/proc/sys/kernel/osrelease", "6.14.8-2-pve\n");
	judge(fake, VIOMMU("q35,viommu=intel"), &judged);
	assert_int_equal(find(&judged, "viommu-too-wide")->severity, PT_ERROR);
	clear(&judged);
	widths_of_host(fake, IOMMU_48, "GenuineIntel", 46);
	passes(fake, "viommu-too-wide", VIOMMU("q35,viommu=intel"));
	/* Proxmox VE's own refusals */
	triggers(fake, "viommu-too-wide", VIOMMU("viommu=intel"), "needs the machine type q35");
	triggers(fake, "viommu-too-wide", VIOMMU("q35,viommu=intel,aw-bits=42"),
		"neither 39 nor 48");
	triggers(fake, "viommu-too-wide", VIOMMU("q35,aw-bits=39"), "without viommu");
	passes(fake, "viommu-too-wide", VIOMMU("viommu=virtio"));
	passes(fake, "viommu-too-wide", VIOMMU("q35,viommu=virtio,aw-bits=42"));
}

#define OVMF(cpu) "bios: ovmf\ncpu: " cpu "\n" CONFIG

static void guest_address(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	large_bar(fake, 16);
	passes(fake, "guest-address-too-wide", OVMF("host"));
	widths_of_host(fake, IOMMU_39, "GenuineIntel", 46);
	judge(fake, OVMF("host"), &judged);
	assert_holds(message_of(find(&judged, "guest-address-too-wide")),
		"goes by addresses of 46 bits and lays large BARs above those that the IOMMU of this host "
		"translates (39 bits)");
	assert_holds(hint_of(find(&judged, "guest-address-too-wide")),
		"guest-phys-bits=39 to cpu (Proxmox VE 9), else");
	clear(&judged);
	install(fake, "9.2.0", "8.4.1");
	triggers(fake, "guest-address-too-wide", OVMF("cputype=host,flags=+aes"), "46 bits");
	judge(fake, OVMF("host"), &judged);
	assert_holds(
		hint_of(find(&judged, "guest-address-too-wide")), "'x86-64-v2-AES,phys-bits=39'");
	clear(&judged);
	triggers(fake, "guest-address-too-wide", OVMF("x86-64-v2-AES,phys-bits=host"), "46 bits");
	triggers(fake, "guest-address-too-wide", OVMF("x86-64-v2-AES,phys-bits=41"), "41 bits");
	/* what OVMF does not believe, and the remedies */
	passes(fake, "guest-address-too-wide", OVMF("x86-64-v2-AES"));
	passes(fake, "guest-address-too-wide", "bios: ovmf\n" CONFIG);
	passes(fake, "guest-address-too-wide", OVMF("x86-64-v2-AES,phys-bits=40"));
	passes(fake, "guest-address-too-wide", OVMF("host,guest-phys-bits=39"));
	/* QEMU takes the host's width all the same */
	triggers(fake, "guest-address-too-wide", OVMF("host,phys-bits=39"), "46 bits");
	passes(fake, "guest-address-too-wide", OVMF("x86-64-v2-AES,phys-bits=39"));
	passes(fake, "guest-address-too-wide",
		"args: -cpu host,host-phys-bits-limit=39\n" OVMF("host"));
	/* a model of the administrator's has its own width */
	passes(fake, "guest-address-too-wide", OVMF("custom-mine"));
	/* SeaBIOS; no large BAR; a wide IOMMU */
	passes(fake, "guest-address-too-wide", "cpu: host\n" CONFIG);
	fake_file(fake, "/sys/bus/pci/devices/" DISK "/resource",
		"0x00000000f0000000 0x00000000f0003fff 0x0000000000040200\n");
	passes(fake, "guest-address-too-wide", OVMF("host"));
	large_bar(fake, 16);
	widths_of_host(fake, IOMMU_48, "GenuineIntel", 46);
	passes(fake, "guest-address-too-wide", OVMF("host"));
}

static void bar_window(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	large_bar(fake, 32);
	passes(fake, "bar-window-small", CONFIG "bios: ovmf\n");
	large_bar(fake, 64);
	triggers(fake, "bar-window-small", CONFIG "bios: ovmf\n", "need 64.0 GiB of address space");
	passes(fake, "bar-window-small", CONFIG "bios: ovmf\ncpu: host,flags=+pcid\n");
	passes(fake, "bar-window-small", CONFIG "bios: ovmf\ncpu: cputype=host\n");
	passes(fake, "bar-window-small",
		CONFIG "bios: ovmf\nargs: -fw_cfg opt/ovmf/X-PciMmio64Mb,string=65536\n");
	/* the least that it opens */
	passes(fake, "bar-window-small",
		CONFIG "bios: ovmf\ncpu: host\nargs: -fw_cfg opt/ovmf/X-PciMmio64Mb,string=1024\n");
	triggers(fake, "bar-window-small",
		CONFIG "bios: ovmf\nargs: -fw_cfg opt/ovmf/X-PciMmio64Mb,string=65535\n", "opens");
	judge(fake, CONFIG "bios: ovmf\n", &judged);
	assert_holds(hint_of(find(&judged, "bar-window-small")), "set 'cpu: host'");
	clear(&judged);
	/* an eighth of what the processor has */
	widths_of_host(fake, IOMMU_39, "GenuineIntel", 39);
	passes(fake, "bar-window-small", OVMF("host"));
	large_bar(fake, 65);
	triggers(fake, "bar-window-small", OVMF("host"), "need 65.0 GiB");
	/* a host of 39 bits is never sent to its own width */
	judge(fake, CONFIG "bios: ovmf\n", &judged);
	assert_string_equal(hint_of(find(&judged, "bar-window-small")),
		"add '-fw_cfg name=opt/ovmf/X-PciMmio64Mb,string=131072' to the guest's args, behind "
		"what stands there");
	clear(&judged);
	widths_of_host(fake, IOMMU_48, "GenuineIntel", 46);
	judge(fake, CONFIG "bios: ovmf\n", &judged);
	assert_holds(hint_of(find(&judged, "bar-window-small")), "set 'cpu: host'");
	clear(&judged);
	/* numbers that differ */
	fake_file(fake, "/sys/bus/pci/devices/" DISK "/resource",
		"0x0000380000000000 0x00003807ffffffff 0x000000000014220c\n"
		"0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
		"0x0000380800000000 0x0000380801ffffff 0x000000000014220c\n");
	triggers(fake, "bar-window-small", CONFIG "bios: ovmf\n",
		"need 32800 MiB of address space for 64-bit BARs, but its UEFI firmware opens 32768 MiB");
	/* SeaBIOS */
	triggers(fake, "bar-window-small", CONFIG, "SeaBIOS lays above 4 GiB");
	large_bar(fake, 32);
	passes(fake, "bar-window-small", CONFIG);
	/* a card that only computes */
	fake_file(fake, "/sys/bus/pci/devices/" DISK "/class", "0x030200\n");
	triggers(fake, "bar-window-small", CONFIG, "SeaBIOS lays above 4 GiB");
	large_bar(fake, 4);
	passes(fake, "bar-window-small", CONFIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(iova),
		MACHINE_TEST(viommu),
		MACHINE_TEST(guest_address),
		MACHINE_TEST(bar_window),
	};

	return cmocka_run_group_tests_name("check-width", tests, NULL, NULL);
}
