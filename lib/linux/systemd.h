// SPDX-License-Identifier: AGPL-3.0-or-later
/* Asks systemd's manager. The sole user of libsystemd. Source: org.freedesktop.systemd1(5). */
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
	PT_UNIT_START, /* without waiting for it */
	PT_UNIT_AWAIT, /* wait for what was ordered before */
};

/* Has systemd stop or start the unit as "systemctl" does, or only looks. A stop waits until the
 * unit has no job. Reads back whether it is active or activating. -ENOENT: no such unit. -EIO: the
 * manager's error is in err, or the unit that is waited for has failed. -ETIME: the job has not
 * ended, or the manager does not answer. -EAGAIN: it cannot be asked now. */
int pt_unit_order(const struct pt_host *host, const char *unit, enum pt_unit_order order,
	long long deadline_ms, bool *ret_active, struct pt_err *err);

#endif
