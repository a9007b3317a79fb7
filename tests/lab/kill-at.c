// SPDX-License-Identifier: AGPL-3.0-or-later
/* kill-at [-a] [-w] N COMMAND [ARGUMENT...]: runs the command and kills it, with every process that
 * it started, right before the N-th system call of theirs that can change something outside of
 * them; with -a only the process of that call. The watch of a start dies at its first such call,
 * which does not count; with -w it lives, and is waited for. With -a and -w calls count as well
 * that change something among the processes: a write to a pipe, a lock, a fork, an exit. Exit 0:
 * killed; 3: it ended before that, and how many such calls it made stands in the last line of
 * standard error. kill-at -c COMMAND kills nothing but that watch, and says how many calls of both
 * kinds, writes to sysfs and processes the command needs. */
#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 64

static pid_t alive[MOST];
static int alone, watch_lives, counts, killed;
static long changes, sysfs_writes, processes = 1;
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

#define NUMBER BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define STOP_AT(nr)                                                                                \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE)

/* The kernel stops at these calls alone: stopping at each costs an emulated machine most of its
 * time. */
static int stop_at_changes(void)
{
	struct sock_filter filter[] = {NUMBER, STOP_AT(SYS_write), STOP_AT(SYS_renameat),
		STOP_AT(SYS_renameat2), STOP_AT(SYS_rename), STOP_AT(SYS_linkat),
		STOP_AT(SYS_unlinkat), STOP_AT(SYS_unlink), STOP_AT(SYS_fsync), STOP_AT(SYS_flock),
		STOP_AT(SYS_mkdirat), STOP_AT(SYS_mkdir), STOP_AT(SYS_clone), STOP_AT(SYS_clone3),
		STOP_AT(SYS_fork), STOP_AT(SYS_vfork), STOP_AT(SYS_sendmsg), STOP_AT(SYS_sendto),
		STOP_AT(SYS_exit_group), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* By the name that it gives itself. */
static int is_watch(pid_t pid)
{
	char path[32], name[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (!fgets(name, sizeof(name), file))
		name[0] = '\0';
	fclose(file);
	return strcmp(name, "pve-ptwatch\n") == 0;
}

/* The call that the process stands before; of a write the file. */
static long call_of(pid_t pid, char file[static 64])
{
	struct user_regs_struct regs;
	char path[64];

	file[0] = '\0';
	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0)
		return -1;
	if (regs.orig_rax == SYS_write) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, (int)regs.rdi);
		n = readlink(path, file, 63);
		file[n < 0 ? 0 : n] = '\0';
	}
	return (long)regs.orig_rax;
}

static int is_sysfs_write(pid_t pid)
{
	char file[64];

	return call_of(pid, file) == SYS_write && strncmp(file, "/sys/", 5) == 0;
}

/* Whether the call changes something that outlives all processes together. */
static int reaches_outside(pid_t pid)
{
	char file[64];

	switch (call_of(pid, file)) {
	case SYS_write:
		return strncmp(file, "pipe:", 5) != 0 && strcmp(file, "/dev/null") != 0;
	case SYS_flock:
	case SYS_clone:
	case SYS_clone3:
	case SYS_fork:
	case SYS_vfork:
	case SYS_exit_group:
		return 0;
	default:
		return 1;
	}
}

static int is_fork(int status)
{
	int event = status >> 16;

	return event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
	       event == PTRACE_EVENT_CLONE;
}

/* One that was being forked at that moment shows up only then. */
static void kill_all(void)
{
	int status;
	pid_t pid;

	for (int i = 0; i < alive_count; i++)
		kill(alive[i], SIGKILL);
	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (pid > 0 && WIFSTOPPED(status))
			kill(pid, SIGKILL);
	}
}

/* All but watches, and what these have started. */
static void kill_others(void)
{
	for (int i = 0; i < alive_count; i++) {
		if (!is_watch(alive[i]))
			kill(alive[i], SIGKILL);
	}
}

/* The process stands before a call that can change something. */
enum next { GO_ON, ALL_KILLED };
static enum next meet_change(pid_t pid, long at)
{
	if (is_watch(pid)) {
		if (!watch_lives)
			kill(pid, SIGKILL);
		return GO_ON;
	}
	sysfs_writes += counts && is_sysfs_write(pid);
	if (!counts && !alone && !watch_lives && !reaches_outside(pid))
		return GO_ON;
	if (++changes != at)
		return GO_ON;
	killed = 1;
	if (alone)
		kill(pid, SIGKILL);
	else if (watch_lives)
		kill_others();
	else
		kill_all();
	return alone || watch_lives ? GO_ON : ALL_KILLED;
}

static void start(char **command)
{
	pid_t first = fork();

	if (first == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		if (stop_at_changes() == 0)
			execv(command[0], command);
		_exit(127);
	}
	if (first < 0 || waitpid(first, NULL, 0) < 0 ||
		ptrace(PTRACE_SETOPTIONS, first, NULL,
			(void *)(PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
				 PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL)) < 0) {
		perror("kill-at");
		exit(1);
	}
	add(first);
	ptrace(PTRACE_CONT, first, NULL, NULL);
}

static int finish(void)
{
	if (killed)
		return 0;
	if (!counts) {
		fprintf(stderr, "kill-at: ended after %ld calls\n", changes);
		return 3;
	}
	fprintf(stderr, "kill-at: %ld calls, %ld writes to sysfs, %ld processes\n", changes,
		sysfs_writes, processes);
	return 0;
}

int main(int argc, char **argv)
{
	long at = LONG_MAX;

	for (; argc > 1 && argv[1][0] == '-'; argc--, argv++) {
		alone |= strcmp(argv[1], "-a") == 0;
		watch_lives |= strcmp(argv[1], "-w") == 0;
		counts |= strcmp(argv[1], "-c") == 0;
	}
	if (!counts && argc > 1) {
		at = strtol(argv[1], NULL, 10);
		argc--;
		argv++;
	}
	if (at < 1 || argc < 2)
		return 2;
	start(argv + 1);
	for (;;) {
		int status, deliver = 0;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0)
			return errno == ECHILD ? finish() : 1;
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			drop(pid);
			continue;
		}
		add(pid);
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8)) {
			if (meet_change(pid, at) == ALL_KILLED)
				return 0;
		} else if (is_fork(status)) {
			processes++;
		} else if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) {
			deliver = WSTOPSIG(status);
		}
		ptrace(PTRACE_CONT, pid, NULL, (void *)(long)deliver);
	}
}
