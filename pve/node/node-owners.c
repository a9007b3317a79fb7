// SPDX-License-Identifier: AGPL-3.0-or-later
/* Owners of a node's functions: guests by their claims, processes, the host itself. */
#include <errno.h>
#include <time.h>

#include "lib/claim/locks.h"
#include "lib/claim/older.h"
#include "pve/config/container.h"
#include "pve/node/node.h"
#include "pve/config/live.h"
#include "pve/config/runstate.h"

/* how long a driver may keep us waiting */
#define USES_MS 20000
#define READ_MS 1000

static void add_claimed(struct pt_node_claim *claim, const struct pt_bdf *bdf, bool spare,
	const struct pt_function_record *record)
{
	struct pt_claimed *slot = pt_array_grow(&claim->claimed, &claim->count, sizeof(*slot));

	slot->bdf = *bdf;
	slot->spare = spare;
	if (record)
		pt_set_text(&slot->error, record->error);
}

/* Adds a wish with the VFs that went with it. */
static void add_wish(
	struct pt_node_claim *claim, const struct pt_records *records, const struct pt_wish *wish)
{
	const struct pt_function_record *record = pt_records_function(records, &wish->bdf);
	bool spare = wish->role == PT_ROLE_CANDIDATE;

	add_claimed(claim, &wish->bdf, spare, record);
	for (size_t i = 0; record && i < record->vf_count; i++)
		add_claimed(claim, &record->vf[i].bdf, spare, NULL);
}

static struct pt_node_claim *add_claim(struct pt_node *node, unsigned int vmid, bool alive)
{
	struct pt_node_claim *slot = pt_array_grow(&node->claim, &node->claim_count, sizeof(*slot));

	slot->vmid = vmid;
	slot->alive = alive;
	return slot;
}

/* A companion without a taken function has not been taken either. */
static bool has_taken(const struct pt_guest_record *guest)
{
	pt_foreach (wish, guest->wish, guest->count) {
		if (wish->role == PT_ROLE_TAKEN)
			return true;
	}
	return false;
}

static void read_wishes(
	struct pt_node *node, const struct pt_records *records, const struct pt_guest_record *guest)
{
	struct pt_node_claim *claim =
		add_claim(node, guest->vmid, pt_guest_is_live(node->host, node->store, guest));
	bool taken = has_taken(guest);

	pt_foreach (wish, guest->wish, guest->count) {
		size_t before = claim->count;

		add_wish(claim, records, wish);
		for (size_t i = before; i < claim->count; i++)
			claim->claimed[i].spare |= !taken;
	}
}

/* Whether somebody moves the function of a guest that has ended now. */
static bool is_returning(
	const struct pt_node *node, const struct pt_guest_record *guest, const struct pt_bdf *bdf)
{
	return pt_function_is_locked(node->store, bdf) ||
	       (guest->older && pt_older_busy(node->store, guest->vmid));
}

/* Functions of a guest that has ended are nobody's, except while they return. */
static void read_end(struct pt_node *node, const struct pt_records *records,
	const struct pt_guest_record *guest, bool returning)
{
	struct pt_node_claim *claim = NULL;

	pt_foreach (wish, guest->wish, guest->count) {
		const struct pt_function_record *record = pt_records_function(records, &wish->bdf);

		if (!record || pt_records_wanted(records, &wish->bdf, PT_GROUP_NONE, 0, false) ||
			is_returning(node, guest, &wish->bdf) != returning)
			continue;
		if (!claim)
			claim = add_claim(node, guest->vmid, returning);
		claim->returning = returning;
		add_wish(claim, records, wish);
	}
}

static void read_claims(struct pt_node *node)
{
	struct pt_records PT_RECORDS records = {0};

	pt_records_read(node->store, &records);
	node->claims_err = records.err;
	pt_foreach (guest, records.guest, records.guest_count) {
		if (guest->state == PT_GUEST_WANTS) {
			read_wishes(node, &records, guest);
			continue;
		}
		read_end(node, &records, guest, true);
		read_end(node, &records, guest, false);
	}
}

void pt_node_claims(struct pt_node *node, const struct pt_node_claim **ret, size_t *ret_count)
{
	if (!node->has_claims && node->store)
		read_claims(node);
	node->has_claims = true;
	*ret = node->claim;
	*ret_count = node->claim_count;
}

int pt_node_pid(struct pt_node *node, unsigned int vmid)
{
	if (!node->whole)
		return pt_guest_pid(node->host, vmid);
	pt_foreach (guest, node->running, node->running_count) {
		if (guest->vmid == vmid)
			return guest->pid;
	}
	return 0;
}

static void add_user(
	const struct pt_group_user *user, struct pt_group_user **ret, size_t *ret_count)
{
	struct pt_group_user *slot = pt_array_grow(ret, ret_count, sizeof(*slot));

	*slot = *user;
}

static int ask_group_users(const struct pt_node *node, const struct pt_function *const *function,
	size_t count, struct pt_group_user **ret, size_t *ret_count, struct pt_err *err)
{
	struct pt_vfio_user *found = NULL;
	size_t users = 0;
	int r = pt_vfio_users(node->host, function, count, &found, &users, err);

	for (size_t i = 0; r == 0 && i < users; i++) {
		struct pt_group_user user = {.group = found[i].group,
			.pid = found[i].pid,
			.vmid = pt_pid_guest(node->host, found[i].pid)};

		memcpy(user.name, found[i].name, sizeof(user.name));
		add_user(&user, ret, ret_count);
	}
	free(found);
	return r;
}

int pt_node_group_users(struct pt_node *node, const struct pt_function *const *function,
	size_t count, struct pt_group_user **ret, size_t *ret_count, struct pt_err *err)
{
	if (!node->whole)
		return ask_group_users(node, function, count, ret, ret_count, err);
	pt_foreach (user, node->user, node->user_count) {
		bool asked = false;

		for (size_t i = 0; i < count; i++)
			asked |= function[i]->group == user->group;
		if (asked)
			add_user(user, ret, ret_count);
	}
	return 0;
}

/* Names the guest that a process runs, and the service of its container: the container's processes
 * lie in another control group. Source: pve-container, pve-container@.service. */
static void name_users(const struct pt_host *host, struct pt_uses *uses)
{
	pt_foreach (use, uses->use, uses->count) {
		unsigned int ctid;

		if (use->pid)
			use->guest = pt_pid_guest(host, use->pid);
		if (pt_vmid_parse(use->container, &ctid))
			snprintf(use->unit, sizeof(use->unit), "pve-container@%u.service", ctid);
	}
}

static void copy_uses(const struct pt_node *node, const struct pt_function *const *function,
	size_t count, struct pt_uses *ret)
{
	pt_foreach (use, node->uses.use, node->uses.count) {
		bool asked = false;

		for (size_t i = 0; i < count; i++)
			asked |= pt_bdf_compare(&function[i]->bdf, &use->bdf) == 0;
		if (asked)
			pt_uses_add(ret, use);
	}
}

/* The functions that can have uses: no bridges, and not on vfio-pci. The caller frees the list. */
static const struct pt_function **list_askable(const struct pt_inventory *inventory,
	const struct pt_bdf *bdf, size_t count, size_t *ret_count)
{
	const struct pt_function **list = pt_calloc(count, sizeof(*list));

	*ret_count = 0;
	for (size_t i = 0; i < count; i++) {
		const struct pt_function *function = pt_inventory_find(inventory, &bdf[i]);

		if (function && !function->is_bridge && !pt_function_on_vfio(function))
			list[(*ret_count)++] = function;
	}
	return list;
}

int pt_node_ask_uses(struct pt_node *node, const struct pt_bdf *bdf, size_t count,
	struct pt_node_asking *ret, struct pt_err *err)
{
	size_t functions;
	const struct pt_function **function =
		list_askable(&node->inventory, bdf, count, &functions);
	int r = 0;

	*ret = (struct pt_node_asking){
		.uses = PT_USES_ASKING_NONE, .deadline_ms = pt_now_ms() + USES_MS};
	if (!node->has_uses)
		r = pt_uses_ask(node->host, function, functions, &ret->uses, err);
	free(function);
	return r;
}

/* An answer that is there is read, however long others have taken. */
static int hear_uses(const struct pt_node *node, struct pt_node_asking *asking,
	const struct pt_function *const *function, size_t count, struct pt_uses *ret,
	struct pt_err *err)
{
	long long soonest = pt_now_ms() + READ_MS;
	int r = pt_uses_hear(&asking->uses,
		asking->deadline_ms > soonest ? asking->deadline_ms : soonest, ret, err);

	if (r < 0)
		return r;
	name_users(node->host, ret);
	pt_container_uses(node->host, node->name, function, count, ret);
	return 0;
}

int pt_node_hear_uses(struct pt_node *node, struct pt_node_asking *asking, const struct pt_bdf *bdf,
	size_t count, struct pt_uses *ret, struct pt_err *err)
{
	size_t functions;
	const struct pt_function **function =
		list_askable(&node->inventory, bdf, count, &functions);
	int r = 0;

	if (node->has_uses)
		copy_uses(node, function, functions, ret);
	else
		r = hear_uses(node, asking, function, functions, ret, err);
	free(function);
	return r;
}

int pt_node_uses(struct pt_node *node, const struct pt_bdf *bdf, size_t count, struct pt_uses *ret,
	struct pt_err *err)
{
	struct pt_node_asking asking;
	int r = pt_node_ask_uses(node, bdf, count, &asking, err);

	return r < 0 ? r : pt_node_hear_uses(node, &asking, bdf, count, ret, err);
}

/* The functions on vfio-pci, from the driver's own folder: no other function is read. */
static void ask_on_vfio(struct pt_node *node, struct pt_bdf **ret, size_t *ret_count)
{
	struct pt_names PT_NAMES names = {0};

	if (pt_host_list(node->host, PT_PCI_DRIVERS "/" PT_VFIO_PCI, &names) < 0)
		return;
	pt_foreach (name, names.name, names.count) {
		struct pt_bdf bdf;

		if (pt_bdf_parse(*name, &bdf))
			pt_bdfs_add(ret, ret_count, &bdf);
	}
}

static void list_on_vfio(struct pt_node *node, struct pt_bdf **ret, size_t *ret_count)
{
	if (!node->whole) {
		ask_on_vfio(node, ret, ret_count);
		return;
	}
	pt_foreach (function, node->inventory.function, node->inventory.count) {
		if (pt_streq(function->driver, PT_VFIO_PCI))
			pt_bdfs_add(ret, ret_count, &function->bdf);
	}
}

bool pt_node_names(struct pt_node *node, const struct pt_naming *naming, const struct pt_bdf *bdf)
{
	const struct pt_mappings *mappings = NULL;

	if (!naming->mapping)
		return pt_naming_has(naming, bdf);
	if (pt_node_mappings(node, &mappings, NULL) < 0)
		return true; /* it may be */
	return pt_mapping_entry(
		pt_mapping_find(mappings, naming->mapping), node->name, PT_BDF(bdf));
}

bool pt_node_is_wanted(struct pt_node *node, unsigned int vmid, const struct pt_bdf *bdf)
{
	struct pt_group PT_GROUP group = {0};
	const struct pt_naming *naming = NULL;
	size_t count = 0;

	if (pt_node_namings(node, &naming, &count, NULL) < 0)
		return false;
	if (pt_node_group(node, bdf, &group, NULL) < 0)
		group.function_count = 0;
	pt_foreach (one, naming, count) {
		if (one->vmid == vmid)
			continue;
		if (pt_node_names(node, one, bdf))
			return true;
		pt_foreach (function, group.function, group.function_count) {
			if (pt_node_names(node, one, function))
				return true;
		}
	}
	return false;
}

static bool concerns_anybody(struct pt_node *node, const struct pt_bdf *bdf)
{
	const struct pt_naming *naming = NULL;
	const struct pt_node_claim *claims = NULL;
	size_t count = 0;

	pt_node_claims(node, &claims, &count);
	pt_foreach (claim, claims, count) {
		pt_foreach (claimed, claim->claimed, claim->count) {
			if (pt_bdf_compare(&claimed->bdf, bdf) == 0)
				return true;
		}
	}
	if (pt_node_namings(node, &naming, &count, NULL) < 0)
		return true;
	if (pt_node_is_named(node, bdf))
		return true;
	pt_foreach (one, naming, count) {
		if (!one->is_one && pt_node_names(node, one, bdf))
			return true;
	}
	return false;
}

/* Whether somebody has to do with the function or with one that goes where it goes; its group. */
static bool group_concerns_anybody(struct pt_node *node, const struct pt_bdf *bdf, int *ret_group)
{
	struct pt_group PT_GROUP group = {0};

	*ret_group = PT_GROUP_NONE;
	if (concerns_anybody(node, bdf))
		return true;
	if (pt_node_group(node, bdf, &group, NULL) < 0)
		return false;
	*ret_group = group.number;
	pt_foreach (function, group.function, group.function_count) {
		if (pt_bdf_compare(function, bdf) != 0 && concerns_anybody(node, function))
			return true;
	}
	return false;
}

/* Notes the functions that no process has open as left: all are looked for at once. */
static int note_unused(
	struct pt_node *node, const struct pt_function *candidate, size_t count, struct pt_err *err)
{
	const struct pt_function **asked = pt_calloc(count, sizeof(*asked));
	struct pt_group_user *user = NULL;
	size_t users = 0;
	int r = 0;

	for (size_t i = 0; i < count; i++)
		asked[i] = &candidate[i];
	if (count)
		r = pt_node_group_users(node, asked, count, &user, &users, err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		bool used = false;

		for (size_t at = 0; at < users; at++)
			used |= user[at].group == candidate[i].group;
		if (!used)
			pt_bdfs_add(&node->left, &node->left_count, &candidate[i].bdf);
	}
	free(user);
	free(asked);
	return r;
}

static void find_left(struct pt_node *node)
{
	struct pt_function *candidate = NULL;
	struct pt_bdf *bound = NULL;
	size_t count = 0, candidates = 0;

	list_on_vfio(node, &bound, &count);
	for (size_t i = 0; i < count; i++) {
		struct pt_function *slot;
		int group;

		if (group_concerns_anybody(node, &bound[i], &group))
			continue;
		slot = pt_array_grow(&candidate, &candidates, sizeof(*slot));
		*slot = (struct pt_function){.bdf = bound[i], .group = group, .has_vfio_dev = true};
	}
	/* their ids matter only where the module has an option ids= */
	pt_node_learn_modules(node);
	if (note_unused(node, candidate, candidates, NULL) == 0 && !node->whole &&
		node->traits.vfio_options)
		pt_inventory_add_all(
			node->host, &node->inventory, node->left, node->left_count, NULL);
	free(candidate);
	free(bound);
}

void pt_node_left_on_vfio(struct pt_node *node, const struct pt_bdf **ret, size_t *ret_count)
{
	if (!node->has_left)
		find_left(node);
	/* one that cannot be found out is not reported, and not asked again */
	node->has_left = true;
	*ret = node->left;
	*ret_count = node->left_count;
}
