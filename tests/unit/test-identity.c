// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/identity.h"
#include "pve/config/paths.h"
#include "tests/unit/unit.h"

#define DISK "0000:02:00.0"

static struct pt_identity identity_of(struct fake *fake, const char *name)
{
	struct pt_function function = {0};
	struct pt_bdf bdf = bdf_of(name);
	struct pt_identity identity;

	assert_int_equal(pt_function_read(fake->host, &bdf, &function, NULL), 0);
	pt_identity_of(&function, function.space.serial, &identity);
	pt_function_clear(&function);
	return identity;
}

/* Config space with the extended capabilities given, 32-bit words from 0x100 on. */
static void put_config(struct fake *fake, const uint32_t *word, size_t count)
{
	char bytes[0x200] = {0};

	for (size_t i = 0; i < count; i++) {
		for (size_t at = 0; at < 4; at++)
			bytes[0x100 + i * 4 + at] = (char)(word[i] >> (8 * at) & 0xff);
	}
	fake_bytes(fake, "/sys/bus/pci/devices/" DISK "/config", bytes, sizeof(bytes));
}

static void serial_is_that_of_the_capability(void **state)
{
	/* AER (1), the next one at 0x110: the serial number (3) */
	static const uint32_t serial[] = {0x11010001, 0, 0, 0, 0x00010003, 0xfe000001, 0x00a0c9ff};
	static const uint32_t circle[] = {0x10010001};
	static const uint32_t backward[] = {0x04010001};
	struct fake *fake = *state;

	assert_string_equal(identity_of(fake, DISK).serial, "");
	put_config(fake, serial, PT_ARRAY_SIZE(serial));
	assert_string_equal(identity_of(fake, DISK).serial, "00a0c9fffe000001");
	put_config(fake, circle, PT_ARRAY_SIZE(circle));
	assert_string_equal(identity_of(fake, DISK).serial, "");
	put_config(fake, backward, PT_ARRAY_SIZE(backward));
	assert_string_equal(identity_of(fake, DISK).serial, "");
	/* a device that does not answer */
	fake_bytes(fake, "/sys/bus/pci/devices/" DISK "/config", "\xff\xff\xff\xff", 4);
	assert_string_equal(identity_of(fake, DISK).serial, "");
}

static void a_record_comes_back_as_it_was(void **state)
{
	struct fake *fake = *state;
	struct pt_identity identity[2] = {
		identity_of(fake, DISK), identity_of(fake, "0000:05:00.0")};
	struct pt_identities written = {identity, 2};
	struct pt_identities PT_IDENTITIES none = {0}, read = {0};
	struct pt_bdf other = bdf_of("0000:03:00.0");

	assert_int_equal(pt_identities_read(fake->host, 100, &none, NULL), 0);
	assert_int_equal(none.count, 0);
	snprintf(identity[0].serial, sizeof(identity[0].serial), "00a0c9fffe000001");
	assert_int_equal(pt_identities_write(fake->host, 100, &written, NULL), 0);
	assert_int_equal(pt_identities_read(fake->host, 100, &read, NULL), 0);
	assert_int_equal(read.count, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct pt_identity *found = pt_identities_find(&read, &identity[i].bdf);

		assert_non_null(found);
		assert_true(pt_identity_same(found, &identity[i]));
	}
	assert_null(pt_identities_find(&read, &other));
	/* a shorter one in its place */
	written.count = 0;
	assert_int_equal(pt_identities_write(fake->host, 100, &written, NULL), 0);
	assert_int_equal(pt_identities_read(fake->host, 100, &none, NULL), 0);
	assert_int_equal(none.count, 0);
}

static void any_difference_is_another_device(void **state)
{
	struct fake *fake = *state;
	struct pt_identity disk = identity_of(fake, DISK);
	struct pt_identity twin = identity_of(fake, "0000:03:00.0");

	/* the address alone makes no other */
	assert_true(pt_identity_same(&disk, &twin));
	assert_string_equal(pt_identity_format(&twin, (char[PT_IDENTITY_TEXT]){0}),
		"144d:a808, subsystem 144d:a801");
	snprintf(twin.serial, sizeof(twin.serial), "1");
	assert_false(pt_identity_same(&disk, &twin));
	assert_string_equal(pt_identity_format(&twin, (char[PT_IDENTITY_TEXT]){0}),
		"144d:a808, subsystem 144d:a801, serial 1");
	twin = disk;
	snprintf(twin.subdevice, sizeof(twin.subdevice), "a802");
	assert_false(pt_identity_same(&disk, &twin));
	twin = disk;
	twin.class ++;
	assert_false(pt_identity_same(&disk, &twin));
}

static void a_damaged_record_is_told(void **state)
{
	static const char *const bad[][2] = {
		{"", "is damaged ('pve-ptconf accept 100' writes it anew)"},
		{"null", "writes it anew): is null"},
		{"{\"version\":2,\"functions\":[]}", "\"version\" is none that this version knows"},
		{"{\"version\":1}", "\"functions\""},
		{"{\"version\":1,\"functions\":[{\"function\":\"x\",\"vendor\":\"1\",\"device\":\"1\","
		 "\"subsystem_vendor\":\"\",\"subsystem_device\":\"\",\"class\":1,\"serial\":\"\"}]}",
			"\"function\" is no PCI address"},
		{"{\"version\":1,\"functions\":[{\"function\":\"0000:02:00.0\",\"vendor\":\"12345678\","
		 "\"device\":\"1\",\"subsystem_vendor\":\"\",\"subsystem_device\":\"\",\"class\":1,"
		 "\"serial\":\"\"}]}",
			"\"vendor\" is no hexadecimal number"},
		{"{\"version\":1,\"functions\":[{\"function\":\"0000:02:00.0\",\"vendor\":\"1\","
		 "\"device\":\"1\",\"subsystem_vendor\":\"\",\"subsystem_device\":\"\",\"class\":1,"
		 "\"serial\":\"no\"}]}",
			"\"serial\" is no hexadecimal number"},
	};
	struct fake *fake = *state;

	for (size_t i = 0; i < PT_ARRAY_SIZE(bad); i++) {
		struct pt_identities PT_IDENTITIES read = {0};
		struct pt_err err = {0};

		fake_file(fake, PT_IDENTITY_DIR "/100.json", bad[i][0]);
		assert_int_equal(pt_identities_read(fake->host, 100, &read, &err), -EINVAL);
		assert_holds(err.text, bad[i][1]);
		assert_int_equal(read.count, 0);
	}
}

static void one_that_cannot_be_written_is_told(void **state)
{
	struct fake *fake = *state;
	struct pt_identities none = {0};
	struct pt_err err = {0};

	fake_file(fake, PT_STATE_DIR, "no folder");
	assert_true(pt_identities_write(fake->host, 100, &none, &err) < 0);
	assert_holds(err.text, "record of the devices of guest 100 in " PT_IDENTITY_DIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(serial_is_that_of_the_capability),
		MACHINE_TEST(a_record_comes_back_as_it_was),
		MACHINE_TEST(any_difference_is_another_device),
		MACHINE_TEST(a_damaged_record_is_told),
		MACHINE_TEST(one_that_cannot_be_written_is_told),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
