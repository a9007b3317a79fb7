// SPDX-License-Identifier: AGPL-3.0-or-later
/* Whether a process has a function open: then the kernel lets nobody move it. */
#ifndef PT_CLOSED_H
#define PT_CLOSED_H

#include "lib/pci/bdf.h"
#include "lib/base/host.h"

/* Whether the kernel lets the function's group go: no process has it open. err names one. */
bool pt_is_closed(const struct pt_host *host, const struct pt_bdf *bdf, struct pt_err *err);
/* Whether an unbind would wait for a process: on a vfio driver, and open. */
bool pt_is_open(const struct pt_host *host, const struct pt_bdf *bdf, struct pt_err *err);

#endif
