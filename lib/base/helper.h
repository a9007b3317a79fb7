// SPDX-License-Identifier: AGPL-3.0-or-later
/* Helpers: children that read or write one file after the other for us, because the kernel may hang
 * at any of them. A helper that is through with one waits for the next: a child for each would cost
 * more than most of the kernel's own work. It has the descriptors of its order only, so one that
 * hangs for good holds nothing but its file and the lock that goes with it. */
#ifndef PT_HELPER_H
#define PT_HELPER_H

#include "lib/base/child.h"

#define PT_ORDER_PATH 128

/* What a helper is asked to do: to read a file, at most cap bytes, or to write text to it. */
struct pt_order {
	char path[PT_ORDER_PATH]; /* of the file, for a made kernel */
	int fd;			  /* the file, open */
	int lock_fd;		  /* held as long as the order takes, or -1 */
	const char *text;	  /* NULL: read */
	size_t cap;
};

/* Runs in the helper. 0, or a negative errno; what it reads becomes ret, of ret_length bytes. */
typedef int pt_order_work(void *data, const struct pt_order *order, char **ret, size_t *ret_length);

/* The helpers of one process that wait for an order. */
struct pt_helpers;
struct pt_helper;

/* data lives as long as the helpers; keep (or -1) is a descriptor that all of them have. */
struct pt_helpers *pt_helpers_new(pt_order_work *work, void *data, int keep);
/* Lets those end that wait: for a time without orders. */
void pt_helpers_rest(struct pt_helpers *helpers);
/* The same, for good. Each order must be finished. */
void pt_helpers_end(struct pt_helpers *helpers);

/* Gives the order to a helper. 0, or a negative errno with err filled; end with
 * pt_helper_finish. Its fd and lock_fd may be closed at once. */
int pt_helper_start(struct pt_helpers *helpers, const struct pt_order *order,
	struct pt_helper **ret, struct pt_err *err);

/* Becomes readable when the order is done. */
int pt_helper_fd(const struct pt_helper *helper);

/* Waits until the order is done or the deadline (pt_now_ms) passes, as pt_child_wait: -ETIME,
 * -ECHILD. The helper then waits for another order, or was killed. ret may be NULL, and gets what
 * was read, with a NUL behind it; the caller frees. */
int pt_helper_finish(struct pt_helpers *helpers, struct pt_helper *helper, long long deadline_ms,
	char **ret, size_t *ret_length);

#endif
