// SPDX-License-Identifier: AGPL-3.0-or-later
/* Twelve guests that choose from one mapping of twelve disks start within one second, as at node
 * boot, run, and stop. What Proxmox VE does around the hook is done here: its lock, its choice of
 * the first disk that nobody has reserved, its pid files. No start is refused, and no guest loses
 * the disk that Proxmox VE chose for it. */
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "pve/handover/reconcile.h"
#include "tests/fake-pve.h"
#include "tests/unit/phases.h"

#define GUESTS 12
#define ROUNDS 6
#define FIRST  100

enum { REFUSED = 10, LOST_BEFORE_QEMU, LOST_WHILE_RUNNING, STOP_FAILED, NOTHING_FREE };

/* How many guests have come how far. */
static struct {
	int ready, running;
} * common;

static void meet(int *count)
{
	struct timespec pause = {.tv_nsec = 5000000};

	__atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(count, __ATOMIC_SEQ_CST) < GUESTS)
		nanosleep(&pause, NULL);
}

static const char *disk(unsigned int index, char text[static 16])
{
	snprintf(text, 16, "0000:%02x:00.0", index + 2);
	return text;
}
#define DISK_OF(index) disk((index), (char[16]){0})

static bool is_on(const struct pt_host *host, const char *name, const char *driver)
{
	struct pt_bdf bdf = bdf_of(name);
	PT_FREE char *now = NULL;

	return pt_function_read_driver(host, &bdf, &now) == 0 && pt_streq(now, driver);
}

/* Reserves the first disk that no other guest has. */
static bool choose(struct fake *fake, unsigned int vmid, char chosen[static 16])
{
	for (unsigned int i = 0; i < GUESTS; i++) {
		const char *const function = disk(i, chosen);

		if (fake_pve_reserve(fake, vmid, &function, 1))
			return true;
	}
	return false;
}

static int phase_of(const struct pt_run *run, const char *name)
{
	return pt_phase_find(name)(run);
}

/* One guest's start, run and stop. Returns 0 or what went wrong. */
static int live(struct fake *fake, unsigned int index)
{
	struct timespec spread = {.tv_nsec = (long)(index * 379 % 1000) * 999999};
	struct pt_run run = run_of(fake);
	char chosen[16];
	const char *const function = chosen;
	bool lost;
	int lock, group;

	run.vmid = FIRST + index;
	run.wait_ms = 120000;
	run.limits.lock_ms = 60000;
	lock = fake_pve_lock(fake, run.vmid);
	meet(&common->ready);
	nanosleep(&spread, NULL);
	if (phase_of(&run, "pre-start") != 0)
		return REFUSED;
	if (!choose(fake, run.vmid, chosen))
		return NOTHING_FREE;
	if (!is_on(fake->host, chosen, "vfio-pci"))
		return LOST_BEFORE_QEMU;
	group = (int)strtol(chosen + 5, NULL, 16);
	fake_pve_run(fake, run.vmid, &function, &group, 1);
	if (phase_of(&run, "post-start") != 0)
		return STOP_FAILED;
	close(lock);
	meet(&common->running);
	lost = !is_on(fake->host, chosen, "vfio-pci");
	lock = fake_pve_lock(fake, run.vmid);
	fake_pve_kill(fake, run.vmid);
	fake_pve_bury(fake, run.vmid);
	if (phase_of(&run, "post-stop") != 0)
		return STOP_FAILED;
	close(lock);
	return lost ? LOST_WHILE_RUNNING : 0;
}

static int live_apart(const struct fake *fake, unsigned int index)
{
	struct fake own = *fake;
	int r;

	own.said = strdup("");
	own.log.data = &own;
	if (pt_host_open(&own.host, fake->root, &own.log, NULL) < 0)
		return 1;
	fake_react(own.host);
	r = live(&own, index);
	if (r)
		fprintf(stderr, "guest %u said: %s", FIRST + index, own.said);
	return r;
}

/* Runs all guests at once. A guest that fails keeps the others waiting for it: they are ended. */
static void storm(const struct fake *fake)
{
	pid_t pid[GUESTS];

	*common = (__typeof__(*common)){0};
	for (unsigned int i = 0; i < GUESTS; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			int r = live_apart(fake, i);

			/* the others must not wait for it */
			if (r)
				__atomic_add_fetch(&common->running, 1, __ATOMIC_SEQ_CST);
			_exit(r);
		}
	}
	for (unsigned int i = 0; i < GUESTS; i++) {
		int status = -1;

		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		if (status)
			fail_msg("guest %u: %d", FIRST + i, WEXITSTATUS(status));
	}
}

static void make_machine(struct fake *fake)
{
	char *functions = strdup("");
	char *mapping = strdup("disks\n");

	for (unsigned int i = 0; i < GUESTS; i++) {
		PT_FREE char *function = pt_format(
			"{\"addr\":\"%s\",\"vendor\":\"0x144d\",\"device\":\"0xa808\",\"class\":"
			"\"0x010802\",\"driver\":\"nvme\",\"iommu_group\":%u,"
			"\"subsystem_vendor\":\"0x144d\",\"subsystem_device\":\"0xa801\"}",
			DISK_OF(i), i + 2);
		PT_FREE char *line =
			pt_format("\tmap node=node1,path=%s,id=144d:a808,iommugroup=%u,"
				  "subsystem-id=144d:a801",
				DISK_OF(i), i + 2);
		PT_FREE char *config =
			pt_format("/etc/pve/nodes/node1/qemu-server/%u.conf", FIRST + i);

		functions = pt_list_add(functions, *functions ? "," : "", function);
		mapping = pt_list_add(mapping, i ? "\n" : "", line);
		fake_file(fake, config, "hostpci0: mapping=disks\n");
	}
	{
		PT_FREE char *tree = pt_format("{\"functions\":[%s]}", functions);
		PT_FREE char *text = pt_format("%s\n", mapping);

		fake_tree_text(fake, tree);
		fake_file(fake, PT_PVE_PCI_MAPPINGS, text);
	}
	free(functions);
	free(mapping);
	fake_file(fake, "/etc/hostname", "node1\n");
	fake_dir(fake, PT_PVE_RUN);
	fake_dir(fake, PT_PVE_LOCKS);
	fake_dir(fake, "/proc");
	fake_dir(fake, "/var/lib");
}

static void none_is_refused_and_none_loses_its_device(void **state)
{
	struct fake fake;
	struct pt_reconciled reconciled;
	struct pt_store *store;
	const struct pt_limits limits = {
		.lock_ms = 1000, .group_ms = 1000, .write_ms = 30000, .phase_ms = 60000};

	(void)state;
	fake_open(&fake);
	make_machine(&fake);
	common = mmap(
		NULL, sizeof(*common), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int round = 0; round < ROUNDS; round++) {
		storm(&fake);
		store = open_store(&fake, PT_CLAIMS_DIR);
		assert_int_equal(pt_reconcile(fake.host, store, &limits, &reconciled, NULL), 0);
		assert_int_equal(reconciled.failed, 0);
		pt_store_close(store);
		for (unsigned int i = 0; i < GUESTS; i++) {
			assert_driver(&fake, DISK_OF(i), "nvme");
			assert_override(&fake, DISK_OF(i), "(null)");
			assert_false(has_claim(&fake, FIRST + i));
		}
	}
	fake_close(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_is_refused_and_none_loses_its_device),
	};

	return cmocka_run_group_tests_name("storm", tests, NULL, NULL);
}
