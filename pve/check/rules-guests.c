// SPDX-License-Identifier: AGPL-3.0-or-later
/* Other guests that have the functions. */
#include "pve/check/rules.h"

/* NULL: neither taken nor opened as it is; of an owner, a VF of a taken PF, which is another rule's. */
static const struct pt_taken *taken_of(const struct pt_facts *facts, const struct pt_bdf *bdf)
{
	const struct pt_taken *taken = pt_taken_find(facts->taken, facts->taken_count, bdf);

	return taken ? taken : pt_taken_find(facts->kept, facts->kept_count, bdf);
}

PT_RULE(pt_rule_claimed)
{
	pt_foreach (owner, facts->owner, facts->owner_count) {
		const struct pt_taken *taken = taken_of(facts, &owner->bdf);

		if (taken && owner->kind == PT_OWNER_RETURNING)
			pt_rule_found(rule, findings, pt_subject_function(facts, taken),
				pt_format("is on its way back from guest %llu", owner->vmid),
				pt_format("a start waits for it; 'pve-ptconf claims' shows why it "
					  "takes long"));
		if (taken && owner->kind == PT_OWNER_CLAIM)
			pt_rule_found(rule, findings, pt_subject_function(facts, taken),
				pt_format("is claimed by guest %llu", owner->vmid),
				pt_format(
					"stop guest %llu; if it does not run, 'pve-ptconf release "
					"%llu' returns its devices",
					owner->vmid, owner->vmid));
	}
}

PT_RULE(pt_rule_reserved)
{
	pt_foreach (owner, facts->owner, facts->owner_count) {
		const struct pt_taken *taken = taken_of(facts, &owner->bdf);

		if (taken && owner->kind == PT_OWNER_RESERVED)
			pt_rule_found(rule, findings, pt_subject_function(facts, taken),
				pt_format("is reserved by guest %llu, which is starting",
					owner->vmid),
				pt_format("stop guest %llu, or wait until its start has failed",
					owner->vmid));
		if (taken && owner->kind == PT_OWNER_USES)
			pt_rule_found(rule, findings, pt_subject_function(facts, taken),
				pt_format("is in use by guest %llu, which runs as process %d",
					owner->vmid, owner->pid),
				pt_format("stop guest %llu first", owner->vmid));
	}
}

PT_RULE(pt_rule_running)
{
	pt_foreach (owner, facts->owner, facts->owner_count) {
		const struct pt_taken *taken = taken_of(facts, &owner->bdf);

		if (!taken || owner->kind != PT_OWNER_OPEN)
			continue;
		pt_rule_found(rule, findings, pt_subject_function(facts, taken),
			owner->vmid
				? pt_format("its IOMMU group is open in guest %llu (process %d)",
					  owner->vmid, owner->pid)
				: pt_format("its IOMMU group is open in process %d (%s)",
					  owner->pid, owner->name),
			owner->vmid ? pt_format("stop guest %llu first", owner->vmid)
				    : pt_format("end that process first"));
	}
}

static const char *relation_of(const struct pt_facts *facts, const struct pt_elsewhere *elsewhere)
{
	const struct pt_function *function = pt_inventory_find(facts->inventory, &elsewhere->bdf);

	if (pt_bdf_compare(&elsewhere->named, &elsewhere->bdf) == 0)
		return "it";
	return function && pt_function_is_vf(function) ? "its physical function"
						       : "a virtual function of it";
}

PT_RULE(pt_rule_configured_elsewhere)
{
	const char *onboot = pt_guest_get(facts->guest, "onboot");

	pt_foreach (elsewhere, facts->elsewhere, facts->elsewhere_count) {
		bool both = elsewhere->onboot && pt_streq(onboot, "1");
		const struct pt_taken *taken = taken_of(facts, &elsewhere->bdf);

		if (taken)
			pt_rule_found(rule, findings, pt_subject_function(facts, taken),
				pt_format("guest %u names %s%s%s", elsewhere->vmid,
					relation_of(facts, elsewhere),
					taken->companion
						? ", and it goes along: the IOMMU group is shared"
						: " as well",
					both ? ", and both start at boot" : ""),
				pt_format("only one of them can run at a time"));
	}
	pt_foreach (crowd, facts->crowd, facts->crowd_count) {
		const struct pt_assignment *assignment = &facts->assignment[crowd->assignment];

		pt_rule_found(rule, findings, pt_subject_entry(assignment),
			pt_format(
				"mapping %s has %zu devices on this node, but with guest%s %s it is "
				"named %zu times",
				assignment->entry.mapping, assignment->count,
				strchr(crowd->guests, ',') ? "s" : "", crowd->guests,
				crowd->wanted),
			pt_format("not all of them can run at a time"));
	}
}

/* Whether a claim is this guest's, or in its way. */
static bool concerns(const struct pt_facts *facts, const struct pt_claim_note *note)
{
	if (note->vmid == facts->guest->vmid)
		return true;
	pt_foreach (owner, facts->owner, facts->owner_count) {
		if (owner->vmid == note->vmid)
			return true;
	}
	return false;
}

PT_RULE(pt_rule_stale_claim)
{
	pt_foreach (note, facts->note, facts->note_count) {
		if (!note->error && concerns(facts, note))
			pt_rule_found(rule, findings, pt_format("guest %u", note->vmid),
				pt_format("does not run, but still holds %s and what it was taken "
					  "with",
					PT_BDF(&note->bdf)),
				pt_format(
					"'pve-ptconf release %u' returns it now; the next start does "
					"as well",
					note->vmid));
	}
}

/* What is on record names the function as well. */
static const char *error_without_address(const struct pt_claim_note *note)
{
	const char *address = PT_BDF(&note->bdf);
	size_t length = strlen(address);

	return pt_starts_with(note->error, address) && pt_starts_with(note->error + length, ": ")
		       ? note->error + length + 2
		       : note->error;
}

PT_RULE(pt_rule_claim_incomplete)
{
	pt_foreach (note, facts->note, facts->note_count) {
		if (note->error && concerns(facts, note))
			pt_rule_found(rule, findings, pt_format("guest %u", note->vmid),
				pt_format("could not give %s back: %s", PT_BDF(&note->bdf),
					error_without_address(note)),
				pt_format("'pve-ptconf release %u' tries again", note->vmid));
	}
}
