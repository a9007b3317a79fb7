// SPDX-License-Identifier: AGPL-3.0-or-later
/* Workers that answer, die and hang, on a made host that each process opens for itself. */
#include <sched.h>
#include <signal.h>
#include <time.h>

#include "hook/supervisor.h"
#include "pve/config/paths.h"
#include "tests/unit/unit.h"

#define DISK   "0000:02:00.0"
#define CONFIG "/etc/pve/nodes/node1/qemu-server/100.conf"
#define CLAIM  PT_CLAIMS_DIR "/claims/100.json"

static struct fake *supervised_fake;
static int leave_ms;
static bool no_undo;

static int prepare(struct pt_run *run, const struct pt_log *log, struct pt_err *err)
{
	int r = pt_host_open(&run->host, supervised_fake->root, log, err);

	if (r < 0)
		return r;
	fake_react(run->host);
	run->limits = (struct pt_limits){
		.lock_ms = 100, .group_ms = 200, .write_ms = 300, .phase_ms = 2000};
	run->api_ms = 300;
	run->wait_ms = 200;
	run->release_ms = 200;
	snprintf(run->config_node, sizeof(run->config_node), "node1");
	return pt_node_name(run->host, run->node, err);
}

static int prepare_fails(struct pt_run *run, const struct pt_log *log, struct pt_err *err)
{
	(void)run;
	(void)log;
	return pt_err_set(err, -EINVAL, "no name");
}

static void clean_up(struct pt_run *run)
{
	pt_host_close_p(&run->host);
}

static int takes(const struct pt_run *run)
{
	return pt_phase_find("pre-start")(run);
}

static int takes_and_dies(const struct pt_run *run)
{
	takes(run);
	raise(SIGSEGV);
	return 0;
}

static int takes_and_hangs(const struct pt_run *run)
{
	takes(run);
	sleep(60);
	return 0;
}

static int refuses(const struct pt_run *run)
{
	(void)run;
	return 1;
}

/* Runs a pre-start that does phase; what was said is in said. */
static int supervise(struct fake *fake, pt_phase *phase, int deadline_ms, char said[static 4096])
{
	struct pt_supervised supervised = {.phase = phase,
		.prepare = phase ? prepare : prepare_fails,
		.clean_up = clean_up,
		.vmid = 100,
		.deadline_ms = deadline_ms,
		.undo = !no_undo,
		.leave_ms = leave_ms};
	int out[2];
	ssize_t n;
	int code;

	supervised_fake = fake;
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(pipe(out), 0);
	code = pt_supervise(&supervised, out[1]);
	close(out[1]);
	n = read(out[0], said, 4095);
	said[n > 0 ? n : 0] = '\0';
	close(out[0]);
	return code;
}

static void the_worker_answers(void **state)
{
	struct fake *fake = *state;
	char said[4096];

	assert_int_equal(supervise(fake, takes, 5000, said), 0);
	assert_holds(said, DISK " nvme -> vfio-pci");
	assert_driver(fake, DISK, "vfio-pci");
	assert_int_equal(supervise(fake, refuses, 5000, said), 1);
	assert_int_equal(supervise(fake, NULL, 5000, said), 0);
	assert_holds(said, "error: pve-pthook: guest 100: no name; nothing is moved or returned; "
			   "'pve-ptconf release 100' returns what it held once it has stopped");
}

static void a_worker_that_dies_is_undone(void **state)
{
	struct fake *fake = *state;
	char said[4096];

	assert_int_equal(supervise(fake, takes_and_dies, 5000, said), 0);
	assert_holds(said, DISK " nvme -> vfio-pci");
	assert_holds(said, "the worker has crashed");
	assert_holds(said, "what had been taken is returned");
	assert_driver(fake, DISK, "nvme");
	assert_false(pt_host_exists(fake->host, CLAIM));
}

/* A post-stop that crashes has told nobody what became of the devices. */
static void a_return_that_dies_is_told(void **state)
{
	struct fake *fake = *state;
	char said[4096];
	int code;

	no_undo = true;
	code = supervise(fake, takes_and_dies, 5000, said);
	no_undo = false;
	assert_int_equal(code, 1);
	assert_holds(said,
		"error: pve-pthook: the worker has crashed\n"
		"error: guest 100: what it held may not be back; 'pve-ptconf release 100' "
		"tries again\n");
	assert_true(pt_host_exists(fake->host, CLAIM));
}

static void a_worker_that_hangs_is_undone(void **state)
{
	struct fake *fake = *state;
	long long begin = pt_now_ms();
	char said[4096];

	assert_int_equal(supervise(fake, takes_and_hangs, 800, said), 0);
	assert_holds(said, "the worker has not ended by its deadline");
	assert_holds(said, "what had been taken is returned");
	assert_in_range(pt_now_ms() - begin, 800, 5000);
	assert_driver(fake, DISK, "nvme");
	assert_false(pt_host_exists(fake->host, CLAIM));
}

static int returns_slowly(const struct pt_run *run)
{
	struct timespec pause = {.tv_nsec = 600000000};

	nanosleep(&pause, NULL);
	return pt_phase_find("post-stop")(run);
}

/* The supervisor leaves, the worker goes on. */
static void a_slow_return_goes_on_in_the_background(void **state)
{
	struct fake *fake = *state;
	long long begin;
	char said[4096];

	assert_int_equal(supervise(fake, takes, 5000, said), 0);
	leave_ms = 100;
	begin = pt_now_ms();
	assert_int_equal(supervise(fake, returns_slowly, 5000, said), 0);
	leave_ms = 0;
	assert_in_range(pt_now_ms() - begin, 100, 500);
	assert_holds(said, "guest 100: the return goes on in the background");
	assert_driver(fake, DISK, "vfio-pci");
	while (pt_now_ms() - begin < 5000 && pt_host_exists(fake->host, CLAIM))
		sched_yield();
	assert_driver(fake, DISK, "nvme");
}

static void what_cannot_be_undone_refuses_the_start(void **state)
{
	struct fake *fake = *state;
	char said[4096];

	fake_fault(fake, "bind-nvme", DISK, "5");
	assert_int_equal(supervise(fake, takes_and_dies, 5000, said), 1);
	assert_holds(said, "1 function not returned: " DISK);
	assert_true(pt_host_exists(fake->host, CLAIM));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(the_worker_answers),
		MACHINE_TEST(a_worker_that_dies_is_undone),
		MACHINE_TEST(a_return_that_dies_is_told),
		MACHINE_TEST(a_worker_that_hangs_is_undone),
		MACHINE_TEST(a_slow_return_goes_on_in_the_background),
		MACHINE_TEST(what_cannot_be_undone_refuses_the_start),
	};

	return cmocka_run_group_tests_name("supervisor", tests, NULL, NULL);
}
