// SPDX-License-Identifier: AGPL-3.0-or-later
/* The ROM files of entries. */
#include "pve/check/check.h"
#include "pve/config/paths.h"

static const struct pt_assignment *assignment_of(
	const struct pt_facts *facts, const struct pt_rom_fact *rom)
{
	return &facts->assignment[rom->assignment];
}

enum { ROM_MISSING, ROM_MISSING_BAR_OFF, ROM_UNKNOWN };

static void romfile_missing(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (rom, facts->rom, facts->rom_count) {
		const struct pt_hostpci *entry = &assignment_of(facts, rom)->entry;
		size_t which = ROM_MISSING;

		if (rom->file.readable || pt_rom_leads_out(entry->romfile))
			continue;
		if (!rom->file.known)
			which = ROM_UNKNOWN;
		else if (!entry->rombar)
			which = ROM_MISSING_BAR_OFF;
		pt_report(judging, which, pt_on_entry(assignment_of(facts, rom)), "path",
			entry->romfile, NULL);
	}
}

static void romfile_outside_dir(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (rom, facts->rom, facts->rom_count) {
		const struct pt_assignment *assignment = assignment_of(facts, rom);

		if (pt_rom_leads_out(assignment->entry.romfile))
			pt_report(judging, 0, pt_on_entry(assignment), "path",
				assignment->entry.romfile, NULL);
	}
}

static void romfile_not_a_rom(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (rom, facts->rom, facts->rom_count) {
		const struct pt_assignment *assignment = assignment_of(facts, rom);

		if (rom->file.readable && !rom->file.rom.count)
			pt_report(judging, 0, pt_on_entry(assignment), "path",
				assignment->entry.romfile, NULL);
	}
}

static const struct pt_function *first_of(
	const struct pt_facts *facts, const struct pt_assignment *assignment)
{
	const struct pt_alternative *chosen = pt_chosen(assignment);

	return chosen && chosen->count ? pt_facts_function(facts, &chosen->id[0]) : NULL;
}

static bool is_image_for(const struct pt_rom_image *image, const struct pt_function *function)
{
	unsigned long vendor = strtoul(function->vendor, NULL, 16);
	unsigned long device = strtoul(function->device, NULL, 16);

	return (image->vendor == vendor || image->vendor == PT_ROM_ANY) &&
	       (image->device == device || image->device == PT_ROM_ANY);
}

/* Whether the ROM is for the function. The firmware's driver for the screen, an EFI image, may lie
 * on another function of its slot. */
static bool is_for(
	const struct pt_facts *facts, const struct pt_rom *rom, const struct pt_function *function)
{
	pt_foreach (image, rom->image, rom->count) {
		if (is_image_for(image, function))
			return true;
		pt_foreach (other, facts->inventory->function, facts->inventory->count) {
			if (image->code_type == PT_ROM_CODE_EFI &&
				pt_bdf_same_slot(&other->bdf, &function->bdf) &&
				is_image_for(image, other))
				return true;
		}
	}
	return false;
}

static void romfile_wrong_device(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (rom, facts->rom, facts->rom_count) {
		const struct pt_assignment *assignment = assignment_of(facts, rom);
		const struct pt_function *function = first_of(facts, assignment);
		char id[PT_PCI_PAIR_TEXT], rom_id[PT_PCI_PAIR_TEXT];

		if (!rom->file.rom.count || !function || is_for(facts, &rom->file.rom, function))
			continue;
		snprintf(rom_id, sizeof(rom_id), "%04x:%04x", rom->file.rom.image[0].vendor,
			rom->file.rom.image[0].device);
		pt_report(judging, 0, pt_on_entry(assignment), "path", assignment->entry.romfile,
			"rom", rom_id, "function", PT_BDF(&function->bdf), "id",
			pt_function_id(function, id), NULL);
	}
}

static bool has_code(const struct pt_rom *rom, uint8_t code_type)
{
	pt_foreach (image, rom->image, rom->count) {
		if (image->code_type == code_type)
			return true;
	}
	return false;
}

/* Whether the ROM of the entry, or of another function of the slot, has an image of that type:
 * AMD's driver for the screen may lie on the sound function. */
static bool slot_has_code(
	const struct pt_facts *facts, const struct pt_rom_fact *of, uint8_t code_type)
{
	const struct pt_function *function = first_of(facts, assignment_of(facts, of));

	pt_foreach (rom, facts->rom, facts->rom_count) {
		const struct pt_function *other = first_of(facts, assignment_of(facts, rom));

		if (has_code(&rom->file.rom, code_type) &&
			(rom == of || (function && other &&
					      pt_bdf_same_slot(&function->bdf, &other->bdf))))
			return true;
	}
	return false;
}

enum { NO_EFI_PICTURE, NO_EFI_BOOT };

static void romfile_no_efi_image(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	if (!pt_streq(pt_guest_get(facts->guest, "bios"), "ovmf"))
		return;
	pt_foreach (rom, facts->rom, facts->rom_count) {
		const struct pt_assignment *assignment = assignment_of(facts, rom);
		const struct pt_function *function = first_of(facts, assignment);

		const bool shows = !function || pt_function_is_display(function);

		if (rom->file.rom.count && !slot_has_code(facts, rom, PT_ROM_CODE_EFI))
			pt_report(judging, shows ? NO_EFI_PICTURE : NO_EFI_BOOT,
				pt_on_entry(assignment), "path", assignment->entry.romfile, NULL);
	}
}

static void romfile_efi_only(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	if (pt_streq(pt_guest_get(facts->guest, "bios"), "ovmf"))
		return;
	pt_foreach (rom, facts->rom, facts->rom_count) {
		const struct pt_assignment *assignment = assignment_of(facts, rom);

		if (has_code(&rom->file.rom, PT_ROM_CODE_EFI) &&
			!slot_has_code(facts, rom, PT_ROM_CODE_BIOS))
			pt_report(judging, 0, pt_on_entry(assignment), "path",
				assignment->entry.romfile, NULL);
	}
}

static void romfile_with_rombar_off(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (rom, facts->rom, facts->rom_count) {
		const struct pt_assignment *assignment = assignment_of(facts, rom);

		if (!assignment->entry.rombar)
			pt_report(judging, 0, pt_on_entry(assignment), "path",
				assignment->entry.romfile, NULL);
	}
}

#define ROM_SPECIFICATION "PCI Firmware Specification 3.3, 5.2"

/* prose in lines as long as its sentences: no formatter breaks it well */
// clang-format off
static const struct pt_check checks[] = {
	{
		.tag = "romfile-missing",
		.find = romfile_missing,
		.meaning = "The ROM file of an entry cannot be read.",
		.why = "QEMU does not start without it.",
		.steps = "Copy it into " PT_PVE_ROMS " on every node that the guest may run on, or remove romfile.",
		.source = PT_SOURCE_PCI_PM,
		.of = {
			[ROM_MISSING] = {PT_ERROR, PT_REFUSES, .message = "its ROM file " PT_PVE_ROMS "/{path} cannot be read, so QEMU does not start",
				.hint = "copy it there, or remove romfile"},
			[ROM_MISSING_BAR_OFF] = {PT_WARNING, PT_WARNS, .when = "the entry has rombar=0: QEMU starts without the file",
				.message = "its ROM file " PT_PVE_ROMS "/{path} cannot be read; QEMU starts without it",
				.hint = "copy it there, or remove romfile"},
			[ROM_UNKNOWN] = {PT_INFO, PT_SILENT, .when = "the facts of another node do not include the file",
				.message = "unknown whether the node has its ROM file " PT_PVE_ROMS "/{path}",
				.hint = "check it on the node itself"},
		},
	},
	{
		.tag = "romfile-outside-dir",
		.find = romfile_outside_dir,
		.meaning = "The name of the ROM file leads out of " PT_PVE_ROMS ".",
		.why = "It works by accident, and a later version of Proxmox VE may refuse it.",
		.steps = "Move the file there and use its bare name.",
		.source = PT_SOURCE_PCI_PM ", $hostpci_fmt",
		.of = {{PT_WARNING, PT_WARNS, .message = "its ROM file {path} lies outside " PT_PVE_ROMS,
			.hint = "move it into " PT_PVE_ROMS ": a later version of Proxmox VE may refuse such names"}},
	},
	{
		.tag = "romfile-not-a-rom",
		.find = romfile_not_a_rom,
		.meaning = "The file holds no PCI expansion ROM.",
		.why = "The guest's firmware ignores it, and the screen stays dark.",
		.steps = "Dump it from the device while no driver uses it: 'cd /sys/bus/pci/devices/ADDRESS; echo 1 > rom; cat rom > " PT_PVE_ROMS "/NAME.rom; echo 0 > rom'."
			"\nFrom a vendor's or a collection's file, cut off everything before the bytes 55 AA.",
		.source = ROM_SPECIFICATION,
		.of = {{PT_WARNING, PT_WARNS, .message = "its ROM file {path} is no PCI ROM: it does not begin with 55 AA and a PCI data structure",
			.hint = "dump it again; files from a vendor's updater have a header that you must cut off"}},
	},
	{
		.tag = "romfile-wrong-device",
		.find = romfile_wrong_device,
		.meaning = "The ROM is for another device.",
		.why = "Drivers and firmware ignore or misuse a ROM with other ids.",
		.steps = "Use a ROM that was dumped from this model.",
		.source = ROM_SPECIFICATION,
		.of = {{PT_WARNING, PT_WARNS, .message = "its ROM file {path} is for the device {rom}, but {function} is {id}",
			.hint = "use a ROM that was dumped from this model"}},
	},
	{
		.tag = "romfile-no-efi-image",
		.find = romfile_no_efi_image,
		.meaning = "The guest boots with UEFI, but the ROM has no EFI image.",
		.why = "Its firmware cannot use the screen, or boot from the device, before a driver loads.",
		.steps = "Use a ROM with an EFI image (of a display: GOP), or SeaBIOS.",
		.source = "UEFI Specification, 14.4.2",
		.of = {
			[NO_EFI_PICTURE] = {PT_WARNING, PT_WARNS, .message = "its ROM file {path} has no EFI image, so the guest's UEFI firmware shows nothing on that device",
				.hint = "use a ROM with an EFI (GOP) image, or SeaBIOS"},
			[NO_EFI_BOOT] = {PT_WARNING, PT_WARNS, .when = "the device is no display",
				.message = "its ROM file {path} has no EFI image, so the guest's UEFI firmware cannot boot from that device",
				.hint = "use a ROM with an EFI image, or remove romfile if the guest boots from another device"},
		},
	},
	{
		.tag = "romfile-efi-only",
		.find = romfile_efi_only,
		.meaning = "The guest boots with SeaBIOS, but the ROM has EFI images only.",
		.why = "SeaBIOS runs BIOS images; the device shows nothing before its driver loads, and some drivers need what the BIOS image sets up.",
		.steps = "Use OVMF ('qm set VMID --bios ovmf --efidisk0 STORAGE:1'); a system that was installed under SeaBIOS may not boot then."
			"\nOr use a ROM with a BIOS image.",
		.source = ROM_SPECIFICATION,
		.of = {{PT_WARNING, PT_WARNS, .message = "its ROM file {path} has EFI images only, which the guest's SeaBIOS does not run",
			.hint = "set 'bios: ovmf', or use a ROM with a BIOS image"}},
	},
	{
		.tag = "romfile-with-rombar-off",
		.find = romfile_with_rombar_off,
		.meaning = "The entry has a ROM file, but rombar=0 hides it.",
		.why = "It is not in the device's ROM BAR, where driver and UEFI firmware look. Only SeaBIOS may run it.",
		.steps = "Remove one of the two.",
		.source = "QEMU, hw/pci/pci.c, pci_add_option_rom",
		.of = {{PT_WARNING, PT_WARNS, .message = "names the ROM file {path}, but rombar=0 hides it from the device's driver and UEFI firmware",
			.hint = "remove one of the two"}},
	},
};
// clang-format on
const struct pt_checks pt_rom_checks = {checks, PT_ARRAY_SIZE(checks)};
