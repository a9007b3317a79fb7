// SPDX-License-Identifier: AGPL-3.0-or-later
/* Other guests that have functions: by their claims, by reservations, by an open group. */
#include <errno.h>

#include "pve/check/gathering.h"

/* Reports a claim with a dead guest, or with functions that could not be returned. */
static void note_claim(struct pt_facts *facts, const struct pt_node_claim *claim)
{
	pt_foreach (claimed, claim->claimed, claim->count) {
		struct pt_claim_note *slot;

		/* a start takes over what a dead guest has left */
		if (!claimed->error && (claim->alive || claimed != claim->claimed ||
					       facts->depth == PT_DEPTH_START))
			continue;
		slot = pt_array_grow(&facts->note, &facts->note_count, sizeof(*slot));
		slot->vmid = claim->vmid;
		slot->bdf = claimed->bdf;
		pt_set_text(&slot->error, claimed->error);
	}
}

static void note_claimed(struct pt_gathering *gathering, const struct pt_node_claim *claim)
{
	enum pt_owner_kind kind = !claim->alive	     ? PT_OWNER_STALE
				  : claim->returning ? PT_OWNER_RETURNING
						     : PT_OWNER_CLAIM;

	pt_foreach (claimed, claim->claimed, claim->count) {
		struct pt_owner *slot;

		/* what a dead claim has recorded besides is returned with it */
		if (claimed->spare && kind != PT_OWNER_STALE)
			continue;
		slot = pt_array_grow(&gathering->claimed, &gathering->claimed_count, sizeof(*slot));
		*slot = (struct pt_owner){.bdf = claimed->bdf, .kind = kind, .vmid = claim->vmid};
	}
}

static bool has_taken(const struct pt_node_claim *claim)
{
	pt_foreach (claimed, claim->claimed, claim->count) {
		if (!claimed->spare)
			return true;
	}
	return false;
}

int pt_gather_claims(struct pt_gathering *gathering)
{
	const struct pt_node_claim *claims = NULL;
	size_t count = 0;

	pt_node_claims(gathering->node, &claims, &count);
	pt_foreach (claim, claims, count) {
		note_claim(gathering->facts, claim);
		if (claim->vmid != gathering->guest->vmid)
			note_claimed(gathering, claim);
		else
			gathering->facts->interrupted |= claim->alive && has_taken(claim);
	}
	gathering->facts->claims_err = gathering->node->claims_err;
	return 0;
}

enum pt_reservation_verdict pt_gather_judge(const struct pt_gathering *gathering,
	const struct pt_bdf *bdf, const struct pt_reservation **ret)
{
	const struct pt_reservation *reservation =
		pt_reservation_find(gathering->reservations, PT_BDF(bdf));
	int pid = 0;

	*ret = reservation;
	if (reservation && reservation->vmid <= PT_VMID_MAX)
		pid = pt_node_pid(gathering->node, (unsigned int)reservation->vmid);
	return pt_reservation_judge(
		reservation, gathering->guest->vmid, gathering->node->time, pid);
}

bool pt_gather_is_claimed(const struct pt_gathering *gathering, const struct pt_bdf *bdf)
{
	pt_foreach (owner, gathering->claimed, gathering->claimed_count) {
		if (owner->kind == PT_OWNER_CLAIM && pt_bdf_compare(&owner->bdf, bdf) == 0)
			return true;
	}
	return false;
}

static struct pt_owner *add_owner(struct pt_facts *facts, const struct pt_bdf *bdf,
	enum pt_owner_kind kind, unsigned long long vmid)
{
	struct pt_owner *slot = pt_array_grow(&facts->owner, &facts->owner_count, sizeof(*slot));

	*slot = (struct pt_owner){.bdf = *bdf, .kind = kind, .vmid = vmid};
	return slot;
}

/* Functions with owners that matter: taken ones, VFs of a PF, those that QEMU opens as they are,
 * PFs of VFs that are missing. */
static int list_owned(struct pt_gathering *gathering, struct pt_bdf **ret, size_t *ret_count)
{
	const struct pt_facts *facts = gathering->facts;

	pt_foreach (taken, facts->taken, facts->taken_count)
		pt_taken_add_with_vfs(facts, taken, ret, ret_count);
	pt_foreach (kept, facts->kept, facts->kept_count) {
		if (!pt_taken_find(facts->taken, facts->taken_count, &kept->bdf))
			pt_bdfs_add(ret, ret_count, &kept->bdf);
	}
	pt_foreach (vf, facts->absent_vf, facts->absent_vf_count) {
		if (!pt_bdfs_have(*ret, *ret_count, &vf->pf))
			pt_bdfs_add(ret, ret_count, &vf->pf);
	}
	for (size_t i = 0; i < *ret_count; i++) {
		int r = pt_gather_learn(gathering, &(*ret)[i]);

		if (r < 0 && r != -ENODEV)
			return r;
	}
	return 0;
}

static void gather_claimed(struct pt_gathering *gathering, const struct pt_bdf *bdf, size_t count)
{
	pt_foreach (claimed, gathering->claimed, gathering->claimed_count) {
		for (size_t i = 0; i < count; i++) {
			if (pt_bdf_compare(&claimed->bdf, &bdf[i]) == 0)
				add_owner(gathering->facts, &bdf[i], claimed->kind, claimed->vmid);
		}
	}
}

static void gather_reserved(struct pt_gathering *gathering, const struct pt_bdf *bdf, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct pt_reservation *reservation;
		enum pt_reservation_verdict verdict =
			pt_gather_judge(gathering, &bdf[i], &reservation);
		bool starting = verdict == PT_RESERVATION_HELD;

		if (verdict != PT_RESERVATION_FREE)
			add_owner(gathering->facts, &bdf[i],
				starting ? PT_OWNER_RESERVED : PT_OWNER_USES, reservation->vmid)
				->pid = (int)reservation->pid;
	}
}

/* Adds a process that has a group open as the owner of each of the functions in that group. */
static void add_opener(struct pt_facts *facts, const struct pt_group_user *user,
	const struct pt_function *const *function, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct pt_owner *owner;

		if (function[i]->group != user->group)
			continue;
		owner = add_owner(facts, &function[i]->bdf, PT_OWNER_OPEN, user->vmid);
		owner->pid = user->pid;
		memcpy(owner->name, user->name, sizeof(owner->name));
	}
}

static int gather_open(struct pt_gathering *gathering, const struct pt_bdf *bdf, size_t count)
{
	struct pt_facts *facts = gathering->facts;
	const struct pt_function **function = pt_calloc(count, sizeof(*function));
	struct pt_group_user *user = NULL;
	size_t functions = 0, users = 0;
	int r;

	for (size_t i = 0; i < count; i++) {
		function[functions] = pt_facts_function(facts, &bdf[i]);
		functions += function[functions] != NULL;
	}
	r = pt_node_group_users(
		gathering->node, function, functions, &user, &users, gathering->err);
	for (size_t i = 0; r == 0 && i < users; i++) {
		if (!user[i].vmid || user[i].vmid != gathering->guest->vmid)
			add_opener(facts, &user[i], function, functions);
	}
	free(user);
	free(function);
	return r;
}

static void gather_busy_vfs(struct pt_gathering *gathering, const struct pt_bdf *bdf, size_t count)
{
	struct pt_facts *facts = gathering->facts;

	for (size_t i = 0; i < count; i++) {
		const struct pt_function *function = pt_facts_function(facts, &bdf[i]);
		const struct pt_device *device;
		struct pt_busy_vf *slot;

		if (!function || !pt_function_is_vf(function))
			continue;
		device = pt_node_device(gathering->node, &bdf[i]);
		if (!device->net[0])
			continue;
		slot = pt_array_grow(&facts->busy_vf, &facts->busy_vf_count, sizeof(*slot));
		slot->bdf = bdf[i];
		memcpy(slot->net, device->net, sizeof(slot->net));
	}
}

/* Which of the ways in which one guest has a function is told: the first. */
static unsigned int rank_of(const struct pt_owner *owner)
{
	static const unsigned int rank[] = {
		[PT_OWNER_CLAIM] = 0,
		[PT_OWNER_RETURNING] = 1,
		[PT_OWNER_OPEN] = 2,
		[PT_OWNER_USES] = 3,
		[PT_OWNER_RESERVED] = 4,
		[PT_OWNER_STALE] = 5,
	};

	return rank[owner->kind];
}

/* Whether both say the same conflict: a guest, or a process, has the function. */
static bool is_same_owner(const struct pt_owner *one, const struct pt_owner *other)
{
	return pt_bdf_compare(&one->bdf, &other->bdf) == 0 && one->vmid == other->vmid &&
	       (one->vmid || one->pid == other->pid);
}

/* One conflict is one owner. */
static void merge_owners(struct pt_facts *facts)
{
	size_t count = 0;

	pt_foreach (owner, facts->owner, facts->owner_count) {
		struct pt_owner *same = NULL;

		for (size_t i = 0; !same && i < count; i++) {
			if (is_same_owner(&facts->owner[i], owner))
				same = &facts->owner[i];
		}
		if (!same)
			facts->owner[count++] = *owner;
		else if (rank_of(owner) < rank_of(same))
			*same = *owner;
	}
	facts->owner_count = count;
}

int pt_gather_owners(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;
	struct pt_bdf *bdf = NULL;
	size_t count = 0;
	int r = list_owned(gathering, &bdf, &count);

	if (r == 0) {
		gather_claimed(gathering, bdf, count);
		gather_reserved(gathering, bdf, count);
		r = gather_open(gathering, bdf, count);
		merge_owners(facts);
	}
	if (r == 0)
		gather_busy_vfs(gathering, bdf, count);
	if (r == 0 &&
		(facts->depth == PT_DEPTH_HOST || (facts->depth == PT_DEPTH_CHECK && facts->count)))
		pt_node_left_on_vfio(gathering->node, &facts->left, &facts->left_count);
	free(bdf);
	return r;
}
