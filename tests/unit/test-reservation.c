// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/paths.h"
#include "pve/config/reservation.h"
#include "tests/unit/unit.h"

static void reservations_are_read(void **state)
{
	struct fake *fake = *state;
	struct pt_reservations list = {0};

	assert_int_equal(pt_reservations_read(fake->host, &list, NULL), 0);
	assert_int_equal(list.count, 0);
	fake_file(fake, PT_PVE_PCI_RESERVATIONS,
		"0000:02:00.0 101 time:50\nrubbish\n0000:01:00.0 102 pid:4242\n"
		"0000:02:00.0 103 time:60\n");
	assert_int_equal(pt_reservations_read(fake->host, &list, NULL), 0);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.reservation[0].id, "0000:01:00.0");
	assert_int_equal(pt_reservation_find(&list, "0000:02:00.0")->vmid, 103);
	assert_null(pt_reservation_find(&list, "0000:03:00.0"));
	pt_reservations_clear(&list);
	fake_remove(fake, PT_PVE_PCI_RESERVATIONS);
	fake_dir(fake, PT_PVE_PCI_RESERVATIONS);
	assert_int_equal(pt_reservations_read(fake->host, &list, NULL), -EISDIR);
}

static void reservations_are_judged(void **state)
{
	struct pt_reservation timed = {.vmid = 101, .has_time = true, .time = 50};
	struct pt_reservation running = {.vmid = 101, .has_pid = true, .pid = 4242};

	(void)state;
	assert_int_equal(pt_reservation_judge(NULL, 100, 10, 0), PT_RESERVATION_FREE);
	assert_int_equal(pt_reservation_judge(&timed, 101, 10, 0), PT_RESERVATION_FREE);
	assert_int_equal(pt_reservation_judge(&timed, 100, 49, 0), PT_RESERVATION_HELD);
	assert_int_equal(pt_reservation_judge(&timed, 100, 50, 0), PT_RESERVATION_FREE);
	assert_int_equal(pt_reservation_judge(&running, 100, 10, 4242), PT_RESERVATION_IN_USE);
	assert_int_equal(pt_reservation_judge(&running, 100, 10, 7), PT_RESERVATION_FREE);
	assert_int_equal(pt_reservation_judge(&running, 100, 10, 0), PT_RESERVATION_FREE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(reservations_are_read),
		cmocka_unit_test(reservations_are_judged),
	};

	return cmocka_run_group_tests_name("reservation", tests, NULL, NULL);
}
