// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <syslog.h>

#include "lib/base/child.h"
#include "lib/base/log.h"

#define ROOM_MS	  1000
#define SYSLOG_MS 1000

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

#define FOLD_INDENT "  "

/* Leaves ASCII, and a question mark for each letter beyond it. */
static void make_ascii(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		/* of a letter in UTF-8 the first byte alone counts */
		if (((unsigned char)*from & 0xc0) != 0x80)
			*to++ = (char)((unsigned char)*from < 0x80 ? *from : '?');
	}
	*to = '\0';
}

/* Bytes of the next piece: whole words, or a part of one that does not fit. */
static size_t piece_of(const char *rest, size_t room)
{
	size_t at = room;

	if (strlen(rest) <= room)
		return strlen(rest);
	while (at && rest[at] != ' ')
		at--;
	return at > strspn(rest, " ") ? at : room;
}

char *pt_log_fold(const char *line, size_t columns)
{
	PT_FREE char *plain = pt_strdup(line);
	const char *rest = plain, *indent = "";
	char *text, *to;

	make_ascii(plain);
	/* at worst each piece is one letter */
	text = to = pt_calloc(strlen(plain) + 1, strlen(FOLD_INDENT) + 2);
	do {
		size_t piece = piece_of(rest, columns - strlen(indent));

		to += sprintf(to, "%s%.*s\n", indent, (int)piece, rest);
		rest += piece;
		rest += strspn(rest, " ");
		indent = FOLD_INDENT;
	} while (*rest);
	return text;
}

/* Waits until a pipe has room, not for long, and after that in vain not at all: a full one
 * must not stop the work. */
static bool has_room(int fd)
{
	static bool full;
	struct pollfd pfd = {.fd = fd, .events = POLLOUT};

	full = poll(&pfd, 1, full ? 0 : ROOM_MS) == 0;
	return !full;
}

int pt_log_say(int fd, const char *text, size_t length)
{
	while (length && has_room(fd)) {
		ssize_t n = write(fd, text, length < PIPE_BUF ? length : PIPE_BUF);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -EIO;
		text += n;
		length -= (size_t)n;
	}
	return 0;
}

void pt_log_to_file(void *data, enum pt_log_level level, const char *line)
{
	fprintf(data, "%s%s\n", pt_log_mark(level), line);
	fflush(data);
}

void pt_log_without_waiting(void *data, enum pt_log_level level, const char *line)
{
	PT_FREE char *text = pt_format("%s%s\n", pt_log_mark(level), line);

	pt_log_say(fileno(data), text, strlen(text));
}

/* The system log puts the program's name before each line by itself. */
static const char *without_name(const char *line)
{
	size_t length = strlen(program_invocation_short_name);

	if (strncmp(line, program_invocation_short_name, length) != 0 ||
		!pt_starts_with(line + length, ": "))
		return line;
	return line + length + 2;
}

struct entry {
	int priority;
	const char *line;
};

static int log_in_child(void *data, int out)
{
	const struct entry *entry = data;

	(void)out;
	syslog(LOG_DAEMON | entry->priority, "%s", entry->line);
	return 0;
}

void pt_log_to_system(void *data, enum pt_log_level level, const char *line)
{
	static const int priority[] = {
		[PT_LOG_DEBUG] = LOG_DEBUG,
		[PT_LOG_INFO] = LOG_INFO,
		[PT_LOG_WARNING] = LOG_WARNING,
		[PT_LOG_ERROR] = LOG_ERR,
	};
	/* the writer blocks for as long */
	static bool hangs;
	struct entry entry = {priority[level], without_name(line)};
	struct pt_child child = PT_CHILD_NONE;

	(void)data;
	if (hangs || pt_child_start(&child, log_in_child, &entry, NULL, 0, false, NULL) < 0)
		return;
	hangs = pt_child_wait(&child, pt_now_ms() + SYSLOG_MS) == -ETIME;
}
