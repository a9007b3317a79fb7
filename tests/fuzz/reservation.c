// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/reservation.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pt_reservations list = {0};
	char *text = fuzz_text(data, size);

	pt_reservations_parse(text, &list);
	pt_reservation_judge(pt_reservation_find(&list, "0000:01:00.0"), 100, 50, 7);
	pt_reservations_clear(&list);
	free(text);
	return 0;
}
