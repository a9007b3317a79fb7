// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/claim/claim.h"
#include "lib/base/json.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pt_claim *claim = NULL;
	struct pt_err err;
	char *text = fuzz_text(data, size);
	struct json_object *json = pt_json_parse(text, size, &err);

	if (json && pt_claim_from_json(json, &claim, &err) == 0)
		json_object_put(pt_record_to_json(&pt_claim_record, claim));
	pt_claim_free(claim);
	json_object_put(json);
	free(text);
	return 0;
}
