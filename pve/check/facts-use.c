// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <time.h>

#include "pve/check/gathering.h"
#include "pve/check/obstacle.h"

/* how long a node may be open before that is taken for a use */
#define PATIENCE_MS	1500
#define PAUSE_NS	250000000L
#define MOST_CANDIDATES 32
#define MOST_EXAMINED	256

/* Ids as the files have them, for functions that are read for nothing else. */
static bool files_say(
	const struct pt_host *host, const struct pt_bdf *bdf, const struct pt_function *function)
{
	static const char *const files[] = {"vendor", "device"};
	const char *const ids[] = {function->vendor, function->device};

	for (size_t i = 0; i < PT_ARRAY_SIZE(files); i++) {
		PT_FREE char *text = NULL;
		char path[PT_PCI_PATH];

		if (pt_host_read_line(host, pt_pci_path(bdf, files[i], path), &text) < 0 ||
			!pt_starts_with(text, "0x") || !pt_streq(text + 2, ids[i]))
			return false;
	}
	return true;
}

bool pt_gather_same_model(
	struct pt_node *node, const struct pt_function *function, const struct pt_bdf *bdf)
{
	const struct pt_function *other = pt_inventory_find(&node->inventory, bdf);

	if (pt_bdf_compare(&function->bdf, bdf) == 0)
		return false;
	if (!other)
		return node->host && files_say(node->host, bdf, function);
	return pt_streq(other->vendor, function->vendor) &&
	       pt_streq(other->device, function->device);
}

/* Whether only open processes are in the way: some have a device file open for an instant. */
static bool is_only_open(const struct pt_uses *uses)
{
	bool any = false;

	pt_foreach (use, uses->use, uses->count) {
		if (!use->weak && use->how != PT_USE_OPEN && use->how != PT_USE_MOUNTED_APART)
			return false;
		any |= !use->weak;
	}
	return any;
}

/* Functions with uses that matter: candidates, and VFs that go with a PF. The caller's. */
static void list_asked(const struct pt_facts *facts, struct pt_bdf **ret, size_t *ret_count)
{
	for (size_t i = 0; i < facts->taken_count + facts->spare_count; i++) {
		const struct pt_taken *taken = i < facts->taken_count
						       ? &facts->taken[i]
						       : &facts->spare[i - facts->taken_count];

		pt_taken_add_with_vfs(facts, taken, ret, ret_count);
	}
}

/* Looks again if only processes are in the way: udev and LVM open device files for a moment. */
static int look_patiently(struct pt_gathering *gathering)
{
	long long deadline = pt_now_ms() + PATIENCE_MS;
	struct pt_uses *uses = &gathering->facts->uses;
	const struct pt_bdf *bdf = gathering->asked;
	const size_t count = gathering->asked_count;
	int r = pt_node_hear_uses(
		gathering->node, &gathering->asking, bdf, count, uses, gathering->err);

	while (r == 0 && !gathering->node->whole && is_only_open(uses) && pt_now_ms() < deadline) {
		struct timespec pause = {.tv_nsec = PAUSE_NS};

		nanosleep(&pause, NULL);
		pt_uses_clear(uses);
		r = pt_node_uses(gathering->node, bdf, count, uses, gathering->err);
	}
	return r;
}

/* A guest with its network on the bridge, one that starts at boot first. NULL: none. */
static const struct pt_mention *bridge_user(struct pt_gathering *gathering, const char *bridge,
	const struct pt_mention *mention, size_t count)
{
	const struct pt_mention *by = NULL;

	for (size_t i = 0; i < count; i++) {
		if (mention[i].vmid != gathering->guest->vmid &&
			pt_streq(mention[i].bridge, bridge) &&
			(!by || (mention[i].onboot && !by->onboot)))
			by = &mention[i];
	}
	return by;
}

/* A bridge without the host's traffic carries guests': its ports, and those that start at boot. */
static void weigh_bridges(struct pt_gathering *gathering)
{
	struct pt_uses *uses = &gathering->facts->uses;
	const struct pt_mention *mention = NULL;
	size_t count = 0;

	pt_foreach (use, uses->use, uses->count) {
		const struct pt_mention *by;

		if (use->how != PT_USE_ONLY_PORT)
			continue;
		pt_node_mentions(gathering->node, &mention, &count);
		by = bridge_user(gathering, use->place, mention, count);
		if (!by)
			continue;
		use->how = by->onboot ? PT_USE_ONLY_PORT_AT_BOOT : PT_USE_ONLY_PORT_OF_GUEST;
		use->guest = by->vmid;
		use->weak = !by->onboot;
	}
}

/* Devices of the same model as one in use, free of guests: one may have been meant. */
static int list_candidates(struct pt_gathering *gathering, const struct pt_bdf *used,
	struct pt_bdf **ret, size_t *ret_count)
{
	struct pt_facts *facts = gathering->facts;
	struct pt_bdf *all = NULL;
	size_t count = 0, examined = 0;
	int r = pt_node_matching(gathering->node, "", &all, &count, gathering->err);

	for (size_t i = 0;
		r == 0 && i < count && *ret_count < MOST_CANDIDATES && examined < MOST_EXAMINED;
		i++) {
		const struct pt_function *function = pt_facts_function(facts, used);

		if (!pt_gather_same_model(gathering->node, function, &all[i]))
			continue;
		examined++;
		if (pt_taken_find(facts->taken, facts->taken_count, &all[i]) ||
			pt_gather_is_claimed(gathering, &all[i]) ||
			pt_node_is_wanted(gathering->node, gathering->guest->vmid, &all[i]))
			continue;
		r = pt_gather_learn(gathering, &all[i]);
		if (r == -ENODEV) {
			r = 0;
			continue;
		}
		if (r == 0)
			pt_bdfs_add(ret, ret_count, &all[i]);
	}
	free(all);
	return r;
}

/* Adds a candidate and the functions that go with it: those of its group. */
static void add_group(struct pt_gathering *gathering, const struct pt_bdf *bdf, struct pt_bdf **ret,
	size_t *ret_count)
{
	struct pt_group PT_GROUP group = {0};

	pt_bdfs_add(ret, ret_count, bdf);
	if (pt_node_group(gathering->node, bdf, &group, NULL) < 0)
		return;
	pt_foreach (mate, group.function, group.function_count) {
		if (pt_node_learn(gathering->node, mate, NULL) == 0 &&
			pt_bdf_compare(mate, bdf) != 0)
			pt_bdfs_add(ret, ret_count, mate);
	}
}

/* Whether a function of its group is on a vfio driver or claimed already. */
static bool is_taken(struct pt_gathering *gathering, const struct pt_function *function)
{
	const struct pt_inventory *inventory = gathering->facts->inventory;

	pt_foreach (mate, inventory->function, inventory->count) {
		if ((mate == function ||
			    (mate->group == function->group && function->group != PT_GROUP_NONE)) &&
			(pt_function_on_vfio(mate) || pt_gather_is_claimed(gathering, &mate->bdf)))
			return true;
	}
	return false;
}

/* Whether it could be taken instead: free, with all its companions, and without VFs. */
static bool is_free(
	struct pt_gathering *gathering, const struct pt_bdf *bdf, const struct pt_uses *uses)
{
	const struct pt_facts *facts = gathering->facts;
	const struct pt_function *function = pt_facts_function(facts, bdf);
	const struct pt_candidate candidate = {
		.function = function,
		.inventory = facts->inventory,
		.uses = uses,
		.host = facts->host,
	};

	/* mediated devices of a shared function may be given out at any time */
	if (function->vf_count || function->has_mdev || function->has_nvidia ||
		pt_node_has_guest_disk(gathering->node, bdf) || is_taken(gathering, function))
		return false;
	/* a console or a keyboard on it is a use as well: it is offered as a device without any */
	pt_foreach (use, uses->use, uses->count) {
		const struct pt_function *user = pt_facts_function(facts, &use->bdf);

		if (user && (user == function || (user->group == function->group &&
							 function->group != PT_GROUP_NONE)))
			return false;
	}
	return pt_obstacle_first(&candidate).obstacle == PT_OBSTACLE_NONE;
}

static int find_twin(struct pt_gathering *gathering, const struct pt_bdf *used)
{
	struct pt_facts *facts = gathering->facts;
	struct pt_bdf *candidate = NULL, *asked = NULL;
	struct pt_uses PT_USES uses = {0};
	size_t count = 0, asked_count = 0;
	int r = list_candidates(gathering, used, &candidate, &count);

	for (size_t i = 0; i < count; i++)
		add_group(gathering, &candidate[i], &asked, &asked_count);
	if (r == 0)
		r = pt_node_uses(gathering->node, asked, asked_count, &uses, gathering->err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct pt_twin *slot;

		if (!is_free(gathering, &candidate[i], &uses))
			continue;
		slot = pt_array_grow(&facts->twin, &facts->twin_count, sizeof(*slot));
		*slot = (struct pt_twin){*used, candidate[i]};
		break;
	}
	free(candidate);
	free(asked);
	return r;
}

int pt_gather_ask_uses(struct pt_gathering *gathering)
{
	list_asked(gathering->facts, &gathering->asked, &gathering->asked_count);
	return pt_node_ask_uses(gathering->node, gathering->asked, gathering->asked_count,
		&gathering->asking, gathering->err);
}

int pt_gather_uses(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;
	int r = look_patiently(gathering);

	if (r < 0)
		return r;
	weigh_bridges(gathering);
	for (size_t i = 0; r == 0 && i < facts->taken_count; i++) {
		if (!facts->taken[i].companion &&
			pt_uses_strong(&facts->uses, &facts->taken[i].bdf))
			r = find_twin(gathering, &facts->taken[i].bdf);
	}
	return r;
}
