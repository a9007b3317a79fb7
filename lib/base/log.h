// SPDX-License-Identifier: AGPL-3.0-or-later
/* The library never prints: its messages go line by line to a sink of the program. */
#ifndef PT_LOG_H
#define PT_LOG_H

#include "lib/base/base.h"

enum pt_log_level {
	PT_LOG_DEBUG,
	PT_LOG_INFO,
	PT_LOG_WARNING,
	PT_LOG_ERROR,
};

struct pt_log {
	/* line has no newline at its end and is gone after the call */
	void (*emit)(void *data, enum pt_log_level level, const char *line);
	void *data;
};

/* Gives one line to the sink; log may be NULL (nothing is said). */
void pt_log(const struct pt_log *log, enum pt_log_level level, const char *fmt, ...)
	PT_PRINTF(3, 4);

/* Returns the prefix of a line of that level: "warning: " and kin. */
const char *pt_log_mark(enum pt_log_level level);

/* Returns the line in pieces of at most that many columns, a line end behind each, two spaces
 * before each but the first. A word that is longer is divided. Letters beyond ASCII are question
 * marks. The caller frees it. */
char *pt_log_fold(const char *line, size_t columns) PT_RETURNS_TEXT;

/* A sink that writes lines to the FILE in data, warnings and errors marked as such. */
void pt_log_to_file(void *data, enum pt_log_level level, const char *line);

/* The same, but a reader that does not read is waited for only once, for a second: others wait for
 * the work that is logged. */
void pt_log_without_waiting(void *data, enum pt_log_level level, const char *line);

/* Writes text in pieces that a pipe with room takes whole: the log may be a pipe that
 * nobody reads. Words that it has no room for are dropped. -EIO: nobody can read any more. Source:
 * pipe(7), PIPE_BUF. */
int pt_log_say(int fd, const char *text, size_t length);

/* A sink that writes lines to the system log, each in a child: a log that hangs is asked once. */
void pt_log_to_system(void *data, enum pt_log_level level, const char *line);

#endif
