// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/claim/claim.h"
#include "tests/unit/unit.h"

#define DISK  "0000:02:00.0"
#define DISK2 "0000:03:00.0"

static void functions_are_in_order_each_once(void **state)
{
	struct fake *fake = *state;
	struct pt_claim PT_CLAIM claim = {0};
	struct pt_bdf none = bdf_of("0000:77:00.0");
	struct pt_origin other = {.vfs = 7};

	claim_function(fake, &claim, DISK2);
	claim_function(fake, &claim, DISK);
	assert_int_equal(claim.count, 2);
	assert_string_equal(PT_BDF(&claim.function[0].bdf), DISK);
	assert_string_equal(claim.function[0].label, "hostpci0");
	assert_string_equal(claim.function[0].origin.driver, "nvme");
	assert_int_equal(claim.function[0].lock, -1);
	assert_ptr_equal(pt_claim_find(&claim, &claim.function[1].bdf), &claim.function[1]);
	assert_null(pt_claim_find(&claim, &none));
	/* again: it is the same one, with what is told last */
	pt_claim_add(&claim, &claim.function[0].bdf, "hostpci3", &other);
	assert_int_equal(claim.count, 2);
	assert_string_equal(claim.function[0].label, "hostpci3");
	assert_int_equal(claim.function[0].origin.vfs, 7);
}

static void the_driver_is_vfio_pci_unless_it_says_otherwise(void **state)
{
	struct fake *fake = *state;
	struct pt_claim PT_CLAIM claim = {0};
	struct pt_claim_function *function = claim_function(fake, &claim, DISK);

	assert_string_equal(pt_claim_driver(function), "vfio-pci");
	pt_set_text(&function->driver, "mlx5_vfio_pci");
	assert_string_equal(pt_claim_driver(function), "mlx5_vfio_pci");
	pt_set_text(&function->driver, "");
	assert_string_equal(pt_claim_driver(function), "vfio-pci");
}

static void removes_one(void **state)
{
	struct fake *fake = *state;
	struct pt_claim PT_CLAIM claim = {0};
	struct pt_bdf first = bdf_of(DISK), none = bdf_of("0000:77:00.0");

	claim_function(fake, &claim, DISK);
	claim_function(fake, &claim, DISK2);
	pt_claim_remove(&claim, &none);
	assert_int_equal(claim.count, 2);
	pt_claim_remove(&claim, &first);
	assert_int_equal(claim.count, 1);
	assert_int_equal(claim.function[0].bdf.bus, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(functions_are_in_order_each_once),
		MACHINE_TEST(the_driver_is_vfio_pci_unless_it_says_otherwise),
		MACHINE_TEST(removes_one),
	};

	return cmocka_run_group_tests_name("claim", tests, NULL, NULL);
}
