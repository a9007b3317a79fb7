// SPDX-License-Identifier: AGPL-3.0-or-later
/* Intel's integrated graphics at the guest's own place (legacy-igd=1). */
#include "pve/check/check.h"

static void legacy_igd_twice(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	const struct pt_assignment *first = NULL;

	pt_foreach (assignment, facts->assignment, facts->count) {
		if (!assignment->entry.legacy_igd)
			continue;
		if (first)
			pt_report(judging, 0, pt_on_entry(assignment), "first", PT_LABEL(first),
				NULL);
		else
			first = assignment;
	}
}

/* Reports each legacy-igd entry that resolves and that of_entry finds unfit. */
static void check_igd(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (assignment, facts->assignment, facts->count) {
		if (assignment->entry.legacy_igd && !assignment->problem.kind &&
			judging->check->of_entry(facts, assignment))
			pt_report(judging, 0, pt_on_entry(assignment), NULL);
	}
}

static bool legacy_igd_vga(const struct pt_facts *facts, const struct pt_assignment *assignment)
{
	(void)assignment;
	return !pt_streq(pt_guest_get(facts->guest, "vga"), "none");
}

static bool legacy_igd_rombar(const struct pt_facts *facts, const struct pt_assignment *assignment)
{
	(void)facts;
	return !assignment->entry.rombar;
}

static bool legacy_igd_x_vga(const struct pt_facts *facts, const struct pt_assignment *assignment)
{
	(void)facts;
	return assignment->entry.x_vga;
}

static bool legacy_igd_mdev(const struct pt_facts *facts, const struct pt_assignment *assignment)
{
	(void)facts;
	return assignment->entry.mdev;
}

static bool legacy_igd_q35(const struct pt_facts *facts, const struct pt_assignment *assignment)
{
	(void)assignment;
	return pt_guest_is_q35(facts->guest);
}

static bool legacy_igd_multifunction(
	const struct pt_facts *facts, const struct pt_assignment *assignment)
{
	(void)facts;
	return assignment->multifunction;
}

static bool legacy_igd_alternatives(
	const struct pt_facts *facts, const struct pt_assignment *assignment)
{
	(void)facts;
	return assignment->count > 1;
}

static bool legacy_igd_address(const struct pt_facts *facts, const struct pt_assignment *assignment)
{
	const struct pt_alternative *first = assignment->alternative;

	(void)facts;
	return first && first->count && (first->id[0].slot != 2 || first->id[0].function != 0);
}

/* prose in lines as long as its sentences: no formatter breaks it well */
// clang-format off
static const struct pt_check checks[] = {
	{
		.tag = "legacy-igd-twice",
		.find = legacy_igd_twice,
		.meaning = "Two entries have legacy-igd=1.",
		.why = "A guest has one place for such a device.",
		.steps = "Remove it from one of them.",
		.source = PT_SOURCE_PCI_PM,
		.of = {{PT_ERROR, PT_REFUSES, .message = "legacy-igd=1, but {first} has it already, and a guest takes only one such device",
			.hint = "remove legacy-igd=1 from one of them"}},
	},
	{
		.tag = "legacy-igd-vga",
		.find = check_igd,
		.of_entry = legacy_igd_vga,
		.meaning = "legacy-igd=1 without 'vga: none'.",
		.why = "The device replaces the emulated screen.",
		.steps = "'qm set VMID --vga none', in exactly this form.",
		.source = PT_SOURCE_PCI_PM,
		.of = {{PT_ERROR, PT_REFUSES, .message = "legacy-igd=1 needs 'vga: none'",
			.hint = "'qm set {vmid} --vga none', in exactly this form"}},
	},
	{
		.tag = "legacy-igd-rombar",
		.find = check_igd,
		.of_entry = legacy_igd_rombar,
		.meaning = "legacy-igd=1 with rombar=0.",
		.why = "The guest's firmware needs the device's ROM.",
		.steps = "Remove rombar=0.",
		.source = PT_SOURCE_PCI_PM,
		.of = {{PT_ERROR, PT_REFUSES, .message = "legacy-igd=1 needs the ROM BAR",
			.hint = "remove rombar=0"}},
	},
	{
		.tag = "legacy-igd-x-vga",
		.find = check_igd,
		.of_entry = legacy_igd_x_vga,
		.meaning = "legacy-igd=1 with x-vga=1.",
		.why = "Proxmox VE refuses the two together.",
		.steps = "Remove x-vga=1.",
		.source = PT_SOURCE_PCI_PM,
		.of = {{PT_ERROR, PT_REFUSES, .message = "legacy-igd=1 excludes x-vga",
			.hint = "remove x-vga=1"}},
	},
	{
		.tag = "legacy-igd-mdev",
		.find = check_igd,
		.of_entry = legacy_igd_mdev,
		.meaning = "legacy-igd=1 with a mediated device.",
		.why = "A slice of the device cannot be the legacy screen.",
		.steps = "Remove one of the two.",
		.source = PT_SOURCE_PCI_PM,
		.of = {{PT_ERROR, PT_REFUSES, .message = "legacy-igd=1 excludes a mediated device",
			.hint = "remove mdev"}},
	},
	{
		.tag = "legacy-igd-q35",
		.find = check_igd,
		.of_entry = legacy_igd_q35,
		.meaning = "legacy-igd=1 with the machine type q35.",
		.why = "The legacy placement exists on i440fx only.",
		.steps = "'qm set VMID --delete machine'.",
		.source = PT_SOURCE_PCI_PM,
		.of = {{PT_ERROR, PT_REFUSES, .message = "legacy-igd=1 excludes the machine type q35",
			.hint = "use the machine type i440fx: 'qm set {vmid} --delete machine'"}},
	},
	{
		.tag = "legacy-igd-multifunction",
		.find = check_igd,
		.of_entry = legacy_igd_multifunction,
		.meaning = "legacy-igd=1 with more than one function.",
		.why = "The legacy screen is one function.",
		.steps = "Name the function: 0000:00:02.0.",
		.source = PT_SOURCE_PCI_PM,
		.of = {{PT_ERROR, PT_REFUSES, .message = "legacy-igd=1 excludes a device of several functions",
			.hint = "name one function: 0000:00:02.0"}},
	},
	{
		.tag = "legacy-igd-alternatives",
		.find = check_igd,
		.of_entry = legacy_igd_alternatives,
		.meaning = "legacy-igd=1 with a mapping of several devices.",
		.why = "Proxmox VE must know the device in advance.",
		.steps = "Name the address, or a mapping with one device.",
		.source = PT_SOURCE_PCI_PM,
		.of = {{PT_ERROR, PT_REFUSES, .message = "legacy-igd=1 excludes a mapping of several devices",
			.hint = "name the device, or a mapping with one device"}},
	},
	{
		.tag = "legacy-igd-address",
		.find = check_igd,
		.of_entry = legacy_igd_address,
		.meaning = "legacy-igd=1 on a device that is not at 02.0.",
		.why = "The guest's firmware expects it there.",
		.steps = "Remove legacy-igd=1.",
		.source = PT_SOURCE_PCI_PM,
		.of = {{PT_ERROR, PT_REFUSES, .message = "legacy-igd=1 works for the device at 00:02.0 only",
			.hint = "remove legacy-igd=1"}},
	},
};
// clang-format on
const struct pt_checks pt_igd_checks = {checks, PT_ARRAY_SIZE(checks)};
