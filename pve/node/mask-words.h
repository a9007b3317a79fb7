// SPDX-License-Identifier: AGPL-3.0-or-later
/* The masks of names, and texts with names in them; for mask.c. The same name of a kind always gets
 * the same mask. */
#ifndef PT_MASK_WORDS_H
#define PT_MASK_WORDS_H

#include "lib/base/base.h"

/* Kinds of names; each has numbers of its own. */
#define PT_MASK_MAC	"mac"
#define PT_MASK_NAME	"name"
#define PT_MASK_PROCESS "process"
#define PT_MASK_SERIAL	"serial" /* its mask has 16 digits */
#define PT_MASK_UNIT	"unit"

struct pt_masks;

/* Knows no name. End with pt_masks_free. */
struct pt_masks *pt_masks_new(void) __attribute__((returns_nonnull));
void pt_masks_free(struct pt_masks *masks);

/* Has this driver's name stay in all texts. */
void pt_masks_keep(struct pt_masks *masks, const char *driver);

/* Returns the mask of a name, on loan. kind: a static text. */
const char *pt_mask_of(struct pt_masks *masks, const char *kind, const char *name);

/* Writes a text that is one name; a name that says nothing about a site stays: those of the kernel,
 * of Debian, of Proxmox VE. */
void pt_mask_put_one(struct pt_masks *masks, const char *kind, const char *text, FILE *out);

enum pt_mask_words {
	PT_MASK_LABEL,	  /* names between words of ours, "LVM volume vg-lv (dm-1)" */
	PT_MASK_UNITS,	  /* names of systemd's units alone */
	PT_MASK_SENTENCE, /* names that have a mask, are quoted, or are no plain words */
};
void pt_mask_put_words(struct pt_masks *masks, enum pt_mask_words words, const char *kind,
	const char *text, FILE *out);

/* Writes a path, each part masked but the last one if it is known. */
void pt_mask_put_path(
	struct pt_masks *masks, const char *kind, const char *path, const char *known, FILE *out);

/* Writes the value of a key of a property string that is wrong: letters and digits become others
 * unless they can only be a PCI address, a number of it or a flag. */
void pt_mask_put_value(struct pt_masks *masks, const char *value, FILE *out);

#endif
