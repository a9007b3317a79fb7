// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Which text console stands on a function's framebuffer. Source: Documentation/fb/fbcon.rst and
 * Documentation/ABI/testing/sysfs-class-vtconsole of the kernel.
 */
#ifndef PT_USE_CONSOLE_H
#define PT_USE_CONSOLE_H

#include "lib/pci/function.h"
#include "lib/use/use.h"

#define PT_VTCONSOLES  "/sys/class/vtconsole"
#define PT_VTCON_TEXT  16
#define PT_FRAMEBUFFER "frame buffer device" /* the name of fbcon's console */

/* Whether name can be a console's, "vtcon1", so that it may stand in a path. */
bool pt_vtcon_name_valid(const char *name);

/*
 * The console driver (name into ret) that is bound and whose only framebuffer is this function's:
 * it has to let go before the function's driver can. With another framebuffer beside it the kernel
 * moves the consoles over by itself, and unbinding would take them from that one as well. False:
 * there is none.
 */
bool pt_console_on(
	const struct pt_host *host, const struct pt_bdf *bdf, char ret[static PT_VTCON_TEXT]);

/*
 * Adds what shows text or the firmware's picture on the function: a bound fbcon, a framebuffer of
 * the firmware inside one of its BARs, or that it was the firmware's choice of screen. All weak:
 * the picture goes, nothing else.
 */
void pt_use_console(
	const struct pt_host *host, const struct pt_function *function, struct pt_uses *uses);

/* Whether it is bound, as the kernel prints it: "1" or "0"; the caller frees. -ENODEV. */
int pt_console_read_bind(const struct pt_host *host, const char *vtcon, char **ret);

#endif
