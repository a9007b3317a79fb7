// SPDX-License-Identifier: AGPL-3.0-or-later
/* measure RUNS COMMAND [ARGUMENT...] [, COMMAND [ARGUMENT...]]...: runs the commands one after the
 * other, RUNS times and once before to warm up. Prints a line for each: the median of its wall time
 * in ms, the fastest, the slowest, and the most memory of any of its processes in KiB. As Proxmox
 * VE does, it reads the output until each process has closed it. Exit 1: a command failed. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST	  16
#define MOST_RUNS 1000

extern char **environ;

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void fail(char **command, const char *why, const char *said)
{
	fprintf(stderr, "measure:");
	for (; *command; command++)
		fprintf(stderr, " %s", *command);
	fprintf(stderr, ": %s\n%s", why, said);
	exit(1);
}

static double run(char **command, long *peak_kib)
{
	char said[65536];
	size_t length = 0;
	posix_spawn_file_actions_t actions;
	double begin = now_ms(), end;
	struct rusage usage;
	int out[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0)
		fail(command, strerror(errno), "");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	posix_spawn_file_actions_adddup2(&actions, out[1], 2);
	errno = posix_spawnp(&pid, command[0], &actions, NULL, command, environ);
	if (errno)
		fail(command, strerror(errno), "");
	close(out[1]);
	while ((n = read(out[0], said + length, sizeof(said) - 1 - length)) > 0)
		length += (size_t)n;
	said[length] = '\0';
	while (wait4(pid, &status, 0, &usage) < 0) {
		if (errno != EINTR)
			fail(command, strerror(errno), said);
	}
	end = now_ms();
	close(out[0]);
	posix_spawn_file_actions_destroy(&actions);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail(command, "failed", said);
	if (usage.ru_maxrss > *peak_kib)
		*peak_kib = usage.ru_maxrss;
	return end - begin;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static double ms[MOST][MOST_RUNS];
	char **command[MOST];
	long peak_kib[MOST] = {0};
	int count = 0, runs = argc > 2 ? atoi(argv[1]) : 0;

	if (runs < 1 || runs > MOST_RUNS) {
		fputs("usage: measure RUNS COMMAND [ARGUMENT...] [, COMMAND [ARGUMENT...]]...\n",
			stderr);
		return 2;
	}
	command[count++] = argv + 2;
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], ",") != 0)
			continue;
		argv[i] = NULL;
		if (count == MOST)
			return 2;
		command[count++] = argv + i + 1;
	}
	for (int r = -1; r < runs; r++) {
		for (int i = 0; i < count; i++) {
			double took = run(command[i], &peak_kib[i]);

			if (r >= 0)
				ms[i][r] = took;
		}
	}
	for (int i = 0; i < count; i++) {
		qsort(ms[i], (size_t)runs, sizeof(double), compare);
		printf("%.1f %.1f %.1f %ld\n", ms[i][runs / 2], ms[i][0], ms[i][runs - 1],
			peak_kib[i]);
	}
	return 0;
}
