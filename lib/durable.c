// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>

#include "durable.h"

static int write_whole(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		left -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int pt_durable_write(int work, int home, const char *name, const char *text)
{
	PT_CLOSE int fd =
		openat(work, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = write_whole(fd, text);
	if (r < 0)
		return r;
	if (renameat(work, name, home, name) < 0 || fsync(home) < 0 || fsync(work) < 0)
		return -errno;
	return 0;
}
