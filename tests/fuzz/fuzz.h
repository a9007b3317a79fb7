// SPDX-License-Identifier: AGPL-3.0-or-later
#ifndef PT_FUZZ_H
#define PT_FUZZ_H

#include <stdint.h>

#include "lib/base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a text; the caller frees it. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

#endif
