// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/guest.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .snapshot = "snap"};

	for (int view = PT_VIEW_NEXT; view <= PT_VIEW_SNAPSHOT; view++) {
		struct pt_guest *guest = NULL;
		struct pt_err err;

		query.view = (enum pt_guest_view)view;
		if (pt_guest_parse((const char *)data, size, &query, &guest, &err) == 0)
			pt_guest_is_q35(guest);
		pt_guest_free(guest);
	}
	return 0;
}
