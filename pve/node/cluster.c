// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/base/json.h"
#include "pve/node/cluster.h"
#include "pve/node/node-json.h"

#define MOST_NODES 256

void pt_cluster_clear(struct pt_cluster *cluster)
{
	/* each knows of the others until all are closed */
	pt_foreach (node, cluster->node, cluster->count)
		pt_node_close(node->node);
	free(cluster->node);
	free(cluster->known);
	*cluster = (struct pt_cluster){0};
}

static struct pt_cluster_node *add_node(struct pt_cluster *cluster, const char *name)
{
	struct pt_cluster_node *slot =
		pt_array_grow(&cluster->node, &cluster->count, sizeof(*slot));

	snprintf(slot->name, sizeof(slot->name), "%s", name);
	return slot;
}

static int compare(const void *a, const void *b)
{
	const struct pt_cluster_node *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Puts the nodes in order, and lets them know each other. */
static void link_nodes(struct pt_cluster *cluster)
{
	qsort(cluster->node, cluster->count, sizeof(*cluster->node), compare);
	free(cluster->known);
	cluster->known = pt_calloc(cluster->count, sizeof(struct pt_node *));
	for (size_t i = 0; i < cluster->count; i++) {
		struct pt_node *node = cluster->node[i].node;

		cluster->known[i] = node;
		if (!node)
			continue;
		node->other = cluster->known;
		node->other_count = cluster->count;
	}
}

static int read_facts(
	const struct pt_mesh_answer *answer, pt_allowing_of *allowing, struct pt_cluster_node *ret)
{
	struct json_object PT_JSON *json = pt_json_parse(answer->text, answer->length, &ret->why);
	int r = json ? pt_node_from_json(json, allowing, &ret->node, &ret->why) : -EINVAL;

	if (r == 0 && !pt_streq(ret->node->name, ret->name)) {
		r = pt_err_set(&ret->why, -EINVAL, "it calls itself %s", ret->node->name);
		pt_node_close(PT_STEAL(ret->node));
	}
	return r < 0 ? pt_err_wrap(&ret->why, "its facts") : 0;
}

static void take_answers(const struct pt_cluster_asking *asking, const struct pt_members *members,
	const struct pt_mesh_answer *answer, struct pt_node *self, struct pt_cluster *cluster)
{
	for (size_t i = 0; i < members->count; i++) {
		struct pt_cluster_node *slot;

		if (pt_streq(members->member[i].name, self->name))
			continue;
		slot = add_node(cluster, members->member[i].name);
		slot->why = answer[i].why;
		if (answer[i].text)
			read_facts(&answer[i], asking->allowing, slot);
	}
}

/* What the API knows of those of which nothing is known. Returns whether it could be asked. */
static int ask_api(const struct pt_api *api, int budget_ms, const struct pt_log *log,
	struct pt_cluster *cluster, struct pt_err *err)
{
	const char **name = pt_calloc(cluster->count, sizeof(*name));
	struct pt_node **node = pt_calloc(cluster->count, sizeof(struct pt_node *));
	struct pt_err *why = pt_calloc(cluster->count, sizeof(*why));
	size_t count = 0;
	int r = 0;

	pt_foreach (one, cluster->node, cluster->count) {
		if (!one->node)
			name[count++] = one->name;
	}
	if (count)
		r = pt_api_read_nodes(api, name, count, budget_ms, log, node, why, err);
	for (size_t i = 0, at = 0; i < cluster->count; i++) {
		struct pt_cluster_node *one = &cluster->node[i];

		if (one->node)
			continue;
		/* one that is half made knows nothing */
		if (r < 0)
			pt_node_close(PT_STEAL(node[at]));
		one->node = node[at];
		if (!one->why.code)
			one->why = why[at];
		at++;
	}
	free(name);
	free(node);
	free(why);
	return r;
}

/* The API's facts tell of the nodes that it was asked for alone. */
static void name_all(struct pt_cluster *cluster)
{
	pt_foreach (node, cluster->node, cluster->count) {
		if (!node->node || !node->node->partial)
			continue;
		pt_names_free(&node->node->cluster);
		pt_foreach (one, cluster->node, cluster->count)
			pt_names_add(&node->node->cluster, one->name);
	}
}

int pt_cluster_ask(const struct pt_cluster_asking *asking, struct pt_node *self,
	struct pt_cluster *ret, struct pt_err *err)
{
	struct pt_members PT_MEMBERS members = {0};
	struct pt_mesh_answer *answer = NULL;
	struct pt_err of_api = {0};
	int r;

	add_node(ret, self->name)->node = self;
	r = pt_members_read(asking->host, &members, err);
	if (r == 0 && members.count) {
		answer = pt_calloc(members.count, sizeof(*answer));
		r = pt_mesh_ask(asking->host, &members, self->name, "facts --output-format json",
			asking->budget_ms, asking->waiting, asking->data, answer, err);
		if (r == 0)
			take_answers(asking, &members, answer, self, ret);
		pt_foreach (one, answer, members.count)
			pt_mesh_answer_clear(one);
		free(answer);
	}
	/* the nodes have their reasons already */
	if (r == 0 && asking->api &&
		ask_api(asking->api, asking->api_ms, pt_host_log(asking->host), ret, &of_api) < 0)
		pt_log(pt_host_log(asking->host), PT_LOG_WARNING, "API %s: %s", asking->api->url,
			of_api.text);
	name_all(ret);
	link_nodes(ret);
	return r;
}

int pt_cluster_by_api(const struct pt_api *api, int names_ms, int budget_ms,
	const struct pt_log *log, struct pt_cluster *ret, struct pt_err *err)
{
	struct pt_names PT_NAMES names = {0}, offline = {0};
	int r = pt_api_nodes(api, names_ms, &names, &offline, err);

	if (r < 0)
		return r;
	pt_foreach (name, names.name, names.count)
		add_node(ret, *name);
	r = ask_api(api, budget_ms, log, ret, err);
	pt_foreach (name, offline.name, offline.count)
		pt_err_set(&add_node(ret, *name)->why, -EHOSTDOWN, "is offline");
	name_all(ret);
	link_nodes(ret);
	return r;
}

/* Facts are written and read by hand: a record holds no pointer to another. */
static struct json_object *facts_to_json(const void *outer, const void *record)
{
	const struct pt_cluster_node *node = record;
	struct json_object *json = NULL;

	(void)outer;
	if (node->node)
		pt_node_to_json(node->node, &json, NULL);
	return json;
}

/* Read by read_one. */
static const struct pt_own facts_own = {facts_to_json, NULL};

static const struct pt_field node_fields[] = {
	{PT_FIELD("node", CHARS, struct pt_cluster_node, name), .form = &pt_node_name_form},
	{PT_FIELD("why", CHARS, struct pt_cluster_node, why.text), PT_JSON_MAY_BE_NULL,
		.about = "why it did not answer: then the facts are what the API knows of it"},
	{PT_FIELD("facts", RECORD, struct pt_cluster_node, node), PT_JSON_MAY_BE_NULL,
		.of = &pt_node_record, .own = &facts_own},
};
static const struct pt_record node_record = {PT_RECORD(struct pt_cluster_node, node_fields)};

static const struct pt_field cluster_fields[] = {
	{PT_FIELD("nodes", LIST, struct pt_cluster, node),
		.count = offsetof(struct pt_cluster, count), .most = MOST_NODES,
		.of = &node_record},
};

/* As for one node: names must be those of the facts, and no node stands there twice. */
static int complete_cluster(void *record, struct pt_err *err)
{
	struct pt_cluster *cluster = record;

	for (size_t i = 0; i < cluster->count; i++) {
		struct pt_cluster_node *node = &cluster->node[i];

		pt_make_plain(node->why.text);
		if (node->why.text[0])
			node->why.code = -EIO;
		for (size_t j = 0; j < i; j++) {
			if (pt_streq(cluster->node[j].name, node->name))
				return pt_err_set(
					err, -EINVAL, "nodes: %s stands there twice", node->name);
		}
	}
	return 0;
}

const struct pt_record pt_cluster_record = {
	PT_RECORD(struct pt_cluster, cluster_fields),
	.format = "pve-ptconf cluster",
	.version = 1,
	.complete = complete_cluster,
	.about =
		"Facts about all nodes of a cluster: the output of pve-ptconf facts --cluster, the "
		"input of --facts with --cluster",
};

struct json_object *pt_cluster_to_json(struct pt_cluster *cluster)
{
	/* a driver that hangs keeps a node's own facts from being whole */
	pt_foreach (node, cluster->node, cluster->count) {
		if (node->node && !node->why.code)
			pt_node_is_writable(node->node, &node->why);
	}
	return pt_record_to_json(&pt_cluster_record, cluster);
}

/* Of a node that stands in the file. */
static int read_one(struct json_object *json, pt_allowing_of *allowing,
	struct pt_cluster_node *node, struct pt_err *err)
{
	struct json_object *facts = pt_json_member(json, "facts");
	int r = 0;

	if (facts)
		r = pt_node_from_json(facts, allowing, &node->node, err);
	else if (!node->why.code)
		r = pt_err_set(err, -EINVAL, "has neither \"facts\" nor \"why\"");
	if (r == 0 && node->node && !pt_streq(node->node->name, node->name))
		r = pt_err_set(err, -EINVAL, "\"facts\" are those of %s", node->node->name);
	return r < 0 ? pt_err_wrap(err, "node %s", node->name) : 0;
}

int pt_cluster_from_json(struct json_object *json, pt_allowing_of *allowing, struct pt_cluster *ret,
	struct pt_err *err)
{
	int r = pt_record_from_json(&pt_cluster_record, json, ret, err);
	struct json_object *nodes = pt_json_member(json, "nodes");

	for (size_t i = 0; r == 0 && i < ret->count; i++)
		r = read_one(json_object_array_get_idx(nodes, i), allowing, &ret->node[i], err);
	if (r == 0)
		link_nodes(ret);
	return r;
}
