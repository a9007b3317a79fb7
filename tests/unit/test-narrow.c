// SPDX-License-Identifier: AGPL-3.0-or-later
/* Whole starts on a simulated host: its guests name a mapping with two devices. */

#include "hook/phases.h"
#include "pve/handover/narrow.h"
#include "pve/config/paths.h"
#include "tests/unit/unit.h"

#define A     "0000:02:00.0"
#define B     "0000:03:00.0"
#define GPU   "0000:01:00.0"
#define AUDIO "0000:01:00.1"

static int setup(void **state)
{
	int r = machine_setup(state);
	struct fake *fake = *state;

	fake_file(fake, PT_PVE_PCI_MAPPINGS, TWO_DISKS);
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/100.conf", "hostpci0: mapping=disks\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf", "hostpci0: mapping=disks\n");
	return r;
}
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, machine_teardown)

static int phase(struct fake *fake, unsigned int vmid, const char *name)
{
	struct pt_run run = {.host = fake->host,
		.node = "node1",
		.config_node = "node1",
		.vmid = vmid,
		.limits = {.lock_ms = 100, .group_ms = 200, .write_ms = 30000, .phase_ms = 60000},
		.api_ms = 300,
		.wait_ms = 200,
		.release_ms = 20000};

	return pt_phase_find(name)(&run);
}

/* Runs pre-start as Proxmox VE does: with its lock of the guest held, until the caller closes ret.
 */
static int start(struct fake *fake, unsigned int vmid)
{
	int lock = hold_pve_lock(fake, vmid);

	assert_int_equal(phase(fake, vmid, "pre-start"), 0);
	return lock;
}

/* The guest runs, and Proxmox VE's reservations are as given. */
static void run_guest(struct fake *fake, unsigned int vmid, const char *reservations)
{
	static const char kvm100[] = KVM_OF("100"), kvm101[] = KVM_OF("101");
	PT_FREE char *pidfile = pt_format(PT_PVE_RUN "/%u.pid", vmid);
	PT_FREE char *cmdline = pt_format("/proc/%u/cmdline", vmid + 4000);
	PT_FREE char *pid = pt_format("%u\n", vmid + 4000);

	fake_file(fake, pidfile, pid);
	fake_bytes(fake, cmdline, vmid == 100 ? kvm100 : kvm101, sizeof(kvm100) - 1);
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, reservations);
}

static void stop_guest(struct fake *fake, unsigned int vmid)
{
	PT_FREE char *pidfile = pt_format(PT_PVE_RUN "/%u.pid", vmid);

	fake_remove(fake, pidfile);
	assert_int_equal(phase(fake, vmid, "post-stop"), 0);
}

static void the_prediction_was_right(void **state)
{
	struct fake *fake = *state;

	assert_int_equal(phase(fake, 100, "pre-start"), 0);
	assert_driver(fake, A, "vfio-pci");
	assert_driver(fake, B, "nvme");
	run_guest(fake, 100, A " 100 pid:4100\n");
	assert_int_equal(phase(fake, 100, "post-start"), 0);
	assert_lacks(fake->said, "is not the one");
	assert_driver(fake, A, "vfio-pci");
	/* the other device is free for the next guest */
	assert_int_equal(phase(fake, 101, "pre-start"), 0);
	assert_driver(fake, B, "vfio-pci");
	run_guest(fake, 101, A " 100 pid:4100\n" B " 101 pid:4101\n");
	assert_int_equal(phase(fake, 101, "post-start"), 0);
	stop_guest(fake, 100);
	assert_driver(fake, A, "nvme");
	assert_driver(fake, B, "vfio-pci");
	stop_guest(fake, 101);
	assert_driver(fake, B, "nvme");
	assert_false(pt_host_exists(fake->host, PT_CLAIMS_DIR "/guest/100.json"));
	assert_false(pt_host_exists(fake->host, PT_CLAIMS_DIR "/guest/101.json"));
}

/* A guest stops while another that might get its device is on its way: that one returns it. */
static void one_stops_while_the_other_starts(void **state)
{
	struct fake *fake = *state;
	int lock;

	close(start(fake, 100));
	run_guest(fake, 100, A " 100 pid:4100\n");
	assert_int_equal(phase(fake, 100, "post-start"), 0);
	lock = start(fake, 101);
	assert_driver(fake, B, "vfio-pci");
	stop_guest(fake, 100);
	assert_driver(fake, A, "vfio-pci");
	run_guest(fake, 101, B " 101 pid:4101\n");
	assert_int_equal(phase(fake, 101, "post-start"), 0);
	close(lock);
	assert_driver(fake, A, "nvme");
	stop_guest(fake, 101);
	assert_driver(fake, B, "nvme");
}

/* A guest alone, and Proxmox VE took the other device: a reservation had been left just before. */
static void another_one_was_chosen(void **state)
{
	struct fake *fake = *state;

	assert_int_equal(phase(fake, 100, "pre-start"), 0);
	fake_link(fake, "/sys/bus/pci/devices/" B "/driver", "/sys/bus/pci/drivers/vfio-pci");
	run_guest(fake, 100, B " 100 pid:4100\n");
	assert_int_equal(phase(fake, 100, "post-start"), 0);
	assert_holds(fake->said, "hostpci0: " A " is not the choice of Proxmox VE, and returns");
	assert_holds(fake->said, "hostpci0: " B " is the choice of Proxmox VE");
	assert_driver(fake, A, "nvme");
	assert_driver(fake, B, "vfio-pci");
	stop_guest(fake, 100);
	assert_driver(fake, B, "nvme");
}

static void two_guests_swap(void **state)
{
	struct fake *fake = *state;

	int lock100 = start(fake, 100), lock101 = start(fake, 101);

	assert_driver(fake, A, "vfio-pci");
	assert_driver(fake, B, "vfio-pci");
	run_guest(fake, 101, A " 101 pid:4101\n");
	assert_int_equal(phase(fake, 101, "post-start"), 0);
	/* B is not returned: the other guest is about to get it */
	assert_driver(fake, B, "vfio-pci");
	run_guest(fake, 100, A " 101 pid:4101\n" B " 100 pid:4100\n");
	assert_int_equal(phase(fake, 100, "post-start"), 0);
	close(lock100);
	close(lock101);
	stop_guest(fake, 101);
	assert_driver(fake, A, "nvme");
	assert_driver(fake, B, "vfio-pci");
	stop_guest(fake, 100);
	assert_driver(fake, B, "nvme");
}

/* ... and the start of one of them fails for good: its devices come back, the other keeps its own.
 */
static void one_of_two_fails(void **state)
{
	struct fake *fake = *state;

	int lock100 = start(fake, 100), lock101 = start(fake, 101);

	run_guest(fake, 101, A " 101 pid:4101\n");
	assert_int_equal(phase(fake, 101, "post-start"), 0);
	close(lock100);
	close(lock101);
	assert_int_equal(phase(fake, 100, "post-stop"), 0);
	assert_holds(fake->said, A " stays with guest 101");
	assert_driver(fake, A, "vfio-pci");
	assert_driver(fake, B, "nvme");
	stop_guest(fake, 101);
	assert_driver(fake, A, "nvme");
}

/* A spare that runs in a guest without our hook is not taken from under it. */
static void a_spare_in_use_is_left_alone(void **state)
{
	struct fake *fake = *state;

	assert_int_equal(phase(fake, 100, "pre-start"), 0);
	fake_link(fake, "/sys/bus/pci/devices/" B "/driver", "/sys/bus/pci/drivers/vfio-pci");
	run_guest(fake, 101, A " 100 pid:4100\n" B " 101 pid:4101\n");
	run_guest(fake, 100, A " 100 pid:4100\n" B " 101 pid:4101\n");
	assert_int_equal(phase(fake, 100, "post-start"), 0);
	assert_driver(fake, B, "vfio-pci");
	/* or in any other process */
	stop_guest(fake, 100);
	fake_remove(fake, PT_PVE_RUN "/101.pid");
	fake_remove(fake, PT_PVE_PCI_RESERVATIONS);
	fake_link(fake, "/sys/bus/pci/devices/" B "/driver", "/sys/bus/pci/drivers/nvme");
	assert_int_equal(phase(fake, 100, "pre-start"), 0);
	fake_link(fake, "/sys/bus/pci/devices/" B "/driver", "/sys/bus/pci/drivers/vfio-pci");
	fake_link(fake, "/proc/77/fd/5", "/dev/vfio/3");
	assert_int_equal(phase(fake, 100, "post-stop"), 0);
	assert_driver(fake, A, "nvme");
	assert_driver(fake, B, "vfio-pci");
}

static void without_reservations_nothing_is_guessed(void **state)
{
	struct fake *fake = *state;

	assert_int_equal(phase(fake, 100, "pre-start"), 0);
	run_guest(fake, 100, "");
	assert_int_equal(phase(fake, 100, "post-start"), 0);
	assert_driver(fake, A, "vfio-pci");
	stop_guest(fake, 100);
	assert_driver(fake, A, "nvme");
	assert_int_equal(phase(fake, 100, "pre-start"), 0);
	fake_remove(fake, PT_PVE_PCI_RESERVATIONS);
	fake_dir(fake, PT_PVE_PCI_RESERVATIONS);
	assert_int_equal(phase(fake, 100, "post-start"), 1);
	assert_holds(fake->said, PT_PVE_PCI_RESERVATIONS ": Is a directory");
	assert_driver(fake, A, "vfio-pci");
}

static void add(
	struct pt_guest_record *record, const char *name, const char *entry, enum pt_role role)
{
	struct pt_bdf bdf = bdf_of(name);

	pt_wish_add(record, &bdf, entry)->role = role;
}

static bool holds(const struct pt_guest_record *record, const char *name)
{
	struct pt_bdf bdf = bdf_of(name);

	return pt_wish_find(record, &bdf);
}

/* What is reserved counts by its guest: which entry a candidate is listed for says nothing. */
static void what_is_reserved_is_kept(void **state)
{
	static const char text[] = A " 100 pid:4100\n0000:05:00.0 100 pid:4100\n" GPU
				     " 100 pid:4100\n" B " 102 pid:4102\nx 101 pid:4101\n";
	struct fake *fake = *state;
	struct pt_reservations PT_RESERVATIONS reservations = {0};
	struct pt_guest_record PT_GUEST_RECORD record = {.vmid = 100, .start = "a"};
	struct pt_guest_record PT_GUEST_RECORD other = {.vmid = 101, .start = "a"};

	fake_file(fake, PT_PVE_PCI_RESERVATIONS, text);
	assert_int_equal(pt_reservations_read(fake->host, &reservations, NULL), 0);
	add(&record, A, "hostpci1", PT_ROLE_CANDIDATE);
	add(&record, B, "hostpci0", PT_ROLE_TAKEN);
	add(&record, "0000:05:00.0", "hostpci2", PT_ROLE_TAKEN);
	add(&record, "0000:05:01.0", "hostpci2", PT_ROLE_COMPANION);
	add(&record, AUDIO, "hostpci3", PT_ROLE_COMPANION);
	add(&record, "0000:04:00.1", "hostpci0", PT_ROLE_COMPANION);
	add(&record, "0000:04:10.0", "args", PT_ROLE_TAKEN);
	assert_true(pt_narrow(fake->host, &reservations, &record));
	assert_true(holds(&record, A));
	assert_int_equal(record.wish[2].role, PT_ROLE_TAKEN);
	assert_false(holds(&record, B));
	assert_holds(fake->said, "hostpci0: " B " is not the choice of Proxmox VE, and returns");
	assert_holds(fake->said, "hostpci1: " A " is the choice of Proxmox VE");
	/* companions follow their group, */
	assert_true(holds(&record, "0000:05:01.0"));
	assert_false(holds(&record, "0000:04:00.1"));
	/* also that of a function that nobody had predicted */
	assert_true(holds(&record, GPU));
	assert_true(holds(&record, AUDIO));
	/* and Proxmox VE knows nothing of devices in args */
	assert_true(holds(&record, "0000:04:10.0"));
	assert_false(pt_narrow(fake->host, &reservations, &record));
	/* nothing that can be compared is reserved for it */
	add(&other, B, "hostpci0", PT_ROLE_TAKEN);
	assert_false(pt_narrow(fake->host, &reservations, &other));
	assert_true(holds(&other, B));
}

/* The policy of a device counts for the one that the guest got. */
static void policy_follows_the_choice(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, PT_POLICY_FILE,
		"[device " A "]\nreturn = none\n[device " B "]\nreturn = keep-vfio\n");
	assert_int_equal(phase(fake, 100, "pre-start"), 0);
	assert_driver(fake, A, "vfio-pci");
	fake_link(fake, "/sys/bus/pci/devices/" B "/driver", "/sys/bus/pci/drivers/vfio-pci");
	run_guest(fake, 100, B " 100 pid:4100\n");
	assert_int_equal(phase(fake, 100, "post-start"), 0);
	/* the guest never had it */
	assert_driver(fake, A, "nvme");
	assert_holds(fake->said, "hostpci0: " B " goes to vfio-pci when the guest has stopped");
	stop_guest(fake, 100);
	assert_driver(fake, B, "vfio-pci");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_prediction_was_right),
		TEST(one_stops_while_the_other_starts),
		TEST(another_one_was_chosen),
		TEST(two_guests_swap),
		TEST(one_of_two_fails),
		TEST(a_spare_in_use_is_left_alone),
		TEST(without_reservations_nothing_is_guessed),
		TEST(what_is_reserved_is_kept),
		TEST(policy_follows_the_choice),
	};

	return cmocka_run_group_tests_name("narrow", tests, NULL, NULL);
}
