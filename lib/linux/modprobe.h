// SPDX-License-Identifier: AGPL-3.0-or-later
/* What modprobe.d and the command line of a copied host say about a module. libkmod reads those of
 * the running system alone: the command line always, and links out of the copy. Source:
 * modprobe.d(5); kernel, Documentation/admin-guide/kernel-parameters.rst. */
#ifndef PT_MODPROBE_H
#define PT_MODPROBE_H

#include "lib/base/host.h"

struct pt_modprobe {
	char *options; /* "ids=10de:2204 disable_vga=1"; NULL: none */
	char *install; /* the command that loads it instead; NULL: none */
	bool blacklisted;
};

/* Reads what is said about the module; - and _ are the same. End with pt_modprobe_clear. */
void pt_modprobe_read(const struct pt_host *host, const char *module, struct pt_modprobe *ret);
void pt_modprobe_clear(struct pt_modprobe *modprobe);
#define PT_MODPROBE PT_CLEANUP(pt_modprobe_clear)

/* Whether the module is loaded, by /proc/modules. */
bool pt_modprobe_is_loaded(const struct pt_host *host, const char *module);

/* Finds the modules of the copied modules.alias that drive the modalias: whether there are any, and
 * modprobe.d blacklists all of them; ret names one. */
bool pt_modprobe_alias_blocked(
	const struct pt_host *host, const char *modalias, char *ret, size_t size);

#endif
