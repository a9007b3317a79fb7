// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/check/capacity.h"

static void add_vmid(struct pt_vmids *list, unsigned int vmid)
{
	*(uint64_t *)pt_array_grow(&list->vmid, &list->count, sizeof(*list->vmid)) = vmid;
}

/* A mapping that entries name, with the type of mediated device that they want of it. */
struct want {
	const char *mapping, *type; /* type NULL: whole devices */
};

static struct pt_capacity *row_of(
	struct pt_capacities *capacities, const struct want *want, const char *node)
{
	struct pt_capacity *slot;

	pt_foreach (row, capacities->row, capacities->count) {
		if (pt_streq(row->mapping, want->mapping) && pt_streq(row->type, want->type) &&
			pt_streq(row->node, node))
			return row;
	}
	slot = pt_array_grow(&capacities->row, &capacities->count, sizeof(*slot));
	slot->mapping = pt_strdup(want->mapping);
	pt_set_text(&slot->type, want->type);
	snprintf(slot->node, sizeof(slot->node), "%s", node);
	return slot;
}

/* One entry of a guest on the node at names a mapping: it counts on each node that it may run on.
 */
static void count_naming(const struct pt_cluster *cluster, const struct pt_node *at,
	const struct pt_naming *naming, const struct pt_ha_guest *managed,
	struct pt_capacities *ret)
{
	const struct want want = {naming->mapping, naming->mdev};

	pt_foreach (node, cluster->node, cluster->count) {
		/* the API does not say how many mediated devices a node can still make */
		if (want.type && node->node && node->node->partial)
			continue;
		if (node->node == at)
			add_vmid(&row_of(ret, &want, node->name)->here, naming->vmid);
		else if (node->node && pt_ha_allows(managed, node->name) && !managed->stopped)
			add_vmid(&row_of(ret, &want, node->name)->coming, naming->vmid);
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

/* How many mediated devices of the type the function can still make. NVIDIA's VF is one device, of
 * the type or to become so (facts-config.c). */
static size_t room_of(struct pt_node *node, const struct pt_function *function, const char *type)
{
	const struct pt_mdev_type *offered =
		pt_mdev_type_find(pt_node_device(node, &function->bdf), type);

	if (!offered)
		return 0;
	if (pt_function_has_vgpu(function))
		return 1;
	return offered->available > 0 ? (size_t)offered->available : 0;
}

/* Entries of guests that run: their mediated devices are not among those that can still be made. */
static size_t count_running(const struct pt_node *node, const struct pt_vmids *vmids)
{
	size_t running = 0;

	pt_foreach (vmid, vmids->vmid, vmids->count) {
		pt_foreach (guest, node->running, node->running_count)
			running += guest->vmid == *vmid;
	}
	return running;
}

/* The devices of a mapping that is in the list. Nodes that nobody wants it on have rows too. */
static void count_devices(struct pt_node *node, const struct want *want, struct pt_capacities *ret)
{
	const struct pt_mappings *mappings = NULL;
	const struct pt_mapping *found;
	struct pt_capacity *row;
	size_t count = 0;
	bool fits = false, makes = false;

	if ((want->type && node->partial) || pt_node_mappings(node, &mappings, NULL) < 0)
		return;
	found = pt_mapping_find(mappings, want->mapping);
	for (size_t i = 0; found && i < found->count; i++) {
		const struct pt_map_entry *entry = &found->entry[i];
		const struct pt_function *function = NULL;
		struct pt_bdf bdf;

		if (!pt_streq(entry->node, node->name) ||
			pt_node_fits(node, found, entry, NULL) < 0)
			continue;
		fits = true;
		/* several functions make no mediated device: mdev-multifunction */
		if (want->type && pt_bdf_parse(entry->path, &bdf))
			function = pt_inventory_find(&node->inventory, &bdf);
		makes |= function && !pt_function_has_vgpu(function);
		count += !want->type ? 1 : function ? room_of(node, function, want->type) : 0;
	}
	if (!fits)
		return;
	row = row_of(ret, want, node->name);
	row->devices = count + (makes ? count_running(node, &row->here) : 0);
}

static int compare(const void *a, const void *b)
{
	const struct pt_capacity *x = a, *y = b;
	int order = strcmp(x->mapping, y->mapping);

	if (!order)
		order = strcmp(x->type ? x->type : "", y->type ? y->type : "");
	return order ? order : strcmp(x->node, y->node);
}

void pt_capacities_count(const struct pt_cluster *cluster, struct pt_capacities *ret)
{
	size_t wanted;

	pt_foreach (node, cluster->node, cluster->count) {
		if (node->node)
			count_node(cluster, node->node, ret);
	}
	/* each row asks for something; the first one of its kind counts the devices */
	wanted = ret->count;
	for (size_t i = 0; i < wanted; i++) {
		const struct want want = {ret->row[i].mapping, ret->row[i].type};
		size_t first = 0;

		while (!pt_streq(ret->row[first].mapping, want.mapping) ||
			!pt_streq(ret->row[first].type, want.type))
			first++;
		for (size_t at = 0; first == i && at < cluster->count; at++) {
			if (cluster->node[at].node)
				count_devices(cluster->node[at].node, &want, ret);
		}
	}
	if (ret->count)
		qsort(ret->row, ret->count, sizeof(*ret->row), compare);
}

void pt_capacities_clear(struct pt_capacities *capacities)
{
	pt_foreach (row, capacities->row, capacities->count) {
		free(row->mapping);
		free(row->type);
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
	{ROW("type", TEXT, type), PT_JSON_MAY_BE_MISSING,
		.about = "of mediated devices; null: whole devices"},
	{ROW("node", CHARS, node)},
	{ROW("devices", UINT, devices),
		.about =
			"that the mapping has on the node, and that exist; of a type, that guests run "
			"with or that can still be made"},
	{VMIDS("guests", here), .about = "of the node that want one, once for each entry"},
	{VMIDS("may_come", coming), .about = "guests of other nodes that HA may start there"},
};
const struct pt_record pt_capacity_record = {PT_RECORD(struct pt_capacity, capacity_fields)};
