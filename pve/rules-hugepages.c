// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Whether the host has the huge pages that the guest's memory is made of, on the NUMA nodes where Proxmox VE looks for
 * them. Source: qemu-server, QemuServer/Memory.pm, hugepages_size, hugepages_topology and hugepages_allocate.
 */
#include "pve/rules.h"

#define MIB	 (UINT64_C(1) << 20)
#define GIB	 (UINT64_C(1) << 30)
#define NUMA_MAX 8  /* nodes of a guest */
#define ANYWHERE -1 /* the guest does not say on which node of the host */

/* Pages of one size that are needed on one node of the host. */
struct need {
	uint64_t size, pages;
	int node;
};

struct needs {
	struct need need[NUMA_MAX];
	size_t count;
	uint64_t odd; /* size of pages of which a part of the memory is no multiple; 0: none */
};

static bool has_size(const struct pt_memory *memory, uint64_t size)
{
	pt_foreach (huge, memory->huge, memory->huge_count) {
		if (huge->size == size)
			return true;
	}
	return false;
}

/* Bytes of the pages that a part of the guest's memory is made of. */
static uint64_t size_for(const struct pt_memory *memory, const char *setting, uint64_t bytes)
{
	if (!pt_streq(setting, "any"))
		return strtoull(setting, NULL, 10) * MIB;
	return has_size(memory, GIB) && bytes % GIB == 0 ? GIB : 2 * MIB;
}

static void add_need(struct needs *needs, uint64_t size, uint64_t bytes, int node)
{
	if (!size)
		return;
	if (bytes % size)
		needs->odd = size;
	pt_foreach (need, needs->need, needs->count) {
		if (need->size == size && need->node == node) {
			need->pages += bytes / size;
			return;
		}
	}
	needs->need[needs->count++] = (struct need){size, bytes / size, node};
}

/* The number behind key in "cpus=0-1,hostnodes=0,memory=2048"; -1: there is none, or not one alone. */
static long long number_of(const char *numa, const char *key)
{
	size_t length = strlen(key);

	for (const char *at = numa; at; at = strchr(at, ',')) {
		char *end;
		long long number;

		at += *at == ',';
		if (strncmp(at, key, length) != 0 || at[length] != '=')
			continue;
		number = strtoll(at + length + 1, &end, 10);
		return end > at + length + 1 && (!*end || *end == ',') ? number : -1;
	}
	return -1;
}

/* The parts that the guest's own topology names. Whether it has one. */
static bool add_topology(const struct pt_facts *facts, const char *setting, struct needs *needs)
{
	bool any = false;

	for (int i = 0; i < NUMA_MAX; i++) {
		char key[16];
		const char *numa;
		long long mib, node;

		snprintf(key, sizeof(key), "numa%d", i);
		numa = pt_guest_get(facts->guest, key);
		mib = numa ? number_of(numa, "memory") : -1;
		node = numa ? number_of(numa, "hostnodes") : -1;
		any |= numa != NULL;
		/* without one node of the host Proxmox VE refuses the start */
		if (mib <= 0 || mib > INT32_MAX || node < 0 || node > 9)
			continue;
		add_need(needs, size_for(&facts->host->memory, setting, (uint64_t)mib * MIB),
			(uint64_t)mib * MIB, (int)node);
	}
	return any;
}

/* Without a topology of its own each socket of a guest with numa=1 is on the node of its number. */
static void find_needs(const struct pt_facts *facts, const char *setting, struct needs *needs)
{
	const char *numa = pt_guest_get(facts->guest, "numa");
	const char *text = pt_guest_get(facts->guest, "sockets");
	uint64_t memory = pt_guest_memory(facts->guest), part;
	int sockets = text ? atoi(text) : 1;

	if (!numa || pt_streq(numa, "0")) {
		add_need(needs, size_for(&facts->host->memory, setting, memory), memory, ANYWHERE);
		return;
	}
	if (add_topology(facts, setting, needs))
		return;
	sockets = sockets < 1 ? 1 : sockets > NUMA_MAX ? NUMA_MAX : sockets;
	part = memory / MIB / (unsigned int)sockets * MIB;
	for (int i = 0; i < sockets; i++)
		add_need(needs, size_for(&facts->host->memory, setting, part), part, i);
}

/* " on NUMA node 1", or "". */
#define WHERE_TEXT 24
static const char *where(int node, char text[static WHERE_TEXT])
{
	text[0] = '\0';
	if (node != ANYWHERE)
		snprintf(text, WHERE_TEXT, " on NUMA node %d", node);
	return text;
}
#define WHERE(node) where((node), (char[WHERE_TEXT]){0})

static char *remedy(const struct need *need)
{
	if (need->size < GIB)
		return pt_format("free memory first, or reserve them at boot");
	if (need->node != ANYWHERE)
		return pt_format("reserve them at boot: hugepagesz=1G hugepages=%d:%llu on the "
				 "kernel command line",
			need->node, (unsigned long long)need->pages);
	return pt_format(
		"reserve them at boot: default_hugepagesz=1G hugepagesz=1G hugepages=%llu on "
		"the kernel command line",
		(unsigned long long)need->pages);
}

static void judge(const struct pt_rule *rule, const struct pt_facts *facts,
	const struct pt_hugepages *huge, const struct need *need, struct pt_findings *findings)
{
	/* files of before nodes were counted, and hosts without NUMA, say it for all of the host */
	bool by_node = need->node != ANYWHERE && huge->nodes;
	uint64_t free = !by_node			   ? huge->free
			: (size_t)need->node < huge->nodes ? huge->node_free[need->node]
							   : 0;
	uint64_t missing = need->pages > free ? need->pages - free : 0;

	if (!missing || (need->size < GIB && missing * need->size <= facts->host->memory.available))
		return;
	pt_rule_found(rule, findings, pt_format("guest"),
		pt_format(
			"needs %llu huge pages of %s%s, %llu are free%s, and the others have to be "
			"found when it starts",
			(unsigned long long)need->pages, PT_SIZE(need->size),
			WHERE(by_node ? need->node : ANYWHERE), (unsigned long long)free,
			by_node ? " there" : ""),
		remedy(need));
}

PT_RULE(pt_rule_hugepages)
{
	const char *setting = pt_guest_get(facts->guest, "hugepages");
	const struct pt_memory *memory = &facts->host->memory;
	struct needs needs = {0};

	if (!facts->taken_count || facts->running || !setting || !memory->huge_count)
		return;
	find_needs(facts, setting, &needs);
	if (needs.odd)
		pt_rule_found(rule, findings, pt_format("guest"),
			pt_format(
				"its memory cannot be made of huge pages of %s, of which it is no "
				"multiple: Proxmox VE refuses the start",
				PT_SIZE(needs.odd)),
			pt_format("give it a multiple of that, on each of its NUMA nodes"));
	pt_foreach (need, needs.need, needs.count) {
		if (!has_size(memory, need->size))
			pt_rule_found(rule, findings, pt_format("guest"),
				pt_format("needs huge pages of %s, which this host does not offer: "
					  "Proxmox VE refuses the start",
					PT_SIZE(need->size)),
				pt_format("'hugepages: any' takes those that there are"));
		pt_foreach (huge, memory->huge, memory->huge_count) {
			if (huge->size == need->size)
				judge(rule, facts, huge, need, findings);
		}
	}
}
