// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/base/json.h"
#include "lib/pci/names.h"
#include "pve/check/overview.h"
#include "pve/ptconf/ptconf.h"

#define DEEPEST 32 /* bridges above a function; those of a file may form a circle */
#define PREFIX	(4 * DEEPEST + 1)

static int compare_groups(const void *a, const void *b)
{
	const struct pt_seen_function *const *x = a, *const *y = b;
	const struct pt_function *one = (*x)->function, *other = (*y)->function;

	if (one->group != other->group)
		return one->group < other->group ? -1 : 1;
	return pt_bdf_compare(&one->bdf, &other->bdf);
}

/* "100, 101": guests that take it, in brackets as a companion. The caller frees it. */
static char *list_guests(const struct pt_seen_function *function)
{
	char *list = NULL;

	pt_foreach (wanting, function->wanting, function->wanting_count) {
		char guest[16];

		snprintf(guest, sizeof(guest), wanting->companion ? "(%u)" : "%u", wanting->vmid);
		list = pt_list_add(list, ", ", guest);
	}
	return list;
}

/* The line below: the obstacle, the user, an oddity. NULL: none. The caller frees it. */
static char *remark(const struct pt_seen_function *seen)
{
	const struct pt_function *function = seen->function;

	if (seen->why_not && !function->is_bridge)
		return pt_strdup(seen->why_not);
	if (seen->holder)
		return pt_format("guest %u has it", seen->holder);
	if (function->busy)
		return pt_strdup("a driver hangs on it");
	if (function->override)
		return pt_format("driver_override is %s", function->override);
	return NULL;
}

static const char *pass_word(const struct pt_seen_function *seen)
{
	if (seen->function->is_bridge)
		return NULL;
	if (seen->why_not)
		return "no";
	/* a "yes" is a checked one */
	return seen->unchecked ? "?" : "yes";
}

/* A row by group, or, twig is not NULL, one of the tree. */
static void add_row(struct pt_table *table, struct pt_pcinames *names,
	const struct pt_seen_function *seen, const char *prefix, const char *twig)
{
	const struct pt_function *function = seen->function;
	char group[16] = "-", id[PT_PCI_PAIR_TEXT], text[256];
	PT_FREE char *where = pt_format("%s%s%s", prefix, twig ? twig : "", PT_BDF(&function->bdf));
	PT_FREE char *guests = list_guests(seen);
	PT_FREE char *below = remark(seen);
	const char *name = pt_pciname(names, function, text, sizeof(text));

	if (function->group != PT_GROUP_NONE)
		snprintf(group, sizeof(group), "%d", function->group);
	pt_table_row(table, twig ? (const char *const[]){where, group, function->driver, guests,
					   pass_word(seen), name}
				 : (const char *const[]){group, where, pt_function_id(function, id),
					   function->driver, guests, pass_word(seen), name});
	if (below)
		pt_table_note(table, below);
}

static int print_groups(
	const struct pt_overview *overview, struct pt_pcinames *names, struct pt_err *err)
{
	static const char *const header[] = {
		"GROUP", "FUNCTION", "ID", "DRIVER", "GUESTS", "PASS", "NAME"};
	struct pt_table PT_TABLE table = {.columns = PT_ARRAY_SIZE(header)};
	const struct pt_seen_function **order = pt_calloc(overview->count, sizeof(*order));

	for (size_t i = 0; i < overview->count; i++)
		order[i] = &overview->function[i];
	qsort(order, overview->count, sizeof(*order), compare_groups);
	pt_table_row(&table, header);
	for (size_t i = 0; i < overview->count; i++)
		add_row(&table, names, order[i], "", NULL);
	free(order);
	return pt_table_print(&table, err);
}

struct tree {
	const struct pt_overview *overview;
	struct pt_pcinames *names;
	struct pt_table table;
	char prefix[PREFIX];
};

static bool is_below(const struct pt_overview *overview, const struct pt_function *function,
	const struct pt_bdf *above)
{
	if (!above)
		return !function->has_parent || !pt_overview_find(overview, &function->parent);
	return function->has_parent && pt_bdf_compare(&function->parent, above) == 0;
}

/* Everything below a bridge; above is NULL: everything below none. */
static void add_branches(struct tree *tree, const struct pt_bdf *above, int depth)
{
	const struct pt_overview *overview = tree->overview;
	size_t below = 0, length = strlen(tree->prefix);

	for (size_t i = 0; i < overview->count; i++)
		below += is_below(overview, overview->function[i].function, above);
	for (size_t i = 0; i < overview->count && depth < DEEPEST; i++) {
		const struct pt_seen_function *seen = &overview->function[i];

		if (!is_below(overview, seen->function, above))
			continue;
		below--;
		add_row(&tree->table, tree->names, seen, tree->prefix,
			!above	? ""
			: below ? "|-- "
				: "`-- ");
		if (!seen->function->is_bridge)
			continue;
		snprintf(tree->prefix + length, PREFIX - length, "%s",
			!above	? ""
			: below ? "|   "
				: "    ");
		add_branches(tree, &seen->function->bdf, depth + 1);
		tree->prefix[length] = '\0';
	}
}

static int print_tree(
	const struct pt_overview *overview, struct pt_pcinames *names, struct pt_err *err)
{
	static const char *const header[] = {
		"FUNCTION", "GROUP", "DRIVER", "GUESTS", "PASS", "NAME"};
	struct tree tree = {overview, names, {.columns = PT_ARRAY_SIZE(header)}, ""};
	int r;

	pt_table_row(&tree.table, header);
	add_branches(&tree, NULL, 0);
	r = pt_table_print(&tree.table, err);
	pt_table_clear(&tree.table);
	return r;
}

static int print(const struct pt_cli *cli, const struct pt_overview *overview,
	struct pt_pcinames *names, struct pt_err *err)
{
	if (overview->node->partial)
		printf("node %s: not known by the API: %s\n", overview->node->name,
			PT_NODE_UNKNOWN);
	else if (cli->cluster)
		printf("node %s\n", overview->node->name);
	pt_output_problems(&overview->host);
	return cli->tree ? print_tree(overview, names, err) : print_groups(overview, names, err);
}

/* Whether the guests can have what they want of this node; the rows say why not. */
static bool is_well(const struct pt_overview *overview)
{
	if (!overview->node->inventory.iommu_active)
		return overview->guest_count == 0;
	pt_foreach (seen, overview->function, overview->count) {
		pt_foreach (wanting, seen->wanting, seen->wanting_count) {
			if (seen->why_not && !wanting->companion && !wanting->spare)
				return false;
		}
	}
	return true;
}

/* Prints a node, or makes its JSON. ret_well stays, or becomes false. */
static int list_node(const struct pt_cli *cli, struct pt_node *node, struct pt_pcinames *names,
	struct json_object **ret_json, bool *ret_well, struct pt_err *err)
{
	struct pt_overview PT_OVERVIEW overview = {0};
	int r = pt_overview_make(node, &overview, err);

	if (r < 0)
		return r;
	*ret_well &= is_well(&overview);
	if (cli->format == PT_OUTPUT_TEXT)
		return print(cli, &overview, names, err);
	*ret_json = pt_overview_to_json(&overview);
	if (node->partial)
		pt_json_add_text(*ret_json, "not_known", PT_NODE_UNKNOWN);
	return 0;
}

/* Nodes that did not answer are there with the reason. */
static enum pt_exit list_cluster(struct pt_cli *cli, struct pt_pcinames *names, struct pt_err *err)
{
	struct pt_cluster PT_CLUSTER cluster = {0};
	struct json_object PT_JSON *json = pt_output_new();
	struct json_object *nodes = pt_json_array();
	enum pt_exit result = PT_EXIT_OK;
	bool well = true;
	int r = pt_cli_open_cluster(cli, &cluster, err);

	pt_json_add(json, "nodes", nodes);
	if (r == 0)
		result = pt_cli_tell_unknown(&cluster);
	pt_foreach (node, cluster.node, cluster.count) {
		struct json_object *one = NULL;

		if (r == 0 && node->node)
			r = list_node(cli, node->node, names, &one, &well, err);
		if (!one) {
			one = pt_json_object();
			pt_json_add_text(one, "node", node->name);
		}
		pt_json_add_text(one, "why", node->why.code ? node->why.text : NULL);
		pt_json_append(nodes, one);
	}
	if (r == 0 && cli->format != PT_OUTPUT_TEXT)
		r = pt_output_json(json, cli->format, err);
	if (r < 0 || result != PT_EXIT_OK)
		return PT_EXIT_UNKNOWN;
	return well ? PT_EXIT_OK : PT_EXIT_FINDINGS;
}

enum pt_exit pt_cmd_list(struct pt_cli *cli, struct pt_err *err)
{
	struct pt_pcinames PT_PCINAMES *names = pt_pcinames_open();
	struct json_object PT_JSON *json = pt_output_new();
	struct json_object PT_JSON *one = NULL;
	bool well = true;

	if (cli->cluster)
		return list_cluster(cli, names, err);
	if (pt_cli_open_node(cli, err) < 0 || pt_node_learn_all(cli->node, err) < 0 ||
		list_node(cli, cli->node, names, &one, &well, err) < 0)
		return PT_EXIT_UNKNOWN;
	if (one) {
		json_object_object_foreach(one, key, value)
		{
			pt_json_add(json, key, json_object_get(value));
		}
		if (pt_output_json(json, cli->format, err) < 0)
			return PT_EXIT_UNKNOWN;
	}
	return well ? PT_EXIT_OK : PT_EXIT_FINDINGS;
}
