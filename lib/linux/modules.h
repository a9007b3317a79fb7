// SPDX-License-Identifier: AGPL-3.0-or-later
/* Kernel modules: finds and loads drivers. The sole user of libkmod. */
#ifndef PT_MODULES_H
#define PT_MODULES_H

#include "lib/pci/function.h"

enum pt_module_state {
	PT_MODULE_PRESENT,  /* built in or loaded */
	PT_MODULE_LOADABLE, /* on disk, nothing in the way that can be seen beforehand */
	PT_MODULE_MISSING,  /* the running kernel has no such module */
	PT_MODULE_BLOCKED,  /* modprobe.d replaces its loading by false or true */
	PT_MODULE_CUSTOM,   /* modprobe.d loads it by a command that we do not run */
	PT_MODULE_UNKNOWN,  /* not loaded, and the host is not the running system */
};

struct pt_module {
	enum pt_module_state state;
	bool blacklisted;  /* only matching by device is off; loading by name still works */
	char command[128]; /* the install command of PT_MODULE_BLOCKED and PT_MODULE_CUSTOM */
};

/* The state of a PCI driver (its module has the same name), read without changing anything. */
void pt_module_look(const struct pt_host *host, const char *name, struct pt_module *ret);

/* Returns the options of a module, from modprobe.d and the kernel's command line: "ids=10de:2204
 * disable_vga=1". The caller frees it. NULL: none. */
char *pt_module_options(const struct pt_host *host, const char *name);

/* Whether options of a module, "a=1 b=on c", set a switch; as in the kernel the last one counts. */
bool pt_options_set(const char *options, const char *name);
/* Whether ids= of vfio-pci ("v:d,v:d:sv:sd") in options (or NULL) names the function. Source:
 * drivers/vfio/pci/vfio_pci.c. */
bool pt_ids_mean(const char *options, const struct pt_function *function);

/* Whether modprobe.d blocks every module that would drive the modalias; ret names one, else "". */
bool pt_module_alias_blocked(const struct pt_host *host, const char *modalias, char ret[static 64]);

/* Finds the module of the vfio driver that fits a modalias best: a variant for the device, else
 * "vfio_pci"; among aliases "vfio_pci:..." the one with the fewest wildcards. False: unknown.
 * Source: Documentation/driver-api/vfio-pci-device-specific-driver-acceptance.rst. */
bool pt_module_vfio(
	const struct pt_host *host, const char *modalias, char ret[static PT_DRIVER_TEXT]);

/* Finds the PCI driver of this name, or of the module of this name: hisi_acc_vfio_pci has
 * hisi-acc-vfio-pci. False: none is registered; ret is name then. */
bool pt_module_driver(
	const struct pt_host *host, const char *name, char ret[static PT_DRIVER_TEXT]);

/* Makes sure that the PCI driver name is registered, as pt_module_driver finds it: loads the module
 * of that name, or, if that does not bring the driver, those for alias (a modalias, or NULL). Works
 * in a child until deadline_ms, and reads back. -ENOENT: no such module. -EPERM: blocked or refused
 * by the kernel. -ENOTSUP: PT_MODULE_CUSTOM. -ETIME. -EAGAIN: our own trouble. Others from
 * init_module. */
int pt_module_ensure(const struct pt_host *host, const char *name, const char *alias,
	long long deadline_ms, struct pt_err *err);

#endif
