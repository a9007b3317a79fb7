// SPDX-License-Identifier: AGPL-3.0-or-later
/* Verdicts are the conformance cases' business; here is the choice among alternatives, and
 * ownership. */
#include "pve/node/resolve.h"
#include "tests/unit/unit.h"

static const char mappings_text[] =
	"disks\n"
	"\tmap node=node1,path=0000:02:00.0,id=144d:a808,iommugroup=2,subsystem-id=144d:a801\n"
	"\tmap node=node1,path=0000:03:00.0,id=144d:a808,iommugroup=3,subsystem-id=144d:a801\n";

struct resolved {
	struct pt_mappings mappings;
	struct pt_inventory inventory;
	struct pt_assignment assignment[2];
};

static void resolve_two(
	struct fake *fake, const char *first, const char *second, struct resolved *ret)
{
	const char *const value[] = {first, second};

	*ret = (struct resolved){0};
	pt_mappings_parse(mappings_text, &ret->mappings);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pt_hostpci_parse(i, value[i], strlen(value[i]), PT_TEXT_BYTES,
					 &ret->assignment[i].entry, NULL),
			0);
		assert_int_equal(pt_resolve(fake->host, &ret->mappings, "node1", &ret->inventory,
					 &ret->assignment[i], NULL),
			0);
	}
}

static void clear(struct resolved *resolved)
{
	pt_assignment_clear(&resolved->assignment[0]);
	pt_assignment_clear(&resolved->assignment[1]);
	pt_inventory_clear(&resolved->inventory);
	pt_mappings_clear(&resolved->mappings);
}

static void the_first_free_alternative_wins(void **state)
{
	struct resolved resolved;

	resolve_two(*state, "mapping=disks", "mapping=disks", &resolved);
	assert_true(pt_choose(resolved.assignment, 2, NULL, NULL));
	assert_int_equal(resolved.assignment[0].chosen, 0);
	assert_int_equal(resolved.assignment[1].chosen, 1);
	assert_int_equal(resolved.inventory.count, 2);
	clear(&resolved);
}

static bool not_the_first_disk(void *data, const struct pt_assignment *assignment,
	const struct pt_alternative *alternative)
{
	int *asked = data;

	(*asked)++;
	assert_int_equal(assignment->count, 2);
	return alternative->id[0].bus != 2;
}

static void what_is_not_free_is_passed_over(void **state)
{
	struct resolved resolved;
	int asked = 0;

	resolve_two(*state, "mapping=disks", "05:00.0", &resolved);
	assert_true(pt_choose(resolved.assignment, 2, not_the_first_disk, &asked));
	assert_int_equal(resolved.assignment[0].chosen, 1);
	/* PVE does not ask for an entry that has no choice */
	assert_int_equal(asked, 2);
	clear(&resolved);
}

static void one_problem_leaves_the_other_entry_chosen(void **state)
{
	struct resolved resolved;

	resolve_two(*state, "77:00.0", "01:00", &resolved);
	assert_false(pt_choose(resolved.assignment, 2, NULL, NULL));
	assert_int_equal(resolved.assignment[0].problem.kind, PT_PROBLEM_DEVICE_MISSING);
	assert_int_equal(resolved.assignment[0].chosen, -1);
	assert_int_equal(resolved.assignment[1].chosen, 0);
	assert_true(resolved.assignment[1].multifunction);
	clear(&resolved);
}

static void vgpus_are_told_from_mdevs(void **state)
{
	struct fake *fake = *state;
	struct resolved resolved;

	fake_dir(fake, "/sys/bus/pci/devices/0000:02:00.0/nvidia");
	resolve_two(fake, "02:00.0,mdev=nvidia-558", "03:00.0,mdev=nvidia-558", &resolved);
	assert_string_equal(resolved.assignment[0].vgpu, "558");
	assert_false(pt_assignment_is_mdev(&resolved.assignment[0]));
	assert_null(resolved.assignment[1].vgpu);
	assert_true(pt_assignment_is_mdev(&resolved.assignment[1]));
	/* neither is bound to vfio-pci */
	assert_false(pt_assignment_is_bound(&resolved.assignment[0]));
	assert_false(pt_assignment_is_bound(&resolved.assignment[1]));
	clear(&resolved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(the_first_free_alternative_wins),
		MACHINE_TEST(what_is_not_free_is_passed_over),
		MACHINE_TEST(one_problem_leaves_the_other_entry_chosen),
		MACHINE_TEST(vgpus_are_told_from_mdevs),
	};

	return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
