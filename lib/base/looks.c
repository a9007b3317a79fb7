// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <stdalign.h>
#include <stddef.h>
#include <sys/mman.h>

#include "lib/base/looks.h"

#define LOOK_MS 2000 /* for one that hangs; each that does not gets a millisecond beside */

struct work {
	const struct pt_host *host;
	void (*one)(const struct pt_host *host, const void *data, size_t at, void *result);
	const void *data;
	const struct pt_looks *looks;
	size_t from;
};

/* The flags that tell which are done lie behind the results. */
static size_t results_size(const struct pt_looks *looks)
{
	return looks->count * looks->each;
}

static bool *done_of(const struct pt_looks *looks, size_t at)
{
	return (bool *)looks->memory + results_size(looks) + at;
}

static void *result_of(const struct pt_looks *looks, size_t at)
{
	return (char *)looks->memory + at * looks->each;
}

static int look_in_child(void *data, int out)
{
	const struct work *work = data;

	(void)out;
	for (size_t i = work->from; i < work->looks->count; i++) {
		work->one(work->host, work->data, i, result_of(work->looks, i));
		__atomic_store_n(done_of(work->looks, i), true, __ATOMIC_RELEASE);
	}
	return 0;
}

int pt_looks_take(const struct pt_host *host,
	void (*one)(const struct pt_host *host, const void *data, size_t at, void *result),
	const void *data, size_t count, size_t each, struct pt_looks *ret)
{
	struct work work = {host, one, data, ret, 0};

	/* each place must be fit for any type */
	each = (each + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	*ret = (struct pt_looks){NULL, count, each};
	if (!count)
		return 0;
	ret->memory = mmap(NULL, results_size(ret) + count, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ret->memory == MAP_FAILED)
		pt_out_of_memory();
	while (work.from < count) {
		long long deadline = pt_now_ms() + LOOK_MS + (long long)(count - work.from);
		PT_FREE char *text = NULL;
		size_t length;
		int r = pt_host_collect(host, look_in_child, &work, deadline, 1, &text, &length);

		if (r != -ETIME)
			return r;
		while (work.from < count && pt_looks_done(ret, work.from))
			work.from++;
		work.from++;
	}
	return 0;
}

bool pt_looks_done(const struct pt_looks *looks, size_t at)
{
	return looks->memory && __atomic_load_n(done_of(looks, at), __ATOMIC_ACQUIRE);
}

const void *pt_looks_result(const struct pt_looks *looks, size_t at)
{
	return result_of(looks, at);
}

void pt_looks_end(struct pt_looks *looks)
{
	if (looks->memory)
		munmap(looks->memory, results_size(looks) + looks->count);
	*looks = (struct pt_looks){0};
}
