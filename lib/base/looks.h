// SPDX-License-Identifier: AGPL-3.0-or-later
/* Runs many reads that may each block in the kernel, in one child with one deadline. After a hang a
 * new child continues with the next read, so only one result is lost. */
#ifndef PT_LOOKS_H
#define PT_LOOKS_H

#include "lib/base/host.h"

/* Results lie in memory that the children share with the caller. */
struct pt_looks {
	void *memory;
	size_t count, each;
};

/* Calls one() with each index below count; result has `each` bytes, all zero. 0 or a negative
 * errno; -ECHILD: a child died. End with pt_looks_end. */
int pt_looks_take(const struct pt_host *host,
	void (*one)(const struct pt_host *host, const void *data, size_t at, void *result),
	const void *data, size_t count, size_t each, struct pt_looks *ret);

/* False: it hangs. Part of its result may be there, and it may still go on. */
bool pt_looks_done(const struct pt_looks *looks, size_t at);
const void *pt_looks_result(const struct pt_looks *looks, size_t at);

void pt_looks_end(struct pt_looks *looks);
#define PT_LOOKS PT_CLEANUP(pt_looks_end)

#endif
