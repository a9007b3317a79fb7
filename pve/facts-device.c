// SPDX-License-Identifier: AGPL-3.0-or-later
/* What the functions that are taken are like, beyond what the inventory says. */
#include <errno.h>
#include <fcntl.h>

#include "pve/gathering.h"

/* Whether the function answers: reading its ids from config space wakes it, and a dead one reads all ones. */
static bool is_dead(const struct pt_host *host, const struct pt_function *function)
{
	unsigned char ids[4] = {0};
	char path[PT_PCI_PATH];
	PT_CLOSE int fd = -1;

	/* a VF's ids read so by design */
	if (pt_function_is_vf(function))
		return false;
	fd = pt_host_openat(host, pt_pci_path(&function->bdf, "config", path), O_RDONLY);
	if (fd < 0 || pread(fd, ids, sizeof(ids), 0) != (ssize_t)sizeof(ids))
		return false;
	return ids[0] == 0xff && ids[1] == 0xff && ids[2] == 0xff && ids[3] == 0xff;
}

/* Whether a bridge leads to the function: only then can its bus be reset. */
static bool is_behind_bridge(const struct pt_host *host, const struct pt_bdf *bdf)
{
	PT_FREE char *target = NULL;
	char path[PT_PCI_PATH];
	const char *above;
	char *slash;

	if (pt_host_link(host, pt_pci_path(bdf, "", path), &target) < 0)
		return false;
	slash = strrchr(target, '/');
	if (!slash)
		return false;
	*slash = '\0';
	above = strrchr(target, '/');
	return pt_bdf_parse(above ? above + 1 : target, &(struct pt_bdf){0});
}

/* The first function on the bus that is not taken along. */
static bool find_bus_mate(
	struct pt_gathering *gathering, const struct pt_bdf *bdf, struct pt_bdf *ret)
{
	const struct pt_facts *facts = gathering->facts;
	struct pt_bdf *found = NULL;
	char filter[PT_BDF_TEXT];
	size_t count = 0;
	bool has = false;

	pt_bdf_format(bdf, filter);
	filter[strlen(filter) - 4] = '\0'; /* "0000:01:" */
	if (pt_functions_matching(gathering->host, filter, &found, &count, NULL) < 0)
		return false;
	for (size_t i = 0; !has && i < count; i++) {
		has = !pt_taken_holds(facts->taken, facts->taken_count, &found[i]);
		if (has)
			*ret = found[i];
	}
	free(found);
	return has;
}

/* Another function with the same ids that is not taken: ids= means it, too. */
static bool find_id_twin(
	struct pt_gathering *gathering, const struct pt_function *function, struct pt_bdf *ret)
{
	const struct pt_facts *facts = gathering->facts;
	struct pt_bdf *found = NULL;
	size_t count = 0;
	bool has = false;

	if (pt_functions_matching(gathering->host, "", &found, &count, NULL) < 0)
		return false;
	for (size_t i = 0; !has && i < count; i++) {
		has = !pt_taken_holds(facts->taken, facts->taken_count, &found[i]) &&
		      pt_gather_same_model(gathering->host, function, &found[i]);
		if (has)
			*ret = found[i];
	}
	free(found);
	return has;
}

static void look(struct pt_gathering *gathering, const struct pt_function *function,
	struct pt_detail *detail)
{
	const struct pt_host *host = gathering->host;
	bool behind_bridge = is_behind_bridge(host, &function->bdf);

	detail->dead = is_dead(host, function);
	if (!function->driver && function->modalias)
		pt_module_alias_blocked(host, function->modalias, detail->blocked);
	if (!function->has_reset && behind_bridge)
		detail->has_bus_mate = find_bus_mate(gathering, &function->bdf, &detail->bus_mate);
	detail->resettable = function->has_reset || (behind_bridge && !detail->has_bus_mate);
	if (gathering->depth == PT_DEPTH_CHECK && gathering->facts->vfio_options)
		detail->has_id_twin = find_id_twin(gathering, function, &detail->id_twin);
}

int pt_gather_details(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;

	for (size_t i = 0; i < facts->taken_count; i++) {
		const struct pt_function *function =
			pt_inventory_find(&facts->inventory, &facts->taken[i].bdf);
		struct pt_detail *slot;

		if (!function)
			continue;
		slot = pt_array_grow(&facts->detail, &facts->detail_count, sizeof(*slot));
		if (!slot)
			return pt_err_nomem(gathering->err);
		slot->bdf = function->bdf;
		look(gathering, function, slot);
	}
	return 0;
}

static int add_identity(const struct pt_host *host, const struct pt_function *function,
	struct pt_identities *identities)
{
	struct pt_identity *slot =
		pt_array_grow(&identities->identity, &identities->count, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	pt_identity_of(host, function, slot);
	return 0;
}

/* Where recorded devices sit now that are not at their addresses any more. */
static int find_moved(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;
	struct pt_inventory PT_INVENTORY all = {0};
	/* a hint for the admin, and no reason to know nothing else */
	int r = pt_inventory_read_all(gathering->host, &all, NULL);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r == 0 && i < all.count; i++) {
		struct pt_identity now;
		bool wanted = false;

		pt_identity_of(gathering->host, &all.function[i], &now);
		pt_foreach (recorded, facts->recorded.identity, facts->recorded.count)
			/* without a serial number it may be any of the model, the host's own even */
			wanted |= recorded->serial[0] && pt_identity_same(recorded, &now) &&
				  pt_bdf_compare(&recorded->bdf, &now.bdf) != 0;
		if (wanted)
			r = add_identity(gathering->host, &all.function[i], &facts->moved);
	}
	return r;
}

/* Whether some record is not what sits at its address. */
static bool any_changed(const struct pt_facts *facts)
{
	pt_foreach (recorded, facts->recorded.identity, facts->recorded.count) {
		const struct pt_identity *now = pt_identities_find(&facts->current, &recorded->bdf);

		if (!now || !pt_identity_same(now, recorded))
			return true;
	}
	return false;
}

int pt_gather_identities(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;
	struct pt_err err = {0};
	int r = 0;

	/* a damaged record is told, and no reason to refuse */
	if (pt_identities_read(gathering->host, gathering->guest->vmid, &facts->recorded, &err) < 0)
		pt_log(pt_host_log(gathering->host), PT_LOG_WARNING, "%s", err.text);
	for (size_t i = 0; r == 0 && i < facts->taken_count; i++) {
		const struct pt_function *function =
			pt_inventory_find(&facts->inventory, &facts->taken[i].bdf);

		if (!facts->taken[i].companion && function)
			r = add_identity(gathering->host, function, &facts->current);
	}
	if (r == 0 && facts->recorded.count && gathering->depth == PT_DEPTH_CHECK &&
		any_changed(facts))
		r = find_moved(gathering);
	return r == -ENOMEM ? pt_err_nomem(gathering->err) : r;
}
