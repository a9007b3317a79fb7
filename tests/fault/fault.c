// SPDX-License-Identifier: AGPL-3.0-or-later
/* fault [STEP [FAMILY]]: runs each phase on a simulated host and fails one call of it, then the
 * next one, and so on: an allocation, a fork, a pipe, an open; or unplugs a function before an open
 * or a write. Each fault comes once, and in a second series from there on. With STEP only every
 * STEP-th call fails. Right means: the start of a guest whose disk is mounted never goes on unless
 * it says so, no record is damaged, and one reconcile without faults brings everything back. */
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "hook/supervisor.h"
#include "lib/base/json.h"
#include "pve/handover/reconcile.h"
#include "tests/failing.h"
#include "tests/fake-pve.h"
#include "tests/unit/phases.h"

#define PF	  "0000:04:00.0"
#define VF	  "0000:04:00.1"
#define DISK2	  "0000:03:00.0"
#define TRIAL_MS  120000
#define SAID_MOST 65536
#define UNPLUGGED DISK

enum kind {
	KIND_ALLOCATION,
	KIND_FORK,
	KIND_PIPE,
	KIND_OPEN,
	KIND_UNPLUG,
};
static const char *const kind_name[] = {
	[KIND_ALLOCATION] = "allocations",
	[KIND_FORK] = "forks",
	[KIND_PIPE] = "pipes",
	[KIND_OPEN] = "opens",
	[KIND_UNPLUG] = "unplugged",
};

/* Shared by all processes of a trial. */
static struct {
	bool armed;
	enum kind kind;
	bool on;   /* from there on */
	long rest; /* calls until the fault; negative: it has come */
} * fault;

/* The made kernel and the test itself do not fail. */
static bool spared = true;
static struct fake the_fake;

static bool comes(enum kind kind)
{
	long rest;

	if (spared || !fault->armed || fault->kind != kind)
		return false;
	rest = __atomic_sub_fetch(&fault->rest, 1, __ATOMIC_SEQ_CST);
	return rest == -1 || (rest < -1 && fault->on);
}

/* The function goes from the bus, whatever was to come next. */
static void unplug(void)
{
	char from[128], to[128];

	if (!comes(KIND_UNPLUG))
		return;
	/* at one moment: a write is under way in another process */
	snprintf(from, sizeof(from), "%s/sys/bus/pci/devices/" UNPLUGGED, the_fake.root);
	snprintf(to, sizeof(to), "%s/unplugged", the_fake.root);
	rename(from, to);
}

static bool allocation_fails(void)
{
	return comes(KIND_ALLOCATION);
}

#define FAILS(value, number) (errno = (number), (value))
FAILING_WHEN(comes(KIND_FORK), pid_t, fork, FAILS(-1, EAGAIN), (void), ())
FAILING_WHEN(comes(KIND_PIPE), int, pipe2, FAILS(-1, EMFILE), (int fds[2], int flags), (fds, flags))
FAILING_WHEN(comes(KIND_PIPE), int, socketpair, FAILS(-1, EMFILE),
	(int domain, int type, int protocol, int fds[2]), (domain, type, protocol, fds))
FAILING_WHEN(comes(KIND_OPEN), FILE *, fopen, FAILS(NULL, EMFILE),
	(const char *path, const char *mode), (path, mode))

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	unplug();
	return comes(KIND_OPEN) ? FAILS(-1, EMFILE) : __real_open(path, flags, mode);
}

int __real_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	unplug();
	return comes(KIND_OPEN) ? FAILS(-1, EMFILE) : __real_openat(dir, path, flags, mode);
}

/* openat2, pidfd_open and the like, which have four arguments at most. */
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
	va_list args;
	long a, b, c, d;

	va_start(args, number);
	a = va_arg(args, long);
	b = va_arg(args, long);
	c = va_arg(args, long);
	d = va_arg(args, long);
	va_end(args);
	if (number == SYS_openat2 || number == SYS_pidfd_open) {
		unplug();
		if (comes(KIND_OPEN))
			return FAILS(-1, EMFILE);
	}
	return __real_syscall(number, a, b, c, d);
}

static int react(void *data, int root, const char *path, int fd, const char *text)
{
	bool before = spared;
	int r;

	unplug();
	spared = true;
	r = fake_reaction(data, root, path, fd, text);
	spared = before;
	return r;
}

static int prepare(struct pt_run *run, const struct pt_log *log, struct pt_err *err)
{
	const unsigned int vmid = run->vmid;
	int r;

	*run = run_of(&the_fake);
	run->vmid = vmid;
	run->release_ms = 500;
	r = pt_host_open(&run->host, the_fake.root, log, err);
	if (r == 0)
		pt_host_set_writer(run->host, react, NULL);
	return r;
}

static void clean_up(struct pt_run *run)
{
	pt_host_close_p(&run->host);
}

static int reconcile_phase(const struct pt_run *run)
{
	struct pt_reconciled reconciled = {0};
	struct pt_store PT_STORE *store = NULL;

	if (pt_store_open(&store, run->host, PT_CLAIMS_DIR, true, NULL) < 0)
		return 1;
	return pt_reconcile(run->host, store, &run->limits, &reconciled, NULL) < 0 ||
	       reconciled.failed;
}

/* A phase under its supervisor. Returns its exit status, or -1: it died of a signal. */
static int run_phase(unsigned int vmid, pt_phase *work, bool undo, char said[static SAID_MOST])
{
	struct pt_supervised supervised = {.phase = work,
		.prepare = prepare,
		.clean_up = clean_up,
		.vmid = vmid,
		.deadline_ms = TRIAL_MS,
		.undo = undo};
	int out = memfd_create("said", MFD_CLOEXEC);
	int status = 0;
	ssize_t n;
	pid_t pid = __real_fork();

	if (pid == 0) {
		dup2(out, STDERR_FILENO);
		spared = false;
		_exit(pt_supervise(&supervised, out));
	}
	waitpid(pid, &status, 0);
	n = pread(out, said, SAID_MOST - 1, 0);
	said[n > 0 ? n : 0] = '\0';
	close(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void arm(enum kind kind, bool on, long rest)
{
	fault->kind = kind;
	fault->on = on;
	fault->rest = rest;
	fault->armed = true;
}

static char *state_of(void)
{
	static const char *const file[] = {"driver", "driver_override", "sriov_numvfs"};
	static const char *const function[] = {GPU, AUDIO, DISK, DISK2, PF, VF, "0000:04:10.0"};
	char *state = pt_strdup("");

	pt_foreach (name, function, PT_ARRAY_SIZE(function)) {
		for (size_t i = 0; i < PT_ARRAY_SIZE(file); i++) {
			PT_FREE char *path =
				pt_format("/sys/bus/pci/devices/%s/%s", *name, file[i]);
			PT_FREE char *text = fake_read(&the_fake, path);
			PT_FREE char *line = pt_format(
				"%s %s %s", *name, file[i], text && *text != '\n' ? text : "none");

			state = pt_list_add(state, "\n", line);
		}
	}
	return state;
}

static bool has_records(struct pt_err *err)
{
	struct pt_store PT_STORE *store = open_store(&the_fake, PT_CLAIMS_DIR);
	struct pt_records PT_RECORDS records = {0};

	pt_records_read(store, &records);
	*err = records.err;
	return records.count || records.guest_count;
}

/* The function is plugged in again: as at the beginning, on its driver. */
static void plug_in(void)
{
	fake_remove(&the_fake, "/unplugged");
	if (!pt_host_exists(the_fake.host, "/sys/bus/pci/devices/" UNPLUGGED))
		fake_tree_text(&the_fake,
			"{\"functions\":[{\"addr\":\"" UNPLUGGED
			"\",\"vendor\":\"0x144d\",\"device\":\"0xa808\",\"class\":\"0x010802\","
			"\"driver\":\"nvme\",\"iommu_group\":2,\"subsystem_vendor\":\"0x144d\","
			"\"subsystem_device\":\"0xa801\"}]}");
}

/* Families: a phase, and what comes before it. */
enum family {
	FAMILY_TAKE, /* pre-start */
	FAMILY_USED, /* pre-start of a guest whose disk is mounted */
	FAMILY_CONFIRM,
	FAMILY_RETURN, /* post-stop */
	FAMILY_RECONCILE,
	FAMILIES,
};
static const char *const family_name[] = {
	[FAMILY_TAKE] = "take",
	[FAMILY_USED] = "used",
	[FAMILY_CONFIRM] = "post-start",
	[FAMILY_RETURN] = "post-stop",
	[FAMILY_RECONCILE] = "reconcile",
};

static const char *before;

static bool must(bool holds, enum family family, long at, const char *what, const char *said)
{
	if (!holds)
		printf("%s: %s%s fail at %ld: %s\n---\n%s---\n", family_name[family],
			kind_name[fault->kind], fault->on ? " and all later ones" : "", at, what,
			said);
	return holds;
}

/* Brings the phase's ground about: a guest that has its devices, or not yet. */
static void prepare_ground(enum family family, char said[static SAID_MOST])
{
	const char *const function[] = {DISK, PF};
	const int group[] = {2, 4};

	if (family == FAMILY_TAKE || family == FAMILY_USED)
		return;
	if (run_phase(100, pt_phase_find("pre-start"), true, said) != 0)
		fail_msg("the start fails without a fault: %s", said);
	if (family == FAMILY_RECONCILE)
		return;
	fake_pve_reserve(&the_fake, 100, function, 2);
	fake_pve_run(&the_fake, 100, function, group, 2);
	if (family == FAMILY_CONFIRM)
		return;
	if (run_phase(100, pt_phase_find("post-start"), false, said) != 0)
		fail_msg("post-start fails without a fault: %s", said);
	fake_pve_kill(&the_fake, 100);
	fake_pve_bury(&the_fake, 100);
}

static int run_family(enum family family, char said[static SAID_MOST])
{
	switch (family) {
	case FAMILY_TAKE:
		return run_phase(100, pt_phase_find("pre-start"), true, said);
	case FAMILY_USED:
		return run_phase(101, pt_phase_find("pre-start"), true, said);
	case FAMILY_CONFIRM:
		return run_phase(100, pt_phase_find("post-start"), false, said);
	case FAMILY_RETURN:
		return run_phase(100, pt_phase_find("post-stop"), false, said);
	default:
		return run_phase(0, reconcile_phase, false, said);
	}
}

static bool is_taken(void)
{
	PT_FREE char *driver = fake_read(&the_fake, "/sys/bus/pci/devices/" DISK "/driver");

	return driver && strstr(driver, "vfio-pci");
}

/* Makes one line of each that the task log has folded. */
static void unfold(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		if (from[0] == '\n' && from[1] == ' ' && from[2] == ' ' && from[3] != '-') {
			*to++ = ' ';
			from += 2;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

/* One trial. False: something is wrong. */
static bool holds_at(enum family family, enum kind kind, bool on, long at, bool *ret_reached)
{
	static char said[SAID_MOST], later[SAID_MOST];
	PT_FREE char *after = NULL;
	struct pt_err err = {0};
	bool fine = true;
	int code;

	prepare_ground(family, said);
	arm(kind, on, at);
	code = run_family(family, said);
	unfold(said);
	fault->armed = false;
	*ret_reached = fault->rest < 0;
	/* mounts show without a process of their own */
	if (family == FAMILY_USED)
		fine &= must(code != 0 || (kind != KIND_FORK && strstr(said, "unprotected")),
			family, at, "the start of a guest whose disk is mounted goes on", said);
	if (family == FAMILY_TAKE && code == 0 && kind != KIND_UNPLUG)
		fine &= must(is_taken() || strstr(said, "the start goes on"), family, at,
			"the start goes on without a word, and nothing is taken", said);
	has_records(&err);
	fine &= must(!err.code, family, at, err.text, said);
	if (family == FAMILY_CONFIRM) {
		fake_pve_kill(&the_fake, 100);
		fake_pve_bury(&the_fake, 100);
	}
	fake_pve_free(&the_fake, 100);
	code = run_phase(0, reconcile_phase, false, later);
	fine &= must(code == 0, family, at, "reconcile fails afterwards", later);
	if (kind == KIND_UNPLUG)
		plug_in();
	fine &= must(!has_records(&err), family, at, "records are left", said);
	after = state_of();
	if (!must(pt_streq(before, after), family, at, "not all is as it was", said)) {
		printf("%s\n---\n%s\n", after, later);
		fine = false;
	}
	return fine;
}

static void make_machine(void)
{
	fake_open(&the_fake);
	fake_tree_text(&the_fake, MACHINE);
	fake_file(&the_fake, "/etc/hostname", "node1\n");
	fake_dir(&the_fake, PT_PVE_RUN);
	fake_dir(&the_fake, PT_PVE_LOCKS);
	fake_dir(&the_fake, "/var/lib");
	fake_file(&the_fake, CONFIG, "hostpci0: 02:00.0\nhostpci1: 04:00.0\n");
	fake_file(&the_fake, "/etc/pve/nodes/node1/qemu-server/101.conf", "hostpci0: 03:00.0\n");
	add_node(&the_fake, "/sys/bus/pci/devices/" DISK2 "/nvme/nvme1/nvme1n1", "block", "259:7\n",
		"nvme1n1");
	fake_file(&the_fake, "/proc/1/mountinfo", "22 1 259:7 / / rw - ext4 /dev/nvme1n1 rw\n");
}

static bool try_kind(enum family family, enum kind kind, bool on, long step)
{
	long tried = 0, held = 0;
	bool reached = true;

	for (long at = 0; reached; at += step) {
		bool fine = holds_at(family, kind, on, at, &reached);

		/* the one that came to no fault is no trial, but must be fine too */
		tried += reached || !fine;
		held += reached && fine;
		if (fine)
			continue;
		/* the next one begins on sane ground */
		fake_close(&the_fake);
		make_machine();
	}
	printf("%s: %s%s: %ld of %ld\n", family_name[family], kind_name[kind],
		on ? ", from there on" : "", held, tried);
	fflush(stdout);
	return held == tried && tried > 0;
}

int main(int argc, char **argv)
{
	long step = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
	bool fine = true;

	if (step < 1 || argc > 3)
		return fprintf(stderr, "usage: fault [STEP [FAMILY]]\n"), 2;
	fault = mmap(
		NULL, sizeof(*fault), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fault == MAP_FAILED)
		fake_die("mmap");
	make_machine();
	before = state_of();
	for (int family = 0; family < FAMILIES; family++) {
		if (argc == 3 && !pt_streq(argv[2], family_name[family]))
			continue;
		for (enum kind kind = 0; kind <= KIND_UNPLUG; kind++) {
			fine &= try_kind((enum family)family, kind, false, step);
			if (kind != KIND_UNPLUG)
				fine &= try_kind((enum family)family, kind, true, step);
		}
	}
	fake_close(&the_fake);
	printf("fault: %s\n", fine ? "fine" : "BROKEN");
	return !fine;
}
