// SPDX-License-Identifier: AGPL-3.0-or-later
/* Whether a process has a function open. test-use-devfile.c has the ways in which it may. */
#include <errno.h>

#include "pve/handover/closed.h"
#include "tests/unit/unit.h"

static const struct pt_bdf disk = {.bus = 2};

/* the kernel refuses a second opening of the group */
static void make_busy(struct fake *fake)
{
	fake_dir(fake, "/dev/vfio/2");
	fake_link(fake, "/proc/4242/fd/8", "/dev/vfio/2");
	fake_file(fake, "/proc/4242/comm", "kvm\n");
}

static void an_open_group_names_who_has_it(void **state)
{
	struct pt_err err = {0};

	assert_true(pt_is_closed(((struct fake *)*state)->host, &disk, &err));
	make_busy(*state);
	assert_false(pt_is_closed(((struct fake *)*state)->host, &disk, &err));
	assert_int_equal(err.code, -EBUSY);
	assert_string_equal(err.text,
		"0000:02:00.0: process 4242 (kvm) still has IOMMU group 2 open; end it first");
}

static void an_open_group_without_a_process_is_open(void **state)
{
	struct fake *fake = *state;
	struct pt_err err = {0};

	fake_dir(fake, "/dev/vfio/2");
	assert_false(pt_is_closed(fake->host, &disk, &err));
	assert_string_equal(err.text,
		"0000:02:00.0: a process that is ending still holds IOMMU group 2; wait until it "
		"is gone");
}

/* Without the group's file the kernel cannot be asked. */
static void a_device_node_is_looked_for(void **state)
{
	struct fake *fake = *state;
	struct pt_err err = {0};

	fake_dir(fake, "/sys/bus/pci/devices/0000:02:00.0/vfio-dev/vfio3");
	fake_link(fake, "/proc/77/fd/3", "/dev/vfio/devices/vfio3");
	fake_file(fake, "/proc/77/comm", "kvm\n");
	assert_false(pt_is_closed(fake->host, &disk, &err));
	assert_string_equal(err.text,
		"0000:02:00.0: process 77 (kvm) still has IOMMU group 2 open; end it first");
}

/* An unbind from a host driver waits for nobody's group. */
static void only_a_vfio_driver_makes_an_unbind_wait(void **state)
{
	struct fake *fake = *state;

	make_busy(fake);
	assert_false(pt_is_open(fake->host, &disk, NULL));
	fake_remove(fake, "/sys/bus/pci/devices/0000:02:00.0/driver");
	fake_link(
		fake, "/sys/bus/pci/devices/0000:02:00.0/driver", "/sys/bus/pci/drivers/vfio-pci");
	assert_true(pt_is_open(fake->host, &disk, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(an_open_group_names_who_has_it),
		MACHINE_TEST(an_open_group_without_a_process_is_open),
		MACHINE_TEST(a_device_node_is_looked_for),
		MACHINE_TEST(only_a_vfio_driver_makes_an_unbind_wait),
	};

	return cmocka_run_group_tests_name("closed", tests, NULL, NULL);
}
