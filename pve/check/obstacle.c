// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/check/obstacle.h"
#include "lib/linux/modules.h"

#define CLASS_RAID 0x0104U

typedef bool applies(const struct pt_candidate *candidate, struct pt_obstruction *ret);

static bool is_bridge(const struct pt_candidate *candidate, struct pt_obstruction *ret)
{
	(void)ret;
	return candidate->function->is_bridge;
}

static bool is_chipset(const struct pt_candidate *candidate, struct pt_obstruction *ret)
{
	(void)ret;
	return pt_function_chipset(candidate->function);
}

static bool has_no_iommu(const struct pt_candidate *candidate, struct pt_obstruction *ret)
{
	(void)ret;
	return !candidate->host->iommu_active;
}

static bool has_no_group(const struct pt_candidate *candidate, struct pt_obstruction *ret)
{
	(void)ret;
	return candidate->host->iommu_active && candidate->function->group == PT_GROUP_NONE;
}

static bool is_vmd_of(const struct pt_function *controller, const struct pt_function *function)
{
	return function->bdf.domain >= PT_VMD_DOMAINS && controller->bdf.domain < PT_VMD_DOMAINS &&
	       controller->class >> 8 == CLASS_RAID && pt_streq(controller->vendor, "8086");
}

const struct pt_function *pt_parent_in_group(
	const struct pt_inventory *inventory, const struct pt_function *function)
{
	if (function->group == PT_GROUP_NONE)
		return NULL;
	pt_foreach (other, inventory->function, inventory->count) {
		if (other->group != function->group)
			continue;
		if ((pt_function_is_vf(function) &&
			    pt_bdf_compare(&function->physfn, &other->bdf) == 0) ||
			is_vmd_of(other, function))
			return other;
	}
	return NULL;
}

static bool has_parent_in_group(const struct pt_candidate *candidate, struct pt_obstruction *ret)
{
	(void)ret;
	return pt_parent_in_group(candidate->inventory, candidate->function);
}

static bool has_reserved_region(const struct pt_candidate *candidate, struct pt_obstruction *ret)
{
	(void)ret;
	return candidate->function->reserved_region;
}

/* Devices that a guest can hang the host with: the accelerators of Intel's QuickAssist, with their
 * VFs, and from Linux 6.8 on DSA and IAA of Sapphire Rapids. Source: kernel,
 * drivers/vfio/pci/vfio_pci.c, vfio_pci_dev_in_denylist. */
static bool is_denied(const struct pt_candidate *candidate, struct pt_obstruction *ret)
{
	static const struct {
		const char *device;
		bool in_each; /* kernel of Proxmox VE 8 and 9 */
	} denied[] = {{"0435", true}, {"0443", true}, {"37c8", true}, {"37c9", true},
		{"19e2", true}, {"19e3", true}, {"0b25", false}, {"0cfe", false}};
	const struct pt_function *function = candidate->function;
	const char *options = candidate->host->vfio_options;

	(void)ret;
	if (!pt_streq(function->vendor, "8086") || pt_function_on_vfio(function) ||
		(options && pt_options_set(options, "disable_denylist")))
		return false;
	pt_foreach (row, denied, PT_ARRAY_SIZE(denied)) {
		if (pt_streq(function->device, row->device))
			return row->in_each ||
			       pt_version_from(candidate->host->versions.kernel, 6, 8, 0);
	}
	return false;
}

static bool hangs(const struct pt_candidate *candidate, struct pt_obstruction *ret)
{
	(void)ret;
	return candidate->function->busy;
}

static bool has_unknown_uses(const struct pt_candidate *candidate, struct pt_obstruction *ret)
{
	(void)ret;
	return !candidate->uses;
}

static bool is_unreadable(const struct pt_candidate *candidate, struct pt_obstruction *ret)
{
	(void)ret;
	return !candidate->function->info_ok;
}

static bool is_dead(const struct pt_candidate *candidate, struct pt_obstruction *ret)
{
	(void)ret;
	return pt_function_is_dead(candidate->function);
}

static bool is_used(const struct pt_candidate *candidate, struct pt_obstruction *ret)
{
	ret->use =
		candidate->uses ? pt_uses_strong(candidate->uses, &candidate->function->bdf) : NULL;
	return ret->use;
}

static bool has_used_mate(const struct pt_candidate *candidate, struct pt_obstruction *ret)
{
	const struct pt_function *function = candidate->function;

	if (!candidate->uses || function->group == PT_GROUP_NONE)
		return false;
	pt_foreach (use, candidate->uses->use, candidate->uses->count) {
		const struct pt_function *mate = pt_inventory_find(candidate->inventory, &use->bdf);

		if (use->weak || !mate || mate->group != function->group ||
			pt_bdf_compare(&use->bdf, &function->bdf) == 0)
			continue;
		ret->use = use;
		return true;
	}
	return false;
}

static bool is_claimed(const struct pt_node *node, const struct pt_bdf *bdf)
{
	pt_foreach (claim, node->claim, node->claim_count) {
		if (!claim->alive)
			continue;
		pt_foreach (claimed, claim->claimed, claim->count) {
			if (!claimed->spare && pt_bdf_compare(&claimed->bdf, bdf) == 0)
				return true;
		}
	}
	return false;
}

static bool is_reserved(struct pt_node *node, const struct pt_bdf *bdf)
{
	const struct pt_reservation *found = pt_reservation_find(&node->reservations, PT_BDF(bdf));
	int pid = 0;

	if (found && found->vmid <= PT_VMID_MAX)
		pid = pt_node_pid(node, (unsigned int)found->vmid);
	return pt_reservation_judge(found, 0, node->time, pid) != PT_RESERVATION_FREE;
}

static bool is_open(const struct pt_candidate *candidate, const struct pt_bdf *bdf)
{
	const struct pt_function *vf = pt_inventory_find(candidate->inventory, bdf);
	const struct pt_node *node = candidate->node;

	pt_foreach (user, node->user, node->user_count) {
		if (vf && vf->group == user->group)
			return true;
	}
	return false;
}

/* The users that the check pf-with-vfs reports, whichever guest asks. */
static bool has_used_vf(const struct pt_candidate *candidate, struct pt_obstruction *ret)
{
	const struct pt_function *function = candidate->function;

	for (size_t i = 0; candidate->node && i < function->vf_count; i++) {
		const struct pt_bdf *vf = &function->vf[i];

		if ((candidate->uses && pt_uses_strong(candidate->uses, vf)) ||
			is_claimed(candidate->node, vf) || is_reserved(candidate->node, vf) ||
			is_open(candidate, vf) || pt_node_net_is_up(candidate->node, vf)) {
			ret->vf = vf;
			return true;
		}
	}
	return false;
}

static applies *const obstacles[] = {
	[PT_OBSTACLE_BRIDGE] = is_bridge,
	[PT_OBSTACLE_CHIPSET] = is_chipset,
	[PT_OBSTACLE_NO_IOMMU] = has_no_iommu,
	[PT_OBSTACLE_NO_GROUP] = has_no_group,
	[PT_OBSTACLE_PARENT_TAKEN] = has_parent_in_group,
	[PT_OBSTACLE_RESERVED] = has_reserved_region,
	[PT_OBSTACLE_DENIED] = is_denied,
	[PT_OBSTACLE_HANGS] = hangs,
	[PT_OBSTACLE_USES_UNKNOWN] = has_unknown_uses,
	[PT_OBSTACLE_UNREADABLE] = is_unreadable,
	[PT_OBSTACLE_DEAD] = is_dead,
	[PT_OBSTACLE_USED] = is_used,
	[PT_OBSTACLE_MATE_USED] = has_used_mate,
	[PT_OBSTACLE_VF_USED] = has_used_vf,
};

bool pt_obstacle_applies(enum pt_obstacle obstacle, const struct pt_candidate *candidate)
{
	struct pt_obstruction ignored = {0};

	return obstacles[obstacle](candidate, &ignored);
}

struct pt_candidate pt_candidate_of(struct pt_node *node, const struct pt_function *function)
{
	return (struct pt_candidate){
		.function = function,
		.inventory = &node->inventory,
		.uses = node->has_uses ? &node->uses : NULL,
		.node = node,
		.host = &node->traits,
	};
}

struct pt_obstruction pt_obstacle_first(const struct pt_candidate *candidate)
{
	struct pt_obstruction first = {.obstacle = PT_OBSTACLE_BRIDGE};

	while (first.obstacle < PT_OBSTACLE_NONE && !obstacles[first.obstacle](candidate, &first))
		first.obstacle++;
	return first;
}

static char *text_of_use(
	const struct pt_obstruction *obstruction, const struct pt_function *function)
{
	PT_FREE char *use = pt_use_text(obstruction->use);

	if (pt_bdf_compare(&obstruction->use->bdf, &function->bdf) == 0)
		return pt_format("is in use: %s", use);
	return pt_format("shares its IOMMU group with %s, which is in use: %s",
		PT_BDF(&obstruction->use->bdf), use);
}

char *pt_obstruction_text(
	const struct pt_obstruction *obstruction, const struct pt_function *function)
{
	static const char *const reasons[] = {
		[PT_OBSTACLE_BRIDGE] = "is a bridge",
		[PT_OBSTACLE_CHIPSET] = "belongs to the chipset or the processor",
		[PT_OBSTACLE_NO_IOMMU] = "no IOMMU is active",
		[PT_OBSTACLE_NO_GROUP] = "is in no IOMMU group",
		[PT_OBSTACLE_PARENT_TAKEN] =
			"vanishes with its parent, which is in its IOMMU group",
		[PT_OBSTACLE_RESERVED] = "the firmware holds memory for its IOMMU group",
		[PT_OBSTACLE_DENIED] = "vfio-pci does not take a device with known faults",
		[PT_OBSTACLE_HANGS] = "a driver hangs on it",
		[PT_OBSTACLE_USES_UNKNOWN] = "a driver hangs, so its uses cannot be read",
		[PT_OBSTACLE_UNREADABLE] = "does not answer",
		[PT_OBSTACLE_DEAD] = "does not answer: its config space reads all ones",
	};

	switch (obstruction->obstacle) {
	case PT_OBSTACLE_USED:
	case PT_OBSTACLE_MATE_USED:
		return text_of_use(obstruction, function);
	case PT_OBSTACLE_VF_USED:
		return pt_format(
			"has virtual functions, and %s is in use", PT_BDF(obstruction->vf));
	case PT_OBSTACLE_NONE:
		return NULL;
	default:
		return pt_strdup(reasons[obstruction->obstacle]);
	}
}
