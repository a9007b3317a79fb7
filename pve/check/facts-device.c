// SPDX-License-Identifier: AGPL-3.0-or-later
/* Properties of the taken functions that the inventory does not hold. */
#include <errno.h>

#include "pve/check/gathering.h"

#define MOST_TWINS 256 /* that are looked at */

/* What the address of a neighbour does not share, in letters: "0000:01:" and "0000:01:00.". */
enum near { ON_BUS = 4, IN_SLOT = 1 };

static int list_near(struct pt_gathering *gathering, const struct pt_bdf *bdf, enum near near,
	struct pt_bdf **ret, size_t *ret_count)
{
	char filter[PT_BDF_TEXT];

	pt_bdf_format(bdf, filter);
	filter[strlen(filter) - near] = '\0';
	return pt_node_matching(gathering->node, filter, ret, ret_count, NULL);
}

/* The first function on the bus that is not taken along. */
static bool find_bus_mate(
	struct pt_gathering *gathering, const struct pt_bdf *bdf, struct pt_bdf *ret)
{
	const struct pt_facts *facts = gathering->facts;
	struct pt_bdf *found = NULL;
	size_t count = 0;
	bool has = false;

	if (list_near(gathering, bdf, ON_BUS, &found, &count) < 0)
		return false;
	for (size_t i = 0; !has && i < count; i++) {
		has = !pt_taken_find(facts->taken, facts->taken_count, &found[i]) &&
		      !pt_taken_find(facts->kept, facts->kept_count, &found[i]);
		if (has)
			*ret = found[i];
	}
	free(found);
	return has;
}

static bool find_id_twin(
	struct pt_gathering *gathering, const struct pt_function *function, struct pt_bdf *ret)
{
	const struct pt_facts *facts = gathering->facts;
	const struct pt_bdf self = function->bdf;
	struct pt_bdf *found = NULL;
	size_t count = 0, examined = 0;
	bool has = false;

	if (pt_node_matching(gathering->node, "", &found, &count, NULL) < 0)
		return false;
	for (size_t i = 0; !has && i < count && examined < MOST_TWINS; i++) {
		if (pt_taken_find(facts->taken, facts->taken_count, &found[i]) ||
			pt_taken_find(facts->kept, facts->kept_count, &found[i]) ||
			!pt_gather_same_model(
				gathering->node, pt_facts_function(facts, &self), &found[i]))
			continue;
		examined++;
		has = pt_node_learn(gathering->node, &found[i], NULL) == 0 &&
		      pt_ids_mean(facts->host->vfio_options, pt_facts_function(facts, &found[i])) &&
		      !pt_node_is_wanted(gathering->node, gathering->guest->vmid, &found[i]);
		if (has)
			*ret = found[i];
	}
	free(found);
	return has;
}

/* Whether the whole slot of this function 0 has more than the taken ones, or VFs. */
static bool has_more_in_slot(struct pt_gathering *gathering, const struct pt_bdf *zero)
{
	const struct pt_facts *facts = gathering->facts;
	struct pt_bdf *found = NULL;
	bool siblings = false, more = false;
	size_t count = 0;

	pt_foreach (taken, facts->taken, facts->taken_count)
		siblings |= taken->companion && pt_bdf_same_slot(&taken->bdf, zero);
	if (zero->function != 0 || !siblings ||
		list_near(gathering, zero, IN_SLOT, &found, &count) < 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct pt_function *function = pt_facts_function(facts, &found[i]);

		more |= !pt_taken_find(facts->taken, facts->taken_count, &found[i]) ||
			(function && pt_function_is_vf(function));
	}
	free(found);
	return more;
}

/* Whether AMD's security processor is in the function's slot: the slot is one of a processor. */
static bool is_integrated(struct pt_gathering *gathering, const struct pt_function *function)
{
	struct pt_bdf *found = NULL;
	size_t count = 0;
	bool ret = false;

	if ((!pt_streq(function->vendor, "1002") && !pt_streq(function->vendor, "1022")) ||
		list_near(gathering, &function->bdf, IN_SLOT, &found, &count) < 0)
		return false;
	for (size_t i = 0; !ret && i < count; i++) {
		const struct pt_function *mate;

		if (pt_node_learn(gathering->node, &found[i], NULL) < 0)
			continue;
		mate = pt_facts_function(gathering->facts, &found[i]);
		ret = mate && pt_streq(mate->vendor, "1022") && mate->class >> 8 == 0x1080;
	}
	free(found);
	return ret;
}

/* The module of the driver, whose name may be another one. Facts of elsewhere do not say it. */
static void learn_module(
	const struct pt_host *host, const struct pt_function *function, struct pt_detail *detail)
{
	PT_FREE char *name = NULL;
	char path[PT_PCI_PATH];

	if (!function->driver)
		return;
	if (host && snprintf(path, sizeof(path), PT_PCI_DRIVERS "/%s/module", function->driver) <
			    (int)sizeof(path))
		pt_host_link_name(host, path, &name);
	snprintf(detail->module, sizeof(detail->module), "%s",
		name					 ? name
		: pt_streq(function->driver, "xhci_hcd") ? "xhci_pci"
							 : function->driver);
}

static void look(struct pt_gathering *gathering, const struct pt_bdf *bdf,
	const struct pt_device *device, struct pt_detail *detail)
{
	const struct pt_function *function = pt_facts_function(gathering->facts, bdf);
	bool own_reset;

	/* which may move what has been read */
	detail->integrated = is_integrated(gathering, function);
	function = pt_facts_function(gathering->facts, bdf);
	/* function 0 lists the reset of its bus since nobody else was there yet when the kernel
	 * looked: alone it has none. Source: kernel, drivers/pci/pci.c, pci_parent_bus_reset */
	own_reset = function->has_reset && !pt_streq(function->reset_methods, "bus");
	memcpy(detail->blocked, device->blocked, sizeof(detail->blocked));
	detail->framebuffer = device->framebuffer;
	/* only behind a bridge can a bus be reset */
	if (!own_reset && function->has_parent)
		detail->has_bus_mate = find_bus_mate(gathering, bdf, &detail->bus_mate);
	/* whether it is a bridge; this may move what has been read, too */
	if (detail->has_bus_mate)
		pt_node_learn(gathering->node, &detail->bus_mate, NULL);
	function = pt_facts_function(gathering->facts, bdf);
	detail->resettable = own_reset || (function->has_parent && !detail->has_bus_mate);
	detail->has_more_in_slot = has_more_in_slot(gathering, bdf);
	if (gathering->facts->depth != PT_DEPTH_CHECK || !gathering->facts->host->vfio_options ||
		!pt_taken_find(gathering->facts->taken, gathering->facts->taken_count, bdf))
		return;
	learn_module(gathering->node->host, function, detail);
	detail->has_id_twin = find_id_twin(gathering, function, &detail->id_twin);
}

static void gather_detail(struct pt_gathering *gathering, const struct pt_bdf *bdf)
{
	struct pt_facts *facts = gathering->facts;
	const struct pt_function *function = pt_facts_function(facts, bdf);
	const struct pt_device *device;
	struct pt_detail *slot;

	if (!function)
		return;
	device = pt_node_device(gathering->node, &function->bdf);
	slot = pt_array_grow(&facts->detail, &facts->detail_count, sizeof(*slot));
	slot->bdf = *bdf;
	look(gathering, &slot->bdf, device, slot);
}

int pt_gather_details(struct pt_gathering *gathering)
{
	const struct pt_facts *facts = gathering->facts;

	for (size_t i = 0; i < facts->taken_count; i++)
		gather_detail(gathering, &facts->taken[i].bdf);
	for (size_t i = 0; i < facts->kept_count; i++)
		gather_detail(gathering, &facts->kept[i].bdf);
	return 0;
}

static void add_identity(
	struct pt_node *node, const struct pt_function *function, struct pt_identities *identities)
{
	const struct pt_device *device = pt_node_device(node, &function->bdf);
	struct pt_identity *slot;

	/* a device that cannot be read now is not called another one */
	if (device->unknown)
		return;
	slot = pt_array_grow(&identities->identity, &identities->count, sizeof(*slot));
	pt_node_identity(node, function, slot);
}

static bool is_at_its_place(const struct pt_facts *facts, const struct pt_identity *now)
{
	const struct pt_identity *recorded = pt_identities_find(facts->recorded, &now->bdf);

	return recorded && pt_identity_same(recorded, now);
}

/* Whether a device on record for another address may be this one. */
static bool may_be_moved(const struct pt_facts *facts, const struct pt_identity *now)
{
	pt_foreach (recorded, facts->recorded->identity, facts->recorded->count) {
		if (pt_identity_same(recorded, now) &&
			pt_bdf_compare(&recorded->bdf, &now->bdf) != 0)
			return true;
	}
	return false;
}

/* Finds recorded devices at other addresses, and others of the model. A hint: it may fail. */
static void find_moved(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;
	struct pt_node *node = gathering->node;
	struct pt_bdf *all = NULL;
	size_t count = 0;

	if (pt_node_matching(node, "", &all, &count, NULL) < 0)
		return;
	if (!node->host ||
		pt_inventory_add_all(node->host, &node->inventory, all, count, NULL) == 0) {
		for (size_t i = 0; i < count; i++) {
			const struct pt_function *function = pt_facts_function(facts, &all[i]);
			struct pt_identity now;

			if (!function)
				continue;
			pt_node_identity(node, function, &now);
			if (may_be_moved(facts, &now) && !is_at_its_place(facts, &now) &&
				!pt_gather_is_claimed(gathering, &now.bdf))
				add_identity(node, function, &facts->moved);
		}
	}
	free(all);
}

static bool any_changed(const struct pt_facts *facts)
{
	pt_foreach (recorded, facts->recorded->identity, facts->recorded->count) {
		const struct pt_identity *now = pt_identities_find(&facts->current, &recorded->bdf);

		if (!now || !pt_identity_same(now, recorded))
			return true;
	}
	return false;
}

int pt_gather_identities(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;

	facts->recorded = pt_node_last_start(gathering->node, gathering->guest->vmid);
	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = pt_facts_function(facts, &taken->bdf);

		if (!taken->companion && function)
			add_identity(gathering->node, function, &facts->current);
	}
	if (facts->recorded->count && gathering->facts->depth == PT_DEPTH_CHECK &&
		any_changed(facts))
		find_moved(gathering);
	return 0;
}
