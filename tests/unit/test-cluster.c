// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/check/check.h"
#include "pve/node/cluster.h"
#include "pve/node/node-json.h"
#include "tests/unit/ssh.h"

#define LONG_MS 20000

static const char members_text[] =
	"{\"nodelist\":{\"node3\":{\"online\":1,\"ip\":\"10.0.0.3\"},\"node1\":{\"online\":1,\"ip\":"
	"\"10.0.0.1\"},\"node2\":{\"online\":1,\"ip\":\"10.0.0.2\"}}}";

static struct pt_node *whole_node(struct fake *fake)
{
	struct pt_node *node = pt_node_open(fake->host, "node1", NULL, pt_check_allowing);

	assert_int_equal(pt_node_learn_all(node, NULL), 0);
	return node;
}

/* The facts of the node under another name, for the stand-in to print. */
static void save_facts(struct fake *fake, const char *name)
{
	struct pt_node PT_NODE *node = whole_node(fake);
	struct json_object PT_JSON *json = NULL;
	PT_FREE char *path = pt_format("/answer/%s", name);

	assert_int_equal(pt_node_to_json(node, &json, NULL), 0);
	pt_json_add_text(json, "node", name);
	fake_file(fake, path, pt_json_print(json, 0));
}

static int ask(struct fake *fake, struct pt_cluster *ret, struct pt_err *err)
{
	const struct pt_cluster_asking asking = {
		.host = fake->host, .budget_ms = LONG_MS, .allowing = pt_check_allowing};

	return pt_cluster_ask(&asking, whole_node(fake), ret, err);
}

static void answer_with_facts(struct fake *fake)
{
	PT_FREE char *script = pt_format("exec cat %s/answer/$alias", fake->root);

	fake_file(fake, PT_PVE_MEMBERS, members_text);
	fake_ssh(fake, script);
}

static void nodes_know_each_other_by_their_facts(void **state)
{
	struct pt_cluster PT_CLUSTER cluster = {0};
	struct fake *fake = *state;

	save_facts(fake, "node2");
	save_facts(fake, "node3");
	answer_with_facts(fake);
	assert_int_equal(ask(fake, &cluster, NULL), 0);
	assert_int_equal(cluster.count, 3);
	for (size_t i = 0; i < cluster.count; i++) {
		PT_FREE char *name = pt_format("node%zu", i + 1);

		assert_string_equal(cluster.node[i].name, name);
		assert_int_equal(cluster.node[i].why.code, 0);
		assert_string_equal(cluster.node[i].node->name, name);
		assert_false(cluster.node[i].node->partial);
		assert_int_equal(cluster.node[i].node->other_count, 3);
		assert_ptr_equal(cluster.node[i].node->other[2], cluster.node[2].node);
	}
}

static void answers_that_are_no_facts_are_none(void **state)
{
	static const struct {
		const char *answer, *why;
	} rows[] = {
		{"hello", "its facts: "},
		{"{\"format\":\"pve-ptconf facts\",\"version\":99}",
			"its facts: \"version\" is none that this version knows"},
	};
	struct fake *fake = *state;

	answer_with_facts(fake);
	pt_foreach (row, rows, PT_ARRAY_SIZE(rows)) {
		struct pt_cluster PT_CLUSTER cluster = {0};

		fake_file(fake, "/answer/node2", row->answer);
		assert_int_equal(ask(fake, &cluster, NULL), 0);
		assert_null(cluster.node[1].node);
		assert_holds(cluster.node[1].why.text, row->why);
		/* the file is not there */
		assert_holds(cluster.node[2].why.text, "pve-ptconf failed there: cat: ");
	}
}

static void a_node_that_takes_itself_for_another_is_none(void **state)
{
	struct pt_cluster PT_CLUSTER cluster = {0};
	struct fake *fake = *state;
	PT_FREE char *facts = NULL;

	save_facts(fake, "node3");
	facts = fake_read(fake, "/answer/node3");
	fake_file(fake, "/answer/node2", facts);
	answer_with_facts(fake);
	assert_int_equal(ask(fake, &cluster, NULL), 0);
	assert_null(cluster.node[1].node);
	assert_string_equal(cluster.node[1].why.text, "its facts: it calls itself node3");
	assert_non_null(cluster.node[2].node);
}

/* A dead node and an API that is down: the case that this is for. */
static void an_api_that_fails_knows_nothing(void **state)
{
	struct pt_cluster PT_CLUSTER cluster = {0};
	struct pt_api PT_API *api = NULL;
	struct fake *fake = *state;
	PT_FREE char *file = pt_format("%s" PT_API_CONF, fake->root);
	struct pt_cluster_asking asking = {.host = fake->host,
		.budget_ms = LONG_MS,
		.api_ms = LONG_MS,
		.allowing = pt_check_allowing};

	save_facts(fake, "node2");
	answer_with_facts(fake);
	fake_file(fake, PT_API_CONF,
		"url = http://127.0.0.1:1\ntoken = a@pve!bc=11111111-2222-3333-4444-555555555555\n");
	assert_int_equal(chmod(file, 0600), 0);
	assert_int_equal(pt_api_open(fake->host, &api, NULL), 0);
	asking.api = api;
	assert_int_equal(pt_cluster_ask(&asking, whole_node(fake), &cluster, NULL), 0);
	assert_non_null(cluster.node[1].node);
	assert_null(cluster.node[2].node);
	assert_holds(cluster.node[2].why.text, "pve-ptconf failed there");
	assert_holds(fake->said, "API http://127.0.0.1:1: ");
}

static void a_node_alone_is_a_cluster_of_one(void **state)
{
	struct pt_cluster PT_CLUSTER cluster = {0}, none = {0};
	struct fake *fake = *state;
	struct pt_err err = {0};

	assert_int_equal(ask(fake, &none, &err), -ENOENT);
	fake_file(fake, PT_PVE_MEMBERS, "{\"nodename\":\"node1\",\"version\":0}");
	assert_int_equal(ask(fake, &cluster, NULL), 0);
	assert_int_equal(cluster.count, 1);
	pt_cluster_clear(&none);
}

static void a_file_gives_the_same_cluster_back(void **state)
{
	struct pt_cluster PT_CLUSTER cluster = {0}, read = {0};
	struct json_object PT_JSON *json = NULL;
	struct fake *fake = *state;

	save_facts(fake, "node2");
	answer_with_facts(fake);
	assert_int_equal(ask(fake, &cluster, NULL), 0);
	json = pt_cluster_to_json(&cluster);
	assert_int_equal(pt_cluster_from_json(json, pt_check_allowing, &read, NULL), 0);
	assert_int_equal(read.count, 3);
	assert_string_equal(read.node[1].node->name, "node2");
	assert_int_equal(read.node[1].node->inventory.count, cluster.node[1].node->inventory.count);
	assert_ptr_equal(read.node[0].node->other[1], read.node[1].node);
	assert_null(read.node[2].node);
	assert_int_equal(read.node[2].why.code, -EIO);
	assert_string_equal(read.node[2].why.text, cluster.node[2].why.text);
}

static void wrong_files_say_where(void **state)
{
#define FILE_OF(nodes) "{\"format\":\"pve-ptconf cluster\",\"version\":1,\"nodes\":[" nodes "]}"
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"{}", "\"format\" is not 'pve-ptconf cluster'"},
		{FILE_OF("{\"node\":\"a/b\",\"why\":null,\"facts\":null}"),
			"nodes[0]: \"node\" cannot be a node's name"},
		{FILE_OF("{\"node\":\"a\",\"why\":null,\"facts\":null}"),
			"node a: has neither \"facts\" nor \"why\""},
		{FILE_OF("{\"node\":\"a\",\"why\":\"x\",\"facts\":null},{\"node\":\"a\",\"why\":"
			 "\"x\",\"facts\":null}"),
			"nodes: a stands there twice"},
		{FILE_OF("{\"node\":\"a\",\"why\":null,\"facts\":{}}"),
			"node a: \"format\" is not 'pve-ptconf facts'"},
	};

	(void)state;
	pt_foreach (row, rows, PT_ARRAY_SIZE(rows)) {
		struct pt_cluster PT_CLUSTER read = {0};
		struct json_object PT_JSON *json =
			pt_json_parse(row->text, strlen(row->text), NULL);
		struct pt_err err = {0};

		assert_int_equal(
			pt_cluster_from_json(json, pt_check_allowing, &read, &err), -EINVAL);
		assert_string_equal(err.text, row->why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(nodes_know_each_other_by_their_facts),
		MACHINE_TEST(answers_that_are_no_facts_are_none),
		MACHINE_TEST(a_node_that_takes_itself_for_another_is_none),
		MACHINE_TEST(an_api_that_fails_knows_nothing),
		MACHINE_TEST(a_node_alone_is_a_cluster_of_one),
		MACHINE_TEST(a_file_gives_the_same_cluster_back),
		cmocka_unit_test(wrong_files_say_where),
	};

	return cmocka_run_group_tests_name("cluster", tests, NULL, NULL);
}
