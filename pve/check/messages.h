// SPDX-License-Identifier: AGPL-3.0-or-later
/* Messages that Proxmox VE, QEMU and the kernel print when passthrough fails, and their causes. */
#ifndef PT_MESSAGES_H
#define PT_MESSAGES_H

#include "pve/check/facts.h"

/* Findings at most that one message hints at. */
#define PT_MESSAGE_TAGS 4

struct pt_message {
	const char *pattern; /* extended regular expression, upper and lower case alike */
	const char *cause;   /* what has happened */
	const char *tags[PT_MESSAGE_TAGS + 1]; /* findings that foretell it, NULL behind the last */
	const char *seen;		       /* who prints it, with the version it was seen in */
};

/* The messages that stand in the text, in the order of the table: those from *at on. Returns the
 * next one and moves *at behind it; NULL: there are no more. */
const struct pt_message *pt_message_next(const char *text, size_t *at);

/* Whether a line of the kernel is about the guest of these facts: it names a function that the
 * guest has to do with, or none at all. */
bool pt_message_concerns(const char *line, const struct pt_facts *facts);

/* The message at a place of the table, NULL behind the last. */
const struct pt_message *pt_message_at(size_t at);

#endif
