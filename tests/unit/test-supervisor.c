// SPDX-License-Identifier: AGPL-3.0-or-later
/* Workers that answer, die and hang, on a simulated host that each process opens for itself. */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>

#include "hook/supervisor.h"
#include "lib/base/json.h"
#include "pve/config/paths.h"
#include "tests/failing.h"
#include "tests/unit/unit.h"

#define DISK   "0000:02:00.0"
#define CONFIG "/etc/pve/nodes/node1/qemu-server/100.conf"
#define GO     "/tmp/go"
#define RUN_MS 60000 /* for a worker that neither hangs nor dies: generous */

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
		.lock_ms = 100, .group_ms = 200, .write_ms = 30000, .phase_ms = 60000};
	run->api_ms = 300;
	run->wait_ms = 200;
	run->release_ms = 20000;
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
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
	return 0;
}

static int dies(const struct pt_run *run)
{
	(void)run;
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
	return 0;
}

/* Whether anything of guest 100 is on record. */
static bool has_claim(struct fake *fake)
{
	struct pt_store PT_STORE *store = NULL;

	return pt_store_open(&store, fake->host, PT_CLAIMS_DIR, false, NULL) == 0 &&
	       pt_store_has_guest(store, 100);
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

/* Joins the lines that are folded; none is wider than the task viewer. */
static void unfold(char *text)
{
	char *to = text;

	for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= 100);
	for (const char *from = text; *from; from++) {
		bool folded = pt_starts_with(from, "\n  ") && from[3] != ' ' && from[3] != '-';

		*to++ = (char)(folded ? ' ' : *from);
		from += folded ? 2 : 0;
	}
	*to = '\0';
}

/* Runs a pre-start that does phase; its output is in said. */
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
	unfold(said);
	close(out[0]);
	return code;
}

static void the_worker_answers(void **state)
{
	struct fake *fake = *state;
	char said[4096];

	assert_int_equal(supervise(fake, takes, RUN_MS, said), 0);
	assert_holds(said, DISK " nvme -> vfio-pci");
	assert_driver(fake, DISK, "vfio-pci");
	assert_int_equal(supervise(fake, refuses, RUN_MS, said), 1);
	assert_int_equal(supervise(fake, NULL, RUN_MS, said), 0);
	assert_holds(said, "error: pve-pthook: guest 100: no name; nothing is moved or returned; "
			   "'pve-ptconf release 100' returns its devices once it has stopped");
}

/* The reader of the task log has stopped: words are lost, and nothing else is. */
static void a_full_pipe_stops_nothing(void **state)
{
	struct fake *fake = *state;
	struct pt_supervised supervised = {.phase = takes,
		.prepare = prepare,
		.clean_up = clean_up,
		.vmid = 100,
		.deadline_ms = RUN_MS,
		.undo = true};
	char byte = 'x';
	int out[2];

	supervised_fake = fake;
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(pipe(out), 0);
	assert_int_equal(fcntl(out[1], F_SETFL, O_NONBLOCK), 0);
	while (write(out[1], &byte, 1) == 1)
		;
	assert_int_equal(fcntl(out[1], F_SETFL, 0), 0);
	assert_int_equal(pt_supervise(&supervised, out[1]), 0);
	assert_driver(fake, DISK, "vfio-pci");
	/* nor does a worker that dies, and whose end nobody hears of */
	supervised.phase = takes_and_dies;
	assert_int_equal(pt_supervise(&supervised, out[1]), 0);
	assert_driver(fake, DISK, "nvme");
	close(out[0]);
	close(out[1]);
}

static void a_worker_that_dies_is_undone(void **state)
{
	struct fake *fake = *state;
	char said[4096];

	assert_int_equal(supervise(fake, takes_and_dies, RUN_MS, said), 0);
	assert_holds(said, DISK " nvme -> vfio-pci");
	assert_holds(said, "the worker has crashed");
	assert_holds(said, "the devices that were taken are returned");
	assert_holds(said, "warning: guest 100: the start goes on unprotected; nothing is seen");
	assert_driver(fake, DISK, "nvme");
	assert_false(has_claim(fake));
	/* it has crashed over a file, and the host uses the disk: Proxmox VE would take it */
	add_node(fake, "/sys/bus/pci/devices/" DISK "/nvme/nvme0/nvme0n1", "block", "259:0\n",
		"nvme0n1");
	fake_file(fake, "/proc/1/mountinfo", "22 1 259:0 / /srv rw - ext4 /dev/nvme0n1 rw\n");
	assert_int_equal(supervise(fake, dies, RUN_MS, said), 1);
	assert_holds(said, "the worker has crashed");
	assert_holds(
		said, "start refused: " DISK ": is in use on this host: nvme0n1 is mounted at");
}

/* A post-stop that crashes has not reported the end of the devices. */
static void a_return_that_dies_is_told(void **state)
{
	struct fake *fake = *state;
	char said[4096];
	int code;

	no_undo = true;
	code = supervise(fake, takes_and_dies, RUN_MS, said);
	no_undo = false;
	assert_int_equal(code, 1);
	assert_holds(said,
		"error: pve-pthook: the worker has crashed\n"
		"error: guest 100: its devices may not be back; retry with 'pve-ptconf release 100'\n");
	assert_true(has_claim(fake));
}

static void a_worker_that_hangs_is_undone(void **state)
{
	struct fake *fake = *state;
	long long begin = pt_now_ms();
	char said[4096];

	assert_int_equal(supervise(fake, takes_and_hangs, 5000, said), 0);
	assert_holds(said, "the worker missed its deadline");
	assert_holds(said, "the devices that were taken are returned");
	assert_in_range(pt_now_ms() - begin, 5000, 120000);
	assert_driver(fake, DISK, "nvme");
	assert_false(has_claim(fake));
}

static int returns_when_told(const struct pt_run *run)
{
	while (!pt_host_exists(run->host, GO))
		sched_yield();
	return pt_phase_find("post-stop")(run);
}

/* The supervisor leaves, the worker goes on. */
static void a_slow_return_goes_on_in_the_background(void **state)
{
	struct fake *fake = *state;
	long long begin;
	char said[4096];

	assert_int_equal(supervise(fake, takes, RUN_MS, said), 0);
	leave_ms = 100;
	assert_int_equal(supervise(fake, returns_when_told, 60000, said), 0);
	leave_ms = 0;
	assert_holds(said, "guest 100: the return goes on in the background");
	assert_driver(fake, DISK, "vfio-pci");
	fake_file(fake, GO, "");
	begin = pt_now_ms();
	while (pt_now_ms() - begin < 60000 && has_claim(fake))
		sched_yield();
	assert_driver(fake, DISK, "nvme");
}

static void what_cannot_be_undone_refuses_the_start(void **state)
{
	struct fake *fake = *state;
	char said[4096];

	fake_fault(fake, "bind-nvme", DISK, "5");
	assert_int_equal(supervise(fake, takes_and_dies, RUN_MS, said), 1);
	assert_holds(said, "1 function not returned: " DISK);
	assert_holds(said, "start refused: guest 100: its devices may not all be back");
	assert_true(has_claim(fake));
}

/* Allocations that the worker and its children still get, then one fails; those of the test all
 * succeed. */
static int *allocations;
static pid_t tester;

static bool allocation_fails(void)
{
	return allocations && getpid() != tester && (*allocations)-- == 0;
}

static int returns(const struct pt_run *run)
{
	return pt_phase_find("post-stop")(run);
}

/* Runs the phase until its n-th allocation fails. Returns whether it came so far. */
static bool runs_out(struct fake *fake, pt_phase *phase, int n, char said[static 4096])
{
	bool reached;

	*allocations = n;
	supervise(fake, phase, RUN_MS, said);
	reached = *allocations < 0;
	*allocations = INT_MAX;
	return reached;
}

static void begin_to_count(void)
{
	tester = getpid();
	allocations = mmap(NULL, sizeof(*allocations), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(allocations, MAP_FAILED);
	*allocations = INT_MAX;
}

/* Every allocation at first, then ever fewer of them. */
static int next_allocation(int n)
{
	return n + 1 + n / 8;
}

static void a_take_without_memory_leaves_nothing_half_taken(void **state)
{
	struct fake *fake = *state;
	char said[4096];
	int told = 0, n = 0;

	begin_to_count();
	for (; runs_out(fake, takes, n, said); n = next_allocation(n)) {
		bool claimed = has_claim(fake);

		/* a child that only looks may run out while the take goes on */
		assert_driver(fake, DISK, claimed ? "vfio-pci" : "nvme");
		told += strstr(said, "the worker ran out of memory") ? 1 : 0;
		supervise(fake, returns, RUN_MS, said);
		assert_driver(fake, DISK, "nvme");
		assert_override(fake, DISK, "(null)");
		assert_false(has_claim(fake));
	}
	assert_true(n > 100);
	assert_true(told > 10);
}

static void a_return_without_memory_can_be_repeated(void **state)
{
	struct fake *fake = *state;
	char said[4096];
	int told = 0, n = 0;

	begin_to_count();
	for (;; n = next_allocation(n)) {
		bool reached;

		assert_int_equal(supervise(fake, takes, RUN_MS, said), 0);
		assert_driver(fake, DISK, "vfio-pci");
		no_undo = true;
		reached = runs_out(fake, returns, n, said);
		no_undo = false;
		told += strstr(said, "retry with 'pve-ptconf release 100'") ? 1 : 0;
		supervise(fake, returns, RUN_MS, said);
		assert_driver(fake, DISK, "nvme");
		assert_override(fake, DISK, "(null)");
		assert_false(has_claim(fake));
		if (!reached)
			break;
	}
	assert_true(n > 10);
	assert_true(told > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(the_worker_answers),
		MACHINE_TEST(a_full_pipe_stops_nothing),
		MACHINE_TEST(a_worker_that_dies_is_undone),
		MACHINE_TEST(a_return_that_dies_is_told),
		MACHINE_TEST(a_worker_that_hangs_is_undone),
		MACHINE_TEST(a_slow_return_goes_on_in_the_background),
		MACHINE_TEST(what_cannot_be_undone_refuses_the_start),
		MACHINE_TEST(a_take_without_memory_leaves_nothing_half_taken),
		MACHINE_TEST(a_return_without_memory_can_be_repeated),
	};

	return cmocka_run_group_tests_name("supervisor", tests, NULL, NULL);
}
