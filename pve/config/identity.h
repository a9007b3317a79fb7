// SPDX-License-Identifier: AGPL-3.0-or-later
/* The devices of a guest's last start: addresses move when cards are added, and another card must
 * not pass for the expected one. One file per guest in PT_IDENTITY_DIR outlives a reboot. */
#ifndef PT_IDENTITY_H
#define PT_IDENTITY_H

#include "lib/pci/function.h"

struct pt_identity {
	struct pt_bdf bdf;
	char vendor[PT_PCI_ID_TEXT], device[PT_PCI_ID_TEXT];
	char subvendor[PT_PCI_ID_TEXT], subdevice[PT_PCI_ID_TEXT];
	uint32_t class;
	char serial[PT_SERIAL_TEXT]; /* as in struct pt_config_space */
};

struct pt_identities {
	struct pt_identity *identity;
	size_t count;
};

void pt_identities_clear(struct pt_identities *identities);
#define PT_IDENTITIES PT_CLEANUP(pt_identities_clear)

/* Reads the present identity of the function. */
void pt_identity_of(
	const struct pt_function *function, const char *serial, struct pt_identity *ret);

/* One device, and the whole file of a guest. */
extern const struct pt_record pt_identity_record, pt_identities_record;

/* Reads a guest's record. No record is none, and no error. */
int pt_identities_read(const struct pt_host *host, unsigned int vmid, struct pt_identities *ret,
	struct pt_err *err);

/* Writes it durably, in place of the one before. */
int pt_identities_write(const struct pt_host *host, unsigned int vmid,
	const struct pt_identities *identities, struct pt_err *err);

/* The record of an address; NULL: none. */
const struct pt_identity *pt_identities_find(
	const struct pt_identities *identities, const struct pt_bdf *bdf);

/* Whether two are one and the same device, even at different addresses. */
bool pt_identity_same(const struct pt_identity *a, const struct pt_identity *b);

/* "10de:2204 (subsystem 1043:87d5, serial 00a0c9fffe000001)". Returns text. */
#define PT_IDENTITY_TEXT 96
const char *pt_identity_format(
	const struct pt_identity *identity, char text[static PT_IDENTITY_TEXT]);

#endif
