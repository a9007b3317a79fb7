// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/pci/inventory.h"
#include "lib/base/json.h"

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
		bool known = pt_inventory_find(inventory, &bdf[i]) != NULL;

		pt_foreach (listed, missing, missing_count)
			known |= pt_bdf_compare(listed, &bdf[i]) == 0;
		if (!known)
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

static struct json_object *bar_to_json(const struct pt_bar *bar)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "start", json_object_new_uint64(bar->start));
	json_object_object_add(json, "size", json_object_new_uint64(bar->size));
	pt_json_add_flag(json, "memory", bar->memory);
	pt_json_add_flag(json, "64bit", bar->is_64bit);
	pt_json_add_flag(json, "prefetchable", bar->prefetchable);
	return json;
}

/* For readers: the other functions of the slot. Reading back derives them from the addresses. */
static struct json_object *slot_mates_to_json(
	const struct pt_inventory *inventory, const struct pt_function *function)
{
	struct json_object *json = json_object_new_array();
	size_t count;
	const struct pt_function *slot = pt_inventory_slot(inventory, &function->bdf, &count);

	pt_foreach (mate, slot, count) {
		if (mate != function)
			json_object_array_add(json, json_object_new_string(PT_BDF(&mate->bdf)));
	}
	return json;
}

static struct json_object *function_to_json(
	const struct pt_inventory *inventory, const struct pt_function *function)
{
	struct json_object *json = json_object_new_object();
	struct json_object *bars = json_object_new_array();
	struct json_object *vfs = json_object_new_array();

	pt_json_add_text(json, "bdf", PT_BDF(&function->bdf));
	json_object_object_add(json, "slot_mates", slot_mates_to_json(inventory, function));
	pt_json_add_flag(json, "busy", function->busy);
	pt_json_add_flag(json, "info_ok", function->info_ok);
	pt_json_add_text(json, "vendor", function->vendor);
	pt_json_add_text(json, "device", function->device);
	pt_json_add_text(json, "subsystem_vendor", function->subvendor);
	pt_json_add_text(json, "subsystem_device", function->subdevice);
	pt_json_add_number(json, "class", (int)function->class);
	pt_json_add_flag(json, "bridge", function->is_bridge);
	pt_json_add_text(json, "parent", function->has_parent ? PT_BDF(&function->parent) : NULL);
	pt_json_add_text(json, "driver", function->driver);
	pt_json_add_text(json, "driver_override", function->override);
	pt_json_add_text(json, "modalias", function->modalias);
	pt_json_add_number(json, "iommu_group", function->group);
	pt_json_add_number(json, "numa_node", function->numa_node);
	pt_json_add_number(json, "boot_vga", function->boot_vga);
	pt_json_add_text(json, "physfn", function->has_physfn ? PT_BDF(&function->physfn) : NULL);
	pt_json_add_number(json, "sriov_numvfs", function->vfs);
	pt_json_add_number(json, "sriov_totalvfs", function->vfs_max);
	pt_foreach (vf, function->vf, function->vf_count)
		json_object_array_add(vfs, json_object_new_string(PT_BDF(vf)));
	json_object_object_add(json, "virtfns", vfs);
	pt_json_add_flag(json, "reset", function->has_reset);
	pt_json_add_text(json, "reset_method", function->reset_methods);
	pt_json_add_text(json, "power_state", function->power_state);
	pt_json_add_flag(json, "d3cold_allowed", function->d3cold_allowed);
	pt_foreach (bar, function->bar, PT_PCI_BARS)
		json_object_array_add(bars, bar_to_json(bar));
	json_object_object_add(json, "bars", bars);
	pt_json_add_flag(json, "mdev", function->has_mdev);
	pt_json_add_flag(json, "nvidia", function->has_nvidia);
	pt_json_add_flag(json, "vfio_dev", function->has_vfio_dev);
	return json;
}

struct json_object *pt_inventory_to_json(const struct pt_inventory *inventory)
{
	struct json_object *json = json_object_new_object();
	struct json_object *functions = json_object_new_array();

	pt_json_add_flag(json, "iommu_active", inventory->iommu_active);
	pt_foreach (function, inventory->function, inventory->count)
		json_object_array_add(functions, function_to_json(inventory, function));
	json_object_object_add(json, "functions", functions);
	return json;
}

static void read_id(struct pt_json_reader *reader, const char *key, char ret[static PT_PCI_ID_TEXT])
{
	const char *text = pt_json_text(reader, key, PT_JSON_NEEDED);

	if (text && (strlen(text) >= PT_PCI_ID_TEXT ||
			    strspn(text, "0123456789abcdefABCDEF") != strlen(text)))
		pt_json_refuse(reader, key, "is no hexadecimal number of that size");
	else if (text)
		snprintf(ret, PT_PCI_ID_TEXT, "%s", text);
}

static void read_vfs(struct pt_json_reader *reader, struct pt_function *function)
{
	struct json_object *vfs = pt_json_array(reader, "virtfns");

	for (size_t i = 0; vfs && i < json_object_array_length(vfs); i++) {
		const char *text = json_object_get_string(json_object_array_get_idx(vfs, i));
		struct pt_bdf *slot =
			pt_array_grow(&function->vf, &function->vf_count, sizeof(*slot));

		if (!slot || !text || !pt_bdf_parse(text, slot))
			pt_json_refuse(reader, "virtfns", "holds something that is no PCI address");
	}
}

static void read_bars(struct pt_json_reader *reader, struct pt_function *function)
{
	struct json_object *bars = pt_json_array(reader, "bars");

	for (size_t i = 0; bars && i < json_object_array_length(bars) && i < PT_PCI_BARS; i++) {
		struct pt_json_reader bar = {json_object_array_get_idx(bars, i), reader->err, 0};

		function->bar[i] = (struct pt_bar){
			.start = pt_json_uint64(&bar, "start"),
			.size = pt_json_uint64(&bar, "size"),
			.memory = pt_json_flag(&bar, "memory"),
			.is_64bit = pt_json_flag(&bar, "64bit"),
			.prefetchable = pt_json_flag(&bar, "prefetchable"),
		};
		if (bar.result < 0)
			reader->result = pt_err_wrap(reader->err, "bars[%zu]", i);
	}
}

static int function_from_json(struct json_object *json, struct pt_function *ret, struct pt_err *err)
{
	struct pt_json_reader reader = {json, err, 0};

	if (!pt_json_bdf(&reader, "bdf", PT_JSON_MAY_BE_NULL, &ret->bdf))
		pt_json_refuse(&reader, "bdf", "is missing");
	ret->busy = pt_json_flag(&reader, "busy");
	ret->info_ok = pt_json_flag(&reader, "info_ok");
	read_id(&reader, "vendor", ret->vendor);
	read_id(&reader, "device", ret->device);
	read_id(&reader, "subsystem_vendor", ret->subvendor);
	read_id(&reader, "subsystem_device", ret->subdevice);
	ret->class = (uint32_t)pt_json_int(&reader, "class") & 0xffffff;
	ret->is_bridge = pt_json_flag(&reader, "bridge");
	ret->has_parent = pt_json_bdf(&reader, "parent", PT_JSON_MAY_BE_NULL, &ret->parent);
	pt_json_copy_text(&reader, "driver", PT_JSON_MAY_BE_NULL, &ret->driver);
	pt_json_copy_text(&reader, "driver_override", PT_JSON_MAY_BE_NULL, &ret->override);
	pt_json_copy_text(&reader, "modalias", PT_JSON_MAY_BE_NULL, &ret->modalias);
	ret->group = pt_json_int(&reader, "iommu_group");
	ret->numa_node = pt_json_int(&reader, "numa_node");
	ret->boot_vga = pt_json_int(&reader, "boot_vga");
	ret->has_physfn = pt_json_bdf(&reader, "physfn", PT_JSON_MAY_BE_NULL, &ret->physfn);
	ret->vfs = pt_json_int(&reader, "sriov_numvfs");
	ret->vfs_max = pt_json_int(&reader, "sriov_totalvfs");
	read_vfs(&reader, ret);
	ret->has_reset = pt_json_flag(&reader, "reset");
	pt_json_copy_text(&reader, "reset_method", PT_JSON_MAY_BE_NULL, &ret->reset_methods);
	pt_json_copy_text(&reader, "power_state", PT_JSON_MAY_BE_NULL, &ret->power_state);
	ret->d3cold_allowed = pt_json_flag(&reader, "d3cold_allowed");
	read_bars(&reader, ret);
	ret->has_mdev = pt_json_flag(&reader, "mdev");
	ret->has_nvidia = pt_json_flag(&reader, "nvidia");
	ret->has_vfio_dev = pt_json_flag(&reader, "vfio_dev");
	return reader.result;
}

int pt_inventory_from_json(struct json_object *json, struct pt_inventory *ret, struct pt_err *err)
{
	struct pt_inventory PT_INVENTORY inventory = {.whole = true};
	struct pt_json_reader reader = {json, err, 0};
	struct json_object *functions;

	inventory.iommu_active = pt_json_flag(&reader, "iommu_active");
	functions = pt_json_array(&reader, "functions");
	if (reader.result < 0)
		return reader.result;
	for (size_t i = 0; i < json_object_array_length(functions); i++) {
		struct pt_function function = {0};
		int r = function_from_json(json_object_array_get_idx(functions, i), &function, err);

		if (r < 0) {
			pt_function_clear(&function);
			return pt_err_wrap(err, "functions[%zu]", i);
		}
		append(&inventory, &function);
	}
	sort(&inventory);
	for (size_t i = 1; i < inventory.count; i++) {
		if (compare_functions(&inventory.function[i - 1], &inventory.function[i]) == 0)
			return pt_err_set(err, -EINVAL, "functions: %s is there twice",
				PT_BDF(&inventory.function[i].bdf));
	}
	*ret = inventory;
	inventory = (struct pt_inventory){0};
	return 0;
}
