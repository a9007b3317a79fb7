// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include "lib/linux/netlink.h"
#include "lib/use/use-netns.h"
#include "lib/use/use-devfile.h"

#define NAMED_DIR   "/run/netns"
#define SISTERS	    6	 /* letters that the names of all our programs begin with */
#define PATIENCE_MS 2000 /* anybody can make namespaces, and interfaces in them, without end */

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

/* Whether the namespace was not looked into yet. */
static bool is_new(const struct search *search, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || pt_now_ms() >= search->until)
		return false;
	pt_foreach (seen, search->seen, search->seen_count) {
		if (*seen == st.st_ino)
			return false;
	}
	return true;
}

static void note_seen(struct search *search, int fd)
{
	ino_t *slot = pt_array_grow(&search->seen, &search->seen_count, sizeof(*slot));
	struct stat st;

	*slot = fstat(fd, &st) == 0 ? st.st_ino : 0;
}

struct look {
	struct search *search;
	const struct pt_use *like;
};

static int look_at_interface(void *data, const char *interface, const char *device)
{
	const struct look *look = data;
	struct search *search = look->search;
	PT_FREE char *name = pt_strdup(interface);

	for (size_t at = 0; at < search->count; at++) {
		struct pt_use use = *look->like;

		use.bdf = search->function[at]->bdf;
		use.kind = PT_USE_NET;
		use.what = name;
		if (!pt_streq(device, PT_BDF(&use.bdf)))
			continue;
		search->found[at] = true;
		pt_uses_add(search->uses, &use);
	}
	return 0;
}

/* Searches the namespace behind fd. One that cannot be entered is skipped. */
static void look_into(struct search *search, int fd, const struct pt_use *like)
{
	struct look look = {search, like};

	note_seen(search, fd);
	if (setns(fd, CLONE_NEWNET) == 0)
		(void)!pt_links_visit_devices(look_at_interface, &look);
}

/* The file of a process's namespace: a magic link, which the gate does not follow. */
static int open_namespace(const struct pt_host *host, const char *pid)
{
	PT_FREE char *path = pt_format("/proc/%s/ns", pid);
	PT_CLOSE int dir = pt_host_openat(host, path, O_PATH | O_DIRECTORY);

	return dir < 0 ? dir : openat(dir, "net", O_RDONLY | O_CLOEXEC);
}

/* Those that have a name; a container without processes has none. */
static void look_into_named(struct search *search)
{
	struct pt_names PT_NAMES names = {0};

	if (pt_host_list(search->host, NAMED_DIR, &names) < 0)
		return;
	pt_foreach (name, names.name, names.count) {
		const struct pt_use like = {.how = PT_USE_NAMESPACE, .place = *name};
		PT_FREE char *path = pt_format(NAMED_DIR "/%s", *name);
		PT_CLOSE int fd = pt_host_openat(search->host, path, O_RDONLY);

		if (fd >= 0 && is_new(search, fd))
			look_into(search, fd, &like);
	}
}

/* Another look like this one is in each namespace for an instant: of this program or of a sister,
 * whose name begins alike. */
static bool is_looking(const struct pt_opener *process)
{
	return strncmp(process->name, program_invocation_short_name, SISTERS) == 0;
}

/* Names each namespace by a process in it; with all, by one that only looks as well. */
static void look_into_processes(struct search *search, bool all)
{
	struct pt_names PT_NAMES names = {0};

	if (pt_host_list(search->host, "/proc", &names) < 0)
		return;
	pt_foreach (name, names.name, names.count) {
		struct pt_use like = {.how = PT_USE_NAMESPACE_OF_PROCESS};
		struct pt_opener process;
		PT_CLOSE int fd = -1;

		if (!pt_process_is(*name))
			continue;
		fd = open_namespace(search->host, *name);
		if (fd < 0 || !is_new(search, fd))
			continue;
		pt_process_look(search->host, *name, &process);
		if (is_looking(&process) && !all)
			continue;
		pt_use_by(&like, &process);
		look_into(search, fd, &like);
	}
}

/* Neither in this namespace nor in a searched one: no proof, and no reason to refuse. */
static void guess(struct search *search)
{
	bool late = pt_now_ms() >= search->until;
	char what[] = "its interface";

	for (size_t at = 0; at < search->count; at++) {
		const struct pt_use use = {.bdf = search->function[at]->bdf,
			.kind = PT_USE_NET,
			.how = late ? PT_USE_UNSEARCHED : PT_USE_HIDDEN,
			.weak = true,
			.what = what};

		if (!search->found[at])
			pt_uses_add(search->uses, &use);
	}
}

void pt_use_hidden_nets(const struct pt_host *host, const struct pt_function *const *function,
	size_t count, struct pt_uses *uses)
{
	struct search search = {.host = host,
		.function = function,
		.count = count,
		.found = pt_calloc(count, sizeof(bool)),
		.uses = uses,
		.until = pt_now_ms() + PATIENCE_MS};
	PT_CLOSE int own = pt_host_is_live(host) && count ? open_namespace(host, "self") : -1;

	if (own >= 0) {
		note_seen(&search, own);
		look_into_processes(&search, false);
		look_into_named(&search);
		/* anybody can choose that name */
		look_into_processes(&search, true);
		/* no matter if this fails: the child asks the network nothing more */
		(void)!setns(own, CLONE_NEWNET);
	}
	guess(&search);
	free(search.found);
	free(search.seen);
}
