// SPDX-License-Identifier: AGPL-3.0-or-later
/* Work that may hang (a kernel write, a module load, a network request) runs in a child with a
 * deadline. The child keeps only the descriptors that it is given: it must not hold the caller's
 * pipes or a lock when it hangs for good. */
#ifndef PT_CHILD_H
#define PT_CHILD_H

#include <sys/types.h>

#include "lib/base/err.h"

#define PT_CHILD_KEEP_MAX 4

/* Monotonic time in milliseconds. */
long long pt_now_ms(void);

struct pt_child {
	pid_t pid;
	int pidfd; /* -1 when there is no child */
	int out;   /* read end of the child's output, -1 without */
};

#define PT_CHILD_NONE ((struct pt_child){.pid = 0, .pidfd = -1, .out = -1})

/* Starts work(data, out) in a child; its return value (0 or a negative errno) is the result. The
 * descriptors in keep stay open in the child (-1 is skipped), all others are closed. With
 * want_output out is a pipe, else -1. Returns 0, or a negative errno with err filled. End with
 * pt_child_wait. */
int pt_child_start(struct pt_child *ret, int (*work)(void *data, int out), void *data,
	const int *keep, size_t keep_count, bool want_output, struct pt_err *err);

/* Waits until the child ends or the deadline (pt_now_ms) passes. Returns the child's result.
 * -ETIME: the deadline has passed; the child got SIGKILL, but may live on in the kernel with its
 * descriptors. -ECHILD: it died otherwise. */
int pt_child_wait(struct pt_child *child, long long deadline_ms);

/* As pt_child_wait, after reading all output: ret_text, with a NUL behind its ret_length bytes.
 * More than cap bytes: -EMSGSIZE, the child is ended. The caller frees ret_text; a failure leaves
 * it untouched. */
int pt_child_collect(struct pt_child *child, long long deadline_ms, size_t cap, char **ret_text,
	size_t *ret_length);

#endif
