// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <time.h>

#include "lib/use-node.h"
#include "pve/facts.h"
#include "pve/release.h"
#include "pve/reservation.h"
#include "pve/runstate.h"

#define FIRMWARE_TABLES "/sys/firmware/acpi/tables"

struct gathering {
	const struct pt_host *host;
	const struct pt_guest *guest;
	const struct pt_claims *claims;
	struct pt_reservations reservations;
	struct pt_owner *claimed; /* what other guests' claims have taken, whatever the function */
	size_t claimed_count;
	struct pt_facts *facts;
	struct pt_err *err;
};

const char *pt_entry_label(int index, char text[static PT_LABEL_TEXT])
{
	snprintf(text, PT_LABEL_TEXT, "hostpci%d", index);
	return text;
}

void pt_facts_clear(struct pt_facts *facts)
{
	pt_foreach (assignment, facts->assignment, facts->count)
		pt_assignment_clear(assignment);
	pt_inventory_clear(&facts->inventory);
	free(facts->taken);
	free(facts->spare);
	free(facts->owner);
	free(facts->busy_vf);
	free(facts->cmdline);
	*facts = (struct pt_facts){0};
}

bool pt_facts_moves(const struct pt_facts *facts)
{
	pt_foreach (assignment, facts->assignment, facts->count) {
		if (assignment->problem.tag)
			return true;
	}
	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function =
			pt_inventory_find(&facts->inventory, &taken->bdf);

		if (function && !pt_streq(function->driver, PT_VFIO_PCI))
			return true;
	}
	return false;
}

static void gather_host(struct gathering *gathering)
{
	const struct pt_host *host = gathering->host;
	struct pt_facts *facts = gathering->facts;

	facts->iommu_active = facts->inventory.iommu_active = pt_iommu_active(host);
	facts->has_dmar = pt_host_exists(host, FIRMWARE_TABLES "/DMAR");
	facts->has_ivrs = pt_host_exists(host, FIRMWARE_TABLES "/IVRS");
	pt_host_read_line(host, "/proc/cmdline", &facts->cmdline);
	pt_module_look(host, PT_VFIO_PCI, &facts->vfio);
}

static int parse_entry(struct gathering *gathering, int index)
{
	struct pt_assignment *slot = &gathering->facts->assignment[gathering->facts->count];
	const struct pt_guest *guest = gathering->guest;
	char key[PT_LABEL_TEXT];

	pt_entry_label(index, key);
	pt_foreach (found, guest->key, guest->count) {
		int r;

		if (!pt_streq(found->key, key) || !pt_hostpci_is_set(found->value))
			continue;
		r = pt_hostpci_parse(index, found->value, found->length, guest->encoding,
			&slot->entry, gathering->err);
		if (r < 0)
			return pt_err_wrap(gathering->err, "%s", key);
		slot->chosen = -1;
		gathering->facts->count++;
		return 1;
	}
	return 0;
}

/* Notes what one other guest's claim has taken. */
static int read_claim(struct gathering *gathering, unsigned int vmid, const char *owner)
{
	struct pt_claim PT_CLAIM *claim = NULL;
	bool alive = pt_claim_alive(gathering->host, gathering->claims, vmid);
	enum pt_owner_kind kind;

	if (pt_claims_load(gathering->claims, owner, &claim, &gathering->facts->claims_err) < 0)
		return 0;
	kind = !alive				    ? PT_OWNER_STALE
	       : claim->state == PT_CLAIM_RETURNING ? PT_OWNER_RETURNING
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

static int read_claims(struct gathering *gathering)
{
	struct pt_names PT_NAMES owners = {0};
	int r = 0;

	if (pt_claims_owners(gathering->claims, &owners, &gathering->facts->claims_err) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < owners.count; i++) {
		unsigned int vmid;

		if (pt_vmid_parse(owners.name[i], &vmid) && vmid != gathering->guest->vmid)
			r = read_claim(gathering, vmid, owners.name[i]);
	}
	return r < 0 ? pt_err_nomem(gathering->err) : 0;
}

/* Whether PVE could reserve the function for this guest now. */
static enum pt_reservation_verdict judge(const struct gathering *gathering,
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

/* Whether another guest that is alive has the function, or is about to: it will have reserved it. */
static bool is_claimed(const struct gathering *gathering, const struct pt_bdf *bdf)
{
	pt_foreach (owner, gathering->claimed, gathering->claimed_count) {
		if (owner->kind == PT_OWNER_CLAIM && pt_bdf_compare(&owner->bdf, bdf) == 0)
			return true;
	}
	return false;
}

static bool is_free(void *data, const struct pt_assignment *assignment,
	const struct pt_alternative *alternative)
{
	const struct pt_reservation *reservation;

	(void)assignment;
	pt_foreach (id, alternative->id, alternative->count) {
		if (judge(data, id, &reservation) != PT_RESERVATION_FREE || is_claimed(data, id))
			return false;
	}
	return true;
}

static int resolve_entries(struct gathering *gathering, const char *node)
{
	struct pt_facts *facts = gathering->facts;
	struct pt_mappings PT_MAPPINGS mappings = {0};
	int r = pt_mappings_read(gathering->host, &mappings, gathering->err);

	for (int i = 0; r >= 0 && i < PT_HOSTPCI_MAX; i++) {
		r = parse_entry(gathering, i);
		if (r > 0)
			r = pt_resolve(gathering->host, &mappings, node, &facts->inventory,
				&facts->assignment[facts->count - 1], gathering->err);
	}
	if (r < 0)
		return r;
	pt_choose(facts->assignment, facts->count, is_free, gathering);
	return 0;
}

static bool holds(const struct pt_taken *list, size_t count, const struct pt_bdf *bdf)
{
	pt_foreach (taken, list, count) {
		if (pt_bdf_compare(&taken->bdf, bdf) == 0)
			return true;
	}
	return false;
}

/* Notes a function, once: as taken, or as spare. */
static int take(struct pt_facts *facts, const struct pt_bdf *bdf, size_t assignment, bool companion,
	bool spare)
{
	struct pt_taken *slot;

	if (holds(facts->taken, facts->taken_count, bdf) ||
		holds(facts->spare, facts->spare_count, bdf))
		return 0;
	slot = spare ? pt_array_grow(&facts->spare, &facts->spare_count, sizeof(*slot))
		     : pt_array_grow(&facts->taken, &facts->taken_count, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = (struct pt_taken){*bdf, assignment, companion};
	return 0;
}

/* The functions of an entry's chosen alternative, or of all others. */
static int take_entry(struct gathering *gathering, size_t at, bool spare)
{
	struct pt_facts *facts = gathering->facts;
	const struct pt_assignment *assignment = &facts->assignment[at];

	if (assignment->chosen < 0 || !pt_assignment_is_bound(assignment))
		return 0;
	for (size_t i = 0; i < assignment->count; i++) {
		const struct pt_alternative *alternative = &assignment->alternative[i];

		if (((int)i != assignment->chosen) != spare)
			continue;
		pt_foreach (id, alternative->id, alternative->count) {
			if (take(facts, id, at, false, spare) < 0)
				return pt_err_nomem(gathering->err);
		}
	}
	return 0;
}

static int take_companions_of(struct gathering *gathering, struct pt_taken of, bool spare)
{
	struct pt_facts *facts = gathering->facts;
	struct pt_group PT_GROUP group = {0};
	int r = pt_group_read(gathering->host, PT_BDF(&of.bdf), &group, gathering->err);

	if (r == -ENOENT)
		return 0; /* no group: a finding of its own */
	if (r < 0)
		return r;
	pt_foreach (member, group.function, group.function_count) {
		const struct pt_function *function;

		r = pt_inventory_add(gathering->host, &facts->inventory, member, gathering->err);
		if (r == -ENODEV)
			continue; /* vanished; its name is left in the group */
		if (r < 0)
			return r;
		function = pt_inventory_find(&facts->inventory, member);
		if (function->is_bridge || !function->info_ok)
			continue;
		if (take(facts, member, of.assignment, true, spare) < 0)
			return pt_err_nomem(gathering->err);
	}
	return 0;
}

/* Functions that entries name come before any companion: a function may be both. */
static int gather_taken(struct gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;
	size_t named;
	int r = 0;

	for (size_t i = 0; r == 0 && i < facts->count; i++)
		r = take_entry(gathering, i, false);
	named = facts->taken_count;
	for (size_t i = 0; r == 0 && i < named; i++)
		r = take_companions_of(gathering, facts->taken[i], false);
	for (size_t i = 0; r == 0 && i < facts->count; i++)
		r = take_entry(gathering, i, true);
	named = facts->spare_count;
	for (size_t i = 0; r == 0 && i < named; i++)
		r = take_companions_of(gathering, facts->spare[i], true);
	return r;
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
static int list_owned(struct gathering *gathering, struct pt_bdf **ret, size_t *ret_count)
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

static int gather_claimed(struct gathering *gathering, const struct pt_bdf *bdf, size_t count)
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

static int gather_reserved(struct gathering *gathering, const struct pt_bdf *bdf, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct pt_reservation *reservation;
		enum pt_reservation_verdict verdict = judge(gathering, &bdf[i], &reservation);
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

static int gather_open(struct gathering *gathering, const struct pt_bdf *bdf, size_t count)
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

static int gather_busy_vfs(struct gathering *gathering)
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

static int gather_owners(struct gathering *gathering)
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

int pt_facts_gather(const struct pt_host *host, const struct pt_guest *guest, const char *node,
	const struct pt_claims *claims, struct pt_facts *ret, struct pt_err *err)
{
	struct gathering gathering = {
		.host = host, .guest = guest, .claims = claims, .facts = ret, .err = err};
	int r;

	*ret = (struct pt_facts){.guest = guest};
	gather_host(&gathering);
	r = pt_reservations_read(host, &gathering.reservations, err);
	if (r == 0)
		r = read_claims(&gathering);
	if (r == 0)
		r = resolve_entries(&gathering, node);
	if (r == 0)
		r = gather_taken(&gathering);
	if (r == 0)
		r = gather_owners(&gathering);
	pt_reservations_clear(&gathering.reservations);
	free(gathering.claimed);
	return r;
}
