// SPDX-License-Identifier: AGPL-3.0-or-later
/* The faults of a server, by name. */
#ifndef PT_MISBEHAVE_H
#define PT_MISBEHAVE_H

#include <microhttpd.h>
#include <stdbool.h>

/* Answers in the way that is named: a status ("403", "596"), redirect, text, array, types, huge,
 * drip, hang-header, hang-body, cut, gzip. False: there is no such way here, and nothing was
 * answered. */
bool misbehave(const char *how, struct MHD_Connection *connection, enum MHD_Result *ret);

/* Listens on the port of the loopback address and takes no connection, not even into the queue: a
 * client hangs there. Does not return. */
_Noreturn void be_deaf(unsigned short port);

#endif
