// SPDX-License-Identifier: AGPL-3.0-or-later
/* floor take|return FUNCTION..., or floor nothing: the kernel's writes for a move and nothing else,
 * no look, no record, no read back. It is what any tool has to do at least. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICES "/sys/bus/pci/devices/"

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		perror(path);
		exit(1);
	}
	close(fd);
}

static void move(const char *bdf, const char *override)
{
	char path[128];

	snprintf(path, sizeof(path), DEVICES "%s/driver_override", bdf);
	put(path, override);
	snprintf(path, sizeof(path), DEVICES "%s/driver/unbind", bdf);
	if (access(path, F_OK) == 0)
		put(path, bdf);
	put("/sys/bus/pci/drivers_probe", bdf);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	for (int i = 2; i < argc; i++)
		move(argv[i], strcmp(argv[1], "take") == 0 ? "vfio-pci" : "\n");
	return 0;
}
