// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

#include "lib/base/library.h"
#include "lib/linux/netlink.h"

/* The functions of libnl that we call. */
#define NL_CALLS(X)                                                                                \
	X(nl_addr2str)                                                                             \
	X(nl_addr_get_binary_addr)                                                                 \
	X(nl_addr_get_family)                                                                      \
	X(nl_addr_get_len)                                                                         \
	X(nl_addr_get_prefixlen)                                                                   \
	X(nl_cache_free)                                                                           \
	X(nl_cache_get_first)                                                                      \
	X(nl_cache_get_next)                                                                       \
	X(nl_connect)                                                                              \
	X(nl_geterror)                                                                             \
	X(nl_recvmsgs_default)                                                                     \
	X(nl_send_simple)                                                                          \
	X(nl_socket_alloc)                                                                         \
	X(nl_socket_free)                                                                          \
	X(nl_socket_modify_cb)                                                                     \
	X(nla_get_string)                                                                          \
	X(nlmsg_find_attr)                                                                         \
	X(nlmsg_hdr)                                                                               \
	X(rtnl_addr_alloc_cache)                                                                   \
	X(rtnl_addr_get_ifindex)                                                                   \
	X(rtnl_addr_get_local)                                                                     \
	X(rtnl_addr_get_scope)                                                                     \
	X(rtnl_link_alloc_cache)                                                                   \
	X(rtnl_link_get_ifindex)                                                                   \
	X(rtnl_link_get_link)                                                                      \
	X(rtnl_link_get_link_netnsid)                                                              \
	X(rtnl_link_get_master)                                                                    \
	X(rtnl_link_get_name)                                                                      \
	X(rtnl_link_get_type)                                                                      \
	X(rtnl_route_alloc_cache)                                                                  \
	X(rtnl_route_foreach_nexthop)                                                              \
	X(rtnl_route_get_dst)                                                                      \
	X(rtnl_route_get_protocol)                                                                 \
	X(rtnl_route_get_type)                                                                     \
	X(rtnl_route_nh_get_ifindex)

static struct {
#define CALL(name) typeof(name) *name;
	NL_CALLS(CALL)
#undef CALL
} nl;

/* NULL, or why libnl cannot be had. */
static const char *load(void)
{
#define CALL(name) {#name, &nl.name},
	static const struct pt_symbol symbols[] = {NL_CALLS(CALL)};
#undef CALL

	/* brings libnl-3 along */
	return nl.nl_socket_alloc
		       ? NULL
		       : pt_library_load("libnl-route-3.so.200", symbols, PT_ARRAY_SIZE(symbols));
}

static void free_socket(struct nl_sock **socket)
{
	if (*socket)
		nl.nl_socket_free(*socket);
}

static void free_cache(struct nl_cache **cache)
{
	if (*cache)
		nl.nl_cache_free(*cache);
}

void pt_links_clear(struct pt_links *links)
{
	free(links->link);
	*links = (struct pt_links){0};
}

const struct pt_link *pt_links_find(const struct pt_links *links, const char *name)
{
	pt_foreach (link, links->link, links->count) {
		if (pt_streq(link->name, name))
			return link;
	}
	return NULL;
}

static struct pt_link *by_index(struct pt_links *links, int index)
{
	pt_foreach (link, links->link, links->count) {
		if (link->index == index)
			return link;
	}
	return NULL;
}

static void copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

/* The interface below it. The index of one in another network namespace means nothing here. */
static int below(struct rtnl_link *link)
{
	const char *kind = nl.rtnl_link_get_type(link);
	int netns;

	if (pt_streq(kind, "veth") || nl.rtnl_link_get_link_netnsid(link, &netns) == 0 ||
		nl.rtnl_link_get_link(link) == nl.rtnl_link_get_ifindex(link))
		return 0;
	return nl.rtnl_link_get_link(link);
}

static void add_links(struct pt_links *links, struct nl_cache *cache)
{
	for (struct nl_object *object = nl.nl_cache_get_first(cache); object;
		object = nl.nl_cache_get_next(object)) {
		struct rtnl_link *link = (struct rtnl_link *)object;
		struct pt_link *slot = pt_array_grow(&links->link, &links->count, sizeof(*slot));

		slot->index = nl.rtnl_link_get_ifindex(link);
		copy_text(slot->name, sizeof(slot->name), nl.rtnl_link_get_name(link));
		copy_text(slot->kind, sizeof(slot->kind), nl.rtnl_link_get_type(link));
		slot->master = nl.rtnl_link_get_master(link);
		slot->below = below(link);
	}
}

static void add_addresses(struct pt_links *links, struct nl_cache *cache)
{
	for (struct nl_object *object = nl.nl_cache_get_first(cache); object;
		object = nl.nl_cache_get_next(object)) {
		struct rtnl_addr *address = (struct rtnl_addr *)object;
		struct pt_link *link = by_index(links, nl.rtnl_addr_get_ifindex(address));
		struct nl_addr *local = nl.rtnl_addr_get_local(address);

		if (!link || !local)
			continue;
		if (nl.rtnl_addr_get_scope(address) >= RT_SCOPE_LINK)
			link->link_local = true;
		else if (!link->address[0])
			nl.nl_addr2str(local, link->address, sizeof(link->address));
	}
}

/* A route, and the links that it may lead through. */
struct leading {
	struct pt_links *links;
	struct nl_addr *to; /* NULL: everywhere */
};

static void note_route(struct rtnl_nexthop *nexthop, void *data)
{
	const struct leading *leading = data;
	struct pt_link *link = by_index(leading->links, nl.rtnl_route_nh_get_ifindex(nexthop));

	if (!link)
		return;
	if (!leading->to || nl.nl_addr_get_prefixlen(leading->to) == 0)
		link->default_route = true;
	else if (!link->route[0])
		nl.nl_addr2str(leading->to, link->route, sizeof(link->route));
}

/* Whether it leads to what means nothing beyond the wire: 169.254.0.0/16, fe80::/10, multicast. */
static bool is_local(struct nl_addr *to)
{
	const unsigned char *byte = nl.nl_addr_get_binary_addr(to);

	if (nl.nl_addr_get_len(to) < 2 || nl.nl_addr_get_prefixlen(to) < 4)
		return false;
	if (nl.nl_addr_get_family(to) == AF_INET)
		return (byte[0] == 169 && byte[1] == 254) || byte[0] >> 4 == 0xe;
	return byte[0] == 0xff || (byte[0] == 0xfe && byte[1] >> 6 == 2);
}

/* Whether somebody made it: the kernel's own come with an address, or mean the wire alone. */
static bool is_made(struct rtnl_route *route)
{
	struct nl_addr *to = nl.rtnl_route_get_dst(route);

	if (!to || nl.nl_addr_get_prefixlen(to) == 0)
		return true;
	return nl.rtnl_route_get_protocol(route) != RTPROT_KERNEL && !is_local(to);
}

static void add_routes(struct pt_links *links, struct nl_cache *cache)
{
	for (struct nl_object *object = nl.nl_cache_get_first(cache); object;
		object = nl.nl_cache_get_next(object)) {
		struct rtnl_route *route = (struct rtnl_route *)object;
		struct leading leading = {links, nl.rtnl_route_get_dst(route)};

		if (nl.rtnl_route_get_type(route) == RTN_UNICAST && is_made(route))
			nl.rtnl_route_foreach_nexthop(route, note_route, &leading);
	}
}

int pt_links_read(struct pt_links *ret, struct pt_err *err)
{
	const char *missing = load();
	struct nl_sock *socket PT_CLEANUP(free_socket) = missing ? NULL : nl.nl_socket_alloc();
	struct nl_cache *cache PT_CLEANUP(free_cache) = NULL;
	struct nl_cache *addresses PT_CLEANUP(free_cache) = NULL;
	struct nl_cache *routes PT_CLEANUP(free_cache) = NULL;
	struct pt_links PT_LINKS links = {0};
	int r;

	if (missing)
		return pt_err_set(err, -EIO, "netlink: %s", missing);
	if (!socket)
		pt_out_of_memory();
	r = nl.nl_connect(socket, NETLINK_ROUTE);
	if (r == 0)
		r = nl.rtnl_link_alloc_cache(socket, AF_UNSPEC, &cache);
	if (r == 0)
		r = nl.rtnl_addr_alloc_cache(socket, &addresses);
	if (r == 0)
		r = nl.rtnl_route_alloc_cache(socket, AF_UNSPEC, 0, &routes);
	if (r < 0)
		return pt_err_set(err, -EIO, "netlink: %s", nl.nl_geterror(r));
	add_links(&links, cache);
	add_addresses(&links, addresses);
	add_routes(&links, routes);
	*ret = links;
	links = (struct pt_links){0};
	return 0;
}

struct visiting {
	pt_link_visit *visit;
	void *data;
	int result;
};

static int visit_message(struct nl_msg *message, void *data)
{
	struct nlmsghdr *header = nl.nlmsg_hdr(message);
	struct visiting *visiting = data;
	struct nlattr *name = nl.nlmsg_find_attr(header, sizeof(struct ifinfomsg), IFLA_IFNAME);
	struct nlattr *device =
		nl.nlmsg_find_attr(header, sizeof(struct ifinfomsg), IFLA_PARENT_DEV_NAME);

	if (header->nlmsg_type == RTM_NEWLINK && name && device && visiting->result == 0)
		visiting->result = visiting->visit(
			visiting->data, nl.nla_get_string(name), nl.nla_get_string(device));
	return visiting->result == 0 ? NL_OK : NL_STOP;
}

int pt_links_visit_devices(pt_link_visit *visit, void *data)
{
	const char *missing = load();
	struct nl_sock *socket PT_CLEANUP(free_socket) = missing ? NULL : nl.nl_socket_alloc();
	struct visiting visiting = {.visit = visit, .data = data};
	struct rtgenmsg request = {.rtgen_family = AF_UNSPEC};

	if (missing)
		return -ELIBACC;
	if (!socket)
		pt_out_of_memory();
	if (nl.nl_connect(socket, NETLINK_ROUTE) < 0 ||
		nl.nl_socket_modify_cb(
			socket, NL_CB_VALID, NL_CB_CUSTOM, visit_message, &visiting) < 0 ||
		nl.nl_send_simple(socket, RTM_GETLINK, NLM_F_DUMP, &request, sizeof(request)) < 0 ||
		(nl.nl_recvmsgs_default(socket) < 0 && visiting.result == 0))
		return -EIO;
	return visiting.result;
}
