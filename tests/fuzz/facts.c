// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/json.h"
#include "pve/node-json.h"
#include "pve/rules.h"
#include "tests/fuzz/fuzz.h"

/* Reads a facts file, and judges every guest in it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pt_guest *const *guest = NULL;
	struct pt_node *node = NULL;
	struct pt_err err;
	char *text = fuzz_text(data, size);
	struct json_object *json = pt_json_parse(text, size, &err);
	size_t count = 0;

	if (json && pt_node_from_json(json, &node, &err) == 0)
		pt_node_guests(node, &guest, &count, &err);
	for (size_t i = 0; i < count; i++) {
		struct pt_findings findings = {0};
		struct pt_facts facts = {0};

		if (pt_facts_gather(node, guest[i], PT_DEPTH_CHECK, &facts, &err) == 0)
			pt_rules_run(&facts, &findings);
		pt_findings_clear(&findings);
		pt_facts_clear(&facts);
	}
	pt_node_close(node);
	json_object_put(json);
	free(text);
	return 0;
}
