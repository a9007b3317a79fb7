// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * hold PID SECONDS: takes over what process PID has open of vfio and keeps it, so that the kernel goes on
 * holding the groups when PID is dead: as a QEMU with much pinned memory does while it dies.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char path[64];
	struct dirent *entry;
	DIR *fds;
	int pidfd, held = 0;

	if (argc != 3)
		return 2;
	pidfd = (int)syscall(SYS_pidfd_open, atoi(argv[1]), 0);
	snprintf(path, sizeof(path), "/proc/%s/fd", argv[1]);
	fds = opendir(path);
	if (pidfd < 0 || !fds) {
		perror("hold");
		return 1;
	}
	while ((entry = readdir(fds))) {
		char target[128];
		ssize_t n = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);

		if (n < 0)
			continue;
		target[n] = '\0';
		if (strstr(target, "vfio") &&
			syscall(SYS_pidfd_getfd, pidfd, atoi(entry->d_name), 0) >= 0)
			held++;
	}
	close(pidfd);
	printf("holds %d\n", held);
	fflush(stdout);
	sleep((unsigned int)atoi(argv[2]));
	return 0;
}
