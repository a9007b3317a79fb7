// SPDX-License-Identifier: AGPL-3.0-or-later
/* One change to one function: its driver override, driver, number of VFs, or the console on its
 * framebuffer. Each is one kernel write in a child, and is read back: sysfs decides about success,
 * not the result of write(2). Source: Documentation/ABI/testing/sysfs-bus-pci,
 * sysfs-class-vtconsole. */
#ifndef PT_BIND_H
#define PT_BIND_H

#include "lib/pci/function.h"

enum pt_bind_kind {
	PT_BIND_OVERRIDE,   /* driver is any text of one line; "" clears */
	PT_BIND_UNBIND,	    /* from any driver */
	PT_BIND_ATTACH,	    /* to driver */
	PT_BIND_VFS,	    /* driver is their number as text; one of old and new is 0 */
	PT_BIND_AUTOPROBE,  /* driver is "0" or "1": whether VFs that are made get a driver */
	PT_BIND_CONSOLE_ON, /* driver is the console on the function's framebuffer, "vtcon1" */
	PT_BIND_CONSOLE_OFF,
};

enum pt_bind_state {
	PT_BIND_RESTS,	 /* nothing is being written: it is as wanted, or failed to start */
	PT_BIND_REFUSED, /* its target is unsafe as part of a path */
	PT_BIND_WRITES,
};

struct pt_bind {
	enum pt_bind_kind kind;
	struct pt_bdf bdf;
	const char *driver; /* the target, as each kind takes it; borrowed */
	struct pt_write write;
	enum pt_bind_state state;
	int result; /* of starting */
	struct pt_err err;
};

/* Whether name is safe as part of a path. A driver's name may hold any other byte. */
bool pt_driver_name_valid(const char *name);

/* Starts the change, unless the function is as wanted. pt_bind_finish reports errors; driver must
 * live until then. lock_fd as in pt_host_write_start. */
void pt_bind_start(const struct pt_host *host, struct pt_bind *bind, enum pt_bind_kind kind,
	const struct pt_bdf *bdf, const char *driver, int lock_fd);

/* Waits and reads back. 0 only when sysfs shows the wanted state; else bind->err says why not. */
int pt_bind_finish(const struct pt_host *host, struct pt_bind *bind, long long deadline_ms);

#endif
