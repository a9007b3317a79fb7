// SPDX-License-Identifier: AGPL-3.0-or-later
/* The error contract: a function that can fail returns 0 or a negative errno and fills a struct
 * pt_err. Callers wrap the sentence on the way up: subject, reason, remedy, as in "hostpci0:
 * 0000:01:00.0: bind to vfio-pci: Device or resource busy". */
#ifndef PT_ERR_H
#define PT_ERR_H

#include <errno.h>

#include "lib/base/base.h"

struct pt_err {
	int code; /* negative errno, 0 while nothing failed */
	char text[1024];
};

/* What a negative errno means to an administrator. */
const char *pt_errno_text(int code);

/* Fills err (or NULL) with a sentence, cut to size. pt_err_errno adds ": " and the errno's text. */
void pt_err_fill(struct pt_err *err, int code, const char *fmt, ...) PT_PRINTF(3, 4);
void pt_err_fill_errno(struct pt_err *err, int code, const char *fmt, ...) PT_PRINTF(3, 4);

/* The same as expressions with the value code, which must be negative. They are macros, so that
 * people and analyzers see the value that a return statement returns. */
#define pt_err_set(err, code, ...)                                                                 \
	({                                                                                         \
		int code_ = (code);                                                                \
		pt_err_fill((err), code_, __VA_ARGS__);                                            \
		code_;                                                                             \
	})
#define pt_err_errno(err, code, ...)                                                               \
	({                                                                                         \
		int code_ = (code);                                                                \
		pt_err_fill_errno((err), code_, __VA_ARGS__);                                      \
		code_;                                                                             \
	})

/* Puts "<text>: " before the text of err. Returns err's code, and -EIO
 * without one; err may be NULL. */
int pt_err_wrap(struct pt_err *err, const char *fmt, ...) PT_PRINTF(2, 3);

#endif
