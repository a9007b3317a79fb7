// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/node/mesh.h"
#include "tests/unit/ssh.h"

#define LONG_MS 20000

static const char members_text[] =
	"{\"nodelist\":{\"node1\":{\"online\":1,\"ip\":\"10.0.0.1\"},\"node2\":{\"online\":1,\"ip\":"
	"\"10.0.0.2\"},\"node3\":{\"online\":0,\"ip\":\"10.0.0.3\"},\"node4\":{\"online\":1},"
	"\"node5\":{\"online\":1,\"ip\":\"10.0.0.5\"}}}";

enum { NODE1, NODE2, NODE3, NODE4, NODE5, NODES };

/* Answers of five members, of which node1 asks. */
struct asked {
	struct pt_members members;
	struct pt_mesh_answer answer[NODES];
};

static void clear_asked(struct asked *asked)
{
	pt_members_clear(&asked->members);
	pt_foreach (answer, asked->answer, NODES)
		pt_mesh_answer_clear(answer);
}
#define ASKED PT_CLEANUP(clear_asked)

static void ask(struct fake *fake, const char *script, int budget_ms, struct asked *ret)
{
	fake_ssh(fake, script);
	assert_int_equal(
		pt_members_parse(members_text, strlen(members_text), &ret->members, NULL), 0);
	assert_int_equal(pt_mesh_ask(fake->host, &ret->members, "node1", "facts", budget_ms, NULL,
				 NULL, ret->answer, NULL),
		0);
}

static void members_are_asked_as_pve_does(void **state)
{
	struct asked ASKED asked = {0};
	struct fake *fake = *state;

	fake_file(fake, "/etc/pve/nodes/node2/ssh_known_hosts", "x");
	ask(fake, "echo \"$login|$alias|$known|$command\"; echo odd >&2", LONG_MS, &asked);
	assert_null(asked.answer[NODE1].text);
	assert_int_equal(asked.answer[NODE1].why.code, 0);
	assert_string_equal(asked.answer[NODE2].text,
		"root@10.0.0.2|node2|/etc/pve/nodes/node2/ssh_known_hosts|/usr/sbin/pve-ptconf "
		"facts\n");
	assert_string_equal(asked.answer[NODE3].why.text, "is offline");
	assert_string_equal(asked.answer[NODE4].why.text, "pmxcfs does not know its address");
	assert_string_equal(
		asked.answer[NODE5].text, "root@10.0.0.5|node5||/usr/sbin/pve-ptconf facts\n");
	/* its warnings are ours */
	assert_holds(fake->said, "node node2: odd\n");
}

static void a_node_without_an_answer_has_a_reason(void **state)
{
	static const struct {
		const char *script, *why;
	} rows[] = {
		{"echo 'Host key verification failed.' >&2; exit 255",
			"ssh: Host key verification failed."},
		{"echo 'ssh: connect to host 10.0.0.2 port 22: Connection refused' >&2; exit 255",
			"ssh: connect to host 10.0.0.2 port 22: Connection refused"},
		{"exit 255", "ssh: it gave no reason"},
		{"exit 0", "pve-ptconf wrote nothing there"},
		{"echo 'sh: 1: /usr/sbin/pve-ptconf: not found' >&2; exit 127",
			"pve-ptconf is not installed there"},
		{"echo first >&2; printf 'la\\033st\\n' >&2; exit 3",
			"pve-ptconf failed there: la?st"},
	};
	struct fake *fake = *state;

	pt_foreach (row, rows, PT_ARRAY_SIZE(rows)) {
		struct asked ASKED asked = {0};

		ask(fake, row->script, LONG_MS, &asked);
		assert_null(asked.answer[NODE2].text);
		assert_string_equal(asked.answer[NODE2].why.text, row->why);
	}
}

static void an_answer_may_lack_something(void **state)
{
	struct asked ASKED asked = {0};
	struct fake *fake = *state;

	ask(fake, "echo part; echo damaged >&2; exit 3", LONG_MS, &asked);
	assert_string_equal(asked.answer[NODE2].text, "part\n");
	assert_string_equal(asked.answer[NODE2].why.text, "pve-ptconf failed there: damaged");
}

static void a_deaf_node_ends_with_the_deadline(void **state)
{
	struct asked ASKED asked = {0};
	struct fake *fake = *state;

	ask(fake, "exec sleep 60", 1000, &asked);
	assert_int_equal(asked.answer[NODE2].why.code, -ETIME);
	assert_string_equal(asked.answer[NODE2].why.text, "does not answer within 1 s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(members_are_asked_as_pve_does),
		MACHINE_TEST(a_node_without_an_answer_has_a_reason),
		MACHINE_TEST(an_answer_may_lack_something),
		MACHINE_TEST(a_deaf_node_ends_with_the_deadline),
	};

	return cmocka_run_group_tests_name("mesh", tests, NULL, NULL);
}
