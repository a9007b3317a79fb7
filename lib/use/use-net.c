// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <arpa/inet.h>
#include <net/if.h>

#include "lib/use/use-net.h"

#define DEEPEST	   8
#define ROUTES_MAX (4U * 1024 * 1024)
#define UPPER_MOST 256
/* kernel, include/uapi/linux/ipv6_route.h */
#define RTF_ADDRCONF  0x00040000U
#define RTF_PREFIX_RT 0x00080000U

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
	const struct pt_devfile *devfile; /* the interface of the function */
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

static void use(const struct judging *judging, struct pt_use use)
{
	use.bdf = judging->devfile->bdf;
	use.kind = PT_USE_NET;
	use.what = judging->devfile->name;
	pt_uses_add(judging->uses, &use);
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

/* The traffic of the host on an interface. */
struct traffic {
	enum pt_use_how how;
	const char *place;   /* address or route, the link's; NULL: none */
	struct pt_names via; /* links above the interface that lead to it: "bridge vmbr0" */
};

static bool find_traffic(const struct pt_links *links, const struct pt_link *link,
	unsigned int depth, struct traffic *ret);

/* Searches the link above, and lists it in via only if it has traffic. */
static bool find_traffic_above(const struct pt_links *links, const struct pt_link *above,
	unsigned int depth, struct traffic *ret)
{
	size_t at = ret->via.count;
	PT_FREE char *name = pt_format("%s %s", above->kind, above->name);

	pt_names_add(&ret->via, name);
	if (find_traffic(links, above, depth + 1, ret))
		return true;
	while (ret->via.count > at)
		free(ret->via.name[--ret->via.count]);
	return false;
}

/* Finds it on the interface itself, or on the links above. */
static bool find_traffic(const struct pt_links *links, const struct pt_link *link,
	unsigned int depth, struct traffic *ret)
{
	const struct pt_link *master = by_index(links, link->master);

	if (link->default_route) {
		ret->how = PT_USE_DEFAULT_ROUTE;
		return true;
	}
	/* unnumbered: the address is on another interface, as in a routed mesh */
	if (link->address[0] || link->route[0]) {
		ret->how = link->address[0] ? PT_USE_ADDRESS : PT_USE_ROUTE;
		ret->place = link->address[0] ? link->address : link->route;
		return true;
	}
	if (depth > DEEPEST)
		return false;
	pt_foreach (upper, links->link, links->count) {
		PT_FREE char *name = pt_format("%s %s", upper->kind, upper->name);

		if (upper->below != link->index)
			continue;
		if (find_traffic_above(links, upper, depth, ret))
			return true;
		ret->how = PT_USE_UPPER;
		pt_names_add(&ret->via, name);
		return true;
	}
	return master && find_traffic_above(links, master, depth, ret);
}

/* A port without traffic of the host's own: its bridge may carry that of guests. */
static void judge_port(const struct judging *judging, const struct pt_link *link)
{
	const struct pt_link *master = by_index(judging->links, link->master);
	const struct pt_link *other = other_port(judging->links, link);
	PT_FREE char *via = NULL;
	PT_FREE char *port = other ? pt_strdup(other->name) : NULL;
	PT_FREE char *bridge = NULL;

	if (!master)
		return;
	if (pt_streq(master->kind, "bridge") && !other) {
		bridge = pt_strdup(master->name);
		use(judging,
			(struct pt_use){.how = PT_USE_ONLY_PORT, .weak = true, .place = bridge});
		return;
	}
	via = pt_format("%s %s", master->kind, master->name);
	use(judging, (struct pt_use){.how = PT_USE_PORT, .via = via, .place = port});
}

static void judge(const struct judging *judging)
{
	const struct pt_link *link = pt_links_find(judging->links, judging->devfile->name);
	struct traffic traffic = {0};

	if (!link)
		return;
	if (find_traffic(judging->links, link, 0, &traffic)) {
		PT_FREE char *place = traffic.place ? pt_strdup(traffic.place) : NULL;
		PT_FREE char *via = NULL;

		pt_foreach (name, traffic.via.name, traffic.via.count)
			via = pt_list_add(via, ", ", *name);
		use(judging, (struct pt_use){.how = traffic.how, .place = place, .via = via});
	} else if (link->master) {
		judge_port(judging, link);
	} else if (link->link_local) {
		use(judging, (struct pt_use){.how = PT_USE_LINK_LOCAL, .weak = true});
	}
	pt_names_free(&traffic.via);
}

void pt_net_judge(
	const struct pt_links *links, const struct pt_devfiles *devfiles, struct pt_uses *uses)
{
	pt_foreach (devfile, devfiles->devfile, devfiles->count) {
		const struct judging judging = {links, devfile, uses};

		if (devfile->kind == PT_DEVFILE_NET)
			judge(&judging);
	}
}

/* Without one nothing is asked. */
static bool has_interface(const struct pt_devfiles *devfiles)
{
	pt_foreach (devfile, devfiles->devfile, devfiles->count) {
		if (devfile->kind == PT_DEVFILE_NET)
			return true;
	}
	return false;
}

int pt_use_nets(const struct pt_host *host, const struct pt_devfiles *devfiles,
	struct pt_uses *uses, struct pt_err *err)
{
	struct pt_links PT_LINKS links = {0};
	int r;

	if (!has_interface(devfiles) || !pt_host_is_live(host))
		return 0;
	r = pt_links_read(&links, err);
	if (r == 0)
		pt_net_judge(&links, devfiles, uses);
	return r;
}

/* Interfaces of the host's own namespace that routes lead through. */
struct routes {
	struct pt_names through; /* any but those of the wire alone */
	struct pt_names by_default;
};

static void clear_routes(struct routes *routes)
{
	pt_names_free(&routes->through);
	pt_names_free(&routes->by_default);
}

static void add_once(struct pt_names *names, const char *name)
{
	if (!pt_names_hold(names, name))
		pt_names_add(names, name);
}

static void note_route(struct routes *routes, const char *device, bool is_default)
{
	add_once(is_default ? &routes->by_default : &routes->through, device);
}

/* 169.254.0.0/16 and multicast, in the byte order of this machine. */
static bool means_the_wire(const char *destination)
{
	struct in_addr to = {.s_addr = (in_addr_t)strtoul(destination, NULL, 16)};

	return ntohl(to.s_addr) >> 16 == 0xa9fe || IN_MULTICAST(ntohl(to.s_addr));
}

/* Of a route over several interfaces the kernel prints the first. */
static void note_ipv4(struct routes *routes, const char *line)
{
	char device[PT_NETDEV_TEXT], destination[9], mask[9];

	if (sscanf(line, "%15s %8s %*s %*s %*s %*s %*s %8s", device, destination, mask) == 3 &&
		!means_the_wire(destination))
		note_route(routes, device,
			pt_streq(destination, "00000000") && pt_streq(mask, "00000000"));
}

/* Each interface has link-local and multicast ones, and gets others from the router's words alone.
 */
static void note_ipv6(struct routes *routes, const char *line)
{
	char device[PT_NETDEV_TEXT], destination[33], length[3], flags[9];
	bool is_default;

	if (sscanf(line, "%32s %2s %*s %*s %*s %*s %*s %*s %8s %15s", destination, length, flags,
		    device) != 4 ||
		pt_starts_with(destination, "ff") ||
		(pt_starts_with(destination, "fe") && strchr("89ab", destination[2])))
		return;
	is_default = pt_streq(length, "00");
	if (is_default || !(strtoul(flags, NULL, 16) & (RTF_ADDRCONF | RTF_PREFIX_RT)))
		note_route(routes, device, is_default);
}

/* A kernel without IPv6 has no such file. */
static int read_routes(const struct pt_host *host, const char *path,
	void (*note)(struct routes *routes, const char *line), struct routes *ret,
	struct pt_err *err)
{
	PT_FREE char *text = NULL;
	int r = pt_host_read(host, path, ROUTES_MAX, &text, NULL);
	char *rest;

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return pt_err_errno(err, r, "%s", path);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		note(ret, line);
	return 0;
}

/* Adds the interfaces above: the bridge or bond that it is a port of, and VLANs on it. */
static void add_above(const struct pt_host *host, const char *name, struct pt_names *ret)
{
	PT_FREE char *folder = pt_format("/sys/class/net/%s", name);
	PT_FREE char *master = pt_format("%s/master", folder);
	struct pt_names PT_NAMES names = {0};
	PT_FREE char *found = NULL;

	if (pt_host_link_name(host, master, &found) == 0)
		add_once(ret, found);
	if (pt_host_list(host, folder, &names) < 0)
		return;
	pt_foreach (one, names.name, names.count) {
		if (pt_starts_with(*one, "upper_"))
			add_once(ret, *one + strlen("upper_"));
	}
}

/* Whether all that lies above an interface is a bridge without another port. */
static bool is_only_port(const struct pt_host *host, const struct pt_names *above)
{
	PT_FREE char *folder = pt_format("/sys/class/net/%s/brif", above->name[0]);
	struct pt_names PT_NAMES ports = {0};

	return above->count == 1 && pt_host_list(host, folder, &ports) == 0 && ports.count < 2;
}

static void judge_plainly(
	const struct pt_host *host, const struct routes *routes, const struct judging *judging)
{
	const char *name = judging->devfile->name;
	struct pt_names PT_NAMES above = {0};
	struct pt_use found = {.how = PT_USE_UPPER};
	char place[] = "the network";
	bool is_default = pt_names_hold(&routes->by_default, name);
	bool is_through = pt_names_hold(&routes->through, name);

	add_above(host, name, &above);
	/* the list grows meanwhile */
	for (size_t i = 0; i < above.count && i < UPPER_MOST; i++) {
		PT_FREE char *upper = pt_strdup(above.name[i]);

		is_default |= pt_names_hold(&routes->by_default, upper);
		is_through |= pt_names_hold(&routes->through, upper);
		add_above(host, upper, &above);
	}
	if (!is_default && !is_through && !above.count)
		return;
	if (is_default || is_through)
		found.how = is_default ? PT_USE_DEFAULT_ROUTE : PT_USE_ROUTE;
	else
		found.weak = is_only_port(host, &above);
	found.place = found.how == PT_USE_ROUTE ? place : NULL;
	found.via = above.count ? above.name[0] : NULL;
	use(judging, found);
}

int pt_use_nets_plainly(const struct pt_host *host, const struct pt_devfiles *devfiles,
	struct pt_uses *uses, struct pt_err *err)
{
	struct routes routes PT_CLEANUP(clear_routes) = {0};
	int r;

	if (!has_interface(devfiles))
		return 0;
	/* /proc/net would be those of the process that reads */
	r = read_routes(host, "/proc/1/net/route", note_ipv4, &routes, err);
	if (r == 0)
		r = read_routes(host, "/proc/1/net/ipv6_route", note_ipv6, &routes, err);
	pt_foreach (devfile, devfiles->devfile, r == 0 ? devfiles->count : 0) {
		const struct judging judging = {NULL, devfile, uses};

		if (devfile->kind == PT_DEVFILE_NET)
			judge_plainly(host, &routes, &judging);
	}
	return r;
}
