// SPDX-License-Identifier: AGPL-3.0-or-later
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "pve/config/paths.h"
#include "tests/fake-pve.h"

#define RESERVING  PT_PVE_RUN "/pci-id-reservations.lock"
#define RESERVED_S 60

static int lock_file(struct fake *fake, const char *path)
{
	PT_FREE char *whole = pt_format("%s%s", fake->root, path);
	int lock = open(whole, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		fake_die(whole);
	return lock;
}

int fake_pve_lock(struct fake *fake, unsigned int vmid)
{
	PT_FREE char *path = pt_format(PT_PVE_LOCKS "/lock-%u.conf", vmid);

	return lock_file(fake, path);
}

static unsigned int owner_of(const char *line)
{
	unsigned int vmid = 0;

	return sscanf(line, "%*s %u", &vmid) == 1 ? vmid : 0;
}

/* Replaces the guest's lines. Under the lock of reservations. */
static void write_reservations(struct fake *fake, unsigned int vmid, const char *const *function,
	size_t count, const char *until)
{
	PT_FREE char *text = fake_read(fake, PT_PVE_PCI_RESERVATIONS);
	PT_FREE char *from = pt_format("%s" PT_PVE_PCI_RESERVATIONS ".new", fake->root);
	PT_FREE char *to = pt_format("%s" PT_PVE_PCI_RESERVATIONS, fake->root);
	FILE *out = fopen(from, "we");
	char *rest = NULL;

	if (!out)
		fake_die(from);
	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line;
		line = strtok_r(NULL, "\n", &rest)) {
		if (owner_of(line) != vmid)
			fprintf(out, "%s\n", line);
	}
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s %u %s\n", function[i], vmid, until);
	if (fclose(out) != 0 || rename(from, to) < 0)
		fake_die(to);
}

/* Whether another guest has reserved the function. Valid as long as its time or its QEMU. */
static bool is_reserved(struct fake *fake, unsigned int vmid, const char *function)
{
	PT_FREE char *text = fake_read(fake, PT_PVE_PCI_RESERVATIONS);
	char *rest = NULL;

	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line;
		line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, function, strlen(function)) == 0 && owner_of(line) != vmid)
			return true;
	}
	return false;
}

bool fake_pve_reserve(
	struct fake *fake, unsigned int vmid, const char *const *function, size_t count)
{
	PT_FREE char *until = pt_format("time:%lld", (long long)time(NULL) + RESERVED_S);
	int lock = lock_file(fake, RESERVING);
	bool free = true;

	for (size_t i = 0; i < count; i++)
		free = free && !is_reserved(fake, vmid, function[i]);
	if (free)
		write_reservations(fake, vmid, function, count, until);
	close(lock);
	return free;
}

void fake_pve_free(struct fake *fake, unsigned int vmid)
{
	int lock = lock_file(fake, RESERVING);

	write_reservations(fake, vmid, NULL, 0, NULL);
	close(lock);
}

void fake_pve_run(struct fake *fake, unsigned int vmid, const char *const *function,
	const int *group, size_t count)
{
	PT_FREE char *pidfile = pt_format(PT_PVE_RUN "/%u.pid", vmid);
	PT_FREE char *process = pt_format("/proc/%u", FAKE_PVE_PID(vmid));
	PT_FREE char *cmdline = pt_format("%s/cmdline", process);
	PT_FREE char *until = pt_format("pid:%u", FAKE_PVE_PID(vmid));
	PT_FREE char *number = pt_format("%u\n", FAKE_PVE_PID(vmid));
	int lock = lock_file(fake, RESERVING);
	char arguments[96];
	int length = snprintf(arguments, sizeof(arguments),
		"kvm%c-id%c%u%c-pidfile%c/var/run/qemu-server/%u.pid", 0, 0, vmid, 0, 0, vmid);

	for (size_t i = 0; i < count; i++) {
		PT_FREE char *fd = pt_format("%s/fd/%zu", process, i + 5);
		PT_FREE char *file = pt_format("/dev/vfio/%d", group[i]);

		fake_link(fake, fd, file);
	}
	fake_bytes(fake, cmdline, arguments, (size_t)length + 1);
	write_reservations(fake, vmid, function, count, until);
	fake_file(fake, pidfile, number);
	close(lock);
}

void fake_pve_kill(struct fake *fake, unsigned int vmid)
{
	PT_FREE char *pidfile = pt_format(PT_PVE_RUN "/%u.pid", vmid);
	PT_FREE char *cmdline = pt_format("/proc/%u/cmdline", FAKE_PVE_PID(vmid));
	int lock = lock_file(fake, RESERVING);

	fake_remove(fake, pidfile);
	/* one that ends has no memory any more, and so no arguments */
	fake_file(fake, cmdline, "");
	write_reservations(fake, vmid, NULL, 0, NULL);
	close(lock);
}

void fake_pve_bury(struct fake *fake, unsigned int vmid)
{
	PT_FREE char *process = pt_format("/proc/%u", FAKE_PVE_PID(vmid));

	fake_remove(fake, process);
}
