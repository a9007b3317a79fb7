// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Prints every PCI function of the machine, a line each: address, driver, driver override and number of
 * VFs. Written apart from the project's own code, so that a mistake there cannot hide itself here.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICES "/sys/bus/pci/devices"

static const char *file(const char *function, const char *name, char text[static 128])
{
	char path[512];
	FILE *in;

	snprintf(path, sizeof(path), DEVICES "/%s/%s", function, name);
	strcpy(text, "-");
	in = fopen(path, "r");
	if (in) {
		if (!fgets(text, 128, in))
			strcpy(text, "-");
		fclose(in);
	}
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static const char *driver(const char *function, char text[static 128])
{
	char path[512], target[512];
	ssize_t n;

	snprintf(path, sizeof(path), DEVICES "/%s/driver", function);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return "-";
	target[n] = '\0';
	snprintf(text, 128, "%s", strrchr(target, '/') + 1);
	return text;
}

int main(void)
{
	struct dirent **function;
	int count = scandir(DEVICES, &function, NULL, alphasort);

	if (count < 0) {
		perror(DEVICES);
		return 1;
	}
	for (int i = 0; i < count; i++) {
		char a[128], b[128], c[128];
		const char *name = function[i]->d_name;

		if (name[0] != '.')
			printf("%s driver=%s override=%s vfs=%s\n", name, driver(name, a),
				file(name, "driver_override", b), file(name, "sriov_numvfs", c));
		free(function[i]);
	}
	free(function);
	return 0;
}
