// SPDX-License-Identifier: AGPL-3.0-or-later
/* Simultaneous work: returns and other guests that a start waits for, or not for ever. */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/unit/phases.h"

/* The group that an unseen process holds. */
static int held_group = PT_GROUP_NONE;
bool __real_pt_vfio_group_free(const struct pt_host *host, int group);
bool __wrap_pt_vfio_group_free(const struct pt_host *host, int group);
/* For how many looks more; -1: for ever. */
static int held_looks = -1;
/* One that is opened behind our first look. */
static int late_group = PT_GROUP_NONE, late_looks;
/* The machine on which guest 100 runs as soon as the held group is looked at; NULL: none. */
static struct fake *starts_again;

bool __wrap_pt_vfio_group_free(const struct pt_host *host, int group)
{
	if (group == late_group && late_looks++)
		return false;
	if (group == held_group && starts_again)
		run_guest(starts_again);
	if (group == held_group && held_looks) {
		held_looks -= held_looks > 0;
		return false;
	}
	return __real_pt_vfio_group_free(host, group);
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
	assert_holds(fake->said, "retry with 'pve-ptconf release 100'");
	assert_driver(fake, DISK, "vfio-pci");
	close(lock);
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

/* Even when switched off a return is given some time: Proxmox VE would bind its functions. */
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

/* A return that never ends stops only the starts that need its functions. */
static void a_hanging_return_does_not_stop_the_guest(void **state)
{
	struct fake *fake = *state;
	struct pt_claims *claims = NULL;
	struct pt_run run;
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
	pt_claims_close(claims);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

/* The last QEMU is ending and holds the group, seen or unseen: only starts that need it wait. */
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
	held_looks = 2;
	assert_int_equal(phase(fake, "post-stop"), 1);
	assert_holds(fake->said, "still holds IOMMU group 2");
	assert_driver(fake, DISK, "vfio-pci");
	assert_driver(fake, "0000:03:00.0", "nvme");
	late_group = held_group = PT_GROUP_NONE;
	held_looks = -1;
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

/* While the start waits for its group, somebody starts the guest without our hook. */
static void a_guest_that_is_started_meanwhile_keeps_all(void **state)
{
	struct fake *fake = *state;
	struct pt_run run = run_of(fake);

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	run.release_ms = 60000;
	held_group = 2;
	held_looks = 10;
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
	assert_true(pt_host_exists(fake->host, CLAIM));
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, "");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
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
		fake->said, "start refused: hostpci0: " DISK ": is still returning from guest 101");
	assert_false(has(fake, CLAIM));
	close(lock);
	pt_claim_free(claim);
	pt_claims_close(claims);
}

/* Another guest: its claim on the disk comes just before ours, and goes when we wait for it. */
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
	assert_holds(fake->said, "start refused: other guests took and released its devices "
				 "8 times; start it again: " DISK ": is in the claim of 101 too");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(waits_for_another_mover),
		MACHINE_TEST(break_glass_waits_for_a_return),
		MACHINE_TEST(a_hanging_return_does_not_stop_the_guest),
		MACHINE_TEST(the_last_qemu_is_waited_for),
		MACHINE_TEST(a_group_that_is_opened_meanwhile_is_left),
		MACHINE_TEST(a_guest_that_is_started_meanwhile_keeps_all),
		MACHINE_TEST(what_is_reserved_by_another_is_left),
		MACHINE_TEST(a_return_that_begins_is_waited_for),
		MACHINE_TEST(a_return_that_hangs_is_not_waited_for_ever),
		MACHINE_TEST(a_neighbour_that_flickers_is_told),
		MACHINE_TEST(ones_own_return_is_waited_for),
		MACHINE_TEST(another_guests_return_is_waited_for),
	};

	return cmocka_run_group_tests_name("phases, waits", tests, NULL, NULL);
}
