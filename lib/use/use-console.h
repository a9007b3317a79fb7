// SPDX-License-Identifier: AGPL-3.0-or-later
/* The text console on a function's framebuffer. Source: Documentation/fb/fbcon.rst,
 * Documentation/ABI/testing/sysfs-class-vtconsole. */
#ifndef PT_USE_CONSOLE_H
#define PT_USE_CONSOLE_H

#include "lib/pci/function.h"
#include "lib/use/use.h"

#define PT_VTCONSOLES  "/sys/class/vtconsole"
#define PT_VTCON_TEXT  16
#define PT_FRAMEBUFFER "frame buffer device" /* the name of fbcon's console */

/* Whether name is a valid console name, "vtcon1", safe as part of a path. */
bool pt_vtcon_name_valid(const char *name);

/* Finds the console driver (name into ret) whose only framebuffer is this function's: it must let
 * go before the PCI driver can. Beside another framebuffer the kernel moves consoles by itself, and
 * unbinding would take them from both. False: there is none. */
bool pt_console_on(
	const struct pt_host *host, const struct pt_bdf *bdf, char ret[static PT_VTCON_TEXT]);

/* Whether a framebuffer of the firmware lies in one of the function's BARs. */
bool pt_framebuffer_in(const struct pt_host *host, const struct pt_function *function);

/* Adds text or a picture that the function shows: a bound fbcon, a framebuffer of the firmware in
 * its BARs, the firmware's choice of screen. All are weak: only the picture goes. */
void pt_use_console(
	const struct pt_host *host, const struct pt_function *function, struct pt_uses *uses);

/* Whether it is bound, as the kernel prints it: "1" or "0"; the caller frees. -ENODEV. -ETIME: a
 * driver hangs with the console's lock. Source: kernel, drivers/tty/vt/vt.c, show_bind. */
int pt_console_read_bind(const struct pt_host *host, const char *vtcon, char **ret);

#endif
