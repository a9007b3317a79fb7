// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * kill-at N COMMAND [ARGUMENT...]: runs the command and kills it, with every process that it started, right before
 * the N-th system call of theirs that can change something. Exit 0: killed; 3: it ended before that.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 64

static pid_t alive[MOST];
static int alive_count;

static void add(pid_t pid)
{
	for (int i = 0; i < alive_count; i++) {
		if (alive[i] == pid)
			return;
	}
	if (alive_count == MOST)
		exit(1);
	alive[alive_count++] = pid;
}

static void drop(pid_t pid)
{
	for (int i = 0; i < alive_count; i++) {
		if (alive[i] == pid)
			alive[i] = alive[--alive_count];
	}
}

static bool changes_something(pid_t pid)
{
	static const long calls[] = {SYS_write, SYS_renameat, SYS_renameat2, SYS_rename,
		SYS_unlinkat, SYS_unlink, SYS_fsync, SYS_flock, SYS_mkdirat, SYS_mkdir, SYS_clone,
		SYS_fork, SYS_vfork, SYS_exit_group};
	struct __ptrace_syscall_info info = {0};

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info) < 0 ||
		info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (info.entry.nr == (unsigned long)calls[i])
			return true;
	}
	return false;
}

/* One that was being forked at that moment shows up only then. */
static int kill_all(void)
{
	int status;
	pid_t pid;

	for (int i = 0; i < alive_count; i++)
		kill(alive[i], SIGKILL);
	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (pid > 0 && WIFSTOPPED(status))
			kill(pid, SIGKILL);
	}
	return 0;
}

int main(int argc, char **argv)
{
	long at = argc > 2 ? strtol(argv[1], NULL, 10) : 0;
	long count = 0;
	pid_t first;

	if (at < 1)
		return 2;
	first = fork();
	if (first == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		execv(argv[2], argv + 2);
		_exit(127);
	}
	if (first < 0 || waitpid(first, NULL, 0) < 0 ||
		ptrace(PTRACE_SETOPTIONS, first, NULL,
			(void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
				 PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL)) < 0) {
		perror("kill-at");
		return 1;
	}
	add(first);
	ptrace(PTRACE_SYSCALL, first, NULL, NULL);
	for (;;) {
		int status, deliver = 0;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0)
			return errno == ECHILD ? 3 : 1;
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			drop(pid);
			continue;
		}
		add(pid);
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			if (changes_something(pid) && ++count == at)
				return kill_all();
		} else if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) {
			deliver = WSTOPSIG(status);
		}
		ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)deliver);
	}
}
