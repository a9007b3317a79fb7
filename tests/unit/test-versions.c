// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/versions.h"
#include "tests/unit/unit.h"

static void installed_packages_count(void **state)
{
	struct fake *fake = *state;
	struct pt_versions versions;

	pt_versions_read(fake->host, &versions);
	assert_null(versions.qemu);
	fake_file(fake, "/proc/sys/kernel/osrelease", "6.8.12-1-pve\n");
	fake_file(fake, "/var/lib/dpkg/status",
		"Package: pve-manager\nStatus: install ok installed\nDescription: x\n Version: 1\n"
		"Version: 9.0.3\n\n"
		"Package: pve-qemu-kvm-dbg\nStatus: install ok installed\nVersion: 1\n\n"
		"Package: pve-qemu-kvm\nStatus: deinstall ok config-files\nVersion: 8\n\n"
		"Package: qemu-server\nStatus: install ok installed\n\n"
		"Package: zz\nVersion: 7\n");
	pt_versions_clear(&versions);
	pt_versions_read(fake->host, &versions);
	assert_string_equal(versions.kernel, "6.8.12-1-pve");
	assert_string_equal(versions.manager, "9.0.3");
	/* removed; without a version of its own */
	assert_null(versions.qemu);
	assert_null(versions.qemu_server);
	pt_versions_clear(&versions);
}

static void versions_are_compared_by_numbers(void **state)
{
	(void)state;
	assert_true(pt_version_from("9.0.21", 9, 0, 21));
	assert_false(pt_version_from("9.0.3", 9, 0, 21));
	assert_true(pt_version_from("9.1", 9, 0, 21));
	assert_true(pt_version_from("1:10.0.2-4+pve1", 9, 2, 0));
	assert_false(pt_version_from("8.4.10", 9, 0, 0));
	assert_true(pt_version_from("6.14.8-2-pve", 6, 14, 0));
	assert_false(pt_version_from("6.8.12-1-pve", 6, 14, 0));
	assert_false(pt_version_from("", 0, 0, 0));
	assert_false(pt_version_from(NULL, 0, 0, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(installed_packages_count),
		cmocka_unit_test(versions_are_compared_by_numbers),
	};

	return cmocka_run_group_tests_name("versions", tests, NULL, NULL);
}
