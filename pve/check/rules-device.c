// SPDX-License-Identifier: AGPL-3.0-or-later
/* What the assigned functions are. */
#include "pve/config/paths.h"
#include "pve/check/rules.h"

static const struct pt_function *function_of(
	const struct pt_facts *facts, const struct pt_taken *taken)
{
	return pt_inventory_find(facts->inventory, &taken->bdf);
}

/*
 * Where the device of a record sits now; NULL: nowhere that is known. Without a serial number it may be any of its model:
 * of several nothing is said.
 */
static const struct pt_identity *find_again(
	const struct pt_facts *facts, const struct pt_identity *recorded)
{
	const struct pt_identity *again = NULL;

	pt_foreach (moved, facts->moved.identity, facts->moved.count) {
		if (!pt_identity_same(moved, recorded))
			continue;
		if (again && !recorded->serial[0])
			return NULL;
		again = moved;
	}
	return again;
}

/* Recorded devices of an entry that are not where they were, and are found elsewhere. */
static void say_moved(
	const struct pt_rule *rule, const struct pt_facts *facts, struct pt_findings *findings)
{
	pt_foreach (recorded, facts->recorded->identity, facts->recorded->count) {
		const struct pt_identity *again = find_again(facts, recorded);

		if (again && !pt_identities_find(&facts->current, &recorded->bdf))
			pt_findings_add(findings, rule->tag, PT_INFO, PT_TELL, pt_format("guest"),
				recorded->serial[0]
					? pt_format(
						  "the device that was at %s when it started last is "
						  "at %s now",
						  PT_BDF(&recorded->bdf), PT_BDF(&again->bdf))
					: pt_format(
						  "the device that was at %s when it started last is "
						  "not there; another of its model is at %s",
						  PT_BDF(&recorded->bdf), PT_BDF(&again->bdf)),
				NULL);
	}
}

static bool any_missing(const struct pt_facts *facts, const char *tag)
{
	pt_foreach (assignment, facts->assignment, facts->count) {
		if (pt_streq(assignment->problem.tag, tag))
			return true;
	}
	return false;
}

static void say_unreadable(const struct pt_rule *rule, const struct pt_function *function,
	struct pt_findings *findings, char *subject)
{
	if (function && function->info_ok)
		free(subject);
	else
		pt_rule_found(rule, findings, subject,
			pt_format("is listed on the bus, but its vendor, device or interrupt "
				  "cannot be read"),
			pt_format("look in the kernel log; the device may have died or be going "
				  "away"));
}

PT_RULE(pt_rule_unreadable)
{
	pt_rule_problem(rule, facts, findings);
	if (any_missing(facts, rule->tag))
		say_moved(rule, facts, findings);
	pt_foreach (taken, facts->taken, facts->taken_count)
		say_unreadable(rule, function_of(facts, taken), findings,
			pt_subject_function(facts, taken));
	/* Proxmox VE looks at those, too, that stay with their drivers */
	pt_foreach (assignment, facts->assignment, facts->count) {
		const struct pt_alternative *chosen;

		if (assignment->chosen < 0 || pt_assignment_is_bound(assignment))
			continue;
		chosen = &assignment->alternative[assignment->chosen];
		pt_foreach (id, chosen->id, chosen->count) {
			if (!pt_taken_find(facts->taken, facts->taken_count, id))
				say_unreadable(rule, pt_inventory_find(facts->inventory, id),
					findings,
					pt_format("%s: %s", PT_LABEL(assignment), PT_BDF(id)));
		}
	}
}

PT_RULE(pt_rule_bridge)
{
	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = function_of(facts, taken);

		if (!taken->companion && function && function->is_bridge)
			pt_rule_found(rule, findings, pt_subject_function(facts, taken),
				pt_format("is a PCI bridge and cannot be passed through; Proxmox "
					  "VE would take what is behind it from the host all the "
					  "same"),
				pt_format("name the device behind the bridge"));
	}
}

PT_RULE(pt_rule_no_group)
{
	if (!facts->host->iommu_active)
		return; /* told once for the host */
	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = function_of(facts, taken);

		if (function && function->group == PT_GROUP_NONE)
			pt_rule_found(rule, findings, pt_subject_function(facts, taken),
				pt_format("is in no IOMMU group, so it cannot be passed through"),
				pt_format("try another slot: this one is not behind the IOMMU"));
	}
}

PT_RULE(pt_rule_companions)
{
	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = function_of(facts, taken);

		/* the rule partial-slot speaks of siblings */
		if (!taken->companion || !function || pt_rule_function_0(facts, taken))
			continue;
		pt_rule_found(rule, findings, pt_subject_function(facts, taken),
			pt_format(
				"is not assigned, but shares IOMMU group %d with a device that is, "
				"so it leaves the host%s%s%s while the guest runs",
				function->group, function->driver ? " (" : "",
				function->driver ? function->driver : "",
				function->driver ? ")" : ""),
			pt_format("move one of the cards to another slot if the host needs it"));
	}
}

static bool has_function(const struct pt_alternative *alternative, const struct pt_bdf *bdf)
{
	pt_foreach (id, alternative->id, alternative->count) {
		if (pt_bdf_compare(id, bdf) == 0)
			return true;
	}
	return false;
}

/* A VF of a PF that the same alternative holds, in the same slot; NULL: none. */
static const struct pt_function *caught_vf(
	const struct pt_facts *facts, const struct pt_alternative *alternative)
{
	pt_foreach (id, alternative->id, alternative->count) {
		const struct pt_function *function = pt_inventory_find(facts->inventory, id);

		if (function && pt_function_is_vf(function) &&
			pt_bdf_same_slot(&function->physfn, id) &&
			has_function(alternative, &function->physfn))
			return function;
	}
	return NULL;
}

/* Whether a name without function stands in the list. */
static bool names_whole_slot(const char *name)
{
	while (name && *name) {
		size_t length = strcspn(name, ";");

		if (!memchr(name, '.', length))
			return true;
		name += length + (name[length] == ';');
	}
	return false;
}

PT_RULE(pt_rule_slot_vfs)
{
	pt_foreach (assignment, facts->assignment, facts->count) {
		const struct pt_alternative *chosen;
		const struct pt_function *vf;

		if (assignment->chosen < 0)
			continue;
		chosen = &assignment->alternative[assignment->chosen];
		if (!chosen->count ||
			!pt_taken_find(facts->taken, facts->taken_count, &chosen->id[0]))
			continue;
		vf = names_whole_slot(chosen->path) ? caught_vf(facts, chosen) : NULL;
		if (vf)
			pt_rule_found(rule, findings, pt_subject_entry(assignment),
				pt_format("the whole device holds %s, a virtual function of %s: it "
					  "vanishes when the latter leaves its driver",
					PT_BDF(&vf->bdf), PT_BDF(&vf->physfn)),
				pt_format("name the physical function with its number, or only "
					  "virtual functions"));
	}
}

/* How a VF is in use, as a text; NULL: it is not. ret_owner: by a guest, or a process that has it open. */
static char *vf_use(const struct pt_facts *facts, const struct pt_bdf *vf, bool *ret_owner)
{
	const struct pt_taken *taken = pt_taken_find(facts->taken, facts->taken_count, vf);

	if (taken && !taken->companion)
		return pt_format("%s is to go into the same guest", PT_BDF(vf));
	pt_foreach (owner, facts->owner, facts->owner_count) {
		if (pt_bdf_compare(&owner->bdf, vf) != 0 || owner->kind == PT_OWNER_STALE)
			continue;
		*ret_owner = true;
		return owner->vmid ? pt_format("guest %llu has %s", owner->vmid, PT_BDF(vf))
				   : pt_format("process %d (%s) has %s open", owner->pid,
					     owner->name, PT_BDF(vf));
	}
	pt_foreach (busy, facts->busy_vf, facts->busy_vf_count) {
		if (pt_bdf_compare(&busy->bdf, vf) == 0)
			return pt_format("%s is up as %s", PT_BDF(vf), busy->net);
	}
	pt_foreach (use, facts->uses.use, facts->uses.count) {
		if (!use->weak && pt_bdf_compare(&use->bdf, vf) == 0)
			return pt_format("%s of %s %s", use->what, PT_BDF(vf), use->how);
	}
	return NULL;
}

PT_RULE(pt_rule_pf_with_vfs)
{
	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = function_of(facts, taken);
		bool owned = false;
		char *use = NULL;

		if (!function || !function->vf_count || pt_taken_stays(taken, function))
			continue;
		/* one that another guest has is told before what the host itself does with others */
		for (size_t i = 0; !owned && i < function->vf_count; i++) {
			char *other = vf_use(facts, &function->vf[i], &owned);

			if (owned || !use) {
				free(use);
				use = other;
			} else {
				free(other);
			}
		}
		if (use)
			pt_findings_add(findings, rule->tag, rule->severity,
				owned ? PT_REFUSE_ALWAYS : rule->refusal,
				pt_subject_function(facts, taken),
				pt_format(
					"has %zu virtual function%s, which taking it destroys, and "
					"one is in use: %s",
					function->vf_count, function->vf_count == 1 ? "" : "s",
					use),
				pt_format("end that use first, or pass a virtual function through "
					  "instead"));
		else
			pt_findings_add(findings, rule->tag, PT_WARNING, PT_TELL,
				pt_subject_function(facts, taken),
				pt_format("has %zu virtual function%s, which taking it destroys",
					function->vf_count, function->vf_count == 1 ? "" : "s"),
				facts->hooked ? pt_format("nothing uses them; their number is "
							  "restored when the guest has stopped")
					      : pt_format("nothing uses them; nobody restores "
							  "their number without the hookscript"));
		free(use);
	}
}

PT_RULE(pt_rule_keep_without_vfio)
{
	pt_foreach (assignment, facts->assignment, facts->count) {
		const struct pt_alternative *chosen;

		if (!assignment->entry.keep_driver || assignment->chosen < 0 ||
			assignment->entry.mdev)
			continue;
		chosen = &assignment->alternative[assignment->chosen];
		pt_foreach (id, chosen->id, chosen->count) {
			const struct pt_function *function =
				pt_inventory_find(facts->inventory, id);
			const struct pt_taken *taken =
				pt_taken_find(facts->taken, facts->taken_count, id);

			if (!function || function->has_nvidia || pt_function_on_vfio(function) ||
				(taken && !pt_taken_stays(taken, function)))
				continue;
			pt_rule_found(rule, findings,
				pt_format("%s: %s", PT_LABEL(assignment), PT_BDF(id)),
				pt_format("driver=keep leaves it with %s, which is no vfio driver, "
					  "so QEMU cannot open it",
					function->driver ? function->driver : "no driver"),
				facts->hooked
					? pt_format(
						  "'vfio-driver = auto' under [device %s] in " PT_POLICY_FILE
						  " has pve-pthook do it; or take driver=keep out",
						  PT_BDF(id))
					: pt_format(
						  "take driver=keep out, or attach pve-pthook, which "
						  "heeds 'vfio-driver = auto' under [device %s] "
						  "in " PT_POLICY_FILE,
						  PT_BDF(id)));
		}
	}
}

PT_RULE(pt_rule_vf_of_absent_pf)
{
	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = function_of(facts, taken);
		const struct pt_function *pf =
			function && pt_function_is_vf(function)
				? pt_inventory_find(facts->inventory, &function->physfn)
				: NULL;

		if (!pf || taken->companion || (pf->driver && !pt_function_on_vfio(pf)))
			continue;
		pt_rule_found(rule, findings, pt_subject_function(facts, taken),
			pt_format("is a virtual function of %s, which %s%s: nobody manages it",
				PT_BDF(&pf->bdf), pf->driver ? "is itself on " : "has no driver",
				pf->driver ? pf->driver : ""),
			pt_format("bind %s to its host driver", PT_BDF(&pf->bdf)));
	}
}

/* A return that failed leaves the override with which it was tried. */
static bool is_left_by_us(const struct pt_facts *facts, const struct pt_bdf *bdf)
{
	pt_foreach (note, facts->note, facts->note_count) {
		if (note->error && pt_bdf_compare(&note->bdf, bdf) == 0)
			return true;
	}
	return false;
}

PT_RULE(pt_rule_foreign_override)
{
	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = function_of(facts, taken);

		if (function && function->override && !pt_taken_stays(taken, function) &&
			!is_left_by_us(facts, &taken->bdf))
			pt_rule_found(rule, findings, pt_subject_function(facts, taken),
				pt_format(
					"has the driver override %s, which somebody set; it is %s",
					function->override,
					facts->hooked ? "restored when the guest has stopped"
						      : "lost, without the hookscript"),
				NULL);
	}
}

static char *where_hint(const struct pt_facts *facts, const struct pt_identity *recorded)
{
	const struct pt_identity *again = find_again(facts, recorded);

	if (again)
		return recorded->serial[0] ? pt_format("the device that it had is at %s now",
						     PT_BDF(&again->bdf))
					   : pt_format("another of the model that it had is at %s",
						     PT_BDF(&again->bdf));
	return pt_format("if the change was meant, 'pve-ptconf accept %s'", PT_VMID(facts));
}

PT_RULE(pt_rule_identity)
{
	pt_foreach (now, facts->current.identity, facts->current.count) {
		const struct pt_identity *recorded = pt_identities_find(facts->recorded, &now->bdf);
		char was[PT_IDENTITY_TEXT], is[PT_IDENTITY_TEXT];
		const struct pt_taken *taken =
			pt_taken_find(facts->taken, facts->taken_count, &now->bdf);
		bool other_kind;

		if (!taken || !recorded || pt_identity_same(now, recorded))
			continue;
		/* a disk where a graphics card was is no other card of the kind */
		other_kind = now->class >> 8 != recorded->class >> 8;
		pt_findings_add(findings, rule->tag, other_kind ? PT_ERROR : PT_WARNING, PT_TELL,
			pt_subject_function(facts, taken),
			pt_format("is %s now, but at the last successful start it was %s%s",
				pt_identity_format(now, is), pt_identity_format(recorded, was),
				other_kind ? ", a device of another class" : ""),
			where_hint(facts, recorded));
	}
}
