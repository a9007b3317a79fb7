// SPDX-License-Identifier: AGPL-3.0-or-later
/* Other guests that have functions: by their claims, by reservations, by an open group. */
#include <errno.h>
#include <time.h>

#include "lib/use-node.h"
#include "pve/gathering.h"
#include "pve/release.h"
#include "pve/runstate.h"

/* Notes what is wrong with a claim: nothing of its guest is alive, or functions could not be returned. */
static int note_claim(
	struct pt_gathering *gathering, unsigned int vmid, bool alive, const struct pt_claim *claim)
{
	struct pt_facts *facts = gathering->facts;

	pt_foreach (function, claim->function, claim->count) {
		struct pt_claim_note *slot;

		if (!function->error && (alive || function != claim->function))
			continue;
		slot = pt_array_grow(&facts->note, &facts->note_count, sizeof(*slot));
		if (!slot)
			return -ENOMEM;
		slot->vmid = vmid;
		slot->bdf = function->bdf;
		if (pt_set_text(&slot->error, function->error) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Whether the claim is being given back: by its state, or somebody moves it who is neither guest nor Proxmox VE. */
static bool is_returning(
	const struct pt_gathering *gathering, unsigned int vmid, const struct pt_claim *claim)
{
	PT_CLOSE int lock = -1;

	return claim->state == PT_CLAIM_RETURNING ||
	       (pt_claims_work_locked(gathering->claims, claim->owner) &&
		       !pt_guest_pid(gathering->host, vmid) &&
		       pt_guest_try_lock(gathering->host, vmid, &lock) == 0);
}

/* Notes what one other guest's claim has taken. */
static int read_claim(struct pt_gathering *gathering, unsigned int vmid, const char *owner)
{
	struct pt_claim PT_CLAIM *claim = NULL;
	bool alive = pt_claim_alive(gathering->host, gathering->claims, vmid);
	enum pt_owner_kind kind;

	if (pt_claims_load(gathering->claims, owner, &claim, &gathering->facts->claims_err) < 0)
		return 0;
	if (note_claim(gathering, vmid, alive, claim) < 0)
		return -ENOMEM;
	if (vmid == gathering->guest->vmid)
		return 0;
	kind = !alive				      ? PT_OWNER_STALE
	       : is_returning(gathering, vmid, claim) ? PT_OWNER_RETURNING
						      : PT_OWNER_CLAIM;
	pt_foreach (function, claim->function, claim->count) {
		struct pt_owner *slot;

		/* what a dead claim has recorded besides is returned with it */
		if (function->spare && kind != PT_OWNER_STALE)
			continue;
		slot = pt_array_grow(&gathering->claimed, &gathering->claimed_count, sizeof(*slot));
		if (!slot)
			return -ENOMEM;
		*slot = (struct pt_owner){.bdf = function->bdf, .kind = kind, .vmid = vmid};
	}
	return 0;
}

int pt_gather_claims(struct pt_gathering *gathering)
{
	struct pt_names PT_NAMES owners = {0};
	int r = 0;

	if (pt_claims_owners(gathering->claims, &owners, &gathering->facts->claims_err) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < owners.count; i++) {
		unsigned int vmid;

		if (pt_vmid_parse(owners.name[i], &vmid))
			r = read_claim(gathering, vmid, owners.name[i]);
	}
	return r < 0 ? pt_err_nomem(gathering->err) : 0;
}

enum pt_reservation_verdict pt_gather_judge(const struct pt_gathering *gathering,
	const struct pt_bdf *bdf, const struct pt_reservation **ret)
{
	const struct pt_reservation *reservation =
		pt_reservation_find(&gathering->reservations, PT_BDF(bdf));
	int pid = 0;

	*ret = reservation;
	if (reservation && reservation->vmid <= PT_VMID_MAX)
		pid = pt_guest_pid(gathering->host, (unsigned int)reservation->vmid);
	return pt_reservation_judge(reservation, gathering->guest->vmid, time(NULL), pid);
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

	if (slot)
		*slot = (struct pt_owner){.bdf = *bdf, .kind = kind, .vmid = vmid};
	return slot;
}

/* Functions whose owners matter: what is taken, and the VFs of a PF among them, which would vanish. */
static int list_owned(struct pt_gathering *gathering, struct pt_bdf **ret, size_t *ret_count)
{
	const struct pt_facts *facts = gathering->facts;
	int r = 0;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function =
			pt_inventory_find(&facts->inventory, &taken->bdf);
		struct pt_bdf *slot = pt_array_grow(ret, ret_count, sizeof(*slot));

		if (!slot)
			return -ENOMEM;
		*slot = taken->bdf;
		for (size_t i = 0; function && i < function->vf_count; i++) {
			slot = pt_array_grow(ret, ret_count, sizeof(*slot));
			if (!slot)
				return -ENOMEM;
			*slot = function->vf[i];
		}
	}
	for (size_t i = 0; r == 0 && i < *ret_count; i++) {
		r = pt_inventory_add(
			gathering->host, &gathering->facts->inventory, &(*ret)[i], gathering->err);
		if (r == -ENODEV)
			r = 0;
	}
	return r;
}

static int gather_claimed(struct pt_gathering *gathering, const struct pt_bdf *bdf, size_t count)
{
	pt_foreach (claimed, gathering->claimed, gathering->claimed_count) {
		for (size_t i = 0; i < count; i++) {
			if (pt_bdf_compare(&claimed->bdf, &bdf[i]) == 0 &&
				!add_owner(gathering->facts, &bdf[i], claimed->kind, claimed->vmid))
				return -ENOMEM;
		}
	}
	return 0;
}

static int gather_reserved(struct pt_gathering *gathering, const struct pt_bdf *bdf, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct pt_reservation *reservation;
		enum pt_reservation_verdict verdict =
			pt_gather_judge(gathering, &bdf[i], &reservation);
		struct pt_owner *owner;

		if (verdict == PT_RESERVATION_FREE)
			continue;
		owner = add_owner(gathering->facts, &bdf[i],
			verdict == PT_RESERVATION_HELD ? PT_OWNER_RESERVED : PT_OWNER_USES,
			reservation->vmid);
		if (!owner)
			return -ENOMEM;
		owner->pid = (int)reservation->pid;
	}
	return 0;
}

static int gather_open(struct pt_gathering *gathering, const struct pt_bdf *bdf, size_t count)
{
	struct pt_facts *facts = gathering->facts;
	const struct pt_function **function = calloc(count ? count : 1, sizeof(*function));
	struct pt_vfio_user *user = NULL;
	size_t functions = 0, users = 0;
	int r;

	if (!function)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		function[functions] = pt_inventory_find(&facts->inventory, &bdf[i]);
		functions += function[functions] != NULL;
	}
	r = pt_vfio_users(gathering->host, function, functions, &user, &users, gathering->err);
	for (size_t i = 0; r == 0 && i < users * functions; i++) {
		const struct pt_vfio_user *who = &user[i / functions];
		const struct pt_function *what = function[i % functions];
		unsigned int vmid = pt_pid_guest(gathering->host, who->pid);
		struct pt_owner *owner;

		if (what->group != who->group || vmid == gathering->guest->vmid)
			continue;
		owner = add_owner(facts, &what->bdf, PT_OWNER_OPEN, vmid);
		if (!owner) {
			r = -ENOMEM;
			break;
		}
		owner->pid = who->pid;
		memcpy(owner->name, who->name, sizeof(owner->name));
	}
	free(user);
	free(function);
	return r;
}

static int gather_busy_vfs(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;

	pt_foreach (function, facts->inventory.function, facts->inventory.count) {
		struct pt_busy_vf vf = {.bdf = function->bdf}, *slot;

		if (!pt_function_is_vf(function) ||
			!pt_net_up(gathering->host, &function->bdf, vf.net))
			continue;
		slot = pt_array_grow(&facts->busy_vf, &facts->busy_vf_count, sizeof(*slot));
		if (!slot)
			return -ENOMEM;
		*slot = vf;
	}
	return 0;
}

int pt_gather_owners(struct pt_gathering *gathering)
{
	struct pt_bdf *bdf = NULL;
	size_t count = 0;
	int r = list_owned(gathering, &bdf, &count);

	if (r == 0)
		r = gather_claimed(gathering, bdf, count);
	if (r == 0)
		r = gather_reserved(gathering, bdf, count);
	if (r == 0)
		r = gather_open(gathering, bdf, count);
	if (r == 0)
		r = gather_busy_vfs(gathering);
	free(bdf);
	return r == -ENOMEM ? pt_err_nomem(gathering->err) : r;
}
