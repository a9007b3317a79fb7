// SPDX-License-Identifier: AGPL-3.0-or-later
/* curve: what a function costs when a guest has many of them, on a simulated host where 256 other
 * guests run with one function each. A line for each size: functions, entries, and the
 * milliseconds of pre-start and post-stop for each function. */
#include <sys/wait.h>
#include <time.h>

#include "hook/phases.h"
#include "pve/check/check.h"
#include "pve/config/paths.h"
#include "tests/fake-pve.h"

#define OTHERS	 256
#define FIRST	 1000 /* of the others */
#define SLOTS	 16
#define OF_SLOT	 8
#define GUEST	 100
#define RUNS	 5
#define CONFIG	 PT_PVE_NODES "/node1/qemu-server/%u.conf"
#define ADDRESS	 "%04x:%02x:00.%u"
#define OUR_BUS	 0x10
#define DOMAIN_A 0
#define DOMAIN_B 1 /* of the others' functions */

static void address(char text[static 16], unsigned int domain, unsigned int bus, unsigned int index)
{
	snprintf(text, 16, ADDRESS, domain, bus, index);
}

static void make_machine(struct fake *fake)
{
	PT_FREE char *functions = pt_strdup("");
	PT_FREE char *tree = NULL;
	char at[16];

	for (unsigned int i = 0; i < SLOTS * OF_SLOT + OTHERS; i++) {
		PT_FREE char *before = PT_STEAL(functions);
		bool ours = i < SLOTS * OF_SLOT;
		unsigned int n = ours ? i : i - SLOTS * OF_SLOT;

		address(at, ours ? DOMAIN_A : DOMAIN_B, (ours ? OUR_BUS + n / OF_SLOT : n),
			ours ? n % OF_SLOT : 0);
		functions = pt_format("%s%s{\"addr\":\"%s\",\"vendor\":\"0x1234\",\"device\":"
				      "\"0x11e8\",\"class\":\"0x00ff00\",\"driver\":\"edu\","
				      "\"iommu_group\":%u}",
			before, i ? "," : "", at, ours ? 1 + n / OF_SLOT : 100 + n);
	}
	tree = pt_format("{\"functions\":[%s]}", functions);
	fake_tree_text(fake, tree);
	fake_file(fake, "/etc/hostname", "node1\n");
	fake_dir(fake, PT_PVE_RUN);
	fake_dir(fake, PT_PVE_LOCKS);
	fake_dir(fake, "/proc");
	fake_dir(fake, "/var/lib");
}

/* Runs a phase in a process of its own; its time in ms. */
static double phase(struct fake *fake, unsigned int vmid, const char *name)
{
	struct timespec begin, end;
	int status = 1;
	pid_t pid;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	pid = fork();
	if (pid == 0) {
		struct pt_run run = fake_pve_run_of(fake, vmid);

		_exit(pt_phase_find(name)(&run));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		fake_die(name);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return (double)(end.tv_sec - begin.tv_sec) * 1e3 +
	       (double)(end.tv_nsec - begin.tv_nsec) / 1e6;
}

static void write_config(struct fake *fake, unsigned int vmid, const char *text)
{
	PT_FREE char *path = pt_format(CONFIG, vmid);

	fake_file(fake, path, text);
}

static void start_others(struct fake *fake)
{
	for (unsigned int i = 0; i < OTHERS; i++) {
		char at[16];
		const char *function = at;
		const int group = (int)(100 + i);
		PT_FREE char *config = NULL;

		address(at, DOMAIN_B, i, 0);
		config = pt_format("hostpci0: %s\n", at);
		write_config(fake, FIRST + i, config);
		phase(fake, FIRST + i, "pre-start");
		if (!fake_pve_reserve(fake, FIRST + i, &function, 1))
			fake_die("reserve");
		fake_pve_run(fake, FIRST + i, &function, &group, 1);
		phase(fake, FIRST + i, "post-start");
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(struct fake *fake, unsigned int slots)
{
	const unsigned int count = slots * OF_SLOT;
	PT_FREE char *config = pt_strdup("");
	double take[RUNS], back[RUNS];

	for (unsigned int i = 0; i < slots; i++) {
		PT_FREE char *before = PT_STEAL(config);

		config = pt_format("%shostpci%u: %04x:%02x:00\n", before, i, DOMAIN_A, OUR_BUS + i);
	}
	write_config(fake, GUEST, config);
	for (int run = 0; run < RUNS; run++) {
		take[run] = phase(fake, GUEST, "pre-start");
		phase(fake, GUEST, "post-start");
		back[run] = phase(fake, GUEST, "post-stop");
	}
	qsort(take, RUNS, sizeof(*take), compare);
	qsort(back, RUNS, sizeof(*back), compare);
	printf("%u %u %.3f %.3f\n", count, slots, take[RUNS / 2] / count, back[RUNS / 2] / count);
	fflush(stdout);
}

int main(void)
{
	struct fake fake;

	fake_open(&fake);
	make_machine(&fake);
	start_others(&fake);
	for (unsigned int slots = 1; slots <= SLOTS; slots *= 2)
		measure(&fake, slots);
	fake_close(&fake);
	return 0;
}
