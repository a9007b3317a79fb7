// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/json.h"
#include "lib/pciname.h"
#include "pve/ptconf/ptconf.h"

static int compare_groups(const void *a, const void *b)
{
	const struct pt_function *const *x = a, *const *y = b;

	if ((*x)->group != (*y)->group)
		return (*x)->group < (*y)->group ? -1 : 1;
	return pt_bdf_compare(&(*x)->bdf, &(*y)->bdf);
}

static void add_row(
	struct pt_table *table, struct pt_pcinames *names, const struct pt_function *function)
{
	char group[16] = "-", id[PT_PCI_PAIR_TEXT], name[256];
	const char *reset = !function->has_reset      ? "none"
			    : function->reset_methods ? function->reset_methods
						      : "yes";

	if (function->group != PT_GROUP_NONE)
		snprintf(group, sizeof(group), "%d", function->group);
	pt_table_row(table,
		(const char *const[]){group, PT_BDF(&function->bdf), pt_function_id(function, id),
			function->driver, function->busy ? "(a driver hangs)" : function->override,
			function->is_bridge ? NULL : reset,
			pt_pciname(names, function, name, sizeof(name))});
}

static int print_text(
	const struct pt_inventory *inventory, struct pt_pcinames *names, struct pt_err *err)
{
	static const char *const header[] = {
		"GROUP", "FUNCTION", "ID", "DRIVER", "OVERRIDE", "RESET", "NAME"};
	struct pt_table PT_TABLE table = {.columns = PT_ARRAY_SIZE(header)};
	const struct pt_function **order =
		calloc(inventory->count ? inventory->count : 1, sizeof(*order));

	if (!order)
		return pt_err_nomem(err);
	for (size_t i = 0; i < inventory->count; i++)
		order[i] = &inventory->function[i];
	qsort(order, inventory->count, sizeof(*order), compare_groups);
	pt_table_row(&table, header);
	for (size_t i = 0; i < inventory->count; i++)
		add_row(&table, names, order[i]);
	free(order);
	if (!inventory->iommu_active)
		puts("no IOMMU is active: nothing can be passed through");
	return pt_table_print(&table, err);
}

/* Every function; of a host nothing else is asked. */
static int read_inventory(struct pt_cli *cli, struct pt_inventory *own,
	const struct pt_inventory **ret, struct pt_err *err)
{
	int r = cli->facts ? pt_cli_open_node(cli, err)
			   : pt_inventory_read_all(cli->host, own, err);

	if (r == 0)
		*ret = cli->facts ? &cli->node->inventory : own;
	return r;
}

enum pt_exit pt_cmd_list(struct pt_cli *cli, struct pt_err *err)
{
	struct pt_pcinames PT_PCINAMES *names = pt_pcinames_open();
	struct pt_inventory PT_INVENTORY own = {0};
	const struct pt_inventory *inventory = &own;
	struct json_object PT_JSON *json = NULL;
	int r;

	if (!names) {
		pt_err_nomem(err);
		return PT_EXIT_UNKNOWN;
	}
	if (read_inventory(cli, &own, &inventory, err) < 0)
		return PT_EXIT_UNKNOWN;
	if (cli->format == PT_OUTPUT_TEXT) {
		r = print_text(inventory, names, err);
	} else {
		json = pt_inventory_to_json(inventory);
		r = pt_output_json(json, cli->format, err);
	}
	return r < 0 ? PT_EXIT_UNKNOWN : PT_EXIT_OK;
}
