// SPDX-License-Identifier: AGPL-3.0-or-later
/* The plain look at a guest's devices, when the whole one has failed. */
#include <sys/syscall.h>
#include <time.h>

#include "hook/look.h"
#include "tests/unit/phases.h"

#define DISK2 "0000:03:00.0"

/* The host mounts the second disk. */
static void mount_disk2(struct fake *fake, const char *point)
{
	PT_FREE char *line = pt_format("22 1 259:7 / %s rw - ext4 /dev/nvme1n1 rw\n", point);

	add_node(fake, "/sys/bus/pci/devices/" DISK2 "/nvme/nvme1/nvme1n1", "block", "259:7\n",
		"nvme1n1");
	fake_file(fake, "/proc/1/mountinfo", line);
}

static void expect(struct fake *fake, const char *config, const char *reason)
{
	struct pt_run run = run_of(fake);
	struct pt_err err = {0};

	fake_file(fake, CONFIG, config);
	assert_int_equal(pt_look_plainly(&run, &err), *reason ? -EBUSY : 0);
	assert_string_equal(err.text, reason);
}

static long long ticks; /* seconds between one look at the clock and the next; 0: a true clock */

/* In place of the C library's. */
int clock_gettime(clockid_t clock, struct timespec *ret);
int clock_gettime(clockid_t clock, struct timespec *ret)
{
	static long long late;
	int r = (int)syscall(SYS_clock_gettime, clock, ret);

	late += ticks;
	ret->tv_sec += late;
	return r;
}

/* Somebody has more files open than can be looked at in time. */
static void too_many_open_files(void **state)
{
	static const char reason[] =
		DISK2 ": process 77 (greedy) and others have so many files open that the users of "
		      "devices cannot be found within 10 s; end it";
	struct fake *fake = *state;
	struct pt_run run = run_of(fake);
	struct pt_err err = {0};

	mount_disk2(fake, "/srv");
	fake_remove(fake, "/proc/1/mountinfo");
	fake_file(fake, "/proc/77/comm", "greedy\n");
	for (int fd = 0; fd < 5000; fd++) {
		PT_FREE char *path = pt_format("/proc/77/fd/%d", fd);

		fake_link(fake, path, "/dev/null");
	}
	expect(fake, "hostpci0: 03:00.0\n", "");
	ticks = 60;
	expect(fake, "hostpci0: 03:00.0\n", reason);
	/* it is no proof that the system runs from the disk */
	run.advise = true;
	assert_int_equal(pt_look_plainly(&run, &err), 0);
	ticks = 0;
}

static void each_way_to_name_a_device(void **state)
{
	static const char used[] = DISK2 ": is in use on this host: nvme1n1 is mounted at /srv";
	static const char *const names[] = {"hostpci0: 03:00.0\n", "hostpci0: 0000:03:00\n",
		"hostpci0: 02:00.0;03:00.0,pcie=1\n", "hostpci15: pcie=1,host=0000:03:00.0",
		"hostpci0:mapping=disks,pcie=1\r\n",
		"memory: 64\nargs: -device vfio-pci,host=03:00.0\n"};
	static const char *const others[] = {"hostpci0: 02:00.0\n", "hostpci16: 03:00.0\n",
		"#hostpci0: 03:00.0\n", "hostpci0: 03:00.0,driver=keep\n",
		"hostpci0: 03:00.0,mdev=nvidia-63\n", "hostpci0: mapping=other\n", "hostpci0\n", "",
		"[snap]\nhostpci0: 03:00.0\n", "scsi0: host=0000:03:00.0\n"};
	struct fake *fake = *state;

	fake_file(fake, PT_PVE_PCI_MAPPINGS, TWO_DISKS);
	mount_disk2(fake, "/srv");
	for (size_t i = 0; i < PT_ARRAY_SIZE(names); i++)
		expect(fake, names[i], used);
	for (size_t i = 0; i < PT_ARRAY_SIZE(others); i++)
		expect(fake, others[i], "");
	fake_remove(fake, "/proc/1/mountinfo");
	expect(fake, names[0], "");
	fake_remove(fake, CONFIG);
	fake_dir(fake, CONFIG);
}

/* The rest of the group leaves the host as well. */
static void open_files_and_groups(void **state)
{
	struct fake *fake = *state;

	add_node(fake, "/sys/bus/pci/devices/" AUDIO "/sound/card1/controlC1", "sound", "116:2\n",
		"snd/controlC1");
	fake_file(fake, "/proc/77/comm", "player\n");
	fake_link(fake, "/proc/77/fd/3", "/dev/snd/controlC1");
	expect(fake, "hostpci0: 01:00.0\n",
		AUDIO
		": is in use on this host: /dev/snd/controlC1 is open in process 77 (player)");
	fake_remove(fake, "/proc/77/fd/3");
	fake_link(fake, "/proc/77/fd/3", "/dev/vfio/2");
	expect(fake, "hostpci0: 02:00.0\n", "");
	assert_int_equal(phase(fake, "pre-start"), 1);
	fake_remove(fake, "/proc/77/fd/3");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_driver(fake, DISK, "vfio-pci");
	fake_link(fake, "/proc/77/fd/3", "/dev/vfio/2");
	expect(fake, "hostpci0: 02:00.0\n", DISK ": process 77 (player) has its IOMMU group open");
}

static void advice_lets_go_but_for_the_system(void **state)
{
	struct fake *fake = *state;
	struct pt_run run = run_of(fake);

	run.advise = true;
	fake_file(fake, CONFIG, "hostpci0: 03:00.0\n");
	mount_disk2(fake, "/srv");
	assert_int_equal(pt_look_plainly(&run, NULL), 0);
	mount_disk2(fake, "/");
	assert_int_equal(pt_look_plainly(&run, NULL), -EBUSY);
}

/* A start whose whole look fails: here the IOMMU group cannot be read. */
static void a_start_that_cannot_look(void **state)
{
	struct fake *fake = *state;

	fake_remove(fake, "/sys/kernel/iommu_groups/3/devices");
	fake_file(fake, "/sys/kernel/iommu_groups/3/devices", "");
	fake_file(fake, CONFIG, "hostpci0: 03:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "members of IOMMU group 3: Not a directory; the start goes on");
	mount_disk2(fake, "/srv");
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_holds(fake->said, "members of IOMMU group 3: Not a directory");
	assert_holds(fake->said,
		"start refused: " DISK2 ": is in use on this host: nvme1n1 is mounted at /srv");
	assert_driver(fake, DISK2, "nvme");
}

/* VFs vanish with their PF, whoever has them. */
static void vfs_of_a_pf(void **state)
{
	static const char vf[] = "0000:04:10.0";
	PT_FREE char *driver = pt_format("/sys/bus/pci/devices/%s/driver", vf);
	struct fake *fake = *state;
	struct pt_run run = run_of(fake);
	PT_FREE char *file = NULL;
	PT_FREE char *reason = NULL;
	struct pt_bdf bdf = bdf_of(vf);

	fake_remove(fake, driver);
	fake_link(fake, driver, "/sys/bus/pci/drivers/vfio-pci");
	expect(fake, "hostpci0: 04:00.0\n", "");
	file = pt_format("/dev/vfio/%d", pt_function_read_group(run.host, &bdf));
	fake_file(fake, "/proc/77/comm", "kvm\n");
	fake_link(fake, "/proc/77/fd/3", file);
	reason = pt_format("%s: process 77 (kvm) has its IOMMU group open", vf);
	expect(fake, "hostpci0: 04:00.0\n", reason);
}

/* Interfaces: without a question to netlink. */
static void traffic_of_the_host(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, "/sys/bus/pci/devices/0000:04:00.0/net/eth7/flags", "0x1003\n");
	expect(fake, "hostpci0: 04:00.0\n", "");
	fake_link(fake, "/sys/class/net/eth7/master", "../bond0");
	expect(fake, "hostpci0: 04:00.0\n",
		"0000:04:00.0: is in use on this host: eth7 has bond0 on top");
}

/* What cannot be looked at is no all-clear; a use that is seen decides all the same. */
static void what_nobody_could_look_at(void **state)
{
	struct fake *fake = *state;
	struct pt_run run = run_of(fake);
	struct pt_err err = {0};

	fake_dir(fake, PT_PVE_PCI_MAPPINGS);
	fake_file(fake, CONFIG, "hostpci0: mapping=disks\nhostpci1: 03:00.0\n");
	assert_true(pt_look_plainly(&run, &err) < 0);
	assert_holds(err.text, PT_PVE_PCI_MAPPINGS);
	assert_int_equal(pt_phase_look(&run), 0);
	assert_holds(fake->said, "not all of its devices could be looked at: ");
	mount_disk2(fake, "/srv");
	assert_int_equal(pt_look_plainly(&run, NULL), -EBUSY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(each_way_to_name_a_device),
		MACHINE_TEST(open_files_and_groups),
		MACHINE_TEST(advice_lets_go_but_for_the_system),
		MACHINE_TEST(a_start_that_cannot_look),
		MACHINE_TEST(vfs_of_a_pf),
		MACHINE_TEST(traffic_of_the_host),
		MACHINE_TEST(what_nobody_could_look_at),
		MACHINE_TEST(too_many_open_files),
	};

	return cmocka_run_group_tests_name("look", tests, NULL, NULL);
}
