// SPDX-License-Identifier: AGPL-3.0-or-later
/* The interfaces of the machine that runs the tests; bridges, routes and namespaces are the lab's.
 */
#include <net/if.h>

#include "lib/linux/netlink.h"
#include "tests/unit/unit.h"

static void knows_what_the_kernel_lists(void **state)
{
	struct if_nameindex *list = if_nameindex();
	struct pt_links PT_LINKS links = {0};
	size_t count = 0;

	(void)state;
	assert_non_null(list);
	assert_int_equal(pt_links_read(&links, NULL), 0);
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
	struct pt_links PT_LINKS links = {0};
	const struct pt_link *loopback;

	(void)state;
	assert_int_equal(pt_links_read(&links, NULL), 0);
	loopback = pt_links_find(&links, "lo");
	assert_non_null(loopback);
	assert_string_equal(loopback->kind, "");
	assert_string_equal(loopback->address, "");
	assert_int_equal(loopback->master, 0);
	assert_int_equal(loopback->below, 0);
	assert_false(loopback->default_route);
}

static int remember(void *data, const char *interface, const char *device)
{
	size_t *count = data;

	assert_true(if_nametoindex(interface) > 0);
	assert_true(*device);
	(*count)++;
	return 0;
}

static int stop(void *data, const char *interface, const char *device)
{
	(void)interface;
	(void)device;
	++*(int *)data;
	return -ENOMEM;
}

/* At least those that have a device in sysfs, where that is mounted; a machine may have none. */
static void visits_what_stands_on_devices(void **state)
{
	struct if_nameindex *list = if_nameindex();
	size_t count = 0, visited = 0;
	int stopped = 0;

	(void)state;
	assert_non_null(list);
	for (size_t i = 0; list[i].if_name; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/sys/class/net/%s/device", list[i].if_name);
		count += access(path, F_OK) == 0;
	}
	if_freenameindex(list);
	assert_int_equal(pt_links_visit_devices(remember, &visited), 0);
	assert_true(visited >= count);
	assert_int_equal(pt_links_visit_devices(stop, &stopped), visited ? -ENOMEM : 0);
	assert_int_equal(stopped, visited ? 1 : 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_what_the_kernel_lists),
		cmocka_unit_test(loopback_is_nobodys_way),
		cmocka_unit_test(visits_what_stands_on_devices),
	};

	return cmocka_run_group_tests_name("netlink", tests, NULL, NULL);
}
