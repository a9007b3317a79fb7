// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "lib/base/startup.h"

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
	return 0;
}
