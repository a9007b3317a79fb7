// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <stdarg.h>

#include "lib/base/err.h"

void pt_err_fill(struct pt_err *err, int code, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return;
	err->code = code;
	va_start(args, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	pt_make_plain(err->text);
}

const char *pt_errno_text(int code)
{
	/* "No child processes" would be a riddle */
	return code == -ECHILD ? "a process of ours was killed" : strerrordesc_np(-code);
}

void pt_err_fill_errno(struct pt_err *err, int code, const char *fmt, ...)
{
	va_list args;
	size_t used;

	if (!err)
		return;
	err->code = code;
	va_start(args, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", pt_errno_text(code));
	pt_make_plain(err->text);
}

int pt_err_wrap(struct pt_err *err, const char *fmt, ...)
{
	char said[sizeof(err->text)];
	va_list args;
	size_t used;

	if (!err)
		return -EIO;
	memcpy(said, err->text, sizeof(said));
	va_start(args, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", said);
	pt_make_plain(err->text);
	/* a wrapped error is an error, even if nobody has said so */
	err->code = err->code < 0 ? err->code : -EIO;
	return err->code;
}
