// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/linux/ssh.h"
#include "pve/config/paths.h"
#include "pve/node/mesh.h"

#define PROGRAM	    "/usr/sbin/pve-ptconf"
#define ANSWER_MAX  (32U * 1024 * 1024)
#define OWN_NAME    "ssh: "
#define NOT_FOUND   127 /* of a shell */
#define IN_PART	    3	/* of pve-ptconf: something could not be read */
#define KNOWN_HOSTS PT_PVE_NODES "/%s/ssh_known_hosts"

void pt_mesh_answer_clear(struct pt_mesh_answer *answer)
{
	free(answer->text);
	*answer = (struct pt_mesh_answer){0};
}

/* The texts of an order, for as long as it takes. */
struct order {
	char *login, *known_hosts;
};

/* One that cannot be asked gets no login, and its answer the reason. */
static void make_order(const struct pt_host *host, const struct pt_member *member, const char *self,
	struct order *order, struct pt_err *why)
{
	PT_FREE char *known_hosts = pt_format(KNOWN_HOSTS, member->name);

	if (pt_streq(member->name, self))
		return;
	if (!member->online) {
		pt_err_set(why, -EHOSTDOWN, "is offline");
		return;
	}
	if (!member->address[0]) {
		pt_err_set(why, -EADDRNOTAVAIL, "pmxcfs does not know its address");
		return;
	}
	order->login = pt_format("root@%s", member->address);
	if (pt_host_exists(host, known_hosts))
		order->known_hosts = PT_STEAL(known_hosts);
}

/* The last line of words that says something: what went wrong. The caller frees it. */
static char *last_words(const char *words)
{
	struct pt_names PT_NAMES lines = {0};
	char *last;

	pt_names_split(&lines, words, "\r\n");
	last = pt_strdup(lines.count ? lines.name[lines.count - 1] : "it gave no reason");
	pt_make_plain(last);
	return last;
}

static void explain(const struct pt_ssh_answer *answer, int budget_ms, struct pt_err *why)
{
	PT_FREE char *words = last_words(answer->words ? answer->words : "");

	switch (answer->result) {
	case -ETIME:
		pt_err_set(why, -ETIME, "does not answer within %d s", budget_ms / 1000);
		break;
	case -ECHILD:
		pt_err_set(why, -ECHILD, "ssh: %s",
			pt_starts_with(words, OWN_NAME) ? words + strlen(OWN_NAME) : words);
		break;
	case -EFBIG:
		pt_err_set(why, -EFBIG, "its answer is too long");
		break;
	case NOT_FOUND:
		pt_err_set(why, -ENOENT, "pve-ptconf is not installed there");
		break;
	default:
		if (answer->result < 0)
			pt_err_errno(why, answer->result, "start ssh");
		else
			pt_err_set(why, -EIO, "pve-ptconf failed there: %s", words);
	}
}

/* What a node that answered said besides. */
static void pass_words(const struct pt_host *host, const char *node, const char *words)
{
	struct pt_names PT_NAMES lines = {0};

	pt_names_split(&lines, words, "\r\n");
	for (size_t i = 0; i < lines.count; i++) {
		pt_make_plain(lines.name[i]);
		pt_log(pt_host_log(host), PT_LOG_WARNING, "node %s: %s", node, lines.name[i]);
	}
}

static void take_answer(const struct pt_host *host, const char *node, struct pt_ssh_answer *answer,
	int budget_ms, struct pt_mesh_answer *ret)
{
	const bool in_part = answer->result == IN_PART;

	if (answer->result != 0)
		explain(answer, budget_ms, &ret->why);
	else
		pass_words(host, node, answer->words);
	if (answer->result == 0 && !answer->length)
		pt_err_set(&ret->why, -ENODATA, "pve-ptconf wrote nothing there");
	if (!answer->length || (answer->result != 0 && !in_part))
		return;
	ret->text = PT_STEAL(answer->text);
	ret->length = answer->length;
}

struct waiting {
	const struct pt_members *members;
	pt_mesh_waiting *tell;
	void *data;
};

static void pass_waiting(void *data, const bool *waits, size_t count, unsigned int seconds)
{
	const struct waiting *waiting = data;
	struct pt_names PT_NAMES nodes = {0};

	for (size_t i = 0; i < count; i++) {
		if (waits[i])
			pt_names_add(&nodes, waiting->members->member[i].name);
	}
	waiting->tell(waiting->data, &nodes, seconds);
}

int pt_mesh_ask(const struct pt_host *host, const struct pt_members *members, const char *self,
	const char *verb, int budget_ms, pt_mesh_waiting *tell, void *data,
	struct pt_mesh_answer *ret, struct pt_err *err)
{
	struct waiting waiting = {members, tell, data};
	PT_FREE char *command = pt_format(PROGRAM " %s", verb);
	struct order *order = pt_calloc(members->count, sizeof(*order));
	struct pt_ssh *machine = pt_calloc(members->count, sizeof(*machine));
	struct pt_ssh_answer *answer = pt_calloc(members->count, sizeof(*answer));
	int r;

	for (size_t i = 0; i < members->count; i++) {
		make_order(host, &members->member[i], self, &order[i], &ret[i].why);
		machine[i] = (struct pt_ssh){
			order[i].login, members->member[i].name, order[i].known_hosts, command};
	}
	r = pt_ssh_ask(host, machine, members->count, budget_ms, ANSWER_MAX,
		tell ? pass_waiting : NULL, &waiting, answer, err);
	if (r == 0 && tell)
		tell(data, &(struct pt_names){0}, 0);
	for (size_t i = 0; i < members->count; i++) {
		if (r == 0 && machine[i].login)
			take_answer(host, members->member[i].name, &answer[i], budget_ms, &ret[i]);
		pt_ssh_answer_clear(&answer[i]);
		free(order[i].login);
		free(order[i].known_hosts);
	}
	free(order);
	free(machine);
	free(answer);
	return r;
}
