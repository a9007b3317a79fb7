// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/claim/bind.h"
#include "tests/unit/unit.h"

#define DISK "0000:02:00.0"

static int run(struct fake *fake, struct pt_bind *bind, enum pt_bind_kind kind, const char *driver)
{
	struct pt_bdf bdf = bdf_of(DISK);

	pt_bind_start(fake->host, bind, kind, &bdf, driver, -1);
	return pt_bind_finish(fake->host, bind, pt_now_ms() + 30000);
}

static void goes_the_whole_way(void **state)
{
	struct fake *fake = *state;
	struct pt_bind bind;

	assert_int_equal(run(fake, &bind, PT_BIND_OVERRIDE, "vfio-pci"), 0);
	assert_override(fake, DISK, "vfio-pci");
	assert_int_equal(run(fake, &bind, PT_BIND_UNBIND, NULL), 0);
	assert_driver(fake, DISK, "none");
	assert_int_equal(run(fake, &bind, PT_BIND_ATTACH, "vfio-pci"), 0);
	assert_driver(fake, DISK, "vfio-pci");
	assert_int_equal(run(fake, &bind, PT_BIND_OVERRIDE, NULL), 0);
	assert_override(fake, DISK, "(null)");
}

static void writes_nothing_when_it_is_so_already(void **state)
{
	struct fake *fake = *state;
	struct pt_bind bind;

	/* every write would fail */
	fake_fault(fake, "override", DISK, "5");
	fake_fault(fake, "bind-nvme", DISK, "5");
	assert_int_equal(run(fake, &bind, PT_BIND_OVERRIDE, ""), 0);
	assert_int_equal(run(fake, &bind, PT_BIND_ATTACH, "nvme"), 0);
}

static void does_not_believe_a_success_code(void **state)
{
	struct fake *fake = *state;
	struct pt_bind bind;

	fake_fault(fake, "unbind", DISK, "lie");
	assert_int_equal(run(fake, &bind, PT_BIND_UNBIND, NULL), -EIO);
	assert_string_equal(bind.err.text, DISK
		": unbind from its driver: the kernel accepted the write, but sysfs shows nvme");
	fake_fault(fake, "override", DISK, "lie");
	assert_int_equal(run(fake, &bind, PT_BIND_OVERRIDE, "vfio-pci"), -EIO);
	assert_holds(bind.err.text, "set the driver override to vfio-pci: the kernel accepted");
}

static void tells_the_kernels_errno(void **state)
{
	struct fake *fake = *state;
	struct pt_bind bind;

	assert_int_equal(run(fake, &bind, PT_BIND_UNBIND, NULL), 0);
	/* without an override vfio-pci does not match */
	assert_int_equal(run(fake, &bind, PT_BIND_ATTACH, "vfio-pci"), -ENODEV);
	assert_string_equal(bind.err.text, DISK ": bind to vfio-pci: No such device");
	assert_int_equal(run(fake, &bind, PT_BIND_ATTACH, "no-such"), -ENOENT);
}

static void tells_a_deadline(void **state)
{
	struct fake *fake = *state;
	struct pt_bdf bdf = bdf_of(DISK);
	struct pt_bind bind;

	fake_fault(fake, "unbind", DISK, "hang");
	pt_bind_start(fake->host, &bind, PT_BIND_UNBIND, &bdf, NULL, -1);
	assert_int_equal(pt_bind_finish(fake->host, &bind, pt_now_ms() + 50), -ETIME);
	assert_holds(bind.err.text, "the kernel has not answered by the deadline");
	fake_fault(fake, "unbind", DISK, "exit");
	assert_int_equal(run(fake, &bind, PT_BIND_UNBIND, NULL), -ECHILD);
}

static void sets_the_number_of_vfs(void **state)
{
	struct fake *fake = *state;
	struct pt_bdf pf = bdf_of("0000:04:00.0");
	struct pt_bind bind;
	char *text;

	pt_bind_start(fake->host, &bind, PT_BIND_VFS, &pf, "0", -1);
	assert_int_equal(pt_bind_finish(fake->host, &bind, pt_now_ms() + 30000), 0);
	text = fake_read(fake, "/sys/bus/pci/devices/0000:04:00.0/sriov_numvfs");
	assert_string_equal(text, "0\n");
	free(text);
	fake_fault(fake, "numvfs", "0000:04:00.0", "16");
	pt_bind_start(fake->host, &bind, PT_BIND_VFS, &pf, "2", -1);
	assert_int_equal(pt_bind_finish(fake->host, &bind, pt_now_ms() + 30000), -EBUSY);
	assert_holds(bind.err.text, "set the number of virtual functions to 2");
}

static void refuses_names_that_leave_the_path(void **state)
{
	struct fake *fake = *state;
	struct pt_bind bind;

	assert_int_equal(run(fake, &bind, PT_BIND_ATTACH, "../../x"), -EINVAL);
	assert_holds(bind.err.text, "'../../x' is no name of a driver or console");
	assert_true(pt_driver_name_valid("bochs-drm"));
	assert_true(pt_driver_name_valid("snd_hda_intel"));
	assert_false(pt_driver_name_valid(""));
	assert_false(pt_driver_name_valid(".."));
	assert_false(pt_driver_name_valid("a/b"));
	assert_false(pt_driver_name_valid("a\nb"));
}

static void tells_a_function_that_is_gone(void **state)
{
	struct fake *fake = *state;
	struct pt_bind bind;

	fake_remove(fake, "/sys/bus/pci/devices/" DISK);
	assert_int_equal(run(fake, &bind, PT_BIND_UNBIND, NULL), -ENODEV);
	assert_int_equal(run(fake, &bind, PT_BIND_OVERRIDE, "x"), -ENODEV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(goes_the_whole_way),
		MACHINE_TEST(writes_nothing_when_it_is_so_already),
		MACHINE_TEST(does_not_believe_a_success_code),
		MACHINE_TEST(tells_the_kernels_errno),
		MACHINE_TEST(tells_a_deadline),
		MACHINE_TEST(sets_the_number_of_vfs),
		MACHINE_TEST(refuses_names_that_leave_the_path),
		MACHINE_TEST(tells_a_function_that_is_gone),
	};

	return cmocka_run_group_tests_name("bind", tests, NULL, NULL);
}
