// SPDX-License-Identifier: AGPL-3.0-or-later
/* A confined child, which looks at what is left to it. */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "lib/base/child.h"
#include "lib/base/confine.h"
#include "tests/unit/unit.h"

#define MORE (64U * 1024 * 1024)

static int print_status(void *data, int out)
{
	PT_FCLOSE FILE *file = NULL;
	char line[256];

	(void)data;
	file = fopen("/proc/self/status", "re");
	if (!file || pt_confine(MORE, NULL) < 0)
		return -EIO;
	rewind(file);
	while (fgets(line, sizeof(line), file))
		dprintf(out, "%s", line);
	return 0;
}

static int try_all(void *data, int out)
{
	char program[] = "/bin/true";
	char *const arguments[] = {program, NULL};
	struct rlimit limit;
	void *memory;

	(void)data;
	if (pt_confine(MORE, NULL) < 0)
		return -EIO;
	execv(program, arguments);
	dprintf(out, "exec %s\n", strerrorname_np(errno));
	dprintf(out, "signal %s\n", kill(getppid(), 0) < 0 ? strerrorname_np(errno) : "sent");
	dprintf(out, "root %s\n", setuid(0) < 0 ? strerrorname_np(errno) : "again");
	dprintf(out, "secret %s\n",
		open("/etc/shadow", O_RDONLY | O_CLOEXEC) < 0 ? strerrorname_np(errno) : "read");
	getrlimit(RLIMIT_CORE, &limit);
	dprintf(out, "core %lu\n", (unsigned long)limit.rlim_cur);
	memory = mmap(NULL, (size_t)4 * MORE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	dprintf(out, "memory %s\n", memory == MAP_FAILED ? "refused" : "given");
	memory = mmap(NULL, MORE / 2, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	dprintf(out, "a little %s\n", memory == MAP_FAILED ? "refused" : "given");
	return 0;
}

/* The words of a child that does the work; the caller's. */
static char *words_of(int (*work)(void *data, int out))
{
	struct pt_child child = PT_CHILD_NONE;
	char *text = NULL;
	size_t length = 0;

	assert_int_equal(pt_child_start(&child, work, NULL, NULL, 0, true, NULL), 0);
	assert_int_equal(pt_child_collect(&child, pt_now_ms() + 20000, 65536, &text, &length), 0);
	return text;
}

static void nothing_is_left(void **state)
{
	static const char *const lines[] = {"Uid:\t65534\t65534\t65534\t65534\n",
		"Gid:\t65534\t65534\t65534\t65534\n", "Groups:\t \n", "CapInh:\t0000000000000000\n",
		"CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n",
		"CapBnd:\t0000000000000000\n", "CapAmb:\t0000000000000000\n", "NoNewPrivs:\t1\n",
		"Seccomp:\t2\n"};
	PT_FREE char *text = words_of(print_status);

	(void)state;
	for (size_t i = 0; i < PT_ARRAY_SIZE(lines); i++)
		assert_holds(text, lines[i]);
}

static void nothing_can_be_gained(void **state)
{
	PT_FREE char *text = words_of(try_all);

	(void)state;
	assert_string_equal(text, "exec EPERM\nsignal EPERM\nroot EPERM\nsecret EACCES\ncore 0\n"
				  "memory refused\na little given\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_left),
		cmocka_unit_test(nothing_can_be_gained),
	};

	return cmocka_run_group_tests_name("confine", tests, NULL, NULL);
}
