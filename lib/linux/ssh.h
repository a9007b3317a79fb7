// SPDX-License-Identifier: AGPL-3.0-or-later
/* Runs a command on other machines by ssh, side by side. Source: ssh(1), ssh_config(5). */
#ifndef PT_SSH_H
#define PT_SSH_H

#include "lib/base/host.h"

/* A machine, and what is asked of it. */
struct pt_ssh {
	const char *login;	 /* "root@10.0.0.2" */
	const char *alias;	 /* the name of its host key */
	const char *known_hosts; /* the only file with host keys; NULL: ssh's own ones */
	const char *command;
};

struct pt_ssh_answer {
	char *text; /* what the command wrote, of length bytes, with a NUL behind them */
	size_t length;
	char *words; /* what it and ssh said to standard error */
	/* 0; the exit code of a command that failed; -ETIME: the deadline has passed; -ECHILD: ssh
	 * itself failed; -EFBIG: the text is longer than allowed; or why ssh did not start */
	int result;
};

void pt_ssh_answer_clear(struct pt_ssh_answer *answer);

/* Is told now and then which machines have not answered for so many seconds. */
typedef void pt_ssh_waiting(void *data, const bool *waits, size_t count, unsigned int seconds);

/* Asks count machines, and waits for budget_ms at most. cap: bytes of a text. An order without a
 * login is left out, with the result -ENOENT. waiting may be NULL. ret: count answers, all zero
 * before. An error: no machine was asked. */
int pt_ssh_ask(const struct pt_host *host, const struct pt_ssh *machine, size_t count,
	int budget_ms, size_t cap, pt_ssh_waiting *waiting, void *data, struct pt_ssh_answer *ret,
	struct pt_err *err);

#endif
