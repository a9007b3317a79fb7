// SPDX-License-Identifier: AGPL-3.0-or-later
/* A simulated host for parsers that read the host's files themselves. */
#ifndef PT_FUZZ_HOST_H
#define PT_FUZZ_HOST_H

#include "tests/fake.h"
#include "tests/fuzz/fuzz.h"

static struct fake fuzz_fake;

static void fuzz_host_end(void)
{
	fake_close(&fuzz_fake);
}

/* The one of this program, made at the first call and gone with the program. */
static inline struct fake *fuzz_host(void)
{
	if (!fuzz_fake.host) {
		fake_open(&fuzz_fake);
		atexit(fuzz_host_end);
	}
	return &fuzz_fake;
}

#endif
