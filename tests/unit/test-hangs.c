// SPDX-License-Identifier: AGPL-3.0-or-later
/* Others that do not answer: a process whose command line cannot be read, and systemd. Each is
 * asked a few times, whatever the number of functions, and never under the lock of a function or
 * Proxmox VE's lock of another guest. What has nothing to do with them goes on. */
#include <dirent.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "pve/handover/reconcile.h"
#include "tests/unit/phases.h"

#define DISK2 "0000:03:00.0"
#define QEMU  "/proc/4242/cmdline"

/* Shared with the process that stands for systemd. */
static struct {
	int asked;
	int locked; /* questions under a lock */
} * seen;

static bool is_locked(const char *path)
{
	PT_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

/* Whether the lock of a function, or Proxmox VE's of a guest but 102, is held now. */
static bool any_lock_is_held(const struct fake *fake)
{
	static const char *const guests[] = {"100", "101"};
	PT_FREE char *folder = pt_format("%s" PT_CLAIMS_DIR "/lock", fake->root);
	PT_CLOSEDIR DIR *locks = opendir(folder);
	struct dirent *entry;

	pt_foreach (vmid, guests, PT_ARRAY_SIZE(guests)) {
		PT_FREE char *path =
			pt_format("%s" PT_PVE_LOCKS "/lock-%s.conf", fake->root, *vmid);

		if (is_locked(path))
			return true;
	}
	while (locks && (entry = readdir(locks))) {
		PT_FREE char *path = pt_format("%s/%s", folder, entry->d_name);
		struct pt_bdf bdf;

		if (pt_bdf_parse(entry->d_name, &bdf) && is_locked(path))
			return true;
	}
	return false;
}

/* peer: of the one that asks, -1: this process. One that has gone on may hold a lock by now. */
static void note_question(const struct fake *fake, int peer)
{
	struct pollfd gone = {.fd = peer, .events = POLLRDHUP};
	bool locked = any_lock_is_held(fake);

	if (peer >= 0 && poll(&gone, 1, 0) != 0)
		return;
	seen->asked++;
	seen->locked += locked;
}

static struct fake *mute; /* the host whose QEMU 4242 is mute; NULL: none */

int __real_pt_host_read_guarded(const struct pt_host *host, const char *path, long long deadline_ms,
	size_t cap, char **ret, size_t *ret_length);
int __wrap_pt_host_read_guarded(const struct pt_host *host, const char *path, long long deadline_ms,
	size_t cap, char **ret, size_t *ret_length);
int __wrap_pt_host_read_guarded(const struct pt_host *host, const char *path, long long deadline_ms,
	size_t cap, char **ret, size_t *ret_length)
{
	if (!mute || !pt_streq(path, QEMU))
		return __real_pt_host_read_guarded(host, path, deadline_ms, cap, ret, ret_length);
	note_question(mute, -1);
	assert_in_range(deadline_ms - pt_now_ms(), 0, 5000);
	return -ETIME;
}

/* Guest 100 failed to start: it wants both disks, and none is its own. */
static void fail_start(struct fake *fake, struct pt_store *store)
{
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/100.conf", "hostpci0: mapping=disks\n");
	fake_file(fake, PT_PVE_LOCKS "/lock-100.conf", "");
	record_guest(store, 100, PT_ROLE_CANDIDATE, DISK, DISK2);
}

static void take(struct fake *fake, struct pt_store *store, const char *name)
{
	struct pt_handover handover = handover_of(fake);
	struct pt_claim PT_CLAIM claim = {0};

	record_function(fake, store, name, NULL);
	claim_function(fake, &claim, name);
	assert_int_equal(pt_handover_take(&handover, &claim, NULL), 0);
}

/* Guest 101 runs with the first disk, guest 102 with the card. */
static struct pt_store *make_guests(struct fake *fake)
{
	struct pt_store *store = open_store(fake, PT_CLAIMS_DIR);

	fake_file(fake, PT_PVE_PCI_MAPPINGS, TWO_DISKS);
	fail_start(fake, store);
	fake_file(fake, PT_PVE_LOCKS "/lock-101.conf", "");
	take(fake, store, DISK);
	take(fake, store, DISK2);
	record_guest(store, 101, PT_ROLE_TAKEN, DISK, NULL);
	fake_file(fake, PT_PVE_RUN "/101.pid", "4242\n");
	process_4242(fake, KVM_OF("101"));
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/102.conf", "hostpci0: 01:00\n");
	return store;
}

static int phase_of_102(struct fake *fake, const char *name)
{
	struct pt_run run = run_of(fake);

	run.vmid = 102;
	return pt_phase_find(name)(&run);
}

static void a_qemu_that_cannot_be_looked_at_holds_nobody_up(void **state)
{
	static const struct pt_limits limits = {
		.lock_ms = 50, .group_ms = 50, .write_ms = 30000, .phase_ms = 60000};
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = make_guests(fake);
	struct pt_reconciled reconciled = {0};
	PT_CLOSE int lock = hold_pve_lock(fake, 102);

	assert_true(lock >= 0);
	assert_int_equal(phase_of_102(fake, "pre-start"), 0);
	assert_driver(fake, GPU, "vfio-pci");
	mute = fake;
	*seen = (typeof(*seen)){0};
	/* the timer: unknown is alive, and the failed start goes back */
	assert_int_equal(pt_reconcile(fake->host, store, &limits, &reconciled, NULL), 0);
	assert_true(seen->asked > 0);
	assert_in_range(seen->asked, 1, 4);
	assert_int_equal(seen->locked, 0);
	assert_driver(fake, DISK, "vfio-pci");
	assert_driver(fake, DISK2, "nvme");
	assert_false(pt_store_has_guest(store, 100));
	assert_true(pt_store_has_guest(store, 101));
	/* and a guest that has nothing to do with it stops */
	*seen = (typeof(*seen)){0};
	assert_int_equal(phase_of_102(fake, "post-stop"), 0);
	assert_driver(fake, GPU, "nouveau");
	assert_int_equal(seen->locked, 0);
	mute = NULL;
}

/* Accepts, looks at the locks while the other waits, and never answers. */
static _Noreturn void stay_mute(const struct fake *fake, int listener)
{
	/* a test that fails does not end it */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int peer = accept(listener, NULL, NULL);

		if (peer < 0)
			_exit(1);
		note_question(fake, peer);
	}
}

static pid_t begin_mute_systemd(struct fake *fake)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	PT_CLOSE int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	fake_dir(fake, "/run/systemd");
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/run/systemd/private", fake->root);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 100), 0);
	pid = fork();
	if (pid == 0)
		stay_mute(fake, listener);
	return pid;
}

static void a_systemd_that_does_not_answer_holds_nobody_up(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = make_guests(fake);
	PT_CLOSE int lock = hold_pve_lock(fake, 102);
	pid_t systemd = begin_mute_systemd(fake);
	int first;

	/* 101 is dead as well: both are candidates to be released by this start */
	fake_remove(fake, PT_PVE_RUN "/101.pid");
	*seen = (typeof(*seen)){0};
	assert_true(lock >= 0);
	assert_int_equal(phase_of_102(fake, "pre-start"), 0);
	assert_driver(fake, GPU, "vfio-pci");
	assert_in_range(seen->asked, 0, 3);
	assert_int_equal(seen->locked, 0);
	first = seen->asked;
	*seen = (typeof(*seen)){0};
	assert_int_equal(phase_of_102(fake, "post-stop"), 0);
	assert_driver(fake, GPU, "nouveau");
	assert_in_range(seen->asked, 0, 3);
	assert_int_equal(seen->locked, 0);
	/* the dead guests' wishes have ended */
	assert_false(pt_store_has_guest(store, 100));
	assert_false(pt_store_has_guest(store, 101));
	/* a machine that stood still for a second may have missed one */
	assert_true(first + seen->asked > 0);
	kill(systemd, SIGKILL);
	assert_int_equal(waitpid(systemd, NULL, 0), systemd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(a_qemu_that_cannot_be_looked_at_holds_nobody_up),
		MACHINE_TEST(a_systemd_that_does_not_answer_holds_nobody_up),
	};

	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (seen == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
