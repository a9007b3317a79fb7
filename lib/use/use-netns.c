// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include "lib/linux/netlink.h"
#include "lib/use/use-netns.h"
#include "lib/use/use-node.h"

#define NAMED_DIR   "/run/netns"
#define PATIENCE_MS 2000 /* anybody can make namespaces, and interfaces in them, without end */

/* The functions that are looked for, and what is known so far. */
struct search {
	const struct pt_host *host;
	const struct pt_function *const *function;
	size_t count;
	bool *found; /* of each function */
	struct pt_uses *uses;
	ino_t *seen; /* namespaces that were looked into */
	size_t seen_count;
	long long until; /* when looking ends, and guessing begins */
};

/* Whether the namespace was not looked into yet; it is from now on. */
static bool is_new(struct search *search, int fd)
{
	struct stat st;
	ino_t *slot;

	if (fstat(fd, &st) < 0 || pt_now_ms() >= search->until)
		return false;
	pt_foreach (seen, search->seen, search->seen_count) {
		if (*seen == st.st_ino)
			return false;
	}
	slot = pt_array_grow(&search->seen, &search->seen_count, sizeof(*slot));
	if (slot)
		*slot = st.st_ino;
	return slot;
}

/* One of the namespace that is being looked into. */
struct look {
	struct search *search;
	const char *where, *unit; /* of systemd; "" for none */
};

static int look_at_interface(void *data, const char *interface, const char *device)
{
	struct look *look = data;
	struct search *search = look->search;
	int r = 0;

	for (size_t at = 0; r == 0 && at < search->count; at++) {
		struct pt_use like = {.bdf = search->function[at]->bdf, .kind = PT_USE_NET};

		if (!pt_streq(device, PT_BDF(&like.bdf)))
			continue;
		search->found[at] = true;
		snprintf(like.unit, sizeof(like.unit), "%s", look->unit);
		r = pt_uses_add(search->uses, like, interface, pt_format("is in %s", look->where));
	}
	return r;
}

/* Looks into the namespace behind fd. Takes over where. */
static int look_into(struct search *search, int fd, char *where, const char *unit)
{
	PT_FREE char *text = where;
	struct look look = {search, text, unit};

	if (!text)
		return -ENOMEM;
	/* one that cannot be asked is passed over: what is not found is guessed */
	return setns(fd, CLONE_NEWNET) == 0 &&
			       pt_links_visit_devices(look_at_interface, &look) == -ENOMEM
		       ? -ENOMEM
		       : 0;
}

/* The file of a process's namespace: a magic link, which the gate does not follow. */
static int open_namespace(const struct pt_host *host, const char *pid)
{
	PT_FREE char *path = pt_format("/proc/%s/ns", pid);
	PT_CLOSE int dir = path ? pt_host_openat(host, path, O_PATH | O_DIRECTORY) : -ENOMEM;

	return dir < 0 ? dir : openat(dir, "net", O_RDONLY | O_CLOEXEC);
}

/* Those that have a name; a container without processes has none. */
static int look_into_named(struct search *search)
{
	struct pt_names PT_NAMES names = {0};
	int r = 0;

	if (pt_host_list(search->host, NAMED_DIR, &names) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		PT_FREE char *path = pt_format(NAMED_DIR "/%s", names.name[i]);
		PT_CLOSE int fd = path ? pt_host_openat(search->host, path, O_RDONLY) : -ENOMEM;

		if (fd >= 0 && is_new(search, fd))
			r = look_into(search, fd,
				pt_format("the network namespace %s", names.name[i]), "");
	}
	return r;
}

static int look_into_processes(struct search *search)
{
	struct pt_names PT_NAMES names = {0};
	int r = 0;

	if (pt_host_list(search->host, "/proc", &names) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		struct pt_opener process;
		PT_CLOSE int fd = -1;

		if (!pt_process_is(names.name[i]))
			continue;
		fd = open_namespace(search->host, names.name[i]);
		if (fd < 0 || !is_new(search, fd))
			continue;
		pt_process_look(search->host, names.name[i], &process);
		r = look_into(search, fd,
			pt_format("the network namespace of process %d (%s)%s%s", process.pid,
				process.name, process.container[0] ? " of " : "",
				process.container),
			process.unit);
	}
	return r;
}

/* Not in this namespace, and in none that was looked into: no proof, and no reason to refuse a start. */
static int guess(struct search *search)
{
	bool late = pt_now_ms() >= search->until;
	int r = 0;

	for (size_t at = 0; r == 0 && at < search->count; at++) {
		struct pt_use like = {
			.bdf = search->function[at]->bdf, .kind = PT_USE_NET, .weak = true};

		if (!search->found[at])
			r = pt_uses_add(search->uses, like, "its interface",
				late ? pt_format("is not in this network namespace, and there are "
						 "too many others to look into")
				     : pt_format(
					       "is not in this network namespace: a container may "
					       "have it"));
	}
	return r;
}

int pt_use_hidden_nets(const struct pt_host *host, const struct pt_function *const *function,
	size_t count, struct pt_uses *uses)
{
	struct search search = {.host = host,
		.function = function,
		.count = count,
		.found = calloc(count ? count : 1, sizeof(bool)),
		.uses = uses,
		.until = pt_now_ms() + PATIENCE_MS};
	PT_CLOSE int own = pt_host_is_live(host) && count ? open_namespace(host, "self") : -1;
	int r = search.found ? 0 : -ENOMEM;

	if (r == 0 && own >= 0 && is_new(&search, own)) {
		r = look_into_processes(&search);
		if (r == 0)
			r = look_into_named(&search);
		/* nothing more is asked of the network should that fail: it is the last thing that the child does */
		(void)!setns(own, CLONE_NEWNET);
	}
	if (r == 0)
		r = guess(&search);
	free(search.found);
	free(search.seen);
	return r;
}
