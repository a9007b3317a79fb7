// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <time.h>

#include "pve/gathering.h"
#include "pve/runstate.h"

/* how long a node may be open before that is taken for a use */
#define USES_MS		20000
#define PATIENCE_MS	1500
#define PAUSE_NS	250000000L
#define MOST_CANDIDATES 32

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
	r = pt_uses_gather(gathering->host, function, functions, pt_now_ms() + USES_MS,
		&facts->uses, gathering->err);
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

/* Whether all that keeps a function from being taken is that processes have it open: some do so for an instant. */
static bool is_only_open(const struct pt_uses *uses)
{
	bool any = false;

	pt_foreach (use, uses->use, uses->count) {
		if (!use->weak && !use->pid)
			return false;
		any |= !use->weak;
	}
	return any;
}

/* Functions whose uses matter: what is or may be taken, and the VFs that would go with a PF. The caller's. */
static int list_asked(const struct pt_facts *facts, struct pt_bdf **ret, size_t *ret_count)
{
	for (size_t i = 0; i < facts->taken_count + facts->spare_count; i++) {
		const struct pt_taken *taken = i < facts->taken_count
						       ? &facts->taken[i]
						       : &facts->spare[i - facts->taken_count];
		const struct pt_function *function =
			pt_inventory_find(&facts->inventory, &taken->bdf);

		for (size_t j = 0; j <= (function ? function->vf_count : 0); j++) {
			struct pt_bdf *slot = pt_array_grow(ret, ret_count, sizeof(*slot));

			if (!slot)
				return -ENOMEM;
			*slot = j ? function->vf[j - 1] : taken->bdf;
		}
	}
	return 0;
}

/* Looks, and looks again when only processes are in the way: udev, lvm and others open a node for a moment. */
static int look_patiently(struct pt_gathering *gathering, const struct pt_bdf *bdf, size_t count)
{
	long long deadline = pt_now_ms() + PATIENCE_MS;
	int r = gather_uses_of(gathering, bdf, count);

	while (r == 0 && is_only_open(&gathering->facts->uses) && pt_now_ms() < deadline) {
		struct timespec pause = {.tv_nsec = PAUSE_NS};

		nanosleep(&pause, NULL);
		pt_uses_clear(&gathering->facts->uses);
		r = gather_uses_of(gathering, bdf, count);
	}
	return r;
}

/* Devices of the same model as one in use, and none of the guest's or another's: one may have been meant. */
static int list_candidates(struct pt_gathering *gathering, const struct pt_bdf *used,
	struct pt_bdf **ret, size_t *ret_count)
{
	struct pt_facts *facts = gathering->facts;
	struct pt_bdf *all = NULL;
	size_t count = 0;
	int r = pt_functions_matching(gathering->host, "", &all, &count, gathering->err);

	for (size_t i = 0; r == 0 && i < count && *ret_count < MOST_CANDIDATES; i++) {
		const struct pt_function *function = pt_inventory_find(&facts->inventory, used);
		struct pt_bdf *slot;

		if (!pt_gather_same_model(gathering->host, function, &all[i]) ||
			pt_taken_holds(facts->taken, facts->taken_count, &all[i]) ||
			pt_gather_is_claimed(gathering, &all[i]))
			continue;
		r = pt_inventory_add(gathering->host, &facts->inventory, &all[i], gathering->err);
		if (r == -ENODEV) {
			r = 0;
			continue;
		}
		slot = r == 0 ? pt_array_grow(ret, ret_count, sizeof(*slot)) : NULL;
		if (slot)
			*slot = all[i];
		else if (r == 0)
			r = -ENOMEM;
	}
	free(all);
	return r;
}

/* For a device in use: another one of its model that nothing uses. */
static int find_twin(struct pt_gathering *gathering, const struct pt_bdf *used)
{
	struct pt_facts *facts = gathering->facts;
	struct pt_bdf *candidate = NULL;
	size_t count = 0;
	int r = list_candidates(gathering, used, &candidate, &count);

	if (r == 0)
		r = gather_uses_of(gathering, candidate, count);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct pt_function *function =
			pt_inventory_find(&facts->inventory, &candidate[i]);
		struct pt_twin *slot;

		if (pt_uses_strong(&facts->uses, &candidate[i]) ||
			pt_streq(function->driver, PT_VFIO_PCI))
			continue;
		slot = pt_array_grow(&facts->twin, &facts->twin_count, sizeof(*slot));
		if (slot)
			*slot = (struct pt_twin){*used, candidate[i]};
		else
			r = -ENOMEM;
		break;
	}
	free(candidate);
	return r;
}

int pt_gather_uses(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;
	struct pt_bdf *asked = NULL;
	size_t count = 0;
	int r = list_asked(facts, &asked, &count);

	if (r == 0)
		r = look_patiently(gathering, asked, count);
	for (size_t i = 0; r == 0 && i < facts->taken_count; i++) {
		if (!facts->taken[i].companion &&
			pt_uses_strong(&facts->uses, &facts->taken[i].bdf))
			r = find_twin(gathering, &facts->taken[i].bdf);
	}
	free(asked);
	return r == -ENOMEM ? pt_err_nomem(gathering->err) : r;
}
