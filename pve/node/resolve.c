// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "pve/node/resolve.h"

struct context {
	const struct pt_host *host;
	struct pt_inventory *inventory;
	struct pt_assignment *assignment;
	struct pt_err *err;
};

void pt_assignment_clear(struct pt_assignment *assignment)
{
	pt_hostpci_clear(&assignment->entry);
	pt_foreach (alternative, assignment->alternative, assignment->count) {
		free(alternative->path);
		free(alternative->id);
	}
	free(assignment->alternative);
	free(assignment->vgpu);
	free(assignment->problem.where);
	free(assignment->problem.why);
	*assignment = (struct pt_assignment){0};
}

bool pt_assignment_is_mdev(const struct pt_assignment *assignment)
{
	return assignment->entry.mdev && !assignment->vgpu;
}

const struct pt_alternative *pt_chosen(const struct pt_assignment *assignment)
{
	return assignment->chosen < 0 ? NULL : &assignment->alternative[assignment->chosen];
}

bool pt_assignment_is_bound(const struct pt_assignment *assignment)
{
	return !assignment->entry.mdev && !assignment->entry.keep_driver;
}

/* Sets the problem, where resolving ends: no error. */
static int refuse(struct pt_assignment *assignment, enum pt_problem_kind kind, const char *where,
	const char *why)
{
	assignment->problem.kind = kind;
	pt_set_text(&assignment->problem.where, where);
	pt_set_text(&assignment->problem.why, why);
	return 0;
}

/* Reads a function; one that is listed but cannot be opened stays out of the inventory. */
static int learn(struct context *context, const struct pt_bdf *bdf)
{
	struct pt_err err = {0};
	int r = pt_inventory_add(context->host, context->inventory, bdf, &err);

	return r < 0 && r != -ENODEV ? pt_err_set(context->err, r, "%s", err.text) : 0;
}

static int add_functions(
	struct context *context, struct pt_alternative *alternative, const char *filter)
{
	struct pt_bdf *found = NULL;
	size_t count = 0;
	int r = pt_inventory_matching(
		context->host, context->inventory, filter, &found, &count, context->err);

	for (size_t i = 0; r == 0 && i < count; i++) {
		pt_bdfs_add(&alternative->id, &alternative->count, &found[i]);
		r = learn(context, &found[i]);
	}
	free(found);
	if (r == 0 && count == 0)
		return refuse(context->assignment, PT_PROBLEM_DEVICE_MISSING, filter, NULL);
	return r;
}

/* The device names of a ";" list become one alternative. */
static int add_alternative(struct context *context, const char *list)
{
	struct pt_assignment *assignment = context->assignment;
	struct pt_alternative *slot =
		pt_array_grow(&assignment->alternative, &assignment->count, sizeof(*slot));
	PT_FREE char *copy = pt_strdup(list);
	char *name, *rest;
	int r = 0;

	pt_set_text(&slot->path, list);
	for (name = strtok_r(copy, ";", &rest); name && r == 0 && !assignment->problem.kind;
		name = strtok_r(NULL, ";", &rest))
		r = add_functions(context, slot, name);
	if (slot->count > 1)
		assignment->multifunction = true;
	return r;
}

/* Checks one path of a map line against the hardware: a whole device is checked on function 0. */
static int check_path(struct context *context, const struct pt_mapping *mapping,
	const struct pt_map_entry *entry, const char *path, bool first)
{
	PT_FREE char *whole = NULL;
	const struct pt_function *function = NULL;
	struct pt_err err = {0};
	struct pt_bdf bdf;
	int r = 0;

	if (!strchr(path, '.')) {
		whole = pt_format("%s.0", path);
		path = whole;
	}
	if (pt_bdf_parse(path, &bdf)) {
		r = learn(context, &bdf);
		function = pt_inventory_find(context->inventory, &bdf);
	}
	if (r < 0)
		return r;
	if (!function || !function->info_ok)
		return refuse(context->assignment, PT_PROBLEM_MAPPED_DEVICE_MISSING, path, NULL);
	if (pt_map_entry_check(mapping, entry, function, first, &err) < 0)
		return refuse(context->assignment, PT_PROBLEM_MAPPING_MISMATCH, path, err.text);
	return 0;
}

static int add_map_entry(
	struct context *context, const struct pt_mapping *mapping, const struct pt_map_entry *entry)
{
	PT_FREE char *copy = pt_strdup(entry->path);
	bool first = true;
	char *path, *rest;
	int r = 0;

	for (path = strtok_r(copy, ";", &rest);
		path && r == 0 && !context->assignment->problem.kind;
		path = strtok_r(NULL, ";", &rest)) {
		r = check_path(context, mapping, entry, path, first);
		first = false;
	}
	if (r < 0 || context->assignment->problem.kind)
		return r;
	return add_alternative(context, entry->path);
}

static int add_mapping(
	struct context *context, const struct pt_mappings *mappings, const char *node)
{
	struct pt_assignment *assignment = context->assignment;
	const char *id = assignment->entry.mapping;
	const struct pt_mapping *mapping = pt_mapping_find(mappings, id);

	if (!mapping || !mapping->defined)
		return refuse(assignment, PT_PROBLEM_MAPPING_MISSING, NULL, NULL);
	assignment->live = mapping->has_live && mapping->live;
	pt_foreach (entry, mapping->entry, mapping->count) {
		int r;

		if (!pt_streq(entry->node, node))
			continue;
		r = add_map_entry(context, mapping, entry);
		if (r < 0 || assignment->problem.kind)
			return r;
	}
	if (!assignment->count)
		return refuse(assignment, PT_PROBLEM_MAPPING_NO_NODE, node, NULL);
	return 0;
}

/* "nvidia-<number>" on a function that has NVIDIA's own interface and not the kernel's mdev one. */
static void look_for_vgpu(struct context *context)
{
	struct pt_assignment *assignment = context->assignment;
	const char *mdev = assignment->entry.mdev;
	const char *number;

	if (!mdev || !pt_starts_with(mdev, "nvidia-"))
		return;
	number = mdev + strlen("nvidia-");
	if (!*number || strspn(number, "0123456789") != strlen(number))
		return;
	pt_foreach (alternative, assignment->alternative, assignment->count) {
		pt_foreach (id, alternative->id, alternative->count) {
			const struct pt_function *function =
				pt_inventory_find(context->inventory, id);

			if (function && pt_function_has_vgpu(function))
				pt_set_text(&assignment->vgpu, number);
		}
	}
}

int pt_resolve(const struct pt_host *host, const struct pt_mappings *mappings, const char *node,
	struct pt_inventory *inventory, struct pt_assignment *assignment, struct pt_err *err)
{
	struct context context = {host, inventory, assignment, err};
	const struct pt_hostpci *entry = &assignment->entry;
	int r;

	assignment->chosen = -1;
	if (entry->host && entry->mapping)
		r = refuse(assignment, PT_PROBLEM_HOST_AND_MAPPING, NULL, NULL);
	else if (entry->host)
		r = add_alternative(&context, entry->host);
	else if (entry->mapping)
		r = add_mapping(&context, mappings, node);
	else
		r = refuse(assignment, PT_PROBLEM_NO_DEVICE, NULL, NULL);
	if (r == 0 && !assignment->problem.kind && assignment->multifunction && entry->mdev)
		r = refuse(assignment, PT_PROBLEM_MDEV_MULTIFUNCTION, NULL, NULL);
	if (r == 0)
		look_for_vgpu(&context);
	return r;
}

/* Whether an entry chosen before, or this one itself, has the function. */
static bool used_by_guest(
	const struct pt_assignment *assignment, size_t count, const struct pt_bdf *bdf)
{
	for (size_t i = 0; i < count; i++) {
		const struct pt_alternative *chosen;

		if (assignment[i].chosen < 0 || pt_assignment_is_mdev(&assignment[i]))
			continue;
		chosen = &assignment[i].alternative[assignment[i].chosen];
		if (pt_bdfs_have(chosen->id, chosen->count, bdf))
			return true;
	}
	return false;
}

static bool overlaps(
	const struct pt_assignment *all, size_t before, const struct pt_alternative *alternative)
{
	pt_foreach (id, alternative->id, alternative->count) {
		if (used_by_guest(all, before, id))
			return true;
	}
	return false;
}

/* A function that the chosen alternative names twice, or that an earlier entry has; NULL: none. */
static const struct pt_bdf *find_twice(const struct pt_assignment *all, size_t at)
{
	const struct pt_alternative *chosen = &all[at].alternative[all[at].chosen];

	for (size_t i = 0; i < chosen->count; i++) {
		if (used_by_guest(all, at, &chosen->id[i]) ||
			pt_bdfs_have(chosen->id, i, &chosen->id[i]))
			return &chosen->id[i];
	}
	return NULL;
}

static int choose_among(struct pt_assignment *all, size_t at, pt_choice_free *is_free, void *data)
{
	struct pt_assignment *assignment = &all[at];

	for (size_t i = 0; i < assignment->count; i++) {
		const struct pt_alternative *alternative = &assignment->alternative[i];

		if (!overlaps(all, at, alternative) &&
			(!is_free || is_free(data, assignment, alternative)))
			return (int)i;
	}
	return -1;
}

/* Chooses for one assignment; the ones before it have theirs. False: problem is set. */
static bool choose_one(struct pt_assignment *all, size_t at, pt_choice_free *is_free, void *data)
{
	struct pt_assignment *one = &all[at];
	const struct pt_bdf *twice;

	if (one->problem.kind || !one->count)
		return false;
	/* a mediated device tries all alternatives itself, and may share its function */
	if (one->count == 1 || pt_assignment_is_mdev(one))
		one->chosen = 0;
	else
		one->chosen = choose_among(all, at, is_free, data);
	if (pt_assignment_is_mdev(one))
		return true;
	if (one->chosen < 0) {
		refuse(one, PT_PROBLEM_MAPPING_NOTHING_FREE, NULL, NULL);
		return false;
	}
	twice = find_twice(all, at);
	if (!twice)
		return true;
	refuse(one, PT_PROBLEM_ASSIGNED_TWICE, PT_BDF(twice), NULL);
	one->chosen = -1;
	return false;
}

bool pt_choose(struct pt_assignment *assignment, size_t count, pt_choice_free *is_free, void *data)
{
	bool all = true;

	for (size_t at = 0; at < count; at++)
		all &= choose_one(assignment, at, is_free, data);
	return all;
}
