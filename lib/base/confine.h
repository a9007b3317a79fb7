// SPDX-License-Identifier: AGPL-3.0-or-later
/* Takes from a child all that it does not need to talk to the network: other people's bytes are
 * parsed there. Source: capabilities(7), seccomp(2), prctl(2). */
#ifndef PT_CONFINE_H
#define PT_CONFINE_H

#include "lib/base/err.h"

/* Leaves the process nobody's ids, no capability, no way to gain one or to run a program, no core
 * dump, and so many bytes of address space beyond those that it has. Not undone. Without root it
 * keeps its ids. A failure ends the process's work: it must not go on with its privileges. */
int pt_confine(size_t more_memory, struct pt_err *err);

#endif
