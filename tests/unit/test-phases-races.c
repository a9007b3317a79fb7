// SPDX-License-Identifier: AGPL-3.0-or-later
/* Guests that start and stop at the same time, and a host that changes between looking and moving:
 * what happens in between is done when the phase under test says a line, or looks at a group. */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "pve/handover/reconcile.h"
#include "tests/unit/phases.h"

#define DISK2 "0000:03:00.0"
#define PF    "0000:04:00.0"
#define VF1   "0000:04:00.1"
#define VF2   "0000:04:10.0"

static const struct pt_limits limits = {
	.lock_ms = 50, .group_ms = 2000, .write_ms = 30000, .phase_ms = 60000};

static struct fake *machine;
/* The group that an unseen process holds. */
static int held_group = PT_GROUP_NONE;
/* Guest 100 is started by another process when this group is looked at; held_group is free then. */
static int start_at_group = PT_GROUP_NONE;
static pid_t starter;

bool __real_pt_vfio_group_free(const struct pt_host *host, int group);
bool __wrap_pt_vfio_group_free(const struct pt_host *host, int group);

/* Starts guest 100 in a process that has inherited no lock. */
static int start_apart(void)
{
	struct pt_run run = run_of(machine);

	syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
	if (pt_host_open(&run.host, machine->root, NULL, NULL) < 0)
		return 2;
	fake_react(run.host);
	run.wait_ms = 60000;
	return pt_phase_find("pre-start")(&run);
}

bool __wrap_pt_vfio_group_free(const struct pt_host *host, int group)
{
	if (!starter && group == start_at_group) {
		start_at_group = PT_GROUP_NONE;
		starter = fork();
		if (starter == 0)
			_exit(start_apart());
		held_group = PT_GROUP_NONE;
		return false;
	}
	return group != held_group && __real_pt_vfio_group_free(host, group);
}

static int setup(void **state)
{
	int r = machine_setup(state);

	machine = *state;
	held_group = start_at_group = PT_GROUP_NONE;
	starter = 0;
	return r;
}

static void assert_has_started(void)
{
	int status = -1;

	assert_true(starter > 0);
	assert_int_equal(waitpid(starter, &status, 0), starter);
	assert_int_equal(status, 0);
}
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, machine_teardown)

static void both_choose_from_one_mapping(struct fake *fake)
{
	fake_file(fake, PT_PVE_PCI_MAPPINGS, TWO_DISKS);
	fake_file(fake, CONFIG, "hostpci0: mapping=disks\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf", "hostpci0: mapping=disks\n");
}

static struct pt_run run_of_101(struct fake *fake)
{
	struct pt_run run = run_of(fake);

	run.vmid = 101;
	return run;
}

static void run_101(struct fake *fake, const char *reservations)
{
	fake_file(fake, PT_PVE_RUN "/101.pid", "4243\n");
	fake_bytes(fake, "/proc/4243/cmdline", KVM_OF("101"), sizeof(KVM_OF("101")) - 1);
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, reservations);
}

static void reconcile(struct fake *fake)
{
	struct pt_store PT_STORE *store = open_store(fake, PT_CLAIMS_DIR);
	struct pt_reconciled reconciled;

	assert_int_equal(pt_reconcile(fake->host, store, &limits, &reconciled, NULL), 0);
}

/* Guest 101's post-start drops the other disk while guest 100's pre-start takes it. */
static void a_candidate_is_taken_while_it_is_dropped(void **state)
{
	struct fake *fake = *state;
	struct pt_run other = run_of_101(fake);
	PT_CLOSE int lock = -1;

	both_choose_from_one_mapping(fake);
	assert_int_equal(pt_phase_find("pre-start")(&other), 0);
	assert_driver(fake, DISK, "vfio-pci");
	lock = hold_pve_lock(fake, 100);
	/* as Proxmox VE would have bound it for a moment */
	fake_link(fake, "/sys/bus/pci/devices/" DISK2 "/driver", "/sys/bus/pci/drivers/vfio-pci");
	run_101(fake, DISK " 101 pid:4243\n");
	start_at_group = 3;
	pt_phase_find("post-start")(&other);
	assert_has_started();
	assert_driver(fake, DISK2, "vfio-pci");
	assert_driver(fake, DISK, "vfio-pci");
}

/* Guest 101's start failed, and its dying QEMU holds the disk: reconcile waits for that, and guest
 * 100 takes the other one meanwhile, which 101 had as a candidate. */
static void a_candidate_is_taken_while_reconcile_waits(void **state)
{
	struct fake *fake = *state;
	struct pt_run other = run_of_101(fake);
	PT_CLOSE int lock = -1;

	both_choose_from_one_mapping(fake);
	assert_int_equal(pt_phase_find("pre-start")(&other), 0);
	fake_file(fake, CONFIG, "hostpci0: 03:00.0\n");
	lock = hold_pve_lock(fake, 100);
	held_group = start_at_group = 2;
	reconcile(fake);
	assert_has_started();
	assert_driver(fake, DISK2, "vfio-pci");
	assert_driver(fake, DISK, "nvme");
}

/* Guest 100's disk is a candidate of guest 101, which starts while 100's QEMU is dying. In the end
 * both disks are back. */
static void what_is_left_to_another_is_not_forgotten(void **state)
{
	struct fake *fake = *state;
	struct pt_run other = run_of_101(fake);
	PT_CLOSE int lock = -1;

	both_choose_from_one_mapping(fake);
	assert_int_equal(phase(fake, "pre-start"), 0);
	run_guest(fake);
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, DISK " 100 pid:4242\n");
	assert_int_equal(phase(fake, "post-start"), 0);
	lock = hold_pve_lock(fake, 101);
	assert_int_equal(pt_phase_find("pre-start")(&other), 0);
	assert_driver(fake, DISK2, "vfio-pci");
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, DISK2 " 101 time:99999999999\n");
	held_group = 2;
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_holds(fake->said, DISK " stays with guest 101");
	run_101(fake, DISK2 " 101 pid:4243\n");
	pt_phase_find("post-start")(&other);
	pt_close_fd(&lock);
	assert_driver(fake, DISK, "vfio-pci");
	held_group = PT_GROUP_NONE;
	fake_remove(fake, PT_PVE_RUN "/101.pid");
	fake_remove(fake, PT_PVE_PCI_RESERVATIONS);
	assert_int_equal(pt_phase_find("post-stop")(&other), 0);
	reconcile(fake);
	assert_driver(fake, DISK, "nvme");
	assert_driver(fake, DISK2, "nvme");
}

/* Of a dead guest's disks one is held for ever, and one could not return: who needs only the latter
 * starts. */
static void a_group_that_nobody_needs_stops_no_start(void **state)
{
	struct fake *fake = *state;
	struct pt_run other = run_of_101(fake);

	other.release_ms = 200;
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf",
		"hostpci0: 02:00.0\nhostpci1: 03:00.0\n");
	assert_int_equal(pt_phase_find("pre-start")(&other), 0);
	held_group = 3;
	fake_fault(fake, "bind-nvme", DISK, "5");
	assert_int_equal(pt_phase_find("post-stop")(&other), 1);
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_driver(fake, DISK, "vfio-pci");
	fake_remove(fake, "/fault");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
	held_group = PT_GROUP_NONE;
	reconcile(fake);
	assert_driver(fake, DISK2, "nvme");
}

/* Does something as soon as the log has a line with the tag. */
struct meddler {
	struct fake *fake;
	void (*note)(void *data, enum pt_log_level level, const char *line);
	const char *tag;
	void (*meddle)(struct fake *fake);
	bool done;
};

static void on_line(void *data, enum pt_log_level level, const char *line)
{
	struct meddler *meddler = data;

	meddler->note(meddler->fake, level, line);
	if (meddler->done || !strstr(line, meddler->tag))
		return;
	meddler->done = true;
	meddler->meddle(meddler->fake);
}

static int start_meddled(struct fake *fake, const char *tag, void (*meddle)(struct fake *fake))
{
	struct meddler meddler = {fake, fake->log.emit, tag, meddle, false};
	struct pt_run run = run_of(fake);
	int r;

	fake->log = (struct pt_log){.emit = on_line, .data = &meddler};
	r = pt_phase_find("pre-start")(&run);
	fake->log = (struct pt_log){.emit = meddler.note, .data = fake};
	assert_true(meddler.done);
	return r;
}

static void set_vfs(struct fake *fake, const char *count)
{
	struct pt_write write;

	assert_int_equal(pt_host_write_start(fake->host, "/sys/bus/pci/devices/" PF "/sriov_numvfs",
				 count, -1, &write, NULL),
		0);
	assert_int_equal(pt_host_write_wait(fake->host, &write, pt_now_ms() + 60000, NULL), 0);
}

static void make_vfs(struct fake *fake)
{
	set_vfs(fake, "2");
}

/* VFs are made after the facts were gathered: they are judged, and come back with their drivers. */
static void vfs_that_come_late_come_back(void **state)
{
	struct fake *fake = *state;

	set_vfs(fake, "0");
	fake_file(fake, CONFIG, "hostpci0: " PF "\n");
	assert_int_equal(start_meddled(fake, "[no-reset]", make_vfs), 0);
	assert_driver(fake, PF, "vfio-pci");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, PF, "igb");
	assert_driver(fake, VF1, "igbvf");
	assert_driver(fake, VF2, "igbvf");
}

static void mount_disk2(struct fake *fake)
{
	fake_file(fake, "/proc/1/mountinfo", "22 1 259:7 / / rw - ext4 /dev/nvme1n1 rw\n");
}

/* The disk is mounted after it was judged. */
static void a_use_that_comes_late_refuses(void **state)
{
	struct fake *fake = *state;

	add_node(fake, "/sys/bus/pci/devices/" DISK2 "/nvme/nvme1/nvme1n1", "block", "259:7\n",
		"nvme1n1");
	fake_file(fake, CONFIG, "hostpci0: " DISK2 "\n");
	assert_int_equal(start_meddled(fake, "[no-reset]", mount_disk2), 1);
	assert_holds(fake->said,
		"start refused: " DISK2 ": is in use on this host: nvme1n1 is mounted at /");
	assert_driver(fake, DISK2, "nvme");
	assert_false(has_claim(fake, 100));
}

/* The disk was on vfio-pci when it was judged, of an earlier run; it returns, and is mounted. */
static void return_and_mount(struct fake *fake)
{
	fake_link(fake, "/sys/bus/pci/devices/" DISK2 "/driver", "/sys/bus/pci/drivers/nvme");
	fake_file(fake, "/sys/bus/pci/devices/" DISK2 "/driver_override", "(null)\n");
	fake_remove(fake, PT_CLAIMS_DIR "/function/" DISK2 ".json");
	mount_disk2(fake);
}

static void a_return_after_the_look_is_seen(void **state)
{
	struct fake *fake = *state;
	struct pt_run other = run_of_101(fake);

	add_node(fake, "/sys/bus/pci/devices/" DISK2 "/nvme/nvme1/nvme1n1", "block", "259:7\n",
		"nvme1n1");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf", "hostpci0: " DISK2 "\n");
	assert_int_equal(pt_phase_find("pre-start")(&other), 0);
	fake_file(fake, CONFIG, "hostpci0: " DISK2 "\n");
	assert_int_equal(start_meddled(fake, "[no-reset]", return_and_mount), 1);
	assert_holds(fake->said, "start refused: hostpci0: " DISK2
				 ": is in use on this host: nvme1n1 is mounted at /");
	assert_driver(fake, DISK2, "nvme");
}

/* An older worker still returns the disk, on which a start has it as a candidate: the origin is the
 * one of the older claim, not where the disk is on its way. */
static void an_older_claim_has_the_origin(void **state)
{
	static const char claim[] =
		"{\"version\":4,\"owner\":\"101\",\"state\":\"returning\",\"since\":5,"
		"\"functions\":[{\"function\":\"" DISK2 "\",\"label\":\"hostpci0\","
		"\"companion\":false,\"spare\":false,\"moved\":true,\"home\":null,\"pf\":null,"
		"\"error\":null,\"error_since\":0,\"origin\":{\"driver\":\"nvme\","
		"\"driver_override\":null,\"sriov_numvfs\":-1,\"sriov_drivers_autoprobe\":-1,"
		"\"console\":null}}],\"units\":[]}";
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = NULL;
	struct pt_function_record PT_FUNCTION_RECORD record = {0};
	struct pt_bdf disk2 = bdf_of(DISK2);
	PT_CLOSE int lock = -1;

	both_choose_from_one_mapping(fake);
	fake_link(fake, "/sys/bus/pci/devices/" DISK2 "/driver", "/sys/bus/pci/drivers/vfio-pci");
	fake_file(fake, PT_CLAIMS_DIR "/claims/101.json", claim);
	fake_file(fake, PT_CLAIMS_DIR "/work/101.lock", "");
	lock = pt_host_openat(fake->host, PT_CLAIMS_DIR "/work/101.lock", O_RDWR);
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_driver(fake, DISK, "vfio-pci");
	store = open_store(fake, PT_CLAIMS_DIR);
	assert_int_equal(pt_function_load(store, &disk2, &record, NULL), 0);
	assert_string_equal(record.origin.driver, "nvme");
}

/* A VF did not come back with its PF: the next start keeps where it belongs on record. */
static void a_vf_that_is_not_back_is_not_forgotten(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: " PF "\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	fake_fault(fake, "bind-igbvf", VF2, "5");
	assert_int_equal(phase(fake, "post-stop"), 1);
	assert_driver(fake, PF, "igb");
	assert_driver(fake, VF2, "none");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_driver(fake, PF, "vfio-pci");
	fake_remove(fake, "/fault");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, VF1, "igbvf");
	assert_driver(fake, VF2, "igbvf");
	assert_false(has_claim(fake, 100));
}

/* The same, and another guest needs that VF alone. */
static void a_vf_that_is_not_back_has_its_old_origin(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: " PF "\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	fake_fault(fake, "bind-igbvf", VF2, "5");
	assert_int_equal(phase(fake, "post-stop"), 1);
	assert_driver(fake, VF2, "none");
	fake_remove(fake, "/fault");
	fake_file(fake, CONFIG, "hostpci0: " VF2 "\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_driver(fake, VF2, "vfio-pci");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, VF2, "igbvf");
	assert_driver(fake, PF, "igb");
	assert_false(has_claim(fake, 100));
}

static void reserve_first(struct fake *fake)
{
	PT_FREE char *line = pt_format(DISK " 101 time:%lld\n", (long long)time(NULL) + 60);

	fake_file(fake, PT_PVE_PCI_RESERVATIONS, line);
}

/* Proxmox VE gives another guest the disk that this one was to have, and is about to bind it. */
static void what_is_reserved_meanwhile_is_not_taken(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, PT_PVE_PCI_MAPPINGS, TWO_DISKS);
	fake_file(fake, CONFIG, "hostpci0: mapping=disks\n");
	assert_int_equal(start_meddled(fake, "[no-reset]", reserve_first), 0);
	assert_driver(fake, DISK, "nvme");
	assert_driver(fake, DISK2, "vfio-pci");
	fake_remove(fake, PT_PVE_PCI_RESERVATIONS);
	assert_int_equal(phase(fake, "post-stop"), 0);
	fake_file(fake, CONFIG, "hostpci0: " DISK "\n");
	assert_int_equal(start_meddled(fake, "[no-reset]", reserve_first), 1);
	assert_holds(fake->said, "is reserved by guest 101, which is starting");
	assert_driver(fake, DISK, "nvme");
}

/* Proxmox VE's locks of the guests 101 and 102, which are starting. */
static int starting[2];

/* QEMU of guest 101 fails, and its watch returns the disk. */
static void fail_101(struct fake *fake)
{
	struct pt_store PT_STORE *store = open_store(fake, PT_CLAIMS_DIR);
	const struct pt_release what = {0};

	pt_close_fd(&starting[0]);
	assert_int_equal(pt_end_stale(fake->host, store, 101, NULL, NULL), 0);
	assert_int_equal(pt_release(fake->host, store, &limits, &what, NULL, NULL), 0);
}

/* Two guests that are starting have both disks. One of them fails, and the third gets its disk. */
static void a_start_waits_for_those_that_choose(void **state)
{
	struct fake *fake = *state;
	struct pt_run other = run_of_101(fake);

	both_choose_from_one_mapping(fake);
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/102.conf", "hostpci0: mapping=disks\n");
	starting[0] = hold_pve_lock(fake, 101);
	starting[1] = hold_pve_lock(fake, 102);
	assert_int_equal(pt_phase_find("pre-start")(&other), 0);
	other.vmid = 102;
	assert_int_equal(pt_phase_find("pre-start")(&other), 0);
	assert_driver(fake, DISK, "vfio-pci");
	assert_driver(fake, DISK2, "vfio-pci");
	assert_int_equal(start_meddled(fake, "other guests are choosing", fail_101), 0);
	assert_holds(fake->said, "hostpci0: " DISK " nvme -> vfio-pci");
	assert_driver(fake, DISK, "vfio-pci");
	assert_true(has_claim(fake, 102));
	pt_close_fd(&starting[1]);
}

static void lose_vfs(struct fake *fake)
{
	set_vfs(fake, "0");
}

/* Another guest has taken the PF since the facts were gathered. */
static void a_vf_that_goes_meanwhile_is_named(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: " VF1 "\n");
	assert_int_equal(start_meddled(fake, "[no-reset]", lose_vfs), 1);
	assert_holds(fake->said, "there is no PCI device " VF1 " on this host");
	assert_false(has_claim(fake, 100));
}

/* A driver with a name that no other module has, and an override with a tab. */
static void odd_names_come_back(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, "/sys/bus/pci/drivers/speedfax+ pci/bind", "");
	fake_file(fake, "/sys/bus/pci/drivers/speedfax+ pci/unbind", "");
	fake_link(
		fake, "/sys/bus/pci/devices/" DISK "/driver", "/sys/bus/pci/drivers/speedfax+ pci");
	fake_file(fake, "/sys/bus/pci/devices/" DISK "/driver_override", "odd\tname\n");
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_driver(fake, DISK, "vfio-pci");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "speedfax+ pci");
	assert_override(fake, DISK, "odd\tname");
	assert_false(has_claim(fake, 100));
}

/* Something is wrong with an alternative that nobody chose: it cannot be recorded. */
static void a_sick_candidate_stops_nothing(void **state)
{
	struct fake *fake = *state;

	both_choose_from_one_mapping(fake);
	fake_dir(fake, PT_CLAIMS_DIR "/lock/" DISK2 ".json");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "warning: hostpci0: write record of function " DISK2
				 ": Is a directory; if Proxmox VE chooses it, it will not return");
	assert_driver(fake, DISK, "vfio-pci");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

/* The guest runs, and is stopped to be started again. */
static void run_and_reboot(struct fake *fake, const char *config)
{
	fake_file(fake, CONFIG, config);
	assert_int_equal(phase(fake, "pre-start"), 0);
	run_guest(fake);
	assert_int_equal(phase(fake, "post-start"), 0);
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	fake_file(fake, PT_PVE_RUN "/100.reboot", "");
	assert_int_equal(phase(fake, "post-stop"), 0);
}

/* Lists of starts that have ended. */
static size_t count_ended(struct fake *fake)
{
	struct pt_store PT_STORE *store = open_store(fake, PT_CLAIMS_DIR);
	struct pt_records PT_RECORDS records = {0};
	size_t count = 0;

	pt_records_read(store, &records);
	pt_foreach (guest, records.guest, records.guest_count)
		count += guest->state != PT_GUEST_WANTS;
	return count;
}

/* /run fills up in the middle of a start: what the policy says is on record already. */
static void a_full_run_keeps_the_policy(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, PT_POLICY_FILE, "[device 02:00.0]\nreturn = none\n");
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_driver(fake, DISK, "vfio-pci");
	fake_dir(fake, PT_CLAIMS_DIR "/lock/100.json");
	fake_dir(fake, PT_CLAIMS_DIR "/lock/" DISK ".json");
	run_guest(fake);
	assert_int_equal(phase(fake, "post-start"), 1);
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	/* and nobody can read the policy any more */
	fake_remove(fake, PT_POLICY_FILE);
	fake_file(fake, PT_POLICY_FILE, "x");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "none");
	assert_false(has_claim(fake, 100));
}

/* The guest ran, and is restarted: what its policy says holds, whatever becomes of the new start.
 */
static void a_restart_that_fails_keeps_the_policy(void **state)
{
	struct fake *fake = *state;
	struct pt_run run = run_of(fake);

	fake_file(fake, PT_POLICY_FILE, "[device 02:00.0]\nreturn = none\n");
	run_and_reboot(fake, "hostpci0: 02:00.0\n");
	assert_driver(fake, DISK, "vfio-pci");
	fake_remove(fake, PT_PVE_RUN "/100.reboot");
	assert_int_equal(phase(fake, "pre-start"), 0);
	/* its QEMU does not begin */
	assert_int_equal(pt_phase_undo(&run), 0);
	assert_driver(fake, DISK, "none");
	assert_false(has_claim(fake, 100));
	/* one that never ran is undone */
	fake_link(fake, "/sys/bus/pci/devices/" DISK "/driver", "/sys/bus/pci/drivers/nvme");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_int_equal(pt_phase_undo(&run), 0);
	assert_driver(fake, DISK, "nvme");
	/* one that runs again leaves nothing of the run before */
	run_and_reboot(fake, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	run_guest(fake);
	assert_int_equal(phase(fake, "post-start"), 0);
	assert_int_equal(count_ended(fake), 0);
}

static enum pt_role role_of_first, role_of_second;

static void note_roles(struct fake *fake)
{
	struct pt_store PT_STORE *store = open_store(fake, PT_CLAIMS_DIR);
	struct pt_guest_record PT_GUEST_RECORD record = {0};
	struct pt_bdf first = bdf_of(DISK), second = bdf_of(DISK2);

	assert_int_equal(pt_guest_load(store, 100, &record, NULL), 0);
	assert_false(record.ran);
	role_of_first = pt_wish_find(&record, &first)->role;
	role_of_second = pt_wish_find(&record, &second)->role;
}

/* What a guest that is restarted has taken is nobody else's while its start still waits. */
static void a_restart_keeps_its_devices_from_others(void **state)
{
	struct fake *fake = *state;

	run_and_reboot(fake, "hostpci0: 02:00.0\n");
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\nhostpci1: 03:00.0\n");
	assert_int_equal(start_meddled(fake, "[no-reset]", note_roles), 0);
	assert_int_equal(role_of_first, PT_ROLE_TAKEN);
	assert_int_equal(role_of_second, PT_ROLE_CANDIDATE);
}

/* A VF that a guest needs is gone with its PF, which nobody wants any more. */
static void a_pf_returns_for_its_vf(void **state)
{
	struct fake *fake = *state;
	struct pt_run other = run_of_101(fake);

	other.release_ms = 200;
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf", "hostpci0: " PF "\n");
	assert_int_equal(pt_phase_find("pre-start")(&other), 0);
	fake_file(fake, CONFIG, "hostpci0: " VF1 "\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_driver(fake, PF, "igb");
	assert_driver(fake, VF1, "vfio-pci");
	assert_driver(fake, VF2, "igbvf");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, VF1, "igbvf");
}

/* The clean-up of a failed migration comes while the guest is started anew. */
static void a_stop_beside_a_start_leaves_it_alone(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, DISK " 100 time:99999999999\n");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_holds(fake->said, "guest 100 is being started; its devices stay with it");
	assert_driver(fake, DISK, "vfio-pci");
	fake_remove(fake, PT_PVE_PCI_RESERVATIONS);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

/* A guest that a backup has started ends with it; one that it interrupts goes on. */
static void a_backup_holds_what_ran_before(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\nlock: backup\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\nlock: backup\n");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_holds(fake->said, "a backup of it is under way");
	assert_driver(fake, DISK, "vfio-pci");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "vfio-pci");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_candidate_is_taken_while_it_is_dropped),
		TEST(a_candidate_is_taken_while_reconcile_waits),
		TEST(what_is_left_to_another_is_not_forgotten),
		TEST(a_group_that_nobody_needs_stops_no_start),
		TEST(vfs_that_come_late_come_back),
		TEST(a_use_that_comes_late_refuses),
		TEST(a_return_after_the_look_is_seen),
		TEST(an_older_claim_has_the_origin),
		TEST(a_vf_that_is_not_back_is_not_forgotten),
		TEST(a_vf_that_is_not_back_has_its_old_origin),
		TEST(what_is_reserved_meanwhile_is_not_taken),
		TEST(a_start_waits_for_those_that_choose),
		TEST(a_vf_that_goes_meanwhile_is_named),
		TEST(odd_names_come_back),
		TEST(a_sick_candidate_stops_nothing),
		TEST(a_full_run_keeps_the_policy),
		TEST(a_restart_that_fails_keeps_the_policy),
		TEST(a_restart_keeps_its_devices_from_others),
		TEST(a_pf_returns_for_its_vf),
		TEST(a_stop_beside_a_start_leaves_it_alone),
		TEST(a_backup_holds_what_ran_before),
	};

	return cmocka_run_group_tests_name("phases, races", tests, NULL, NULL);
}
