// SPDX-License-Identifier: AGPL-3.0-or-later
/* Prints every PCI function of the machine, a line each: address, driver, driver override, number
 * of VFs and whether new ones get a driver, whether it is enabled; and which consoles are bound.
 * Written apart from the project's own code, so that a mistake there cannot hide itself here. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICES	 "/sys/bus/pci/devices"
#define CONSOLES "/sys/class/vtconsole"

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

static void print_consoles(void)
{
	struct dirent **console;
	int count = scandir(CONSOLES, &console, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		char path[600], bind[8] = "-";
		FILE *in;

		snprintf(path, sizeof(path), CONSOLES "/%s/bind", console[i]->d_name);
		in = fopen(path, "r");
		if (in) {
			if (console[i]->d_name[0] != '.' && fgets(bind, sizeof(bind), in))
				printf("%s bind=%s", console[i]->d_name, bind);
			fclose(in);
		}
		free(console[i]);
	}
	if (count >= 0)
		free(console);
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
		char a[128], b[128], c[128], d[128], e[128];
		const char *name = function[i]->d_name;

		if (name[0] != '.')
			printf("%s driver=%s override=%s vfs=%s autoprobe=%s enabled=%s\n", name,
				driver(name, a), file(name, "driver_override", b),
				file(name, "sriov_numvfs", c),
				file(name, "sriov_drivers_autoprobe", d), file(name, "enable", e));
		free(function[i]);
	}
	free(function);
	print_consoles();
	return 0;
}
