// SPDX-License-Identifier: AGPL-3.0-or-later
/* Models that are known to hang, or to die, when they are reset between two users. */
#ifndef PT_RESET_MODELS_H
#define PT_RESET_MODELS_H

#include "lib/pci/function.h"

enum pt_reset_quirk {
	PT_QUIRK_NONE,
	PT_QUIRK_MODULE,     /* the module vendor-reset has a reset for it */
	PT_QUIRK_CARD,	     /* nothing has */
	PT_QUIRK_INTEGRATED, /* the graphics of a processor */
	PT_QUIRK_FLR,	     /* its function level reset hangs */
};

struct pt_reset_model {
	const char *vendor, *device; /* as in struct pt_function */
	unsigned int class;	     /* the upper byte; 0: any */
	enum pt_reset_quirk quirk;
	unsigned int until_major, until_minor; /* the first kernel without it; 0: none yet */
	const char *source;
};

/* Returns the model of the function on that kernel, "6.14.11-3-pve", or NULL. kernel NULL: unknown,
 * and models that some kernels have no trouble with are left out. Static. */
const struct pt_reset_model *pt_reset_model_find(
	const struct pt_function *function, const char *kernel);

#endif
