// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/linux/modules.h"
#include "tests/unit/unit.h"

static void a_registered_driver_is_present(void **state)
{
	struct fake *fake = *state;
	struct pt_module module;

	pt_module_look(fake->host, "vfio-pci", &module);
	assert_int_equal(module.state, PT_MODULE_PRESENT);
	assert_int_equal(
		pt_module_ensure(fake->host, "vfio-pci", NULL, pt_now_ms() + 1000, NULL), 0);
}

/* A driver may be called otherwise than its module. */
static void a_driver_is_known_by_its_module_too(void **state)
{
	struct fake *fake = *state;
	char driver[PT_DRIVER_TEXT];

	assert_true(pt_module_driver(fake->host, "vfio-pci", driver));
	assert_string_equal(driver, "vfio-pci");
	assert_false(pt_module_driver(fake->host, "edu-vfio_pci", driver));
	assert_string_equal(driver, "edu-vfio_pci");
	fake_link(fake, "/sys/module/edu_vfio_pci/drivers/pci:edu-vfio-pci",
		"/sys/bus/pci/drivers/edu-vfio-pci");
	assert_true(pt_module_driver(fake->host, "edu-vfio_pci", driver));
	assert_string_equal(driver, "edu-vfio-pci");
	assert_int_equal(
		pt_module_ensure(fake->host, "edu_vfio_pci", NULL, pt_now_ms() + 1000, NULL), 0);
}

static void another_host_is_not_asked(void **state)
{
	struct fake *fake = *state;
	struct pt_module module;
	struct pt_err err = {0};
	char driver[PT_DRIVER_TEXT];

	assert_false(pt_module_vfio(fake->host, "pci:v00001234d000011E8sv0sd0bc00sc00i00", driver));
	assert_string_equal(driver, "vfio_pci");
	pt_module_look(fake->host, "no-such-driver", &module);
	assert_int_equal(module.state, PT_MODULE_UNKNOWN);
	assert_int_equal(
		pt_module_ensure(fake->host, "no-such-driver", NULL, pt_now_ms() + 1000, &err),
		-EAGAIN);
	assert_holds(
		err.text, "driver no-such-driver is not there, and modules cannot be looked for");
}

/* Of the running system modprobe.d is asked; a module and an alias that nobody has are answered
 * alike everywhere. */
static void the_running_system_is_asked(void **state)
{
	static const char nobody[] = "pci:v0000FFFEd0000FFFEsv0000FFFEsd0000FFFEbcFEscFEiFE";
	struct pt_host *live = NULL;
	char module[64], driver[PT_DRIVER_TEXT];

	(void)state;
	assert_int_equal(pt_host_open(&live, "/", NULL, NULL), 0);
	assert_null(pt_module_options(live, "pt-no-such-module"));
	assert_false(pt_module_alias_blocked(live, nobody, module));
	assert_string_equal(module, "");
	pt_module_vfio(live, nobody, driver);
	assert_string_equal(driver, "vfio_pci");
	pt_host_close(live);
}

static void options_are_read_as_the_kernel_does(void **state)
{
	static const char name[] = "allow_unsafe_interrupts";

	(void)state;
	assert_true(pt_options_set("allow_unsafe_interrupts=1", name));
	assert_true(pt_options_set("x=2 allow_unsafe_interrupts=Y\n", name));
	assert_true(pt_options_set("allow_unsafe_interrupts", name));
	assert_true(pt_options_set("allow_unsafe_interrupts=0 allow_unsafe_interrupts=y", name));
	assert_true(pt_options_set("allow-unsafe-interrupts=yes", name));
	assert_true(pt_options_set("allow_unsafe_interrupts=\"on\"", name));
	assert_true(pt_options_set("allow_unsafe_interrupts=T", name));
	assert_false(pt_options_set("allow_unsafe_interrupts=off", name));
	assert_false(pt_options_set("allow_unsafe_interrupts=", name));
	assert_false(pt_options_set("", name));
	assert_false(pt_options_set("allow_unsafe_interrupts=1 allow_unsafe_interrupts=N", name));
	assert_false(pt_options_set("allow_unsafe_interrupts_too=1", name));
	assert_false(pt_options_set("disallow_unsafe_interrupts=1", name));
}

static void ids_mean_by_what_they_name(void **state)
{
	const struct pt_function card = {.vendor = "10de",
		.device = "2204",
		.subvendor = "1043",
		.subdevice = "87d5",
		.class = 0x030000};

	(void)state;
	assert_true(pt_ids_mean("ids=10de:2204", &card));
	assert_true(pt_ids_mean("disable_vga=1 ids=8086:1572,10DE:2204:1043:87D5", &card));
	assert_true(pt_ids_mean("ids=10de:2204:ffffffff:87d5", &card));
	assert_true(pt_ids_mean("ids=10de:2204:1043", &card));
	assert_false(pt_ids_mean("ids=10de:2204:1462:87d5", &card));
	assert_true(pt_ids_mean("ids=10de:ffffffff", &card));
	assert_true(pt_ids_mean("ids=10de:ffffffff:ffffffff:ffffffff:00030000:ffff00ff", &card));
	assert_false(pt_ids_mean("ids=10de:ffffffff:ffffffff:ffffffff:00040300:ffff00ff", &card));
	assert_false(pt_ids_mean("ids=10de", &card));
	assert_false(pt_ids_mean("ids=10de:220", &card));
	assert_false(pt_ids_mean("ids=10de:22045", &card));
	assert_false(pt_ids_mean("idx=10de:2204", &card));
	assert_false(pt_ids_mean(NULL, &card));
}

static void a_module_that_the_kernel_has_not_is_missing(void **state)
{
	struct pt_host *live = NULL;
	struct pt_module module;
	struct pt_err err = {0};

	(void)state;
	assert_int_equal(pt_host_open(&live, "/", NULL, NULL), 0);
	pt_module_look(live, "pt-no-such-module", &module);
	assert_int_equal(module.state, PT_MODULE_MISSING);
	assert_int_equal(
		pt_module_ensure(live, "pt-no-such-module", NULL, pt_now_ms() + 1000, &err),
		-ENOENT);
	assert_holds(err.text, "the running kernel has no module of that name");
	pt_host_close(live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(a_registered_driver_is_present),
		MACHINE_TEST(a_driver_is_known_by_its_module_too),
		MACHINE_TEST(another_host_is_not_asked),
		cmocka_unit_test(the_running_system_is_asked),
		cmocka_unit_test(options_are_read_as_the_kernel_does),
		cmocka_unit_test(ids_mean_by_what_they_name),
		cmocka_unit_test(a_module_that_the_kernel_has_not_is_missing),
	};

	return cmocka_run_group_tests_name("modules", tests, NULL, NULL);
}
