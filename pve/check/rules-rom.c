// SPDX-License-Identifier: AGPL-3.0-or-later
/* ROM files that entries name. */
#include "pve/check/rules.h"

static const struct pt_assignment *assignment_of(
	const struct pt_facts *facts, const struct pt_rom_fact *rom)
{
	return &facts->assignment[rom->assignment];
}

PT_RULE(pt_rule_rom_missing)
{
	pt_foreach (rom, facts->rom, facts->rom_count) {
		const struct pt_assignment *assignment = assignment_of(facts, rom);

		/* the facts of a node are those that its guests lead to */
		if (!rom->known)
			pt_findings_add(findings, rule->tag, PT_INFO, PT_SILENT,
				pt_subject_entry(assignment),
				pt_format(
					"whether its ROM file /usr/share/kvm/%s is on the node is "
					"not known here",
					assignment->entry.romfile),
				pt_format("check it on the node itself"));
		/* without a ROM BAR QEMU tells it and goes on */
		else if (!rom->readable && !assignment->entry.rombar)
			pt_findings_add(findings, rule->tag, PT_WARNING, PT_TELL,
				pt_subject_entry(assignment),
				pt_format(
					"its ROM file /usr/share/kvm/%s cannot be read; QEMU goes "
					"on without it",
					assignment->entry.romfile),
				pt_format("copy it there, or take romfile out"));
		else if (!rom->readable)
			pt_rule_found(rule, findings, pt_subject_entry(assignment),
				pt_format("its ROM file /usr/share/kvm/%s cannot be read, so QEMU "
					  "will not start",
					assignment->entry.romfile),
				pt_format("copy it there, or take romfile out"));
	}
}

PT_RULE(pt_rule_rom_outside)
{
	pt_foreach (rom, facts->rom, facts->rom_count) {
		const struct pt_assignment *assignment = assignment_of(facts, rom);

		if (strstr(assignment->entry.romfile, "../"))
			pt_rule_found(rule, findings, pt_subject_entry(assignment),
				pt_format("its ROM file %s lies outside of /usr/share/kvm",
					assignment->entry.romfile),
				pt_format("move it into /usr/share/kvm: Proxmox VE may refuse such "
					  "names one day"));
	}
}

PT_RULE(pt_rule_rom_not_a_rom)
{
	pt_foreach (rom, facts->rom, facts->rom_count) {
		const struct pt_assignment *assignment = assignment_of(facts, rom);

		if (rom->readable && !rom->rom.count)
			pt_rule_found(rule, findings, pt_subject_entry(assignment),
				pt_format(
					"its ROM file %s is no PCI ROM: it does not begin with 55 AA "
					"and a PCI data structure",
					assignment->entry.romfile),
				pt_format("dump it anew; files from the vendor's updater carry a "
					  "header that has to be cut off"));
	}
}

/* The first function that the entry hands over; NULL: none is chosen, or it is not there. */
static const struct pt_function *first_of(
	const struct pt_facts *facts, const struct pt_assignment *assignment)
{
	const struct pt_alternative *chosen;

	if (assignment->chosen < 0)
		return NULL;
	chosen = &assignment->alternative[assignment->chosen];
	return chosen->count ? pt_inventory_find(facts->inventory, &chosen->id[0]) : NULL;
}

static bool is_for(const struct pt_rom *rom, const struct pt_function *function)
{
	unsigned long vendor = strtoul(function->vendor, NULL, 16);
	unsigned long device = strtoul(function->device, NULL, 16);

	pt_foreach (image, rom->image, rom->count) {
		if (image->vendor == vendor && image->device == device)
			return true;
	}
	return false;
}

PT_RULE(pt_rule_rom_wrong_device)
{
	pt_foreach (rom, facts->rom, facts->rom_count) {
		const struct pt_assignment *assignment = assignment_of(facts, rom);
		const struct pt_function *function = first_of(facts, assignment);
		char id[PT_PCI_PAIR_TEXT];

		if (!rom->rom.count || !function || is_for(&rom->rom, function))
			continue;
		pt_rule_found(rule, findings, pt_subject_entry(assignment),
			pt_format("its ROM file %s is for the device %04x:%04x, but %s is %s",
				assignment->entry.romfile, rom->rom.image[0].vendor,
				rom->rom.image[0].device, PT_BDF(&function->bdf),
				pt_function_id(function, id)),
			pt_format("use a ROM that was dumped from this very model"));
	}
}

static bool has_efi(const struct pt_rom *rom)
{
	pt_foreach (image, rom->image, rom->count) {
		if (image->code_type == PT_ROM_CODE_EFI)
			return true;
	}
	return false;
}

PT_RULE(pt_rule_rom_no_efi)
{
	if (!pt_streq(pt_guest_get(facts->guest, "bios"), "ovmf"))
		return;
	pt_foreach (rom, facts->rom, facts->rom_count) {
		const struct pt_assignment *assignment = assignment_of(facts, rom);

		if (rom->rom.count && !has_efi(&rom->rom))
			pt_rule_found(rule, findings, pt_subject_entry(assignment),
				pt_format("its ROM file %s holds no EFI image, so the guest's UEFI "
					  "firmware shows nothing on that device",
					assignment->entry.romfile),
				pt_format("use a ROM with an EFI (GOP) image, or SeaBIOS"));
	}
}

PT_RULE(pt_rule_rom_bar_off)
{
	pt_foreach (rom, facts->rom, facts->rom_count) {
		const struct pt_assignment *assignment = assignment_of(facts, rom);

		if (!assignment->entry.rombar)
			pt_rule_found(rule, findings, pt_subject_entry(assignment),
				pt_format(
					"names the ROM file %s, but with rombar=0 it is no ROM of the "
					"device: at best the guest's SeaBIOS runs it as another one",
					assignment->entry.romfile),
				pt_format("take one of the two out"));
	}
}
