// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/form.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = PT_VIEW_CURRENT};
	struct pt_form_guests guests = {0};
	char *text = pt_strndup((const char *)data, size);
	struct pt_err err;

	if (pt_form_read(text, strlen(text), &query, &guests, &err) == 0) {
		for (size_t i = 0; i < guests.count; i++)
			pt_guest_free(pt_guest_copy(guests.guest[i]));
	}
	pt_form_clear(&guests);
	free(text);
	return 0;
}
