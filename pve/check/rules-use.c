// SPDX-License-Identifier: AGPL-3.0-or-later
/* What the host itself does with functions that would be taken from it. */
#include "pve/config/policy.h"
#include "pve/check/rules.h"

#define MOST		 3	 /* uses of one function that are told one by one */
#define CLASS_USB	 0x0c03U /* class and subclass of a USB controller */
#define CLASS_MULTIMEDIA 0x04U

/* The rule that tells of a use. */
static const char *tag_of(const struct pt_facts *facts, const struct pt_use *use)
{
	static const char *const tag[] = {
		[PT_USE_BLOCK] = "in-use-block",
		[PT_USE_NET] = "in-use-net",
		[PT_USE_GPU] = "in-use-gpu",
		[PT_USE_SOUND] = "in-use-sound",
		[PT_USE_INPUT] = "in-use-usb",
		[PT_USE_NODE] = "in-use-node",
		[PT_USE_CONSOLE] = "console-on-device",
		[PT_USE_MODULE] = "in-use-module",
	};
	const struct pt_function *function = pt_inventory_find(facts->inventory, &use->bdf);

	if (use->kind == PT_USE_BLOCK && function && function->class >> 8 == CLASS_USB)
		return "in-use-usb";
	/* the sockets of a sound card tell by such a node that something is plugged in */
	if (use->kind == PT_USE_INPUT && function && function->class >> 16 == CLASS_MULTIMEDIA)
		return "in-use-sound";
	return tag[use->kind];
}

/* How much a use weighs. */
enum weight {
	WEAK,
	STRONG,
	STOPPED, /* strong, but a start ends it first: local policy stops its unit */
};

static enum weight weigh(const struct pt_facts *facts, const struct pt_use *use)
{
	struct pt_names PT_NAMES units = {0};

	if (use->weak)
		return WEAK;
	/* out of memory: it counts; so it does where no hook stops the unit */
	return facts->hooked && use->unit[0] &&
			       pt_policy_units(&facts->host->policy, facts->guest->vmid, &use->bdf,
				       &units) == 0 &&
			       pt_names_hold(&units, use->unit)
		       ? STOPPED
		       : STRONG;
}

/* Whether a use of the function is this rule's, and of that weight. */
static bool is_listed(const struct pt_rule *rule, const struct pt_facts *facts,
	const struct pt_bdf *bdf, enum weight weight, const struct pt_use *use)
{
	return pt_bdf_compare(&use->bdf, bdf) == 0 && pt_streq(tag_of(facts, use), rule->tag) &&
	       weigh(facts, use) == weight;
}

/* "nvme0n1p2 is mounted at /, nvme0n1p1 is mounted at /boot/efi": the uses that are this rule's. NULL: none. */
static char *list_uses(const struct pt_rule *rule, const struct pt_facts *facts,
	const struct pt_bdf *bdf, enum weight weight)
{
	char *list = NULL;
	size_t count = 0;

	pt_foreach (use, facts->uses.use, facts->uses.count) {
		char *longer;

		if (!is_listed(rule, facts, bdf, weight, use) || count++ >= MOST)
			continue;
		longer = pt_format(
			"%s%s%s %s", list ? list : "", list ? ", " : "", use->what, use->how);
		free(list);
		list = longer;
	}
	if (list && count > MOST) {
		char *longer = pt_format("%s, and %zu more", list, count - MOST);

		free(list);
		list = longer;
	}
	return list;
}

static const struct pt_bdf *find_twin(const struct pt_facts *facts, const struct pt_bdf *bdf)
{
	pt_foreach (twin, facts->twin, facts->twin_count) {
		if (pt_bdf_compare(&twin->bdf, bdf) == 0)
			return &twin->free;
	}
	return NULL;
}

static bool has_system(
	const struct pt_rule *rule, const struct pt_facts *facts, const struct pt_bdf *bdf)
{
	pt_foreach (use, facts->uses.use, facts->uses.count) {
		if (use->system && is_listed(rule, facts, bdf, STRONG, use))
			return true;
	}
	return false;
}

/* "umount /mnt, vgchange -an data": what ends the uses, where commands can be named. The caller's. */
static char *list_ends(
	const struct pt_rule *rule, const struct pt_facts *facts, const struct pt_bdf *bdf)
{
	struct pt_names PT_NAMES told = {0};
	char *list = NULL;
	bool more = false;

	pt_foreach (use, facts->uses.use, facts->uses.count) {
		if (!is_listed(rule, facts, bdf, STRONG, use) ||
			(use->end && pt_names_hold(&told, use->end)))
			continue;
		if (!use->end || told.count >= MOST || pt_names_add(&told, use->end) < 0)
			more = true;
		else
			list = pt_list_add(list, ", ", use->end);
	}
	return list && more ? pt_list_add(list, ", ", "end the other uses") : list;
}

/* What ends a use of the kind, where no command can be named. */
static const char *remedy_of(const char *tag)
{
	static const struct {
		const char *tag, *remedy;
	} remedies[] = {
		{"in-use-block", "end that use"},
		{"in-use-net", "move the host's network to another interface"},
		{"in-use-gpu", "end that program"},
		{"in-use-sound", "end that program"},
		{"in-use-usb", "unmount what is plugged in there"},
		{"in-use-node", "end that program"},
	};

	pt_foreach (one, remedies, PT_ARRAY_SIZE(remedies)) {
		if (pt_streq(one->tag, tag))
			return one->remedy;
	}
	return NULL;
}

static char *hint_for(
	const struct pt_rule *rule, const struct pt_facts *facts, const struct pt_taken *taken)
{
	const struct pt_bdf *twin = find_twin(facts, &taken->bdf);
	PT_FREE char *ends = list_ends(rule, facts, &taken->bdf);
	const char *remedy = ends ? ends : remedy_of(rule->tag);

	if (taken->companion && has_system(rule, facts, &taken->bdf))
		return pt_format(
			"the system runs from it, and it goes along because it shares the IOMMU "
			"group: take %s out of the guest, or put one of them into another slot",
			PT_LABEL(&facts->assignment[taken->assignment]));
	if (taken->companion)
		return pt_format(
			"%s; it goes along because it shares the IOMMU group: another slot "
			"may separate them",
			remedy);
	if (twin)
		return pt_format("%s is the same model with nothing on it%s", PT_BDF(twin),
			pt_streq(rule->tag, "in-use-block")
				? " that the host uses: see what it holds first"
				: "");
	if (has_system(rule, facts, &taken->bdf))
		return pt_format("the system runs from it: name another device");
	return pt_format("%s, or name another device", remedy);
}

/* A device that Proxmox VE takes if the one that is expected is not to be had then. */
static void say_spare(const struct pt_rule *rule, const struct pt_facts *facts,
	struct pt_findings *findings, const struct pt_taken *spare)
{
	PT_FREE char *strong = list_uses(rule, facts, &spare->bdf, STRONG);

	if (strong)
		pt_findings_add(findings, rule->tag, PT_WARNING, PT_TELL,
			pt_subject_function(facts, spare),
			pt_format("is in use on this host: %s; it is another device of the same "
				  "mapping, which Proxmox VE takes when the first is not free",
				strong),
			pt_format("take it out of the mapping"));
}

PT_RULE(pt_rule_in_use)
{
	pt_foreach (spare, facts->spare, facts->spare_count)
		say_spare(rule, facts, findings, spare);
	pt_foreach (taken, facts->taken, facts->taken_count) {
		char *strong = list_uses(rule, facts, &taken->bdf, STRONG);
		char *weak = list_uses(rule, facts, &taken->bdf, WEAK);
		char *stopped = list_uses(rule, facts, &taken->bdf, STOPPED);

		/* what the system runs from goes by no accident, whatever local policy allows */
		if (strong)
			pt_findings_add(findings, rule->tag, rule->severity,
				has_system(rule, facts, &taken->bdf) ? PT_REFUSE_ALWAYS
								     : rule->refusal,
				pt_subject_function(facts, taken),
				pt_format("is in use on this host: %s" PT_NOT_TO_BE_HAD, strong),
				hint_for(rule, facts, taken));
		if (weak)
			pt_findings_add(findings, rule->tag, PT_WARNING, PT_TELL,
				pt_subject_function(facts, taken),
				pt_streq(rule->tag, "console-on-device")
					? pt_format("%s; that ends when the guest starts", weak)
					: pt_format("%s", weak),
				NULL);
		if (stopped)
			pt_findings_add(findings, rule->tag, PT_INFO, PT_TELL,
				pt_subject_function(facts, taken),
				pt_format(
					"is in use on this host: %s; a start stops that first, and "
					"starts it again afterwards ('stop-units')",
					stopped),
				NULL);
		free(strong);
		free(weak);
		free(stopped);
	}
}
