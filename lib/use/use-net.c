// SPDX-License-Identifier: AGPL-3.0-or-later
#include <arpa/inet.h>
#include <net/if.h>
#include <strings.h>

#include "lib/use/use-net.h"

#define DEEPEST	      8
#define COROSYNC_CONF "/etc/corosync/corosync.conf"
#define COROSYNC_MAX  (1U << 20)
#define HOSTS	      "/etc/hosts"
#define HOSTS_MAX     (1U << 20)
#define HOST_TEXT     256

bool pt_net_up(
	const struct pt_host *host, const struct pt_bdf *bdf, char ret[static PT_NETDEV_TEXT])
{
	struct pt_names PT_NAMES names = {0};
	char path[PT_PCI_PATH];

	ret[0] = '\0';
	if (pt_host_list(host, pt_pci_path(bdf, "net", path), &names) < 0)
		return false;
	pt_foreach (name, names.name, names.count) {
		PT_FREE char *flags = NULL;
		char file[PT_NETDEV_TEXT + 16];

		snprintf(file, sizeof(file), "net/%.15s/flags", *name);
		if (pt_host_read_line(host, pt_pci_path(bdf, file, path), &flags) < 0)
			continue;
		if (strtoul(flags, NULL, 16) & IFF_UP) {
			snprintf(ret, PT_NETDEV_TEXT, "%s", *name);
			return true;
		}
	}
	return false;
}

struct judging {
	const struct pt_links *links;
	const struct pt_devnode *node; /* the interface of the function */
	struct pt_uses *uses;
};

static const struct pt_link *by_index(const struct pt_links *links, int index)
{
	pt_foreach (link, links->link, links->count) {
		if (index && link->index == index)
			return link;
	}
	return NULL;
}

/* Takes over how. bridge: that it is the only port of, or "". */
static int use_as(const struct judging *judging, struct pt_use like, const char *bridge, char *how)
{
	like.bdf = judging->node->bdf;
	like.kind = PT_USE_NET;
	snprintf(like.bridge, sizeof(like.bridge), "%s", bridge);
	return pt_uses_add(judging->uses, like, judging->node->name, how);
}

static int use(const struct judging *judging, bool weak, char *how)
{
	return use_as(judging, (struct pt_use){.weak = weak}, "", how);
}

/* Another port of the same master, NULL: it is alone. */
static const struct pt_link *other_port(const struct pt_links *links, const struct pt_link *port)
{
	pt_foreach (link, links->link, links->count) {
		if (link->master == port->master && link != port)
			return link;
	}
	return NULL;
}

/* What carries the host's traffic on an interface, or above it: "has address 192.168.1.10/24". NULL: nothing. */
static char *traffic_of(
	const struct pt_links *links, const struct pt_link *link, unsigned int depth)
{
	const struct pt_link *master = by_index(links, link->master);
	char *above;

	if (link->cluster)
		return pt_format(
			"has address %s, by which corosync reaches the cluster", link->address);
	if (link->default_route)
		return pt_format("carries a default route of this host");
	if (link->address[0])
		return pt_format("has address %s", link->address);
	/* unnumbered: the address is on another interface, as in a routed mesh */
	if (link->route[0])
		return pt_format("carries the route to %s", link->route);
	if (depth > DEEPEST)
		return NULL;
	pt_foreach (upper, links->link, links->count) {
		if (upper->below != link->index)
			continue;
		above = traffic_of(links, upper, depth + 1);
		if (!above)
			return pt_format("has %s %s on top", upper->kind, upper->name);
		free(above);
		return pt_format("has %s %s on top, which %s", upper->kind, upper->name,
			upper->default_route ? "carries a default route of this host"
					     : "carries traffic of this host");
	}
	if (!master)
		return NULL;
	above = traffic_of(links, master, depth + 1);
	if (above) {
		char *whole = pt_format(
			"is a port of %s %s, which %s", master->kind, master->name, above);

		free(above);
		return whole;
	}
	return NULL;
}

/* A port without traffic of the host's own: its bridge may carry that of guests. */
static int judge_port(const struct judging *judging, const struct pt_link *link)
{
	const struct pt_link *master = by_index(judging->links, link->master);
	const struct pt_link *other = other_port(judging->links, link);

	if (!master)
		return 0;
	if (pt_streq(master->kind, "bridge") && !other)
		return use_as(judging, (struct pt_use){.weak = true}, master->name,
			pt_format("is the only port of bridge %s, which has no address",
				master->name));
	return use(judging, false,
		other ? pt_format("is a port of %s %s, as %s is", master->kind, master->name,
				other->name)
		      : pt_format("is a port of %s %s", master->kind, master->name));
}

static int judge(const struct judging *judging)
{
	const struct pt_link *link = pt_links_find(judging->links, judging->node->name);
	char *traffic = link ? traffic_of(judging->links, link, 0) : NULL;

	if (traffic)
		return use(judging, false, traffic);
	if (link && link->master)
		return judge_port(judging, link);
	if (link && link->link_local)
		return use(judging, true, pt_format("has a link-local address only"));
	return 0;
}

int pt_net_judge(
	const struct pt_links *links, const struct pt_devnodes *nodes, struct pt_uses *uses)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < nodes->count; i++) {
		struct judging judging = {links, &nodes->node[i], uses};

		if (nodes->node[i].kind == PT_DEVNODE_NET)
			r = judge(&judging);
	}
	return r;
}

/* Adds an address as netlink writes it. 0: it is none; else 1 or -ENOMEM. */
static int add_address(struct pt_names *names, const char *text)
{
	char plain[INET6_ADDRSTRLEN];
	struct in6_addr bytes;

	for (int family = AF_INET;; family = AF_INET6) {
		if (inet_pton(family, text, &bytes) == 1) {
			inet_ntop(family, &bytes, plain, sizeof(plain));
			return pt_names_add(names, plain) < 0 ? -ENOMEM : 1;
		}
		if (family == AF_INET6)
			return 0;
	}
}

/* Adds the addresses that /etc/hosts has for a name. DNS is not asked: a start cannot wait for it. */
static int add_name(struct pt_names *names, const char *hosts, const char *name)
{
	PT_FREE char *copy = strdup(hosts);
	char *line, *rest = NULL;
	int r = copy ? 0 : -ENOMEM;

	for (line = copy ? strtok_r(copy, "\n", &rest) : NULL; line && r >= 0;
		line = strtok_r(NULL, "\n", &rest)) {
		char *word = NULL, *address;

		line[strcspn(line, "#")] = '\0';
		address = strtok_r(line, " \t\r", &word);
		for (const char *alias = address; alias; alias = strtok_r(NULL, " \t\r", &word)) {
			if (alias != address && strcasecmp(alias, name) == 0) {
				r = add_address(names, address);
				break;
			}
		}
	}
	return r < 0 ? r : 0;
}

int pt_cluster_addresses(const struct pt_host *host, struct pt_names *ret)
{
	PT_FREE char *text = NULL;
	PT_FREE char *hosts = NULL;
	char *line, *rest = NULL;
	int r = 0;

	if (pt_host_read(host, COROSYNC_CONF, COROSYNC_MAX, &text, NULL) < 0)
		return 0;
	if (pt_host_read(host, HOSTS, HOSTS_MAX, &hosts, NULL) < 0)
		pt_free_char(&hosts);
	for (line = strtok_r(text, "\n", &rest); r == 0 && line;
		line = strtok_r(NULL, "\n", &rest)) {
		char address[HOST_TEXT];

		if (sscanf(line, " ring%*1[0-9]_addr: %255s", address) != 1)
			continue;
		r = add_address(ret, address);
		if (r == 0 && hosts)
			r = add_name(ret, hosts, address);
		r = r > 0 ? 0 : r;
	}
	return r;
}

int pt_use_nets(const struct pt_host *host, const struct pt_devnodes *nodes, struct pt_uses *uses,
	struct pt_err *err)
{
	struct pt_names PT_NAMES cluster = {0};
	struct pt_links PT_LINKS links = {0};
	bool any = false;
	int r;

	pt_foreach (node, nodes->node, nodes->count)
		any |= node->kind == PT_DEVNODE_NET;
	if (!any || !pt_host_is_live(host))
		return 0;
	if (pt_cluster_addresses(host, &cluster) < 0)
		return pt_err_nomem(err);
	r = pt_links_read(&cluster, &links, err);
	if (r == 0 && pt_net_judge(&links, nodes, uses) < 0)
		r = pt_err_nomem(err);
	return r;
}
