// SPDX-License-Identifier: AGPL-3.0-or-later
/* What the guest's config says. */
#include "pve/check/rules.h"

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

/* What resolving and choosing met. */
PT_RULE(pt_rule_problem)
{
	pt_foreach (assignment, facts->assignment, facts->count) {
		if (pt_streq(assignment->problem.tag, rule->tag))
			pt_rule_found(rule, findings, pt_subject_entry(assignment),
				copy(assignment->problem.message), copy(assignment->problem.hint));
	}
}

static void say_dropped(const struct pt_rule *rule, const struct pt_facts *facts,
	struct pt_findings *findings, bool unknown_key)
{
	pt_foreach (dropped, facts->guest->dropped, facts->guest->dropped_count) {
		char label[PT_LABEL_TEXT];

		if (dropped->unknown_key != unknown_key)
			continue;
		pt_entry_label(dropped->index, label);
		pt_rule_found(rule, findings, copy(label),
			pt_format(
				"'%s': %s; Proxmox VE drops the line and starts the guest without "
				"this device",
				dropped->value, dropped->why),
			pt_format(unknown_key
					  ? "correct the key, or update this node if the key is "
					    "one of a newer version"
					  : "correct it with 'qm set %s --%s VALUE'",
				PT_VMID(facts), label));
	}
}

PT_RULE(pt_rule_syntax)
{
	say_dropped(rule, facts, findings, false);
}

PT_RULE(pt_rule_unknown_key)
{
	say_dropped(rule, facts, findings, true);
}

PT_RULE(pt_rule_pcie_needs_q35)
{
	const char *machine = pt_guest_get(facts->guest, "machine");

	if (pt_guest_is_q35(facts->guest))
		return;
	pt_foreach (assignment, facts->assignment, facts->count) {
		if (assignment->entry.pcie)
			pt_rule_found(rule, findings, pt_subject_entry(assignment),
				pt_format("pcie=1 needs the machine type q35, but the guest has %s",
					machine ? machine : "the default, i440fx"),
				pt_format("'qm set %s --machine q35', or take pcie=1 out",
					PT_VMID(facts)));
	}
}

PT_RULE(pt_rule_legacy_igd_twice)
{
	const struct pt_assignment *first = NULL;

	pt_foreach (assignment, facts->assignment, facts->count) {
		if (!assignment->entry.legacy_igd)
			continue;
		if (first)
			pt_rule_found(rule, findings, pt_subject_entry(assignment),
				pt_format(
					"legacy-igd=1, which %s has already: a guest can have one "
					"such device",
					PT_LABEL(first)),
				pt_format("take legacy-igd=1 out of one of them"));
		else
			first = assignment;
	}
}

/* What is wrong with a legacy-igd entry, for the rule of that tag. NULL: nothing. */
static const char *igd_trouble(const char *tag, const struct pt_facts *facts,
	const struct pt_assignment *assignment, const char **hint)
{
	const struct pt_hostpci *entry = &assignment->entry;
	const struct pt_alternative *first = assignment->alternative;

	if (pt_streq(tag, "legacy-igd-vga") &&
		!pt_streq(pt_guest_get(facts->guest, "vga"), "none")) {
		*hint = "set 'vga: none', in exactly this form";
		return "needs 'vga: none'";
	}
	if (pt_streq(tag, "legacy-igd-rombar") && !entry->rombar) {
		*hint = "take rombar=0 out";
		return "needs the ROM BAR";
	}
	if (pt_streq(tag, "legacy-igd-x-vga") && entry->x_vga) {
		*hint = "take x-vga=1 out";
		return "does not go with x-vga";
	}
	if (pt_streq(tag, "legacy-igd-mdev") && entry->mdev) {
		*hint = "take mdev out";
		return "does not go with a mediated device";
	}
	if (pt_streq(tag, "legacy-igd-q35") && pt_guest_is_q35(facts->guest)) {
		*hint = "use the machine type i440fx";
		return "does not go with the machine type q35";
	}
	if (pt_streq(tag, "legacy-igd-multifunction") && assignment->multifunction) {
		*hint = "name the one function, 0000:00:02.0";
		return "does not go with more than one function";
	}
	if (pt_streq(tag, "legacy-igd-alternatives") && assignment->count > 1) {
		*hint = "name the device itself, or a mapping with one device";
		return "does not go with a mapping of several devices";
	}
	if (pt_streq(tag, "legacy-igd-address") && first && first->count &&
		(first->id[0].slot != 2 || first->id[0].function != 0)) {
		*hint = "take legacy-igd=1 out";
		return "works for the device at 00:02.0 only";
	}
	return NULL;
}

PT_RULE(pt_rule_legacy_igd)
{
	pt_foreach (assignment, facts->assignment, facts->count) {
		const char *hint = NULL;
		const char *trouble;

		if (!assignment->entry.legacy_igd || assignment->problem.tag)
			continue;
		trouble = igd_trouble(rule->tag, facts, assignment, &hint);
		if (trouble)
			pt_rule_found(rule, findings, pt_subject_entry(assignment),
				pt_format("legacy-igd=1 %s", trouble), copy(hint));
	}
}

const struct pt_taken *pt_rule_function_0(
	const struct pt_facts *facts, const struct pt_taken *companion)
{
	const struct pt_function *function = pt_inventory_find(facts->inventory, &companion->bdf);

	if (!companion->companion || !function || pt_function_is_vf(function))
		return NULL;
	pt_foreach (taken, facts->taken, facts->taken_count) {
		if (!taken->companion && taken->bdf.function == 0 &&
			pt_bdf_same_slot(&taken->bdf, &companion->bdf))
			return taken;
	}
	return NULL;
}

/* The siblings that stay out of the guest: "0000:01:00.1, 0000:01:00.2". The caller's. */
static char *list_siblings(const struct pt_facts *facts, const struct pt_taken *zero)
{
	char *list = NULL;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		if (pt_rule_function_0(facts, taken) == zero)
			list = pt_list_add(list, ", ", PT_BDF(&taken->bdf));
	}
	return list;
}

/* Whether all that the slot has goes along anyway: else the bare slot would take more than the group does. */
static bool takes_whole_slot(const struct pt_facts *facts, const struct pt_taken *zero)
{
	pt_foreach (detail, facts->detail, facts->detail_count) {
		if (pt_bdf_compare(&detail->bdf, &zero->bdf) == 0)
			return !detail->has_more_in_slot;
	}
	return true;
}

/* What to write in place of the function: "0000:01:00", or "0000:00:14.0;0000:00:14.2". The caller's. */
static char *whole_of(const struct pt_facts *facts, const struct pt_taken *zero)
{
	char slot[PT_BDF_TEXT];
	char *list = NULL;

	pt_bdf_format(&zero->bdf, slot);
	if (takes_whole_slot(facts, zero)) {
		slot[strlen(slot) - 2] = '\0';
		return strdup(slot);
	}
	list = pt_list_add(list, ";", slot);
	pt_foreach (taken, facts->taken, facts->taken_count) {
		if (pt_rule_function_0(facts, taken) == zero)
			list = pt_list_add(list, ";", PT_BDF(&taken->bdf));
	}
	return list;
}

PT_RULE(pt_rule_partial_slot)
{
	pt_foreach (zero, facts->taken, facts->taken_count) {
		const struct pt_assignment *assignment = &facts->assignment[zero->assignment];
		PT_FREE char *siblings = zero->companion ? NULL : list_siblings(facts, zero);
		PT_FREE char *whole = siblings ? whole_of(facts, zero) : NULL;

		if (!whole)
			continue;
		pt_rule_found(rule, findings, pt_subject_function(facts, zero),
			pt_format(
				"%s of the same device would stay out of the guest, but leave the "
				"host all the same: the IOMMU group is shared",
				siblings),
			assignment->entry.mapping
				? pt_format("give the mapping %s the path %s (All Functions)",
					  assignment->entry.mapping, whole)
				: pt_format(
					  "write %s in place of its single functions (All Functions)",
					  whole));
	}
}
