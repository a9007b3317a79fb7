// SPDX-License-Identifier: AGPL-3.0-or-later
/* The tags of findings, and those that local policy may allow. The table of checks answers
 * (pve/check/check.c), since tags stand there alone. */
#ifndef PT_TAG_H
#define PT_TAG_H

enum pt_allowing {
	PT_ALLOWING_UNKNOWN,	/* no finding has the tag */
	PT_ALLOWING_NEVER,	/* two guests cannot have one device */
	PT_ALLOWING_ONE_DEVICE, /* only for a device named with the tag, not for a whole guest */
	PT_ALLOWING_ANY,
};

enum pt_allowing pt_tag_allowing(const char *tag);

#endif
