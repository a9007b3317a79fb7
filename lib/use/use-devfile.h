// SPDX-License-Identifier: AGPL-3.0-or-later
/* Processes with device files open, in one pass over /proc/PID/fd. A device file is never opened to
 * find out: an open vfio group would make its user's start fail. Source: proc(5);
 * Documentation/driver-api/vfio.rst (one opener per group). */
#ifndef PT_USE_DEVFILE_H
#define PT_USE_DEVFILE_H

#include "lib/use/devfile.h"
#include "lib/use/use.h"

struct pt_opener {
	size_t devfile; /* index into the request */
	int pid;
	char name[PT_PROCESS_TEXT];	 /* of the process, as the kernel has it */
	char container[PT_PROCESS_TEXT]; /* that it runs in, "101" or "docker-ab12"; "" for none */
	char unit[PT_UNIT_TEXT];	 /* of systemd, that it belongs to; "" when none is known */
};

/* Whether an entry of /proc is a process. */
bool pt_process_is(const char *name);

/* Names a process, with its unit and container; pid is the name of its folder in /proc. */
void pt_process_look(const struct pt_host *host, const char *pid, struct pt_opener *ret);

/* Finds the processes that have one of the device files (names below /dev) open, one entry for each
 * pair. The caller frees ret, NULL: none. */
int pt_openers_find(const struct pt_host *host, const char *const *devfile, size_t count,
	struct pt_opener **ret, size_t *ret_count, struct pt_err *err);

/* Copies the process, its container and its unit into a use. */
void pt_use_by(struct pt_use *use, const struct pt_opener *opener);

/* Returns the kind of a use by the device file. */
enum pt_use_kind pt_use_kind_of(const struct pt_devfile *devfile);

/* Adds the device files that processes have open, by their subsystems; skips interfaces. */
int pt_use_devfiles(const struct pt_host *host, const struct pt_devfiles *devfiles,
	struct pt_uses *uses, struct pt_err *err);

struct pt_vfio_user {
	int group;
	int pid;
	char name[PT_PROCESS_TEXT];
};

/* Finds the processes that have a function's group, or its device below /dev/vfio/devices, open.
 * The caller frees ret, NULL: none. */
int pt_vfio_users(const struct pt_host *host, const struct pt_function *const *function,
	size_t count, struct pt_vfio_user **ret, size_t *ret_count, struct pt_err *err);

/* Whether the kernel gives us the group now: opens it for an instant, so only the claim's holder
 * may ask, right before a return or a start. A dying process may hold a group without a descriptor.
 * A group without a device file is free. */
bool pt_vfio_group_free(const struct pt_host *host, int group);

#endif
