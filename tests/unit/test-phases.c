// SPDX-License-Identifier: AGPL-3.0-or-later
/* The phases on a made host: the shipped hook always works on the running one. */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>

#include "hook/phases.h"
#include "lib/systemd.h"
#include "pve/paths.h"
#include "tests/unit/unit.h"

#define GPU    "0000:01:00.0"
#define AUDIO  "0000:01:00.1"
#define DISK   "0000:02:00.0"
#define CONFIG "/etc/pve/nodes/node1/qemu-server/100.conf"
#define CLAIM  PT_CLAIMS_DIR "/claims/100.json"

/* The group that somebody holds who cannot be seen. */
static int held_group = PT_GROUP_NONE;
bool __real_pt_vfio_group_free(const struct pt_host *host, int group);
bool __wrap_pt_vfio_group_free(const struct pt_host *host, int group);
/* One that is opened behind our first look, and the end of what holds the other (pt_now_ms; 0: none). */
static int late_group = PT_GROUP_NONE, late_looks;
static long long held_until;
/* The machine whose guest 100 runs as soon as the held group is looked at; NULL: none. */
static struct fake *starts_again;
static void run_100(struct fake *fake)
{
	fake_file(fake, PT_PVE_RUN "/100.pid", "4242\n");
	process_4242(fake, KVM_OF("100"));
}

bool __wrap_pt_vfio_group_free(const struct pt_host *host, int group)
{
	if (group == late_group && late_looks++)
		return false;
	if (group == held_group && starts_again)
		run_100(starts_again);
	return (group != held_group || (held_until && pt_now_ms() >= held_until)) &&
	       __real_pt_vfio_group_free(host, group);
}

/* The one unit of the machine, which has the graphics node open while it runs. */
static struct fake *machine;
static bool player_runs;
static void run_player(bool on)
{
	player_runs = on;
	if (on)
		fake_link(machine, "/proc/4343/fd/4", "/dev/dri/card0");
	else
		fake_remove(machine, "/proc/4343/fd/4");
}
int __wrap_pt_unit_order(const struct pt_host *host, const char *unit, enum pt_unit_order order,
	long long deadline_ms, bool *ret_active, struct pt_err *err);
int __wrap_pt_unit_order(const struct pt_host *host, const char *unit, enum pt_unit_order order,
	long long deadline_ms, bool *ret_active, struct pt_err *err)
{
	(void)host;
	(void)deadline_ms;
	(void)err;
	assert_string_equal(unit, "player.service");
	if (order != PT_UNIT_LOOK)
		run_player(order == PT_UNIT_START);
	*ret_active = player_runs;
	return 0;
}

static struct pt_run run_of(struct fake *fake)
{
	return (struct pt_run){.host = fake->host,
		.node = "node1",
		.vmid = 100,
		.limits = {.lock_ms = 100, .group_ms = 200, .write_ms = 300, .phase_ms = 2000},
		.config_node = "node1",
		.api_ms = 300,
		.wait_ms = 200,
		.release_ms = 200};
}

static int phase(struct fake *fake, const char *name)
{
	struct pt_run run = run_of(fake);

	free(fake->said);
	fake->said = strdup("");
	return pt_phase_find(name)(&run);
}

static bool has(struct fake *fake, const char *path)
{
	return pt_host_exists(fake->host, path);
}

static void run_guest(struct fake *fake)
{
	fake_file(fake, PT_PVE_RUN "/100.pid", "4242\n");
	process_4242(fake, KVM_OF("100"));
}

static void start_and_stop(void **state)
{
	struct fake *fake = *state;
	char *record;

	fake_file(fake, CONFIG, "hostpci0: 01:00\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_driver(fake, GPU, "vfio-pci");
	assert_driver(fake, AUDIO, "vfio-pci");
	assert_true(has(fake, CLAIM));
	run_guest(fake);
	assert_int_equal(phase(fake, "post-start"), 0);
	/* what it started with is on record */
	record = fake_read(fake, PT_IDENTITY_DIR "/100.json");
	assert_holds(record, GPU);
	assert_holds(record, AUDIO);
	free(record);
	fake_remove(fake, PT_STATE_DIR);
	fake_file(fake, PT_STATE_DIR, "no folder");
	assert_int_equal(phase(fake, "post-start"), 0);
	assert_holds(fake->said, "warning: record of the devices of guest 100 in " PT_IDENTITY_DIR);
	assert_int_equal(phase(fake, "pre-stop"), 0);
	/* pre-start again, or a late post-stop: the guest runs, nothing is touched */
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "already runs as process 4242");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_holds(fake->said, "runs again as process 4242; its devices stay");
	assert_driver(fake, GPU, "vfio-pci");
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, GPU, "nouveau");
	assert_driver(fake, AUDIO, "snd_hda_intel");
	assert_false(has(fake, CLAIM));
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_string_equal(fake->said, "");
}

static void silent_without_hostpci(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "memory: 64\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_string_equal(fake->said, "");
	fake_file(fake, CONFIG, "template: 1\nhostpci0: 01:00\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_string_equal(fake->said, "");
	assert_false(has(fake, PT_CLAIMS_DIR));
}

static void devices_in_args_are_taken(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "args: -device vfio-pci,host=01:00.0,x-igd-opregion=on\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "args: " GPU " nouveau -> vfio-pci (");
	assert_holds(fake->said, "args: " AUDIO " snd_hda_intel -> vfio-pci (");
	run_guest(fake);
	assert_int_equal(phase(fake, "post-start"), 0);
	assert_driver(fake, GPU, "vfio-pci");
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, GPU, "nouveau");
	assert_driver(fake, AUDIO, "snd_hda_intel");
}

static void refuses_and_touches_nothing(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 01:00\nhostpci1: 66:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_holds(fake->said, "error: start refused: hostpci1: there is no PCI device 66:00.0");
	assert_driver(fake, GPU, "nouveau");
	assert_false(has(fake, CLAIM));
}

static void a_move_that_fails_is_undone(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 01:00\nhostpci1: 02:00.0\n");
	fake_fault(fake, "bind-vfio-pci", AUDIO, "22");
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_holds(fake->said, "start refused: devices cannot be taken, and those that were are "
				 "returned: " AUDIO ": bind to vfio-pci: Invalid argument");
	assert_driver(fake, GPU, "nouveau");
	assert_driver(fake, AUDIO, "snd_hda_intel");
	assert_driver(fake, DISK, "nvme");
	assert_false(has(fake, CLAIM));
	/* one that hangs stays on record */
	fake_fault(fake, "unbind", DISK, "hang");
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_holds(fake->said,
		"start refused: devices cannot be taken, and 1 of those that were cannot be "
		"returned ('pve-ptconf claims' shows why, 'pve-ptconf release 100' tries again): ");
	assert_true(has(fake, CLAIM));
	fake_remove(fake, "/fault");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

static void own_troubles_do_not_stop_the_start(void **state)
{
	struct fake *fake = *state;

	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "neither the API");
	assert_holds(fake->said, "the start goes on, but no device is moved or will be returned");
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	fake_file(fake, PT_CLAIMS_DIR, "a file where the folder should be");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "the start goes on");
	assert_driver(fake, DISK, "nvme");
	fake_remove(fake, PT_CLAIMS_DIR);
	fake_file(fake, PT_CLAIMS_DIR "/claims/101.json", "damaged");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "claim of 101 is damaged");
	/* which is no reason not to take a device that is not in use */
	assert_driver(fake, DISK, "vfio-pci");
}

/* What cannot be returned stays on record, and keeps the guest from starting neither without devices nor with others. */
static void a_leftover_does_not_stop_a_guest(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	fake_fault(fake, "bind-nvme", DISK, "5");
	fake_file(fake, CONFIG, "memory: 64\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said,
		"error: devices of an earlier start cannot be returned, which "
		"'pve-ptconf release 100' tries again once guest 100 has stopped: ");
	assert_true(has(fake, CLAIM));
	fake_file(fake, CONFIG, "hostpci0: 03:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "could not give " DISK " back: bind to nvme: Input/output error");
	assert_driver(fake, "0000:03:00.0", "vfio-pci");
	assert_driver(fake, DISK, "none");
	run_guest(fake);
	assert_int_equal(phase(fake, "post-start"), 1);
	assert_holds(fake->said, DISK ": bind to nvme: Input/output error");
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	fake_remove(fake, "/fault");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
	assert_driver(fake, "0000:03:00.0", "nvme");
	assert_false(has(fake, CLAIM));
}

static void a_dead_guests_claim_is_returned_first(void **state)
{
	struct fake *fake = *state;
	struct pt_run other = run_of(fake);

	other.vmid = 101;
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf", "hostpci0: 02:00.0\n");
	assert_int_equal(pt_phase_find("pre-start")(&other), 0);
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "guest 101 does not run, but still holds devices");
	assert_holds(fake->said, DISK " nvme -> vfio-pci");
	assert_false(has(fake, PT_CLAIMS_DIR "/claims/101.json"));
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

/* What a dead guest's host driver does not take is taken over by the guest that needs it, with its origin. */
static void what_cannot_be_returned_is_taken_over(void **state)
{
	struct fake *fake = *state;
	struct pt_run other = run_of(fake);
	char *text;

	other.vmid = 101;
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf",
		"hostpci0: 02:00.0\nhostpci1: 05:00.0\n");
	assert_int_equal(pt_phase_find("pre-start")(&other), 0);
	fake_fault(fake, "bind-nvme", DISK, "5");
	/* it is not in the way of one, */
	fake_file(fake, CONFIG, "hostpci0: 03:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "error: guest 101: 1 function not returned");
	assert_driver(fake, "0000:03:00.0", "vfio-pci");
	assert_int_equal(phase(fake, "post-stop"), 0);
	/* nor of another */
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "warning: guest 101: 1 function not returned: " DISK
				 ": bind to nvme: Input/output error; taken over from it");
	assert_driver(fake, DISK, "vfio-pci");
	assert_false(has(fake, PT_CLAIMS_DIR "/claims/101.json"));
	text = fake_read(fake, CLAIM);
	assert_holds(text, "\"driver\":\"nvme\"");
	free(text);
	/* and goes to where it belongs in the end */
	fake_remove(fake, "/fault");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

/* A device that a dead guest has on record as well is nobody's to wait for. */
static void the_dead_get_nothing(void **state)
{
	struct fake *fake = *state;
	struct pt_run other = run_of(fake);
	char path[160];
	int lock;

	other.vmid = 101;
	fake_file(fake, PT_PVE_PCI_MAPPINGS, TWO_DISKS);
	fake_file(fake, CONFIG, "hostpci0: mapping=disks\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf", "hostpci0: mapping=disks\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	run_guest(fake);
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, DISK " 100 pid:4242\n");
	/* its start is not through yet */
	fake_file(fake, PT_PVE_LOCKS "/lock-100.conf", "");
	snprintf(path, sizeof(path), "%s" PT_PVE_LOCKS "/lock-100.conf", fake->root);
	lock = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(pt_phase_find("pre-start")(&other), 0);
	assert_driver(fake, "0000:03:00.0", "vfio-pci");
	close(lock);
	/* guest 101 has failed, guest 100 stops */
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	fake_remove(fake, PT_PVE_PCI_RESERVATIONS);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_lacks(fake->said, "is left to");
	assert_driver(fake, DISK, "nvme");
	/* a spare of the one, and of the other nobody lives who would need it */
	assert_driver(fake, "0000:03:00.0", "nvme");
}

static void a_claim_that_cannot_be_written_moves_nothing(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	fake_dir(fake, PT_CLAIMS_DIR "/work/100.json");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "pve-pthook: write the claim of 100: Is a directory; the start "
				 "goes on, but no device is moved");
	assert_driver(fake, DISK, "nvme");
	fake_remove(fake, PT_CLAIMS_DIR "/work/100.json");
	/* nor is one that cannot be read passed over */
	fake_file(fake, CLAIM, "{}");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "pve-pthook: claim of 100 is damaged");
	assert_driver(fake, DISK, "nvme");
	assert_int_equal(phase(fake, "post-start"), 1);
	assert_holds(fake->said, "error: claim of 100 is damaged");
	assert_int_equal(phase(fake, "post-stop"), 1);
	assert_holds(fake->said,
		"claim of 100 is damaged (bind its devices by hand, then remove " CLAIM "): ");
	assert_holds(fake->said, "'pve-ptconf release 100' tries again");
}

static void break_glass(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, PT_OFF_FILE, "");
	fake_file(fake, CONFIG, "memory: 64\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_string_equal(fake->said, "");
	fake_remove(fake, PT_OFF_FILE);
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	fake_file(fake, PT_OFF_FILE, "");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "switched off by " PT_OFF_FILE);
	/* what is claimed still comes back */
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

static void a_failed_start_is_tried_again(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	/* with more devices: the origin of the first stays */
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\nhostpci1: 03:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_driver(fake, "0000:03:00.0", "vfio-pci");
	/* with others: the old ones come back first */
	fake_file(fake, CONFIG, "hostpci0: 01:00\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "still has devices of an earlier start");
	assert_driver(fake, DISK, "nvme");
	assert_driver(fake, "0000:03:00.0", "nvme");
	assert_driver(fake, GPU, "vfio-pci");
	/* with none at all */
	fake_file(fake, CONFIG, "memory: 64\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_driver(fake, GPU, "nouveau");
	assert_driver(fake, AUDIO, "snd_hda_intel");
	assert_false(has(fake, CLAIM));
}

static void waits_for_another_mover(void **state)
{
	struct fake *fake = *state;
	char path[160];
	int lock;

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	snprintf(path, sizeof(path), "%s" PT_CLAIMS_DIR "/work/100.lock", fake->root);
	lock = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_holds(fake->said, "functions of 100 are being moved right now");
	assert_int_equal(phase(fake, "post-stop"), 1);
	assert_holds(fake->said, "'pve-ptconf release 100' tries again");
	assert_driver(fake, DISK, "vfio-pci");
	close(lock);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

static void what_does_not_come_back_is_told(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	fake_fault(fake, "bind-nvme", DISK, "5");
	assert_int_equal(phase(fake, "post-stop"), 1);
	assert_holds(
		fake->said, "1 function not returned: " DISK ": bind to nvme: Input/output error");
	assert_true(has(fake, CLAIM));
	fake_remove(fake, "/fault");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_false(has(fake, CLAIM));
}

static void a_restart_keeps_the_devices(void **state)
{
	static const char *const kept[][3] = {
		{PT_PVE_RUN "/100.reboot", "",
			"guest 100: it is being restarted; its devices stay"},
		{CONFIG, "hostpci0: 02:00.0\nlock: backup\n", "a backup of it is under way"},
	};
	struct fake *fake = *state;

	for (size_t i = 0; i < PT_ARRAY_SIZE(kept); i++) {
		fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
		assert_int_equal(phase(fake, "pre-start"), 0);
		fake_file(fake, kept[i][0], kept[i][1]);
		assert_int_equal(phase(fake, "post-stop"), 0);
		assert_holds(fake->said, kept[i][2]);
		assert_driver(fake, DISK, "vfio-pci");
		fake_remove(fake, kept[i][0]);
		if (i == 1)
			fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
		assert_int_equal(phase(fake, "pre-start"), 0);
		assert_holds(fake->said, DISK " stays on vfio-pci");
		assert_int_equal(phase(fake, "post-stop"), 0);
		assert_driver(fake, DISK, "nvme");
	}
}

static void an_incoming_guest_is_read_at_its_source(void **state)
{
	struct fake *fake = *state;
	struct pt_run run = run_of(fake);

	fake_file(fake, "/etc/pve/nodes/node2/qemu-server/100.conf", "hostpci0: 02:00.0\n");
	snprintf(run.config_node, sizeof(run.config_node), "node2");
	assert_int_equal(pt_phase_find("pre-start")(&run), 0);
	assert_driver(fake, DISK, "vfio-pci");
	/* the migration failed: the config never came here */
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

struct returner {
	struct pt_run run;
	int lock;
};

/* Gives back another guest's claim, slowly, as its post-stop in the background would. */
static int return_slowly(const struct returner *returner, const struct pt_claims *claims)
{
	struct timespec pause = {.tv_nsec = 700000000};

	nanosleep(&pause, NULL);
	return pt_release_locked(returner->run.host, claims, returner->run.vmid,
		&returner->run.limits, returner->lock, NULL);
}

static void a_return_under_way_is_waited_for(unsigned int returning, struct fake *fake)
{
	struct returner returner = {.run = run_of(fake)};
	struct pt_claims *claims = NULL;
	struct pt_claim *claim = NULL;
	struct pt_run run = run_of(fake);
	char owner[PT_OWNER_TEXT];
	pid_t pid;

	run.wait_ms = 5000;
	returner.run.vmid = returning;
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf", "hostpci0: 02:00.0\n");
	assert_int_equal(pt_phase_find("pre-start")(&returner.run), 0);
	assert_int_equal(pt_claims_open(&claims, fake->host, PT_CLAIMS_DIR, false, NULL), 0);
	pt_owner_name(returning, owner);
	assert_int_equal(pt_claims_work_lock(claims, owner, pt_now_ms(), &returner.lock, NULL), 0);
	assert_int_equal(pt_claims_load(claims, owner, &claim, NULL), 0);
	claim->state = PT_CLAIM_RETURNING;
	assert_int_equal(pt_claims_save(claims, claim, NULL), 0);
	pid = fork();
	if (pid == 0)
		_exit(-return_slowly(&returner, claims));
	close(returner.lock);
	assert_int_equal(pt_phase_find("pre-start")(&run), 0);
	assert_driver(fake, DISK, "vfio-pci");
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	pt_claim_free(claim);
	pt_claims_close(claims);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

/* Even when switched off a return is given some time: Proxmox VE would bind what is being returned. */
static void break_glass_waits_for_a_return(void **state)
{
	struct fake *fake = *state;
	struct pt_claims *claims = NULL;
	int lock;

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	fake_file(fake, PT_OFF_FILE, "");
	assert_int_equal(pt_claims_open(&claims, fake->host, PT_CLAIMS_DIR, false, NULL), 0);
	assert_int_equal(pt_claims_work_lock(claims, "100", pt_now_ms(), &lock, NULL), 0);
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "devices of guest 100 are still being returned; waiting");
	assert_holds(fake->said, "warning: functions of 100 are being moved right now");
	close(lock);
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_lacks(fake->said, "being moved");
	pt_claims_close(claims);
	assert_int_equal(phase(fake, "post-stop"), 0);
}

/* A return that never ends stands in the way of those starts alone that need what it returns. */
static void a_hanging_return_does_not_stop_the_guest(void **state)
{
	struct fake *fake = *state;
	struct pt_claims *claims = NULL;
	int lock;

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_int_equal(pt_claims_open(&claims, fake->host, PT_CLAIMS_DIR, false, NULL), 0);
	assert_int_equal(pt_claims_work_lock(claims, "100", pt_now_ms(), &lock, NULL), 0);
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_holds(fake->said, "start refused: functions of 100 are being moved right now");
	/* without it, */
	fake_file(fake, CONFIG, "memory: 64\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "functions of 100 are being moved right now");
	assert_holds(fake->said, "the start goes on, but no device is moved");
	/* or with another device: Proxmox VE takes that itself */
	fake_file(fake, CONFIG, "hostpci0: 03:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "the start goes on, but no device is moved");
	assert_driver(fake, "0000:03:00.0", "nvme");
	/* unless it cannot */
	fake_file(fake, CONFIG, "hostpci0: 03:00.0\nhostpci1: 66:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_holds(fake->said, "start refused: hostpci1: there is no PCI device 66:00.0");
	close(lock);
	pt_claims_close(claims);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

/* The QEMU before is ending and holds the group, seen or unseen: who needs it waits, nobody else does. */
static void the_last_qemu_is_waited_for(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	held_group = 2;
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_holds(fake->said, "guest 100: its last QEMU is still ending; waiting");
	assert_holds(fake->said,
		"start refused: " DISK ": the last QEMU of guest 100 has not ended "
		"and still holds it; start again when it is gone");
	fake_file(fake, CONFIG, "hostpci0: 03:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_lacks(fake->said, "its last QEMU");
	assert_driver(fake, "0000:03:00.0", "vfio-pci");
	assert_driver(fake, DISK, "vfio-pci");
	held_group = PT_GROUP_NONE;
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
	assert_driver(fake, "0000:03:00.0", "nvme");
}

/* While one group is waited for another guest opens the other: that is left to it. */
static void a_group_that_is_opened_meanwhile_is_left(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\nhostpci1: 03:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	late_group = 2;
	late_looks = 0;
	held_group = 3;
	held_until = pt_now_ms() + 120;
	assert_int_equal(phase(fake, "post-stop"), 1);
	assert_holds(fake->said, "still holds IOMMU group 2");
	assert_driver(fake, DISK, "vfio-pci");
	assert_driver(fake, "0000:03:00.0", "nvme");
	late_group = held_group = PT_GROUP_NONE;
	held_until = 0;
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

/* While its group is waited for the guest itself is started, by whom our hook does not stop. */
static void a_guest_that_is_started_meanwhile_keeps_all(void **state)
{
	struct fake *fake = *state;
	struct pt_run run = run_of(fake);

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	run.release_ms = 2000;
	held_group = 2;
	held_until = pt_now_ms() + 700;
	starts_again = fake;
	assert_int_equal(pt_phase_find("post-stop")(&run), 1);
	assert_holds(fake->said,
		"guest 100 was started again meanwhile, as process 4242; its devices stay with it");
	assert_driver(fake, DISK, "vfio-pci");
	starts_again = NULL;
	held_group = PT_GROUP_NONE;
	held_until = 0;
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

/* Proxmox VE has promised it to another guest, whose QEMU has not opened it yet. */
static void what_is_reserved_by_another_is_left(void **state)
{
	struct fake *fake = *state;
	PT_FREE char *line = pt_format(DISK " 101 time:%lld\n", (long long)time(NULL) + 60);

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\nhostpci1: 03:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, line);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_holds(fake->said, DISK " is with somebody else for now; reconcile returns it");
	assert_driver(fake, DISK, "vfio-pci");
	assert_driver(fake, "0000:03:00.0", "nvme");
	assert_true(pt_host_exists(fake->host, CLAIM));
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, "");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
	assert_false(pt_host_exists(fake->host, CLAIM));
}

static void units_make_way_and_come_back(void **state)
{
	struct fake *fake = *state;

	machine = fake;
	add_node(
		fake, "/sys/bus/pci/devices/0000:01:00.0/drm/card0", "drm", "226:0\n", "dri/card0");
	fake_file(fake, "/proc/4343/comm", "player\n");
	run_player(true);
	fake_file(fake, CONFIG, "hostpci0: 01:00\n");
	assert_int_equal(phase(fake, "pre-start"), 1);
	fake_file(fake, PT_POLICY_FILE, "[guest 100]\nstop-units = player.service\n");
	/* what cannot start anyway stops nothing */
	fake_file(fake, CONFIG, "hostpci0: 01:00\nhostpci1: 77:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_lacks(fake->said, "player.service");
	fake_file(fake, CONFIG, "hostpci0: 01:00\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_false(player_runs);
	assert_driver(fake, "0000:01:00.0", "vfio-pci");
	assert_int_equal(phase(fake, "post-start"), 0);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_holds(fake->said, "player.service is started again");
	assert_true(player_runs);
	assert_false(pt_host_exists(fake->host, CLAIM));
	/* refused after all, for what somebody else has open: it runs again at once */
	fake_file(fake, "/proc/4444/comm", "other\n");
	fake_link(fake, "/proc/4444/fd/4", "/dev/dri/card0");
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_holds(fake->said, "player.service is stopped");
	assert_holds(fake->said, "is open in process 4444");
	assert_true(player_runs);
	assert_false(pt_host_exists(fake->host, CLAIM));
	fake_remove(fake, "/proc/4444/fd/4");
	/* our own trouble: the start goes on without us, and the unit waits for its end */
	fake_remove(fake, "/sys/bus/pci/drivers/vfio-pci");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "modules cannot be looked for; the start goes on");
	assert_false(player_runs);
	fake_file(fake, PT_PVE_RUN "/100.pid", "4242\n");
	process_4242(fake, KVM_OF("100"));
	assert_int_equal(phase(fake, "post-start"), 0);
	assert_false(player_runs);
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_true(player_runs);
	assert_false(pt_host_exists(fake->host, CLAIM));
}

/* Another guest's return is on its way before its claim says so. */
static void a_return_that_begins_is_waited_for(void **state)
{
	struct fake *fake = *state;
	struct pt_run other = run_of(fake);
	struct pt_claims *claims = NULL;
	int lock;

	other.vmid = 101;
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf", "hostpci0: 02:00.0\n");
	assert_int_equal(pt_phase_find("pre-start")(&other), 0);
	assert_int_equal(pt_claims_open(&claims, fake->host, PT_CLAIMS_DIR, false, NULL), 0);
	assert_int_equal(pt_claims_work_lock(claims, "101", pt_now_ms(), &lock, NULL), 0);
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_holds(fake->said, "guest 101 is still giving " DISK " back; waiting");
	close(lock);
	pt_claims_close(claims);
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

/* Another guest's return that does not end is waited for only so long. */
static void a_return_that_hangs_is_not_waited_for_ever(void **state)
{
	struct fake *fake = *state;
	struct pt_run other = run_of(fake);
	struct pt_claims *claims = NULL;
	struct pt_claim *claim = NULL;
	int lock;

	other.vmid = 101;
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf", "hostpci0: 02:00.0\n");
	assert_int_equal(pt_phase_find("pre-start")(&other), 0);
	assert_int_equal(pt_claims_open(&claims, fake->host, PT_CLAIMS_DIR, false, NULL), 0);
	assert_int_equal(pt_claims_work_lock(claims, "101", pt_now_ms(), &lock, NULL), 0);
	assert_int_equal(pt_claims_load(claims, "101", &claim, NULL), 0);
	claim->state = PT_CLAIM_RETURNING;
	assert_int_equal(pt_claims_save(claims, claim, NULL), 0);
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_holds(fake->said, "guest 101 is still giving " DISK " back; waiting");
	assert_holds(
		fake->said, "start refused: hostpci0: " DISK ": is on its way back from guest 101");
	assert_false(has(fake, CLAIM));
	close(lock);
	pt_claim_free(claim);
	pt_claims_close(claims);
}

/* Another guest whose claim on the disk comes just before ours, and goes when we wait for it. */
struct flicker {
	struct fake *fake;
	struct pt_claims *claims;
	void (*note)(void *data, enum pt_log_level level, const char *line);
	int lock;
	int times;
};

static void flicker(void *data, enum pt_log_level level, const char *line)
{
	struct flicker *other = data;
	struct pt_claim *claim;

	other->note(other->fake, level, line);
	if (strstr(line, "waiting")) {
		assert_int_equal(pt_claims_remove(other->claims, "101", NULL), 0);
		pt_close_fd(&other->lock);
	} else if (strstr(line, "[return-risky]")) {
		claim = claim_of(other->fake, "101", DISK, NULL);
		assert_int_equal(
			pt_claims_work_lock(other->claims, "101", pt_now_ms(), &other->lock, NULL),
			0);
		assert_int_equal(pt_claims_save(other->claims, claim, NULL), 0);
		pt_claim_free(claim);
		other->times++;
	}
}

static void a_neighbour_that_flickers_is_told(void **state)
{
	struct fake *fake = *state;
	struct flicker other = {.fake = fake, .note = fake->log.emit, .lock = -1};
	struct pt_run run = run_of(fake);

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(pt_claims_open(&other.claims, fake->host, PT_CLAIMS_DIR, true, NULL), 0);
	fake->log = (struct pt_log){.emit = flicker, .data = &other};
	assert_int_equal(pt_phase_find("pre-start")(&run), 1);
	fake->log = (struct pt_log){.emit = other.note, .data = fake};
	assert_int_equal(other.times, 8);
	assert_holds(fake->said,
		"start refused: other guests claimed and left its devices "
		"meanwhile, 8 times over; start it again: " DISK ": is claimed by 101 as well");
	assert_driver(fake, DISK, "nvme");
	pt_close_fd(&other.lock);
	pt_claims_close(other.claims);
}

static void ones_own_return_is_waited_for(void **state)
{
	struct fake *fake = *state;

	a_return_under_way_is_waited_for(100, fake);
	assert_holds(fake->said, DISK " vfio-pci -> nvme");
}

static void another_guests_return_is_waited_for(void **state)
{
	struct fake *fake = *state;

	a_return_under_way_is_waited_for(101, fake);
	assert_false(has(fake, PT_CLAIMS_DIR "/claims/101.json"));
}

/* Where a function goes is decided when it has been taken; a take that fails is undone to the origin. */
static void policy_says_where_devices_go(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 01:00\nhostpci1: 02:00.0\nhostpci2: 03:00.0\n");
	fake_file(fake, PT_POLICY_FILE,
		"[device 01:00.0]\nreturn = none\n[device 02:00]\nreturn = keep-vfio\n"
		"[guest 100]\nreturn = origin\n");
	fake_fault(fake, "bind-vfio-pci", DISK, "22");
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_driver(fake, GPU, "nouveau");
	fake_remove(fake, "/fault");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "hostpci0: " GPU " goes to no driver when the guest has stopped, "
				 "as " PT_POLICY_FILE " says");
	assert_holds(fake->said, "hostpci1: " DISK " goes to vfio-pci when");
	assert_lacks(fake->said, "0000:03:00.0 goes to");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, GPU, "none");
	assert_override(fake, GPU, "(null)");
	assert_driver(fake, AUDIO, "snd_hda_intel");
	assert_driver(fake, DISK, "vfio-pci");
	assert_override(fake, DISK, "vfio-pci");
	assert_driver(fake, "0000:03:00.0", "nvme");
	assert_false(has(fake, CLAIM));
}

#define ON_VFIO "/sys/bus/pci/devices/" DISK "/vfio-dev"

/* What Proxmox VE leaves alone goes to the vfio driver that local policy names. */
static void policy_says_which_vfio_driver(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 01:00,driver=keep\nhostpci1: 02:00.0,driver=keep\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_driver(fake, DISK, "nvme");
	assert_false(has(fake, CLAIM));
	fake_file(fake, "/sys/bus/pci/drivers/edu-vfio-pci/bind", "");
	fake_file(fake, "/sys/bus/pci/drivers/edu-vfio-pci/unbind", "");
	fake_link(fake, "/sys/module/edu_vfio_pci/drivers/pci:edu-vfio-pci",
		"/sys/bus/pci/drivers/edu-vfio-pci");
	fake_file(fake, PT_POLICY_FILE, "[device 02:00]\nvfio-driver = edu_vfio_pci\n");
	fake_dir(fake, ON_VFIO);
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_driver(fake, GPU, "nouveau");
	assert_driver(fake, DISK, "edu-vfio-pci");
	/* a start again leaves it there; another driver by policy is another take */
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "hostpci1: " DISK " stays on edu-vfio-pci");
	fake_file(fake, PT_POLICY_FILE,
		"[device 02:00]\nvfio-driver = vfio-pci\n"
		"[device 01:00.0]\nvfio-driver = other\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "still has devices of an earlier start");
	assert_holds(fake->said, "hostpci1: " DISK " nvme -> vfio-pci (");
	assert_holds(fake->said,
		GPU ": driver other is not there, and modules cannot be looked for; vfio-pci takes "
		    "it");
	assert_driver(fake, GPU, "vfio-pci");
	/* its group goes along */
	assert_driver(fake, AUDIO, "vfio-pci");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, GPU, "nouveau");
	assert_driver(fake, AUDIO, "snd_hda_intel");
	assert_driver(fake, DISK, "nvme");
	assert_false(has(fake, CLAIM));
	fake_file(fake, PT_POLICY_FILE,
		"[device 02:00]\nvfio-driver = edu-vfio-pci\nreturn = keep-vfio\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "edu-vfio-pci");
	assert_override(fake, DISK, "edu-vfio-pci");
	assert_false(has(fake, CLAIM));
}

/* What goes along because of the group only stays where it is at a restart, though it is on a vfio driver by then. */
static void companions_of_a_kept_entry_stay(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 01:00.0,driver=keep\n");
	fake_file(fake, PT_POLICY_FILE, "[device 01:00.0]\nvfio-driver = auto\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_driver(fake, GPU, "vfio-pci");
	assert_driver(fake, AUDIO, "vfio-pci");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_lacks(fake->said, "earlier start");
	assert_driver(fake, AUDIO, "vfio-pci");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, GPU, "nouveau");
	assert_driver(fake, AUDIO, "snd_hda_intel");
	assert_false(has(fake, CLAIM));
}

static void vfs_overrule_the_policy(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 04:00.0\n");
	fake_file(fake, PT_POLICY_FILE, "[device 04:00.0]\nreturn = none\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "0000:04:00.0 has virtual functions that come back with it; the "
				 "policy for its return is passed over");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, "0000:04:00.0", "igb");
}

static void advice_refuses_nothing(void **state)
{
	struct fake *fake = *state;
	struct pt_run run = run_of(fake);

	run.advise = true;
	fake_file(fake, CONFIG, "hostpci0: 02:00.0,pcie=1\n");
	assert_int_equal(pt_phase_find("pre-start")(&run), 0);
	assert_holds(fake->said, "the start would be refused, but for 'mode = advise'");
	assert_driver(fake, DISK, "vfio-pci");
	assert_int_equal(phase(fake, "post-stop"), 0);
	/* but nothing that another guest has is taken, whatever else is wrong */
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, DISK " 101 time:99999999999\n");
	assert_int_equal(pt_phase_find("pre-start")(&run), 0);
	assert_holds(fake->said,
		"reserved by guest 101, which is starting; the start goes on, but no "
		"device is moved");
	assert_driver(fake, DISK, "nvme");
	assert_false(has(fake, CLAIM));
	fake_remove(fake, PT_PVE_PCI_RESERVATIONS);
	/* what fails is told, and the start goes on */
	fake_fault(fake, "bind-vfio-pci", DISK, "22");
	assert_int_equal(pt_phase_find("pre-start")(&run), 0);
	assert_holds(fake->said, "devices cannot be taken, and those that were are returned");
	assert_driver(fake, DISK, "nvme");
	assert_false(has(fake, CLAIM));
}

static void a_bad_policy_is_told(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	fake_file(fake, PT_POLICY_FILE, "[device 02:00.0]\nreturn = none\nreturn = none\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "error: host: " PT_POLICY_FILE
				 ": line 3: return stands there already, in line 2; nothing of it "
				 "counts");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

static void phases_have_names(void **state)
{
	(void)state;
	assert_non_null(pt_phase_find("pre-start"));
	assert_non_null(pt_phase_find("post-stop"));
	assert_null(pt_phase_find("pre-migrate"));
	assert_null(pt_phase_find(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(policy_says_where_devices_go),
		MACHINE_TEST(policy_says_which_vfio_driver),
		MACHINE_TEST(companions_of_a_kept_entry_stay),
		MACHINE_TEST(vfs_overrule_the_policy),
		MACHINE_TEST(advice_refuses_nothing),
		MACHINE_TEST(a_bad_policy_is_told),
		MACHINE_TEST(start_and_stop),
		MACHINE_TEST(silent_without_hostpci),
		MACHINE_TEST(devices_in_args_are_taken),
		MACHINE_TEST(refuses_and_touches_nothing),
		MACHINE_TEST(a_move_that_fails_is_undone),
		MACHINE_TEST(own_troubles_do_not_stop_the_start),
		MACHINE_TEST(a_leftover_does_not_stop_a_guest),
		MACHINE_TEST(a_dead_guests_claim_is_returned_first),
		MACHINE_TEST(what_cannot_be_returned_is_taken_over),
		MACHINE_TEST(the_dead_get_nothing),
		MACHINE_TEST(a_claim_that_cannot_be_written_moves_nothing),
		MACHINE_TEST(break_glass),
		MACHINE_TEST(a_failed_start_is_tried_again),
		MACHINE_TEST(waits_for_another_mover),
		MACHINE_TEST(what_does_not_come_back_is_told),
		MACHINE_TEST(a_restart_keeps_the_devices),
		MACHINE_TEST(an_incoming_guest_is_read_at_its_source),
		MACHINE_TEST(break_glass_waits_for_a_return),
		MACHINE_TEST(a_group_that_is_opened_meanwhile_is_left),
		MACHINE_TEST(a_guest_that_is_started_meanwhile_keeps_all),
		MACHINE_TEST(what_is_reserved_by_another_is_left),
		MACHINE_TEST(units_make_way_and_come_back),
		MACHINE_TEST(a_return_that_begins_is_waited_for),
		MACHINE_TEST(a_return_that_hangs_is_not_waited_for_ever),
		MACHINE_TEST(a_hanging_return_does_not_stop_the_guest),
		MACHINE_TEST(the_last_qemu_is_waited_for),
		MACHINE_TEST(a_neighbour_that_flickers_is_told),
		MACHINE_TEST(ones_own_return_is_waited_for),
		MACHINE_TEST(another_guests_return_is_waited_for),
		cmocka_unit_test(phases_have_names),
	};

	return cmocka_run_group_tests_name("phases", tests, NULL, NULL);
}
