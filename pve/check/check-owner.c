// SPDX-License-Identifier: AGPL-3.0-or-later
/* Other guests and processes that have the functions, and claims that nobody holds any more. */
#include "pve/check/check.h"

/* NULL: neither taken nor opened as it is. A VF of a taken PF is another check's. */
static const struct pt_taken *taken_of(const struct pt_facts *facts, const struct pt_bdf *bdf)
{
	const struct pt_taken *taken = pt_taken_find(facts->taken, facts->taken_count, bdf);

	return taken ? taken : pt_taken_find(facts->kept, facts->kept_count, bdf);
}

static void report_owners(const struct pt_judging *judging, enum pt_owner_kind kind, size_t which)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (owner, facts->owner, facts->owner_count) {
		const struct pt_taken *taken = taken_of(facts, &owner->bdf);

		if (taken && owner->kind == kind)
			pt_report(judging, which, pt_on_function(facts, taken), "guest",
				PT_NUMBER(owner->vmid), "pid",
				owner->pid ? PT_NUMBER((unsigned int)owner->pid) : NULL, NULL);
	}
}

enum { CLAIMED, CLAIM_RETURNING };

static void claimed_by_other(const struct pt_judging *judging)
{
	report_owners(judging, PT_OWNER_CLAIM, CLAIMED);
	report_owners(judging, PT_OWNER_RETURNING, CLAIM_RETURNING);
}

enum { RESERVED_FOR_START, RESERVED_RUNNING };

static void reserved_by_other(const struct pt_judging *judging)
{
	report_owners(judging, PT_OWNER_RESERVED, RESERVED_FOR_START);
	report_owners(judging, PT_OWNER_USES, RESERVED_RUNNING);
}

enum { OPEN_IN_PROCESS, OPEN_IN_GUEST };

static void used_by_running(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (owner, facts->owner, facts->owner_count) {
		const struct pt_taken *taken = taken_of(facts, &owner->bdf);

		if (taken && owner->kind == PT_OWNER_OPEN)
			pt_report(judging, owner->vmid ? OPEN_IN_GUEST : OPEN_IN_PROCESS,
				pt_on_function(facts, taken), "guest",
				owner->vmid ? PT_NUMBER(owner->vmid) : NULL, "pid",
				PT_NUMBER((unsigned int)owner->pid), "process", owner->name, NULL);
	}
}

enum { ELSEWHERE, ELSEWHERE_AT_BOOT, ELSEWHERE_CROWD };

/* The part of the device that another guest names. */
static const char *relation_of(const struct pt_facts *facts, const struct pt_elsewhere *elsewhere)
{
	const struct pt_function *function = pt_facts_function(facts, &elsewhere->bdf);

	if (pt_bdf_compare(&elsewhere->named, &elsewhere->bdf) == 0)
		return "it";
	return function && pt_function_is_vf(function) ? "its physical function"
						       : "a virtual function of it";
}

/* How near another guest comes: 0 names a function of an entry, more names a relative of one, or
 * one that goes along with it. */
static unsigned int distance_of(const struct pt_facts *facts, const struct pt_elsewhere *elsewhere)
{
	const struct pt_taken *taken = taken_of(facts, &elsewhere->bdf);

	return 2U * (taken && taken->companion) +
	       (pt_bdf_compare(&elsewhere->named, &elsewhere->bdf) != 0);
}

static bool is_of_same_conflict(const struct pt_facts *facts, const struct pt_elsewhere *one,
	const struct pt_elsewhere *other)
{
	const struct pt_taken *a = taken_of(facts, &one->bdf), *b = taken_of(facts, &other->bdf);

	return one->vmid == other->vmid && a && b && a->assignment == b->assignment;
}

/* Whether the same guest comes nearer to the same entry: that says it all. The notes of a guest
 * stand side by side. */
static bool is_said_better(const struct pt_facts *facts, const struct pt_elsewhere *elsewhere)
{
	const struct pt_elsewhere *first = facts->elsewhere, *end = first + facts->elsewhere_count;
	const struct pt_elsewhere *at = elsewhere;

	while (at > first && at[-1].vmid == elsewhere->vmid)
		at--;
	for (; at < end && at->vmid == elsewhere->vmid; at++) {
		if (is_of_same_conflict(facts, at, elsewhere) &&
			distance_of(facts, at) < distance_of(facts, elsewhere))
			return true;
	}
	return false;
}

static void configured_elsewhere(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;
	/* a template never starts */
	bool onboot = pt_streq(pt_guest_get(facts->guest, "onboot"), "1") &&
		      !pt_guest_is_template(facts->guest);

	pt_foreach (elsewhere, facts->elsewhere, facts->elsewhere_count) {
		const struct pt_taken *taken = taken_of(facts, &elsewhere->bdf);
		const struct pt_function *companion =
			taken && taken->companion ? pt_facts_function(facts, &taken->bdf) : NULL;

		if (taken && !is_said_better(facts, elsewhere))
			pt_report(judging,
				elsewhere->onboot && onboot ? ELSEWHERE_AT_BOOT : ELSEWHERE,
				pt_on_function(facts, taken), "guest",
				elsewhere->guest ? elsewhere->guest : PT_NUMBER(elsewhere->vmid),
				"part", relation_of(facts, elsewhere), "group",
				companion ? PT_NUMBER((unsigned int)companion->group) : NULL, NULL);
	}
	pt_foreach (crowd, facts->crowd, facts->crowd_count) {
		const struct pt_assignment *assignment = &facts->assignment[crowd->assignment];
		PT_FREE char *guests = pt_format(
			"guest%s %s", strchr(crowd->guests, ',') ? "s" : "", crowd->guests);

		pt_report(judging, ELSEWHERE_CROWD, pt_on_entry(assignment), "mapping",
			assignment->entry.mapping, "count", PT_NUMBER(assignment->count), "guests",
			guests, "wanted", PT_NUMBER(crowd->wanted), NULL);
	}
}

enum { USB_CONFIGURED, USB_RUNS };

static void usb_of_guest(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (usb, facts->usb, facts->usb_count) {
		const struct pt_taken *taken =
			pt_taken_find(facts->taken, facts->taken_count, &usb->bdf);

		if (taken)
			pt_report(judging, usb->running ? USB_RUNS : USB_CONFIGURED,
				pt_on_function(facts, taken), "guest", PT_NUMBER(usb->vmid), "port",
				usb->port, NULL);
	}
}

static bool concerns(const struct pt_facts *facts, const struct pt_claim_note *note)
{
	if (note->vmid == facts->guest->vmid || facts->depth == PT_DEPTH_HOST)
		return true;
	pt_foreach (owner, facts->owner, facts->owner_count) {
		if (owner->vmid == note->vmid)
			return true;
	}
	return false;
}

static void stale_claim(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (note, facts->note, facts->note_count) {
		if (!note->error && concerns(facts, note))
			pt_report(judging, 0, pt_on_other(note->vmid), "function",
				PT_BDF(&note->bdf), "guest", PT_NUMBER(note->vmid), NULL);
	}
}

static void claim_incomplete(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (note, facts->note, facts->note_count) {
		if (note->error && concerns(facts, note))
			pt_report(judging, 0, pt_on_other(note->vmid), "function",
				PT_BDF(&note->bdf), "guest", PT_NUMBER(note->vmid), "error",
				note->error, NULL);
	}
}

#define OUR_CLAIMS "this project's claims, /run/pve-ptconf"

/* prose in lines as long as its sentences: no formatter breaks it well */
// clang-format off
static const struct pt_check checks[] = {
	{
		.tag = "claimed-by-other",
		.find = claimed_by_other,
		.meaning = "Another guest holds the function.",
		.why = "Two guests cannot have it at once.",
		.steps = "Stop that guest. If it does not run, 'pve-ptconf release VMID' returns its devices."
			"\nIf they are not yet back, start again later; 'pve-ptconf claims' shows the reason for a long wait.",
		.source = OUR_CLAIMS,
		.of = {
			[CLAIMED] = {PT_ERROR, PT_REFUSES_ALWAYS, .message = "is claimed by guest {guest}",
				.hint = "stop guest {guest}; if it does not run, 'pve-ptconf release {guest}' returns its devices"},
			[CLAIM_RETURNING] = {PT_ERROR, PT_REFUSES_ALWAYS, .when = "that guest has stopped, and its devices are still returning", .message = "is still returning from guest {guest}",
				.hint = "a start waits for it; 'pve-ptconf claims' shows the reason for a long wait"},
		},
	},
	{
		.tag = "reserved-by-other",
		.find = reserved_by_other,
		.meaning = "Proxmox VE has reserved it for another guest.",
		.why = "It refuses the start.",
		.steps = "Stop that guest, or wait until its start has failed.",
		.source = PT_SOURCE_PCI_PM ", reserve_pci_usage",
		.of = {
			[RESERVED_FOR_START] = {PT_ERROR, PT_REFUSES_ALWAYS, .message = "is reserved by guest {guest}, which is starting",
				.hint = "stop guest {guest}, or wait until its start has failed"},
			[RESERVED_RUNNING] = {PT_ERROR, PT_REFUSES_ALWAYS, .message = "is in use by guest {guest}, which runs as process {pid}",
				.hint = "stop guest {guest} first"},
		},
	},
	{
		.tag = "used-by-running",
		.find = used_by_running,
		.meaning = "Another process has its IOMMU group open.",
		.why = "The kernel gives a group to one process.",
		.steps = "Find the process: 'fuser -v /dev/vfio/GROUP'; 'pve-ptconf list' shows the number of the group."
			"\nIf it is a guest's QEMU ('ps -o args= -p PID' shows the VMID behind -id): 'qm stop VMID'."
			"\nIf 'qm list' does not show that guest as running, or it is another program: 'kill PID'.",
		.source = PT_SOURCE_VFIO,
		.of = {
			[OPEN_IN_PROCESS] = {PT_ERROR, PT_REFUSES_ALWAYS, .message = "its IOMMU group is open in process {pid} ({process})",
				.hint = "end that process first"},
			[OPEN_IN_GUEST] = {PT_ERROR, PT_REFUSES_ALWAYS, .message = "its IOMMU group is open in guest {guest} (process {pid})",
				.hint = "stop guest {guest} first"},
		},
	},
	{
		.tag = "configured-elsewhere",
		.find = configured_elsewhere,
		.meaning = "Another guest of this node names the same function.",
		.why = "Only one of them can run at a time. At node boot the quicker one wins.",
		.steps = "Give each guest its own device, or use a mapping with several devices.",
		.source = "qm.conf(5)",
		.of = {
			[ELSEWHERE] = {PT_WARNING, PT_WARNS, .message = "guest {guest} names {part} too[[, which goes along because of IOMMU group {group}]]",
				.hint = "only one of them can run at a time"},
			[ELSEWHERE_AT_BOOT] = {PT_WARNING, PT_WARNS, .message = "guest {guest} names {part} too[[, which goes along because of IOMMU group {group}]]; both start at boot",
				.hint = "only one of them can run at a time"},
			[ELSEWHERE_CROWD] = {PT_WARNING, PT_WARNS, .message = "mapping {mapping} has {count} devices on this node, but this guest and {guests} name it {wanted} times",
				.hint = "only as many guests as it has devices can run at a time"},
		},
	},
	{
		.tag = "usb-of-guest",
		.find = usb_of_guest,
		.meaning = "Another guest has a USB device (usbN) on the USB controller that is taken.",
		.why = "With the controller all of its devices leave the host: the other guest loses its own.",
		.steps = "Plug the device into a port of another controller ('lsusb -t' shows which bus it is on, 'pve-ptconf list' the controllers), or remove it from the other guest: 'qm set VMID --delete usbN'.",
		.source = "qm.conf(5), usb[n]",
		.of = {
			[USB_CONFIGURED] = {PT_WARNING, PT_WARNS, .message = "the USB device {port} of guest {guest} hangs on it, and that guest cannot have it meanwhile",
				.hint = "plug it into a port of another controller"},
			[USB_RUNS] = {PT_ERROR, PT_WARNS, .when = "that guest runs: it loses the device at once",
				.message = "the USB device {port} of guest {guest}, which runs, hangs on it: that guest loses it",
				.hint = "stop guest {guest} first, or plug the device into a port of another controller"},
		},
	},
	{
		.tag = "stale-claim",
		.find = stale_claim,
		.meaning = "A guest does not run, but its claim still holds devices.",
		.why = "Its devices are not on their host drivers.",
		.steps = "'pve-ptconf release VMID'. The next start of a guest with passthrough, and a timer, do the same.",
		.source = OUR_CLAIMS,
		.of = {{PT_WARNING, PT_WARNS, .message = "does not run, but still holds {function} and the devices taken with it",
			.hint = "'pve-ptconf release {guest}' returns them now; the next start does too"}},
	},
	{
		.tag = "claim-incomplete",
		.find = claim_incomplete,
		.meaning = "A function could not be returned.",
		.why = "It is not on its host driver.",
		.steps = "Find the reason: 'pve-ptconf claims', and the driver's messages in 'journalctl -k'."
			"\nFix it: load the driver's module, or end the process that holds the device."
			"\nRetry with 'pve-ptconf release VMID'.",
		.source = OUR_CLAIMS,
		.of = {{PT_WARNING, PT_WARNS, .message = "could not return {error}",
			.hint = "retry with 'pve-ptconf release {guest}'"}},
	},
};
// clang-format on
const struct pt_checks pt_owner_checks = {checks, PT_ARRAY_SIZE(checks)};
