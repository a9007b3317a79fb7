// SPDX-License-Identifier: AGPL-3.0-or-later
/* stress SEED SECONDS: guests that share devices through addresses and mappings start, run, stop,
 * fail and are killed, beside reconciles that are killed too, on a simulated host. Each guest is a
 * process with Proxmox VE's part around the phases. All along: the origins on record are those of
 * the beginning, and no function of a running guest moves. At the end all is as at the beginning.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "hook/phases.h"
#include "lib/claim/locks.h"
#include "pve/check/check.h"
#include "pve/config/paths.h"
#include "pve/handover/reconcile.h"
#include "tests/fake-pve.h"

#define MOST	   4	  /* functions of a guest */
#define KILL_MS	   60	  /* a phase that is killed lives so long at most */
#define RUN_MS	   300	  /* a guest runs so long at most */
#define DYING_MS   200	  /* the kernel holds the groups of a killed QEMU so long at most */
#define PAUSE_MS   200	  /* between two starts, at most */
#define LOOK_MS	   20	  /* between two looks at the invariants */
#define SETTLE_MS  120000 /* for the end, on a busy machine */
#define LAST_WORDS 1500

static const struct function {
	const char *addr, *ids, *class, *driver, *more;
	int group;
} functions[] = {
	{"0000:01:00.0", "10de 2204", "030000", "nouveau", "", 1},
	{"0000:01:00.1", "10de 1aef", "040300", "snd_hda_intel", "", 1},
	{"0000:02:00.0", "144d a808", "010802", "nvme", "", 2},
	{"0000:03:00.0", "144d a808", "010802", "nvme", "", 3},
	{"0000:04:00.0", "144d a808", "010802", "nvme", "", 4},
	{"0000:05:00.0", "144d a808", "010802", "nvme", "", 5},
	{"0000:06:00.0", "8086 1521", "020000", "igb",
		",\"virtfns\":[\"0000:06:10.0\",\"0000:06:10.2\"]", 6},
	{"0000:06:10.0", "8086 1520", "020000", "igbvf", ",\"physfn\":\"0000:06:00.0\"", 7},
	{"0000:06:10.2", "8086 1520", "020000", "igbvf", ",\"physfn\":\"0000:06:00.0\"", 8},
	{"0000:07:00.0", "1234 11e8", "00ff00", "", "", 9},
	{"0000:07:01.0", "1102 0002", "040100", "snd_emu10k1", "", 9},
};

#define DISKS "0000:02:00.0", "0000:03:00.0", "0000:04:00.0", "0000:05:00.0"

/* Guests. Each entry has alternatives, of which Proxmox VE takes the first that is free. */
static const struct guest {
	unsigned int vmid;
	const char *config;
	const char *alternative[4]; /* of the entry that is a mapping or one function */
	const char *also[MOST];	    /* other functions, always */
} guests[] = {
	{100, "hostpci0: mapping=disks\n", {DISKS}, {NULL}},
	{101, "hostpci0: mapping=disks\n", {DISKS}, {NULL}},
	{102, "hostpci0: mapping=disks\n", {DISKS}, {NULL}},
	{103, "hostpci0: 02:00.0\n", {"0000:02:00.0"}, {NULL}},
	{104, "hostpci0: 05:00.0\n", {"0000:05:00.0"}, {NULL}},
	{105, "hostpci0: 01:00\n", {"0000:01:00.0"}, {"0000:01:00.1"}},
	{106, "hostpci0: 01:00.0\n", {"0000:01:00.0"}, {NULL}},
	{107, "hostpci0: 06:00.0\n", {"0000:06:00.0"}, {NULL}},
	{108, "hostpci0: 06:10.0\n", {"0000:06:10.0"}, {NULL}},
	{109, "hostpci0: 07:00.0\n", {"0000:07:00.0"}, {NULL}},
	{110, "hostpci0: mapping=disks\nhostpci1: 01:00\n", {DISKS},
		{"0000:01:00.0", "0000:01:00.1"}},
};

/* Counted by all processes. */
static struct {
	int starts, refused, busy, killed, failed, runs, stops, lost, restarts, reconciles;
} * counts;

#define COUNT(what) ((void)__atomic_add_fetch(&counts->what, 1, __ATOMIC_RELAXED))

/* One process of the stress. */
struct actor {
	struct fake fake;
	const struct guest *guest; /* NULL: none */
	unsigned short random[3];
	long long until;
	pid_t dying; /* the process that lets the groups of a killed QEMU go; 0: none */
};

static unsigned int pick(struct actor *actor, unsigned int count)
{
	return (unsigned int)nrand48(actor->random) % count;
}

static bool one_in(struct actor *actor, unsigned int count)
{
	return pick(actor, count) == 0;
}

static void sleep_ms(unsigned int ms)
{
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&pause, NULL);
}

/* Where the actor's log lies: its phases are processes of their own. */
static char *path_of_words(const struct actor *actor)
{
	return pt_format("/words-%u", actor->guest ? actor->guest->vmid : 0);
}

static void note(void *data, enum pt_log_level level, const char *line)
{
	const struct actor *actor = data;
	PT_FREE char *path = path_of_words(actor);
	PT_FREE char *whole = pt_format("%s%s", actor->fake.root, path);
	FILE *file = fopen(whole, "ae");

	if (!file)
		return;
	fprintf(file, "%lld %s%s\n", pt_now_ms(), pt_log_mark(level), line);
	fclose(file);
}

/* Prints the end of the actor's log. */
static void print_last_words(const struct actor *actor)
{
	PT_FREE char *path = path_of_words(actor);
	PT_FREE char *whole = pt_format("%s%s", actor->fake.root, path);
	FILE *file = fopen(whole, "re");
	char line[512];

	if (!file)
		return;
	if (fseek(file, -LAST_WORDS, SEEK_END) < 0)
		rewind(file);
	while (fgets(line, sizeof(line), file))
		fputs(line, stderr);
	fclose(file);
}

/* Ends the whole stress: an invariant is broken. */
static PT_PRINTF(2, 3) _Noreturn void broken(struct actor *actor, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "stress: BROKEN at %lld: ", pt_now_ms());
	if (actor->guest)
		fprintf(stderr, "guest %u: ", actor->guest->vmid);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\nlast words:\n");
	print_last_words(actor);
	_exit(1);
}

static const struct function *function_at(const char *addr)
{
	pt_foreach (function, functions, PT_ARRAY_SIZE(functions)) {
		if (pt_streq(function->addr, addr))
			return function;
	}
	fake_die(addr);
}

static bool is_on_vfio(const struct actor *actor, const char *addr)
{
	PT_FREE char *driver = NULL;
	struct pt_bdf bdf;

	return pt_bdf_parse(addr, &bdf) &&
	       pt_function_read_driver(actor->fake.host, &bdf, &driver) == 0 &&
	       pt_streq(driver, PT_VFIO_PCI);
}

static bool is_there(const struct actor *actor, const char *addr)
{
	PT_FREE char *path = pt_format("/sys/bus/pci/devices/%s", addr);

	return pt_host_exists(actor->fake.host, path);
}

static bool is_moving(const struct actor *actor, const char *addr)
{
	struct pt_store PT_STORE *store = NULL;
	struct pt_bdf bdf;

	return pt_store_open(&store, actor->fake.host, PT_CLAIMS_DIR, false, NULL) == 0 &&
	       pt_bdf_parse(addr, &bdf) && pt_function_is_locked(store, &bdf);
}

/* Runs work in a process group of its own, which is killed sometimes: as a whole, or only its
 * leader. The exit status, or -1: it was killed. */
static int run_apart(
	struct actor *actor, int (*work)(struct actor *actor, const char *name), const char *name)
{
	bool kills = one_in(actor, 6);
	bool whole = one_in(actor, 2);
	unsigned int after = pick(actor, KILL_MS);
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		fake_die("fork");
	if (pid == 0) {
		setpgid(0, 0);
		_exit(work(actor, name));
	}
	setpgid(pid, pid);
	if (kills) {
		sleep_ms(after);
		kill(whole ? -pid : pid, SIGKILL);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (!kills)
		broken(actor, "%s died of signal %d", name, WTERMSIG(status));
	COUNT(killed);
	return -1;
}

static int phase(struct actor *actor, const char *name)
{
	struct pt_run run = fake_pve_run_of(&actor->fake, actor->guest->vmid);

	return pt_phase_find(name)(&run);
}

static void write_file(struct actor *actor, const char *path, const char *text)
{
	struct pt_write write;
	struct pt_err err = {0};

	if (pt_host_write_start(actor->fake.host, path, text, -1, &write, &err) == 0)
		pt_host_write_wait(actor->fake.host, &write, pt_now_ms() + 30000, &err);
}

/* Proxmox VE's own binding of a function that the hook has not taken. */
static void bind_as_pve(struct actor *actor, const char *addr)
{
	PT_FREE char *unbind = pt_format("/sys/bus/pci/devices/%s/driver/unbind", addr);

	write_file(actor, "/sys/bus/pci/drivers/vfio-pci/new_id", function_at(addr)->ids);
	write_file(actor, unbind, addr);
	write_file(actor, "/sys/bus/pci/drivers/vfio-pci/bind", addr);
	write_file(actor, "/sys/bus/pci/drivers/vfio-pci/remove_id", function_at(addr)->ids);
}

/* Chooses and reserves as Proxmox VE does. Returns how many functions, 0: nothing is free. */
static size_t choose(struct actor *actor, const char *taken[static MOST + 1])
{
	const struct guest *guest = actor->guest;

	for (size_t i = 0; i < PT_ARRAY_SIZE(guest->alternative) && guest->alternative[i]; i++) {
		size_t count = 1;

		taken[0] = guest->alternative[i];
		for (size_t at = 0; at < MOST && guest->also[at]; at++)
			taken[count++] = guest->also[at];
		if (fake_pve_reserve(&actor->fake, guest->vmid, taken, count))
			return count;
	}
	return 0;
}

/* Kills QEMU. The kernel lets its groups go some time later. */
static void kill_qemu(struct actor *actor)
{
	unsigned int after = pick(actor, DYING_MS);

	fake_pve_kill(&actor->fake, actor->guest->vmid);
	actor->dying = fork();
	if (actor->dying < 0)
		fake_die("fork");
	if (actor->dying > 0)
		return;
	sleep_ms(after);
	fake_pve_bury(&actor->fake, actor->guest->vmid);
	_exit(0);
}

static void wait_until_buried(struct actor *actor)
{
	if (actor->dying)
		waitpid(actor->dying, NULL, 0);
	actor->dying = 0;
}

/* Looks on while the guest runs: nothing of it moves. */
static void run_guest(struct actor *actor, const char *const *taken, size_t count)
{
	long long until = pt_now_ms() + pick(actor, RUN_MS);

	COUNT(runs);
	do {
		for (size_t i = 0; i < count; i++) {
			if (!is_on_vfio(actor, taken[i]))
				broken(actor, "%s has moved while it runs", taken[i]);
		}
		sleep_ms(LOOK_MS);
	} while (pt_now_ms() < until);
}

static void stop_guest(struct actor *actor)
{
	PT_FREE char *reboot = pt_format(PT_PVE_REBOOT, actor->guest->vmid);
	bool restarts = one_in(actor, 8);
	int lock = fake_pve_lock(&actor->fake, actor->guest->vmid);

	if (restarts)
		fake_file(&actor->fake, reboot, "");
	kill_qemu(actor);
	if (one_in(actor, 6)) {
		COUNT(lost);
	} else if (run_apart(actor, phase, "post-stop") >= 0) {
		COUNT(stops);
	}
	if (restarts) {
		COUNT(restarts);
		fake_remove(&actor->fake, reboot);
	}
	close(lock);
}

/* Starts the guest, up to its QEMU. Returns how many functions it has, 0: it does not run. */
static size_t start_guest(struct actor *actor, const char *taken[static MOST + 1])
{
	int group[MOST + 1];
	int result = run_apart(actor, phase, "pre-start");
	size_t count;

	COUNT(starts);
	if (result == 1)
		COUNT(refused);
	if (result != 0)
		return 0;
	count = choose(actor, taken);
	if (!count) {
		COUNT(busy);
		return 0;
	}
	if (one_in(actor, 8)) {
		COUNT(failed);
		fake_pve_free(&actor->fake, actor->guest->vmid);
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		group[i] = function_at(taken[i])->group;
		if (!is_on_vfio(actor, taken[i]))
			bind_as_pve(actor, taken[i]);
		/* Proxmox VE finds nothing to bind, as of a VF whose PF another guest has; or a
		 * start that was to have the function moves it, and looked before it was reserved
		 */
		if (!is_on_vfio(actor, taken[i])) {
			if (is_there(actor, taken[i]) && !is_moving(actor, taken[i]) &&
				!is_on_vfio(actor, taken[i]))
				broken(actor, "%s cannot be bound", taken[i]);
			COUNT(failed);
			fake_pve_free(&actor->fake, actor->guest->vmid);
			return 0;
		}
	}
	wait_until_buried(actor);
	fake_pve_run(&actor->fake, actor->guest->vmid, taken, group, count);
	if (!one_in(actor, 8))
		run_apart(actor, phase, "post-start");
	return count;
}

static void live_once(struct actor *actor)
{
	const char *taken[MOST + 1];
	int lock = fake_pve_lock(&actor->fake, actor->guest->vmid);
	size_t count = start_guest(actor, taken);

	close(lock);
	if (count) {
		run_guest(actor, taken, count);
		stop_guest(actor);
	}
	sleep_ms(pick(actor, PAUSE_MS));
}

static void live(struct actor *actor)
{
	while (pt_now_ms() < actor->until)
		live_once(actor);
	wait_until_buried(actor);
}

static int reconcile(struct actor *actor, const char *name)
{
	const struct pt_limits limits = {
		.lock_ms = 1000, .group_ms = 500, .write_ms = 30000, .phase_ms = 60000};
	struct pt_reconciled reconciled = {0};
	struct pt_store PT_STORE *store = NULL;

	(void)name;
	if (pt_store_open(&store, actor->fake.host, PT_CLAIMS_DIR, true, NULL) < 0)
		return 2;
	return pt_reconcile(actor->fake.host, store, &limits, &reconciled, NULL) < 0 ||
	       reconciled.failed;
}

static void reconcile_often(struct actor *actor)
{
	while (pt_now_ms() < actor->until) {
		run_apart(actor, reconcile, "reconcile");
		COUNT(reconciles);
		sleep_ms(pick(actor, PAUSE_MS));
	}
}

static void check_origin(struct actor *actor, const char *addr, const struct pt_origin *origin)
{
	const char *driver = function_at(addr)->driver;

	if (!pt_streq(origin->driver ? origin->driver : "", driver) || origin->override)
		broken(actor, "%s: the origin on record is %s with override %s", addr,
			origin->driver ? origin->driver : "none",
			origin->override ? origin->override : "none");
}

static void watch_origins(struct actor *actor)
{
	while (pt_now_ms() < actor->until) {
		struct pt_store PT_STORE *store = NULL;
		struct pt_records PT_RECORDS records = {0};

		if (pt_store_open(&store, actor->fake.host, PT_CLAIMS_DIR, false, NULL) == 0)
			pt_records_read(store, &records);
		if (records.err.code)
			broken(actor, "%s", records.err.text);
		pt_foreach (record, records.function, records.count) {
			check_origin(actor, PT_BDF(&record->bdf), &record->origin);
			pt_foreach (vf, record->vf, record->vf_count)
				check_origin(actor, PT_BDF(&vf->bdf), &vf->origin);
		}
		sleep_ms(LOOK_MS);
	}
}

static struct actor actor_of(
	const struct fake *fake, const struct guest *guest, long seed, long long until)
{
	struct actor actor = {.fake = *fake, .guest = guest, .until = until};
	long mixed = seed * 1009 + (guest ? (long)guest->vmid : 0);

	memcpy(actor.random, &mixed, sizeof(actor.random));
	return actor;
}

static pid_t begin(const struct actor *of, void (*act)(struct actor *actor))
{
	struct actor actor = *of;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	actor.fake.log = (struct pt_log){.emit = note, .data = &actor};
	if (pt_host_open(&actor.fake.host, actor.fake.root, &actor.fake.log, NULL) < 0)
		fake_die("host");
	fake_react(actor.fake.host);
	act(&actor);
	_exit(0);
}

static void make_machine(struct fake *fake)
{
	char *tree = pt_strdup("");
	PT_FREE char *whole = NULL;

	pt_foreach (function, functions, PT_ARRAY_SIZE(functions)) {
		PT_FREE char *driver = *function->driver
					       ? pt_format(",\"driver\":\"%s\"", function->driver)
					       : pt_strdup("");
		PT_FREE char *json = pt_format(
			"{\"addr\":\"%s\",\"vendor\":\"0x%.4s\",\"device\":\"0x%s\",\"class\":\"0x%s\","
			"\"iommu_group\":%d,\"subsystem_vendor\":\"0x144d\",\"subsystem_device\":"
			"\"0xa801\"%s%s}",
			function->addr, function->ids, function->ids + 5, function->class,
			function->group, driver, function->more);

		tree = pt_list_add(tree, ",", json);
	}
	whole = pt_format("{\"functions\":[%s]}", tree + strspn(tree, ","));
	free(tree);
	fake_tree_text(fake, whole);
	fake_file(fake, PT_PVE_PCI_MAPPINGS,
		"disks\n"
		"\tmap node=node1,path=0000:02:00.0,id=144d:a808,iommugroup=2,subsystem-id=144d:a801\n"
		"\tmap node=node1,path=0000:03:00.0,id=144d:a808,iommugroup=3,subsystem-id=144d:a801\n"
		"\tmap node=node1,path=0000:04:00.0,id=144d:a808,iommugroup=4,subsystem-id=144d:a801\n"
		"\tmap "
		"node=node1,path=0000:05:00.0,id=144d:a808,iommugroup=5,subsystem-id=144d:a801\n");
	pt_foreach (guest, guests, PT_ARRAY_SIZE(guests)) {
		PT_FREE char *config =
			pt_format("/etc/pve/nodes/node1/qemu-server/%u.conf", guest->vmid);

		fake_file(fake, config, guest->config);
	}
	fake_file(fake, "/etc/hostname", "node1\n");
	fake_dir(fake, PT_PVE_RUN);
	fake_dir(fake, PT_PVE_LOCKS);
	fake_dir(fake, "/proc");
	fake_dir(fake, "/var/lib");
}

/* All functions: driver, override, number of VFs. */
static char *state_of(struct fake *fake)
{
	char *state = pt_strdup("");

	pt_foreach (function, functions, PT_ARRAY_SIZE(functions)) {
		struct pt_origin origin PT_CLEANUP(pt_origin_clear) = {0};
		struct pt_bdf bdf = {0};
		PT_FREE char *line = NULL;

		pt_bdf_parse(function->addr, &bdf);
		if (pt_origin_read(fake->host, &bdf, &origin, NULL) < 0)
			line = pt_format("%s is gone", function->addr);
		else
			line = pt_format("%s is on %s, override %s, %d VFs", function->addr,
				origin.driver ? origin.driver : "none",
				origin.override ? origin.override : "none", origin.vfs);
		state = pt_list_add(state, "\n", line);
	}
	return state;
}

static bool has_records(struct fake *fake)
{
	struct pt_store PT_STORE *store = NULL;
	struct pt_records PT_RECORDS records = {0};

	if (pt_store_open(&store, fake->host, PT_CLAIMS_DIR, false, NULL) < 0)
		return false;
	pt_records_read(store, &records);
	return records.count || records.guest_count;
}

/* Reconciles until nothing is on record. A minute has passed since the last restart. */
static void settle(struct actor *actor)
{
	long long until = pt_now_ms() + SETTLE_MS;

	fake_remove(&actor->fake, PT_CLAIMS_DIR "/hold");
	fake_dir(&actor->fake, PT_CLAIMS_DIR "/hold");
	while (has_records(&actor->fake)) {
		if (pt_now_ms() >= until)
			broken(actor, "records are left at the end");
		reconcile(actor, "reconcile");
		sleep_ms(LOOK_MS);
	}
}

static bool all_fine(const pid_t *pid, size_t count)
{
	bool fine = true;

	for (size_t i = 0; i < count; i++) {
		int status = 1;

		fine &= waitpid(pid[i], &status, 0) == pid[i] && status == 0;
	}
	return fine;
}

/* Whether everything that is counted has happened: a stress without any proves nothing. */
static bool all_met(void)
{
	return counts->starts && counts->refused && counts->killed && counts->failed &&
	       counts->runs && counts->stops && counts->lost && counts->restarts &&
	       counts->reconciles;
}

int main(int argc, char **argv)
{
	long seed = argc == 3 ? strtol(argv[1], NULL, 10) : 0;
	long seconds = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	pid_t pid[PT_ARRAY_SIZE(guests) + 2];
	PT_FREE char *before = NULL;
	PT_FREE char *after = NULL;
	struct actor base;
	struct fake fake;
	size_t count = 0;
	bool fine;

	if (seconds < 1)
		return fprintf(stderr, "usage: stress SEED SECONDS\n"), 2;
	fake_open(&fake);
	make_machine(&fake);
	before = state_of(&fake);
	counts = mmap(
		NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED)
		fake_die("mmap");
	base = actor_of(&fake, NULL, seed, pt_now_ms() + seconds * 1000);
	pt_foreach (guest, guests, PT_ARRAY_SIZE(guests)) {
		struct actor actor = actor_of(&fake, guest, seed, base.until);

		pid[count++] = begin(&actor, live);
	}
	pid[count++] = begin(&base, reconcile_often);
	pid[count++] = begin(&base, watch_origins);
	fine = all_fine(pid, count);
	settle(&base);
	after = state_of(&fake);
	if (!pt_streq(before, after)) {
		printf("before:\n%s\nafter:\n%s\n", before, after);
		fine = false;
	}
	printf("stress: seed %ld, %ld s: %d starts (%d refused, %d without a free device, %d failed "
	       "later), %d runs, %d stops, %d lost, %d restarts, %d reconciles, %d killed: %s\n",
		seed, seconds, counts->starts, counts->refused, counts->busy, counts->failed,
		counts->runs, counts->stops, counts->lost, counts->restarts, counts->reconciles,
		counts->killed,
		!fine	    ? "BROKEN"
		: all_met() ? "fine"
			    : "TOO SHORT");
	if (fine)
		fake_close(&fake);
	else
		printf("stress: the host, with what each guest said, is in %s\n", fake.root);
	return !fine || !all_met();
}
