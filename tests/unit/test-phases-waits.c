// SPDX-License-Identifier: AGPL-3.0-or-later
/* Simultaneous work: returns and other guests that a start waits for, or not for ever. */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>

#include "pve/handover/release.h"
#include "tests/unit/phases.h"

/* The group that an unseen process holds. */
static int held_group = PT_GROUP_NONE;
bool __real_pt_vfio_group_free(const struct pt_host *host, int group);
bool __wrap_pt_vfio_group_free(const struct pt_host *host, int group);
/* For how many looks more; -1: for ever. */
static int held_looks = -1;
/* The machine on which guest 100 runs as soon as the held group is looked at; NULL: none. */
static struct fake *starts_again;

bool __wrap_pt_vfio_group_free(const struct pt_host *host, int group)
{
	if (group == held_group && starts_again)
		run_guest(starts_again);
	if (group == held_group && held_looks) {
		held_looks -= held_looks > 0;
		return false;
	}
	return __real_pt_vfio_group_free(host, group);
}

static int hold_disk(struct fake *fake)
{
	struct pt_store PT_STORE *store = open_store(fake, PT_CLAIMS_DIR);
	struct pt_bdf disk = bdf_of(DISK);
	int lock = -1;

	assert_int_equal(pt_lock_function(store, &disk, PT_LOCK_ALONE, 0, &lock, NULL), 0);
	return lock;
}

/* What the guest wants ends, as by its post-stop. */
static void end(struct fake *fake, unsigned int vmid)
{
	struct pt_store PT_STORE *store = open_store(fake, PT_CLAIMS_DIR);
	struct pt_guest_record PT_GUEST_RECORD record = {0};

	assert_int_equal(pt_guest_load(store, vmid, &record, NULL), 0);
	assert_int_equal(pt_guest_end(store, &record, PT_GUEST_ENDED, NULL), 0);
}

static void waits_for_another_mover(void **state)
{
	struct fake *fake = *state;
	struct pt_run run = run_of(fake);
	int lock;

	run.release_ms = 300;
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	lock = hold_disk(fake);
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_holds(fake->said, "start refused: " DISK " is being moved right now");
	assert_int_equal(pt_phase_find("post-stop")(&run), 1);
	assert_holds(fake->said, "retry with 'pve-ptconf release 100'");
	assert_driver(fake, DISK, "vfio-pci");
	close(lock);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

/* Returns the disk, slowly, as another guest's post-stop in the background would. */
static int return_slowly(struct fake *fake)
{
	struct timespec pause = {.tv_nsec = 700000000};
	struct pt_store PT_STORE *store = open_store(fake, PT_CLAIMS_DIR);
	struct pt_function_record PT_FUNCTION_RECORD record = {0};
	struct pt_handover handover = handover_of(fake);
	struct pt_claim PT_CLAIM claim = {0};
	struct pt_bdf disk = bdf_of(DISK);
	int r = pt_function_load(store, &disk, &record, NULL);

	nanosleep(&pause, NULL);
	pt_claim_add(&claim, &disk, "hostpci0", &record.origin);
	if (r == 0)
		r = pt_handover_give_back(&handover, &claim, NULL);
	return r < 0 ? r : pt_function_forget(store, &disk, NULL);
}

static void a_return_under_way_is_waited_for(unsigned int returning, struct fake *fake)
{
	struct pt_run other = run_of(fake), run = run_of(fake);
	int lock, status = -1;
	pid_t pid;

	run.wait_ms = 60000;
	other.vmid = returning;
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf", "hostpci0: 02:00.0\n");
	assert_int_equal(pt_phase_find("pre-start")(&other), 0);
	end(fake, returning);
	lock = hold_disk(fake);
	pid = fork();
	if (pid == 0)
		_exit(-return_slowly(fake));
	close(lock);
	assert_int_equal(pt_phase_find("pre-start")(&run), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_driver(fake, DISK, "vfio-pci");
	assert_holds(fake->said, DISK " nvme -> vfio-pci");
	if (returning != 100)
		assert_holds(fake->said, "guest 101 is still giving " DISK " back; waiting");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

/* Even when switched off a return is given some time: Proxmox VE would bind its functions. */
static void break_glass_waits_for_a_return(void **state)
{
	struct fake *fake = *state;
	int lock;

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	end(fake, 100);
	fake_file(fake, PT_OFF_FILE, "");
	lock = hold_disk(fake);
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "devices of guest 100 are still being returned; waiting");
	assert_holds(fake->said, "warning: " DISK " is being moved right now");
	close(lock);
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_lacks(fake->said, "being moved");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

/* A return that never ends stops only the starts that need its functions. */
static void a_hanging_return_does_not_stop_the_guest(void **state)
{
	struct fake *fake = *state;
	struct pt_run run;
	int lock;

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	lock = hold_disk(fake);
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_holds(fake->said, "start refused: " DISK " is being moved right now");
	/* without it, */
	fake_file(fake, CONFIG, "memory: 64\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	/* or with another device */
	fake_file(fake, CONFIG, "hostpci0: 03:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_driver(fake, "0000:03:00.0", "vfio-pci");
	/* unless that is missing */
	fake_file(fake, CONFIG, "hostpci0: 03:00.0\nhostpci1: 66:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_holds(fake->said, "start refused: hostpci1: there is no PCI device 66:00.0");
	assert_driver(fake, "0000:03:00.0", "nvme");
	/* or the running system lies on it, even if local policy only advises */
	run = run_of(fake);
	run.advise = true;
	fake_file(fake, CONFIG, "hostpci0: 03:00.0\n");
	add_node(fake, "/sys/bus/pci/devices/0000:03:00.0/nvme/nvme1/nvme1n1", "block", "259:7\n",
		"nvme1n1");
	fake_file(fake, "/proc/1/mountinfo", "22 1 259:7 / / rw - ext4 /dev/nvme1n1 rw\n");
	assert_int_equal(pt_phase_find("pre-start")(&run), 1);
	assert_holds(fake->said, "start refused: hostpci0: 0000:03:00.0: is in use on this host: "
				 "nvme1n1 is mounted at /");
	close(lock);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

/* The last QEMU is ending and holds the group, seen or unseen: only starts that need it wait. */
static void the_last_qemu_is_waited_for(void **state)
{
	struct fake *fake = *state;
	struct pt_run run = run_of(fake);

	run.release_ms = 300;
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	held_group = 2;
	assert_int_equal(pt_phase_find("pre-start")(&run), 1);
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

/* One group that is held for a while holds no other function up. */
static void each_returns_as_soon_as_it_can(void **state)
{
	struct fake *fake = *state;
	struct pt_run run = run_of(fake);

	run.release_ms = 300;
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\nhostpci1: 03:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	held_group = 2;
	assert_int_equal(pt_phase_find("post-stop")(&run), 1);
	assert_holds(fake->said,
		"error: " DISK ": a process that is ending still holds IOMMU group "
		"2; wait until it is gone; retry with 'pve-ptconf release 100'");
	assert_driver(fake, DISK, "vfio-pci");
	assert_driver(fake, "0000:03:00.0", "nvme");
	held_looks = 2;
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
	held_group = PT_GROUP_NONE;
	held_looks = -1;
}

/* While the stop waits for its group, somebody starts the guest without our hook. */
static void a_guest_that_is_started_meanwhile_keeps_all(void **state)
{
	struct fake *fake = *state;
	struct pt_run run = run_of(fake);

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	run.release_ms = 1000;
	held_group = 2;
	held_looks = 2;
	starts_again = fake;
	assert_int_equal(pt_phase_find("post-stop")(&run), 1);
	assert_holds(fake->said,
		"guest 100 was started again meanwhile, as process 4242; its devices stay with it");
	assert_driver(fake, DISK, "vfio-pci");
	starts_again = NULL;
	held_group = PT_GROUP_NONE;
	held_looks = -1;
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

/* Proxmox VE has promised it to another guest. The QEMU of that guest has not opened it yet. */
static void what_is_reserved_by_another_is_left(void **state)
{
	struct fake *fake = *state;
	PT_FREE char *line = pt_format(DISK " 101 time:%lld\n", (long long)time(NULL) + 60);

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\nhostpci1: 03:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, line);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_holds(fake->said, DISK " is with another guest or process; reconcile returns it");
	assert_driver(fake, DISK, "vfio-pci");
	assert_driver(fake, "0000:03:00.0", "nvme");
	assert_true(has_claim(fake, 100));
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, "");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
	assert_false(has_claim(fake, 100));
}

/* QEMU gets the whole IOMMU group, or nothing. */
static void what_shares_a_reserved_group_is_left(void **state)
{
	struct fake *fake = *state;
	PT_FREE char *line = pt_format(AUDIO " 101 time:%lld\n", (long long)time(NULL) + 60);

	fake_file(fake, CONFIG, "hostpci0: 01:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, line);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, GPU, "vfio-pci");
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, "");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, GPU, "nouveau");
	assert_false(has_claim(fake, 100));
}

/* Another guest's return that does not end is waited for only so long. */
static void a_return_that_hangs_is_not_waited_for_ever(void **state)
{
	struct fake *fake = *state;
	struct pt_run other = run_of(fake);
	int lock;

	other.vmid = 101;
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf", "hostpci0: 02:00.0\n");
	assert_int_equal(pt_phase_find("pre-start")(&other), 0);
	end(fake, 101);
	lock = hold_disk(fake);
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_holds(fake->said, "guest 101 is still giving " DISK " back; waiting");
	assert_holds(fake->said, "start refused: " DISK " is being moved right now");
	assert_false(has(fake, CLAIM));
	close(lock);
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

/* A start of guest 101 beside ours takes the disk each time just before we do, and fails. */
struct flicker {
	struct fake *fake;
	struct pt_store *store;
	void (*note)(void *data, enum pt_log_level level, const char *line);
	int times;
};

static void flicker(void *data, enum pt_log_level level, const char *line)
{
	struct flicker *other = data;

	other->note(other->fake, level, line);
	if (!strstr(line, "[return-risky]"))
		return;
	record_guest(other->store, 101, PT_ROLE_TAKEN, DISK, NULL);
	other->times++;
}

static void a_neighbour_that_flickers_is_told(void **state)
{
	struct fake *fake = *state;
	struct flicker other = {.fake = fake, .note = fake->log.emit};
	struct pt_run run = run_of(fake);

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	other.store = open_store(fake, PT_CLAIMS_DIR);
	fake->log = (struct pt_log){.emit = flicker, .data = &other};
	assert_int_equal(pt_phase_find("pre-start")(&run), 1);
	fake->log = (struct pt_log){.emit = other.note, .data = fake};
	assert_int_equal(other.times, 64);
	assert_holds(fake->said, "start refused: its devices changed hands 64 times meanwhile; "
				 "start it again: " DISK ": is in the claim of 101 too");
	assert_driver(fake, DISK, "nvme");
	pt_store_close(other.store);
}

static void ones_own_return_is_waited_for(void **state)
{
	a_return_under_way_is_waited_for(100, *state);
}

static void another_guests_return_is_waited_for(void **state)
{
	struct fake *fake = *state;

	a_return_under_way_is_waited_for(101, fake);
	assert_false(has_claim(fake, 101));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(waits_for_another_mover),
		MACHINE_TEST(break_glass_waits_for_a_return),
		MACHINE_TEST(a_hanging_return_does_not_stop_the_guest),
		MACHINE_TEST(the_last_qemu_is_waited_for),
		MACHINE_TEST(each_returns_as_soon_as_it_can),
		MACHINE_TEST(a_guest_that_is_started_meanwhile_keeps_all),
		MACHINE_TEST(what_is_reserved_by_another_is_left),
		MACHINE_TEST(what_shares_a_reserved_group_is_left),
		MACHINE_TEST(a_return_that_hangs_is_not_waited_for_ever),
		MACHINE_TEST(a_neighbour_that_flickers_is_told),
		MACHINE_TEST(ones_own_return_is_waited_for),
		MACHINE_TEST(another_guests_return_is_waited_for),
	};

	return cmocka_run_group_tests_name("phases, waits", tests, NULL, NULL);
}
