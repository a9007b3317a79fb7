// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "lib/base/startup.h"

#define FILES 16384

/* A set of 512 functions needs a lock, a socket and a pidfd for each, and the usual limit is 1,024.
 * Without more it goes on with less. */
static void allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= FILES)
		return;
	limit.rlim_cur = limit.rlim_max < FILES ? limit.rlim_max : FILES;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int pt_startup(struct pt_err *err)
{
	sigset_t none;
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			return pt_err_errno(err, -errno, "/dev/null");
	} while (fd <= STDERR_FILENO);
	close(fd);
	umask(077);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a caller's limit of file sizes is an error like a full disk */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	clearenv();
	allow_many_files();
	return 0;
}
