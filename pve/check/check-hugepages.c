// SPDX-License-Identifier: AGPL-3.0-or-later
/* Huge pages on the NUMA nodes where Proxmox VE looks for them. Source: qemu-server,
 * QemuServer/Memory.pm, hugepages_size, _topology, _allocate. */
#include "pve/check/check.h"

#define MIB	 (UINT64_C(1) << 20)
#define GIB	 (UINT64_C(1) << 30)
#define NUMA_MAX 8 /* nodes of a guest */

/* Pages of one size that the guest needs on one NUMA node of the host. */
struct need {
	uint64_t size, pages;
	int numa; /* number of the NUMA node */
};

struct needs {
	struct need need[NUMA_MAX];
	size_t count;
	uint64_t odd; /* page size that a part of the memory is no multiple of; 0: none */
	int nowhere;  /* number of a NUMA node of the guest that names none of the host; -1: none */
};

static bool has_size(const struct pt_memory *memory, uint64_t size)
{
	pt_foreach (huge, memory->huge, memory->huge_count) {
		if (huge->size == size)
			return true;
	}
	return false;
}

/* The page size, in bytes, for a part of the guest's memory. */
static uint64_t size_for(const struct pt_memory *memory, const char *setting, uint64_t bytes)
{
	if (!pt_streq(setting, "any"))
		return strtoull(setting, NULL, 10) * MIB;
	return has_size(memory, GIB) && bytes % GIB == 0 ? GIB : 2 * MIB;
}

static void add_need(struct needs *needs, uint64_t size, uint64_t bytes, int numa)
{
	if (!size)
		return;
	if (bytes % size)
		needs->odd = size;
	pt_foreach (need, needs->need, needs->count) {
		if (need->size == size && need->numa == numa) {
			need->pages += bytes / size;
			return;
		}
	}
	needs->need[needs->count++] = (struct need){size, bytes / size, numa};
}

/* The number behind key in "cpus=0-1,hostnodes=0,memory=2048"; -1: none, or several. */
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

enum {
	PAGES_SHORT,
	PAGES_SHORT_1G,
	PAGES_NO_NUMA_NODE,
	PAGES_WITHOUT_NUMA,
	PAGES_NOWHERE,
	PAGES_ODD,
	PAGES_NO_SIZE,
	PAGES_NO_SIZE_ANY,
};

static void judge(
	const struct pt_judging *judging, const struct pt_hugepages *huge, const struct need *need)
{
	uint64_t available = judging->facts->host->memory.available, free, missing;

	if (huge->nodes && (size_t)need->numa >= huge->nodes) {
		pt_report(judging, PAGES_NO_NUMA_NODE, pt_on_guest(), "numa",
			PT_NUMBER((unsigned int)need->numa), NULL);
		return;
	}
	/* older facts files have them for the whole host only */
	free = huge->nodes ? huge->node_free[need->numa] : huge->free;
	missing = need->pages > free ? need->pages - free : 0;
	if (!missing || (need->size < GIB && missing * need->size <= available))
		return;
	pt_report(judging, need->size < GIB ? PAGES_SHORT : PAGES_SHORT_1G, pt_on_guest(), "pages",
		PT_NUMBER(need->pages), "size", PT_SIZE(need->size), "numa",
		PT_NUMBER((unsigned int)need->numa), "free", PT_NUMBER(free), NULL);
}

/* Settings that Proxmox VE refuses without looking for pages. */
static void judge_config(const struct pt_judging *judging, const struct needs *needs, bool numa)
{
	if (!numa)
		pt_report(judging, PAGES_WITHOUT_NUMA, pt_on_guest(), NULL);
	if (needs->nowhere >= 0)
		pt_report(judging, PAGES_NOWHERE, pt_on_guest(), "numa",
			PT_NUMBER((unsigned int)needs->nowhere), NULL);
	if (needs->odd)
		pt_report(judging, PAGES_ODD, pt_on_guest(), "size", PT_SIZE(needs->odd), NULL);
}

/* Hotplugged memory has pages of its own for each piece: it is not judged. */
static bool plugs_memory(const struct pt_guest *guest)
{
	const char *hotplug = pt_guest_get(guest, "hotplug");

	return hotplug && strstr(hotplug, "memory");
}

static void hugepages_short(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	const char *setting = pt_guest_get(facts->guest, "hugepages");
	const char *text = pt_guest_get(facts->guest, "numa");
	bool numa = text && !pt_streq(text, "0");
	const struct pt_memory *memory = &facts->host->memory;
	struct needs needs = {.nowhere = -1};

	if (!pt_facts_opens(facts) || facts->running || !setting || plugs_memory(facts->guest))
		return;
	if (numa)
		find_needs(facts, setting, &needs);
	judge_config(judging, &needs, numa);
	for (size_t i = 0; memory->huge_count && i < needs.count; i++) {
		const struct need *need = &needs.need[i];

		if (!has_size(memory, need->size))
			pt_report(judging,
				pt_streq(setting, "any") ? PAGES_NO_SIZE_ANY : PAGES_NO_SIZE,
				pt_on_guest(), "size", PT_SIZE(need->size), NULL);
		pt_foreach (huge, memory->huge, memory->huge_count) {
			if (huge->size == need->size)
				judge(judging, huge, need);
		}
	}
}

#define REFUSED "Proxmox VE refuses the start"

/* prose in lines as long as its sentences: no formatter breaks it well */
// clang-format off
static const struct pt_check checks[] = {
	{
		.tag = "hugepages-short",
		.find = hugepages_short,
		.meaning = "Huge pages are too few or set up wrong.",
		.why = "Proxmox VE tries to reserve them at the start, which fails when memory is fragmented.",
		.steps = "Reserve them at boot: the guest's memory divided by the page size, for example hugepagesz=1G hugepages=16." PT_STEPS_CMDLINE
			"\nCheck: 'cat /sys/kernel/mm/hugepages/hugepages-*/free_hugepages'.",
		.source = "qemu-server, QemuServer/Memory.pm",
		.of = {
			[PAGES_SHORT] = {PT_WARNING, PT_WARNS, .message = "needs {pages} huge pages of {size} on NUMA node {numa}, but {free} are free there; the kernel must find the others at the start",
				.hint = "free memory first, or reserve them at boot"},
			[PAGES_SHORT_1G] = {PT_WARNING, PT_WARNS, .message = "needs {pages} huge pages of {size} on NUMA node {numa}, but {free} are free there; the kernel must find the others at the start",
				.hint = "reserve them at boot: hugepagesz=1G hugepages={numa}:{pages} on the kernel command line"},
			[PAGES_NO_NUMA_NODE] = {PT_ERROR, PT_WARNS, .when = "Proxmox VE refuses the guest's settings", .message = "needs huge pages on NUMA node {numa}, which this host does not have: " REFUSED,
				.hint = "set as many sockets as the host has NUMA nodes, or name the nodes (numa0: hostnodes=0)"},
			[PAGES_WITHOUT_NUMA] = {PT_ERROR, PT_WARNS, .message = "huge pages need NUMA: " REFUSED,
				.hint = "'qm set {vmid} --numa 1'"},
			[PAGES_NOWHERE] = {PT_ERROR, PT_WARNS, .message = "numa{numa} needs memory and, for huge pages, one NUMA node of the host (hostnodes): " REFUSED,
				.hint = "write numa{numa}: cpus=...,hostnodes=0,memory=MIB"},
			[PAGES_ODD] = {PT_ERROR, PT_WARNS, .message = "its memory is no multiple of the huge page size {size}: " REFUSED,
				.hint = "give it a multiple of {size} on each of its NUMA nodes"},
			[PAGES_NO_SIZE] = {PT_WARNING, PT_WARNS, .message = "needs huge pages of {size}, which this host does not offer: " REFUSED,
				.hint = "'hugepages: any' takes the size that the host offers"},
			[PAGES_NO_SIZE_ANY] = {PT_WARNING, PT_WARNS, .message = "needs huge pages of {size}, which this host does not offer: " REFUSED,
				.hint = "give it a multiple of the size that the host offers"},
		},
	},
};
// clang-format on
const struct pt_checks pt_hugepage_checks = {checks, PT_ARRAY_SIZE(checks)};
