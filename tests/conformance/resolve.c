// SPDX-License-Identifier: AGPL-3.0-or-later
/* The suite resolve: values, mappings and groups on simulated hosts. */
#include "pve/check/check.h"
#include "tests/conformance/compare.h"

static bool group_agrees(const struct fake *fake, const char *device, struct json_object *expected)
{
	struct pt_names PT_NAMES touched = {0};
	struct pt_group PT_GROUP group = {0};
	int r = pt_group_read(fake->host, device, &group, NULL);

	if (r == 0)
		list_touched(fake, &group, &touched);
	return json_object_get_boolean(member(expected, "ok")) == (r == 0) &&
	       same_set(group.member.name, group.member.count, member(expected, "members")) &&
	       same_set(touched.name, touched.count, member(expected, "touched"));
}

static bool groups_agree(const struct fake *fake, struct json_object *expected)
{
	json_object_object_foreach(expected, device, group)
	{
		if (!group_agrees(fake, device, group))
			return false;
	}
	return true;
}

static bool resolved_agrees(
	const struct fake *fake, struct json_object *input, struct json_object *output)
{
	struct pt_inventory PT_INVENTORY inventory = {0};
	struct pt_mappings PT_MAPPINGS mappings = {0};
	struct pt_assignment assignment = {0};
	struct json_object *value = member(input, "value");
	const char *text = json_object_get_string(value);
	const char *cfg = member_text(input, "pci_cfg");
	bool expected = json_object_get_boolean(member(output, "ok"));
	bool ok, agrees;

	if (!pt_hostpci_is_set(text))
		return expected && !member(output, "result");
	pt_mappings_parse(cfg ? cfg : "", &mappings);
	ok = pt_hostpci_parse(0, text, (size_t)json_object_get_string_len(value),
		     pt_streq(member_text(input, "encoding"), "chars") ? PT_TEXT_CHARS
								       : PT_TEXT_BYTES,
		     &assignment.entry, NULL) == 0 &&
	     pt_resolve(fake->host, &mappings, member_text(input, "node"), &inventory, &assignment,
		     NULL) == 0 &&
	     !assignment.problem.kind;
	agrees = ok == expected;
	/* a value that does not parse has no tag yet: its line is dropped from a config */
	if (!ok && agrees && !pt_streq(member_text(output, "reason"), "format"))
		agrees = same_story(
			member_text(output, "reason"), pt_problem_check(assignment.problem.kind));
	if (ok && agrees)
		agrees = same_ids(
			alternatives_to_json(&assignment), member(member(output, "result"), "ids"));
	pt_assignment_clear(&assignment);
	return agrees;
}

bool resolve_agrees(
	const struct suite_context *context, struct json_object *input, struct json_object *output)
{
	struct fake fake;
	bool agrees;

	if (!make_host(context, input, &fake))
		return false;
	agrees = resolved_agrees(&fake, input, output) &&
		 groups_agree(&fake, member(output, "group_bind"));
	fake_close(&fake);
	return agrees;
}
