// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/pci/inventory.h"

static int compare_functions(const void *a, const void *b)
{
	const struct pt_function *x = a, *y = b;

	return pt_bdf_compare(&x->bdf, &y->bdf);
}

const struct pt_function *pt_inventory_find(
	const struct pt_inventory *inventory, const struct pt_bdf *bdf)
{
	struct pt_function like = {.bdf = *bdf};

	return inventory->count ? bsearch(&like, inventory->function, inventory->count,
					  sizeof(like), compare_functions)
				: NULL;
}

const struct pt_function *pt_inventory_slot(
	const struct pt_inventory *inventory, const struct pt_bdf *bdf, size_t *ret_count)
{
	const struct pt_function *first = pt_inventory_find(inventory, bdf);
	const struct pt_function *end = inventory->function + inventory->count;

	*ret_count = 0;
	while (first && first > inventory->function && pt_bdf_same_slot(&first[-1].bdf, bdf))
		first--;
	for (const struct pt_function *mate = first;
		mate && mate < end && pt_bdf_same_slot(&mate->bdf, bdf); mate++)
		(*ret_count)++;
	return first;
}

static void append(struct pt_inventory *inventory, struct pt_function *function)
{
	struct pt_function *slot =
		pt_array_grow(&inventory->function, &inventory->count, sizeof(*slot));

	*slot = *function;
	*function = (struct pt_function){0};
}

static void sort(struct pt_inventory *inventory)
{
	if (inventory->count)
		qsort(inventory->function, inventory->count, sizeof(*inventory->function),
			compare_functions);
}

void pt_inventory_put(struct pt_inventory *inventory, struct pt_function *function)
{
	pt_foreach (there, inventory->function, inventory->count) {
		if (pt_bdf_compare(&there->bdf, &function->bdf) != 0)
			continue;
		pt_function_clear(there);
		*there = *function;
		return;
	}
	append(inventory, function);
	/* callers add many in order */
	if (inventory->count > 1 && compare_functions(&inventory->function[inventory->count - 2],
					    &inventory->function[inventory->count - 1]) > 0)
		sort(inventory);
}

int pt_inventory_add(const struct pt_host *host, struct pt_inventory *inventory,
	const struct pt_bdf *bdf, struct pt_err *err)
{
	struct pt_function function;
	int r;

	if (pt_inventory_find(inventory, bdf))
		return 0;
	if (inventory->whole)
		return pt_err_set(err, -ENODEV, "%s: no such PCI function", PT_BDF(bdf));
	r = pt_function_read(host, bdf, &function, err);
	if (r < 0)
		return r;
	append(inventory, &function);
	sort(inventory);
	return 0;
}

int pt_inventory_add_all(const struct pt_host *host, struct pt_inventory *inventory,
	const struct pt_bdf *bdf, size_t count, struct pt_err *err)
{
	struct pt_bdf *missing = NULL;
	size_t missing_count = 0;
	int r;

	for (size_t i = 0; i < count && !inventory->whole; i++) {
		if (!pt_inventory_find(inventory, &bdf[i]) &&
			!pt_bdfs_have(missing, missing_count, &bdf[i]))
			pt_bdfs_add(&missing, &missing_count, &bdf[i]);
	}
	r = pt_functions_read(
		host, missing, missing_count, &inventory->function, &inventory->count, err);
	sort(inventory);
	free(missing);
	return r;
}

int pt_inventory_read_all(const struct pt_host *host, struct pt_inventory *ret, struct pt_err *err)
{
	struct pt_inventory inventory = {.whole = true};
	struct pt_bdf *found = NULL;
	size_t count = 0;
	int r = pt_functions_matching(host, "", &found, &count, err);

	if (r == 0)
		r = pt_functions_read(
			host, found, count, &inventory.function, &inventory.count, err);
	free(found);
	if (r < 0) {
		pt_inventory_clear(&inventory);
		return r;
	}
	sort(&inventory);
	inventory.iommu_active = pt_iommu_active(host);
	*ret = inventory;
	return 0;
}

int pt_inventory_matching(const struct pt_host *host, const struct pt_inventory *inventory,
	const char *filter, struct pt_bdf **ret, size_t *ret_count, struct pt_err *err)
{
	struct pt_bdf *found = NULL;
	size_t count = 0;

	if (!inventory->whole)
		return pt_functions_matching(host, filter, ret, ret_count, err);
	pt_foreach (function, inventory->function, inventory->count) {
		if (pt_bdf_matches(&function->bdf, filter))
			pt_bdfs_add(&found, &count, &function->bdf);
	}
	*ret = found;
	*ret_count = count;
	return 0;
}

int pt_inventory_group(const struct pt_host *host, const struct pt_inventory *inventory,
	const struct pt_bdf *bdf, struct pt_group *ret, struct pt_err *err)
{
	const struct pt_function *of = pt_inventory_find(inventory, bdf);

	if (!inventory->whole)
		return pt_group_read(host, PT_BDF(bdf), ret, err);
	*ret = (struct pt_group){.number = of ? of->group : PT_GROUP_NONE};
	if (ret->number == PT_GROUP_NONE)
		return pt_err_set(err, -ENOENT, "%s: has no IOMMU group", PT_BDF(bdf));
	pt_foreach (function, inventory->function, inventory->count) {
		if (function->group == ret->number)
			pt_bdfs_add(&ret->function, &ret->function_count, &function->bdf);
	}
	return 0;
}

void pt_inventory_clear(struct pt_inventory *inventory)
{
	pt_foreach (function, inventory->function, inventory->count)
		pt_function_clear(function);
	free(inventory->function);
	*inventory = (struct pt_inventory){0};
}

/* For readers: the other functions of the slot. The addresses imply them. */
static struct json_object *slot_mates_to_json(const void *outer, const void *record)
{
	const struct pt_inventory *inventory = outer;
	const struct pt_function *function = record;
	struct json_object *json = pt_json_array();
	size_t count;
	const struct pt_function *slot = pt_inventory_slot(inventory, &function->bdf, &count);

	pt_foreach (mate, slot, count) {
		if (mate != function)
			pt_json_append(json, pt_record_to_json(&pt_bdf_record, &mate->bdf));
	}
	return json;
}

static const struct pt_own slot_mates = {.write = slot_mates_to_json};

static const struct pt_field bar_fields[] = {
	{PT_FIELD("start", UINT, struct pt_bar, start)},
	{PT_FIELD("size", UINT, struct pt_bar, size)},
	{PT_FIELD("memory", FLAG, struct pt_bar, memory)},
	{PT_FIELD("64bit", FLAG, struct pt_bar, is_64bit)},
	{PT_FIELD("prefetchable", FLAG, struct pt_bar, prefetchable)},
	{PT_FIELD("unset", FLAG, struct pt_bar, unset), PT_JSON_MAY_BE_MISSING,
		.about = "the host gave it no address"},
};
static const struct pt_record bar_record = {PT_RECORD(struct pt_bar, bar_fields)};

#define FUNCTION(key, kind, member) PT_FIELD(key, kind, struct pt_function, member)
#define HAS(member)		    .has = offsetof(struct pt_function, member)

static const struct pt_field function_fields[] = {
	{FUNCTION("bdf", FORM, bdf), .form = &pt_bdf_form},
	{FUNCTION("slot_mates", LIST, bdf), .of = &pt_bdf_record, .own = &slot_mates},
	{FUNCTION("busy", FLAG, busy)},
	{FUNCTION("info_ok", FLAG, info_ok)},
	{FUNCTION("vendor", CHARS, vendor), .form = &pt_hex_form},
	{FUNCTION("device", CHARS, device), .form = &pt_hex_form},
	{FUNCTION("subsystem_vendor", CHARS, subvendor), .form = &pt_hex_form},
	{FUNCTION("subsystem_device", CHARS, subdevice), .form = &pt_hex_form},
	{FUNCTION("class", UINT, class), .max = 0xffffff},
	{FUNCTION("bridge", FLAG, is_bridge)},
	{FUNCTION("parent", FORM, parent), PT_JSON_MAY_BE_NULL, HAS(has_parent),
		.form = &pt_bdf_form},
	{FUNCTION("driver", TEXT, driver), PT_JSON_MAY_BE_NULL},
	{FUNCTION("driver_override", TEXT, override), PT_JSON_MAY_BE_NULL},
	{FUNCTION("modalias", TEXT, modalias), PT_JSON_MAY_BE_NULL},
	{FUNCTION("iommu_group", INT, group), .min = PT_GROUP_NONE, .max = INT32_MAX},
	{FUNCTION("reserved_region", TEXT, reserved_region), PT_JSON_MAY_BE_MISSING,
		.about = "of its IOMMU group, that the firmware holds for good"},
	{FUNCTION("numa_node", INT, numa_node)},
	{FUNCTION("boot_vga", INT, boot_vga)},
	{FUNCTION("physfn", FORM, physfn), PT_JSON_MAY_BE_NULL, HAS(has_physfn),
		.form = &pt_bdf_form},
	{FUNCTION("sriov_numvfs", INT, vfs)},
	{FUNCTION("sriov_totalvfs", INT, vfs_max)},
	{FUNCTION("sriov_offset", UINT, vf_offset), PT_JSON_MAY_BE_MISSING, HAS(has_vf_offset),
		.max = UINT16_MAX, .about = "addresses from it to its first VF"},
	{FUNCTION("sriov_stride", UINT, vf_stride), PT_JSON_MAY_BE_MISSING, HAS(has_vf_offset),
		.max = UINT16_MAX, .about = "addresses between two VFs"},
	{FUNCTION("virtfns", LIST, vf), .count = offsetof(struct pt_function, vf_count),
		.of = &pt_bdf_record},
	{FUNCTION("reset", FLAG, has_reset)},
	{FUNCTION("reset_method", TEXT, reset_methods), PT_JSON_MAY_BE_NULL},
	{FUNCTION("power_state", TEXT, power_state), PT_JSON_MAY_BE_NULL},
	{FUNCTION("d3cold_allowed", FLAG, d3cold_allowed)},
	{FUNCTION("bars", ROW, bar), .of = &bar_record},
	{FUNCTION("mdev", FLAG, has_mdev)},
	{FUNCTION("nvidia", FLAG, has_nvidia)},
	{FUNCTION("vfio_dev", FLAG, has_vfio_dev)},
};
static const struct pt_record function_record = {PT_RECORD(struct pt_function, function_fields)};

static int complete(void *record, struct pt_err *err)
{
	struct pt_inventory *inventory = record;

	inventory->whole = true;
	sort(inventory);
	for (size_t i = 1; i < inventory->count; i++) {
		if (compare_functions(&inventory->function[i - 1], &inventory->function[i]) == 0)
			return pt_err_set(err, -EINVAL, "functions: %s is there twice",
				PT_BDF(&inventory->function[i].bdf));
	}
	return 0;
}

static const struct pt_field inventory_fields[] = {
	{PT_FIELD("iommu_active", FLAG, struct pt_inventory, iommu_active)},
	{PT_FIELD("functions", LIST, struct pt_inventory, function),
		.count = offsetof(struct pt_inventory, count), .of = &function_record},
};
const struct pt_record pt_inventory_record = {
	PT_RECORD(struct pt_inventory, inventory_fields), .complete = complete};
