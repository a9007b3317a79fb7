// SPDX-License-Identifier: AGPL-3.0-or-later
#include <sys/stat.h>

#include "pve/config/paths.h"
#include "pve/handover/reconcile.h"
#include "tests/unit/unit.h"

#define DISK   "0000:02:00.0"
#define DISK2  "0000:03:00.0"
#define CONFIG "/etc/pve/nodes/node1/qemu-server/100.conf"

static const struct pt_limits limits = {
	.lock_ms = 50, .group_ms = 50, .write_ms = 30000, .phase_ms = 60000};

static struct pt_store *take(struct fake *fake, unsigned int vmid, const char *name)
{
	struct pt_handover handover = handover_of(fake);
	struct pt_store *store = open_store(fake, PT_CLAIMS_DIR);
	struct pt_claim PT_CLAIM claim = {0};

	record_function(fake, store, name, NULL);
	record_guest(store, vmid, PT_ROLE_TAKEN, name, NULL);
	claim_function(fake, &claim, name);
	assert_int_equal(pt_handover_take(&handover, &claim, NULL), 0);
	return store;
}

/* Reconciles, and compares how many claims were returned and how many not. */
static void reconcile(struct fake *fake, struct pt_store *store, size_t returned, size_t failed)
{
	struct pt_reconciled reconciled = {0};

	assert_int_equal(pt_reconcile(fake->host, store, &limits, &reconciled, NULL), 0);
	assert_int_equal(reconciled.returned, returned);
	assert_int_equal(reconciled.failed, failed);
}

static void what_lives_is_left_alone(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = take(fake, 100, DISK);
	struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	char path[160];
	int lock;

	/* it runs */
	fake_file(fake, PT_PVE_RUN "/100.pid", "4242\n");
	process_4242(fake, KVM_OF("100"));
	reconcile(fake, store, 0, 0);
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	/* Proxmox VE starts or stops it */
	lock = hold_pve_lock(fake, 100);
	reconcile(fake, store, 0, 0);
	close(lock);
	/* somebody moves its functions */
	assert_int_equal(pt_lock_guest(store, 100, 0, &lock, NULL), 0);
	reconcile(fake, store, 0, 0);
	close(lock);
	/* it comes back at once */
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\nlock: backup\n");
	reconcile(fake, store, 0, 0);
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\nlock: suspended\n");
	fake_file(fake, PT_PVE_RUN "/100.reboot", "");
	reconcile(fake, store, 0, 0);
	assert_driver(fake, DISK, "vfio-pci");
	/* a mark that nobody took away */
	snprintf(path, sizeof(path), "%s" PT_PVE_RUN "/100.reboot", fake->root);
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	reconcile(fake, store, 1, 0);
	assert_holds(fake->said, "guest 100 does not run, but still holds devices; its claim ends");
	assert_driver(fake, DISK, "nvme");
	reconcile(fake, store, 0, 0);
}

static void one_that_fails_does_not_stop_the_others(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = take(fake, 100, DISK);

	pt_store_close(take(fake, 101, DISK2));
	fake_fault(fake, "bind-nvme", DISK, "5");
	fake_file(fake, PT_CLAIMS_DIR "/guest/notes.json", "of somebody");
	reconcile(fake, store, 1, 1);
	assert_holds(fake->said, "error: 1 function not returned: " DISK);
	assert_driver(fake, DISK2, "nvme");
	fake_remove(fake, "/fault");
	reconcile(fake, store, 1, 0);
	assert_driver(fake, DISK, "nvme");
}

/* Functions that Proxmox VE did not choose need not wait until the guest stops. */
static void a_guest_that_runs_keeps_only_its_own(void **state)
{
	struct fake *fake = *state;
	struct pt_store PT_STORE *store = NULL;
	int lock;

	pt_store_close(take(fake, 101, DISK2));
	store = take(fake, 100, DISK);
	fake_remove(fake, PT_CLAIMS_DIR "/guest/101.json");
	record_guest(store, 100, PT_ROLE_TAKEN, DISK, DISK2);
	fake_file(fake, PT_PVE_RUN "/100.pid", "4242\n");
	process_4242(fake, KVM_OF("100"));
	/* somebody has it reserved for a moment */
	fake_file(fake, PT_PVE_PCI_RESERVATIONS,
		DISK " 100 pid:4242\n" DISK2 " 101 time:99999999999\n");
	reconcile(fake, store, 0, 0);
	assert_holds(fake->said, DISK2 " is with another guest or process; reconcile");
	assert_driver(fake, DISK2, "vfio-pci");
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, DISK " 100 pid:4242\n");
	fake_fault(fake, "bind-nvme", DISK2, "5");
	reconcile(fake, store, 0, 1);
	assert_holds(fake->said, "error: 1 function not returned: " DISK2);
	fake_remove(fake, "/fault");
	reconcile(fake, store, 0, 0);
	assert_driver(fake, DISK2, "nvme");
	assert_driver(fake, DISK, "vfio-pci");
	/* its post-start may still be at work */
	record_guest(store, 100, PT_ROLE_TAKEN, DISK, DISK2);
	assert_int_equal(pt_lock_guest(store, 100, 0, &lock, NULL), 0);
	reconcile(fake, store, 0, 0);
	assert_true(pt_host_exists(fake->host, PT_CLAIMS_DIR "/guest/100.json"));
	close(lock);
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	reconcile(fake, store, 1, 0);
	assert_driver(fake, DISK, "nvme");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(what_lives_is_left_alone),
		MACHINE_TEST(one_that_fails_does_not_stop_the_others),
		MACHINE_TEST(a_guest_that_runs_keeps_only_its_own),
	};

	return cmocka_run_group_tests_name("reconcile", tests, NULL, NULL);
}
