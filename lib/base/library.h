// SPDX-License-Identifier: AGPL-3.0-or-later
/* Shared libraries that not every run needs, loaded on first use: they bring others along (libkmod
 * libcrypto, libpci libudev, libcurl thirty), and an idle hook starts in half the time without
 * them. */
#ifndef PT_LIBRARY_H
#define PT_LIBRARY_H

#include "lib/base/base.h"

/* A function of the library, and the pointer that gets it. */
struct pt_symbol {
	const char *name;
	void *pointer;
};

/* Loads "libcurl.so.4" until the program ends. NULL, or the reason until the next call. */
const char *pt_library_load(const char *file, const struct pt_symbol *symbol, size_t count);

#endif
