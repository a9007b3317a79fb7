// SPDX-License-Identifier: AGPL-3.0-or-later
#include <time.h>

#include "lib/linux/kmsg.h"
#include "tests/unit/unit.h"

static void records_have_time_and_text(void **state)
{
	static const struct {
		const char *record, *text;
		uint64_t us;
	} cases[] = {
		{"6,339,5140900,-;NET: Registered protocol\n SUBSYSTEM=x\n",
			"NET: Registered protocol", 5140900},
		{"30,340,7,c,extra=1;a; b", "a; b", 7},
		{"4,1,0,-;\n", "", 0},
		{"no record", NULL, 0},
		{"6,x,1,-;text", NULL, 0},
	};

	(void)state;
	pt_foreach (one, cases, PT_ARRAY_SIZE(cases)) {
		char record[128];
		uint64_t us = 0;
		const char *text;

		snprintf(record, sizeof(record), "%s", one->record);
		text = pt_kmsg_parse(record, &us);
		if (!one->text) {
			assert_null(text);
			continue;
		}
		assert_string_equal(text, one->text);
		assert_int_equal(us, one->us);
	}
}

static void a_copied_host_has_none(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, "/dev/kmsg", "6,1,1,-;text\n");
	assert_null(pt_kmsg_since(fake->host, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_have_time_and_text),
		MACHINE_TEST(a_copied_host_has_none),
	};

	return cmocka_run_group_tests_name("kmsg", tests, NULL, NULL);
}
