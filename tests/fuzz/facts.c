// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/base/json.h"
#include "pve/check/check.h"
#include "pve/node/mask.h"
#include "pve/node/node-json.h"
#include "tests/fuzz/fuzz-judge.h"

/* Facts that can be read can be read when they are masked. */
static void mask(struct pt_node *node)
{
	struct json_object *json = NULL, *masked;
	struct pt_node *copy = NULL;
	struct pt_err err = {0};

	if (pt_node_to_json(node, &json, &err) < 0)
		return;
	masked = pt_mask_node(json);
	if (pt_node_from_json(masked, pt_check_allowing, &copy, &err) < 0) {
		fprintf(stderr, "masked facts: %s\n", err.text);
		abort();
	}
	pt_node_close(copy);
	json_object_put(masked);
	json_object_put(json);
}

/* Reads a facts file, and judges every guest in it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pt_node *node = NULL;
	struct pt_err err;
	char *text = fuzz_text(data, size);
	struct json_object *json = pt_json_parse(text, size, &err);

	if (json && pt_node_from_json(json, pt_check_allowing, &node, &err) == 0) {
		fuzz_judge(node);
		mask(node);
	}
	pt_node_close(node);
	json_object_put(json);
	free(text);
	return 0;
}
