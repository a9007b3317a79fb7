// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/use/devfile.h"
#include "tests/unit/unit.h"

#define GPU_DIR	 "/sys/bus/pci/devices/0000:01:00.0"
#define DISK_DIR "/sys/bus/pci/devices/0000:02:00.0"

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct pt_devfile *)a)->name, ((const struct pt_devfile *)b)->name);
}

/* Every device file of a function, "kind subsystem name" a line, in order of name. The caller's. */
static char *nodes_of(struct fake *fake, const char *name)
{
	static const char *const kinds[] = {"char", "block", "net"};
	struct pt_devfiles PT_DEVFILES devfiles = {0};
	struct pt_function function = {0};
	struct pt_bdf bdf = bdf_of(name);
	char *list = strdup("");

	assert_int_equal(pt_function_read(fake->host, &bdf, &function, NULL), 0);
	pt_devfiles_add(fake->host, &function, &devfiles);
	if (devfiles.count)
		qsort(devfiles.devfile, devfiles.count, sizeof(*devfiles.devfile), by_name);
	pt_foreach (devfile, devfiles.devfile, devfiles.count) {
		char *longer = pt_format("%s%s %s %s\n", list, kinds[devfile->kind],
			devfile->subsystem, devfile->name);

		assert_int_equal(pt_bdf_compare(&devfile->bdf, &bdf), 0);
		free(list);
		list = longer;
	}
	pt_function_clear(&function);
	return list;
}

static void expect(struct fake *fake, const char *function, const char *devfiles)
{
	PT_FREE char *list = nodes_of(fake, function);

	assert_string_equal(list, devfiles);
}

static void add_described(
	struct fake *fake, const char *folder, const char *subsystem, const char *uevent)
{
	PT_FREE char *dev = pt_format("%s/dev", folder);
	PT_FREE char *event = pt_format("%s/uevent", folder);
	PT_FREE char *link = pt_format("%s/subsystem", folder);
	PT_FREE char *target = pt_format("/sys/class/%s", subsystem);

	fake_file(fake, dev, "1:1\n");
	fake_file(fake, event, uevent);
	fake_link(fake, link, target);
}

static void every_dev_file_is_a_node(void **state)
{
	struct fake *fake = *state;

	expect(fake, "0000:01:00.0", "");
	add_described(
		fake, GPU_DIR "/drm/card0", "drm", "MAJOR=226\nDEVNAME=dri/card0\nDEVTYPE=drm\n");
	add_described(fake, GPU_DIR "/drm/renderD128", "drm", "DEVNAME=dri/renderD128\n");
	/* without a name of its own, the folder's */
	add_described(fake, GPU_DIR "/graphics/fb0", "graphics", "MAJOR=29\n");
	expect(fake, "0000:01:00.0",
		"char drm dri/card0\nchar drm dri/renderD128\nchar graphics fb0\n");
	/* the slot mate has none of them */
	expect(fake, "0000:01:00.1", "");
}

/* A guest with one has its group open, and the function cannot go. */
static void mediated_devices_are_nodes(void **state)
{
	static const char uuid[] = GPU_DIR "/00000000-0000-0000-0000-000000000200";
	struct fake *fake = *state;
	PT_FREE char *group = pt_format("%s/iommu_group", uuid);
	PT_FREE char *devfile = pt_format("%s/vfio-dev/vfio7", uuid);

	fake_dir(fake, uuid);
	fake_dir(fake, GPU_DIR "/0000000-00000-0000-0000-000000000200");
	expect(fake, "0000:01:00.0", "");
	fake_link(fake, group, "/sys/kernel/iommu_groups/23");
	expect(fake, "0000:01:00.0", "char vfio vfio/23\n");
	fake_dir(fake, devfile);
	expect(fake, "0000:01:00.0", "char vfio vfio/23\nchar vfio vfio/devices/vfio7\n");
}

static void partitions_are_nodes_as_well(void **state)
{
	struct fake *fake = *state;

	add_described(fake, DISK_DIR "/nvme/nvme0", "nvme", "DEVNAME=nvme0\n");
	add_described(fake, DISK_DIR "/nvme/nvme0/nvme0n1", "block", "DEVNAME=nvme0n1\n");
	add_described(
		fake, DISK_DIR "/nvme/nvme0/nvme0n1/nvme0n1p2", "block", "DEVNAME=nvme0n1p2\n");
	expect(fake, "0000:02:00.0",
		"char nvme nvme0\nblock block nvme0n1\nblock block nvme0n1p2\n");
}

static void interfaces_have_no_node(void **state)
{
	struct fake *fake = *state;

	fake_dir(fake, "/sys/bus/pci/devices/0000:04:00.0/net/enp4s0f0");
	fake_dir(fake, "/sys/bus/pci/devices/0000:04:00.0/net/enp4s0f0/queues/rx-0");
	add_described(fake, "/sys/bus/pci/devices/0000:04:00.0/ptp/ptp0", "ptp", "DEVNAME=ptp0\n");
	expect(fake, "0000:04:00.0", "net net enp4s0f0\nchar ptp ptp0\n");
}

/* Links lead to other devices, and some folders are many and hold none. */
static void only_what_lies_below_counts(void **state)
{
	struct fake *fake = *state;

	add_described(fake, "/sys/devices/virtual/block/dm-0", "block", "DEVNAME=dm-0\n");
	fake_link(fake, DISK_DIR "/block/nvme0n1/dm-0", "/sys/devices/virtual/block/dm-0");
	add_described(fake, DISK_DIR "/vfio-dev/vfio0", "vfio-dev", "DEVNAME=vfio/devices/vfio0\n");
	add_described(fake, DISK_DIR "/power/x", "none", "DEVNAME=x\n");
	/* a folder of that name is no number of a device file */
	fake_dir(fake, DISK_DIR "/dev");
	expect(fake, "0000:02:00.0", "");
}

static void depth_has_an_end(void **state)
{
	struct fake *fake = *state;
	PT_FREE char *path = strdup(DISK_DIR);

	for (int i = 0; i < 23; i++) {
		char *longer = pt_format("%s/d", path);

		free(path);
		path = longer;
	}
	add_described(fake, path, "block", "DEVNAME=deep\n");
	expect(fake, "0000:02:00.0", "block block deep\n");
	for (int i = 0; i < 2; i++) {
		char *longer = pt_format("%s/d", path);

		free(path);
		path = longer;
	}
	add_described(fake, path, "block", "DEVNAME=deeper\n");
	expect(fake, "0000:02:00.0", "block block deep\n");
}

static void a_disk_of_several_controllers(void **state)
{
	struct fake *fake = *state;

	add_described(fake, "/sys/class/block/nvme3n2", "block", "DEVNAME=nvme3n2\n");
	fake_dir(fake, DISK_DIR "/nvme/nvme0/nvme3c0n2");
	expect(fake, "0000:02:00.0", "block block nvme3n2\n");
}

static void nvidia_says_it_elsewhere(void **state)
{
	static const char information[] = "/proc/driver/nvidia/gpus/0000:01:00.0/information";
	struct fake *fake = *state;

	fake_file(fake, information, "Model: \t\t GeForce\nIRQ: 33\n");
	expect(fake, "0000:01:00.0", "");
	fake_file(fake, information, "Model: \t\t GeForce\nDevice Minor: \t 3\n");
	expect(fake, "0000:01:00.0", "char nvidia nvidia3\n");
	expect(fake, "0000:01:00.1", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(every_dev_file_is_a_node),
		MACHINE_TEST(mediated_devices_are_nodes),
		MACHINE_TEST(partitions_are_nodes_as_well),
		MACHINE_TEST(interfaces_have_no_node),
		MACHINE_TEST(only_what_lies_below_counts),
		MACHINE_TEST(depth_has_an_end),
		MACHINE_TEST(a_disk_of_several_controllers),
		MACHINE_TEST(nvidia_says_it_elsewhere),
	};

	return cmocka_run_group_tests_name("devfile", tests, NULL, NULL);
}
