// SPDX-License-Identifier: AGPL-3.0-or-later
/* The host's processors. Source: kernel, arch/x86/kernel/cpu/proc.c. */
#ifndef PT_CPU_H
#define PT_CPU_H

#include "lib/base/host.h"

enum pt_cpu_vendor { PT_CPU_UNKNOWN, PT_CPU_INTEL, PT_CPU_AMD };

struct pt_cpu {
	enum pt_cpu_vendor vendor;
	int address_bits;      /* physical; 0: unknown */
	struct pt_names nodes; /* the processors of each NUMA node by its number, "0-7,16-23" */
};

/* The vendor and the width are those of the first processor. What cannot be read stays 0. */
void pt_cpu_read(const struct pt_host *host, struct pt_cpu *ret);
void pt_cpu_clear(struct pt_cpu *cpu);

/* Whether two lists such as "0-3,8" have a number in common. */
bool pt_cpu_lists_meet(const char *one, const char *other);

#endif
