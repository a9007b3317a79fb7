// SPDX-License-Identifier: AGPL-3.0-or-later
/* The host's processors. Source: kernel, arch/x86/kernel/cpu/proc.c. */
#ifndef PT_CPU_H
#define PT_CPU_H

#include "lib/base/host.h"

enum pt_cpu_vendor { PT_CPU_UNKNOWN, PT_CPU_INTEL, PT_CPU_AMD };

struct pt_cpu {
	enum pt_cpu_vendor vendor;
	int address_bits; /* physical; 0: unknown */
};

/* Of the first processor. What cannot be read stays 0. */
void pt_cpu_read(const struct pt_host *host, struct pt_cpu *ret);

#endif
