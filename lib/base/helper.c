// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/helper.h"

#define END_MS 1000 /* for one that nobody gives orders any more, or that dies: it ends at once */
#define FDS    2    /* of an order */

struct pt_helper {
	struct pt_child child;
	int socket;
	size_t cap;		/* of its order */
	struct pt_helper *next; /* that waits as well */
};

struct pt_helpers {
	pt_order_work *work;
	void *data;
	int keep;
	pid_t owner; /* a child of ours has its own: it has none of the sockets */
	struct pt_helper *waiting;
};

/* An order on its way: this and its descriptors, then the text. */
struct order_head {
	char path[PT_ORDER_PATH];
	size_t cap;
	size_t length; /* of the text */
	bool writes;
	bool has_lock;
};

/* Its answer: this, then what was read. */
struct answer_head {
	int result;
	size_t length;
};

struct pt_helpers *pt_helpers_new(pt_order_work *work, void *data, int keep)
{
	struct pt_helpers *helpers = pt_calloc(1, sizeof(*helpers));

	*helpers = (struct pt_helpers){.work = work, .data = data, .keep = keep, .owner = getpid()};
	return helpers;
}

static void forget(struct pt_helper *helper)
{
	pt_close_fd(&helper->socket);
	pt_close_fd(&helper->child.pidfd);
	free(helper);
}

/* A child inherits the list, but not the sockets: pt_child_start has closed them. */
static void forget_inherited(struct pt_helpers *helpers)
{
	pid_t pid = getpid();

	if (helpers->owner == pid)
		return;
	while (helpers->waiting) {
		struct pt_helper *helper = helpers->waiting;

		helpers->waiting = helper->next;
		free(helper);
	}
	helpers->owner = pid;
}

void pt_helpers_rest(struct pt_helpers *helpers)
{
	forget_inherited(helpers);
	for (struct pt_helper *helper = helpers->waiting; helper; helper = helper->next)
		pt_close_fd(&helper->socket);
	while (helpers->waiting) {
		struct pt_helper *helper = helpers->waiting;

		helpers->waiting = helper->next;
		pt_child_wait(&helper->child, pt_now_ms() + END_MS);
		forget(helper);
	}
}

void pt_helpers_end(struct pt_helpers *helpers)
{
	pt_helpers_rest(helpers);
	free(helpers);
}

/* Receives exactly size bytes before the deadline (-1: none). 1, 0 at the end, or negative errno.
 */
static int receive(int fd, void *to, size_t size, long long deadline_ms)
{
	size_t length = 0;

	while (length < size) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		long long rest_ms = deadline_ms < 0 ? -1 : deadline_ms - pt_now_ms();
		ssize_t n;
		int r;

		if (rest_ms < 0 && deadline_ms >= 0)
			rest_ms = 0;
		r = poll(&pfd, 1, rest_ms > INT_MAX ? INT_MAX : (int)rest_ms);
		if (r == 0)
			return -ETIME;
		n = r < 0 ? -1 : recv(fd, (char *)to + length, size - length, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == ECONNRESET ? 0 : -errno;
		if (n == 0)
			return 0;
		length += (size_t)n;
	}
	return 1;
}

static int send_all(int fd, const void *from, size_t size)
{
	for (size_t sent = 0; sent < size;) {
		ssize_t n = send(fd, (const char *)from + sent, size - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		sent += (size_t)n;
	}
	return 0;
}

/* Receives an order with its descriptors. False: nobody gives one any more. */
static bool take_order(int socket, struct order_head *head, int fds[static FDS], char **ret_text)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(FDS * sizeof(int))];
	} control;
	struct iovec iov = {head, sizeof(*head)};
	struct msghdr message = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *header;
	ssize_t n;

	do
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
	while (n < 0 && errno == EINTR);
	header = n == sizeof(*head) ? CMSG_FIRSTHDR(&message) : NULL;
	if (!header || header->cmsg_len < CMSG_LEN((head->has_lock ? 2 : 1) * sizeof(int)))
		return false;
	fds[1] = -1;
	memcpy(fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
	*ret_text = pt_calloc(head->length + 1, 1);
	return receive(socket, *ret_text, head->length, -1) == 1 || !head->length;
}

struct beginning {
	struct pt_helpers *helpers;
	int socket;
};

/* The helper's life. */
static int serve(void *data, int out)
{
	const struct beginning *beginning = data;
	struct pt_helpers *helpers = beginning->helpers;
	int fds[FDS] = {-1, -1};
	struct order_head head;
	char *text = NULL;
	int r = 0;

	(void)out;
	while (r == 0 && take_order(beginning->socket, &head, fds, &text)) {
		struct pt_order order = {.fd = fds[0],
			.lock_fd = fds[1],
			.text = head.writes ? text : NULL,
			.cap = head.cap};
		struct answer_head answer = {0};
		PT_FREE char *read = NULL;

		memcpy(order.path, head.path, sizeof(order.path));
		answer.result = helpers->work(helpers->data, &order, &read, &answer.length);
		/* its lock is free before anybody hears of the end */
		pt_close_fd(&fds[0]);
		pt_close_fd(&fds[1]);
		free(PT_STEAL(text));
		r = send_all(beginning->socket, &answer, sizeof(answer));
		if (r == 0)
			r = send_all(beginning->socket, read, answer.length);
	}
	return 0;
}

static int begin_one(struct pt_helpers *helpers, struct pt_helper **ret, struct pt_err *err)
{
	struct beginning beginning = {.helpers = helpers};
	struct pt_helper *helper;
	int ends[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return pt_err_errno(err, -errno, "socket for a child process");
	helper = pt_calloc(1, sizeof(*helper));
	*helper = (struct pt_helper){.child = PT_CHILD_NONE, .socket = ends[0]};
	beginning.socket = ends[1];
	r = pt_child_start(
		&helper->child, serve, &beginning, (int[]){ends[1], helpers->keep}, 2, false, err);
	close(ends[1]);
	if (r < 0)
		forget(helper);
	else
		*ret = helper;
	return r;
}

static int give_order(const struct pt_helper *helper, const struct pt_order *order)
{
	struct order_head head = {.cap = order->cap,
		.length = order->text ? strlen(order->text) : 0,
		.writes = order->text,
		.has_lock = order->lock_fd >= 0};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(FDS * sizeof(int))];
	} control = {0};
	size_t size = (head.has_lock ? 2 : 1) * sizeof(int);
	struct iovec iov = {&head, sizeof(head)};
	struct msghdr message = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(size)};
	ssize_t n;

	memcpy(head.path, order->path, sizeof(head.path));
	control.header = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(size)};
	memcpy(CMSG_DATA(&control.header), (int[]){order->fd, order->lock_fd}, size);
	/* into an empty socket: it has room for the head */
	n = sendmsg(helper->socket, &message, MSG_NOSIGNAL);
	if (n != sizeof(head))
		return n < 0 ? -errno : -EIO;
	return send_all(helper->socket, order->text, head.length);
}

/* Ends a helper that is of no more use. As pt_child_wait. */
static int end_one(struct pt_helper *helper, int wait_ms)
{
	int r = pt_child_wait(&helper->child, pt_now_ms() + wait_ms);

	forget(helper);
	return r;
}

/* One that waits, or a new one. 1: it is new. */
static int take_one(struct pt_helpers *helpers, struct pt_helper **ret, struct pt_err *err)
{
	int r;

	forget_inherited(helpers);
	if (helpers->waiting) {
		*ret = helpers->waiting;
		helpers->waiting = (*ret)->next;
		return 0;
	}
	r = begin_one(helpers, ret, err);
	return r < 0 ? r : 1;
}

int pt_helper_start(struct pt_helpers *helpers, const struct pt_order *order,
	struct pt_helper **ret, struct pt_err *err)
{
	for (;;) {
		struct pt_helper *helper = NULL;
		int is_new = take_one(helpers, &helper, err), r;

		if (!helper)
			return is_new;
		helper->cap = order->cap;
		r = give_order(helper, order);
		if (r == 0) {
			*ret = helper;
			return 0;
		}
		end_one(helper, 0);
		/* it was killed while it waited */
		if (is_new)
			return pt_err_errno(err, r, "give a child process its work");
	}
}

int pt_helper_fd(const struct pt_helper *helper)
{
	return helper->socket;
}

/* The answer before the deadline; -ECHILD: the helper died. */
static int take_answer(const struct pt_helper *helper, long long deadline_ms,
	struct answer_head *ret, char **ret_text)
{
	PT_FREE char *text = NULL;
	int r = receive(helper->socket, ret, sizeof(*ret), deadline_ms);

	if (r == 1 && ret->length > helper->cap)
		return -ECHILD;
	if (r == 1 && ret->length) {
		text = pt_calloc(ret->length + 1, 1);
		r = receive(helper->socket, text, ret->length, deadline_ms);
	}
	if (r != 1)
		return r == 0 ? -ECHILD : r;
	*ret_text = text ? PT_STEAL(text) : pt_strdup("");
	return 0;
}

int pt_helper_finish(struct pt_helpers *helpers, struct pt_helper *helper, long long deadline_ms,
	char **ret, size_t *ret_length)
{
	PT_FREE char *text = NULL;
	struct answer_head answer = {0};
	int r = take_answer(helper, deadline_ms, &answer, &text);

	if (r < 0) {
		int why = pt_child_wait(&helper->child, pt_now_ms() + (r == -ETIME ? 0 : END_MS));

		forget(helper);
		return r == -ECHILD && why < 0 ? why : r;
	}
	helper->next = helpers->waiting;
	helpers->waiting = helper;
	if (answer.result == 0 && ret) {
		*ret = PT_STEAL(text);
		*ret_length = answer.length;
	}
	return answer.result;
}
