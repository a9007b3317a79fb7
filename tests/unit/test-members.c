// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/members.h"
#include "tests/unit/unit.h"

/* As pmxcfs prints it. */
#define LIST                                                                                        \
	"{\n\"nodename\": \"node1\",\n\"version\": 4,\n\"cluster\": { \"name\": \"c\", "            \
	"\"version\": 3, \"nodes\": 3, \"quorate\": 1 },\n\"nodelist\": {\n  \"node1\": { \"id\": " \
	"1, \"online\": 1, \"ip\": \"10.0.0.1\"},\n  \"node2\": { \"id\": 2, \"online\": 0},\n  "   \
	"\"node3\": { \"id\": 3, \"online\": 1, \"ip\": \"fd00::3\"}\n  }\n}\n"

static void members_have_addresses_and_may_be_offline(void **state)
{
	struct pt_members PT_MEMBERS members = {0};
	const struct pt_member *member;

	(void)state;
	assert_int_equal(pt_members_parse(LIST, strlen(LIST), &members, NULL), 0);
	assert_int_equal(members.count, 3);
	member = pt_member_find(&members, "node1");
	assert_true(member->online);
	assert_string_equal(member->address, "10.0.0.1");
	member = pt_member_find(&members, "node2");
	assert_false(member->online);
	assert_string_equal(member->address, "");
	assert_string_equal(pt_member_find(&members, "node3")->address, "fd00::3");
	assert_null(pt_member_find(&members, "node4"));
}

/* They become part of a command line. */
static void odd_names_and_addresses_are_none(void **state)
{
	static const char text[] =
		"{\"nodelist\":{\"../x\":{\"online\":1,\"ip\":\"10.0.0.1\"},\"a\":{\"online\":1,\"ip\":"
		"\"-oProxyCommand=x\"},\"b\":{\"online\":\"1\",\"ip\":7},\"c\":null,\"d\":{\"online\":1,"
		"\"ip\":\"fe80::1%eth0\"}}}";
	struct pt_members PT_MEMBERS members = {0};

	(void)state;
	assert_int_equal(pt_members_parse(text, strlen(text), &members, NULL), 0);
	assert_int_equal(members.count, 4);
	assert_true(pt_member_find(&members, "a")->online);
	assert_false(pt_member_find(&members, "b")->online);
	pt_foreach (member, members.member, members.count)
		assert_string_equal(member->address, "");
}

static void a_node_alone_has_no_list(void **state)
{
	static const char alone[] = "{\"nodename\":\"node1\",\"version\":0}";
	struct fake *fake = *state;
	struct pt_members PT_MEMBERS members = {0};
	struct pt_err err = {0};

	assert_int_equal(pt_members_read(fake->host, &members, &err), -ENOENT);
	assert_string_equal(err.text, PT_PVE_MEMBERS ": No such file or directory");
	fake_file(fake, PT_PVE_MEMBERS, alone);
	assert_int_equal(pt_members_read(fake->host, &members, &err), 0);
	assert_int_equal(members.count, 0);
	fake_file(fake, PT_PVE_MEMBERS, "{\"nodelist\":");
	assert_int_equal(pt_members_read(fake->host, &members, &err), -EINVAL);
	assert_holds(err.text, PT_PVE_MEMBERS ": ");
	fake_file(fake, PT_PVE_MEMBERS, "[]");
	assert_int_equal(pt_members_read(fake->host, &members, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_have_addresses_and_may_be_offline),
		cmocka_unit_test(odd_names_and_addresses_are_none),
		MACHINE_TEST(a_node_alone_has_no_list),
	};

	return cmocka_run_group_tests_name("members", tests, NULL, NULL);
}
