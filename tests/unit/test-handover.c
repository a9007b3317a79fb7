// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/claim/handover.h"
#include "tests/unit/unit.h"

#define GPU   "0000:01:00.0"
#define AUDIO "0000:01:00.1"
#define DISK  "0000:02:00.0"
#define DISK2 "0000:03:00.0"
#define BARE  "0000:05:00.0"

/* For a write that never answers. */
static struct pt_handover impatient_handover(struct fake *fake)
{
	struct pt_handover handover = handover_of(fake);

	handover.write_ms = 2000;
	return handover;
}

static struct pt_claim *claim_all(struct fake *fake)
{
	static const char *const names[] = {GPU, AUDIO, DISK, DISK2, BARE};
	struct pt_claim *claim = new_claim();

	for (size_t i = 0; i < PT_ARRAY_SIZE(names); i++)
		claim_function(fake, claim, names[i]);
	return claim;
}

/* Takes in vain, and gives back what does not hang, as the hook does. Those that hang stay. */
static int take_in_vain(
	const struct pt_handover *handover, struct pt_claim *claim, struct pt_err *err)
{
	struct pt_claim hanging = {0};
	int r = pt_handover_take(handover, claim, err);

	for (size_t at = claim->count; at-- > 0;) {
		struct pt_claim_function *function = &claim->function[at];
		struct pt_claim_function *kept;

		if (!function->error)
			continue;
		kept = pt_claim_add(&hanging, &function->bdf, function->label, &function->origin);
		pt_set_text(&kept->error, function->error);
		pt_claim_remove(claim, &kept->bdf);
	}
	pt_handover_give_back(handover, claim, NULL);
	pt_claim_clear(claim);
	*claim = hanging;
	return r;
}

static void assert_at_home(struct fake *fake)
{
	assert_driver(fake, GPU, "nouveau");
	assert_driver(fake, AUDIO, "snd_hda_intel");
	assert_driver(fake, DISK, "nvme");
	assert_driver(fake, DISK2, "nvme");
	assert_driver(fake, BARE, "none");
	assert_override(fake, GPU, "(null)");
	assert_override(fake, AUDIO, "(null)");
	assert_override(fake, DISK, "(null)");
	assert_override(fake, BARE, "(null)");
}

static void takes_and_returns(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = claim_all(fake);

	assert_int_equal(pt_handover_take(&handover, claim, NULL), 0);
	assert_driver(fake, GPU, "vfio-pci");
	assert_driver(fake, AUDIO, "vfio-pci");
	assert_driver(fake, DISK, "vfio-pci");
	assert_driver(fake, BARE, "vfio-pci");
	assert_override(fake, BARE, "vfio-pci");
	assert_holds(fake->said, "hostpci0: " AUDIO " snd_hda_intel -> vfio-pci (0.");
	assert_holds(fake->said, "hostpci0: " BARE " no driver -> vfio-pci (");
	/* again: nothing to do */
	assert_int_equal(pt_handover_take(&handover, claim, NULL), 0);
	assert_holds(fake->said, GPU " stays on vfio-pci");
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), 0);
	assert_int_equal(claim->count, 0);
	assert_at_home(fake);
	assert_holds(fake->said, GPU " vfio-pci -> nouveau (");
	assert_holds(fake->said, BARE " vfio-pci -> no driver (");
	free_claim(claim);
}

/* A vfio driver other than vfio-pci, which must be one. */
static void takes_to_a_variant_and_returns(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = NULL;
	struct pt_err err = {0};

	fake_file(fake, "/sys/bus/pci/drivers/edu-vfio-pci/bind", "");
	fake_file(fake, "/sys/bus/pci/drivers/edu-vfio-pci/unbind", "");
	claim = new_claim();
	pt_set_text(&claim_function(fake, claim, DISK)->driver, "edu-vfio-pci");
	assert_int_equal(take_in_vain(&handover, claim, &err), -ENODEV);
	assert_string_equal(
		err.text, DISK ": edu-vfio-pci is no vfio driver; correct 'vfio-driver'");
	assert_at_home(fake);
	assert_int_equal(claim->count, 0);
	fake_dir(fake, "/sys/bus/pci/devices/" DISK "/vfio-dev");
	pt_set_text(&claim_function(fake, claim, DISK)->driver, "edu-vfio-pci");
	assert_int_equal(pt_handover_take(&handover, claim, NULL), 0);
	assert_driver(fake, DISK, "edu-vfio-pci");
	assert_override(fake, DISK, "edu-vfio-pci");
	assert_holds(fake->said, "hostpci0: " DISK " nvme -> edu-vfio-pci (0.");
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), 0);
	assert_int_equal(claim->count, 0);
	assert_at_home(fake);
	assert_holds(fake->said, DISK " edu-vfio-pci -> nvme (");
	free_claim(claim);
}

/* Policy may have named another vfio driver before: functions go home from there, too. */
static void returns_from_any_vfio_driver(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = new_claim();

	claim_function(fake, claim, DISK);
	fake_file(fake, "/sys/bus/pci/drivers/other-vfio/unbind", "");
	fake_remove(fake, "/sys/bus/pci/devices/" DISK "/driver");
	fake_link(fake, "/sys/bus/pci/devices/" DISK "/driver", "/sys/bus/pci/drivers/other-vfio");
	fake_dir(fake, "/sys/bus/pci/devices/" DISK "/vfio-dev");
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), 0);
	assert_at_home(fake);
	assert_holds(fake->said, DISK " other-vfio -> nvme (");
	free_claim(claim);
}

/* Wherever one write fails, everything is undone, the function that failed included. */
static void undoes_whatever_fails(void **state)
{
	static const char *const faults[][3] = {
		{"override", GPU, "22"},
		{"override", DISK2, "lie"},
		{"unbind", AUDIO, "16"},
		{"unbind", DISK, "lie"},
		{"bind-vfio-pci", DISK2, "22"},
		{"bind-vfio-pci", AUDIO, "exit"},
		{"bind-vfio-pci", BARE, "lie"},
	};

	for (size_t i = 0; i < PT_ARRAY_SIZE(faults); i++) {
		struct fake *fake = *state;
		struct pt_handover handover = handover_of(fake);
		struct pt_claim *claim = claim_all(fake);
		struct pt_err err = {0};
		char path[64];

		fake_fault(fake, faults[i][0], faults[i][1], faults[i][2]);
		assert_true(take_in_vain(&handover, claim, &err) < 0);
		assert_holds(err.text, faults[i][1]);
		assert_at_home(fake);
		assert_int_equal(claim->count, 0);
		free_claim(claim);
		snprintf(path, sizeof(path), "/fault/%s-%s", faults[i][0], faults[i][1]);
		fake_remove(fake, path);
	}
}

static void an_unbind_that_hangs_stays_in_the_claim(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = impatient_handover(fake);
	struct pt_claim *claim = claim_all(fake);
	struct pt_err err = {0};

	fake_fault(fake, "unbind", GPU, "hang");
	assert_int_equal(take_in_vain(&handover, claim, &err), -ETIME);
	assert_holds(err.text, GPU ": unbind from its driver: the kernel has not answered");
	/* its writer is alive in the kernel: nothing more is written to it, the rest is at home */
	assert_driver(fake, GPU, "nouveau");
	assert_override(fake, GPU, "vfio-pci");
	assert_driver(fake, AUDIO, "snd_hda_intel");
	assert_driver(fake, DISK, "nvme");
	assert_override(fake, DISK, "(null)");
	assert_int_equal(claim->count, 1);
	assert_holds(claim->function[0].error, "has not answered");
	/* later, when the kernel has let go, it goes home like any other */
	fake_remove(fake, "/fault/unbind-" GPU);
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), 0);
	assert_int_equal(claim->count, 0);
	assert_at_home(fake);
	free_claim(claim);
}

/* The driver link changes before probe and remove are through, so it proves nothing while they
 * hang. */
static void a_changed_link_is_no_answer(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = impatient_handover(fake);
	struct pt_claim *claim = claim_all(fake);
	struct pt_err err = {0};

	assert_int_equal(pt_handover_take(&handover, claim, NULL), 0);
	fake_fault(fake, "bind-nvme", DISK, "done-hang");
	assert_int_equal(pt_handover_give_back(&handover, claim, &err), -EIO);
	assert_holds(err.text, DISK ": bind to nvme: the kernel has not answered");
	assert_int_equal(claim->count, 1);
	free_claim(claim);
	fake_remove(fake, "/fault");
	claim = claim_all(fake);
	fake_fault(fake, "unbind", AUDIO, "done-hang");
	assert_int_equal(take_in_vain(&handover, claim, &err), -ETIME);
	assert_holds(err.text, AUDIO ": unbind from its driver: the kernel has not answered");
	assert_int_equal(claim->count, 1);
	assert_driver(fake, GPU, "nouveau");
	free_claim(claim);
}

/* Where in the journal the write stands. */
static size_t place_of(const char *journal, const char *write)
{
	const char *at = strstr(journal, write);

	if (!at)
		fail_msg("'%s' is not in: %s", write, journal);
	return at ? (size_t)(at - journal) : 0;
}

static void steps_go_in_order(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = claim_all(fake);
	char *journal;

	/* function 0 is slow: its slot mate waits, and no step overtakes another */
	fake_fault(fake, "unbind", GPU, "late-100");
	fake_fault(fake, "bind-vfio-pci", GPU, "late-100");
	assert_int_equal(pt_handover_take(&handover, claim, NULL), 0);
	journal = fake_read(fake, "/journal");
	assert_true(place_of(journal, "override " DISK2) < place_of(journal, "unbind " GPU));
	assert_true(place_of(journal, "unbind " GPU) < place_of(journal, "unbind " AUDIO));
	assert_true(place_of(journal, "unbind " AUDIO) < place_of(journal, "bind-vfio-pci " DISK));
	assert_true(place_of(journal, "bind-vfio-pci " GPU) <
		    place_of(journal, "bind-vfio-pci " AUDIO));
	free(journal);
	fake_remove(fake, "/journal");
	fake_fault(fake, "bind-nouveau", GPU, "late-100");
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), 0);
	journal = fake_read(fake, "/journal");
	assert_true(place_of(journal, "override " DISK2) < place_of(journal, "unbind " GPU));
	assert_true(place_of(journal, "bind-nouveau " GPU) <
		    place_of(journal, "bind-snd_hda_intel " AUDIO));
	free(journal);
	free_claim(claim);
}

static void a_stuck_writer_keeps_its_function_locked(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = impatient_handover(fake);
	struct pt_store PT_STORE *store = open_store(fake, "/run/pt");
	struct pt_claim *claim = claim_all(fake);
	struct pt_bdf gpu = bdf_of(GPU), disk = bdf_of(DISK);
	int lock = -1, other = -1;

	assert_int_equal(pt_lock_function(store, &gpu, PT_LOCK_ALONE, 0, &lock, NULL), 0);
	assert_int_equal(pt_lock_function(store, &disk, PT_LOCK_ALONE, 0, &other, NULL), 0);
	fake_fault(fake, "unbind", GPU, "stuck");
	claim->function[0].lock = lock;
	claim->function[2].lock = other;
	assert_int_equal(pt_handover_take(&handover, claim, NULL), -ETIME);
	close(lock);
	close(other);
	assert_true(pt_function_is_locked(store, &gpu));
	assert_false(pt_function_is_locked(store, &disk));
	free_claim(claim);
}

static void a_first_look_that_fails_leaves_no_claim(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = claim_all(fake);
	struct pt_err err = {0};

	fake_remove(fake, "/sys/bus/pci/devices/" DISK2);
	assert_int_equal(take_in_vain(&handover, claim, &err), -ENODEV);
	assert_holds(err.text, DISK2 ": is gone from the bus");
	assert_int_equal(claim->count, 0);
	free_claim(claim);
}

static void a_driver_that_cannot_be_read_is_told(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = claim_all(fake);
	struct pt_err err = {0};

	fake_remove(fake, "/sys/bus/pci/devices/" DISK2 "/driver");
	fake_file(fake, "/sys/bus/pci/devices/" DISK2 "/driver", "no link");
	assert_int_equal(take_in_vain(&handover, claim, &err), -EINVAL);
	assert_holds(err.text, DISK2 ": read its driver: Invalid argument");
	assert_driver(fake, GPU, "nouveau");
	free_claim(claim);
}

static void what_cannot_be_returned_stays_with_its_error(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = claim_all(fake);
	struct pt_err err = {0};

	assert_int_equal(pt_handover_take(&handover, claim, NULL), 0);
	fake_fault(fake, "bind-nvme", DISK, "5");
	assert_int_equal(pt_handover_give_back(&handover, claim, &err), -EIO);
	assert_holds(err.text, "1 function not returned: " DISK ": bind to nvme: Input/output");
	assert_int_equal(claim->count, 1);
	assert_holds(claim->function[0].error, "Input/output error");
	assert_driver(fake, DISK2, "nvme");
	assert_driver(fake, GPU, "nouveau");
	fake_remove(fake, "/fault/bind-nvme-" DISK);
	assert_int_equal(pt_handover_give_back(&handover, claim, &err), 0);
	assert_at_home(fake);
	free_claim(claim);
}

static void overrides_come_back(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim;

	/* one that names the driver, one that was set for later, one on a bare function */
	fake_file(fake, "/sys/bus/pci/devices/" DISK "/driver_override", "nvme\n");
	fake_file(fake, "/sys/bus/pci/devices/" DISK2 "/driver_override", "pci-stub\n");
	fake_file(fake, "/sys/bus/pci/devices/" BARE "/driver_override", "pci-stub\n");
	claim = claim_all(fake);
	assert_int_equal(pt_handover_take(&handover, claim, NULL), 0);
	assert_override(fake, DISK2, "vfio-pci");
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), 0);
	assert_driver(fake, DISK, "nvme");
	assert_driver(fake, DISK2, "nvme");
	assert_driver(fake, BARE, "none");
	assert_override(fake, DISK, "nvme");
	assert_override(fake, DISK2, "pci-stub");
	assert_override(fake, BARE, "pci-stub");
	free_claim(claim);
}

static void vfio_from_boot_is_left_alone(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim;

	fake_link(fake, "/sys/bus/pci/devices/" DISK "/driver", "/sys/bus/pci/drivers/vfio-pci");
	fake_fault(fake, "override", DISK, "5");
	fake_fault(fake, "unbind", DISK, "5");
	claim = claim_all(fake);
	assert_int_equal(pt_handover_take(&handover, claim, NULL), 0);
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), 0);
	assert_driver(fake, DISK, "vfio-pci");
	assert_override(fake, DISK, "(null)");
	free_claim(claim);
}

static void a_third_driver_keeps_it(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = claim_all(fake);

	assert_int_equal(pt_handover_take(&handover, claim, NULL), 0);
	fake_link(fake, "/sys/bus/pci/devices/" DISK "/driver", "/sys/bus/pci/drivers/pci-stub");
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), 0);
	assert_driver(fake, DISK, "pci-stub");
	assert_override(fake, DISK, "(null)");
	assert_holds(fake->said, "another program bound " DISK " to pci-stub; it stays there");
	free_claim(claim);
	/* with an override of their own: that is theirs as well */
	claim = claim_all(fake);
	fake_link(fake, "/sys/bus/pci/devices/" DISK2 "/driver", "/sys/bus/pci/drivers/uio");
	fake_file(fake, "/sys/bus/pci/devices/" DISK2 "/driver_override", "uio\n");
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), 0);
	assert_driver(fake, DISK2, "uio");
	assert_override(fake, DISK2, "uio");
	free_claim(claim);
}

static void what_is_gone_ends(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = claim_all(fake);
	struct pt_err err = {0};

	assert_int_equal(pt_handover_take(&handover, claim, NULL), 0);
	fake_remove(fake, "/sys/bus/pci/devices/" DISK);
	assert_int_equal(pt_handover_give_back(&handover, claim, &err), 0);
	assert_int_equal(claim->count, 0);
	assert_holds(fake->said, DISK ": is gone from the bus; nothing to return");
	assert_driver(fake, DISK2, "nvme");
	/* and one that is gone before it is taken moves nothing */
	free_claim(claim);
	claim = new_claim();
	claim_function(fake, claim, DISK2);
	claim->function[0].bdf.bus = 0x77;
	assert_int_equal(pt_handover_take(&handover, claim, &err), -ENODEV);
	assert_holds(err.text, "is gone from the bus");
	free_claim(claim);
}

static void a_driver_that_is_unloaded_is_told(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = claim_all(fake);
	struct pt_err err = {0};

	assert_int_equal(pt_handover_take(&handover, claim, NULL), 0);
	fake_remove(fake, "/sys/bus/pci/drivers/nouveau");
	assert_int_equal(pt_handover_give_back(&handover, claim, &err), -EIO);
	assert_holds(err.text, GPU ": driver nouveau is not there");
	assert_int_equal(claim->count, 1);
	assert_driver(fake, DISK, "nvme");
	free_claim(claim);
}

/* It goes to local policy's home; its origin stays on record while it does not get there. */
static void homes_take_the_place_of_origins(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = claim_all(fake);

	assert_int_equal(pt_handover_take(&handover, claim, NULL), 0);
	pt_set_text(&claim->function[0].home, "");
	pt_set_text(&claim->function[2].home, "vfio-pci");
	pt_set_text(&claim->function[3].home, "pci-stub");
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), -EIO);
	assert_driver(fake, GPU, "none");
	assert_override(fake, GPU, "(null)");
	assert_driver(fake, AUDIO, "snd_hda_intel");
	assert_driver(fake, DISK, "vfio-pci");
	assert_override(fake, DISK, "vfio-pci");
	/* there is no such driver */
	assert_int_equal(claim->count, 1);
	assert_holds(claim->function[0].error, DISK2 ": driver pci-stub is not there");
	assert_string_equal(claim->function[0].origin.driver, "nvme");
	fake_file(fake, "/sys/bus/pci/drivers/pci-stub/bind", "");
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), 0);
	assert_driver(fake, DISK2, "pci-stub");
	assert_override(fake, DISK2, "(null)");
	free_claim(claim);
}

/* A candidate that nobody chose is where it was: nothing is written, and nothing is said. */
static void what_was_never_moved_stays(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = new_claim();

	claim_function(fake, claim, DISK);
	claim_function(fake, claim, BARE);
	claim_function(fake, claim, "0000:04:00.0");
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), 0);
	assert_int_equal(claim->count, 0);
	assert_string_equal(fake->said, "");
	assert_false(pt_host_exists(fake->host, "/journal"));
	free_claim(claim);
}

/* An override and a number of VFs that somebody else has set are theirs. */
static void what_others_have_changed_stays(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = new_claim();
	char *text;

	claim_function(fake, claim, DISK);
	claim_function(fake, claim, DISK2);
	claim_function(fake, claim, "0000:04:00.0");
	assert_int_equal(pt_claim_find(claim, &(struct pt_bdf){.bus = 4})->origin.vfs, 2);
	pt_claim_find(claim, &(struct pt_bdf){.bus = 4})->origin.vfs = 1;
	fake_file(fake, "/sys/bus/pci/devices/" DISK "/driver_override", "uio\n");
	fake_link(fake, "/sys/bus/pci/devices/" DISK2 "/driver", "/sys/bus/pci/drivers/vfio-pci");
	fake_file(fake, "/sys/bus/pci/devices/" DISK2 "/driver_override", "uio\n");
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), 0);
	assert_holds(
		fake->said, "another program set the driver override of " DISK " to uio; it stays");
	assert_override(fake, DISK, "uio");
	assert_driver(fake, DISK2, "nvme");
	assert_override(fake, DISK2, "uio");
	assert_holds(fake->said, "another program gave 0000:04:00.0 2 virtual functions; they stay "
				 "(origin: 1)");
	text = fake_read(fake, "/sys/bus/pci/devices/0000:04:00.0/sriov_numvfs");
	assert_string_equal(text, "2\n");
	free(text);
	free_claim(claim);
}

static void the_console_lets_go_first(void **state)
{
	struct fake *fake = *state;
	struct pt_handover handover = handover_of(fake);
	struct pt_claim *claim = NULL;
	char *text;

	fake_link(fake, "/sys/class/graphics/fb0/device", "/sys/bus/pci/devices/" GPU);
	fake_file(fake, "/sys/class/graphics/fbcon/rotate", "0\n");
	fake_file(fake, "/sys/class/vtconsole/vtcon0/name", "(S) dummy device\n");
	fake_file(fake, "/sys/class/vtconsole/vtcon0/bind", "0\n");
	fake_file(fake, "/sys/class/vtconsole/vtcon1/name", "(M) frame buffer device\n");
	fake_file(fake, "/sys/class/vtconsole/vtcon1/bind", "1\n");
	claim = new_claim();
	assert_string_equal(claim_function(fake, claim, GPU)->origin.console, "vtcon1");
	assert_int_equal(pt_handover_take(&handover, claim, NULL), 0);
	text = fake_read(fake, "/journal");
	assert_true(place_of(text, "console-off /sys/class/vtconsole/vtcon1/bind") <
		    place_of(text, "unbind " GPU));
	free(text);
	/* that it does not come back is told, and no more */
	fake_fault(fake, "console", "1", "19");
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), 0);
	assert_holds(fake->said,
		"warning: hostpci0: " GPU
		": give its framebuffer back to the console vtcon1: No such device");
	assert_int_equal(claim->count, 0);
	fake_remove(fake, "/fault");
	fake_file(fake, "/sys/class/vtconsole/vtcon1/bind", "1\n");
	claim_function(fake, claim, GPU);
	assert_int_equal(pt_handover_take(&handover, claim, NULL), 0);
	assert_int_equal(pt_handover_give_back(&handover, claim, NULL), 0);
	text = fake_read(fake, "/sys/class/vtconsole/vtcon1/bind");
	assert_string_equal(text, "1\n");
	free(text);
	/* with another framebuffer the kernel moves the console over by itself */
	fake_link(fake, "/sys/class/graphics/fb1/device",
		"/sys/devices/platform/simple-framebuffer.0");
	assert_null(claim_function(fake, claim, GPU)->origin.console);
	free_claim(claim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(what_was_never_moved_stays),
		MACHINE_TEST(what_others_have_changed_stays),
		MACHINE_TEST(the_console_lets_go_first),
		MACHINE_TEST(takes_and_returns),
		MACHINE_TEST(homes_take_the_place_of_origins),
		MACHINE_TEST(takes_to_a_variant_and_returns),
		MACHINE_TEST(returns_from_any_vfio_driver),
		MACHINE_TEST(undoes_whatever_fails),
		MACHINE_TEST(an_unbind_that_hangs_stays_in_the_claim),
		MACHINE_TEST(a_changed_link_is_no_answer),
		MACHINE_TEST(steps_go_in_order),
		MACHINE_TEST(a_stuck_writer_keeps_its_function_locked),
		MACHINE_TEST(a_first_look_that_fails_leaves_no_claim),
		MACHINE_TEST(a_driver_that_cannot_be_read_is_told),
		MACHINE_TEST(what_cannot_be_returned_stays_with_its_error),
		MACHINE_TEST(overrides_come_back),
		MACHINE_TEST(vfio_from_boot_is_left_alone),
		MACHINE_TEST(a_third_driver_keeps_it),
		MACHINE_TEST(what_is_gone_ends),
		MACHINE_TEST(a_driver_that_is_unloaded_is_told),
	};

	return cmocka_run_group_tests_name("handover", tests, NULL, NULL);
}
