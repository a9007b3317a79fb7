// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/check/capacity.h"

static void add_vmid(struct pt_vmids *list, unsigned int vmid)
{
	*(uint64_t *)pt_array_grow(&list->vmid, &list->count, sizeof(*list->vmid)) = vmid;
}

static struct pt_capacity *row_of(
	struct pt_capacities *capacities, const char *mapping, const char *node)
{
	struct pt_capacity *slot;

	pt_foreach (row, capacities->row, capacities->count) {
		if (pt_streq(row->mapping, mapping) && pt_streq(row->node, node))
			return row;
	}
	slot = pt_array_grow(&capacities->row, &capacities->count, sizeof(*slot));
	slot->mapping = pt_strdup(mapping);
	snprintf(slot->node, sizeof(slot->node), "%s", node);
	return slot;
}

/* One entry of a guest on the node at names a mapping: it counts on each node that it may run on.
 */
static void count_naming(const struct pt_cluster *cluster, const struct pt_node *at,
	const struct pt_naming *naming, const struct pt_ha_guest *managed,
	struct pt_capacities *ret)
{
	pt_foreach (node, cluster->node, cluster->count) {
		if (node->node == at)
			add_vmid(&row_of(ret, naming->mapping, node->name)->here, naming->vmid);
		else if (node->node && pt_ha_allows(managed, node->name) && !managed->stopped)
			add_vmid(&row_of(ret, naming->mapping, node->name)->coming, naming->vmid);
	}
}

static void count_node(
	const struct pt_cluster *cluster, struct pt_node *node, struct pt_capacities *ret)
{
	const struct pt_naming *naming = NULL;
	const struct pt_ha *ha = NULL;
	size_t count = 0;

	pt_node_cluster(node, &ha);
	if (pt_node_namings(node, &naming, &count, NULL) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		if (naming[i].mapping)
			count_naming(
				cluster, node, &naming[i], pt_ha_find(ha, naming[i].vmid), ret);
	}
}

/* The devices of a mapping that is in the list. Nodes that nobody wants it on have rows too. */
static void count_devices(struct pt_node *node, const char *mapping, struct pt_capacities *ret)
{
	const struct pt_mappings *mappings = NULL;
	const struct pt_mapping *found;

	if (pt_node_mappings(node, &mappings, NULL) < 0)
		return;
	found = pt_mapping_find(mappings, mapping);
	for (size_t i = 0; found && i < found->count; i++) {
		if (pt_streq(found->entry[i].node, node->name) &&
			pt_node_fits(node, found, &found->entry[i], NULL) == 0)
			row_of(ret, mapping, node->name)->devices++;
	}
}

static int compare(const void *a, const void *b)
{
	const struct pt_capacity *x = a, *y = b;
	int order = strcmp(x->mapping, y->mapping);

	return order ? order : strcmp(x->node, y->node);
}

void pt_capacities_count(const struct pt_cluster *cluster, struct pt_capacities *ret)
{
	struct pt_names PT_NAMES mappings = {0};

	pt_foreach (node, cluster->node, cluster->count) {
		if (node->node)
			count_node(cluster, node->node, ret);
	}
	pt_foreach (row, ret->row, ret->count) {
		if (!pt_names_hold(&mappings, row->mapping))
			pt_names_add(&mappings, row->mapping);
	}
	pt_foreach (node, cluster->node, cluster->count) {
		for (size_t i = 0; node->node && i < mappings.count; i++)
			count_devices(node->node, mappings.name[i], ret);
	}
	if (ret->count)
		qsort(ret->row, ret->count, sizeof(*ret->row), compare);
}

void pt_capacities_clear(struct pt_capacities *capacities)
{
	pt_foreach (row, capacities->row, capacities->count) {
		free(row->mapping);
		free(row->here.vmid);
		free(row->coming.vmid);
	}
	free(capacities->row);
	*capacities = (struct pt_capacities){0};
}

#define ROW(key, kind, member) PT_FIELD(key, kind, struct pt_capacity, member)
#define VMIDS(key, member)                                                                         \
	ROW(key, LIST, member.vmid), .count = offsetof(struct pt_capacity, member.count),          \
				     .of = &pt_uint64_record

static const struct pt_field capacity_fields[] = {
	{ROW("mapping", TEXT, mapping)},
	{ROW("node", CHARS, node)},
	{ROW("devices", UINT, devices),
		.about = "that the mapping has on the node, and that exist"},
	{VMIDS("guests", here), .about = "of the node that want one, once for each entry"},
	{VMIDS("may_come", coming), .about = "guests of other nodes that HA may start there"},
};
const struct pt_record pt_capacity_record = {PT_RECORD(struct pt_capacity, capacity_fields)};
