// SPDX-License-Identifier: AGPL-3.0-or-later
/* The state of a function before it was taken; a return restores it. */
#ifndef PT_ORIGIN_H
#define PT_ORIGIN_H

#include "lib/pci/function.h"

struct pt_origin {
	char *driver;	/* NULL: none */
	char *override; /* NULL: none */
	int vfs;	/* VFs that a PF had, -1: no PF */
	int autoprobe;	/* whether new VFs of it get a driver by themselves, 0 or 1; -1: no PF */
	char *console;	/* console driver on its framebuffer, "vtcon1"; NULL: none */
};

/* Reads the function as it is now. -ENODEV: it is gone. -ETIME: a driver hangs. End with
 * pt_origin_clear. */
int pt_origin_read(const struct pt_host *host, const struct pt_bdf *bdf, struct pt_origin *ret,
	struct pt_err *err);
void pt_origin_copy(struct pt_origin *ret, const struct pt_origin *from);
void pt_origin_clear(struct pt_origin *origin);

/* Gives texts back byte by byte. */
extern const struct pt_record pt_origin_record;

#endif
