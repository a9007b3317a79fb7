// SPDX-License-Identifier: AGPL-3.0-or-later
#include <syslog.h>

#include "lib/base/states.h"

unsigned int pt_state_next(const struct pt_states *states, unsigned int state, unsigned int next)
{
	if (states->next[state] & PT_NEXT(next))
		return next;
	syslog(LOG_CRIT, "%s: '%s' must not follow '%s'", states->what, states->name[next],
		states->name[state]);
	abort();
}
