// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Whether the host has the huge pages that the guest's memory is made of, on the NUMA nodes where Proxmox VE looks for
 * them. Source: qemu-server, QemuServer/Memory.pm, hugepages_size, hugepages_topology and hugepages_allocate.
 */
#include "pve/check/rules.h"

#define MIB	 (UINT64_C(1) << 20)
#define GIB	 (UINT64_C(1) << 30)
#define NUMA_MAX 8 /* nodes of a guest */

/* Pages of one size that are needed on one node of the host. */
struct need {
	uint64_t size, pages;
	int node;
};

struct needs {
	struct need need[NUMA_MAX];
	size_t count;
	uint64_t odd; /* size of pages of which a part of the memory is no multiple; 0: none */
	int nowhere;  /* number of a node of the guest's that names no node of the host; -1: none */
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
		if (numa && (mib <= 0 || mib > INT32_MAX || node < 0 || node > 9))
			needs->nowhere = i;
		if (!numa || needs->nowhere == i)
			continue;
		add_need(needs, size_for(&facts->host->memory, setting, (uint64_t)mib * MIB),
			(uint64_t)mib * MIB, (int)node);
	}
	return any;
}

/* Without a topology of its own each socket of a guest with numa=1 is on the node of its number. */
static void find_needs(const struct pt_facts *facts, const char *setting, struct needs *needs)
{
	const char *text = pt_guest_get(facts->guest, "sockets");
	unsigned int sockets = text ? (unsigned int)strtoul(text, NULL, 10) : 1;
	uint64_t part;

	if (add_topology(facts, setting, needs))
		return;
	part = pt_guest_memory(facts->guest) / MIB / (sockets ? sockets : 1) * MIB;
	for (int i = 0; i < (int)sockets && i < NUMA_MAX; i++)
		add_need(needs, size_for(&facts->host->memory, setting, part), part, i);
}

static char *remedy(const struct need *need)
{
	if (need->size < GIB)
		return pt_format("free memory first, or reserve them at boot");
	return pt_format(
		"reserve them at boot: hugepagesz=1G hugepages=%d:%llu on the kernel command "
		"line",
		need->node, (unsigned long long)need->pages);
}

static void judge(const struct pt_rule *rule, const struct pt_facts *facts,
	const struct pt_hugepages *huge, const struct need *need, struct pt_findings *findings)
{
	/* files of before nodes were counted say it for all of the host */
	bool by_node = huge->nodes > 0, absent = by_node && (size_t)need->node >= huge->nodes;
	uint64_t free = !by_node ? huge->free : absent ? 0 : huge->node_free[need->node];
	uint64_t missing = need->pages > free ? need->pages - free : 0;

	if (absent) {
		pt_rule_found(rule, findings, pt_format("guest"),
			pt_format(
				"needs huge pages on NUMA node %d, which this host does not have: "
				"Proxmox VE refuses the start",
				need->node),
			pt_format(
				"give it as many sockets as the host has NUMA nodes, or name them "
				"(numa0: hostnodes=0)"));
		return;
	}
	if (!missing || (need->size < GIB && missing * need->size <= facts->host->memory.available))
		return;
	pt_rule_found(rule, findings, pt_format("guest"),
		pt_format(
			"needs %llu huge pages of %s on NUMA node %d, %llu are free there, and the "
			"others have to be found when it starts",
			(unsigned long long)need->pages, PT_SIZE(need->size), need->node,
			(unsigned long long)free),
		remedy(need));
}

/* What Proxmox VE refuses without looking for pages. */
static void judge_config(const struct pt_rule *rule, const struct needs *needs, bool numa,
	struct pt_findings *findings)
{
	if (!numa)
		pt_rule_found(rule, findings, pt_format("guest"),
			pt_format("huge pages go with NUMA only: Proxmox VE refuses the start"),
			pt_format("set numa: 1"));
	if (needs->nowhere >= 0)
		pt_rule_found(rule, findings, pt_format("guest"),
			pt_format("numa%d needs memory and, for huge pages, one node of the host "
				  "(hostnodes): Proxmox VE refuses the start",
				needs->nowhere),
			pt_format("write numa%d: cpus=...,hostnodes=0,memory=...", needs->nowhere));
	if (needs->odd)
		pt_rule_found(rule, findings, pt_format("guest"),
			pt_format(
				"its memory cannot be made of huge pages of %s, of which it is no "
				"multiple: Proxmox VE refuses the start",
				PT_SIZE(needs->odd)),
			pt_format("give it a multiple of that, on each of its NUMA nodes"));
}

/* Memory that is plugged in piece by piece has pages of its own for each piece: nothing is said of that. */
static bool plugs_memory(const struct pt_guest *guest)
{
	const char *hotplug = pt_guest_get(guest, "hotplug");

	return hotplug && strstr(hotplug, "memory");
}

PT_RULE(pt_rule_hugepages)
{
	const char *setting = pt_guest_get(facts->guest, "hugepages");
	const char *text = pt_guest_get(facts->guest, "numa");
	bool numa = text && !pt_streq(text, "0");
	const struct pt_memory *memory = &facts->host->memory;
	struct needs needs = {.nowhere = -1};

	if (!pt_facts_opens(facts) || facts->running || !setting || plugs_memory(facts->guest))
		return;
	if (numa)
		find_needs(facts, setting, &needs);
	judge_config(rule, &needs, numa, findings);
	for (size_t i = 0; memory->huge_count && i < needs.count; i++) {
		const struct need *need = &needs.need[i];

		if (!has_size(memory, need->size))
			pt_rule_found(rule, findings, pt_format("guest"),
				pt_format("needs huge pages of %s, which this host does not offer: "
					  "Proxmox VE refuses the start",
					PT_SIZE(need->size)),
				pt_streq(setting, "any")
					? pt_format("give it a multiple of the size that there is")
					: pt_format("'hugepages: any' takes those that there are"));
		pt_foreach (huge, memory->huge, memory->huge_count) {
			if (huge->size == need->size)
				judge(rule, facts, huge, need, findings);
		}
	}
}
