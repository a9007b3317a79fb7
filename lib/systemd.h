// SPDX-License-Identifier: AGPL-3.0-or-later
/* What systemd knows of the running system. The sole user of libsystemd. */
#ifndef PT_SYSTEMD_H
#define PT_SYSTEMD_H

#include "host.h"

/*
 * Whether the system is being shut down or restarted: the manager's SystemState is "stopping". False when
 * it cannot be asked. Source: org.freedesktop.systemd1(5).
 */
bool pt_system_stopping(const struct pt_host *host);

#endif
