// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Asks the manager of systemd on the running system. The sole user of libsystemd.
 * Source: org.freedesktop.systemd1(5).
 */
#ifndef PT_SYSTEMD_H
#define PT_SYSTEMD_H

#include "lib/base/host.h"

/* Whether the system shuts down or restarts: SystemState is "stopping". False if unknown. */
bool pt_system_stopping(const struct pt_host *host);

/* Whether text can name a unit to stop and start: "jellyfin.service", "getty@tty1.service". */
bool pt_unit_name_valid(const char *name);

enum pt_unit_order {
	PT_UNIT_LOOK,
	PT_UNIT_STOP,
	PT_UNIT_START,
};

/*
 * Has the manager stop or start the unit, as "systemctl stop" and "start" do, or only looks; waits
 * until it has no job for it any more, and reads back whether it is active then, or on its way to
 * it. -ENOENT: there is no such unit. -EIO: the manager's answer is an error, which err has.
 * -ETIME: the job has not ended by the deadline, or the manager does not answer.
 */
int pt_unit_order(const struct pt_host *host, const char *unit, enum pt_unit_order order,
	long long deadline_ms, bool *ret_active, struct pt_err *err);

#endif
