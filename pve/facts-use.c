// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "pve/gathering.h"
#include "pve/runstate.h"

/* A process that is a guest's QEMU is called so. */
static int name_guests(const struct pt_gathering *gathering, struct pt_uses *uses)
{
	pt_foreach (use, uses->use, uses->count) {
		PT_FREE char *process = pt_format("process %d (", use->pid);
		unsigned int vmid = use->pid ? pt_pid_guest(gathering->host, use->pid) : 0;
		char *found = vmid && process ? strstr(use->how, process) : NULL;
		char *named;

		if (!process)
			return -ENOMEM;
		if (!found)
			continue;
		named = pt_format("%.*sguest %u (process %d)%s", (int)(found - use->how), use->how,
			vmid, use->pid, strchr(found, ')') + 1);
		if (!named)
			return -ENOMEM;
		free(use->how);
		use->how = named;
	}
	return 0;
}

/* What the host does with functions that would have to be moved: those on vfio-pci already have left it. */
static int gather_uses_of(struct pt_gathering *gathering, const struct pt_bdf *bdf, size_t count)
{
	struct pt_facts *facts = gathering->facts;
	const struct pt_function **function = calloc(count ? count : 1, sizeof(*function));
	size_t functions = 0;
	int r;

	if (!function)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		function[functions] = pt_inventory_find(&facts->inventory, &bdf[i]);
		functions += function[functions] && !function[functions]->is_bridge &&
			     !pt_streq(function[functions]->driver, PT_VFIO_PCI);
	}
	r = pt_uses_gather(gathering->host, function, functions, &facts->uses, gathering->err);
	free(function);
	return r < 0 ? r : name_guests(gathering, &facts->uses);
}

bool pt_gather_same_model(
	const struct pt_host *host, const struct pt_function *function, const struct pt_bdf *bdf)
{
	static const char *const files[] = {"vendor", "device"};
	const char *const ids[] = {function->vendor, function->device};

	if (pt_bdf_compare(&function->bdf, bdf) == 0)
		return false;
	for (size_t i = 0; i < PT_ARRAY_SIZE(files); i++) {
		PT_FREE char *text = NULL;
		char path[PT_PCI_PATH];

		if (pt_host_read_line(host, pt_pci_path(bdf, files[i], path), &text) < 0 ||
			!pt_starts_with(text, "0x") || !pt_streq(text + 2, ids[i]))
			return false;
	}
	return true;
}

/* For a device in use: another one of its model that nothing uses, which may have been meant. */
static int find_twin(struct pt_gathering *gathering, const struct pt_bdf *used,
	const struct pt_bdf *all, size_t count)
{
	struct pt_facts *facts = gathering->facts;

	for (size_t i = 0; i < count; i++) {
		const struct pt_function *function = pt_inventory_find(&facts->inventory, used);
		struct pt_twin *slot;
		int r;

		if (!pt_gather_same_model(gathering->host, function, &all[i]) ||
			pt_taken_holds(facts->taken, facts->taken_count, &all[i]) ||
			pt_gather_is_claimed(gathering, &all[i]))
			continue;
		r = pt_inventory_add(gathering->host, &facts->inventory, &all[i], gathering->err);
		if (r == 0)
			r = gather_uses_of(gathering, &all[i], 1);
		if (r == -ENODEV)
			continue;
		if (r < 0)
			return r;
		if (pt_uses_strong(&facts->uses, &all[i]) ||
			pt_streq(
				pt_inventory_find(&facts->inventory, &all[i])->driver, PT_VFIO_PCI))
			continue;
		slot = pt_array_grow(&facts->twin, &facts->twin_count, sizeof(*slot));
		if (!slot)
			return -ENOMEM;
		*slot = (struct pt_twin){*used, all[i]};
		return 0;
	}
	return 0;
}

int pt_gather_uses(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;
	struct pt_bdf *taken = calloc(facts->taken_count ? facts->taken_count : 1, sizeof(*taken));
	struct pt_bdf *all = NULL;
	size_t count = 0;
	int r;

	if (!taken)
		return pt_err_nomem(gathering->err);
	for (size_t i = 0; i < facts->taken_count; i++)
		taken[i] = facts->taken[i].bdf;
	r = gather_uses_of(gathering, taken, facts->taken_count);
	for (size_t i = 0; r == 0 && i < facts->taken_count; i++) {
		if (facts->taken[i].companion || !pt_uses_strong(&facts->uses, &taken[i]))
			continue;
		if (!all)
			r = pt_functions_matching(
				gathering->host, "", &all, &count, gathering->err);
		if (r == 0)
			r = find_twin(gathering, &taken[i], all, count);
	}
	free(taken);
	free(all);
	return r == -ENOMEM ? pt_err_nomem(gathering->err) : r;
}
