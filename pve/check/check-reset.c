// SPDX-License-Identifier: AGPL-3.0-or-later
/* Whether a device can be reset between one user and the next. */
#include "pve/check/check.h"
#include "pve/check/reset-models.h"
#include "pve/config/paths.h"

#define CLASS_STORAGE 0x01U
#define VENDOR_AMD    "1002"

static void device_dead(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (detail, facts->detail, facts->detail_count) {
		const struct pt_taken *taken = pt_detail_opened(facts, detail);
		const struct pt_function *function = pt_facts_function(facts, &detail->bdf);

		if (taken && function && pt_function_is_dead(function))
			pt_report(judging, 0, pt_on_function(facts, taken), NULL);
	}
}

static void no_reset(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (detail, facts->detail, facts->detail_count) {
		const struct pt_taken *taken = pt_detail_opened(facts, detail);

		if (taken && !detail->resettable && !detail->has_bus_mate)
			pt_report(judging, 0, pt_on_function(facts, taken), NULL);
	}
}

enum { SHARED_SLOT, SHARED_BUS, SHARED_PROCESSOR, SHARED_BRIDGE };

static void bus_reset_shared(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (detail, facts->detail, facts->detail_count) {
		const struct pt_taken *taken = pt_detail_opened(facts, detail);
		const struct pt_function *mate = pt_facts_function(facts, &detail->bus_mate);
		bool same_slot = pt_bdf_same_slot(&detail->bus_mate, &detail->bdf);

		if (taken && detail->has_bus_mate)
			pt_report(judging,
				detail->integrated	  ? SHARED_PROCESSOR
				: mate && mate->is_bridge ? SHARED_BRIDGE
				: same_slot		  ? SHARED_SLOT
							  : SHARED_BUS,
				pt_on_function(facts, taken), "mate", PT_BDF(&detail->bus_mate),
				NULL);
	}
}

/* Returns the quirk, and where it is known from. A reset of the device's own, of the kernel or of a
 * module, that is in force mends it. */
static enum pt_reset_quirk quirk_of(const struct pt_facts *facts,
	const struct pt_function *function, const struct pt_detail *detail, const char **ret_source)
{
	const struct pt_reset_model *model =
		pt_reset_model_find(function, facts->host->versions.kernel);
	const char *methods = function->reset_methods;

	if (methods && strstr(methods, "device_specific"))
		return PT_QUIRK_NONE;
	if (model && model->quirk == PT_QUIRK_FLR && methods && !strstr(methods, "flr"))
		return PT_QUIRK_NONE;
	*ret_source = model ? model->source : "AMD's security processor is in its slot";
	if (model)
		return model->quirk;
	return detail->integrated && pt_function_is_display(function) &&
			       pt_streq(function->vendor, VENDOR_AMD)
		       ? PT_QUIRK_INTEGRATED
		       : PT_QUIRK_NONE;
}

static void reset_quirk(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (detail, facts->detail, facts->detail_count) {
		const struct pt_taken *taken = pt_detail_opened(facts, detail);
		const struct pt_function *function = pt_facts_function(facts, &detail->bdf);
		const char *source = NULL;
		enum pt_reset_quirk quirk = taken && function
						    ? quirk_of(facts, function, detail, &source)
						    : PT_QUIRK_NONE;

		if (quirk != PT_QUIRK_NONE)
			pt_report(judging, quirk - PT_QUIRK_MODULE, pt_on_function(facts, taken),
				"source", source, NULL);
	}
}

enum { RISK_DISK, RISK_DISPLAY, RISK_NONE };

/* The reason against returning a function to its host driver. */
static size_t risk_of(const struct pt_facts *facts, const struct pt_function *function,
	const struct pt_detail *detail)
{
	unsigned int class = function->class >> 16;
	const char *source;

	if (class == CLASS_STORAGE)
		return RISK_DISK;
	if (pt_function_is_display(function) &&
		(quirk_of(facts, function, detail, &source) != PT_QUIRK_NONE ||
			!detail->resettable))
		return RISK_DISPLAY;
	return RISK_NONE;
}

/* Whether it is gone when the function that it hangs on is taken: parent-taken says so. */
static bool vanishes(const struct pt_facts *facts, const struct pt_function *function)
{
	const struct pt_function *parent = pt_parent_in_group(facts->inventory, function);

	return parent && pt_taken_find(facts->taken, facts->taken_count, &parent->bdf);
}

static void return_risky(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (detail, facts->detail, facts->detail_count) {
		const struct pt_taken *taken = pt_detail_taken(facts, detail);
		const struct pt_function *function = pt_facts_function(facts, &detail->bdf);
		size_t risk;

		if (!facts->hooked || !taken || !function || !function->driver ||
			pt_taken_stays(taken, function) ||
			pt_policy_return(&facts->host->policy, facts->guest->vmid, &taken->bdf) ||
			vanishes(facts, function))
			continue;
		risk = risk_of(facts, function, detail);
		if (risk != RISK_NONE)
			pt_report(judging, risk, pt_on_function(facts, taken), "driver",
				function->driver, "function", PT_BDF(&taken->bdf), NULL);
	}
}

/* prose in lines as long as its sentences: no formatter breaks it well */
// clang-format off
static const struct pt_check checks[] = {
	{
		.tag = "no-reset",
		.find = no_reset,
		.meaning = "The function has no reset, and its bus cannot be reset either.",
		.why = "It keeps its state from one user to the next, and may not work a second time.",
		.steps = "Reboot the host when it misbehaves. Another slot, behind a port of its own, makes a bus reset possible.",
		.source = "kernel, Documentation/ABI/testing/sysfs-bus-pci (reset_method)",
		.of = {{PT_WARNING, PT_WARNS, .message = "cannot be reset: it keeps the state of one guest for the next user",
			.hint = "reboot the host if it misbehaves after the guest stops"}},
	},
	{
		.tag = "bus-reset-shared",
		.find = bus_reset_shared,
		.meaning = "The device resets only with its bus, and the bus has another function.",
		.why = "QEMU resets a bus only if the guest has all of it.",
		.steps = "Pass all functions of a card through, or move one of the cards."
			"\nNot those of a processor: its security processor and USB belong to the host.",
		.source = "kernel, drivers/vfio/pci/vfio_pci_core.c, hot reset",
		.of = {
			[SHARED_SLOT] = {PT_WARNING, PT_WARNS, .message = "has only a reset of its whole bus, and {mate} on it stays out of the guest: so it is not reset at all",
				.hint = "pass all functions of the device through"},
			[SHARED_BUS] = {PT_WARNING, PT_WARNS, .message = "has only a reset of its whole bus, and {mate} on it stays out of the guest: so it is not reset at all",
				.hint = "move one of the cards"},
			[SHARED_PROCESSOR] = {PT_WARNING, PT_WARNS, .when = "a part of a processor: its other functions are the host's USB and security processor",
				.message = "has only a reset of its whole bus, and {mate} on it stays out of the guest: so it is not reset at all",
				.hint = "plan to reboot the host when it misbehaves after the guest stops"},
			[SHARED_BRIDGE] = {PT_WARNING, PT_WARNS, .when = "the other function is a bridge, which no guest can have",
				.message = "has only a reset of its whole bus, and the bridge {mate} on it stays out of the guest: so it is not reset at all",
				.hint = "plan to reboot the host when it misbehaves after the guest stops"},
		},
	},
	{
		.tag = "reset-quirk",
		.find = reset_quirk,
		.meaning = "Devices of this model are known to hang on a reset.",
		.why = "The first start works. The second may show a dark screen or hang.",
		.steps = "A card (Polaris, Vega, Navi 10): run 'apt install proxmox-headers-$(uname -r)', install vendor-reset (DKMS), and add the line vendor-reset to /etc/modules."
			"\nSet the method at every boot (a unit or a udev rule): 'echo device_specific > /sys/bus/pci/devices/ADDRESS/reset_method'."
			"\nA newer card (Navi 31 to 48): no module resets it. Shut the guest down in order, keep host drivers off the card, update its firmware."
			"\nIntegrated graphics: no module resets it. Let the guest release it before it stops (in Windows, a script that disables it at shutdown and enables it at start)."
			"\nWithout that, reboot the host between starts.",
		.source = "pve/check/reset-models.c has that of each model",
		.of = {
			[PT_QUIRK_MODULE - PT_QUIRK_MODULE] = {PT_WARNING, PT_WARNS, .message = "is a model that often hangs on a reset ({source}): the second start of the guest may fail until the host reboots",
				.hint = "install the kernel module vendor-reset, and set 'device_specific' in the device's reset_method"},
			[PT_QUIRK_CARD - PT_QUIRK_MODULE] = {PT_WARNING, PT_WARNS, .when = "a card that no module resets",
				.message = "is a model that often hangs on a reset ({source}): the second start of the guest may fail until the host reboots",
				.hint = "always shut the guest down in order, keep host drivers off the card ('return = keep-vfio'), or plan to reboot the host"},
			[PT_QUIRK_INTEGRATED - PT_QUIRK_MODULE] = {PT_WARNING, PT_WARNS, .message = "is integrated graphics without a full reset ({source}): the second start of the guest may show no picture until the host reboots",
				.hint = "let the guest release it before it stops (in Windows, disable it in the device manager at shutdown), or plan to reboot the host"},
			[PT_QUIRK_FLR - PT_QUIRK_MODULE] = {PT_WARNING, PT_WARNS, .when = "a function level reset that hangs on this kernel",
				.message = "hangs on a function level reset with this kernel ({source})",
				.hint = "update the kernel: newer ones do not use that reset"},
		},
	},
	{
		.tag = "return-risky",
		.find = return_risky,
		.meaning = "A disk controller, or a graphics card without a good reset, returns to a host driver.",
		.why = "The host may start LVM, md or ZFS from a guest's disks, or hang with a card that does not answer.",
		.steps = "Add a section [device ADDRESS] to " PT_POLICY_FILE ": 'return = none' leaves it without a driver, 'return = keep-vfio' on vfio-pci. 'return = origin' returns it and silences this warning.",
		.source = "this project's ptconf.conf; the device list of vendor-reset",
		.of = {
			[RISK_DISK] = {PT_WARNING, PT_WARNS, .message = "returns to {driver} when the guest stops: the host then scans the guest's disks, and LVM, md and ZFS may start volumes on them, which blocks the next start",
				.hint = "set 'return = none' or 'return = keep-vfio' under [device {function}] in " PT_POLICY_FILE},
			[RISK_DISPLAY] = {PT_WARNING, PT_WARNS, .message = "returns to {driver} when the guest stops: it may be in a state that hangs the driver and the host",
				.hint = "set 'return = none' or 'return = keep-vfio' under [device {function}] in " PT_POLICY_FILE},
		},
	},
	{
		.tag = "device-dead",
		.find = device_dead,
		.meaning = "The device's config space reads all ones.",
		.why = "It has fallen off the bus or does not wake up. Every use of it fails.",
		.steps = "Switch the host off, unplug it for a minute, and start it: a reboot does not cut the power of a slot."
			"\nIf it dies again: check the card's power cable and seat, and keep it from sleeping ('echo on > /sys/bus/pci/devices/ADDRESS/power/control', disable_idle_d3=1 for vfio-pci).",
		.source = "PCI Express Base Specification, 2.3.2",
		.of = {{PT_ERROR, PT_REFUSES, .message = "does not answer: its config space reads all ones",
			.hint = "switch the host off for a minute; a warm reboot may not revive the device"}},
	},
};
// clang-format on
const struct pt_checks pt_reset_checks = {checks, PT_ARRAY_SIZE(checks)};
