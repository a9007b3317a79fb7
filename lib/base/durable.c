// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>

#include "lib/base/durable.h"

int pt_durable_write(int work, int home, const char *name, const char *text)
{
	PT_CLOSE int fd =
		openat(work, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = pt_write_all(fd, text, strlen(text));
	if (r < 0)
		return r;
	if (fsync(fd) < 0 || renameat(work, name, home, name) < 0 || fsync(home) < 0 ||
		fsync(work) < 0)
		return -errno;
	return 0;
}
