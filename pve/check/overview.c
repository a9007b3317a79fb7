// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/base/json.h"
#include "pve/check/overview.h"
#include "pve/check/check.h"
#include "pve/check/obstacle.h"

void pt_overview_clear(struct pt_overview *overview)
{
	pt_foreach (function, overview->function, overview->count) {
		free(function->wanting);
		free(function->why_not);
		pt_names_free(&function->use);
	}
	free(overview->function);
	pt_foreach (guest, overview->guest, overview->guest_count)
		pt_findings_clear(&guest->findings);
	free(overview->guest);
	pt_findings_clear(&overview->host);
	*overview = (struct pt_overview){0};
}

static int compare(const void *a, const void *b)
{
	const struct pt_seen_function *x = a, *y = b;

	return pt_bdf_compare(&x->function->bdf, &y->function->bdf);
}

struct pt_seen_function *pt_overview_find(
	const struct pt_overview *overview, const struct pt_bdf *bdf)
{
	const struct pt_function like = {.bdf = *bdf};
	const struct pt_seen_function key = {.function = &like};

	return overview->count
		       ? bsearch(&key, overview->function, overview->count, sizeof(key), compare)
		       : NULL;
}

static void note_wanting(struct pt_overview *overview, const struct pt_facts *facts,
	const struct pt_taken *taken, bool spare)
{
	struct pt_seen_function *function = pt_overview_find(overview, &taken->bdf);
	struct pt_wanting *slot;

	if (!function)
		return;
	slot = pt_array_grow(&function->wanting, &function->wanting_count, sizeof(*slot));
	slot->vmid = facts->guest->vmid;
	slot->companion = taken->companion;
	slot->spare = spare;
	pt_entry_label(facts->assignment[taken->assignment].entry.index, slot->label);
}

/* The functions that an entry has a mediated device made of. */
static void note_mdev(struct pt_overview *overview, const struct pt_facts *facts, size_t assignment)
{
	const struct pt_alternative *chosen = pt_chosen(&facts->assignment[assignment]);

	if (!pt_assignment_is_mdev(&facts->assignment[assignment]) || !chosen)
		return;
	pt_foreach (id, chosen->id, chosen->count) {
		const struct pt_taken taken = {.bdf = *id, .assignment = assignment};

		note_wanting(overview, facts, &taken, false);
	}
}

static int add_guest(struct pt_overview *overview, struct pt_node *node,
	const struct pt_guest *guest, struct pt_err *err)
{
	struct pt_facts PT_FACTS facts = {0};
	struct pt_seen_guest *slot;
	int r = pt_facts_gather(node, guest, PT_DEPTH_CHECK, &facts, err);

	if (r < 0)
		return pt_err_wrap(err, "guest %u", guest->vmid);
	slot = pt_array_grow(&overview->guest, &overview->guest_count, sizeof(*slot));
	slot->guest = guest;
	slot->running = facts.running;
	pt_check_run(&facts, &slot->findings);
	pt_foreach (taken, facts.taken, facts.taken_count)
		note_wanting(overview, &facts, taken, false);
	pt_foreach (kept, facts.kept, facts.kept_count)
		note_wanting(overview, &facts, kept, false);
	pt_foreach (mdev, facts.mdev, facts.mdev_count)
		note_mdev(overview, &facts, mdev->assignment);
	pt_foreach (spare, facts.spare, facts.spare_count)
		note_wanting(overview, &facts, spare, true);
	return 0;
}

static char *judge(struct pt_node *node, const struct pt_function *function)
{
	const struct pt_candidate candidate = pt_candidate_of(node, function);
	const struct pt_obstruction first = pt_obstacle_first(&candidate);

	return pt_obstruction_text(&first, function);
}

static void note_holders(struct pt_overview *overview)
{
	const struct pt_node *node = overview->node;

	pt_foreach (claim, node->claim, node->claim_count) {
		pt_foreach (claimed, claim->claimed, claim->count) {
			struct pt_seen_function *function =
				pt_overview_find(overview, &claimed->bdf);

			if (function && !claimed->spare)
				function->holder = claim->vmid;
		}
	}
	/* one for each of the inventory, in its order */
	for (size_t i = 0; i < overview->count; i++) {
		pt_foreach (user, node->user, node->user_count) {
			if (user->group == node->inventory.function[i].group && user->vmid)
				overview->function[i].holder = user->vmid;
		}
	}
}

static void note_uses(struct pt_overview *overview)
{
	const struct pt_uses *uses = &overview->node->uses;

	pt_foreach (use, uses->use, uses->count) {
		struct pt_seen_function *function = pt_overview_find(overview, &use->bdf);
		PT_FREE char *text = pt_use_text(use);

		if (function)
			pt_names_add(&function->use, text);
	}
}

int pt_overview_make(struct pt_node *node, struct pt_overview *ret, struct pt_err *err)
{
	const struct pt_inventory *inventory = &node->inventory;
	struct pt_guest *const *guest = NULL;
	size_t count = 0;
	int r;

	*ret = (struct pt_overview){.node = node, .count = inventory->count};
	ret->function = pt_calloc(inventory->count, sizeof(*ret->function));
	for (size_t i = 0; i < inventory->count; i++) {
		ret->function[i].function = &inventory->function[i];
		ret->function[i].why_not = judge(node, &inventory->function[i]);
		ret->function[i].unchecked = node->partial;
	}
	/* of another node the API knows nothing that counts there */
	r = node->partial ? 0 : pt_check_host(node, &ret->host, err);
	if (r == 0)
		r = pt_node_guests(node, &guest, &count, err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (pt_guest_has_hostpci(guest[i]) && !pt_guest_is_template(guest[i]))
			r = add_guest(ret, node, guest[i], err);
	}
	note_holders(ret);
	note_uses(ret);
	return r;
}

#define WANTING(key, kind, member) PT_FIELD(key, kind, struct pt_wanting, member)

static const struct pt_field wanting_fields[] = {
	{WANTING("vmid", UINT, vmid)},
	{WANTING("entry", CHARS, label)},
	{WANTING("companion", FLAG, companion)},
	{WANTING("spare", FLAG, spare)},
};
static const struct pt_record wanting_record = {PT_RECORD(struct pt_wanting, wanting_fields)};

static struct json_object *holder_to_json(const void *outer, const void *record)
{
	const struct pt_seen_function *function = record;

	(void)outer;
	return function->holder ? pt_json_number(function->holder) : NULL;
}

static const struct pt_own holder_own = {holder_to_json, NULL};

#define SEEN(key, kind, member) PT_FIELD(key, kind, struct pt_seen_function, member)

static const struct pt_field seen_fields[] = {
	{SEEN("guests", LIST, wanting), .count = offsetof(struct pt_seen_function, wanting_count),
		.of = &wanting_record,
		.about =
			"that would take it at their start, open it as it is, or have a part made of it"},
	{SEEN("held_by", UINT, holder), PT_JSON_MAY_BE_NULL, .own = &holder_own,
		.about = "the guest that has it now"},
	{SEEN("uses", LIST, use.name), .count = offsetof(struct pt_seen_function, use.count),
		.of = &pt_text_record, .about = "by the host"},
	{SEEN("why_not", TEXT, why_not), PT_JSON_MAY_BE_NULL,
		.about = "why it cannot be passed through; null: it can, as far as is known"},
};
const struct pt_record pt_seen_function_record = {PT_RECORD(struct pt_seen_function, seen_fields)};

static const struct pt_field host_field[] = {
	{PT_FIELD(NULL, LIST, struct pt_overview, host.finding),
		.count = offsetof(struct pt_overview, host.count), .of = &pt_finding_record}};
static const struct pt_record host_record = {PT_RECORD(struct pt_overview, host_field)};

struct json_object *pt_overview_to_json(const struct pt_overview *overview)
{
	struct json_object *json =
		pt_record_to_json(&pt_inventory_record, &overview->node->inventory);
	struct json_object *functions = NULL;

	pt_json_add_text(json, "node", overview->node->name);
	pt_json_add(json, "host", pt_record_to_json(&host_record, overview));
	json_object_object_get_ex(json, "functions", &functions);
	for (size_t i = 0; functions && i < overview->count; i++) {
		struct json_object *one = json_object_array_get_idx(functions, i);
		struct json_object PT_JSON *more =
			pt_record_to_json(&pt_seen_function_record, &overview->function[i]);

		json_object_object_foreach(more, key, value)
		{
			pt_json_add(one, key, json_object_get(value));
		}
	}
	return json;
}
