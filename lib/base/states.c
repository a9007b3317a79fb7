// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/base/states.h"

unsigned int pt_state_next(const struct pt_states *states, unsigned int state, unsigned int next)
{
	if (states->next[state] & PT_NEXT(next))
		return next;
	fprintf(stderr, "%s: '%s' must not follow '%s'\n", states->what, states->name[next],
		states->name[state]);
	abort();
}
