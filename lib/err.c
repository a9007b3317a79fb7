// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "err.h"

int pt_err_set(struct pt_err *err, int code, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return code;
	err->code = code;
	va_start(args, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	return code;
}

int pt_err_errno(struct pt_err *err, int code, const char *fmt, ...)
{
	va_list args;
	size_t used;

	if (!err)
		return code;
	err->code = code;
	va_start(args, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerrordesc_np(-code));
	return code;
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
	return err->code;
}

int pt_err_nomem(struct pt_err *err)
{
	return pt_err_set(err, -ENOMEM, "out of memory");
}
