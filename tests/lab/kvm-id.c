// SPDX-License-Identifier: AGPL-3.0-or-later
/* Preloaded into stock QEMU in the lab: "-id VMID" is an option of Proxmox's own QEMU. The pair is
 * hidden from main; /proc/PID/cmdline keeps showing it, as on a node. */
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

typedef int start_main(int (*main)(int, char **, char **), int argc, char **argv,
	void (*init)(void), void (*fini)(void), void (*rtld_fini)(void), void *stack_end);
start_main __libc_start_main;

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
	void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
	start_main *real;
	int kept = 0;

	*(void **)&real = dlsym(RTLD_NEXT, "__libc_start_main");
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "-id") == 0 && i + 1 < argc)
			i++;
		else
			argv[kept++] = argv[i];
	}
	argv[kept] = NULL;
	return real(main, kept, argv, init, fini, rtld_fini, stack_end);
}
