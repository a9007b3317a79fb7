// SPDX-License-Identifier: AGPL-3.0-or-later
#include <stdarg.h>

#include "lib/base/log.h"

void pt_log(const struct pt_log *log, enum pt_log_level level, const char *fmt, ...)
{
	char line[2048];
	va_list args;

	if (!log || !log->emit)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	/* names of processes and mount points come from outside: they must not add lines */
	for (char *c = line; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	log->emit(log->data, level, line);
}

const char *pt_log_mark(enum pt_log_level level)
{
	static const char *const mark[] = {
		[PT_LOG_DEBUG] = "debug: ",
		[PT_LOG_INFO] = "",
		[PT_LOG_WARNING] = "warning: ",
		[PT_LOG_ERROR] = "error: ",
	};

	return mark[level];
}

void pt_log_to_file(void *data, enum pt_log_level level, const char *line)
{
	fprintf(data, "%s%s\n", pt_log_mark(level), line);
	fflush(data);
}
