// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/base/json.h"
#include "pve/check/check.h"
#include "pve/node/node-json.h"
#include "tests/fuzz/fuzz-judge.h"

/* Reads a facts file, and judges every guest in it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pt_node *node = NULL;
	struct pt_err err;
	char *text = fuzz_text(data, size);
	struct json_object *json = pt_json_parse(text, size, &err);

	if (json && pt_node_from_json(json, pt_check_allowing, &node, &err) == 0)
		fuzz_judge(node);
	pt_node_close(node);
	json_object_put(json);
	free(text);
	return 0;
}
