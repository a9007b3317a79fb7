// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "pve/node/node-api.h"
#include "tests/fuzz/fuzz-judge.h"

/* The rest of the input: each line is the API's next answer. */
static const char *answers;

int __wrap_pt_api_get(const struct pt_api *api, const char *const *path, size_t count,
	const char *what, int budget_ms, struct pt_api_reply *ret, struct pt_err *err);

int __wrap_pt_api_get(const struct pt_api *api, const char *const *path, size_t count,
	const char *what, int budget_ms, struct pt_api_reply *ret, struct pt_err *err)
{
	(void)api;
	(void)path;
	(void)what;
	(void)budget_ms;
	(void)err;
	for (size_t i = 0; i < count; i++) {
		size_t length = strcspn(answers, "\n");

		if (!*answers) {
			pt_err_set(&ret[i].err, -ENODATA, "no answer");
			continue;
		}
		ret[i].text = strndup(answers, length);
		ret[i].length = length;
		answers += length + (answers[length] == '\n');
	}
	return 0;
}

/* Asks for a guest's config, for the nodes, and for all of two nodes; judges their guests. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const name[] = {"node1", "node2"};
	const struct pt_log log = {0};
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = PT_VIEW_NEXT};
	struct pt_names online = {0}, offline = {0};
	struct pt_node *node[2] = {0};
	struct pt_guest *guest = NULL;
	struct pt_err why[2] = {0}, err = {0};
	char *text = fuzz_text(data, size);
	bool whole;

	pt_guest_parse_reply(text, strcspn(text, "\n"), &query, &guest, &err);
	pt_guest_free(guest);
	answers = text;
	pt_api_nodes(NULL, 1, &online, &offline, &err);
	pt_names_free(&online);
	pt_names_free(&offline);
	whole = pt_api_read_nodes(NULL, name, PT_ARRAY_SIZE(name), 1, &log, node, why, &err) == 0;
	for (size_t i = 0; i < PT_ARRAY_SIZE(node); i++) {
		if (whole && node[i])
			fuzz_judge(node[i]);
	}
	/* each knows of the other */
	for (size_t i = 0; i < PT_ARRAY_SIZE(node); i++)
		pt_node_close(node[i]);
	free(text);
	return 0;
}
