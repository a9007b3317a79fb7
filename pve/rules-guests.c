// SPDX-License-Identifier: AGPL-3.0-or-later
/* Other guests that have the functions. */
#include "pve/rules.h"

static const struct pt_taken *taken_of(const struct pt_facts *facts, const struct pt_owner *owner)
{
	pt_foreach (taken, facts->taken, facts->taken_count) {
		if (pt_bdf_compare(&taken->bdf, &owner->bdf) == 0)
			return taken;
	}
	return NULL; /* a VF of a taken PF: another rule's */
}

PT_RULE(pt_rule_claimed)
{
	pt_foreach (owner, facts->owner, facts->owner_count) {
		const struct pt_taken *taken = taken_of(facts, owner);

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
		const struct pt_taken *taken = taken_of(facts, owner);

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
		const struct pt_taken *taken = taken_of(facts, owner);

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
