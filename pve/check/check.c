// SPDX-License-Identifier: AGPL-3.0-or-later
#include <stdarg.h>

#include "pve/check/check.h"
#include "pve/config/paths.h"

static const struct pt_checks *const subjects[] = {
	&pt_host_checks,
	&pt_config_checks,
	&pt_igd_checks,
	&pt_guest_checks,
	&pt_rom_checks,
	&pt_device_checks,
	&pt_hardware_checks,
	&pt_vf_checks,
	&pt_reset_checks,
	&pt_use_checks,
	&pt_owner_checks,
	&pt_resource_checks,
	&pt_width_checks,
	&pt_hugepage_checks,
	&pt_writer_checks,
};

const struct pt_check *pt_check_at(size_t at)
{
	pt_foreach (subject, subjects, PT_ARRAY_SIZE(subjects)) {
		if (at < (*subject)->count)
			return &(*subject)->check[at];
		at -= (*subject)->count;
	}
	return NULL;
}

const struct pt_check *pt_check_find(const char *tag)
{
	const struct pt_check *check;

	for (size_t at = 0; (check = pt_check_at(at)); at++) {
		if (pt_streq(check->tag, tag))
			break;
	}
	return check;
}

size_t pt_check_cases(const struct pt_check *check)
{
	size_t count = 0;

	while (count < PT_CASES_MAX && check->of[count].message)
		count++;
	return count;
}

enum pt_allowing pt_check_allowing(const char *tag)
{
	const struct pt_check *check = pt_check_find(tag);

	if (!check)
		return PT_ALLOWING_UNKNOWN;
	if (check->of[0].effect == PT_REFUSES_ALWAYS)
		return PT_ALLOWING_NEVER;
	/* an address may lead to another device one day */
	if (check->of[0].effect == PT_REFUSES && check->in_use)
		return PT_ALLOWING_ONE_DEVICE;
	return PT_ALLOWING_ANY;
}

/* Whether the address has another device than at the last start: the line is not for that one. */
static bool is_another(const struct pt_findings *findings, const struct pt_bdf *bdf)
{
	pt_foreach (finding, findings->finding, findings->count) {
		if (finding->check->another_device && pt_finding_is_on(finding, bdf))
			return true;
	}
	return false;
}

static void allow(struct pt_finding *finding, const struct pt_findings *findings,
	const struct pt_setting *line)
{
	const struct pt_subject *on = &finding->subject;

	finding->policy_line = line->line;
	finding->allowance = PT_ALLOWED;
	if (on->kind == PT_ON_FUNCTION && finding->check->in_use &&
		is_another(findings, &on->function)) {
		finding->allowance = PT_ALLOWED_ANOTHER;
		return;
	}
	finding->severity = finding->severity == PT_ERROR ? PT_WARNING : PT_INFO;
	if (finding->effect == PT_REFUSES)
		finding->effect = PT_WARNS;
}

void pt_findings_allow(
	const struct pt_policy *policy, unsigned int vmid, struct pt_findings *findings)
{
	pt_foreach (finding, findings->finding, findings->count) {
		const struct pt_subject *on = &finding->subject;
		const struct pt_setting *line;

		if (finding->severity == PT_INFO || finding->effect == PT_REFUSES_ALWAYS)
			continue;
		line = pt_policy_allows(policy, vmid, finding->check->tag,
			on->kind == PT_ON_FUNCTION ? &on->function : NULL);
		if (line)
			allow(finding, findings, line);
	}
}

/* Checks name one problem for both. */
static enum pt_problem_kind problem_of(enum pt_problem_kind kind)
{
	return kind == PT_PROBLEM_MAPPED_DEVICE_MISSING ? PT_PROBLEM_DEVICE_MISSING : kind;
}

const struct pt_check *pt_problem_check(enum pt_problem_kind kind)
{
	const struct pt_check *check;

	if (kind == PT_PROBLEM_NONE)
		return NULL;
	kind = problem_of(kind);
	for (size_t at = 0; (check = pt_check_at(at)); at++) {
		if (check->problem == kind)
			break;
	}
	return check;
}

char *pt_entry_problem(const struct pt_findings *findings, const struct pt_assignment *assignment)
{
	const struct pt_check *check = pt_problem_check(assignment->problem.kind);

	/* local policy may have lowered it: any severity counts */
	pt_foreach (finding, findings->finding, check ? findings->count : 0) {
		if (finding->check->problem == problem_of(assignment->problem.kind) &&
			finding->subject.kind == PT_ON_ENTRY &&
			finding->subject.entry == assignment->entry.index)
			return pt_finding_message(finding);
	}
	return check ? pt_strdup(check->tag) : NULL;
}

/* Keeps the order within a severity: a list of findings is short. */
static void sort(struct pt_findings *findings)
{
	for (size_t i = 1; i < findings->count; i++) {
		struct pt_finding moved = findings->finding[i];
		size_t at = i;

		for (; at && findings->finding[at - 1].severity < moved.severity; at--)
			findings->finding[at] = findings->finding[at - 1];
		findings->finding[at] = moved;
	}
}

void pt_check_run(const struct pt_facts *facts, struct pt_findings *findings)
{
	const struct pt_check *check;

	for (size_t at = 0; (check = pt_check_at(at)); at++) {
		const struct pt_judging judging = {check, facts, findings};

		check->find(&judging);
	}
	pt_findings_allow(&facts->host->policy, facts->guest->vmid, findings);
	sort(findings);
}

int pt_check_host(struct pt_node *node, struct pt_findings *findings, struct pt_err *err)
{
	struct pt_guest_query query = {.node = node->name};
	struct pt_guest PT_GUEST *nobody = pt_guest_new(&query, PT_TEXT_BYTES);
	struct pt_facts PT_FACTS facts = {0};
	int r;

	pt_guest_set(nobody, "hookscript", PT_HOOK_VOLUME, strlen(PT_HOOK_VOLUME));
	r = pt_facts_gather(node, nobody, PT_DEPTH_HOST, &facts, err);
	if (r == 0)
		pt_check_run(&facts, findings);
	return r;
}

struct pt_finding *pt_report(
	const struct pt_judging *judging, size_t which, struct pt_subject on, ...)
{
	unsigned int vmid = judging->facts->guest->vmid;
	struct pt_finding *finding =
		pt_findings_add(judging->findings, judging->check, &judging->check->of[which], on);
	const char *name;
	va_list words;

	/* for commands; a config that is no guest's yet has no number */
	pt_finding_set(finding, "vmid", vmid && vmid <= PT_VMID_MAX ? PT_NUMBER(vmid) : "VMID");
	va_start(words, on);
	while ((name = va_arg(words, const char *)))
		pt_finding_set(finding, name, va_arg(words, const char *));
	va_end(words);
	return finding;
}

struct pt_subject pt_on_host(void)
{
	return (struct pt_subject){.kind = PT_ON_HOST};
}

struct pt_subject pt_on_guest(void)
{
	return (struct pt_subject){.kind = PT_ON_GUEST};
}

struct pt_subject pt_on_other(unsigned int vmid)
{
	return (struct pt_subject){.kind = PT_ON_OTHER_GUEST, .vmid = vmid};
}

struct pt_subject pt_on_entry(const struct pt_assignment *assignment)
{
	return (struct pt_subject){.kind = PT_ON_ENTRY, .entry = assignment->entry.index};
}

struct pt_subject pt_on_id(const struct pt_assignment *assignment, const struct pt_bdf *bdf)
{
	return (struct pt_subject){
		.kind = PT_ON_FUNCTION, .entry = assignment->entry.index, .function = *bdf};
}

struct pt_subject pt_on_function(const struct pt_facts *facts, const struct pt_taken *taken)
{
	return pt_on_id(&facts->assignment[taken->assignment], &taken->bdf);
}

const char *pt_number_text(unsigned long long number, char text[static PT_NUMBER_TEXT])
{
	snprintf(text, PT_NUMBER_TEXT, "%llu", number);
	return text;
}

const struct pt_taken *pt_function_0_of(
	const struct pt_facts *facts, const struct pt_taken *companion)
{
	const struct pt_function *function = pt_facts_function(facts, &companion->bdf);

	if (!companion->companion || !function || pt_function_is_vf(function) ||
		pt_has_obstacle(facts, function, PT_OBSTACLE_CHIPSET) ||
		pt_has_obstacle(facts, function, PT_OBSTACLE_DEAD))
		return NULL;
	pt_foreach (taken, facts->taken, facts->taken_count) {
		if (!taken->companion && taken->bdf.function == 0 &&
			pt_bdf_same_slot(&taken->bdf, &companion->bdf))
			return taken;
	}
	return NULL;
}

bool pt_has_obstacle(
	const struct pt_facts *facts, const struct pt_function *function, enum pt_obstacle obstacle)
{
	const struct pt_candidate candidate = {
		.function = function,
		.inventory = facts->inventory,
		.uses = &facts->uses,
		.host = facts->host,
	};

	return function && pt_obstacle_applies(obstacle, &candidate);
}

const char *pt_stray_text(const struct pt_facts *facts, const struct pt_assignment *assignment,
	char text[static PT_BDF_TEXT])
{
	pt_foreach (stray, facts->stray, facts->stray_count) {
		if (&facts->assignment[stray->assignment] == assignment)
			return pt_bdf_format(&stray->bdf, text);
	}
	return NULL;
}

/* Whether both are disks behind one VMD controller, whose ports share its group. */
static bool is_behind_one(const struct pt_function *one, const struct pt_function *other)
{
	return one->bdf.domain == other->bdf.domain && one->bdf.domain >= PT_VMD_DOMAINS;
}

bool pt_slot_may_separate(const struct pt_facts *facts, const struct pt_taken *companion)
{
	const struct pt_function *one = pt_facts_function(facts, &companion->bdf);

	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *other = pt_facts_function(facts, &taken->bdf);

		if (!taken->companion && one && other && one->group == other->group &&
			one->has_parent && other->has_parent && !is_behind_one(one, other) &&
			pt_bdf_compare(&one->parent, &other->parent) != 0)
			return true;
	}
	return false;
}

const struct pt_taken *pt_opened_next(const struct pt_facts *facts, const struct pt_taken *after)
{
	const struct pt_taken *end = facts->taken + facts->taken_count;
	const struct pt_taken *at = after ? after + 1 : facts->taken;

	if (after && pt_taken_find(facts->kept, facts->kept_count, &after->bdf) == after)
		return at < facts->kept + facts->kept_count ? at : NULL;
	while (at < end && at->companion)
		at++;
	if (at < end)
		return at;
	return facts->kept_count ? facts->kept : NULL;
}

const struct pt_taken *pt_detail_opened(
	const struct pt_facts *facts, const struct pt_detail *detail)
{
	const struct pt_taken *taken = pt_detail_taken(facts, detail);

	return taken ? taken : pt_taken_find(facts->kept, facts->kept_count, &detail->bdf);
}

const struct pt_taken *pt_detail_taken(const struct pt_facts *facts, const struct pt_detail *detail)
{
	const struct pt_taken *taken =
		pt_taken_find(facts->taken, facts->taken_count, &detail->bdf);

	return taken && !taken->companion ? taken : NULL;
}
