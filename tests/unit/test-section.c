// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/section.h"
#include "tests/unit/unit.h"

struct heard {
	char text[512];
};

static void hear(void *data, const char *type, const char *id, const char *key, const char *value)
{
	struct heard *heard = data;
	size_t length = strlen(heard->text);

	if (!type)
		snprintf(heard->text + length, sizeof(heard->text) - length, "end");
	else if (key)
		snprintf(heard->text + length, sizeof(heard->text) - length, "%s/%s.%s=%s|", type,
			id, key, value);
	else
		snprintf(heard->text + length, sizeof(heard->text) - length, "%s/%s|", type, id);
}

static void lines_belong_to_sections(void **state)
{
	struct heard heard = {0};

	(void)state;
	pt_sections_read("\tlost 1\n# a comment\nvm: 100 \n\tgroup  big one \r\n"
			 "    flag\n\n  \nno section\n\tlost 2\ndir:local\n\tpath /x",
		hear, &heard);
	assert_string_equal(heard.text,
		"vm/100|vm/100.group=big one|vm/100.flag=|dir/local|dir/local.path=/x|end");
	heard = (struct heard){0};
	pt_sections_read(NULL, hear, &heard);
	assert_string_equal(heard.text, "end");
	heard = (struct heard){0};
	pt_sections_read("vm: 100\n\ta b\n\tc d\n", hear, &heard);
	assert_string_equal(heard.text, "vm/100|vm/100.a=b|vm/100.c=d|end");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_belong_to_sections),
	};

	return cmocka_run_group_tests_name("section", tests, NULL, NULL);
}
