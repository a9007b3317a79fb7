// SPDX-License-Identifier: AGPL-3.0-or-later
/* What a user may not write into the guest's config (check --as). */
#include "pve/check/check.h"

enum {
	WRITER_ADDRESS,
	WRITER_HWTYPE,
	WRITER_MAPPING,
	WRITER_MAPPING_TOKEN,
	WRITER_ROMFILE,
	WRITER_KEY
};

static void judge_entry(const struct pt_judging *judging, const struct pt_assignment *assignment)
{
	const struct pt_permissions *writer = judging->facts->writer;
	const struct pt_hostpci *entry = &assignment->entry;

	if (entry->host) {
		pt_report(judging, WRITER_ADDRESS, pt_on_entry(assignment), "user", writer->user,
			NULL);
		return;
	}
	if (!writer->hwtype)
		pt_report(judging, WRITER_HWTYPE, pt_on_entry(assignment), "user", writer->user,
			NULL);
	if (entry->mapping && !pt_names_hold(&writer->mapping, entry->mapping))
		pt_report(judging,
			strchr(writer->user, '!') ? WRITER_MAPPING_TOKEN : WRITER_MAPPING,
			pt_on_entry(assignment), "user", writer->user, "mapping", entry->mapping,
			NULL);
	if (entry->romfile)
		pt_report(judging, WRITER_ROMFILE, pt_on_entry(assignment), "user", writer->user,
			NULL);
}

static void not_permitted(const struct pt_judging *judging)
{
	static const char *const keys[] = {"args", "hookscript"};
	const struct pt_facts *facts = judging->facts;

	if (!facts->writer || facts->writer->is_root)
		return;
	pt_foreach (assignment, facts->assignment, facts->count) {
		if (assignment->entry.index < PT_HOSTPCI_MAX)
			judge_entry(judging, assignment);
	}
	pt_foreach (key, keys, PT_ARRAY_SIZE(keys)) {
		if (pt_guest_get(facts->guest, *key))
			pt_report(judging, WRITER_KEY, pt_on_guest(), "user", facts->writer->user,
				"key", *key, NULL);
	}
}

/* prose in lines as long as its sentences: no formatter breaks it well */
// clang-format off
static const struct pt_check checks[] = {
	{
		.tag = "not-permitted",
		.find = not_permitted,
		.meaning = "The user or token of check --as may not write this setting.",
		.why = "The API refuses the whole change, after a tool has planned it. Entries with an address, their removal, args and hookscript are for root@pam with a password; no token may set them, not even root's.",
		.steps = "Make a mapping of the device (Datacenter, Resource Mappings), and write mapping=NAME in place of the address."
			"\nLet the user use it: 'pveum acl modify /mapping/pci/NAME --users USER --roles PVEMappingUser', with --tokens for a token."
			"\nLet the user change the guest's hardware: 'pveum acl modify /vms/VMID --users USER --roles PVEVMAdmin'."
			"\nSet args and hookscript as root on the node: 'qm set VMID --hookscript VOLUME'.",
		.source = "qemu-server, PVE/API2/Qemu.pm",
		.of = {
			[WRITER_ADDRESS] = {PT_ERROR, PT_SILENT, .message = "{user} may neither write nor remove it: an entry with an address is for root@pam with a password",
				.hint = "make a mapping of the device (Datacenter, Resource Mappings), and write mapping=NAME"},
			[WRITER_HWTYPE] = {PT_ERROR, PT_SILENT, .when = "the user lacks VM.Config.HWType on the guest",
				.message = "{user} may not write it: VM.Config.HWType on the guest is missing",
				.hint = "give it a role with that privilege on the path /vms/{vmid}, such as PVEVMAdmin"},
			[WRITER_MAPPING] = {PT_ERROR, PT_SILENT, .when = "the user lacks Mapping.Use on the mapping",
				.message = "{user} may not write it: Mapping.Use on /mapping/pci/{mapping} is missing",
				.hint = "'pveum acl modify /mapping/pci/{mapping} --users {user} --roles PVEMappingUser'"},
			[WRITER_MAPPING_TOKEN] = {PT_ERROR, PT_SILENT,
				.message = "{user} may not write it: Mapping.Use on /mapping/pci/{mapping} is missing",
				.hint = "'pveum acl modify /mapping/pci/{mapping} --tokens {user} --roles PVEMappingUser'; the token's user needs it as well"},
			[WRITER_ROMFILE] = {PT_WARNING, PT_SILENT, .when = "the entry has romfile: whether it counts depends on the version of qemu-server",
				.message = "{user} may not write romfile with a qemu-server of August 2026 or later: it is for root@pam with a password",
				.hint = "let root set it on the node"},
			[WRITER_KEY] = {PT_ERROR, PT_SILENT, .when = "the guest has args or a hookscript",
				.message = "{user} may not write {key}: it is for root@pam with a password",
				.hint = "let root set it on the node: 'qm set {vmid} --{key} VALUE'"},
		},
	},
};
// clang-format on
const struct pt_checks pt_writer_checks = {checks, PT_ARRAY_SIZE(checks)};
