// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/hostpci.h"
#include "tests/unit/unit.h"

static void fills_an_entry(void **state)
{
	const char *text = "mapping=gpu,pcie=on,rombar=0,x-vga=1,romfile=v.rom,driver=keep";
	struct pt_hostpci entry = {0};

	(void)state;
	assert_int_equal(pt_hostpci_parse(3, text, strlen(text), PT_TEXT_BYTES, &entry, NULL), 0);
	assert_int_equal(entry.index, 3);
	assert_null(entry.host);
	assert_string_equal(entry.mapping, "gpu");
	assert_string_equal(entry.romfile, "v.rom");
	assert_true(entry.pcie && entry.x_vga && entry.keep_driver);
	assert_false(entry.rombar || entry.legacy_igd);
	pt_hostpci_clear(&entry);
	assert_int_equal(pt_hostpci_parse(0, "01:00", 5, PT_TEXT_CHARS, &entry, NULL), 0);
	assert_true(entry.rombar);
	pt_hostpci_clear(&entry);
}

static void knows_its_keys(void **state)
{
	(void)state;
	assert_int_equal(pt_hostpci_key("hostpci0"), 0);
	assert_int_equal(pt_hostpci_key("hostpci15"), 15);
	assert_int_equal(pt_hostpci_key("hostpci16"), -1);
	assert_int_equal(pt_hostpci_key("hostpci01"), -1);
	assert_int_equal(pt_hostpci_key("hostpci"), -1);
	assert_false(pt_hostpci_is_set(NULL));
	assert_false(pt_hostpci_is_set("0"));
	assert_false(pt_hostpci_is_set(""));
	assert_true(pt_hostpci_is_set("01:00"));
}

/* Perl's patterns let one through where any byte but a few may stand. */
static void a_nul_is_a_byte_of_some_values(void **state)
{
	static const char romfile[] = "01:00.0,romfile=a\0b", mdev[] = "01:00.0,mdev=x\0y",
			  host[] = "01:00.0\0,pcie=1", driver[] = "01:00.0,driver=vfio\0";
	struct pt_hostpci entry;

	(void)state;
	assert_int_equal(
		pt_hostpci_parse(0, romfile, sizeof(romfile) - 1, PT_TEXT_BYTES, &entry, NULL), 0);
	assert_string_equal(entry.romfile, "a\001b");
	pt_hostpci_clear(&entry);
	assert_int_equal(
		pt_hostpci_parse(0, mdev, sizeof(mdev) - 1, PT_TEXT_CHARS, &entry, NULL), 0);
	pt_hostpci_clear(&entry);
	assert_int_equal(
		pt_hostpci_parse(0, host, sizeof(host) - 1, PT_TEXT_BYTES, &entry, NULL), -EINVAL);
	assert_int_equal(
		pt_hostpci_parse(0, driver, sizeof(driver) - 1, PT_TEXT_BYTES, &entry, NULL),
		-EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_nul_is_a_byte_of_some_values),
		cmocka_unit_test(fills_an_entry),
		cmocka_unit_test(knows_its_keys),
	};

	return cmocka_run_group_tests_name("hostpci", tests, NULL, NULL);
}
