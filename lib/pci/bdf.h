// SPDX-License-Identifier: AGPL-3.0-or-later
/* The address of a PCI function: domain:bus:slot.function. */
#ifndef PT_BDF_H
#define PT_BDF_H

#include <stdint.h>

#include "lib/base/record.h"

struct pt_bdf {
	uint32_t domain; /* above 0xffff behind Intel VMD */
	uint8_t bus;
	uint8_t slot;	  /* 0 to 0x1f on real hardware */
	uint8_t function; /* 0 to 7 on real hardware */
};

/* "0000:01:00.0", domains above ffff with as many digits as they need, and a NUL. */
#define PT_BDF_TEXT 20

/* Text as the kernel writes it: four or more domain digits, lower case. Returns text. */
const char *pt_bdf_format(const struct pt_bdf *bdf, char text[static PT_BDF_TEXT]);

/* Text on loan until the statement ends, for messages. */
#define PT_BDF(bdf) pt_bdf_format((bdf), (char[PT_BDF_TEXT]){0})

/* Reads exactly the kernel's form; ret is untouched unless true is returned. */
bool pt_bdf_parse(const char *text, struct pt_bdf *ret);

/* Order by domain, bus, slot, function; as qsort wants it. */
int pt_bdf_compare(const struct pt_bdf *a, const struct pt_bdf *b);
bool pt_bdf_same_slot(const struct pt_bdf *a, const struct pt_bdf *b);

/* Whether the address begins with filter, with or without "0000:": "01:00" is a whole device. */
bool pt_bdf_matches(const struct pt_bdf *bdf, const char *filter);
/* The same of an address that is text already, as pt_bdf_format writes it. */
bool pt_bdf_text_matches(const char *text, const char *filter);
/* Whether filter is a whole address, with or without "0000:", so that it means one function. */
bool pt_bdf_of_filter(const char *filter, struct pt_bdf *ret);

/* Adds a copy to a list that the caller owns. */
void pt_bdfs_add(struct pt_bdf **list, size_t *count, const struct pt_bdf *bdf);
bool pt_bdfs_have(const struct pt_bdf *list, size_t count, const struct pt_bdf *bdf);

/* An address in a record, and a record that is an address. */
extern const struct pt_form pt_bdf_form;
extern const struct pt_record pt_bdf_record;

#endif
