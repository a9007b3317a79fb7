// SPDX-License-Identifier: AGPL-3.0-or-later
/* Disks on a simulated host; mounts, volumes and exclusive holders of a real kernel are the lab's.
 */
#include "lib/use/use-block.h"
#include "tests/unit/unit.h"

#define DISK   "0000:02:00.0"
#define FOLDER "/sys/bus/pci/devices/" DISK "/nvme/nvme0"

static void add_block(struct fake *fake, const char *folder, const char *name, const char *numbers)
{
	PT_FREE char *link = pt_format("/sys/class/block/%s", name);
	PT_FREE char *dev = pt_format("%s/dev", folder), *uevent = pt_format("%s/uevent", folder);
	PT_FREE char *subsystem = pt_format("%s/subsystem", folder);
	PT_FREE char *text = pt_format("DEVNAME=%s\n", name);

	fake_file(fake, dev, numbers);
	fake_file(fake, uevent, text);
	fake_link(fake, subsystem, "/sys/class/block");
	fake_link(fake, link, folder);
}

#define PART1	      FOLDER "/nvme0n1/nvme0n1p1"
#define PART2	      FOLDER "/nvme0n1/nvme0n1p2"
#define VIRTUAL(name) "/sys/devices/virtual/block/" name

/* A volume on top of another, with a folder below. */
static void stack(struct fake *fake, const char *below, const char *name, const char *dm_name,
	const char *uuid)
{
	PT_FREE char *folder = pt_format("/sys/devices/virtual/block/%s", name);
	PT_FREE char *holder = pt_format("%s/holders/%s", below, name);
	PT_FREE char *name_file = pt_format("%s/dm/name", folder),
		     *uuid_file = pt_format("%s/dm/uuid", folder);

	add_block(fake, folder, name, "253:0\n");
	fake_link(fake, holder, folder);
	if (!dm_name)
		return;
	fake_file(fake, name_file, dm_name);
	fake_file(fake, uuid_file, uuid);
}

/* Every use of the disk, "NAME HOW" a line, or "NAME: END", with "!" behind a name that the system
 * runs from. The caller's. */
static char *uses_of(struct fake *fake, bool ends)
{
	struct pt_devfiles PT_DEVFILES nodes = {0};
	struct pt_uses PT_USES uses = {0};
	struct pt_function function = {0};
	struct pt_bdf bdf = bdf_of(DISK);
	char *list = strdup("");

	assert_int_equal(pt_function_read(fake->host, &bdf, &function, NULL), 0);
	pt_devfiles_add(fake->host, &function, &nodes);
	assert_int_equal(pt_use_blocks(fake->host, &nodes, &uses, NULL), 0);
	pt_foreach (use, uses.use, uses.count) {
		const char *end = on_loan(pt_use_end(use));
		char *longer = ends ? pt_format("%s%s: %s%s\n", list, use->what, end ? end : "-",
					      use->system ? "!" : "")
				    : pt_format("%s%s\n", list, on_loan(pt_use_text(use)));

		assert_int_equal(use->kind, PT_USE_BLOCK);
		assert_false(use->weak);
		free(list);
		list = longer;
	}
	pt_function_clear(&function);
	return list;
}

static void expect(struct fake *fake, const char *uses)
{
	char *list = uses_of(fake, false);

	assert_string_equal(list, uses);
	free(list);
}

static void expect_ends(struct fake *fake, const char *ends)
{
	char *list = uses_of(fake, true);

	assert_string_equal(list, ends);
	free(list);
}

static int disk_setup(void **state)
{
	int r = machine_setup(state);

	add_block(*state, FOLDER "/nvme0n1", "nvme0n1", "259:0\n");
	add_block(*state, FOLDER "/nvme0n1/nvme0n1p1", "nvme0n1p1", "259:1\n");
	add_block(*state, FOLDER "/nvme0n1/nvme0n1p2", "nvme0n1p2", "259:2\n");
	return r;
}
#define DISK_TEST(test) cmocka_unit_test_setup_teardown(test, disk_setup, machine_teardown)

static void mounts(void **state)
{
	struct fake *fake = *state;

	expect(fake, "");
	fake_file(fake, "/proc/1/mountinfo",
		"21 1 0:20 / /proc rw - proc proc rw\n"
		"22 1 259:1 / /boot/efi rw shared:1 master:2 - vfat /dev/nvme0n1p1 rw\n"
		"garbage\n"
		"23 1 0:45 /@ / rw - btrfs /dev/disk/by-id/root rw\n");
	fake_link(fake, "/dev/disk/by-id/root", "../../nvme0n1p2");
	expect(fake, "nvme0n1p1 is mounted at /boot/efi\nnvme0n1p2 is mounted at /\n");
	/* of several disks, with a number of its own */
	fake_file(fake, "/proc/1/mountinfo",
		"23 1 0:45 / /srv rw - bcachefs /dev/sdx:/dev/nvme0n1p2 rw\n");
	expect(fake, "nvme0n1p2 is mounted at /srv\n");
}

/* In a mount namespace of their own users mount what they like, and name its source as they like.
 */
static void a_source_that_is_only_a_text(void **state)
{
	struct fake *fake = *state;

	fake_link(fake, "/proc/1/ns/mnt", "mnt:[1]");
	fake_link(fake, "/proc/8/ns/mnt", "mnt:[2]");
	fake_file(fake, "/proc/8/mountinfo",
		"22 1 0:51 / /mnt rw - tmpfs /dev/nvme0n1p1 rw\n"
		"23 1 0:52 / /home/x rw - fuse.btrfs /dev/nvme0n1p2 rw\n");
	expect(fake, "");
}

static void mounts_of_another_namespace(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, "/proc/1/mountinfo", "22 1 259:1 / /boot rw - ext4 /dev/nvme0n1p1 rw\n");
	fake_link(fake, "/proc/1/ns/mnt", "mnt:[1]");
	fake_link(fake, "/proc/7/ns/mnt", "mnt:[1]");
	fake_file(fake, "/proc/7/mountinfo", "22 1 259:2 / /never rw - ext4 /dev/nvme0n1p2 rw\n");
	fake_link(fake, "/proc/8/ns/mnt", "mnt:[2]");
	fake_file(fake, "/proc/8/mountinfo",
		"22 1 259:1 / /boot rw - ext4 /dev/nvme0n1p1 rw\n"
		"22 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n");
	expect(fake, "nvme0n1p1 is mounted at /boot\n"
		     "nvme0n1p2 is mounted at / in the mount namespace of process 8\n");
}

static void swap_space(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, "/proc/swaps",
		"Filename\tType\tSize\tUsed\tPriority\n/dev/nvme0n1p2   partition\t1\t0\t-2\n");
	expect(fake, "nvme0n1p2 is swap space\n");
}

static void volumes_on_top(void **state)
{
	struct fake *fake = *state;

	stack(fake, PART2, "dm-0", "pve-root\n", "LVM-abc\n");
	expect(fake, "nvme0n1p2 is part of the active LVM volume pve-root (dm-0)\n");
	fake_file(fake, "/proc/1/mountinfo", "22 1 253:0 / / rw - ext4 /dev/mapper/pve-root rw\n");
	expect(fake, "nvme0n1p2 is mounted at / through LVM volume pve-root (dm-0)\n");
	fake_remove(fake, "/proc/1/mountinfo");
	fake_file(fake, "/proc/4242/comm", "kvm\n");
	fake_link(fake, "/proc/4242/fd/3", "/dev/dm-0");
	expect(fake,
		"nvme0n1p2 is open in process 4242 (kvm) through LVM volume pve-root (dm-0)\n");
	/* a node of the disk itself that is open is use-devfile's to tell, but known to be used */
	fake_remove(fake, "/proc/4242/fd/3");
	fake_link(fake, "/proc/4242/fd/3", "/dev/nvme0n1p2");
	expect(fake, "nvme0n1p2 is part of the active LVM volume pve-root (dm-0)\n");
}

/* The command that ends a use, and whether the system runs from it. */
static void what_ends_them(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, "/proc/1/mountinfo",
		"22 1 259:1 / /boot/efi rw - vfat /dev/nvme0n1p1 rw\n"
		"23 1 259:2 / /mnt/a\\040b rw - ext4 /dev/nvme0n1p2 rw\n");
	expect_ends(fake, "nvme0n1p1: umount /boot/efi!\nnvme0n1p2: umount '/mnt/a b'\n");
	/* btrfs names one of its disks */
	fake_file(fake, "/proc/1/mountinfo", "23 1 0:45 /@ / rw - btrfs /dev/sdx1 rw\n");
	fake_link(fake, "/sys/fs/btrfs/0f1e-2d/devices/sdx1", "x");
	fake_link(fake, "/sys/fs/btrfs/0f1e-2d/devices/nvme0n1p2", "x");
	fake_link(fake, "/sys/fs/btrfs/ffff/devices/nvme0n1p1", "x");
	expect_ends(fake, "nvme0n1p2: umount /!\n");
	/* that of another namespace is no root of this system */
	fake_file(fake, "/proc/1/mountinfo", "");
	fake_link(fake, "/proc/1/ns/mnt", "mnt:[1]");
	fake_link(fake, "/proc/8/ns/mnt", "mnt:[2]");
	fake_file(fake, "/proc/8/mountinfo", "22 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n");
	expect_ends(fake, "nvme0n1p2: -\n");
	fake_remove(fake, "/proc/8");
	fake_file(fake, "/proc/swaps", "Filename\n/dev/nvme0n1p2 partition 1 0 -2\n");
	expect_ends(fake, "nvme0n1p2: swapoff /dev/nvme0n1p2!\n");
	fake_remove(fake, "/proc/swaps");
	/* a doubled hyphen is one of the group's name */
	stack(fake, PART2, "dm-0", "ubuntu--vg-ubuntu--lv\n", "LVM-abc\n");
	expect_ends(fake, "nvme0n1p2: vgchange -an ubuntu-vg\n");
	fake_file(fake, VIRTUAL("dm-0") "/dm/uuid", "CRYPT-LUKS2-abc\n");
	expect_ends(fake, "nvme0n1p2: cryptsetup close ubuntu--vg-ubuntu--lv\n");
	fake_file(fake, VIRTUAL("dm-0") "/dm/uuid", "else\n");
	expect_ends(fake, "nvme0n1p2: dmsetup remove ubuntu--vg-ubuntu--lv\n");
	fake_remove(fake, VIRTUAL("dm-0") "/dm");
	fake_file(fake, VIRTUAL("dm-0") "/md/level", "raid1\n");
	expect_ends(fake, "nvme0n1p2: mdadm --stop /dev/dm-0\n");
}

/* Volumes with a name of their own. */
static void osds_and_caches(void **state)
{
	struct fake *fake = *state;

	stack(fake, PART2, "dm-0", "ceph--0f1e-osd--block--2a3b\n", "LVM-abc\n");
	expect(fake,
		"nvme0n1p2 is part of the active Ceph OSD ceph--0f1e-osd--block--2a3b (dm-0)\n");
	fake_remove(fake, PART2 "/holders");
	stack(fake, PART1, "bcache0", NULL, NULL);
	expect(fake, "nvme0n1p1 is part of the active cache bcache0\n");
}

static void towers(void **state)
{
	struct fake *fake = *state;

	stack(fake, PART1, "md0", NULL, NULL);
	fake_file(fake, VIRTUAL("md0") "/md/level", "raid1\n");
	stack(fake, VIRTUAL("md0"), "dm-1", "crypt\n", "CRYPT-LUKS2-abc\n");
	stack(fake, VIRTUAL("dm-1"), "dm-0", "pve-swap\n", "LVM-abc\n");
	fake_file(fake, "/proc/swaps", "Filename\n/dev/dm-0 partition 1 0 -2\n");
	expect(fake, "nvme0n1p1 is swap space through LVM volume pve-swap (dm-0)\n");
	fake_remove(fake, "/proc/swaps");
	expect(fake, "nvme0n1p1 is part of the active LVM volume pve-swap (dm-0)\n");
	/* links that lead in a circle end */
	fake_link(fake, VIRTUAL("dm-0") "/holders/md0", "/sys/devices/virtual/block/md0");
	fake_file(fake, "/proc/swaps", "Filename\n/dev/dm-0 partition 1 0 -2\n");
	expect(fake, "nvme0n1p1 is swap space through LVM volume pve-swap (dm-0)\n");
}

/* A disk of several controllers lies beside them all in sysfs. */
static void a_disk_of_two_controllers(void **state)
{
	struct fake *fake = *state;

	fake_remove(fake, FOLDER "/nvme0n1");
	fake_dir(fake, FOLDER "/nvme3c0n1");
	add_block(fake, "/sys/devices/virtual/nvme-subsystem/nvme-subsys3/nvme3n1", "nvme3n1",
		"259:9\n");
	fake_file(fake, "/proc/1/mountinfo", "22 1 259:9 / /data rw - xfs /dev/nvme3n1 rw\n");
	expect(fake, "nvme3n1 is mounted at /data\n");
}

/* No mounts that can be read are not no mounts. */
static void mounts_that_cannot_be_read_are_told(void **state)
{
	struct fake *fake = *state;
	struct pt_devfiles PT_DEVFILES nodes = {0};
	struct pt_uses PT_USES uses = {0};
	struct pt_function function = {0};
	struct pt_bdf bdf = bdf_of(DISK);
	struct pt_err err = {0};

	add_block(fake, FOLDER "/nvme0n1", "nvme0n1", "259:0\n");
	assert_int_equal(pt_function_read(fake->host, &bdf, &function, NULL), 0);
	pt_devfiles_add(fake->host, &function, &nodes);
	fake_dir(fake, "/proc/1/mountinfo");
	assert_true(pt_use_blocks(fake->host, &nodes, &uses, &err) < 0);
	assert_holds(err.text, "/proc/1/mountinfo");
	pt_function_clear(&function);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DISK_TEST(mounts),
		DISK_TEST(mounts_of_another_namespace),
		DISK_TEST(a_source_that_is_only_a_text),
		DISK_TEST(swap_space),
		DISK_TEST(volumes_on_top),
		DISK_TEST(what_ends_them),
		DISK_TEST(osds_and_caches),
		DISK_TEST(towers),
		DISK_TEST(a_disk_of_two_controllers),
		DISK_TEST(mounts_that_cannot_be_read_are_told),
	};

	return cmocka_run_group_tests_name("use-block", tests, NULL, NULL);
}
