// SPDX-License-Identifier: AGPL-3.0-or-later
/* Reading for the verbs: the wanted guest, its facts, the policy. */
#include <errno.h>
#include <fcntl.h>

#include "lib/base/json.h"
#include "pve/check/check.h"
#include "pve/node/cluster.h"
#include "pve/node/mask.h"
#include "pve/node/node-json.h"
#include "pve/config/paths.h"
#include "pve/ptconf/ptconf.h"

/* Proxmox VE answers a token that it does not accept only after 3 s */
#define API_MS	   5000
#define CLUSTER_MS 20000
#define FACTS_MAX  (64U * 1024 * 1024)
#define PLAN_MAX   (32U * 1024 * 1024)

/* The whole of the caller's file; "-" is standard input. what: "guest's config". */
static int read_file(const char *name, const char *what, size_t cap, char **ret, size_t *ret_length,
	struct pt_err *err)
{
	PT_FCLOSE FILE *file =
		pt_streq(name, "-") ? fdopen(dup(STDIN_FILENO), "r") : fopen(name, "re");
	PT_FREE char *text = NULL;
	size_t length = 0, size = 0;

	if (!file)
		return pt_err_set(err, -errno, "%s", strerror(errno));
	errno = 0;
	while (length == size && length <= cap) {
		size_t more = size ? size * 2 : 65536;

		text = pt_resize(text, more + 1);
		size = more;
		length += fread(text + length, 1, size - length, file);
	}
	if (ferror(file))
		return pt_err_set(err, -EIO, "%s", strerror(errno ? errno : EIO));
	if (length > cap)
		return pt_err_set(err, -EFBIG, "larger than any %s", what);
	text[length] = '\0';
	*ret = PT_STEAL(text);
	*ret_length = length;
	return 0;
}

/* What the guests of the caller's file are asked for. */
static struct pt_guest_query query_of(const struct pt_cli *cli)
{
	return (struct pt_guest_query){.vmid = cli->vmid,
		.node = cli->node ? cli->node->name : "",
		.view = cli->view,
		.snapshot = cli->snapshot};
}

/* Adds the guests of one input. Those of several have names. */
static int add_input(
	const struct pt_cli *cli, const char *file, struct pt_form_guests *ret, struct pt_err *err)
{
	const char *what = pt_streq(file, "-") ? "standard input" : file;
	struct pt_guest_query query = query_of(cli);
	struct pt_form_guests PT_FORM guests = {0};
	PT_FREE char *text = NULL;
	size_t length = 0;
	int r = read_file(file, "guest's config", PLAN_MAX, &text, &length, err);

	if (r == 0)
		r = pt_form_read(text, length, &query, &guests, err);
	if (r < 0 && cli->config_count == 1)
		return pt_err_wrap(err, "%s", what);
	/* of several the others count all the same */
	if (r < 0) {
		struct pt_guest *guest = pt_guest_new(&query, PT_TEXT_BYTES);

		pt_set_text(&guest->trouble, err->text);
		*err = (struct pt_err){0};
		pt_form_clear(&guests);
		*(struct pt_guest **)pt_array_grow(
			&guests.guest, &guests.count, sizeof(struct pt_guest *)) = guest;
	}
	if (guests.partial)
		ret->partial = guests.partial;
	pt_foreach (guest, guests.guest, guests.count) {
		if (cli->config_count > 1 && !(*guest)->name)
			pt_set_text(&(*guest)->name, what);
		*(struct pt_guest **)pt_array_grow(
			&ret->guest, &ret->count, sizeof(struct pt_guest *)) = PT_STEAL(*guest);
	}
	guests.count = 0;
	pt_foreach (gone, guests.gone, guests.gone_count)
		*(unsigned int *)pt_array_grow(&ret->gone, &ret->gone_count, sizeof(*gone)) = *gone;
	return 0;
}

int pt_cli_read_guests(struct pt_cli *cli, struct pt_form_guests *ret, struct pt_err *err)
{
	unsigned int number = PT_VMID_MAX;
	int r = 0;

	for (size_t i = 0; r == 0 && i < cli->config_count; i++)
		r = add_input(cli, cli->config[i], ret, err);
	for (size_t i = 0; r == 0 && ret->count > 1 && i < ret->count; i++) {
		if (!ret->guest[i]->vmid)
			ret->guest[i]->vmid = ++number;
	}
	return r;
}

/* The one that has the VMID. */
static int pick_guest(struct pt_cli *cli, struct pt_guest **ret, struct pt_err *err)
{
	struct pt_form_guests PT_FORM guests = {0};
	int r = pt_cli_read_guests(cli, &guests, err);

	for (size_t i = 0; r == 0 && i < guests.count; i++) {
		/* one may have no number yet */
		if (guests.guest[i]->vmid == cli->vmid ||
			(guests.count == 1 && !guests.guest[i]->vmid)) {
			*ret = PT_STEAL(guests.guest[i]);
			(*ret)->vmid = cli->vmid;
			return 0;
		}
	}
	if (r == 0 && guests.count == 1)
		return pt_err_set(err, -ENOENT, "%s: holds guest %u, not guest %u", cli->config[0],
			guests.guest[0]->vmid, cli->vmid);
	return r < 0 ? r
		     : pt_err_set(err, -ENOENT,
			       "%s: holds %zu guests, and none is guest %u; 'pve-ptconf check "
			       "--config FILE' checks all of them",
			       cli->config[0], guests.count, cli->vmid);
}

/* The JSON of the facts file. The caller puts ret back. */
static int read_facts(const struct pt_cli *cli, struct json_object **ret, struct pt_err *err)
{
	PT_FREE char *text = NULL;
	size_t length = 0;
	int r = read_file(cli->facts, "node's facts", FACTS_MAX, &text, &length, err);

	if (r < 0)
		return pt_err_wrap(err, "%s", cli->facts);
	*ret = pt_json_parse(text, length, err);
	return *ret ? 0 : pt_err_wrap(err, "%s", cli->facts);
}

static int open_facts(struct pt_cli *cli, struct pt_err *err)
{
	struct json_object PT_JSON *json = NULL;
	int r = read_facts(cli, &json, err);

	if (r < 0)
		return r;
	r = pt_node_from_json(json, pt_check_allowing, &cli->node, err);
	return r < 0 ? pt_err_wrap(err, "%s", cli->facts) : 0;
}

static int ask_nodes(struct pt_cli *cli, const char *const *name, size_t count,
	struct pt_node **ret, struct pt_err *why, struct pt_err *err)
{
	struct pt_api PT_API *api = NULL;
	int r = pt_api_open_file(cli->host, cli->api_conf, &api, err);

	if (r == 0) {
		r = pt_api_read_nodes(
			api, name, count, CLUSTER_MS, pt_host_log(cli->host), ret, why, err);
		if (r < 0)
			pt_err_wrap(err, "API %s", api->url);
	}
	return r;
}

static int open_other(struct pt_cli *cli, struct pt_err *err)
{
	struct pt_err why = {0};
	int r = pt_node_name_valid(cli->other)
			? ask_nodes(cli, &cli->other, 1, &cli->node, &why, err)
			: pt_err_set(err, -EINVAL, "'%s' cannot be a node's name", cli->other);

	if (r == 0 && !cli->node) {
		*err = why;
		r = pt_err_wrap(err, "node %s", cli->other);
	}
	return r;
}

static int open_node(struct pt_cli *cli, struct pt_err *err)
{
	char name[PT_NODE_TEXT];
	int r;

	if (cli->facts)
		return open_facts(cli, err);
	if (cli->other)
		return open_other(cli, err);
	r = pt_node_name(cli->host, name, err);
	if (r < 0)
		return r;
	r = pt_store_open(&cli->store, cli->host, PT_CLAIMS_DIR, false, err);
	if (r < 0 && r != -ENOENT)
		return r;
	*err = (struct pt_err){0};
	cli->node = pt_node_open(cli->host, name, cli->store, pt_check_allowing);
	return 0;
}

/* Replaces the node by one of its masked facts. */
static int mask_node(struct pt_cli *cli, struct pt_err *err)
{
	struct json_object PT_JSON *facts = NULL;
	struct json_object PT_JSON *masked = NULL;
	struct pt_node PT_NODE *node = NULL;
	int r = pt_node_learn_all(cli->node, err);

	if (r == 0)
		r = pt_node_to_json(cli->node, &facts, err);
	if (r < 0)
		return r;
	masked = pt_mask_node(facts);
	r = pt_node_from_json(masked, pt_check_allowing, &node, err);
	if (r < 0)
		return pt_err_wrap(err, "masked facts");
	pt_node_close(cli->node);
	cli->node = PT_STEAL(node);
	return 0;
}

int pt_cli_open_node(struct pt_cli *cli, struct pt_err *err)
{
	int r;

	if (cli->node)
		return 0;
	r = open_node(cli, err);
	if (r < 0 || !cli->node || !cli->anonymous)
		return r;
	r = mask_node(cli, err);
	if (r < 0)
		pt_node_close(PT_STEAL(cli->node));
	return r;
}

void pt_cli_waiting(void *data, const struct pt_names *nodes, unsigned int seconds)
{
	bool *shown = data;
	char *names = NULL;

	if (!isatty(STDERR_FILENO) || (!seconds && !*shown))
		return;
	pt_foreach (name, nodes->name, nodes->count)
		names = pt_list_add(names, ", ", *name);
	fputs("\r\033[K", stderr);
	if (names)
		fprintf(stderr, "waiting for %s (%u s)", names, seconds);
	*shown = names;
	free(names);
}

/* Every node as its own pve-ptconf knows it, or as the API does. */
static int ask_cluster(struct pt_cli *cli, struct pt_cluster *ret, struct pt_err *err)
{
	struct pt_api PT_API *api = NULL;
	struct pt_cluster_asking asking = {
		.host = cli->host,
		.budget_ms = PT_CLI_MESH_MS,
		.api_ms = CLUSTER_MS,
		.allowing = pt_check_allowing,
		.waiting = pt_cli_waiting,
		.data = &cli->waiting,
	};
	int r = pt_cli_open_node(cli, err);

	if (r == 0)
		r = pt_node_learn_all(cli->node, err);
	if (r < 0)
		return r;
	/* without a token nobody else can be asked */
	if (pt_api_open_file(cli->host, NULL, &api, NULL) == 0)
		asking.api = api;
	return pt_cluster_ask(&asking, PT_STEAL(cli->node), ret, err);
}

static int read_cluster(const struct pt_cli *cli, struct pt_cluster *ret, struct pt_err *err)
{
	struct json_object PT_JSON *json = NULL;
	int r = read_facts(cli, &json, err);

	if (r < 0)
		return r;
	r = pt_cluster_from_json(json, pt_check_allowing, ret, err);
	return r < 0 ? pt_err_wrap(err, "%s", cli->facts) : 0;
}

int pt_cli_open_cluster(struct pt_cli *cli, struct pt_cluster *ret, struct pt_err *err)
{
	struct pt_api PT_API *api = NULL;
	int r;

	if (cli->facts)
		return read_cluster(cli, ret, err);
	if (!cli->api_conf)
		return ask_cluster(cli, ret, err);
	r = pt_api_open_file(cli->host, cli->api_conf, &api, err);
	if (r < 0)
		return r;
	r = pt_cluster_by_api(api, API_MS, CLUSTER_MS, pt_host_log(cli->host), ret, err);
	return r < 0 ? pt_err_wrap(err, "API %s", api->url) : 0;
}

enum pt_exit pt_cli_tell_unknown(const struct pt_cluster *cluster)
{
	enum pt_exit result = PT_EXIT_OK;

	pt_foreach (node, cluster->node, cluster->count) {
		if (!node->why.code)
			continue;
		fprintf(stderr, "pve-ptconf: node %s: %s%s\n", node->name, node->why.text,
			node->node ? "; this is what the API knows of it" : "");
		result = PT_EXIT_UNKNOWN;
	}
	return result;
}

static int find_in_node(struct pt_cli *cli, struct pt_guest **ret, struct pt_err *err)
{
	struct pt_guest *const *guest = NULL;
	size_t count = 0;
	int r = pt_node_guests(cli->node, &guest, &count, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		if (guest[i]->vmid != cli->vmid)
			continue;
		*ret = pt_guest_copy(guest[i]);
		return 0;
	}
	return pt_err_set(err, -ENOENT,
		"guest %u is not known of node %s: it is not there, or has no passthrough",
		cli->vmid, cli->node->name);
}

int pt_cli_read_guest(struct pt_cli *cli, struct pt_guest **ret, struct pt_err *err)
{
	int r = pt_cli_open_node(cli, err);
	struct pt_guest_query query = query_of(cli);

	if (r < 0)
		return r;
	if (cli->config_count)
		return pick_guest(cli, ret, err);
	if (cli->facts || cli->other || cli->cluster || cli->anonymous)
		return find_in_node(cli, ret, err);
	/* the texts are known already: the API would take a thousand times as long */
	if (cli->all && cli->source == PT_SOURCE_AUTO)
		return find_in_node(cli, ret, NULL) == 0
			       ? 0
			       : pt_guest_read(cli->host, &query, PT_SOURCE_FILE, 0, ret, err);
	/* a captured host has no API to ask */
	if (!pt_host_is_live(cli->host)) {
		if (cli->source == PT_SOURCE_API)
			return pt_err_set(err, -EINVAL, "--source api does not go with --root");
		return pt_guest_read(cli->host, &query, PT_SOURCE_FILE, 0, ret, err);
	}
	return pt_guest_read(cli->host, &query, cli->source, API_MS, ret, err);
}

int pt_cli_gather(struct pt_cli *cli, const struct pt_guest *guest, struct pt_facts *ret_facts,
	struct pt_err *err)
{
	return pt_facts_gather(cli->node, guest, PT_DEPTH_CHECK, ret_facts, err);
}

/* The pool that a planned guest is to be in, as providers name it; NULL: none. */
static const char *pool_of(const struct pt_guest *guest)
{
	const char *pool = pt_guest_get(guest, "pool_id");

	return pool ? pool : pt_guest_get(guest, "pool");
}

int pt_cli_permissions(const struct pt_cli *cli, const struct pt_facts *facts,
	struct pt_permissions *ret, struct pt_err *err)
{
	struct pt_names PT_NAMES mappings = {0};
	struct pt_api PT_API *api = NULL;
	const unsigned int vmid = facts->guest->vmid;
	int r;

	if (!cli->as)
		return 0;
	pt_foreach (assignment, facts->assignment, facts->count) {
		const char *mapping = assignment->entry.mapping;

		if (mapping && !pt_names_hold(&mappings, mapping))
			pt_names_add(&mappings, mapping);
	}
	/* nobody need be asked about root */
	r = pt_user_is_root(cli->as) ? 0 : pt_api_open_file(cli->host, cli->api_conf, &api, err);
	return r < 0 ? r
		     : pt_permissions_read(api, cli->as, vmid <= PT_VMID_MAX ? vmid : 0,
			       pool_of(facts->guest), &mappings, API_MS, ret, err);
}

struct pt_limits pt_cli_limits(const struct pt_cli *cli)
{
	struct pt_limits limits = pt_default_limits;
	struct pt_policy PT_POLICY policy = {0};
	struct pt_err err = {0};

	if (pt_policy_read(cli->host, pt_check_allowing, &policy, &err) < 0)
		fprintf(stderr, "pve-ptconf: %s; the defaults count\n", err.text);
	pt_policy_limits(&policy, &limits);
	limits.allowing = pt_check_allowing;
	return limits;
}
