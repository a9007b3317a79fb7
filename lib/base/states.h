// SPDX-License-Identifier: AGPL-3.0-or-later
/* States and the steps between them: a table lists the states that may follow each. */
#ifndef PT_STATES_H
#define PT_STATES_H

#include "lib/base/base.h"

#define PT_NEXT(state) (1U << (state))

struct pt_states {
	const char *what;	  /* "move", for messages */
	const char *const *name;  /* of each state */
	const unsigned int *next; /* of each state: PT_NEXT of those that may follow */
};

/* Checks that next may follow state, and returns it. A step outside the table ends the process, and
 * the system log names it: the hook's supervisor then undoes the work, as after any crash. */
unsigned int pt_state_next(const struct pt_states *states, unsigned int state, unsigned int next);

#endif
