// SPDX-License-Identifier: AGPL-3.0-or-later
/* Why a function cannot be passed through. test-overview.c has the owners of VFs, which need a
 * whole node. */
#include "pve/check/obstacle.h"
#include "tests/unit/unit.h"

static struct pt_traits host;

struct bench {
	struct pt_inventory inventory;
	struct pt_uses uses;
};

static void set_up(struct fake *fake, struct bench *ret)
{
	struct pt_err err = {0};

	*ret = (struct bench){0};
	host = (struct pt_traits){.iommu_active = true};
	if (pt_inventory_read_all(fake->host, &ret->inventory, &err) < 0)
		fail_msg("%s", err.text);
}

static void tear_down(struct bench *bench)
{
	pt_uses_clear(&bench->uses);
	pt_inventory_clear(&bench->inventory);
}

static void add_use(struct bench *bench, const char *bdf, bool weak)
{
	char what[] = "nvme0n1", place[] = "/srv";
	struct pt_use use = {.bdf = bdf_of(bdf),
		.kind = PT_USE_BLOCK,
		.how = PT_USE_MOUNTED,
		.what = what,
		.place = place,
		.weak = weak};

	pt_uses_add(&bench->uses, &use);
}

static struct pt_candidate candidate_of(const struct bench *bench, const char *bdf)
{
	struct pt_bdf address = bdf_of(bdf);

	return (struct pt_candidate){.function = pt_inventory_find(&bench->inventory, &address),
		.inventory = &bench->inventory,
		.uses = &bench->uses,
		.host = &host};
}

/* The reason, or NULL: nothing speaks against it. */
static const char *reason(const struct pt_candidate *candidate)
{
	struct pt_obstruction first = pt_obstacle_first(candidate);

	return on_loan(pt_obstruction_text(&first, candidate->function));
}

static void nothing_speaks_against_a_free_function(void **state)
{
	struct bench bench;
	struct pt_candidate disk;

	set_up(*state, &bench);
	add_use(&bench, "0000:03:00.0", true);
	disk = candidate_of(&bench, "0000:03:00.0");
	assert_null(reason(&disk));
	tear_down(&bench);
}

static void a_use_is_named(void **state)
{
	struct bench bench;
	struct pt_candidate disk;

	set_up(*state, &bench);
	add_use(&bench, "0000:02:00.0", false);
	disk = candidate_of(&bench, "0000:02:00.0");
	assert_string_equal(reason(&disk), "is in use: nvme0n1 is mounted at /srv");
	/* its twin is in a group of its own */
	disk = candidate_of(&bench, "0000:03:00.0");
	assert_null(reason(&disk));
	tear_down(&bench);
}

static void a_use_of_a_group_mate_is_named(void **state)
{
	struct bench bench;
	struct pt_candidate device;

	set_up(*state, &bench);
	add_use(&bench, "0000:05:01.0", false);
	device = candidate_of(&bench, "0000:05:00.0");
	assert_string_equal(reason(&device), "shares its IOMMU group with 0000:05:01.0, which is "
					     "in use: nvme0n1 is mounted at /srv");
	tear_down(&bench);
}

static void the_graver_obstacle_comes_first(void **state)
{
	struct bench bench;
	struct pt_candidate candidate;

	set_up(*state, &bench);
	add_use(&bench, "0000:02:00.0", false);
	candidate = candidate_of(&bench, "0000:02:00.0");
	host.iommu_active = false;
	assert_string_equal(reason(&candidate), "no IOMMU is active");
	assert_true(pt_obstacle_applies(PT_OBSTACLE_USED, &candidate));
	/* without an IOMMU no function is in a group, so that says nothing of this one */
	assert_false(pt_obstacle_applies(PT_OBSTACLE_NO_GROUP, &candidate));
	host.iommu_active = true;
	candidate = candidate_of(&bench, "0000:00:01.0");
	assert_string_equal(reason(&candidate), "is a bridge");
	candidate = candidate_of(&bench, "0000:02:00.0");
	candidate.uses = NULL;
	assert_string_equal(reason(&candidate), "a driver hangs, so its uses cannot be read");
	tear_down(&bench);
}

static void what_cannot_be_read_does_not_answer(void **state)
{
	struct bench bench;
	struct pt_candidate candidate;

	fake_remove(*state, "/sys/bus/pci/devices/0000:05:00.0/vendor");
	fake_remove(*state, "/sys/bus/pci/devices/0000:04:10.0/iommu_group");
	set_up(*state, &bench);
	candidate = candidate_of(&bench, "0000:05:00.0");
	assert_string_equal(reason(&candidate), "does not answer");
	candidate = candidate_of(&bench, "0000:04:10.0");
	assert_string_equal(reason(&candidate), "is in no IOMMU group");
	tear_down(&bench);
	fake_file(*state, "/sys/kernel/iommu_groups/2/reserved_regions",
		"0x00000000bdffd000 0x00000000bdffffff direct\n");
	set_up(*state, &bench);
	candidate = candidate_of(&bench, "0000:02:00.0");
	assert_string_equal(reason(&candidate), "the firmware holds memory for its IOMMU group");
	tear_down(&bench);
	fake_file(*state, "/sys/bus/pci/devices/0000:02:00.0/vendor", "0x8086\n");
	fake_file(*state, "/sys/bus/pci/devices/0000:02:00.0/device", "0x19e2\n");
	fake_remove(*state, "/sys/kernel/iommu_groups/2/reserved_regions");
	set_up(*state, &bench);
	candidate = candidate_of(&bench, "0000:02:00.0");
	assert_string_equal(
		reason(&candidate), "vfio-pci does not take a device with known faults");
	tear_down(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(nothing_speaks_against_a_free_function),
		MACHINE_TEST(a_use_is_named),
		MACHINE_TEST(a_use_of_a_group_mate_is_named),
		MACHINE_TEST(the_graver_obstacle_comes_first),
		MACHINE_TEST(what_cannot_be_read_does_not_answer),
	};

	return cmocka_run_group_tests_name("obstacle", tests, NULL, NULL);
}
