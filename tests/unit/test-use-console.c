// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/use/use-console.h"
#include "tests/unit/unit.h"

#define GPU	"0000:01:00.0"
#define GPU_DIR "/sys/bus/pci/devices/" GPU
#define VTCON	"/sys/class/vtconsole/"

static void names_may_stand_in_a_path(void **state)
{
	(void)state;
	assert_true(pt_vtcon_name_valid("vtcon0"));
	assert_true(pt_vtcon_name_valid("vtcon12"));
	assert_false(pt_vtcon_name_valid("vtcon"));
	assert_false(pt_vtcon_name_valid("vtcon1/../x"));
	assert_false(pt_vtcon_name_valid("fbcon1"));
	assert_false(pt_vtcon_name_valid("vtcon1234567890123"));
	assert_false(pt_vtcon_name_valid(""));
}

static void put_consoles(struct fake *fake)
{
	fake_link(fake, "/sys/class/graphics/fb0/device", GPU_DIR);
	fake_file(fake, "/sys/class/graphics/fbcon/rotate", "0\n");
	fake_file(fake, VTCON "vtcon0/name", "(S) dummy device\n");
	fake_file(fake, VTCON "vtcon0/bind", "1\n");
	fake_file(fake, VTCON "vtcon1/name", "(M) frame buffer device\n");
	fake_file(fake, VTCON "vtcon1/bind", "1\n");
}

static void the_bound_one_on_its_only_framebuffer(void **state)
{
	struct fake *fake = *state;
	struct pt_bdf gpu = bdf_of(GPU), audio = bdf_of("0000:01:00.1");
	char name[PT_VTCON_TEXT];

	assert_false(pt_console_on(fake->host, &gpu, name));
	put_consoles(fake);
	assert_true(pt_console_on(fake->host, &gpu, name));
	assert_string_equal(name, "vtcon1");
	assert_false(pt_console_on(fake->host, &audio, name));
	fake_file(fake, VTCON "vtcon1/bind", "0\n");
	assert_false(pt_console_on(fake->host, &gpu, name));
	fake_file(fake, VTCON "vtcon1/bind", "1\n");
	/* with a second one the kernel moves the console over by itself */
	fake_link(fake, "/sys/class/graphics/fb1/device", "/sys/devices/platform/simple.0");
	assert_false(pt_console_on(fake->host, &gpu, name));
}

static void a_console_that_went_is_no_device(void **state)
{
	struct fake *fake = *state;
	char *bind = NULL;

	assert_int_equal(pt_console_read_bind(fake->host, "vtcon1", &bind), -ENODEV);
	put_consoles(fake);
	assert_int_equal(pt_console_read_bind(fake->host, "vtcon1", &bind), 0);
	assert_string_equal(bind, "1");
	free(bind);
}

/* The screens of the GPU, "NAME HOW"; "" for none. */
static void expect(struct fake *fake, const char *text)
{
	struct pt_function function = {0};
	struct pt_uses PT_USES uses = {0};
	struct pt_bdf gpu = bdf_of(GPU);
	PT_FREE char *found = NULL;

	assert_int_equal(pt_function_read(fake->host, &gpu, &function, NULL), 0);
	pt_use_console(fake->host, &function, &uses);
	assert_in_range(uses.count, 0, 1);
	if (uses.count) {
		assert_true(uses.use[0].weak);
		assert_int_equal(uses.use[0].kind, PT_USE_CONSOLE);
		found = pt_use_text(&uses.use[0]);
	}
	assert_string_equal(found ? found : "", text);
	pt_function_clear(&function);
}

static void what_shows_on_it(void **state)
{
	struct fake *fake = *state;

	expect(fake, "");
	fake_file(fake, GPU_DIR "/boot_vga", "1\n");
	expect(fake, "boot_vga is 1: the firmware chose it as the screen");
	fake_file(fake, GPU_DIR "/resource",
		"0x00000000e0000000 0x00000000efffffff 0x0000000000040200\n");
	/* one before the BAR, one behind it, one that ends before it begins, one of another kind */
	fake_file(fake, "/proc/iomem",
		"c0000000-efffffff : PCI Bus 0000:00\n"
		"  d0000000-d02fffff : BOOTFB\n  f0000000-f02fffff : BOOTFB\n"
		"  e1000000-e0000000 : BOOTFB\n  e1000000-e12fffff : vram\n");
	expect(fake, "boot_vga is 1: the firmware chose it as the screen");
	fake_file(fake, "/proc/iomem", "  e1000000-e12fffff : simplefb\n");
	expect(fake, "framebuffer of the firmware lies in its memory");
	/* without privilege the kernel prints zeroes */
	fake_file(fake, "/proc/iomem", "  00000000-00000000 : BOOTFB\n");
	expect(fake, "boot_vga is 1: the firmware chose it as the screen");
	put_consoles(fake);
	expect(fake, "vtcon1 shows the text console on it");
	fake_link(fake, "/sys/class/graphics/fb1/device", "/sys/devices/platform/simple.0");
	expect(fake, "vtcon1 may show the text console on its fb0");
	fake_remove(fake, "/sys/class/graphics/fb0/device");
	fake_remove(fake, "/sys/class/graphics/fb1/device");
	fake_link(fake, "/sys/class/graphics/fb0/device", "/sys/devices/platform/simple.0");
	fake_link(fake, "/sys/class/graphics/fb1/device", GPU_DIR);
	expect(fake, "boot_vga is 1: the firmware chose it as the screen");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_may_stand_in_a_path),
		MACHINE_TEST(the_bound_one_on_its_only_framebuffer),
		MACHINE_TEST(a_console_that_went_is_no_device),
		MACHINE_TEST(what_shows_on_it),
	};

	return cmocka_run_group_tests_name("use-console", tests, NULL, NULL);
}
