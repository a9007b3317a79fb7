// SPDX-License-Identifier: AGPL-3.0-or-later
/* The checks of the guest's other settings, its ROM files, and other guests' configs and claims. */
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "pve/config/paths.h"
#include "tests/unit/judge.h"

#define DISK   "0000:02:00.0"
#define CONFIG "hostpci0: 02:00.0\n"
#define GPU    "hostpci0: 01:00,romfile=card.rom"
#define ROM    "/usr/share/kvm/card.rom"
#define MDEV   "/sys/bus/pci/devices/0000:01:00.0/mdev_supported_types/nvidia-63"

static void mediated_devices(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	triggers(fake, "mdev-type-unknown", "hostpci1: 01:00.0,mdev=nvidia-63\n",
		"no function of it offers the mediated device type nvidia-63");
	/* Intel's GVT-g, which i915 has switched off */
	fake_remove(fake, "/sys/bus/pci/devices/0000:01:00.0/driver");
	fake_link(fake, "/sys/bus/pci/devices/0000:01:00.0/driver", "/sys/bus/pci/drivers/i915");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/vendor", "0x8086\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/device", "0x4680\n");
	triggers(fake, "mdev-type-unknown", "hostpci1: 01:00.0,mdev=i915-GVTg_V5_4\n",
		"from Broadwell to Comet Lake have GVT-g, and 8086:4680 is another");
	fake_link(fake, "/sys/bus/pci/devices/0000:01:00.0/driver", "/sys/bus/pci/drivers/xe");
	triggers(fake, "mdev-type-unknown", "hostpci1: 01:00.0,mdev=i915-GVTg_V5_4\n",
		"and 8086:4680 is another");
	fake_link(fake, "/sys/bus/pci/devices/0000:01:00.0/driver", "/sys/bus/pci/drivers/i915");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/device", "0x9bc8\n");
	judge(fake, "hostpci1: 01:00.0,mdev=i915-GVTg_V5_4\n", &judged);
	assert_holds(message_of(find(&judged, "mdev-type-unknown")), "GVT-g is off");
	assert_holds(hint_of(find(&judged, "mdev-type-unknown")),
		"i915.enable_gvt=1, and add the line kvmgt");
	clear(&judged);
	fake_file(fake, "/proc/cmdline", "root=/dev/x i915.enable_gvt=1\n");
	judge(fake, "hostpci1: 01:00.0,mdev=i915-GVTg_V5_4\n", &judged);
	assert_holds(message_of(find(&judged, "mdev-type-unknown")),
		"although the kernel was booted with i915.enable_gvt=1");
	clear(&judged);
	fake_link(
		fake, "/sys/bus/pci/devices/0000:01:00.0/driver", "/sys/bus/pci/drivers/vfio-pci");
	triggers(fake, "mdev-type-unknown", "hostpci1: 01:00.0,mdev=i915-GVTg_V5_4\n",
		"vfio-pci has it, and makes none");
	fake_link(fake, "/sys/bus/pci/devices/0000:01:00.0/driver", "/sys/bus/pci/drivers/i915");
	fake_file(fake, MDEV "/available_instances", "1\n");
	judge(fake, "hostpci1: 01:00.0,mdev=i915-GVTg_V5_4\n", &judged);
	assert_holds(
		hint_of(find(&judged, "mdev-type-unknown")), "mdev_supported_types of the device");
	clear(&judged);
	passes(fake, "mdev-type-unknown", "hostpci1: 01:00.0,mdev=nvidia-63\n");
	passes(fake, "mdev-none-free", "hostpci1: 01:00.0,mdev=nvidia-63\n");
	fake_file(fake, MDEV "/available_instances", "0\n");
	triggers(fake, "mdev-none-free", "hostpci1: 01:00.0,mdev=nvidia-63\n", "no instance");
	/* Proxmox VE's own is there already, and is used again */
	fake_dir(fake, "/sys/bus/mdev/devices/00000001-0000-0000-0000-000000000100");
	passes(fake, "mdev-none-free", "hostpci1: 01:00.0,mdev=nvidia-63\n");
}

/* NVIDIA's driver lists the types that a VF can have now. */
static void vgpus(void **state)
{
	static const char current[] = "/sys/bus/pci/devices/0000:02:00.0/nvidia/current_vgpu_type";
	static const char creatable[] =
		"/sys/bus/pci/devices/0000:02:00.0/nvidia/creatable_vgpu_types";
	static const char heading[] = "ID    : vGPU Name\n";
	static const char wanted[] = "hostpci0: 02:00.0,mdev=nvidia-558\n";
	struct fake *fake = *state;
	struct judged judged;

	fake_file(fake, current, "0\n");
	fake_file(fake, creatable,
		"ID    : vGPU Name\n55    : NVIDIA H100-4C\n558   : NVIDIA H100-40C\n");
	passes(fake, "mdev-type-unknown", wanted);
	passes(fake, "mdev-none-free", wanted);
	triggers(fake, "mdev-type-unknown", "hostpci0: 02:00.0,mdev=nvidia-5\n",
		"no function of it offers the mediated device type nvidia-5");
	judge(fake, "hostpci0: 02:00.0,mdev=nvidia-5\n", &judged);
	assert_holds(hint_of(find(&judged, "mdev-type-unknown")), "nvidia/creatable_vgpu_types");
	clear(&judged);
	/* Proxmox VE takes one that the VF has already, and empties another: the types that it
	 * offers then are not known before */
	fake_file(fake, creatable, heading);
	fake_file(fake, current, "558\n");
	passes(fake, "mdev-none-free", wanted);
	passes(fake, "mdev-none-free", "hostpci0: 02:00.0,mdev=nvidia-559\n");
	passes(fake, "mdev-type-unknown", "hostpci0: 02:00.0,mdev=nvidia-559\n");
	/* all of the card is with other VFs */
	fake_file(fake, current, "0\n");
	triggers(fake, "mdev-none-free", wanted, "no instance");
	/* a driver that tells nothing */
	fake_remove(fake, current);
	passes(fake, "mdev-none-free", wanted);
	passes(fake, "mdev-type-unknown", wanted);
	/* of another guest */
	passes(fake, "reserved-by-other", wanted);
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, "0000:02:00.0 101 time:99999999999\n");
	triggers(fake, "reserved-by-other", wanted, "is reserved by guest 101");
	/* another guest's is none to be had, though its type is the one that is wanted */
	fake_file(fake, current, "558\n");
	triggers(fake, "mdev-none-free", wanted, "no instance");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf", wanted);
	passes(fake, "configured-elsewhere", wanted);
}

/* A ROM of one image: vendor and device in little endian, the code type. */
static void make_rom_at(
	struct fake *fake, const char *path, const char *ids, unsigned char code_type)
{
	char rom[512] = "\x55\xaa\x01";

	rom[0x18] = 0x20;
	memcpy(rom + 0x20, "PCIR", 4);
	memcpy(rom + 0x24, ids, 4);
	rom[0x30] = 1;
	rom[0x34] = (char)code_type;
	rom[0x35] = (char)0x80;
	fake_bytes(fake, path, rom, sizeof(rom));
}

static void make_rom(struct fake *fake, const char *ids, unsigned char code_type)
{
	make_rom_at(fake, ROM, ids, code_type);
}

/* AMD's: the driver for the screen lies on the sound function, and is for any device. */
static void roms_of_one_slot(void **state)
{
	static const char slot[] = "bios: ovmf\nhostpci0: 01:00.0,romfile=card.rom\n"
				   "hostpci1: 01:00.1,romfile=sound.rom\n";
	static const char sound[] = "/usr/share/kvm/sound.rom";
	struct fake *fake = *state;

	make_rom(fake, "\xde\x10\x04\x22", PT_ROM_CODE_BIOS);
	make_rom_at(fake, sound, "\xde\x10\xff\xff", PT_ROM_CODE_EFI);
	passes(fake, "romfile-no-efi-image", slot);
	passes(fake, "romfile-wrong-device", slot);
	passes(fake, "romfile-efi-only", slot + strlen("bios: ovmf\n"));
	make_rom_at(fake, sound, "\xdf\x10\xff\xff", PT_ROM_CODE_EFI);
	triggers(fake, "romfile-wrong-device", slot, "is for the device 10df:ffff");
	/* one with the graphics' own id is for the slot as well, a legacy image is not */
	make_rom_at(fake, sound, "\xde\x10\x04\x22", PT_ROM_CODE_EFI);
	passes(fake, "romfile-wrong-device", slot);
	make_rom_at(fake, sound, "\xde\x10\x04\x22", PT_ROM_CODE_BIOS);
	triggers(fake, "romfile-wrong-device", slot, "is for the device 10de:2204");
	/* another slot's is no help */
	make_rom_at(fake, sound, "\xff\xff\xff\xff", PT_ROM_CODE_EFI);
	triggers(fake, "romfile-no-efi-image",
		"bios: ovmf\nhostpci0: 01:00.0,romfile=card.rom\n"
		"hostpci1: 02:00.0,romfile=sound.rom\n",
		"card.rom has no EFI image");
}

static void rom_files(void **state)
{
	struct fake *fake = *state;
	struct judged judged;
	char path[PATH_MAX];

	triggers(fake, "romfile-missing", GPU "\n", "/usr/share/kvm/card.rom cannot be read");
	passes(fake, "romfile-not-a-rom", GPU "\n");
	judge(fake, GPU ",rombar=0\n", &judged);
	assert_int_equal(find(&judged, "romfile-missing")->severity, PT_WARNING);
	assert_null(pt_findings_refusing(&judged.findings, true));
	clear(&judged);
	/* of another node, where it could not be looked for */
	judge(fake, GPU "\n", &judged);
	pt_findings_clear(&judged.findings);
	judged.facts.rom[0].file.known = false;
	pt_check_run(&judged.facts, &judged.findings);
	assert_int_equal(find(&judged, "romfile-missing")->severity, PT_INFO);
	assert_holds(message_of(find(&judged, "romfile-missing")),
		"unknown whether the node has its ROM file");
	clear(&judged);
	make_rom(fake, "\xde\x10\x04\x22", 0);
	passes(fake, "romfile-missing", GPU "\n");
	passes(fake, "romfile-not-a-rom", GPU "\n");
	passes(fake, "romfile-wrong-device", GPU "\n");
	passes(fake, "romfile-outside-dir", GPU "\n");
	passes(fake, "romfile-with-rombar-off", GPU "\n");
	triggers(fake, "romfile-with-rombar-off", GPU ",rombar=0\n",
		"rombar=0 hides it from the device's driver");
	passes(fake, "romfile-no-efi-image", GPU "\n");
	triggers(fake, "romfile-no-efi-image", GPU "\nbios: ovmf\n", "shows nothing");
	triggers(fake, "romfile-no-efi-image", "hostpci0: 02:00.0,romfile=card.rom\nbios: ovmf\n",
		"cannot boot from that device");
	make_rom(fake, "\xde\x10\x04\x22", PT_ROM_CODE_EFI);
	passes(fake, "romfile-no-efi-image", GPU "\nbios: ovmf\n");
	passes(fake, "romfile-efi-only", GPU "\nbios: ovmf\n");
	triggers(fake, "romfile-efi-only", GPU "\n", "card.rom has EFI images only");
	make_rom(fake, "\xde\x10\x05\x22", PT_ROM_CODE_EFI);
	triggers(fake, "romfile-wrong-device", GPU "\n",
		"is for the device 10de:2205, but 0000:01:00.0 is 10de:2204");
	fake_file(fake, ROM, "NVGI header of an updater");
	triggers(fake, "romfile-not-a-rom", GPU "\n", "is no PCI ROM");
	passes(fake, "romfile-no-efi-image", GPU "\nbios: ovmf\n");
	fake_file(fake, "/usr/share/other.rom", "");
	triggers(fake, "romfile-outside-dir", "hostpci0: 01:00,romfile=../other.rom\n",
		"lies outside");
	/* nobody looks there: a config that is handed over must not open any path, nor say whether
	 * it is there */
	passes(fake, "romfile-not-a-rom", "hostpci0: 01:00,romfile=../other.rom\n");
	passes(fake, "romfile-missing", "hostpci0: 01:00,romfile=../../no.rom\n");
	triggers(fake, "romfile-outside-dir", "hostpci0: 01:00,romfile=..\n", "lies outside");
	passes(fake, "romfile-outside-dir", "hostpci0: 01:00,romfile=a..b.rom\n");
	/* opening a device file may have consequences */
	snprintf(path, sizeof(path), "%s" PT_PVE_ROMS "/device.rom", fake->root);
	assert_int_equal(mknod(path, S_IFCHR | 0600, makedev(1, 5)), 0);
	triggers(fake, "romfile-missing", "hostpci0: 01:00,romfile=device.rom\n", "cannot be read");
}

static void roms_are_hostile(void **state)
{
	unsigned char rom[1024] = {0x55, 0xaa};
	struct pt_rom parsed;

	(void)state;
	for (size_t length = 0; length < sizeof(rom); length += 13) {
		pt_rom_parse(rom, length, &parsed);
		assert_int_equal(parsed.count, 0);
	}
	/* the data structure lies beyond the end; then an image of no length */
	rom[0x18] = 0xf0;
	rom[0x19] = 0xff;
	pt_rom_parse(rom, sizeof(rom), &parsed);
	assert_int_equal(parsed.count, 0);
	rom[0x18] = 0x20;
	rom[0x19] = 0;
	memcpy(rom + 0x20, "PCIR", 4);
	pt_rom_parse(rom, sizeof(rom), &parsed);
	assert_int_equal(parsed.count, 0);
	/* images that never end are counted up to a limit */
	rom[0x30] = 1;
	memcpy(rom + 512, rom, 512);
	pt_rom_parse(rom, sizeof(rom), &parsed);
	assert_int_equal(parsed.count, 2);
}

static void screens(void **state)
{
	struct fake *fake = *state;

	passes(fake, "primary-gpu-conflict", "hostpci0: 01:00,x-vga=1\n");
	passes(fake, "primary-gpu-conflict", "hostpci0: 01:00,x-vga=1\nvga: none\n");
	passes(fake, "primary-gpu-conflict", "hostpci0: 01:00,x-vga=1\nvga: serial0\n");
	passes(fake, "primary-gpu-conflict", "hostpci0: 01:00\nvga: std\n");
	triggers(fake, "primary-gpu-conflict", "hostpci0: 01:00,x-vga=1\nvga: std\n",
		"'vga: std' adds an emulated one");
	triggers(fake, "primary-gpu-conflict",
		"hostpci0: 01:00,x-vga=1\nhostpci1: 02:00.0,x-vga=1\n",
		"but hostpci0 is that already");
}

static void ballooning(void **state)
{
	struct fake *fake = *state;

	passes(fake, "balloon-with-passthrough", CONFIG "memory: 2048\n");
	passes(fake, "balloon-with-passthrough", CONFIG "memory: 2048\nballoon: 0\n");
	passes(fake, "balloon-with-passthrough", CONFIG "memory: 2048\nballoon: 2048\n");
	passes(fake, "balloon-with-passthrough", CONFIG "memory: current=2048\nballoon: 2048\n");
	passes(fake, "balloon-with-passthrough", "memory: 2048\nballoon: 1024\n");
	triggers(fake, "balloon-with-passthrough", CONFIG "memory: 2048\nballoon: 1024\n",
		"'balloon: 1024' has no effect");
}

static void arguments_and_migration(void **state)
{
	struct fake *fake = *state;

	passes(fake, "args-vfio-device", CONFIG "args: -device virtio-rng-pci\n");
	passes(fake, "args-vfio-device",
		CONFIG "args: -device vfio-pci-nohotplug,sysfsdev=/sys/x,host=../../etc\n");
	triggers(fake, "args-vfio-device",
		"args: -device vfio-pci,host=02:00.0,id=x -device vfio-pci,id=y,host=0000:03:00.0\n",
		"passes 0000:02:00.0;0000:03:00.0 to QEMU");
	{
		struct judged judged;

		judge(fake,
			"args: -device vfio-pci,host=02:00.0\nhookscript: nfs:snippets/pve-pthook\n",
			&judged);
		assert_int_equal(find(&judged, "args-vfio-device")->severity, PT_INFO);
		assert_holds(message_of(find(&judged, "args-vfio-device")),
			"pve-pthook takes and restores it");
		clear(&judged);
		/* another hookscript may bind it */
		judge(fake,
			"args: -device vfio-pci,host=02:00.0\nhookscript: local:snippets/igd.sh\n",
			&judged);
		assert_int_equal(find(&judged, "args-vfio-device")->severity, PT_WARNING);
		assert_holds(message_of(find(&judged, "args-vfio-device")),
			"unless the hookscript local:snippets/igd.sh binds it");
		clear(&judged);
		/* without us nobody binds it */
		judge(fake, "args: -device vfio-pci,host=02:00.0\n", &judged);
		assert_int_equal(find(&judged, "args-vfio-device")->severity, PT_ERROR);
		clear(&judged);
	}
	/* and they are assigned functions like others */
	triggers(fake, "device-assigned-twice", CONFIG "args: -device vfio-pci,host=02:00.0\n",
		DISK " is assigned");
	triggers(fake, "device-missing", "args: -device vfio-pci,host=66:00.0\n",
		"no PCI device 0000:66:00.0");
	passes(fake, "not-migratable", "memory: 64\n");
	triggers(fake, "not-migratable", CONFIG, "it has a device of this host");
	triggers(fake, "not-migratable", "hostpci0: mapping=disks\n",
		"cannot be migrated while it runs");
	fake_file(fake, PT_PVE_PCI_MAPPINGS, TWO_DISKS "\tlive-migration-capable 1\n");
	triggers(fake, "not-migratable", "hostpci0: mapping=disks\n",
		"its mappings are marked live-migration-capable");
	triggers(fake, "not-migratable", "hostpci0: mapping=disks\nhostpci1: 01:00\n",
		"it has a device of this host");
}

static void hookscripts(void **state)
{
	struct fake *fake = *state;
	char path[128];

	triggers(fake, "hook-not-attached", CONFIG, "has no hookscript");
	passes(fake, "hook-not-attached", "memory: 64\n");
	triggers(fake, "hook-not-attached", CONFIG "hookscript: local:snippets/mine.pl\n",
		"local:snippets/mine.pl, not pve-pthook");
	triggers(fake, "hook-missing", CONFIG "hookscript: local:snippets/pve-pthook\n",
		"is not on this node");
	fake_file(fake, "/var/lib/vz/snippets/pve-pthook", "");
	passes(fake, "hook-missing", CONFIG "hookscript: local:snippets/pve-pthook\n");
	triggers(fake, "hook-not-executable", CONFIG "hookscript: local:snippets/pve-pthook\n",
		"is not executable");
	snprintf(path, sizeof(path), "%s/var/lib/vz/snippets/pve-pthook", fake->root);
	assert_int_equal(chmod(path, 0755), 0);
	passes(fake, "hook-not-executable", CONFIG "hookscript: local:snippets/pve-pthook\n");
	passes(fake, "hook-not-attached", CONFIG "hookscript: local:snippets/pve-pthook\n");
	/* whoever wrote it */
	passes(fake, "hookscript-missing", CONFIG "hookscript: local:snippets/pve-pthook\n");
	passes(fake, "hookscript-missing", CONFIG "hookscript: unknown:snippets/mine.pl\n");
	triggers(fake, "hookscript-missing", CONFIG "hookscript: local:snippets/mine.pl\n",
		"local:snippets/mine.pl is no executable file");
	fake_file(fake, "/var/lib/vz/snippets/mine.pl", "");
	triggers(fake, "hookscript-missing", CONFIG "hookscript: local:snippets/mine.pl\n",
		"is no executable file");
	snprintf(path, sizeof(path), "%s/var/lib/vz/snippets/mine.pl", fake->root);
	assert_int_equal(chmod(path, 0755), 0);
	passes(fake, "hookscript-missing", CONFIG "hookscript: local:snippets/mine.pl\n");
	/* another storage */
	fake_file(fake, "/etc/pve/storage.cfg",
		"dir: local\n\tpath /var/lib/vz\n\tcontent snippets\n\ndir: fast\n\tcontent snippets\n\tpath /mnt/fast\n\n"
		"nfs: shared\n\tpath /mnt/pve/shared\n");
	triggers(fake, "hook-missing", CONFIG "hookscript: fast:snippets/pve-pthook\n",
		"fast:snippets/pve-pthook is not on");
	/* a storage that there is not; one whose files lie on another machine */
	triggers(fake, "hookscript-missing", CONFIG "hookscript: gone:snippets/mine.pl\n",
		"gone:snippets/mine.pl is no executable file");
	triggers(fake, "hook-missing", CONFIG "hookscript: gone:snippets/pve-pthook\n",
		"gone:snippets/pve-pthook is not on");
	passes(fake, "hookscript-missing", CONFIG "hookscript: shared:snippets/mine.pl\n");
	fake_link(fake, "/mnt/fast/snippets/pve-pthook", "/var/lib/vz/snippets/pve-pthook");
	passes(fake, "hook-missing", CONFIG "hookscript: fast:snippets/pve-pthook\n");
	passes(fake, "hook-missing", CONFIG "hookscript: shared:snippets/pve-pthook\n");
}

static void backups(void **state)
{
	struct fake *fake = *state;

	passes(fake, "started-for-backup", CONFIG "lock: suspended\n");
	triggers(fake, "started-for-backup", CONFIG "lock: backup\n", "a backup starts it");
	passes(fake, "started-for-backup", "lock: backup\n");
	fake_file(fake, PT_PVE_JOBS, "vzdump: nightly\n\tall 1\n\texclude 101\n");
	triggers(fake, "started-for-backup", CONFIG,
		"is in the backup job nightly, which starts a stopped guest");
	fake_file(fake, PT_PVE_JOBS, "vzdump: nightly\n\tall 1\n\texclude 100\n");
	passes(fake, "started-for-backup", CONFIG);
	fake_file(fake, PT_PVE_RUN "/100.pid", "4242\n");
	process_4242(fake, KVM_OF("100"));
	passes(fake, "started-for-backup", CONFIG "lock: backup\n");
	/* the backup interrupts a guest that ran: its devices are held for it */
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	save_claim(fake, "/run/pt", 100, DISK, NULL);
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/100.conf", "lock: backup\n");
	passes(fake, "started-for-backup", CONFIG "lock: backup\n");
}

static void virtual_functions_of_nobody(void **state)
{
	struct fake *fake = *state;

	passes(fake, "vf-of-absent-pf", "hostpci0: 04:10.0\n");
	passes(fake, "vf-of-absent-pf", "hostpci0: 04:00.0\n");
	fake_remove(fake, "/sys/bus/pci/devices/0000:04:00.0/driver");
	triggers(fake, "vf-of-absent-pf", "hostpci0: 04:10.0\n",
		"virtual function of 0000:04:00.0, which has no driver");
	fake_link(
		fake, "/sys/bus/pci/devices/0000:04:00.0/driver", "/sys/bus/pci/drivers/vfio-pci");
	triggers(fake, "vf-of-absent-pf", "hostpci0: 04:10.0\n", "which is itself on vfio-pci");
}

static void overrides(void **state)
{
	struct fake *fake = *state;

	passes(fake, "foreign-override", CONFIG);
	fake_file(fake, "/sys/bus/pci/devices/" DISK "/driver_override", "nvme\n");
	triggers(fake, "foreign-override", CONFIG, "has the driver override nvme");
}

static void other_configs(void **state)
{
	static const char other[] = "/etc/pve/nodes/node1/qemu-server/101.conf";
	struct fake *fake = *state;
	struct judged judged;
	size_t told = 0;

	fake_file(fake, "/etc/pve/mapping/pci.cfg",
		TWO_DISKS
		"\none\n\tmap node=node1,path=0000:02:00.0,id=144d:a808,iommugroup=2,subsystem-id=144d:a801\n");
	passes(fake, "configured-elsewhere", CONFIG);
	fake_file(fake, other, "hostpci3: 02:00,pcie=1\n");
	triggers(fake, "configured-elsewhere", CONFIG, "guest 101 names it too");
	fake_file(fake, other, "onboot: 1\nhostpci3: 0000:03:00.0;0000:02:00.0\n");
	triggers(fake, "configured-elsewhere", CONFIG "onboot: 1\n",
		"guest 101 names it too; both start at boot");
	fake_file(fake, other, "hostpci0: 03:00.0\n");
	passes(fake, "configured-elsewhere", CONFIG);
	fake_file(fake, other, "template: 1\nhostpci0: 02:00.0\n");
	passes(fake, "configured-elsewhere", CONFIG);
	fake_file(fake, other, "hostpci0: 02:00.0,mdev=some\n");
	passes(fake, "configured-elsewhere", CONFIG);
	fake_file(fake, other, "hostpci0: mapping=one\n");
	triggers(fake, "configured-elsewhere", "hostpci0: mapping=one\n", "guest 101 names it too");
	triggers(fake, "configured-elsewhere", CONFIG, "guest 101 names it too");
	fake_file(fake, other, "hostpci0: 02:00.0,driver=keep\n");
	triggers(fake, "configured-elsewhere", "hostpci0: mapping=one\n", "guest 101 names it too");
	triggers(fake, "configured-elsewhere", "hostpci0: 02:00.0,driver=keep\n",
		"guest 101 names it too");
	/* a physical function and its virtual ones */
	fake_file(fake, other, "hostpci0: 04:10.0\n");
	triggers(fake, "configured-elsewhere", "hostpci0: 04:00.0\n",
		"guest 101 names a virtual function of it");
	fake_file(fake, other, "hostpci0: 04:00.0\n");
	triggers(fake, "configured-elsewhere", "hostpci0: 04:10.0\n",
		"guest 101 names its physical function");
	/* one conflict is told once: 01:00.1 is named, 01:00.0 goes along */
	fake_file(fake, other, "hostpci0: 01:00\n");
	judge(fake, "hostpci0: 01:00.1\n", &judged);
	assert_string_equal(
		subject_of(find(&judged, "configured-elsewhere")), "hostpci0: 0000:01:00.1");
	pt_foreach (finding, judged.findings.finding, judged.findings.count)
		told += pt_streq(finding->check->tag, "configured-elsewhere");
	assert_int_equal(told, 1);
	clear(&judged);
	/* two devices for three guests, or for one that wants two */
	fake_file(fake, other, "hostpci0: mapping=disks\nhostpci1: mapping=disks\n");
	triggers(fake, "configured-elsewhere", "hostpci0: mapping=disks\n",
		"mapping disks has 2 devices on this node, but this guest and guest 101 name it 3 times");
	fake_file(fake, other, "hostpci0: 02:00.0,driver=keep\n");
	/* of several there may be enough for both */
	passes(fake, "configured-elsewhere", "hostpci0: mapping=disks\n");
	fake_file(fake, other, "hostpci0: mapping=disks\n");
	passes(fake, "configured-elsewhere", "hostpci0: mapping=disks\n");
	/* its own config, and other files */
	fake_remove(fake, other);
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/100.conf", CONFIG);
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/102.conf.tmp", CONFIG);
	passes(fake, "configured-elsewhere", CONFIG);
}

/* The serial number capability, behind another one. */
static void put_serial(struct fake *fake, const char *serial)
{
	char config[0x200] = {0};

	memcpy(config, "\x4d\x14\x08\xa8", 4);
	memcpy(config + 0x100, "\x01\x00\x02\x14", 4);
	memcpy(config + 0x140, "\x03\x00\x01\x00", 4);
	memcpy(config + 0x144, serial, 8);
	fake_bytes(fake, "/sys/bus/pci/devices/" DISK "/config", config, sizeof(config));
}

static void accept_now(struct fake *fake, const char *config)
{
	struct judged judged;

	judge(fake, config, &judged);
	assert_int_equal(pt_identities_write(fake->host, 100, &judged.facts.current, NULL), 0);
	clear(&judged);
}

/* One of the findings says it. */
static void assert_finding(const struct judged *judged, const char *message)
{
	pt_foreach (finding, judged->findings.finding, judged->findings.count) {
		if (strstr(message_of(finding), message))
			return;
	}
	fail_msg("no finding says: %s", message);
}

static void identities(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	put_serial(fake, "\x01\x00\x00\x00\x78\x56\x34\x12");
	passes(fake, "device-identity-changed", CONFIG);
	accept_now(fake, CONFIG "hostpci1: 01:00\n");
	passes(fake, "device-identity-changed", CONFIG);
	put_serial(fake, "\x02\x00\x00\x00\x78\x56\x34\x12");
	triggers(fake, "device-identity-changed", CONFIG,
		"is 144d:a808, subsystem 144d:a801, serial 1234567800000002 now, but at the last successful "
		"start it was 144d:a808, subsystem 144d:a801, serial 1234567800000001");
	judge(fake, CONFIG, &judged);
	assert_int_equal(find(&judged, "device-identity-changed")->severity, PT_WARNING);
	assert_string_equal(hint_of(find(&judged, "device-identity-changed")),
		"if you swapped it, 'pve-ptconf accept 100'");
	clear(&judged);
	/* local policy allows a use for the device that was there, not for this one */
	fake_link(fake, "/sys/bus/pci/drivers/nvme/module", "/sys/module/nvme");
	fake_link(fake, "/sys/bus/pci/drivers/nvme/" DISK, "/sys/bus/pci/devices/" DISK);
	fake_file(fake, "/sys/module/nvme/refcnt", "3\n");
	fake_file(fake, PT_POLICY_FILE, "[device " DISK "]\nallow = in-use-module\n");
	judge(fake, CONFIG, &judged);
	assert_int_equal(find(&judged, "in-use-module")->severity, PT_WARNING);
	clear(&judged);
	fake_remove(fake, "/sys/bus/pci/drivers/nvme/module");
	add_node(fake, "/sys/bus/pci/devices/" DISK "/nvme/nvme0/nvme0n1", "block", "259:0\n",
		"nvme0n1");
	fake_file(fake, "/proc/1/mountinfo", "22 1 259:0 / /mnt rw - ext4 /dev/nvme0n1 rw\n");
	fake_file(fake, PT_POLICY_FILE, "[device " DISK "]\nallow = in-use-block\n");
	judge(fake, CONFIG, &judged);
	assert_int_equal(find(&judged, "in-use-block")->severity, PT_ERROR);
	assert_holds(message_of(find(&judged, "in-use-block")),
		"allows it for the device that was here before");
	assert_non_null(pt_findings_refusing(&judged.findings, true));
	clear(&judged);
	put_serial(fake, "\x01\x00\x00\x00\x78\x56\x34\x12");
	judge(fake, CONFIG, &judged);
	assert_int_equal(find(&judged, "in-use-block")->severity, PT_WARNING);
	assert_holds(message_of(find(&judged, "in-use-block")),
		"nvme0n1 is mounted at /mnt (allowed in line 2");
	clear(&judged);
	fake_remove(fake, PT_POLICY_FILE);
	fake_remove(fake, "/proc/1/mountinfo");
	/* a graphics card where the disk was, and the disk in another place */
	put_serial(fake, "\x01\x00\x00\x00\x78\x56\x34\x12");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/class", "0x010802\n");
	judge(fake, "hostpci0: 01:00.0\n", &judged);
	assert_int_equal(find(&judged, "device-identity-changed")->severity, PT_ERROR);
	assert_holds(
		message_of(find(&judged, "device-identity-changed")), "a device of another class");
	clear(&judged);
	/* moved to another slot: said where */
	{
		PT_FREE char *from = pt_format("%s/sys/bus/pci/devices/" DISK, fake->root);
		PT_FREE char *to = pt_format("%s/sys/bus/pci/devices/0000:09:00.0", fake->root);

		assert_int_equal(rename(from, to), 0);
	}
	judge(fake, CONFIG, &judged);
	assert_null(find(&judged, "device-identity-changed"));
	assert_int_equal(judged.facts.moved.count, 1);
	assert_non_null(find(&judged, "device-missing"));
	assert_finding(&judged,
		"the device that was at " DISK " at the last start is at 0000:09:00.0 now");
	clear(&judged);
	triggers(fake, "device-missing", CONFIG, "there is no PCI device 02:00.0");
	/* a damaged record is told, and no more */
	fake_file(fake, PT_IDENTITY_DIR "/100.json", "{\"version\":7,\"functions\":[]}");
	passes(fake, "device-identity-changed", "hostpci0: 03:00.0\n");
	assert_holds(fake->said,
		"/100.json is damaged ('pve-ptconf accept 100' writes it anew): \"version\"");
}

/* Without a serial number it may be any of its model: said when there is one alone that nobody else
 * is on record for. */
static void identities_without_serial(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	accept_now(fake, CONFIG);
	fake_file(fake, "/sys/bus/pci/devices/" DISK "/class", "0x010601\n");
	judge(fake, CONFIG, &judged);
	assert_int_equal(find(&judged, "device-identity-changed")->severity, PT_ERROR);
	assert_string_equal(hint_of(find(&judged, "device-identity-changed")),
		"another device of that model is at 0000:03:00.0");
	clear(&judged);
	/* the other one is the guest's as well, and where it was */
	fake_file(fake, "/sys/bus/pci/devices/" DISK "/class", "0x010802\n");
	accept_now(fake, CONFIG "hostpci1: 03:00.0\n");
	fake_file(fake, "/sys/bus/pci/devices/" DISK "/class", "0x010601\n");
	judge(fake, CONFIG "hostpci1: 03:00.0\n", &judged);
	assert_string_equal(hint_of(find(&judged, "device-identity-changed")),
		"if you swapped it, 'pve-ptconf accept 100'");
	clear(&judged);
}

static void claims_of_the_dead(void **state)
{
	struct fake *fake = *state;

	passes(fake, "stale-claim", CONFIG);
	save_claim(fake, "/run/pt", 101, DISK, NULL);
	triggers(fake, "stale-claim", CONFIG, "does not run, but still holds " DISK);
	/* the guests that it concerns have it */
	passes(fake, "stale-claim", "hostpci0: 03:00.0\n");
	passes(fake, "claim-incomplete", CONFIG);
	save_claim(fake, "/run/pt", 101, DISK, DISK ": bind to nvme: Input/output error");
	/* the override that such a return leaves is nobody's but ours */
	fake_file(fake, "/sys/bus/pci/devices/" DISK "/driver_override", "nvme\n");
	passes(fake, "foreign-override", CONFIG);
	triggers(fake, "claim-incomplete", CONFIG, "could not return " DISK ": bind to nvme: ");
	fake_file(fake, PT_PVE_RUN "/101.pid", "4242\n");
	process_4242(fake, KVM_OF("101"));
	passes(fake, "stale-claim", CONFIG);
}

/* Other nodes that may come to run the guest, by HA or by its mapping, and lack the device. */
static void node_unfit(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, PT_PVE_PCI_MAPPINGS,
		TWO_DISKS
		"\tmap node=node2,path=0000:09:00.0,id=144d:a808\n\n"
		"gpu\n\tmap node=node1,path=0000:01:00,id=10de:2204,iommugroup=1,subsystem-id=1043:87d5\n");
	for (int i = 1; i <= 3; i++) {
		PT_FREE char *folder = pt_format("/etc/pve/nodes/node%d/qemu-server", i);

		fake_dir(fake, folder);
	}
	passes(fake, "node-unfit", "hostpci0: 02:00.0\n");
	passes(fake, "node-unfit", "hostpci0: mapping=disks\n");
	/* a mapping that has a device there says that it may run there */
	triggers(fake, "node-unfit", "hostpci0: mapping=disks\nhostpci1: mapping=gpu\n",
		"mapping gpu has no device on node2, where the guest may run");
	triggers(fake, "node-unfit", "hostpci0: mapping=disks\nhostpci1: 01:00\n",
		"names a device of this node by its address, but the guest may run on node2");
	fake_file(fake, PT_PVE_HA "/resources.cfg", "vm: 100\n\tgroup some\n");
	triggers(fake, "node-unfit", "hostpci0: mapping=gpu\n", "no device on node2, node3, where");
	triggers(fake, "node-unfit", "hostpci0: mapping=disks\n", "no device on node3, where");
	fake_file(fake, PT_PVE_HA "/groups.cfg",
		"group: some\n\tnodes node1,node2\n\trestricted 1\n");
	passes(fake, "node-unfit", "hostpci0: mapping=disks\n");
	triggers(fake, "node-unfit", "hostpci0: 02:00.0\n", "may run on node2");
	passes(fake, "node-unfit", "memory: 64\n");
	fake_file(fake, PT_PVE_STORAGE_CFG,
		"dir: scripts\n\tpath /srv\n\tnodes node1\n\tcontent snippets\n");
	fake_file(fake, "/srv/snippets/pve-pthook", "");
	triggers(fake, "hook-missing",
		"hostpci0: mapping=disks\nhookscript: scripts:snippets/pve-pthook\n",
		"the storage of its hookscript scripts:snippets/pve-pthook excludes node2");
	fake_file(fake, PT_PVE_STORAGE_CFG,
		"dir: scripts\n\tnodes node2,node1\n\tpath /srv\n\tcontent snippets\n");
	passes(fake, "hook-missing",
		"hostpci0: mapping=disks\nhookscript: scripts:snippets/pve-pthook\n");
	/* one that is mounted, and is limited in the same way */
	fake_file(fake, PT_PVE_STORAGE_CFG, "nfs: scripts\n\tnodes node3, node1\n\tserver x\n");
	triggers(fake, "hook-missing",
		"hostpci0: mapping=disks\nhookscript: scripts:snippets/pve-pthook\n",
		"excludes node2");
	/* node2 has left the cluster, and its folder is still there */
	fake_file(fake, PT_PVE_MEMBERS, "{\"nodelist\":{\"node1\":{},\"node3\":{}}}");
	passes(fake, "node-unfit", "hostpci0: 02:00.0\n");
}

#define CONTROLLER "/sys/bus/pci/devices/0000:05:01.0/"

/* The device at port 1-2 hangs on the USB controller 05:01.0; its bus is 1. */
static void usb_of_guest(void **state)
{
	static const char configs[] = "/etc/pve/nodes/node1/qemu-server/";
	struct fake *fake = *state;
	struct judged judged;
	char path[128];

	fake_file(fake, CONTROLLER "class", "0x0c0330\n");
	fake_file(fake, CONTROLLER "usb1/1-2/idVendor", "046d\n");
	fake_file(fake, CONTROLLER "usb1/1-2/idProduct", "c52b\n");
	fake_link(fake, "/sys/bus/usb/devices/usb1", "../../../bus/pci/devices/0000:05:01.0/usb1");
	fake_link(
		fake, "/sys/bus/usb/devices/1-2", "../../../bus/pci/devices/0000:05:01.0/usb1/1-2");
	snprintf(path, sizeof(path), "%s101.conf", configs);
	fake_file(fake, path, "memory: 64\nscsi0: local:101/x\n");
	passes(fake, "usb-of-guest", "hostpci0: 05:01.0\n");
	fake_file(fake, path, "memory: 64\nusb0: host=1-2,usb3=1\n");
	triggers(fake, "usb-of-guest", "hostpci0: 05:01.0\n",
		"the USB device 1-2 of guest 101 hangs on it, and that guest cannot have it meanwhile");
	/* of another controller; no controller at all; its own */
	passes(fake, "usb-of-guest", "hostpci0: 02:00.0\n");
	fake_file(fake, path, "usb0: host=2-1\n");
	passes(fake, "usb-of-guest", "hostpci0: 05:01.0\n");
	fake_file(fake, path, "usb0: spice\n");
	passes(fake, "usb-of-guest", "hostpci0: 05:01.0\n");
	fake_file(fake, path, "memory: 64\n[snap]\nusb0: host=1-2\n");
	passes(fake, "usb-of-guest", "hostpci0: 05:01.0\n");
	/* a port that is empty now; ids; a mapping */
	fake_file(fake, path, "usb3: 1-7.1\n");
	triggers(fake, "usb-of-guest", "hostpci0: 05:01.0\n", "the USB device 1-7.1");
	fake_file(fake, path, "usb0: host=046D:c52b\n");
	triggers(fake, "usb-of-guest", "hostpci0: 05:01.0\n", "the USB device 1-2");
	fake_file(fake, path, "usb0: usb3=1,host=0x046d:0xc52b\n");
	triggers(fake, "usb-of-guest", "hostpci0: 05:01.0\n", "the USB device 1-2");
	fake_file(fake, path, "usb0: usb3=1\n");
	passes(fake, "usb-of-guest", "hostpci0: 05:01.0\n");
	fake_file(fake, path, "usb0: host=046d:c52c\n");
	passes(fake, "usb-of-guest", "hostpci0: 05:01.0\n");
	fake_file(fake, path, "usb0: mapping=stick\n");
	passes(fake, "usb-of-guest", "hostpci0: 05:01.0\n");
	fake_file(fake, PT_PVE_USB_MAPPINGS,
		"other\n\tmap id=1:2,node=node1,path=1-9\n\nstick\n\tmap id=046d:c52b,node=node2,path=1-3\n"
		"\tmap id=046d:c52b,node=node1,path=1-2\n");
	triggers(fake, "usb-of-guest", "hostpci0: 05:01.0\n", "the USB device 1-2");
	/* it runs */
	fake_file(fake, PT_PVE_RUN "/101.pid", "4242\n");
	process_4242(fake, KVM_OF("101"));
	judge(fake, "hostpci0: 05:01.0\n", &judged);
	assert_int_equal(find(&judged, "usb-of-guest")->severity, PT_ERROR);
	assert_holds(message_of(find(&judged, "usb-of-guest")), "that guest loses it");
	clear(&judged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(node_unfit),
		MACHINE_TEST(mediated_devices),
		MACHINE_TEST(usb_of_guest),
		MACHINE_TEST(vgpus),
		MACHINE_TEST(roms_of_one_slot),
		MACHINE_TEST(rom_files),
		cmocka_unit_test(roms_are_hostile),
		MACHINE_TEST(screens),
		MACHINE_TEST(ballooning),
		MACHINE_TEST(arguments_and_migration),
		MACHINE_TEST(hookscripts),
		MACHINE_TEST(backups),
		MACHINE_TEST(virtual_functions_of_nobody),
		MACHINE_TEST(overrides),
		MACHINE_TEST(other_configs),
		MACHINE_TEST(identities),
		MACHINE_TEST(identities_without_serial),
		MACHINE_TEST(claims_of_the_dead),
	};

	return cmocka_run_group_tests_name("check-guest", tests, NULL, NULL);
}
