// SPDX-License-Identifier: AGPL-3.0-or-later
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/base/helper.h"
#include "tests/unit/unit.h"

#define WAIT_MS 30000
#define LARGE	(1024 * 1024) /* a cap that asks for as much: more than a socket holds */

/* Reads: the helper's process, and how many descriptors it has. Writes: does what the text says. */
static int work(void *data, const struct pt_order *order, char **ret, size_t *ret_length)
{
	int open_fds = 0;

	(void)data;
	if (pt_streq(order->text, "hang"))
		sleep(60);
	if (pt_streq(order->text, "die"))
		raise(SIGKILL);
	if (order->text)
		return pt_streq(order->text, "fail") ? -EPERM : 0;
	if (order->cap == LARGE) {
		*ret = pt_calloc(LARGE, 1);
		memset(*ret, 'x', LARGE);
		*ret_length = LARGE;
		return 0;
	}
	for (int fd = 0; fd < 256; fd++)
		open_fds += fcntl(fd, F_GETFD) >= 0;
	*ret = pt_format("%d %d", (int)getpid(), open_fds);
	*ret_length = strlen(*ret);
	return 0;
}

struct place {
	struct pt_helpers *helpers;
	int file;
};

static int set_up(void **state)
{
	struct place *place = pt_calloc(1, sizeof(*place));

	place->file = open("/dev/null", O_RDWR | O_CLOEXEC);
	place->helpers = pt_helpers_new(work, NULL, -1);
	*state = place;
	return place->file < 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	pt_helpers_end(place->helpers);
	close(place->file);
	free(place);
	/* nothing is left behind */
	return waitpid(-1, NULL, WNOHANG) != -1;
}

static struct pt_helper *begin(struct place *place, const char *text, int lock_fd)
{
	struct pt_order order = {
		.fd = place->file, .lock_fd = lock_fd, .text = text, .cap = text ? 0 : 64};
	struct pt_helper *helper = NULL;

	assert_int_equal(pt_helper_start(place->helpers, &order, &helper, NULL), 0);
	return helper;
}

static int finish(struct place *place, struct pt_helper *helper, int *ret_pid, int *ret_fds)
{
	PT_FREE char *text = NULL;
	size_t length = 0;
	int r = pt_helper_finish(place->helpers, helper, pt_now_ms() + WAIT_MS, &text, &length);

	if (r == 0) {
		assert_int_equal(strlen(text), length);
		assert_int_equal(sscanf(text, "%d %d", ret_pid, ret_fds), 2);
	}
	return r;
}

static int write_it(struct place *place, const char *text)
{
	return pt_helper_finish(
		place->helpers, begin(place, text, -1), pt_now_ms() + WAIT_MS, NULL, NULL);
}

/* The process that serves now. */
static int who(struct place *place)
{
	int pid = 0, fds;

	assert_int_equal(finish(place, begin(place, NULL, -1), &pid, &fds), 0);
	assert_int_not_equal(pid, getpid());
	return pid;
}

static void one_serves_again_and_again(void **state)
{
	struct place *place = *state;
	int first = who(place);

	assert_int_equal(write_it(place, "good"), 0);
	assert_int_equal(write_it(place, "fail"), -EPERM);
	assert_int_equal(who(place), first);
}

static void two_serve_side_by_side(void **state)
{
	struct place *place = *state;
	struct pt_helper *one = begin(place, NULL, -1), *two = begin(place, NULL, -1);
	struct pollfd pfd = {.fd = pt_helper_fd(two), .events = POLLIN};
	int first, second, fds;

	assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
	assert_int_equal(finish(place, two, &second, &fds), 0);
	assert_int_equal(finish(place, one, &first, &fds), 0);
	assert_int_not_equal(first, second);
}

/* 0 to 2, its socket, the file and the lock; no other helper's socket, no pipe of the caller. */
static void it_has_the_descriptors_of_its_order(void **state)
{
	struct place *place = *state;
	struct pt_helper *beside = begin(place, NULL, -1);
	int lock = open("/dev/null", O_RDONLY | O_CLOEXEC), pid, fds;

	assert_int_equal(finish(place, begin(place, NULL, lock), &pid, &fds), 0);
	assert_int_equal(fds, 6);
	assert_int_equal(finish(place, beside, &pid, &fds), 0);
	assert_int_equal(fds, 5);
	close(lock);
}

/* Nobody else may move the function of a write that hangs. */
static void one_that_hangs_keeps_its_lock(void **state)
{
	struct place *place = *state;
	FILE *file = tmpfile();
	int lock = fcntl(fileno(file), F_DUPFD_CLOEXEC, 3), again;
	char path[64];
	struct pt_helper *helper;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(file));
	again = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
	helper = begin(place, "hang", lock);
	fclose(file);
	close(lock);
	assert_int_equal(flock(again, LOCK_EX | LOCK_NB), -1);
	assert_int_equal(
		pt_helper_finish(place->helpers, helper, pt_now_ms() + 50, NULL, NULL), -ETIME);
	/* here it can be killed, so the lock comes free */
	assert_int_equal(waitpid(-1, NULL, 0) > 0 || errno == ECHILD, 1);
	assert_int_equal(flock(again, LOCK_EX), 0);
	close(again);
	assert_int_equal(write_it(place, "good"), 0);
}

static void one_that_waits_has_no_lock(void **state)
{
	struct place *place = *state;
	FILE *file = tmpfile();
	int lock = fcntl(fileno(file), F_DUPFD_CLOEXEC, 3), again;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(file));
	again = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(pt_helper_finish(place->helpers, begin(place, "good", lock),
				 pt_now_ms() + WAIT_MS, NULL, NULL),
		0);
	fclose(file);
	close(lock);
	assert_int_equal(flock(again, LOCK_EX | LOCK_NB), 0);
	close(again);
}

static void one_that_dies_is_replaced(void **state)
{
	struct place *place = *state;
	int first;

	assert_int_equal(write_it(place, "die"), -ECHILD);
	first = who(place);
	/* and one that is killed while it waits */
	assert_int_equal(kill(first, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)first, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
	assert_int_not_equal(who(place), first);
}

static void a_large_answer_comes_whole(void **state)
{
	struct place *place = *state;
	struct pt_order order = {.fd = place->file, .lock_fd = -1, .cap = LARGE};
	struct pt_helper *helper = NULL;
	char *text = NULL;
	size_t length = 0;

	assert_int_equal(pt_helper_start(place->helpers, &order, &helper, NULL), 0);
	assert_int_equal(
		pt_helper_finish(place->helpers, helper, pt_now_ms() + WAIT_MS, &text, &length), 0);
	assert_int_equal(length, LARGE);
	assert_int_equal(strspn(text, "x"), LARGE);
	free(text);
}

/* The rest of an answer that is late must not be taken for the next one. */
static void a_late_answer_is_nobodys(void **state)
{
	struct place *place = *state;
	struct pt_order order = {.fd = place->file, .lock_fd = -1, .cap = LARGE};
	struct pt_helper *helper = NULL;
	int first = who(place);

	assert_int_equal(pt_helper_start(place->helpers, &order, &helper, NULL), 0);
	/* the head of the answer and a part of it may be there */
	assert_int_equal(
		pt_helper_finish(place->helpers, helper, pt_now_ms() - 1, NULL, NULL), -ETIME);
	assert_int_not_equal(who(place), first);
	/* it was killed, and may have been reaped */
	waitpid(first, NULL, 0);
}

static bool is_dead(int pid)
{
	char path[64], line[256];
	FILE *file;
	bool dead = true;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return true;
	if (fgets(line, sizeof(line), file))
		dead = strstr(line, ") Z ") || strstr(line, ") X ");
	fclose(file);
	return dead;
}

/* One that waits ends with the process that it serves. */
static void it_does_not_outlive_its_process(void **state)
{
	struct timespec pause = {.tv_nsec = 10000000};
	struct place *place = *state;
	int tell[2], pid = 0, status, tries;
	pid_t process;

	assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
	process = fork();
	if (process == 0) {
		pid = who(place);
		_exit(write(tell[1], &pid, sizeof(pid)) != sizeof(pid));
	}
	assert_int_equal(waitpid(process, &status, 0), process);
	assert_int_equal(status, 0);
	assert_int_equal(read(tell[0], &pid, sizeof(pid)), sizeof(pid));
	for (tries = 0; !is_dead(pid) && tries < WAIT_MS / 10; tries++)
		nanosleep(&pause, NULL);
	assert_true(is_dead(pid));
	close(tell[0]);
	close(tell[1]);
}

static void a_child_has_its_own(void **state)
{
	struct place *place = *state;
	int first = who(place), status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(who(place) == first);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(who(place), first);
}

#define HELPER_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HELPER_TEST(one_serves_again_and_again),
		HELPER_TEST(two_serve_side_by_side),
		HELPER_TEST(it_has_the_descriptors_of_its_order),
		HELPER_TEST(one_that_hangs_keeps_its_lock),
		HELPER_TEST(one_that_waits_has_no_lock),
		HELPER_TEST(one_that_dies_is_replaced),
		HELPER_TEST(a_large_answer_comes_whole),
		HELPER_TEST(a_late_answer_is_nobodys),
		HELPER_TEST(it_does_not_outlive_its_process),
		HELPER_TEST(a_child_has_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
