// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/check/check.h"
#include "pve/node/node.h"
#include "tests/fuzz/fuzz-host.h"

/* The input is each of the cluster's files that are read for single words: the storages, the
 * members. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const path[] = {"/etc/pve/storage.cfg", "/etc/pve/.members"};
	struct fake *fake = fuzz_host();
	struct pt_node *node = NULL;
	const struct pt_hook_volume *hook;
	const struct pt_ha *ha;

	for (size_t i = 0; i < PT_ARRAY_SIZE(path); i++)
		fake_bytes(fake, path[i], (const char *)data, size);
	fake_dir(fake, "/etc/pve/nodes/node1");
	node = pt_node_open(fake->host, "node1", NULL, pt_check_allowing);
	hook = pt_node_hook(node, "snippets:snippets/pve-pthook");
	if (!hook || (hook->state != PT_HOOK_UNKNOWN && hook->state != PT_HOOK_MISSING))
		abort();
	if (pt_node_cluster(node, &ha)->count > 1)
		abort();
	pt_node_close(node);
	return 0;
}
