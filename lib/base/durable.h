// SPDX-License-Identifier: AGPL-3.0-or-later
/* Files that survive a crash whole: either old or new. Source: rename(2), fsync(2). */
#ifndef PT_DURABLE_H
#define PT_DURABLE_H

#include "lib/base/base.h"

/* Writes a whole file: a temporary one of the same name in the folder work, synced, then renamed
 * into the folder home, both folders synced. Both are descriptors, on one file system. 0 or a
 * negative errno. */
int pt_durable_write(int work, int home, const char *name, const char *text);

#endif
