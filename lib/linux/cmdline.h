// SPDX-License-Identifier: AGPL-3.0-or-later
/* The kernel's command line. Source: Documentation/admin-guide/kernel-parameters.rst. */
#ifndef PT_CMDLINE_H
#define PT_CMDLINE_H

#include "lib/base/base.h"

/* Whether the parameter is given, "key" or "key=value"; dashes are underscores. ret gets the last
 * value, unquoted and cut to size, or "". cmdline may be NULL. */
bool pt_cmdline_get(const char *cmdline, const char *key, char *ret, size_t size);

#endif
