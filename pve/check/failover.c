// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/base/record.h"
#include "pve/check/check.h"
#include "pve/check/failover.h"
#include "pve/check/obstacle.h"

#define MOST_STEPS 20000

/* A function that a guest has on a node. */
struct held {
	const struct pt_node *node;
	struct pt_bdf bdf;
	int group; /* PT_GROUP_NONE: it has none, or is not known; or of a mediated device */
	unsigned int vmid;
	const char *type; /* of a mediated device on it, borrowed; NULL: it has all of it */
};

/* A guest on one of the nodes that it may come to. */
struct trial {
	struct pt_node *node;
	struct pt_guest *guest; /* as one of that node */
	struct pt_facts facts;
	char *refusal; /* why it cannot start there at all; NULL: it depends on others */
};

struct mover {
	const struct pt_guest *guest;
	bool managed, stopped; /* HA starts it; or it moves it, and does not */
	struct trial *trial;
	size_t count;
	const struct trial *at;	  /* in the way that is tried, NULL: nowhere */
	const struct trial *best; /* in the best one so far */
};

struct plan {
	const struct pt_cluster *cluster;
	const char *gone;
	struct held *held;
	size_t held_count;
	struct mover *mover;
	size_t count;
	size_t most; /* movers that start in the best way */
	unsigned int steps;
};

static void clear_trial(struct trial *trial)
{
	pt_facts_clear(&trial->facts);
	pt_guest_free(trial->guest);
	free(trial->refusal);
}
#define TRIAL PT_CLEANUP(clear_trial)

static void clear_plan(struct plan *plan)
{
	pt_foreach (mover, plan->mover, plan->count) {
		pt_foreach (trial, mover->trial, mover->count)
			clear_trial(trial);
		free(mover->trial);
	}
	free(plan->mover);
	free(plan->held);
}
#define PLAN PT_CLEANUP(clear_plan)

static void hold(
	struct plan *plan, const struct pt_node *node, const struct pt_bdf *bdf, unsigned int vmid)
{
	const struct pt_function *function = pt_inventory_find(&node->inventory, bdf);
	struct held *slot = pt_array_grow(&plan->held, &plan->held_count, sizeof(*slot));

	*slot = (struct held){node, *bdf, function ? function->group : PT_GROUP_NONE, vmid, NULL};
}

static void hold_type(
	struct plan *plan, const struct trial *trial, const struct pt_bdf *bdf, const char *type)
{
	struct held *slot = pt_array_grow(&plan->held, &plan->held_count, sizeof(*slot));

	*slot = (struct held){trial->node, *bdf, PT_GROUP_NONE, trial->guest->vmid, type};
}

/* The guest that has the function, or one of its IOMMU group. NULL: it is free. */
static const struct held *holder_of(
	const struct plan *plan, const struct pt_node *node, const struct pt_bdf *bdf)
{
	const struct pt_function *function = pt_inventory_find(&node->inventory, bdf);
	int group = function ? function->group : PT_GROUP_NONE;

	pt_foreach (held, plan->held, plan->held_count) {
		if (held->node == node && (pt_bdf_compare(&held->bdf, bdf) == 0 ||
						  (group != PT_GROUP_NONE && held->group == group)))
			return held;
	}
	return NULL;
}

/* How many more mediated devices of the type the function can make; of one that is known by the API
 * alone nobody knows: as many as are wanted. */
static long long room_for(
	const struct plan *plan, struct pt_node *node, const struct pt_bdf *bdf, const char *type)
{
	const struct pt_mdev_type *offered = pt_mdev_type_find(pt_node_device(node, bdf), type);
	long long room = offered ? offered->available : node->partial ? INT32_MAX : 0;

	pt_foreach (held, plan->held, plan->held_count) {
		if (held->node == node && pt_bdf_compare(&held->bdf, bdf) == 0)
			room = held->type ? room - 1 : 0;
	}
	return room;
}

/* The function that can make the mediated device of an entry; NULL: none has room. */
static const struct pt_bdf *find_room(
	const struct plan *plan, const struct trial *trial, const struct pt_assignment *assignment)
{
	pt_foreach (alternative, assignment->alternative, assignment->count) {
		if (alternative->count && room_for(plan, trial->node, &alternative->id[0],
						  assignment->entry.mdev) > 0)
			return &alternative->id[0];
	}
	return NULL;
}

struct choosing {
	const struct plan *plan;
	const struct trial *trial;
};

static bool is_free(void *data, const struct pt_assignment *assignment,
	const struct pt_alternative *alternative)
{
	const struct choosing *choosing = data;

	(void)assignment;
	pt_foreach (id, alternative->id, alternative->count) {
		if (holder_of(choosing->plan, choosing->trial->node, id))
			return false;
	}
	return true;
}

/* What the entry gets, without the functions that stay with their drivers. */
static const struct pt_alternative *bound_of(const struct pt_assignment *assignment)
{
	return pt_assignment_is_mdev(assignment) ? NULL : pt_chosen(assignment);
}

/* Why a guest cannot have what it wants on a node now. */
struct shortage {
	const struct pt_assignment *entry;    /* NULL: it can */
	const struct held *by;		      /* the guest that has the function, or NULL */
	const struct pt_function *obstructed; /* or it cannot be passed through */
};

static bool is_obstructed(const struct trial *trial, const struct pt_function *function)
{
	const struct pt_candidate candidate = pt_candidate_of(trial->node, function);

	return pt_obstacle_first(&candidate).obstacle != PT_OBSTACLE_NONE;
}

/* Looks at what an entry has chosen: a single device is chosen even if it is taken. */
static bool is_short(const struct plan *plan, const struct trial *trial, struct shortage *ret)
{
	const struct pt_alternative *chosen = bound_of(ret->entry);

	if (pt_assignment_is_mdev(ret->entry))
		return !find_room(plan, trial, ret->entry);
	for (size_t i = 0; chosen && i < chosen->count; i++) {
		const struct pt_function *function =
			pt_inventory_find(&trial->node->inventory, &chosen->id[i]);

		ret->by = holder_of(plan, trial->node, &chosen->id[i]);
		if (function && is_obstructed(trial, function))
			ret->obstructed = function;
		if (ret->by || ret->obstructed)
			return true;
	}
	return ret->entry->chosen < 0;
}

/* Chooses anew for each entry, by what is held now. Returns whether each gets something. */
static bool fits(struct plan *plan, struct trial *trial, struct shortage *ret)
{
	const size_t before = plan->held_count;
	struct choosing choosing = {plan, trial};
	struct pt_facts *facts = &trial->facts;

	*ret = (struct shortage){0};
	pt_foreach (assignment, facts->assignment, facts->count) {
		assignment->chosen = -1;
		free(assignment->problem.where);
		free(assignment->problem.why);
		assignment->problem = (struct pt_problem){0};
	}
	pt_choose(facts->assignment, facts->count, is_free, &choosing);
	pt_foreach (assignment, facts->assignment, facts->count) {
		ret->entry = assignment;
		if (is_short(plan, trial, ret))
			break;
		/* the next entry may want one of the same function */
		if (pt_assignment_is_mdev(assignment))
			hold_type(plan, trial, find_room(plan, trial, assignment),
				assignment->entry.mdev);
		ret->entry = NULL;
	}
	plan->held_count = before;
	return !ret->entry;
}

/* Has the guest hold what it chose. One that runs has its mediated devices: what the host can still
 * make leaves them out. */
static void take(struct plan *plan, const struct trial *trial)
{
	const bool runs = pt_node_pid(trial->node, trial->guest->vmid);

	pt_foreach (assignment, trial->facts.assignment, trial->facts.count) {
		const struct pt_alternative *chosen = bound_of(assignment);
		const struct pt_bdf *room = pt_assignment_is_mdev(assignment) && !runs
						    ? find_room(plan, trial, assignment)
						    : NULL;

		for (size_t i = 0; chosen && i < chosen->count; i++)
			hold(plan, trial->node, &chosen->id[i], trial->guest->vmid);
		if (room)
			hold_type(plan, trial, room, assignment->entry.mdev);
	}
}

/* Gathers what the guest would meet on the node. */
static int try_on(
	struct pt_node *node, const struct pt_guest *guest, struct trial *ret, struct pt_err *err)
{
	struct pt_findings PT_FINDINGS findings = {0};
	int r;

	ret->node = node;
	ret->guest = pt_guest_copy(guest);
	snprintf(ret->guest->node, sizeof(ret->guest->node), "%s", node->name);
	r = pt_facts_gather(node, ret->guest, PT_DEPTH_CHECK, &ret->facts, err);
	if (r < 0)
		return pt_err_wrap(err, "guest %u on %s", guest->vmid, node->name);
	pt_check_run(&ret->facts, &findings);
	pt_foreach (finding, findings.finding, findings.count) {
		struct pt_shown PT_SHOWN shown = {0};

		if (finding->severity != PT_ERROR)
			continue;
		pt_finding_show(finding, &shown);
		ret->refusal = pt_format("%s: %s", shown.subject, shown.message);
		break;
	}
	return 0;
}

/* What a guest of a node that stays has now, by its claims, reservations and open groups. */
static void hold_real(struct plan *plan, struct pt_node *node)
{
	pt_foreach (claim, node->claim, node->claim_count) {
		pt_foreach (claimed, claim->claimed, claim->count) {
			if (claim->alive && !claimed->spare)
				hold(plan, node, &claimed->bdf, claim->vmid);
		}
	}
	pt_foreach (one, node->reservations.reservation, node->reservations.count) {
		struct pt_bdf bdf;

		if (one->vmid <= PT_VMID_MAX && pt_bdf_parse(one->id, &bdf) &&
			pt_node_pid(node, (unsigned int)one->vmid))
			hold(plan, node, &bdf, (unsigned int)one->vmid);
	}
	pt_foreach (function, node->inventory.function, node->inventory.count) {
		pt_foreach (user, node->user, node->user_count) {
			if (user->group == function->group)
				hold(plan, node, &function->bdf, user->vmid);
		}
	}
}

static bool holds_any(const struct plan *plan, const struct pt_node *node, unsigned int vmid)
{
	pt_foreach (held, plan->held, plan->held_count) {
		if (held->node == node && held->vmid == vmid)
			return true;
	}
	return false;
}

/* Whether a guest that has nothing yet is to run where it is: it does, or starts by itself. */
static bool starts_by_ha(const struct pt_ha_guest *managed)
{
	return managed && !managed->stopped;
}

static bool is_at_home(struct pt_node *node, const struct pt_ha *ha, const struct pt_guest *guest)
{
	return node->partial || pt_node_pid(node, guest->vmid) ||
	       pt_streq(pt_guest_get(guest, "onboot"), "1") ||
	       starts_by_ha(pt_ha_find(ha, guest->vmid));
}

static int hold_wanted(
	struct plan *plan, struct pt_node *node, const struct pt_ha *ha, struct pt_err *err)
{
	struct pt_guest *const *guest = NULL;
	size_t count = 0;
	int r = pt_node_guests(node, &guest, &count, err);

	for (size_t i = 0; r == 0 && i < count; i++) {
		struct trial TRIAL trial = {0};
		struct shortage shortage;

		if (!pt_guest_has_hostpci(guest[i]) || pt_guest_is_template(guest[i]) ||
			holds_any(plan, node, guest[i]->vmid) || !is_at_home(node, ha, guest[i]))
			continue;
		r = try_on(node, guest[i], &trial, err);
		if (r == 0 && fits(plan, &trial, &shortage))
			take(plan, &trial);
	}
	return r;
}

/* An address that means another device there than at home; NULL: none does. The caller frees it. */
static char *find_other(const struct pt_node *home, const struct trial *trial)
{
	pt_foreach (assignment, trial->facts.assignment, trial->facts.count) {
		const struct pt_alternative *chosen = pt_chosen(assignment);

		for (size_t i = 0; !assignment->entry.mapping && chosen && i < chosen->count; i++) {
			const struct pt_function *there =
				pt_inventory_find(&trial->node->inventory, &chosen->id[i]);
			const struct pt_function *here =
				pt_inventory_find(&home->inventory, &chosen->id[i]);

			if (!there || !here ||
				(pt_streq(there->vendor, here->vendor) &&
					pt_streq(there->device, here->device)))
				continue;
			return pt_format("%s: %s is another device there, %s:%s in place of %s:%s",
				PT_LABEL(assignment), PT_BDF(&chosen->id[i]), there->vendor,
				there->device, here->vendor, here->device);
		}
	}
	return NULL;
}

static int add_mover(
	struct plan *plan, const struct pt_ha *ha, const struct pt_guest *guest, struct pt_err *err)
{
	const struct pt_ha_guest *managed = pt_ha_find(ha, guest->vmid);
	struct mover *mover = pt_array_grow(&plan->mover, &plan->count, sizeof(*mover));
	const struct pt_node *home = NULL;
	int r = 0;

	mover->guest = guest;
	mover->managed = starts_by_ha(managed);
	mover->stopped = managed && managed->stopped;
	if (!mover->managed)
		return 0;
	pt_foreach (one, plan->cluster->node, plan->cluster->count) {
		if (one->node && pt_streq(one->name, plan->gone))
			home = one->node;
	}
	pt_foreach (one, plan->cluster->node, plan->cluster->count) {
		struct trial *trial;

		if (r < 0 || !one->node || pt_streq(one->name, plan->gone) ||
			!pt_ha_allows(managed, one->name))
			continue;
		trial = pt_array_grow(&mover->trial, &mover->count, sizeof(*trial));
		r = try_on(one->node, guest, trial, err);
		if (r == 0 && home && !trial->refusal)
			trial->refusal = find_other(home, trial);
	}
	return r;
}

/* Tries all ways to place the movers from this one on, and notes the best. */
static void place(struct plan *plan, size_t at, size_t started)
{
	struct mover *mover = &plan->mover[at];
	const size_t before = plan->held_count;

	if (started + (plan->count - at) <= plan->most && plan->most)
		return;
	if (at == plan->count) {
		plan->most = started;
		pt_foreach (one, plan->mover, plan->count)
			one->best = one->at;
		return;
	}
	pt_foreach (trial, mover->trial, mover->count) {
		struct shortage shortage;

		if (plan->steps++ > MOST_STEPS)
			break;
		if (trial->refusal || !fits(plan, trial, &shortage))
			continue;
		take(plan, trial);
		mover->at = trial;
		place(plan, at + 1, started + 1);
		plan->held_count = before;
	}
	mover->at = NULL;
	place(plan, at + 1, started);
}

/* Has those that start hold their devices, as the best way has it. */
static void settle(struct plan *plan)
{
	pt_foreach (mover, plan->mover, plan->count) {
		struct shortage shortage;

		pt_foreach (trial, mover->trial, mover->count) {
			if (trial == mover->best && fits(plan, trial, &shortage))
				take(plan, trial);
		}
	}
}

/* "hostpci0 0000:01:00.0" */
static char *list_devices(const struct trial *trial)
{
	char *list = NULL;

	pt_foreach (assignment, trial->facts.assignment, trial->facts.count) {
		const struct pt_alternative *chosen = pt_chosen(assignment);
		PT_FREE char *one =
			chosen ? pt_format("%s %s", PT_LABEL(assignment), chosen->path) : NULL;

		if (one)
			list = pt_list_add(list, ", ", one);
	}
	return list;
}

/* Why it does not start on a node, when all others have their place. */
static char *why_not(struct plan *plan, struct trial *trial)
{
	const char *node = trial->node->name;
	struct shortage shortage;

	if (trial->refusal)
		return pt_format("%s: %s", node, trial->refusal);
	if (fits(plan, trial, &shortage))
		return pt_format("%s: too many ways to place the guests were tried", node);
	if (shortage.by)
		return pt_format("%s: %s: guest %u has %s", node, PT_LABEL(shortage.entry),
			shortage.by->vmid, PT_BDF(&shortage.by->bdf));
	if (shortage.obstructed)
		return pt_format("%s: %s: %s cannot be passed through ('pve-ptconf list' says why)",
			node, PT_LABEL(shortage.entry), PT_BDF(&shortage.obstructed->bdf));
	if (pt_assignment_is_mdev(shortage.entry))
		return pt_format("%s: %s: no mediated device of type %s is left", node,
			PT_LABEL(shortage.entry), shortage.entry->entry.mdev);
	return pt_format("%s: %s: other guests have every device of mapping %s", node,
		PT_LABEL(shortage.entry), shortage.entry->entry.mapping);
}

static void report(struct plan *plan, const struct mover *mover, struct pt_failover *ret)
{
	struct pt_failover_guest *slot = pt_array_grow(&ret->guest, &ret->count, sizeof(*slot));

	slot->vmid = mover->guest->vmid;
	slot->managed = mover->managed;
	if (mover->best) {
		snprintf(slot->node, sizeof(slot->node), "%s", mover->best->node->name);
		slot->how = list_devices(mover->best);
		return;
	}
	if (!mover->managed) {
		slot->how = pt_strdup(mover->stopped ? "HA does not start it: its state is stopped"
						     : "HA does not manage it");
		return;
	}
	pt_foreach (trial, mover->trial, mover->count) {
		PT_FREE char *why = why_not(plan, trial);

		slot->how = pt_list_add(slot->how, "; ", why);
	}
	if (!mover->count)
		slot->how =
			pt_strdup("HA may start it on no other node of which anything is known");
}

int pt_failover_make(const struct pt_cluster *cluster, const char *gone,
	struct pt_guest *const *guest, size_t count, struct pt_failover *ret, struct pt_err *err)
{
	struct plan PLAN plan = {.cluster = cluster, .gone = gone};
	const struct pt_ha *ha = NULL;
	int r = 0;

	snprintf(ret->node, sizeof(ret->node), "%s", gone);
	pt_foreach (one, cluster->node, cluster->count) {
		if (one->why.code && !pt_streq(one->name, gone))
			pt_names_add(&ret->unknown, one->name);
	}
	/* it is the cluster's: any node knows it */
	pt_foreach (one, cluster->node, cluster->count) {
		if (one->node && (!ha || !pt_streq(one->name, gone)))
			pt_node_cluster(one->node, &ha);
	}
	if (!ha)
		return pt_err_set(err, -ENODATA, "nothing is known of any node");
	pt_foreach (one, cluster->node, cluster->count) {
		if (one->node && !pt_streq(one->name, gone))
			hold_real(&plan, one->node);
	}
	pt_foreach (one, cluster->node, cluster->count) {
		if (r == 0 && one->node && !pt_streq(one->name, gone))
			r = hold_wanted(&plan, one->node, ha, err);
	}
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (pt_guest_has_hostpci(guest[i]) && !pt_guest_is_template(guest[i]))
			r = add_mover(&plan, ha, guest[i], err);
	}
	if (r < 0)
		return r;
	place(&plan, 0, 0);
	settle(&plan);
	pt_foreach (mover, plan.mover, plan.count)
		report(&plan, mover, ret);
	return 0;
}

void pt_failover_clear(struct pt_failover *failover)
{
	pt_foreach (guest, failover->guest, failover->count)
		free(guest->how);
	free(failover->guest);
	pt_names_free(&failover->unknown);
	*failover = (struct pt_failover){0};
}

#define GUEST(key, kind, member) PT_FIELD(key, kind, struct pt_failover_guest, member)

static const struct pt_field guest_fields[] = {
	{GUEST("vmid", UINT, vmid)},
	{GUEST("managed", FLAG, managed), .about = "by HA: else it stays down"},
	{GUEST("node", CHARS, node), PT_JSON_MAY_BE_NULL,
		.about = "where it can start; null: nowhere"},
	{GUEST("how", TEXT, how), PT_JSON_MAY_BE_NULL,
		.about = "its entries and their functions there, or why it starts nowhere"},
};
static const struct pt_record guest_record = {PT_RECORD(struct pt_failover_guest, guest_fields)};

static const struct pt_field failover_fields[] = {
	{PT_FIELD("without", CHARS, struct pt_failover, node), .about = "the node that is gone"},
	{PT_FIELD("guests", LIST, struct pt_failover, guest),
		.count = offsetof(struct pt_failover, count), .of = &guest_record},
	{PT_FIELD("unknown", LIST, struct pt_failover, unknown.name),
		.count = offsetof(struct pt_failover, unknown.count), .of = &pt_text_record,
		.about = "nodes that did not answer, and may take guests too"},
};
const struct pt_record pt_failover_record = {
	PT_RECORD(struct pt_failover, failover_fields), .version = 1, .about = "of --without"};
