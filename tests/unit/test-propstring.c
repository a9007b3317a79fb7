// SPDX-License-Identifier: AGPL-3.0-or-later
/* Verdicts are the conformance cases' business; these are the messages for the admin. */
#include "pve/config/hostpci.h"
#include "tests/unit/unit.h"

static void explains(const char *text, const char *expected)
{
	struct pt_hostpci entry = {0};
	struct pt_err err = {0};

	assert_int_equal(
		pt_hostpci_parse(0, text, strlen(text), PT_TEXT_BYTES, &entry, &err), -EINVAL);
	assert_string_equal(err.text, expected);
}

static void points_at_the_character_and_the_key(void **state)
{
	(void)state;
	explains("01:00.0,pcie=2", "at character 9: pcie: '2' is no boolean (1, on, yes, true, 0, "
				   "off, no, false)");
	explains("01:00.0,foo=1", "at character 9: there is no key 'foo'");
	explains("0A:00.0",
		"at character 1: host: '0A:00.0' is not an address like 0000:01:00.0 or "
		"0000:01:00 in lower case; several are divided by ';'");
	explains("01:00.0,driver=nvme", "at character 9: driver: 'nvme' is not vfio or keep");
	/* the key that is near, and none that is not */
	explains("01:00.0,pci=1", "at character 9: there is no key 'pci', perhaps 'pcie' is meant");
	explains("01:00.0,rom-file=x",
		"at character 9: there is no key 'rom-file', perhaps 'romfile' is meant");
	explains("01:00.0,xvga=1",
		"at character 9: there is no key 'xvga', perhaps 'x-vga' is meant");
	explains("01:00.0,host-device-identity=1",
		"at character 9: there is no key 'host-device-identity'");
	explains("01:00.0 # the card",
		"at character 1: host: '01:00.0 # the card': a comment cannot stand behind a value");
	explains("01:00.0,pcie=1 # express",
		"at character 9: pcie: '1 # express': a comment cannot stand behind a value");
	explains(
		"01:00.0,02:00.0", "at character 9: a key, or a value without key, is there twice");
	explains("host=", "at character 1: key or value missing beside '='");
}

static void a_value_needs_a_key(void **state)
{
	static const struct pt_prop_key keys[] = {
		{"name", PT_PROP_PATTERN, "^[a-z]+$", "a word", .required = true, .max_length = 4}};
	static const struct pt_prop_schema schema = {keys, 1};
	struct pt_props props = {0};
	struct pt_err err = {0};

	(void)state;
	pt_props_parse(&schema, "x", 1, PT_TEXT_BYTES, &props);
	assert_int_equal(props.verdict, PT_PROP_NO_DEFAULT);
	assert_int_equal(pt_props_explain(&schema, &props, &err), -EINVAL);
	assert_string_equal(err.text, "at character 1: a value without key");
	pt_props_clear(&props);
	pt_props_parse(&schema, ",", 1, PT_TEXT_BYTES, &props);
	assert_int_equal(pt_props_explain(&schema, &props, &err), -EINVAL);
	assert_string_equal(err.text, "name is missing");
	pt_props_clear(&props);
	pt_props_parse(&schema, "name=abcde", 10, PT_TEXT_BYTES, &props);
	assert_int_equal(props.verdict, PT_PROP_FORMAT);
	pt_props_clear(&props);
	pt_props_parse(&schema, "name=abc", 8, PT_TEXT_BYTES, &props);
	assert_int_equal(pt_props_explain(&schema, &props, &err), 0);
	assert_true(pt_props_flag(&props, "other", true));
	pt_props_clear(&props);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(points_at_the_character_and_the_key),
		cmocka_unit_test(a_value_needs_a_key),
	};

	return cmocka_run_group_tests_name("propstring", tests, NULL, NULL);
}
