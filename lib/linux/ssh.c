// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lib/linux/ssh.h"

#define SSH	     "/usr/bin/ssh"
#define WORDS_MAX    4096U
#define SECOND_MS    1000
#define OPTIONS_MOST 20

/* One machine that is being asked. What it writes goes to files in memory: a pipe that nobody reads
 * would stop it, while another one is waited for. */
struct asking {
	const struct pt_ssh *machine;
	int program, text, words;
	size_t cap;
	struct pt_child child;
};

static void add_option(char **argv, size_t *count, const char *option)
{
	argv[(*count)++] = pt_strdup("-o");
	argv[(*count)++] = pt_strdup(option);
}

/* The command line; it lives as long as the child. */
static void make_arguments(const struct pt_ssh *machine, char **argv)
{
	PT_FREE char *alias = pt_format("HostKeyAlias=%s", machine->alias);
	size_t count = 0;

	argv[count++] = pt_strdup("ssh");
	argv[count++] = pt_strdup("-e");
	argv[count++] = pt_strdup("none");
	add_option(argv, &count, "BatchMode=yes");
	add_option(argv, &count, alias);
	if (machine->known_hosts) {
		PT_FREE char *file = pt_format("UserKnownHostsFile=%s", machine->known_hosts);

		add_option(argv, &count, file);
		add_option(argv, &count, "GlobalKnownHostsFile=none");
	}
	argv[count++] = pt_strdup("--");
	argv[count++] = pt_strdup(machine->login);
	argv[count++] = pt_strdup(machine->command);
}

/* Becomes ssh. */
static int run_ssh(void *data, int out)
{
	const struct asking *asking = data;
	const struct rlimit longest = {asking->cap + 1, asking->cap + 1};
	char *argv[OPTIONS_MOST] = {NULL}, *environment[] = {NULL};

	(void)out;
	make_arguments(asking->machine, argv);
	if (dup2(asking->text, STDOUT_FILENO) < 0 || dup2(asking->words, STDERR_FILENO) < 0 ||
		setrlimit(RLIMIT_FSIZE, &longest) < 0 || fcntl(asking->program, F_SETFD, 0) < 0)
		return -errno;
	syscall(SYS_execveat, asking->program, "", argv, environment, AT_EMPTY_PATH);
	return -errno;
}

static int start(struct asking *asking)
{
	asking->text = memfd_create("text", MFD_CLOEXEC);
	asking->words = memfd_create("words", MFD_CLOEXEC);
	if (asking->text < 0 || asking->words < 0)
		return -errno;
	return pt_child_start(&asking->child, run_ssh, asking,
		(const int[]){asking->program, asking->text, asking->words}, 3, false, NULL);
}

/* All of a file in memory, cut to cap bytes. The caller frees it. */
static char *read_back(int fd, size_t cap, size_t *ret_length)
{
	struct stat file = {0};
	char *text;
	ssize_t n;

	*ret_length = 0;
	if (fd < 0 || fstat(fd, &file) < 0)
		return pt_strdup("");
	text = pt_calloc(1, ((size_t)file.st_size < cap ? (size_t)file.st_size : cap) + 1);
	while (*ret_length < cap &&
		(n = pread(fd, text + *ret_length, cap - *ret_length, (off_t)*ret_length)) > 0)
		*ret_length += (size_t)n;
	return text;
}

static void take_answer(struct asking *asking, long long deadline_ms, struct pt_ssh_answer *ret)
{
	struct stat file = {0};
	size_t length;
	int r = pt_child_wait(&asking->child, deadline_ms);

	/* exit codes of the command, which the child's own errors resemble */
	ret->result = r < 0 && r != -ETIME && r != -ECHILD ? -r : r;
	if (fstat(asking->text, &file) == 0 && (size_t)file.st_size > asking->cap)
		ret->result = -EFBIG;
	ret->text = read_back(asking->text, asking->cap, &ret->length);
	ret->words = read_back(asking->words, WORDS_MAX, &length);
}

/* Waits until each has ended, or the deadline has passed. */
static void wait_for_all(const struct asking *asking, size_t count, long long deadline_ms,
	pt_ssh_waiting *waiting, void *data)
{
	struct pollfd *poll_fd = pt_calloc(count, sizeof(*poll_fd));
	bool *waits = pt_calloc(count, sizeof(*waits));
	const long long begin_ms = pt_now_ms();
	size_t left = 0;

	for (size_t i = 0; i < count; i++) {
		poll_fd[i] = (struct pollfd){.fd = asking[i].child.pidfd, .events = POLLIN};
		waits[i] = poll_fd[i].fd >= 0;
		left += waits[i];
	}
	while (left && pt_now_ms() < deadline_ms) {
		long long rest_ms = deadline_ms - pt_now_ms();
		int n = poll(poll_fd, (nfds_t)count,
			rest_ms < SECOND_MS ? (int)(rest_ms > 0 ? rest_ms : 0) : SECOND_MS);

		for (size_t i = 0; n > 0 && i < count; i++) {
			if (!waits[i] || !poll_fd[i].revents)
				continue;
			waits[i] = false;
			poll_fd[i].fd = -1;
			left--;
		}
		if (left && waiting)
			waiting(data, waits, count,
				(unsigned int)((pt_now_ms() - begin_ms) / SECOND_MS));
	}
	free(poll_fd);
	free(waits);
}

int pt_ssh_ask(const struct pt_host *host, const struct pt_ssh *machine, size_t count,
	int budget_ms, size_t cap, pt_ssh_waiting *waiting, void *data, struct pt_ssh_answer *ret,
	struct pt_err *err)
{
	PT_CLOSE int program = pt_host_openat(host, SSH, O_PATH);
	const long long deadline_ms = pt_now_ms() + budget_ms;
	struct asking *asking;

	if (program < 0)
		return pt_err_errno(err, program, SSH);
	asking = pt_calloc(count, sizeof(*asking));
	for (size_t i = 0; i < count; i++) {
		asking[i] =
			(struct asking){&machine[i], program, -1, -1, cap, .child = PT_CHILD_NONE};
		ret[i].result = machine[i].login ? start(&asking[i]) : -ENOENT;
	}
	wait_for_all(asking, count, deadline_ms, waiting, data);
	for (size_t i = 0; i < count; i++) {
		if (ret[i].result == 0)
			take_answer(&asking[i], deadline_ms, &ret[i]);
		pt_close_fd(&asking[i].text);
		pt_close_fd(&asking[i].words);
	}
	free(asking);
	return 0;
}

void pt_ssh_answer_clear(struct pt_ssh_answer *answer)
{
	free(answer->text);
	free(answer->words);
	*answer = (struct pt_ssh_answer){0};
}
