// SPDX-License-Identifier: AGPL-3.0-or-later
/* VFs that entries name and that do not exist yet. Source: PCI Express Base Specification, 9.2.1.2;
 * kernel, drivers/pci/iov.c, pci_iov_virtfn_devfn. */
#include "pve/check/gathering.h"

/* of a PF whose driver allows none: how many are looked at */
#define VFS_DISALLOWED 7

static bool is_missing(const struct pt_assignment *assignment)
{
	return assignment->problem.kind == PT_PROBLEM_DEVICE_MISSING ||
	       assignment->problem.kind == PT_PROBLEM_MAPPED_DEVICE_MISSING;
}

const struct pt_absent_vf *pt_absent_vf_of(
	const struct pt_facts *facts, const struct pt_assignment *assignment)
{
	pt_foreach (vf, facts->absent_vf, facts->absent_vf_count) {
		if (&facts->assignment[vf->assignment] == assignment)
			return vf;
	}
	return NULL;
}

/* The address of a PF's VF, at counted from 0; false: it has no such VF. A VF may be on one of the
 * next buses. */
static bool place_vf(const struct pt_function *pf, unsigned int at, struct pt_bdf *ret)
{
	const struct pt_bdf *bdf = &pf->bdf;
	unsigned int id = (unsigned int)(bdf->bus << 8 | bdf->slot << 3 | bdf->function);

	if (!pf->vf_offset || (at && !pf->vf_stride))
		return false;
	id += pf->vf_offset + at * pf->vf_stride;
	if (id > UINT16_MAX)
		return false;
	*ret = *bdf;
	ret->bus = (uint8_t)(id >> 8);
	ret->slot = id >> 3 & 0x1f;
	ret->function = id & 7;
	return true;
}

/* Whether one of the addresses of a ";" list is the function's; of a whole slot one is enough. */
static bool list_means(const char *list, const struct pt_bdf *bdf)
{
	PT_FREE char *copy = pt_strdup(list);
	struct pt_bdf one;
	char *name, *rest;

	for (name = strtok_r(copy, ";", &rest); name; name = strtok_r(NULL, ";", &rest)) {
		if (pt_bdf_of_filter(name, &one) && pt_bdf_compare(&one, bdf) == 0)
			return true;
	}
	return false;
}

/* Whether the entry, or a device of its mapping on this node, means the function. */
static bool entry_means(const struct pt_facts *facts, const char *node,
	const struct pt_hostpci *entry, const struct pt_bdf *bdf)
{
	const struct pt_mapping *mapping =
		entry->mapping ? pt_mapping_find(facts->mappings, entry->mapping) : NULL;

	for (size_t i = 0; mapping && i < mapping->count; i++) {
		if (pt_streq(mapping->entry[i].node, node) &&
			list_means(mapping->entry[i].path, bdf))
			return true;
	}
	return entry->host && list_means(entry->host, bdf);
}

/* Whether any guest of the node names the function: their VFs are made at once. */
static bool is_named(struct pt_gathering *gathering, const struct pt_bdf *bdf)
{
	const struct pt_naming *naming = NULL;
	size_t count = 0;

	if (gathering->facts->depth == PT_DEPTH_START ||
		pt_node_namings(gathering->node, &naming, &count, NULL) < 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (pt_node_names(gathering->node, &naming[i], bdf))
			return true;
	}
	return false;
}

/* Notes the first VF of the PF that the address, or the beginning of one, means, and the last one
 * that this guest or another needs. */
static void note_vf(struct pt_gathering *gathering, size_t assignment, const struct pt_function *pf)
{
	struct pt_facts *facts = gathering->facts;
	const struct pt_hostpci *entry = &facts->assignment[assignment].entry;
	unsigned int most = (unsigned int)(pf->vfs_max ? pf->vfs_max : VFS_DISALLOWED);
	unsigned int at = (unsigned int)(pf->vfs > 0 ? pf->vfs : 0);
	struct pt_absent_vf *slot = NULL;
	struct pt_bdf vf;

	for (; at < most && place_vf(pf, at, &vf); at++) {
		if (!slot && pt_bdf_matches(&vf, facts->assignment[assignment].problem.where)) {
			slot = pt_array_grow(
				&facts->absent_vf, &facts->absent_vf_count, sizeof(*slot));
			*slot = (struct pt_absent_vf){assignment, vf, pf->bdf, at + 1, at + 1};
		}
		if (slot && (entry_means(facts, gathering->node->name, entry, &vf) ||
				    is_named(gathering, &vf)))
			slot->last = at + 1;
	}
}

static bool may_be_pf(const struct pt_node *node, const struct pt_bdf *bdf)
{
	char path[PT_PCI_PATH];

	return !node->host || pt_host_exists(node->host, pt_pci_path(bdf, "sriov_totalvfs", path));
}

/* For better words alone: what cannot be read here is no error. */
int pt_gather_absent_vfs(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;
	struct pt_node *node = gathering->node;
	struct pt_bdf *all = NULL;
	bool any = false;
	size_t count = 0;

	pt_foreach (assignment, facts->assignment, facts->count)
		any |= is_missing(assignment);
	if (!any || pt_node_matching(node, "", &all, &count, NULL) < 0)
		return 0;
	pt_foreach (bdf, all, count) {
		const struct pt_function *function;

		if (!may_be_pf(node, bdf) || pt_node_learn(node, bdf, NULL) < 0)
			continue;
		function = pt_facts_function(facts, bdf);
		for (size_t i = 0; function && function->vfs_max >= 0 && i < facts->count; i++) {
			if (is_missing(&facts->assignment[i]))
				note_vf(gathering, i, function);
		}
	}
	free(all);
	return 0;
}
