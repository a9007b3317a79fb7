// SPDX-License-Identifier: AGPL-3.0-or-later
/* A cluster of simulated hosts: node1, node2 and node3, each the machine of unit.h. */
#ifndef PT_TESTS_UNIT_NODES_H
#define PT_TESTS_UNIT_NODES_H

#include "pve/check/check.h"
#include "pve/node/cluster.h"
#include "tests/unit/unit.h"

#define NODES 3

struct nodes {
	struct fake fake[NODES];
	struct pt_cluster cluster; /* made by learn_nodes */
};

/* The two disks of node1 and node2, and one of node3. */
#define DISK(node, bdf, group)                                                                     \
	"\tmap id=144d:a808,iommugroup=" group ",node=" node ",path=" bdf                          \
	",subsystem-id=144d:a801\n"
#define DISKS                                                                                      \
	"disk\n" DISK("node1", "0000:02:00.0", "2") DISK("node1", "0000:03:00.0", "3")             \
		DISK("node2", "0000:02:00.0", "2") DISK("node2", "0000:03:00.0", "3")              \
			DISK("node3", "0000:02:00.0", "2")

/* Every host has the cluster's files. */
static inline void file_on_all(struct nodes *nodes, const char *path, const char *text)
{
	for (size_t i = 0; i < NODES; i++)
		fake_file(&nodes->fake[i], path, text);
}

/* A guest's config on node1, 2 or 3. */
static inline void guest_on(
	struct nodes *nodes, unsigned int node, unsigned int vmid, const char *config)
{
	PT_FREE char *path = pt_format(PT_PVE_NODES "/node%u/qemu-server/%u.conf", node, vmid);

	file_on_all(nodes, path, config);
}

static inline void open_nodes(struct nodes *nodes)
{
	*nodes = (struct nodes){0};
	for (size_t i = 0; i < NODES; i++) {
		fake_open(&nodes->fake[i]);
		fake_tree_text(&nodes->fake[i], MACHINE);
	}
	file_on_all(nodes, PT_PVE_PCI_MAPPINGS, DISKS);
	for (unsigned int i = 1; i <= NODES; i++) {
		PT_FREE char *path = pt_format(PT_PVE_NODES "/node%u/qemu-server", i);

		for (size_t j = 0; j < NODES; j++)
			fake_dir(&nodes->fake[j], path);
	}
}

/* Looks at each host as it is now. */
static inline struct pt_cluster *learn_nodes(struct nodes *nodes)
{
	struct pt_cluster *cluster = &nodes->cluster;

	pt_cluster_clear(cluster);
	for (unsigned int i = 0; i < NODES; i++) {
		struct pt_cluster_node *slot =
			pt_array_grow(&cluster->node, &cluster->count, sizeof(*slot));

		snprintf(slot->name, sizeof(slot->name), "node%u", i + 1);
		slot->node = pt_node_open(nodes->fake[i].host, slot->name, NULL, pt_check_allowing);
		assert_int_equal(pt_node_learn_all(slot->node, NULL), 0);
	}
	return cluster;
}

static inline void close_nodes(struct nodes *nodes)
{
	pt_cluster_clear(&nodes->cluster);
	for (size_t i = 0; i < NODES; i++)
		fake_close(&nodes->fake[i]);
}
#define IN_NODES PT_CLEANUP(close_nodes)

#endif
