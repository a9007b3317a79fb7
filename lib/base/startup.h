// SPDX-License-Identifier: AGPL-3.0-or-later
/* First steps of both programs, so that nothing inherited steers or harms them. */
#ifndef PT_STARTUP_H
#define PT_STARTUP_H

#include "lib/base/err.h"

#define PT_VERSION "0.1.0"

/* Opens descriptors 0 to 2 if they are closed, sets umask 077 and SIGCHLD to its default, ignores
 * SIGPIPE (without a reader the work goes on), clears signal mask and environment, and allows as
 * many open files as a large set of functions needs. */
int pt_startup(struct pt_err *err);

#endif
