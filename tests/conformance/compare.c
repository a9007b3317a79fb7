// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "tests/conformance/compare.h"

/* PVE's reasons and our tags that tell the same story. */
static const struct {
	const char *reason; /* a prefix */
	const char *tag;
} stories[] = {
	{"device-not-found", "device-missing"},
	{"mapping-path-not-found", "device-missing"},
	{"mapping-not-found", "mapping-missing"},
	{"mapping-not-found", "mapping-no-node"},
	{"mapping-mismatch-", "mapping-mismatch"},
	{"mapping-missing-", "mapping-mismatch"},
	{"mapping-unexpected-", "mapping-mismatch"},
	{"neither-host-nor-mapping", "hostpci-no-device"},
	{"host-and-mapping", "hostpci-host-and-mapping"},
	{"mdev-multifunction", "mdev-multifunction"},
	{"pcie-needs-q35", "pcie-needs-q35"},
	{"igd-twice", "legacy-igd-twice"},
	{"igd-vga-not-none", "legacy-igd-vga"},
	{"igd-rombar-off", "legacy-igd-rombar"},
	{"igd-x-vga", "legacy-igd-x-vga"},
	{"igd-mdev", "legacy-igd-mdev"},
	{"igd-q35", "legacy-igd-q35"},
	{"igd-multifunction", "legacy-igd-multifunction"},
	{"igd-alternatives", "legacy-igd-alternatives"},
	{"igd-not-02.0", "legacy-igd-address"},
	{"assigned-twice", "device-assigned-twice"},
	{"no-free-alternative", "mapping-nothing-free"},
};

/* Whether the check reports the reason; a reason without tags of ours agrees with none. */
bool same_story(const char *reason, const struct pt_check *check)
{
	for (size_t i = 0; reason && check && i < PT_ARRAY_SIZE(stories); i++) {
		if (pt_starts_with(reason, stories[i].reason) &&
			pt_streq(check->tag, stories[i].tag))
			return true;
	}
	return false;
}

bool make_host(const struct suite_context *context, struct json_object *input, struct fake *fake)
{
	struct json_object *tree = member(context->trees, member_text(input, "sysfs"));

	if (!tree)
		return false;
	fake_open(fake);
	fake_tree(fake, tree);
	return true;
}

struct json_object *ids_to_json(const struct pt_alternative *alternative)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (id, alternative->id, alternative->count)
		json_object_array_add(json, json_object_new_string(PT_BDF(id)));
	return json;
}

struct json_object *alternatives_to_json(const struct pt_assignment *assignment)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (alternative, assignment->alternative, assignment->count)
		json_object_array_add(json, ids_to_json(alternative));
	return json;
}

/* The chosen functions; a mediated device keeps the first of each alternative to try. */
struct json_object *chosen_to_json(const struct pt_assignment *assignment)
{
	struct json_object *json;

	if (!pt_assignment_is_mdev(assignment))
		return ids_to_json(&assignment->alternative[assignment->chosen]);
	json = json_object_new_array();
	pt_foreach (alternative, assignment->alternative, assignment->count)
		json_object_array_add(json, json_object_new_string(PT_BDF(&alternative->id[0])));
	return json;
}

/* PVE's [{id: ...}] or [[{id: ...}]] as lists of ids. */
static struct json_object *only_ids(struct json_object *list)
{
	struct json_object *json = json_object_new_array();

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		if (json_object_is_type(one, json_type_array))
			json_object_array_add(json, only_ids(one));
		else if (json_object_is_type(one, json_type_string))
			json_object_array_add(json, json_object_get(one));
		else
			json_object_array_add(json, json_object_get(member(one, "id")));
	}
	return json;
}

bool same_ids(struct json_object *ours, struct json_object *theirs)
{
	struct json_object *ids = only_ids(theirs);
	bool same = json_object_equal(ours, ids);

	json_object_put(ours);
	json_object_put(ids);
	return same;
}

static int compare_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* A sorted list without repetitions against PVE's. */
bool same_set(char **name, size_t count, struct json_object *theirs)
{
	size_t at = 0;

	if (count)
		qsort(name, count, sizeof(*name), compare_text);
	for (size_t i = 0; i < count; i++) {
		const char *expected =
			json_object_get_string(json_object_array_get_idx(theirs, at));

		if (i && pt_streq(name[i], name[i - 1]))
			continue;
		if (!pt_streq(name[i], expected))
			return false;
		at++;
	}
	return at == json_object_array_length(theirs);
}

/* The functions that are bound along with one: the group's PCI members less bridges. */
void list_touched(const struct fake *fake, const struct pt_group *group, struct pt_names *touched)
{
	pt_foreach (bdf, group->function, group->function_count) {
		struct pt_function function = {0};
		bool there = pt_function_read(fake->host, bdf, &function, NULL) == 0;
		char **slot;

		if (function.is_bridge) {
			pt_function_clear(&function);
			continue;
		}
		slot = pt_array_grow(&touched->name, &touched->count, sizeof(*slot));
		*slot = pt_strdup(there && function.info_ok ? PT_BDF(bdf) : "(undef)");
		pt_function_clear(&function);
	}
}
