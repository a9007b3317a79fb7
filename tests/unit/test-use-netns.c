// SPDX-License-Identifier: AGPL-3.0-or-later
/* Other namespaces of the running system; those that have a card are made in the lab. */
#include <sys/stat.h>

#include "lib/use/use-netns.h"
#include "tests/unit/unit.h"

static void a_guess_without_a_system(void **state)
{
	struct fake *fake = *state;
	struct pt_function nic = {.bdf = bdf_of("0000:04:00.0")};
	struct pt_function vf = {.bdf = bdf_of("0000:04:10.0")};
	const struct pt_function *const both[] = {&nic, &vf};
	struct pt_uses PT_USES uses = {0};

	pt_use_hidden_nets(fake->host, both, 2, &uses);
	assert_int_equal(uses.count, 2);
	assert_true(uses.use[0].weak);
	assert_string_equal(uses.use[0].what, "its interface");
	assert_string_equal(on_loan(pt_use_text(&uses.use[0])),
		"its interface is not in this network namespace: a container may have it");
	assert_int_equal(uses.use[1].kind, PT_USE_NET);
	assert_int_equal(pt_bdf_compare(&uses.use[1].bdf, &vf.bdf), 0);
}

/* An interface in no namespace stays a guess, and the process is back in its own. */
static void looks_everywhere_and_comes_back(void **state)
{
	struct pt_function nic = {.bdf = bdf_of("ffff:ff:1f.7")};
	const struct pt_function *const one[] = {&nic};
	struct pt_uses PT_USES uses = {0};
	struct pt_host *live = NULL;
	struct stat before, after;

	(void)state;
	assert_int_equal(pt_host_open(&live, "/", NULL, NULL), 0);
	assert_int_equal(stat("/proc/self/ns/net", &before), 0);
	pt_use_hidden_nets(live, one, 1, &uses);
	assert_int_equal(stat("/proc/self/ns/net", &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(uses.count, 1);
	assert_true(uses.use[0].weak);
	pt_host_close(live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(a_guess_without_a_system),
		cmocka_unit_test(looks_everywhere_and_comes_back),
	};

	return cmocka_run_group_tests_name("use-netns", tests, NULL, NULL);
}
