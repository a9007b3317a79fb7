// SPDX-License-Identifier: AGPL-3.0-or-later
/* Local policy in the phases. */
#include "lib/linux/systemd.h"
#include "tests/unit/phases.h"

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
	if (order == PT_UNIT_STOP || order == PT_UNIT_START)
		run_player(order == PT_UNIT_START);
	*ret_active = player_runs;
	return 0;
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
	/* a guest that cannot start anyway stops nothing */
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
	/* refused after all, since somebody else has it open: it runs again at once */
	fake_file(fake, "/proc/4444/comm", "other\n");
	fake_link(fake, "/proc/4444/fd/4", "/dev/dri/card0");
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_holds(fake->said, "player.service is stopped");
	assert_holds(fake->said, "is open in process 4444");
	assert_true(player_runs);
	assert_false(pt_host_exists(fake->host, CLAIM));
	fake_remove(fake, "/proc/4444/fd/4");
	/* of the unit, but it has outlived the stop: the device is in use all the same */
	fake_file(fake, "/proc/4545/comm", "player\n");
	fake_file(fake, "/proc/4545/cgroup", "0::/system.slice/player.service\n");
	fake_link(fake, "/proc/4545/fd/4", "/dev/dri/card0");
	assert_int_equal(phase(fake, "pre-start"), 1);
	assert_holds(fake->said, "player.service is stopped");
	assert_holds(fake->said, "is open in process 4545");
	assert_true(player_runs);
	fake_remove(fake, "/proc/4545/fd/4");
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

/* Where a function goes is decided when it has been taken; a take that fails is undone to the
 * origin. */
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
	assert_false(has_claim(fake, 100));
}

#define ON_VFIO "/sys/bus/pci/devices/" DISK "/vfio-dev"

/* A function that Proxmox VE does not bind goes to the vfio driver that local policy names. */
static void policy_says_which_vfio_driver(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 01:00,driver=keep\nhostpci1: 02:00.0,driver=keep\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_driver(fake, DISK, "nvme");
	assert_false(has_claim(fake, 100));
	fake_file(fake, "/sys/bus/pci/drivers/edu-vfio-pci/bind", "");
	fake_file(fake, "/sys/bus/pci/drivers/edu-vfio-pci/unbind", "");
	fake_link(fake, "/sys/module/edu_vfio_pci/drivers/pci:edu-vfio-pci",
		"/sys/bus/pci/drivers/edu-vfio-pci");
	fake_file(fake, PT_POLICY_FILE, "[device 02:00]\nvfio-driver = edu_vfio_pci\n");
	fake_dir(fake, ON_VFIO);
	/* vfio-pci, which cannot be loaded either, is not needed */
	fake_remove(fake, "/sys/bus/pci/drivers/vfio-pci");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_driver(fake, GPU, "nouveau");
	assert_driver(fake, DISK, "edu-vfio-pci");
	fake_file(fake, "/sys/bus/pci/drivers/vfio-pci/bind", "");
	fake_file(fake, "/sys/bus/pci/drivers/vfio-pci/unbind", "");
	/* a start again leaves it there; another driver by policy is another take */
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "hostpci1: " DISK " stays on edu-vfio-pci");
	fake_file(fake, PT_POLICY_FILE,
		"[device 02:00]\nvfio-driver = vfio-pci\n"
		"[device 01:00.0]\nvfio-driver = other\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "hostpci1: " DISK " edu-vfio-pci -> vfio-pci (");
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
	assert_false(has_claim(fake, 100));
	fake_file(fake, PT_POLICY_FILE,
		"[device 02:00]\nvfio-driver = edu-vfio-pci\nreturn = keep-vfio\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "edu-vfio-pci");
	assert_override(fake, DISK, "edu-vfio-pci");
	assert_false(has_claim(fake, 100));
}

/* A companion stays where it is at a restart, though it is on a vfio driver by then. */
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
	assert_false(has_claim(fake, 100));
}

static void vfs_overrule_the_policy(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 04:00.0\n");
	fake_file(fake, PT_POLICY_FILE, "[device 04:00.0]\nreturn = none\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "0000:04:00.0 has virtual functions that come back with it; the "
				 "policy for its return is ignored");
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
	assert_holds(fake->said, "without 'mode = advise' the finding [");
	assert_driver(fake, DISK, "vfio-pci");
	assert_int_equal(phase(fake, "post-stop"), 0);
	/* but no device of another guest is taken, even then */
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, DISK " 101 time:99999999999\n");
	assert_int_equal(pt_phase_find("pre-start")(&run), 0);
	assert_holds(fake->said,
		"reserved by guest 101, which is starting [reserved-by-other]; the start goes on, "
		"but no device is moved");
	assert_driver(fake, DISK, "nvme");
	assert_false(has_claim(fake, 100));
	fake_remove(fake, PT_PVE_PCI_RESERVATIONS);
	/* a failure warns, and the start goes on */
	fake_fault(fake, "bind-vfio-pci", DISK, "22");
	assert_int_equal(pt_phase_find("pre-start")(&run), 0);
	assert_holds(fake->said, "taking failed; the taken devices are returned");
	assert_driver(fake, DISK, "nvme");
	assert_false(has_claim(fake, 100));
}

static void a_bad_policy_is_told(void **state)
{
	struct fake *fake = *state;

	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	fake_file(fake, PT_POLICY_FILE, "[device 02:00.0]\nreturn = none\nreturn = none\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "error: host: " PT_POLICY_FILE
				 ": line 3: return is there already, in line 2; none of its lines "
				 "counts");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
	/* a tag that does not exist voids it for a return, too */
	fake_file(fake, PT_POLICY_FILE,
		"[guest 100]\nallow = no-rest\n[device 02:00.0]\nreturn = none\n");
	assert_int_equal(phase(fake, "pre-start"), 0);
	assert_holds(fake->said, "line 2: there is no finding 'no-rest'");
	assert_int_equal(phase(fake, "post-stop"), 0);
	assert_driver(fake, DISK, "nvme");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(units_make_way_and_come_back),
		MACHINE_TEST(policy_says_where_devices_go),
		MACHINE_TEST(policy_says_which_vfio_driver),
		MACHINE_TEST(companions_of_a_kept_entry_stay),
		MACHINE_TEST(vfs_overrule_the_policy),
		MACHINE_TEST(advice_refuses_nothing),
		MACHINE_TEST(a_bad_policy_is_told),
	};

	return cmocka_run_group_tests_name("phases, policy", tests, NULL, NULL);
}
