// SPDX-License-Identifier: AGPL-3.0-or-later
/* hold PID [unseen [NAME]]: takes over the files that process PID has open and that have NAME in
 * their path, vfio without one, and keeps them until it is ended, so that the kernel goes on
 * holding the groups when PID is dead: as a QEMU with much pinned memory does while it dies.
 * Unseen: no process has it open then, it is on its way through a socket. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int send_away(int socket, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {&byte, 1};
	struct msghdr message = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(socket, &message, 0) == 1 ? close(fd) : -1;
}

int main(int argc, char **argv)
{
	char path[64];
	struct dirent *entry;
	DIR *fds;
	int pidfd, held = 0, pair[2];

	if (argc < 2 || argc > 4)
		return 2;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 1;
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
		int fd;

		if (n < 0)
			continue;
		target[n] = '\0';
		if (!strstr(target, argc == 4 ? argv[3] : "vfio"))
			continue;
		fd = (int)syscall(SYS_pidfd_getfd, pidfd, atoi(entry->d_name), 0);
		if (fd >= 0 && (argc == 2 || send_away(pair[0], fd) == 0))
			held++;
	}
	close(pidfd);
	printf("holds %d\n", held);
	fflush(stdout);
	pause();
	return 0;
}
