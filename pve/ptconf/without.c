// SPDX-License-Identifier: AGPL-3.0-or-later
/* check --cluster --without NODE: where its guests could start if it were gone. */
#include <errno.h>

#include "lib/base/json.h"
#include "pve/check/check.h"
#include "pve/check/failover.h"
#include "pve/ptconf/ptconf.h"

/* The guests of the node that is gone; ret_own is closed by the caller. The cluster's files have
 * the configs of one that did not answer. */
static int read_gone(struct pt_cli *cli, const struct pt_cluster_node *gone,
	struct pt_node **ret_own, struct pt_guest *const **ret, size_t *ret_count, bool *ret_known,
	struct pt_err *err)
{
	const bool is_captured = cli->facts || cli->api_conf;
	struct pt_node *node = gone->node;
	int r;

	if (!node && is_captured)
		return pt_err_set(err, -ENODATA, "nothing is known of the guests of node %s: %s",
			gone->name, gone->why.text);
	if (!is_captured && (!node || node->partial))
		node = *ret_own = pt_node_open(cli->host, gone->name, NULL, pt_check_allowing);
	r = pt_node_guests(node, ret, ret_count, err);
	*ret_known &= !node->unread;
	return r;
}

static void print_failover(const struct pt_failover *failover)
{
	pt_foreach (guest, failover->guest, failover->count) {
		if (guest->node[0])
			printf("guest %u: can start on %s: %s\n", guest->vmid, guest->node,
				guest->how ? guest->how : "");
		else
			printf("guest %u: %s: %s\n", guest->vmid,
				guest->managed ? "starts nowhere" : "stays down", guest->how);
	}
	if (!failover->count)
		printf("node %s has no guest with passthrough\n", failover->node);
}

enum pt_exit pt_check_without(struct pt_cli *cli, struct pt_err *err)
{
	struct pt_cluster PT_CLUSTER cluster = {0};
	struct pt_failover PT_FAILOVER failover = {0};
	struct json_object PT_JSON *json = NULL;
	struct pt_node PT_NODE *own = NULL;
	struct pt_guest *const *guest = NULL;
	struct pt_cluster_node *gone = NULL;
	bool well = true, known = true;
	size_t count = 0;
	int r = pt_cli_open_cluster(cli, &cluster, err);

	pt_foreach (node, cluster.node, cluster.count) {
		if (pt_streq(node->name, cli->without))
			gone = node;
		else
			known &= !node->why.code && node->node && !node->node->unread;
	}
	pt_cli_tell_unknown(&cluster);
	if (r == 0 && !gone)
		r = pt_err_set(err, -ENOENT, "'%s' is no node of the cluster", cli->without);
	if (r == 0)
		r = read_gone(cli, gone, &own, &guest, &count, &known, err);
	if (r == 0)
		r = pt_failover_make(&cluster, cli->without, guest, count, &failover, err);
	if (r < 0)
		return PT_EXIT_UNKNOWN;
	if (cli->format == PT_OUTPUT_TEXT) {
		print_failover(&failover);
		r = pt_output_end(err);
	} else {
		json = pt_record_to_json(&pt_failover_record, &failover);
		r = pt_output_json(json, cli->format, err);
	}
	pt_foreach (one, failover.guest, failover.count)
		well &= !one->managed || one->node[0];
	if (r < 0 || !known)
		return PT_EXIT_UNKNOWN;
	return well ? PT_EXIT_OK : PT_EXIT_FINDINGS;
}
