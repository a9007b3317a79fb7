// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Who has a vfio device open. Reads /proc/PID/fd only: opening a group ourselves would make the start of
 * its rightful user fail. Source: Documentation/driver-api/vfio.rst (one opener per group).
 */
#ifndef PT_USE_NODE_H
#define PT_USE_NODE_H

#include "pcidev.h"

struct pt_vfio_user {
	int group;
	int pid;
	char name[32]; /* of the process, as the kernel has it */
};

/*
 * The processes that have the group of one of the functions, or its device below /dev/vfio/devices,
 * open. ret is the caller's to free, NULL when there are none.
 */
int pt_vfio_users(const struct pt_host *host, const struct pt_function *const *function,
	size_t count, struct pt_vfio_user **ret, size_t *ret_count, struct pt_err *err);

/*
 * Whether the kernel gives us the group now: asked by opening it for an instant, so only for the holder
 * of the claim, right before giving back. A dying process may hold a group and show no descriptors.
 * A group without a node is free.
 */
bool pt_vfio_group_free(const struct pt_host *host, int group);

#endif
