// SPDX-License-Identifier: AGPL-3.0-or-later
/* The hostpci entries of the guest. */
#include "pve/check/check.h"

static void report_problem(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (assignment, facts->assignment, facts->count) {
		const struct pt_hostpci *entry = &assignment->entry;

		if (assignment->problem.kind == judging->check->problem)
			pt_report(judging, 0, pt_on_entry(assignment), "where",
				assignment->problem.where, "why", assignment->problem.why, "host",
				entry->host, "mapping", entry->mapping, "mdev", entry->mdev,
				"count", PT_NUMBER(assignment->count), "to",
				PT_STRAY(facts, assignment), NULL);
	}
}

enum { SYNTAX_VALUE, SYNTAX_NAME, SYNTAX_NO_NAME, SYNTAX_LINE, SYNTAX_LINE_SPARE };

/* Whether a valid line sets the same entry. */
static bool is_set_elsewhere(const struct pt_guest *guest, int index)
{
	char key[PT_LABEL_TEXT];

	return index >= 0 && pt_guest_get(guest, pt_entry_label(index, key));
}

/* The word that stands for an address, "gpu" of "host=gpu,pcie=1"; NULL: none does. The caller
 * frees it. */
static char *mapping_meant(const struct pt_guest_dropped *dropped)
{
	const char *text = dropped->value;
	PT_FREE char *word = NULL;

	if (pt_starts_with(text, "host="))
		text += strlen("host=");
	word = pt_strndup(text, strcspn(text, ","));
	if (strspn(word, "0123456789abcdef") == strlen(word) || !pt_mapping_id_valid(word))
		return NULL;
	return PT_STEAL(word);
}

static size_t case_of_dropped(const struct pt_facts *facts, const struct pt_guest_dropped *dropped,
	const char *name, size_t which)
{
	if (dropped->kind == PT_DROPPED_LINE && is_set_elsewhere(facts->guest, dropped->index))
		return SYNTAX_LINE_SPARE;
	if (dropped->kind != PT_DROPPED_VALUE || !name)
		return which;
	return pt_mapping_find(facts->mappings, name) ? SYNTAX_NAME : SYNTAX_NO_NAME;
}

static void report_dropped(
	const struct pt_judging *judging, enum pt_dropped_kind kind, size_t which)
{
	const struct pt_guest *guest = judging->facts->guest;

	pt_foreach (dropped, guest->dropped, guest->dropped_count) {
		const struct pt_subject on = {.kind = PT_ON_ENTRY, .entry = dropped->index};
		char key[PT_LABEL_TEXT];

		PT_FREE char *name = mapping_meant(dropped);

		if (dropped->kind == kind && !dropped->of_machine)
			pt_report(judging, case_of_dropped(judging->facts, dropped, name, which),
				dropped->index < 0 ? pt_on_guest() : on, "value", dropped->value,
				"why", dropped->why, "key",
				dropped->index < 0 ? "hostpciN"
						   : pt_entry_label(dropped->index, key),
				"name", name, "machine", pt_guest_get(guest, "machine"), NULL);
	}
}

static void hostpci_syntax(const struct pt_judging *judging)
{
	report_dropped(judging, PT_DROPPED_VALUE, SYNTAX_VALUE);
	report_dropped(judging, PT_DROPPED_LINE, SYNTAX_LINE);
}

enum { KEY_OF_NEWER, KEY_OF_9 };

static void hostpci_unknown_key(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	const char *qemu_server = facts->host->versions.qemu_server;

	report_dropped(judging, PT_DROPPED_KEY, KEY_OF_NEWER);
	/* Proxmox VE 8 does not know it, and drops the line as well */
	pt_foreach (assignment, facts->assignment, facts->count) {
		if (assignment->entry.has_driver && qemu_server &&
			!pt_version_from(qemu_server, 9, 0, 0))
			pt_report(judging, KEY_OF_9, pt_on_entry(assignment), "version",
				qemu_server, NULL);
	}
}

enum { MACHINE_DROPPED, MACHINE_MAY_BE, MACHINE_TOO_NEW, MACHINE_LINE, MACHINE_AGAIN };

static void machine_invalid(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	const char *qemu_server = facts->host->versions.qemu_server;
	struct pt_machine machine;

	report_dropped(judging, PT_DROPPED_MACHINE,
		pt_guest_get(facts->guest, "machine") ? MACHINE_AGAIN : MACHINE_DROPPED);
	report_dropped(judging, PT_DROPPED_MACHINE_KEY, MACHINE_MAY_BE);
	pt_foreach (dropped, facts->guest->dropped, facts->guest->dropped_count) {
		if (dropped->of_machine && !pt_guest_get(facts->guest, "machine"))
			pt_report(judging, MACHINE_LINE, pt_on_guest(), "value", dropped->value,
				"why", dropped->why, NULL);
	}
	pt_guest_machine(facts->guest, &machine);
	if (machine.aw_bits[0] && qemu_server && !pt_version_from(qemu_server, 9, 0, 21))
		pt_report(judging, MACHINE_TOO_NEW, pt_on_guest(), "version", qemu_server, NULL);
}

static void hostpci_host_and_mapping(const struct pt_judging *judging)
{
	report_problem(judging);
}

static void hostpci_no_device(const struct pt_judging *judging)
{
	report_problem(judging);
}

static void device_assigned_twice(const struct pt_judging *judging)
{
	report_problem(judging);
}

static void mdev_multifunction(const struct pt_judging *judging)
{
	report_problem(judging);
}

static void mapping_missing(const struct pt_judging *judging)
{
	report_problem(judging);
}

static void mapping_no_node(const struct pt_judging *judging)
{
	report_problem(judging);
}

static void mapping_mismatch(const struct pt_judging *judging)
{
	report_problem(judging);
}

static void mapping_nothing_free(const struct pt_judging *judging)
{
	report_problem(judging);
}

static void pcie_needs_q35(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	const char *machine = pt_guest_get(facts->guest, "machine");

	if (pt_guest_is_q35(facts->guest))
		return;
	pt_foreach (assignment, facts->assignment, facts->count) {
		if (assignment->entry.pcie)
			pt_report(judging, 0, pt_on_entry(assignment), "machine",
				machine ? machine : "the default, i440fx", NULL);
	}
}

/* Lists the siblings outside the guest: "0000:01:00.1, 0000:01:00.2". The caller frees it. */
static char *list_siblings(const struct pt_facts *facts, const struct pt_taken *zero)
{
	char *list = NULL;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		if (pt_function_0_of(facts, taken) == zero)
			list = pt_list_add(list, ", ", PT_BDF(&taken->bdf));
	}
	return list;
}

/* Another function of its slot that an entry names. */
static bool is_sibling(const struct pt_taken *taken, const struct pt_taken *zero)
{
	return !taken->companion && taken != zero && pt_bdf_same_slot(&taken->bdf, &zero->bdf);
}

/* Whether the bare slot means no more functions than the group takes anyway. */
static bool takes_whole_slot(const struct pt_facts *facts, const struct pt_taken *zero)
{
	pt_foreach (detail, facts->detail, facts->detail_count) {
		if (pt_bdf_compare(&detail->bdf, &zero->bdf) == 0)
			return !detail->has_more_in_slot;
	}
	return true;
}

/* The value to write instead: "0000:01:00", or "0000:00:14.0;0000:00:14.2". The caller frees it. */
static char *whole_of(const struct pt_facts *facts, const struct pt_taken *zero)
{
	char slot[PT_BDF_TEXT];
	char *list = NULL;

	pt_bdf_format(&zero->bdf, slot);
	if (takes_whole_slot(facts, zero)) {
		slot[strlen(slot) - 2] = '\0';
		return pt_strdup(slot);
	}
	/* in order, for their places in the guest follow it */
	for (struct pt_bdf id = zero->bdf; id.function < 8; id.function++) {
		const struct pt_taken *taken = pt_taken_find(facts->taken, facts->taken_count, &id);

		if (taken && (taken->companion ? pt_function_0_of(facts, taken) == zero
					       : taken->assignment == zero->assignment))
			list = pt_list_add(list, ";", PT_BDF(&id));
	}
	return list;
}

/* The other entries that name a function of the whole slot: Proxmox VE refuses one that two
 * entries name. "hostpci1, hostpci2", or NULL; the caller frees it. */
static char *list_others(const struct pt_facts *facts, const struct pt_taken *zero)
{
	char *list = NULL;
	char label[PT_LABEL_TEXT];
	size_t last = zero->assignment;
	int index;

	if (!takes_whole_slot(facts, zero))
		return NULL;
	pt_foreach (taken, facts->taken, facts->taken_count) {
		if (!is_sibling(taken, zero) || taken->assignment == zero->assignment ||
			taken->assignment == last)
			continue;
		last = taken->assignment;
		index = facts->assignment[last].entry.index;
		list = pt_list_add(list, ", ",
			index == PT_HOSTPCI_MAX ? "its -device in args"
						: pt_entry_label(index, label));
	}
	return list;
}

enum { PARTIAL_ENTRY, PARTIAL_MAPPING, PARTIAL_ARGS };

static void partial_slot(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (zero, facts->taken, facts->taken_count) {
		const char *mapping = facts->assignment[zero->assignment].entry.mapping;
		const int index = facts->assignment[zero->assignment].entry.index;
		PT_FREE char *siblings = zero->companion ? NULL : list_siblings(facts, zero);
		PT_FREE char *whole = siblings ? whole_of(facts, zero) : NULL;
		PT_FREE char *others = siblings ? list_others(facts, zero) : NULL;

		if (whole)
			pt_report(judging,
				index == PT_HOSTPCI_MAX ? PARTIAL_ARGS
				: mapping		? PARTIAL_MAPPING
							: PARTIAL_ENTRY,
				pt_on_function(facts, zero), "siblings", siblings, "value", whole,
				"mapping", mapping, "others", others, NULL);
	}
}

/* prose in lines as long as its sentences: no formatter breaks it well */
// clang-format off
static const struct pt_check checks[] = {
	{
		.tag = "hostpci-syntax",
		.find = hostpci_syntax,
		.meaning = "Proxmox VE cannot parse a hostpci line.",
		.why = "It drops the line and starts the guest without the device. Only the task log warns, and the API does not show the line.",
		.steps = "'pve-ptconf check VMID' points at the wrong character."
			"\nWrite the line again: 'qm set VMID --hostpciN VALUE'.",
		.source = "qemu-server, QemuServer.pm, parse_vm_config; " PT_SOURCE_PCI_PM,
		.of = {
			[SYNTAX_VALUE] = {PT_ERROR, PT_WARNS, .message = "'{value}': {why}; Proxmox VE drops the line and starts the guest without this device",
				.hint = "correct it with 'qm set {vmid} --{key} VALUE'"},
			[SYNTAX_NAME] = {PT_ERROR, PT_WARNS, .when = "the value is the name of a resource mapping",
				.message = "'{value}': {why}; Proxmox VE drops the line and starts the guest without this device",
				.hint = "{name} is a resource mapping: write mapping={name}, with 'qm set {vmid} --{key} VALUE'"},
			[SYNTAX_NO_NAME] = {PT_ERROR, PT_WARNS, .when = "the value looks like a name, and no resource mapping has it",
				.message = "'{value}': {why}; Proxmox VE drops the line and starts the guest without this device",
				.hint = "correct it with 'qm set {vmid} --{key} VALUE'; there is no resource mapping {name} either"},
			[SYNTAX_LINE] = {PT_ERROR, PT_WARNS, .when = "a line that is no entry, though it looks like one",
				.message = "'{value}': {why}; Proxmox VE drops the line and starts the guest without this device",
				.hint = "set it with 'qm set {vmid} --{key} VALUE', which writes the config anew"},
			[SYNTAX_LINE_SPARE] = {PT_WARNING, PT_WARNS, .when = "another line sets the entry",
				.message = "'{value}': {why}; Proxmox VE drops the line, and another one sets {key}",
				.hint = "remove one of the two lines"},
		},
	},
	{
		.tag = "hostpci-unknown-key",
		.find = hostpci_unknown_key,
		.meaning = "A hostpci line has a key that this version does not know.",
		.why = "If Proxmox VE does not know the key either, it drops the whole line.",
		.steps = "Correct the key, or update the node if a newer version has it.",
		.source = PT_SOURCE_PCI_PM ", $hostpci_fmt",
		.of = {
			[KEY_OF_NEWER] = {PT_ERROR, PT_WARNS, .message = "'{value}': {why}; Proxmox VE drops the line and starts the guest without this device",
				.hint = "correct the key, or update this node if a newer version has it"},
			[KEY_OF_9] = {PT_ERROR, PT_WARNS, .when = "driver= on Proxmox VE 8",
				.message = "driver= is a key of Proxmox VE 9; this node's qemu-server {version} drops the whole line and starts the guest without this device",
				.hint = "remove driver= from the line, or update this node"},
		},
	},
	{
		.tag = "machine-invalid",
		.find = machine_invalid,
		.meaning = "The value of machine is one that Proxmox VE cannot parse.",
		.why = "It drops the line, and the guest gets the default machine type, i440fx: other addresses in the guest, no PCI Express.",
		.steps = "Write it again: 'qm set VMID --machine q35', or with a version, 'pc-q35-9.1'. A comment cannot follow a value.",
		.source = "qemu-server, QemuServer/Machine.pm, $machine_fmt",
		.of = {
			[MACHINE_DROPPED] = {PT_WARNING, PT_WARNS, .message = "machine '{value}': {why}; Proxmox VE drops the line, and the guest gets the default machine type, i440fx",
				.hint = "correct it with 'qm set {vmid} --machine VALUE'"},
			[MACHINE_AGAIN] = {PT_WARNING, PT_WARNS, .when = "another line of machine is valid",
				.message = "machine '{value}': {why}; Proxmox VE drops the line, and the other one counts, '{machine}'",
				.hint = "correct it with 'qm set {vmid} --machine VALUE'"},
			[MACHINE_MAY_BE] = {PT_WARNING, PT_WARNS, .when = "a key that only a newer Proxmox VE may know",
				.message = "machine '{value}': {why}; a Proxmox VE that does not know it either drops the line, and the guest gets the default machine type, i440fx",
				.hint = "correct the key, or update this node if a newer version has it"},
			[MACHINE_TOO_NEW] = {PT_WARNING, PT_WARNS, .when = "aw-bits on an older qemu-server",
				.message = "aw-bits in machine came with qemu-server 9.0.21; this node's {version} drops the line, and the guest gets the default machine type, i440fx",
				.hint = "set 'pc-q35-9.1,viommu=intel' as machine instead"},
			[MACHINE_LINE] = {PT_WARNING, PT_WARNS, .when = "a line that means machine, though it has another form",
				.message = "'{value}': {why}; Proxmox VE drops the line, and the guest gets the default machine type, i440fx",
				.hint = "set it with 'qm set {vmid} --machine VALUE', which writes the config anew"},
		},
	},
	{
		.tag = "hostpci-host-and-mapping",
		.find = hostpci_host_and_mapping,
		.problem = PT_PROBLEM_HOST_AND_MAPPING,
		.meaning = "An entry names both an address and a mapping.",
		.why = "Proxmox VE refuses it.",
		.steps = "Keep one of them.",
		.source = PT_SOURCE_PCI_PM ", parse_hostpci",
		.of = {{PT_ERROR, PT_REFUSES, .message = "names both a device ({host}) and a mapping ({mapping})",
			.hint = "keep one of them"}},
	},
	{
		.tag = "hostpci-no-device",
		.find = hostpci_no_device,
		.problem = PT_PROBLEM_NO_DEVICE,
		.meaning = "An entry names neither an address nor a mapping.",
		.why = "Proxmox VE refuses it.",
		.steps = "Set host=ADDRESS or mapping=ID, or delete the entry.",
		.source = PT_SOURCE_PCI_PM ", parse_hostpci",
		.of = {{PT_ERROR, PT_REFUSES, .message = "names neither a device nor a mapping",
			.hint = "set host=ADDRESS or mapping=ID, or delete the entry"}},
	},
	{
		.tag = "pcie-needs-q35",
		.find = pcie_needs_q35,
		.meaning = "pcie=1 with a machine type without PCI Express.",
		.why = "Proxmox VE refuses the start: 'q35 machine model is not enabled'.",
		.steps = "'qm set VMID --machine q35', or remove pcie=1.",
		.source = PT_SOURCE_PCI_PM ", print_hostpci_devices",
		.of = {{PT_ERROR, PT_REFUSES, .message = "pcie=1 needs the machine type q35, but the guest has {machine}",
			.hint = "'qm set {vmid} --machine q35', or remove pcie=1"}},
	},
	{
		.tag = "device-assigned-twice",
		.find = device_assigned_twice,
		.problem = PT_PROBLEM_ASSIGNED_TWICE,
		.meaning = "Two entries of the guest name one function.",
		.why = "QEMU cannot open it twice. Proxmox VE refuses.",
		.steps = "Name it once. A value without a function number already means all functions.",
		.source = PT_SOURCE_PCI_PM ", choose_hostpci_devices",
		.of = {{PT_ERROR, PT_REFUSES, .message = "{where} is assigned to this guest more than once",
			.hint = "name it in one hostpci entry only; a value without a function, such as 01:00, already means all functions"}},
	},
	{
		.tag = "mdev-multifunction",
		.find = mdev_multifunction,
		.problem = PT_PROBLEM_MDEV_MULTIFUNCTION,
		.meaning = "An entry asks several functions for one mediated device.",
		.why = "A mediated device belongs to one function.",
		.steps = "Name the function that offers the type.",
		.source = PT_SOURCE_PCI_PM ", parse_hostpci",
		.of = {{PT_ERROR, PT_REFUSES, .message = "asks for the mediated device {mdev} of several functions at once",
			.hint = "name the one function that offers it"}},
	},
	{
		.tag = "mapping-missing",
		.find = mapping_missing,
		.problem = PT_PROBLEM_MAPPING_MISSING,
		.meaning = "The mapping does not exist.",
		.why = "Proxmox VE refuses the start.",
		.steps = "Create it (Datacenter, Resource Mappings).",
		.source = "pve-guest-common, PVE/Mapping/PCI.pm",
		.of = {{PT_ERROR, PT_REFUSES, .message = "there is no PCI mapping {mapping}",
			.hint = "create it (Datacenter, Resource Mappings), or correct the entry"}},
	},
	{
		.tag = "mapping-no-node",
		.find = mapping_no_node,
		.problem = PT_PROBLEM_MAPPING_NO_NODE,
		.meaning = "The mapping has no device on this node.",
		.why = "Proxmox VE refuses the start here.",
		.steps = "Add a device of this node (Datacenter, Resource Mappings).",
		.source = "pve-guest-common, PVE/Mapping/PCI.pm",
		.of = {{PT_ERROR, PT_REFUSES, .message = "mapping {mapping} has no device on node {where}",
			.hint = "add one for this node (Datacenter, Resource Mappings)"}},
	},
	{
		.tag = "mapping-mismatch",
		.find = mapping_mismatch,
		.problem = PT_PROBLEM_MAPPING_MISMATCH,
		.meaning = "The mapping stores other properties than the hardware has now.",
		.why = "Proxmox VE refuses, so that the guest does not get another card by mistake.",
		.steps = "See the hardware: 'pve-ptconf list'."
			"\nIf you changed it: edit the mapping (Datacenter, Resource Mappings) and choose the device of this node again.",
		.source = "pve-guest-common, PVE/Mapping/PCI.pm, assert_valid",
		.of = {{PT_ERROR, PT_REFUSES, .message = "mapping {mapping}, {where}: {why}",
			.hint = "edit the mapping and choose the device again, which stores its current properties[[; a device of the stored ids is at {to} now]]"}},
	},
	{
		.tag = "mapping-nothing-free",
		.find = mapping_nothing_free,
		.problem = PT_PROBLEM_MAPPING_NOTHING_FREE,
		.meaning = "Other guests, or other entries of this guest, take all devices of the mapping.",
		.why = "Proxmox VE finds no free device and refuses.",
		.steps = "Stop a guest that has one, or add a device to the mapping.",
		.source = PT_SOURCE_PCI_PM ", choose_hostpci_devices",
		.of = {{PT_ERROR, PT_REFUSES, .message = "none of the {count} devices of mapping {mapping} is free",
			.hint = "stop a guest that uses one, or add a device to the mapping"}},
	},
	{
		.tag = "partial-slot",
		.find = partial_slot,
		.meaning = "Function 0 of a device is assigned, but not its siblings in the same IOMMU group.",
		.why = "The siblings leave the host too, and the guest does not get them: a GPU without its audio, for example.",
		.steps = "Write the value that 'pve-ptconf check' names: 0000:01:00 (all functions), or a list if the slot has functions of other groups.",
		.source = PT_SOURCE_PCI_PM "; " PT_SOURCE_VFIO,
		.of = {
			[PARTIAL_ENTRY] = {PT_WARNING, PT_WARNS, .message = "shares its IOMMU group with {siblings} of the same device: the whole device leaves the host, but the guest does not get {siblings}",
				.hint = "write {value} instead of its single functions (All Functions)[[, and remove {others}]]"},
			[PARTIAL_ARGS] = {PT_WARNING, PT_WARNS, .message = "shares its IOMMU group with {siblings} of the same device: the whole device leaves the host, but the guest does not get {siblings}",
				.hint = "use a hostpci entry with {value} instead[[ of it and {others}]], or a -device in args for each of {siblings} as well"},
			[PARTIAL_MAPPING] = {PT_WARNING, PT_WARNS, .message = "shares its IOMMU group with {siblings} of the same device: the whole device leaves the host, but the guest does not get {siblings}",
				.hint = "set the path {value} in the mapping {mapping} (All Functions)[[, and remove {others}]]"},
		},
	},
};
// clang-format on
const struct pt_checks pt_config_checks = {checks, PT_ARRAY_SIZE(checks)};
