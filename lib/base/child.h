// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Work that may hang (a kernel write, a module load, a network request) runs in a child process
 * with a deadline. The child keeps only the file descriptors it is given: it must not hold the
 * caller's pipes or another program's lock when it hangs in the kernel for good.
 */
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

/*
 * Starts work(data, out) in a child; its return value (0, or a negative errno) is the child's
 * result. keep lists descriptors (-1 is passed over) that stay open in the child, everything else
 * is closed. With want_output the child gets in out a pipe to write to, else -1. Returns 0, or a
 * negative errno with err filled. End with pt_child_wait.
 */
int pt_child_start(struct pt_child *ret, int (*work)(void *data, int out), void *data,
	const int *keep, size_t keep_count, bool want_output, struct pt_err *err);

/*
 * Waits until the child ends or the deadline (pt_now_ms) has passed.
 * Returns the child's result: 0 or a negative errno. -ETIME: the deadline has passed; the child was
 * sent SIGKILL, but may live on in the kernel, holding the descriptors that were kept open for it.
 * -ECHILD: it died otherwise.
 */
int pt_child_wait(struct pt_child *child, long long deadline_ms);

/*
 * As pt_child_wait, after reading the child's output until it ends: ret_text is its output, NUL at
 * its end, ret_length bytes without that. More than cap bytes: -EMSGSIZE, the child is ended. The
 * caller frees ret_text; it is untouched on failure.
 */
int pt_child_collect(struct pt_child *child, long long deadline_ms, size_t cap, char **ret_text,
	size_t *ret_length);

#endif
