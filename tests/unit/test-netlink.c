// SPDX-License-Identifier: AGPL-3.0-or-later
/* The interfaces of the machine that runs the tests; bridges, routes and namespaces are the lab's. */
#include <net/if.h>

#include "lib/netlink.h"
#include "tests/unit/unit.h"

static void knows_what_the_kernel_lists(void **state)
{
	struct if_nameindex *list = if_nameindex();
	struct pt_names PT_NAMES cluster = {0};
	struct pt_links PT_LINKS links = {0};
	size_t count = 0;

	(void)state;
	assert_non_null(list);
	assert_int_equal(pt_links_read(&cluster, &links, NULL), 0);
	for (; list[count].if_index; count++) {
		const struct pt_link *link = pt_links_find(&links, list[count].if_name);

		assert_non_null(link);
		assert_int_equal(link->index, list[count].if_index);
	}
	assert_true(count > 0);
	assert_int_equal(links.count, count);
	assert_null(pt_links_find(&links, "no-such-link"));
	if_freenameindex(list);
}

/* An address that means nothing beyond the machine is none to lose. */
static void loopback_is_nobodys_way(void **state)
{
	struct pt_names PT_NAMES cluster = {0};
	struct pt_links PT_LINKS links = {0};
	const struct pt_link *loopback;

	(void)state;
	assert_int_equal(pt_links_read(&cluster, &links, NULL), 0);
	loopback = pt_links_find(&links, "lo");
	assert_non_null(loopback);
	assert_string_equal(loopback->kind, "");
	assert_string_equal(loopback->address, "");
	assert_int_equal(loopback->master, 0);
	assert_int_equal(loopback->below, 0);
	assert_false(loopback->default_route);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_what_the_kernel_lists),
		cmocka_unit_test(loopback_is_nobodys_way),
	};

	return cmocka_run_group_tests_name("netlink", tests, NULL, NULL);
}
