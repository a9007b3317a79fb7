// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The error contract: a function that can fail returns 0 or a negative errno and fills a struct pt_err
 * with a sentence. Callers wrap it on the way up, so that it reads subject, reason, remedy:
 * "hostpci0: 0000:01:00.0: bind to vfio-pci: Device or resource busy".
 */
#ifndef PT_ERR_H
#define PT_ERR_H

#include <stdarg.h>

#include "base.h"

struct pt_err {
	int code; /* negative errno, 0 while nothing failed */
	char text[1024];
};

/*
 * Fills err (which may be NULL) with a sentence and returns code, which must be negative.
 * Text that does not fit is cut.
 */
int pt_err_set(struct pt_err *err, int code, const char *fmt, ...) PT_PRINTF(3, 4);

/* As pt_err_set, with ": " and the text of the errno behind the sentence. */
int pt_err_errno(struct pt_err *err, int code, const char *fmt, ...) PT_PRINTF(3, 4);

/* Puts "<text>: " before what err says already. Returns err's code; err may be NULL (then -EIO). */
int pt_err_wrap(struct pt_err *err, const char *fmt, ...) PT_PRINTF(2, 3);

/* Memory is out. Returns -ENOMEM. */
int pt_err_nomem(struct pt_err *err);

#endif
