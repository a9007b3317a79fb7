// SPDX-License-Identifier: AGPL-3.0-or-later
/* The two programs as they ship, run by a test: their output and their exit codes. */
#ifndef PT_TESTS_UNIT_RAN_H
#define PT_TESTS_UNIT_RAN_H

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sys/wait.h>

#include "tests/unit/judge.h"

#define CONFIG	      "/etc/pve/nodes/node1/qemu-server/100.conf"
#define MAX_ARGUMENTS 12

struct ran {
	int code;
	char said[262144]; /* stdout and stderr */
};

/* The programs lie beside the folder of the test programs. */
static inline void path_of(const char *program, char path[static PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(n > 0);
	self[n] = '\0';
	assert_true(snprintf(path, PATH_MAX, "%s/../%s", dirname(self), program) < PATH_MAX);
}

static inline void read_all(int fd, struct ran *ran)
{
	size_t length = 0;
	ssize_t n;

	while ((n = read(fd, ran->said + length, sizeof(ran->said) - 1 - length)) > 0)
		length += (size_t)n;
	ran->said[length] = '\0';
}

/* As the user of that number; 0: root. */
static inline void run_as(
	struct ran *ran, uid_t uid, const char *program, const char *const *arguments)
{
	char path[PATH_MAX];
	int out[2], status, program_fd;
	pid_t pid;

	path_of(program, path);
	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (pid == 0) {
		char *argv[MAX_ARGUMENTS + 2] = {path};

		for (size_t i = 0; i < MAX_ARGUMENTS && arguments[i]; i++)
			argv[i + 1] = strdup(arguments[i]);
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		close(out[0]);
		close(out[1]);
		/* the way to the program may be closed to others */
		program_fd = open(path, O_RDONLY | O_CLOEXEC);
		if (uid && setresuid(uid, uid, uid) < 0)
			exit(98);
		fexecve(program_fd, argv, environ);
		exit(99);
	}
	close(out[1]);
	read_all(out[0], ran);
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	ran->code = WEXITSTATUS(status);
}

#define RUN_AS(ran, uid, program, ...)                                                             \
	run_as((ran), (uid), program, (const char *const[]){__VA_ARGS__, NULL})
#define RUN(ran, program, ...) RUN_AS((ran), 0, program, __VA_ARGS__)
#define PTCONF(ran, ...)       RUN((ran), "pve-ptconf", __VA_ARGS__)

#endif
