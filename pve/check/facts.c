// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "pve/config/args.h"
#include "pve/check/gathering.h"

void pt_facts_clear(struct pt_facts *facts)
{
	pt_foreach (assignment, facts->assignment, facts->count)
		pt_assignment_clear(assignment);
	free(facts->taken);
	free(facts->spare);
	free(facts->kept);
	free(facts->hurdle);
	free(facts->owner);
	free(facts->busy_vf);
	pt_uses_clear(&facts->uses);
	free(facts->twin);
	free(facts->rom);
	free(facts->mdev);
	free(facts->detail);
	free(facts->elsewhere);
	pt_foreach (crowd, facts->crowd, facts->crowd_count)
		free(crowd->guests);
	free(facts->crowd);
	free(facts->stray);
	pt_foreach (unfit, facts->unfit, facts->unfit_count)
		free(unfit->stale);
	free(facts->unfit);
	free(facts->display);
	free(facts->absent_vf);
	free(facts->usb);
	pt_foreach (note, facts->note, facts->note_count)
		free(note->error);
	free(facts->note);
	pt_identities_clear(&facts->current);
	pt_identities_clear(&facts->moved);
	*facts = (struct pt_facts){0};
}

bool pt_facts_moves(const struct pt_facts *facts)
{
	pt_foreach (assignment, facts->assignment, facts->count) {
		if (assignment->problem.kind)
			return true;
	}
	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = pt_facts_function(facts, &taken->bdf);

		if (function && !pt_taken_stays(taken, function))
			return true;
	}
	return false;
}

/* Devices in args are an entry like any other, but that Proxmox VE knows nothing of it. */
static int parse_args(struct pt_gathering *gathering)
{
	struct pt_assignment *slot = &gathering->facts->assignment[gathering->facts->count];
	char *devices = pt_args_devices(pt_guest_get(gathering->guest, "args"));

	if (!devices)
		return 0;
	slot->entry = (struct pt_hostpci){.index = PT_HOSTPCI_MAX, .host = devices, .rombar = true};
	slot->chosen = -1;
	gathering->facts->count++;
	return 1;
}

static int parse_entry(struct pt_gathering *gathering, int index)
{
	struct pt_assignment *slot = &gathering->facts->assignment[gathering->facts->count];
	const struct pt_guest *guest = gathering->guest;
	struct pt_guest_key found;
	char key[PT_LABEL_TEXT];
	int r;

	found = pt_guest_find_key(guest, pt_entry_label(index, key));
	if (!found.key || !pt_hostpci_is_set(found.value))
		return 0;
	r = pt_hostpci_parse(
		index, found.value, found.length, guest->encoding, &slot->entry, gathering->err);
	if (r < 0)
		return pt_err_wrap(gathering->err, "%s", key);
	slot->chosen = -1;
	gathering->facts->count++;
	return 1;
}

int pt_gather_learn(struct pt_gathering *gathering, const struct pt_bdf *bdf)
{
	struct pt_err err = {0};
	int r = pt_node_learn(gathering->node, bdf, &err);

	return r < 0 && r != -ENODEV ? pt_err_set(gathering->err, r, "%s", err.text) : r;
}

bool pt_gather_is_free(void *data, const struct pt_assignment *assignment,
	const struct pt_alternative *alternative)
{
	const struct pt_reservation *reservation;

	(void)assignment;
	pt_foreach (id, alternative->id, alternative->count) {
		if (pt_gather_judge(data, id, &reservation) != PT_RESERVATION_FREE ||
			pt_gather_is_claimed(data, id))
			return false;
	}
	return true;
}

/* Adds the functions of a name, and those that matter with them: the group, and the PF. */
static void list_meant(struct pt_node *node, const char *name, struct pt_bdf **list, size_t *count)
{
	struct pt_bdf *found = NULL;
	size_t founds = 0;

	if (pt_node_matching(node, name, &found, &founds, NULL) < 0)
		return;
	pt_foreach (bdf, found, founds) {
		struct pt_group PT_GROUP group = {0};
		struct pt_bdf pf;

		pt_bdfs_add(list, count, bdf);
		if (pt_function_read_pf(node->host, bdf, &pf) == 0)
			pt_bdfs_add(list, count, &pf);
		if (pt_node_group(node, bdf, &group, NULL) < 0)
			continue;
		pt_foreach (member, group.function, group.function_count)
			pt_bdfs_add(list, count, member);
	}
	free(found);
}

static void list_meant_by(
	struct pt_node *node, const char *names, struct pt_bdf **list, size_t *count)
{
	struct pt_names PT_NAMES words = {0};

	pt_names_split(&words, names, ";");
	pt_foreach (word, words.name, words.count)
		list_meant(node, *word, list, count);
}

/* Reads the functions of all entries at once: a read that waits for a device's lock takes a child.
 * The step that needs a missed or unreadable function reads it again, and reports it. */
static void learn_at_once(struct pt_gathering *gathering, const struct pt_mappings *mappings)
{
	struct pt_node *node = gathering->node;
	struct pt_bdf *list = NULL;
	size_t count = 0;

	for (size_t i = 0; i < gathering->facts->count; i++) {
		const struct pt_hostpci *entry = &gathering->facts->assignment[i].entry;
		const struct pt_mapping *mapping =
			entry->mapping ? pt_mapping_find(mappings, entry->mapping) : NULL;

		if (entry->host)
			list_meant_by(node, entry->host, &list, &count);
		for (size_t at = 0; mapping && at < mapping->count; at++) {
			if (pt_streq(mapping->entry[at].node, node->name))
				list_meant_by(node, mapping->entry[at].path, &list, &count);
		}
	}
	pt_inventory_add_all(node->host, &node->inventory, list, count, NULL);
	free(list);
}

static int resolve_entries(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;
	struct pt_node *node = gathering->node;
	int r = pt_node_mappings(node, &facts->mappings, gathering->err);

	/* the last is that of args */
	for (int i = 0; r >= 0 && i <= PT_HOSTPCI_MAX; i++)
		r = i < PT_HOSTPCI_MAX ? parse_entry(gathering, i) : parse_args(gathering);
	if (r >= 0 && !node->whole && node->host)
		learn_at_once(gathering, facts->mappings);
	for (size_t i = 0; r >= 0 && i < facts->count; i++)
		r = pt_resolve(node->host, facts->mappings, node->name, &node->inventory,
			&facts->assignment[i], gathering->err);
	if (r < 0)
		return r;
	pt_choose(facts->assignment, facts->count, pt_gather_is_free, gathering);
	return 0;
}

const struct pt_function *pt_facts_function(const struct pt_facts *facts, const struct pt_bdf *bdf)
{
	return pt_inventory_find(facts->inventory, bdf);
}

const struct pt_taken *pt_taken_find(
	const struct pt_taken *list, size_t count, const struct pt_bdf *bdf)
{
	pt_foreach (taken, list, count) {
		if (pt_bdf_compare(&taken->bdf, bdf) == 0)
			return taken;
	}
	return NULL;
}

bool pt_facts_opens(const struct pt_facts *facts)
{
	return facts->taken_count || facts->kept_count;
}

const char *pt_taken_driver(const struct pt_taken *taken)
{
	return taken->wish[0] && !taken->lacking ? taken->wish : PT_VFIO_PCI;
}

bool pt_facts_need_vfio_pci(const struct pt_facts *facts)
{
	pt_foreach (taken, facts->taken, facts->taken_count) {
		if (pt_streq(pt_taken_driver(taken), PT_VFIO_PCI))
			return true;
	}
	return false;
}

bool pt_taken_stays(const struct pt_taken *taken, const struct pt_function *function)
{
	return pt_streq(function->driver, pt_taken_driver(taken));
}

void pt_taken_add_with_vfs(const struct pt_facts *facts, const struct pt_taken *taken,
	struct pt_bdf **ret, size_t *ret_count)
{
	const struct pt_function *function = pt_facts_function(facts, &taken->bdf);

	pt_bdfs_add(ret, ret_count, &taken->bdf);
	for (size_t i = 0; function && i < function->vf_count; i++)
		pt_bdfs_add(ret, ret_count, &function->vf[i]);
}

/* Notes a function, once: as taken, or as spare. */
static void take(struct pt_facts *facts, const struct pt_taken *taken, bool spare)
{
	struct pt_taken *slot;

	if (pt_taken_find(facts->taken, facts->taken_count, &taken->bdf) ||
		pt_taken_find(facts->spare, facts->spare_count, &taken->bdf))
		return;
	slot = spare ? pt_array_grow(&facts->spare, &facts->spare_count, sizeof(*slot))
		     : pt_array_grow(&facts->taken, &facts->taken_count, sizeof(*slot));
	*slot = *taken;
}

/* Whether local policy has a function with driver=keep taken, and by which driver. "auto" leaves
 * functions that QEMU can open already, and NVIDIA's with their own driver. */
static bool has_wish(const struct pt_gathering *gathering, struct pt_taken *taken)
{
	const struct pt_function *function =
		pt_inventory_find(gathering->facts->inventory, &taken->bdf);
	const struct pt_host *host = gathering->node->host;
	const char *policy = pt_policy_vfio_driver(
		&gathering->facts->host->policy, gathering->guest->vmid, &taken->bdf);
	struct pt_module module;
	char name[PT_DRIVER_TEXT];

	if (!policy || !function || !gathering->facts->hooked)
		return false;
	if (!pt_streq(policy, "auto"))
		snprintf(name, sizeof(name), "%s", policy);
	else if (function->has_nvidia)
		return false;
	else if (function->driver && pt_function_on_vfio(function))
		snprintf(name, sizeof(name), "%s", function->driver);
	else if (!host || !function->modalias || !pt_module_vfio(host, function->modalias, name) ||
		 pt_streq(name, "vfio_pci"))
		snprintf(name, sizeof(name), PT_VFIO_PCI);
	memcpy(taken->wish, name, sizeof(name));
	if (!host) {
		/* a facts file knows one module: where that is missing, the kernel's others are,
		 * too */
		taken->lacking = gathering->facts->host->vfio.state == PT_MODULE_MISSING &&
				 !pt_streq(function->driver, name);
	} else {
		pt_module_look(host, name, &module);
		taken->lacking = module.state == PT_MODULE_MISSING ||
				 module.state == PT_MODULE_BLOCKED ||
				 module.state == PT_MODULE_CUSTOM;
		pt_module_driver(host, name, taken->wish);
	}
	return true;
}

static void keep(struct pt_facts *facts, const struct pt_taken *kept)
{
	struct pt_taken *slot;

	if (pt_taken_find(facts->kept, facts->kept_count, &kept->bdf))
		return;
	slot = pt_array_grow(&facts->kept, &facts->kept_count, sizeof(*slot));
	*slot = *kept;
}

/* Takes a function of an entry, or leaves it to Proxmox VE where nothing of ours moves it. */
static void take_function(
	struct pt_gathering *gathering, size_t at, const struct pt_bdf *bdf, bool spare)
{
	const struct pt_assignment *assignment = &gathering->facts->assignment[at];
	struct pt_taken taken = {.bdf = *bdf, .assignment = at};

	if (pt_assignment_is_bound(assignment) ||
		(!assignment->vgpu && has_wish(gathering, &taken)))
		take(gathering->facts, &taken, spare);
	else if (!spare && gathering->facts->depth == PT_DEPTH_CHECK)
		keep(gathering->facts, &taken);
}

/* The functions of an entry's chosen alternative, or of all others. */
static void take_entry(struct pt_gathering *gathering, size_t at, bool spare)
{
	const struct pt_assignment *assignment = &gathering->facts->assignment[at];

	if (assignment->chosen < 0 || pt_assignment_is_mdev(assignment))
		return;
	for (size_t i = 0; i < assignment->count; i++) {
		const struct pt_alternative *alternative = &assignment->alternative[i];

		if (((int)i != assignment->chosen) != spare)
			continue;
		pt_foreach (id, alternative->id, alternative->count)
			take_function(gathering, at, id, spare);
	}
}

static int take_companions_of(struct pt_gathering *gathering, struct pt_taken of, bool spare)
{
	struct pt_facts *facts = gathering->facts;
	struct pt_group PT_GROUP group = {0};
	struct pt_err why = {0};
	int r = pt_node_group(gathering->node, &of.bdf, &group, &why);

	if (r == -ENOENT)
		return 0; /* no group: a finding of its own */
	if (r < 0)
		return pt_err_set(gathering->err, r, "%s", why.text);
	pt_foreach (member, group.function, group.function_count) {
		const struct pt_function *function;
		struct pt_taken companion;

		r = pt_gather_learn(gathering, member);
		if (r == -ENODEV)
			continue; /* vanished; its name is left in the group */
		if (r < 0)
			return r;
		function = pt_facts_function(facts, member);
		if (function->is_bridge || !function->info_ok)
			continue;
		companion = (struct pt_taken){
			.bdf = *member, .assignment = of.assignment, .companion = true};
		/* beside functions that Proxmox VE does not bind, any vfio driver will do */
		if (!pt_assignment_is_bound(&facts->assignment[of.assignment]) &&
			pt_function_on_vfio(function))
			continue;
		take(facts, &companion, spare);
	}
	return 0;
}

/* A group is viable when each member is on a vfio driver, on none, or a bridge. Source: kernel,
 * drivers/vfio/group.c and drivers/iommu/iommu.c, iommu_device_claim_dma_owner. */
static void learn_hurdles(struct pt_gathering *gathering, struct pt_taken kept)
{
	struct pt_facts *facts = gathering->facts;
	struct pt_group PT_GROUP group = {0};

	/* NVIDIA's vGPUs stay on their driver, and have no driver=keep; a function without a group
	 * has findings of its own */
	if (!facts->assignment[kept.assignment].entry.keep_driver ||
		pt_node_group(gathering->node, &kept.bdf, &group, NULL) < 0)
		return;
	pt_foreach (member, group.function, group.function_count) {
		const struct pt_function *function;
		struct pt_taken *slot;

		if (pt_taken_find(facts->taken, facts->taken_count, member) ||
			pt_taken_find(facts->kept, facts->kept_count, member) ||
			pt_taken_find(facts->hurdle, facts->hurdle_count, member) ||
			pt_node_learn(gathering->node, member, NULL) < 0)
			continue;
		function = pt_facts_function(facts, member);
		if (function->is_bridge || !function->driver || function->has_nvidia ||
			pt_function_on_vfio(function) || pt_streq(function->driver, "pci-stub"))
			continue;
		slot = pt_array_grow(&facts->hurdle, &facts->hurdle_count, sizeof(*slot));
		*slot = (struct pt_taken){.bdf = *member, .assignment = kept.assignment};
	}
}

/* Reads the PF of a taken VF, whose driver matters, and the VFs of a PF, which go with it. */
static int learn_relatives(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;
	struct pt_node *node = gathering->node;
	struct pt_bdf *list = NULL;
	size_t count = 0;
	int r = 0;

	for (size_t i = 0; i < facts->taken_count + facts->spare_count; i++) {
		const struct pt_taken *taken = i < facts->taken_count
						       ? &facts->taken[i]
						       : &facts->spare[i - facts->taken_count];
		const struct pt_function *function = pt_facts_function(facts, &taken->bdf);

		if (function && pt_function_is_vf(function))
			pt_bdfs_add(&list, &count, &function->physfn);
		for (size_t at = 0; function && at < function->vf_count; at++)
			pt_bdfs_add(&list, &count, &function->vf[at]);
	}
	if (!node->whole)
		r = pt_inventory_add_all(node->host, &node->inventory, list, count, gathering->err);
	free(list);
	return r;
}

/* Functions that entries name come before any companion: a function may be both. */
static int gather_taken(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;
	size_t named;
	int r = 0;

	for (size_t i = 0; i < facts->count; i++)
		take_entry(gathering, i, false);
	named = facts->taken_count;
	for (size_t i = 0; r == 0 && i < named; i++)
		r = take_companions_of(gathering, facts->taken[i], false);
	for (size_t i = 0; i < facts->count; i++)
		take_entry(gathering, i, true);
	named = facts->spare_count;
	for (size_t i = 0; r == 0 && i < named; i++)
		r = take_companions_of(gathering, facts->spare[i], true);
	for (size_t i = 0; r == 0 && i < facts->kept_count; i++)
		learn_hurdles(gathering, facts->kept[i]);
	return r;
}

/* What few starts need of the host is read for those alone. */
static int gather_traits(struct pt_gathering *gathering)
{
	struct pt_machine machine;

	pt_guest_machine(gathering->guest, &machine);
	pt_node_learn_modules(gathering->node);
	if (gathering->facts->depth != PT_DEPTH_START || machine.viommu ||
		pt_streq(pt_guest_get(gathering->guest, "bios"), "ovmf"))
		pt_node_learn_versions(gathering->node);
	return 0;
}

int pt_facts_gather(struct pt_node *node, const struct pt_guest *guest, enum pt_depth depth,
	struct pt_facts *ret, struct pt_err *err)
{
	static int (*const steps[])(struct pt_gathering * gathering) = {
		pt_gather_claims, resolve_entries, gather_taken, learn_relatives,
		pt_gather_ask_uses, /* cheap before a thousand configs are in memory */
		gather_traits, pt_gather_details, pt_gather_identities, pt_gather_absent_vfs,
		pt_gather_config, pt_gather_usb, pt_gather_uses,
		pt_gather_owners, /* late: others start beside this guest */
	};
	struct pt_gathering gathering = {.node = node,
		.guest = guest,
		.facts = ret,
		.err = err,
		.asking = {.uses = PT_USES_ASKING_NONE}};
	int r;

	*ret = (struct pt_facts){.depth = depth,
		.guest = guest,
		.host = pt_node_traits(node),
		.inventory = &node->inventory};
	pt_gather_hook(&gathering);
	r = pt_node_reservations(node, &gathering.reservations, err);
	for (size_t i = 0; r == 0 && i < PT_ARRAY_SIZE(steps); i++)
		r = steps[i](&gathering);
	pt_uses_unask(&gathering.asking.uses);
	free(gathering.asked);
	free(gathering.claimed);
	return r;
}
