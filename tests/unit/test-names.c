// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/pci/names.h"
#include "tests/unit/unit.h"

static struct pt_function read_function(struct fake *fake, const char *text)
{
	struct pt_function function = {0};
	struct pt_bdf bdf = bdf_of(text);

	assert_int_equal(pt_function_read(fake->host, &bdf, &function, NULL), 0);
	return function;
}

static void names_devices(void **state)
{
	struct fake *fake = *state;
	struct pt_pcinames PT_PCINAMES *names = pt_pcinames_open();
	struct pt_function function = read_function(fake, "0000:02:00.0");
	char text[256];

	assert_non_null(names);
	assert_holds(pt_pciname(names, &function, text, sizeof(text)), "Samsung");
	assert_holds(text, "Non-Volatile memory controller");
	pt_function_clear(&function);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(names_devices),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
