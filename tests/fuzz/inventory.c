// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/pci/inventory.h"
#include "lib/base/json.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pt_inventory inventory = {0};
	struct pt_err err;
	char *text = fuzz_text(data, size);
	struct json_object *json = pt_json_parse(text, size, &err);

	if (json && pt_record_from_json(&pt_inventory_record, json, &inventory, &err) == 0)
		json_object_put(pt_record_to_json(&pt_inventory_record, &inventory));
	pt_inventory_clear(&inventory);
	json_object_put(json);
	free(text);
	return 0;
}
