// SPDX-License-Identifier: AGPL-3.0-or-later
/* The kernel's log. Source: kernel, Documentation/ABI/testing/dev-kmsg. */
#ifndef PT_KMSG_H
#define PT_KMSG_H

#include <stdint.h>

#include "lib/base/host.h"

/* Returns the lines that the kernel has logged since a time in seconds since 1970, as far as it
 * still has them; NULL: it cannot be read, of a copied host it never is. The caller frees it. */
char *pt_kmsg_since(const struct pt_host *host, int64_t since);

/* Reads a record, "6,339,5140900,-;text\n KEY=value". Returns the text, on loan, and its time in
 * microseconds since the boot; NULL: it is none. */
const char *pt_kmsg_parse(char *record, uint64_t *ret_us);

#endif
