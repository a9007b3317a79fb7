// SPDX-License-Identifier: AGPL-3.0-or-later
/* Planned guests that cannot be judged here, or not yet; clones get entries from their templates.
 */
#include <errno.h>

#include "pve/check/check.h"
#include "pve/config/args.h"
#include "pve/config/hostpci.h"
#include "pve/ptconf/ptconf.h"

/* Whether the cluster's files are at hand. */
static bool has_configs(const struct pt_cli *cli)
{
	return !cli->facts && !cli->api_conf;
}

static bool is_template_of(const struct pt_guest *guest, const struct pt_guest *clone)
{
	return clone->clone_of ? guest->vmid == clone->clone_of
			       : pt_streq(pt_guest_get(guest, "name"), clone->clone_of_name);
}

/* The template of a clone among the configs of a node, which say more than its guests with entries.
 * The caller frees it; NULL: it is not there. */
static struct pt_guest *find_config(
	const struct pt_host *host, struct pt_node *node, const struct pt_guest *clone)
{
	const unsigned int *vmid = NULL;
	size_t count = 0;

	if (pt_node_vmids(node, &vmid, &count, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		struct pt_guest_query query = {
			.vmid = vmid[i], .node = node->name, .view = PT_VIEW_CURRENT};
		struct pt_guest PT_GUEST *guest = NULL;

		if (clone->clone_of && vmid[i] != clone->clone_of)
			continue;
		if (pt_guest_from_file(host, &query, &guest, NULL) == 0 &&
			is_template_of(guest, clone))
			return PT_STEAL(guest);
	}
	return NULL;
}

/* Of a node's facts, which have its guests with entries. */
static struct pt_guest *find_in_facts(struct pt_node *node, const struct pt_guest *clone)
{
	struct pt_guest *const *guest = NULL;
	size_t count = 0;

	if (pt_node_guests(node, &guest, &count, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		if (is_template_of(guest[i], clone))
			return pt_guest_copy(guest[i]);
	}
	return NULL;
}

/* The template of a clone, on any node: the cluster's files have the configs of all, and those of
 * the plan come first. */
static struct pt_guest *find_template(struct pt_cli *cli, const struct pt_guest *clone)
{
	const struct pt_ha *ha = NULL;
	const struct pt_names *names = pt_node_cluster(cli->node, &ha);
	struct pt_guest *found = find_in_facts(cli->node, clone);

	for (size_t i = 0; !found && has_configs(cli) && i < names->count; i++) {
		struct pt_node PT_NODE *node =
			pt_node_open(cli->host, names->name[i], NULL, pt_check_allowing);

		found = find_config(cli->host, node, clone);
	}
	return found;
}

/* The first key of the template that passes a device and that the clone does not set, and so gets;
 * NULL: none. On loan from the template. */
static const char *inherited_key(const struct pt_guest *template, const struct pt_guest *clone)
{
	pt_guest_foreach (key, template) {
		PT_FREE char *by_args =
			pt_streq(key.key, "args") ? pt_args_devices(key.value) : NULL;

		if ((by_args || pt_hostpci_key(key.key) >= 0) &&
			!pt_guest_find_key(clone, key.key).key)
			return key.key;
	}
	return NULL;
}

/* Whether the entries of a clone are known. */
static int check_template(struct pt_cli *cli, const struct pt_guest *guest, struct pt_err *err)
{
	const bool is_clone = guest->clone_of || guest->clone_of_name;
	struct pt_guest PT_GUEST *template = is_clone ? find_template(cli, guest) : NULL;
	const char *inherited = template ? inherited_key(template, guest) : NULL;
	PT_FREE char *number = pt_format("guest %u", guest->clone_of);
	const char *what = guest->clone_of ? number : guest->clone_of_name;

	if (inherited)
		return pt_err_set(err, -EINVAL,
			"%s: is a clone of guest %u, and gets its %s: write it into the plan",
			guest->name, template->vmid, inherited);
	if (!is_clone || template || pt_guest_has_hostpci(guest))
		return 0;
	if (guest->clone_from && !pt_streq(guest->clone_from, cli->node->name) && !has_configs(cli))
		return pt_err_set(err, -EXDEV,
			"%s: is a clone of %s on node %s, and gets its entries, if it has any: check "
			"it there, or with --node %s",
			guest->name, what, guest->clone_from, guest->clone_from);
	if (has_configs(cli))
		return pt_err_set(err, -ENOENT,
			"%s: is a clone of %s, but there is no such guest: its entries are not known",
			guest->name, what);
	/* a node's facts have its own guests with entries; a name may be that of another node's */
	if (!guest->clone_of)
		return pt_err_set(err, -ENOENT,
			"%s: is a clone of %s, which these facts do not have: its entries are not known",
			guest->name, what);
	return 0;
}

/* Whether the node has the guest already. */
static bool has_guest(struct pt_cli *cli, unsigned int wanted)
{
	const unsigned int *vmid = NULL;
	size_t count = 0;

	if (pt_node_vmids(cli->node, &vmid, &count, NULL) < 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (vmid[i] == wanted)
			return true;
	}
	return false;
}

int pt_cli_may_judge(struct pt_cli *cli, const struct pt_guest *guest, struct pt_err *err)
{
	const char *name = guest->name ? guest->name : "this config";
	int r;

	if (guest->trouble)
		return pt_err_set(err, -EINVAL, "%s: %s", name, guest->trouble);
	if (guest->changes && has_guest(cli, guest->vmid))
		return pt_err_set(err, -EINVAL,
			"%s: changes guest %u, whose other settings it does not say: 'pve-ptconf check "
			"%u' checks it when that is done",
			name, guest->vmid, guest->vmid);
	r = check_template(cli, guest, err);
	if (r == 0 && pt_guest_has_hostpci(guest) && !pt_streq(guest->node, cli->node->name))
		r = pt_err_set(err, -EXDEV,
			"%s: is planned for node %s, and this is %s: check it there, or with --node "
			"%s",
			name, guest->node, cli->node->name, guest->node);
	return r;
}
