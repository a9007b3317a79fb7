// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/use/use.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct json_object *json = pt_json_parse(text, size, NULL);
	struct pt_uses uses = {0};

	if (json && pt_record_from_json(&pt_uses_record, json, &uses, NULL) == 0)
		json_object_put(pt_record_to_json(&pt_uses_record, &uses));
	pt_uses_clear(&uses);
	json_object_put(json);
	free(text);
	return 0;
}
