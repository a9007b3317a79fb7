// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/linux/modprobe.h"
#include "tests/unit/unit.h"

static void files_say_it(void **state)
{
	struct fake *fake = *state;
	struct pt_modprobe modprobe;

	fake_file(fake, "/proc/cmdline",
		"quiet vfio_pci.disable_idle_d3=1 vfio.x=1 vfio-pci=2 module_blacklist=xe,nouveau "
		"modprobe.blacklist=snd_hda_intel\n");
	fake_file(fake, "/etc/modprobe.d/vfio.conf",
		"# options vfio-pci ids=1:1\n  options vfio-pci ids=10de:2204,\\\n10de:1aef disable_vga=1\r\n"
		"options vfio x=2\nblacklist radeon\ninstall floppy /bin/false\n");
	fake_file(fake, "/etc/modprobe.d/note.txt", "options vfio-pci ids=2:2\n");
	/* hidden by the first */
	fake_file(fake, "/lib/modprobe.d/vfio.conf", "options vfio-pci ids=3:3\n");
	fake_file(fake, "/lib/modprobe.d/more.conf", "options vfio_pci enable_sriov=1\n");
	pt_modprobe_read(fake->host, "vfio-pci", &modprobe);
	assert_string_equal(modprobe.options,
		"ids=10de:2204,10de:1aef disable_vga=1 enable_sriov=1 disable_idle_d3=1");
	assert_false(modprobe.blacklisted);
	assert_null(modprobe.install);
	pt_modprobe_clear(&modprobe);
	pt_modprobe_read(fake->host, "radeon", &modprobe);
	assert_true(modprobe.blacklisted);
	assert_null(modprobe.options);
	pt_modprobe_clear(&modprobe);
	pt_modprobe_read(fake->host, "floppy", &modprobe);
	assert_string_equal(modprobe.install, "/bin/false");
	pt_modprobe_clear(&modprobe);
	for (int i = 0; i < 3; i++) {
		static const char *const blocked[] = {"nouveau", "snd-hda-intel", "xe"};

		pt_modprobe_read(fake->host, blocked[i], &modprobe);
		assert_true(modprobe.blacklisted);
		pt_modprobe_clear(&modprobe);
	}
}

static void loaded_modules_are_known(void **state)
{
	struct fake *fake = *state;

	assert_false(pt_modprobe_is_loaded(fake->host, "vfio-pci"));
	fake_file(fake, "/proc/modules", "vfio 1 1 - Live 0x0\nvfio_pci 16384 1 - Live 0x0\n");
	assert_true(pt_modprobe_is_loaded(fake->host, "vfio-pci"));
	assert_false(pt_modprobe_is_loaded(fake->host, "vfio_pc"));
}

static void an_alias_is_blocked_if_all_its_modules_are(void **state)
{
	static const char modalias[] = "pci:v000010DEd00002204sv00001043sd000087D5bc03sc00i00";
	struct fake *fake = *state;
	char name[64];

	assert_false(pt_modprobe_alias_blocked(fake->host, modalias, name, sizeof(name)));
	fake_file(fake, "/proc/sys/kernel/osrelease", "6.8.12-1-pve\n");
	fake_file(fake, "/lib/modules/6.8.12-1-pve/modules.alias",
		"# aliases\nalias pci:v000010DEd*sv*sd*bc03sc*i* nouveau\n"
		"alias pci:v000010DEd*sv*sd*bc03sc00i* nvidia\nalias pci:v00008086d* i915\n");
	fake_file(fake, "/etc/modprobe.d/a.conf", "blacklist nouveau\n");
	assert_false(pt_modprobe_alias_blocked(fake->host, modalias, name, sizeof(name)));
	assert_string_equal(name, "");
	fake_file(fake, "/etc/modprobe.d/b.conf", "blacklist nvidia\n");
	assert_true(pt_modprobe_alias_blocked(fake->host, modalias, name, sizeof(name)));
	assert_string_equal(name, "nvidia");
	assert_false(pt_modprobe_alias_blocked(fake->host, "pci:v00001002d1", name, sizeof(name)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(files_say_it),
		MACHINE_TEST(loaded_modules_are_known),
		MACHINE_TEST(an_alias_is_blocked_if_all_its_modules_are),
	};

	return cmocka_run_group_tests_name("modprobe", tests, NULL, NULL);
}
