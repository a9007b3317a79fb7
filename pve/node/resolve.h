// SPDX-License-Identifier: AGPL-3.0-or-later
/* From hostpci entries to functions: mappings, whole devices, lists, and the choice among
 * alternatives. Source: qemu-server, QemuServer/PCI.pm, parse_hostpci, choose_hostpci_devices. */
#ifndef PT_RESOLVE_H
#define PT_RESOLVE_H

#include "lib/pci/inventory.h"
#include "pve/config/hostpci.h"
#include "pve/config/mapping.h"

/* One candidate set of functions for an entry. */
struct pt_alternative {
	char *path;	   /* as it is written: "01:00.0;01:00.1" */
	struct pt_bdf *id; /* in the order in which they are named */
	size_t count;
};

/* Why PVE refuses an entry. */
enum pt_problem_kind {
	PT_PROBLEM_NONE,
	PT_PROBLEM_HOST_AND_MAPPING,
	PT_PROBLEM_NO_DEVICE,
	PT_PROBLEM_MDEV_MULTIFUNCTION,
	PT_PROBLEM_DEVICE_MISSING,	  /* where: the address, or the beginning of one */
	PT_PROBLEM_MAPPED_DEVICE_MISSING, /* where: the address that the mapping names */
	PT_PROBLEM_MAPPING_MISSING,
	PT_PROBLEM_MAPPING_NO_NODE,  /* where: the node */
	PT_PROBLEM_MAPPING_MISMATCH, /* where: the address; why: the property, and both values */
	PT_PROBLEM_MAPPING_NOTHING_FREE,
	PT_PROBLEM_ASSIGNED_TWICE, /* where: the function */
};

struct pt_problem {
	enum pt_problem_kind kind;
	char *where, *why; /* NULL unless kind says otherwise */
};

struct pt_assignment {
	struct pt_hostpci entry;
	struct pt_alternative *alternative;
	size_t count;
	int chosen; /* index of the alternative, -1: none yet */
	bool multifunction;
	bool live;  /* its mapping is marked live-migration-capable */
	char *vgpu; /* type of an NVIDIA vGPU (mdev=nvidia-N on a VF with nvidia/); NULL: none */
	struct pt_problem problem;
};

void pt_assignment_clear(struct pt_assignment *assignment);

/* Finds the alternatives of assignment->entry (set, all else zero), and reads their functions into
 * the inventory. A refusal of PVE is set as problem and no error; errors are those of reading. */
int pt_resolve(const struct pt_host *host, const struct pt_mappings *mappings, const char *node,
	struct pt_inventory *inventory, struct pt_assignment *assignment, struct pt_err *err);

/* Whether PVE prepares a mediated device, so that the function itself stays with its driver. */
bool pt_assignment_is_mdev(const struct pt_assignment *assignment);
/* Whether PVE binds the functions and their groups to vfio-pci. */
bool pt_assignment_is_bound(const struct pt_assignment *assignment);

/* The alternative that the entry hands over, or NULL. */
const struct pt_alternative *pt_chosen(const struct pt_assignment *assignment);

/* Asked before an alternative is chosen among several: whether all its functions are free. */
typedef bool pt_choice_free(void *data, const struct pt_assignment *assignment,
	const struct pt_alternative *alternative);

/* Chooses the first free alternative for each assignment, in order, as PVE does; is_free NULL: only
 * this guest's own functions count. Sets chosen, or problem if none is left or a function is
 * assigned twice. True: all were chosen. */
bool pt_choose(struct pt_assignment *assignment, size_t count, pt_choice_free *is_free, void *data);

#endif
