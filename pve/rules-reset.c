// SPDX-License-Identifier: AGPL-3.0-or-later
/* Whether a device can be brought back to its senses between one user and the next. */
#include "pve/paths.h"
#include "pve/rules.h"

#define CLASS_STORAGE 0x01U
#define CLASS_DISPLAY 0x03U

static const struct pt_function *function_of(
	const struct pt_facts *facts, const struct pt_detail *detail)
{
	return pt_inventory_find(facts->inventory, &detail->bdf);
}

/* The taken function that a detail is of, when the guest gets it; NULL: it only goes along. */
static const struct pt_taken *assigned(const struct pt_facts *facts, const struct pt_detail *detail)
{
	const struct pt_taken *taken =
		pt_taken_find(facts->taken, facts->taken_count, &detail->bdf);

	return taken && !taken->companion ? taken : NULL;
}

PT_RULE(pt_rule_device_dead)
{
	pt_foreach (detail, facts->detail, facts->detail_count) {
		const struct pt_taken *taken = assigned(facts, detail);

		if (taken && detail->dead)
			pt_rule_found(rule, findings, pt_subject_function(facts, taken),
				pt_format("does not answer: its config space reads all ones"),
				pt_format("power the host off for a while; a warm reboot may not "
					  "bring the device back"));
	}
}

PT_RULE(pt_rule_no_reset)
{
	pt_foreach (detail, facts->detail, facts->detail_count) {
		const struct pt_taken *taken = assigned(facts, detail);

		if (taken && !detail->resettable && !detail->has_bus_mate)
			pt_rule_found(rule, findings, pt_subject_function(facts, taken),
				pt_format(
					"cannot be reset: what one guest leaves in it the next user "
					"meets"),
				pt_format("reboot the host when it misbehaves after the guest has "
					  "stopped"));
	}
}

PT_RULE(pt_rule_bus_reset_shared)
{
	pt_foreach (detail, facts->detail, facts->detail_count) {
		const struct pt_taken *taken = assigned(facts, detail);

		if (taken && detail->has_bus_mate)
			pt_rule_found(rule, findings, pt_subject_function(facts, taken),
				pt_format(
					"can be reset only with its whole bus, and %s on it is not "
					"taken along, so it is not reset at all",
					PT_BDF(&detail->bus_mate)),
				pt_format(
					"pass all functions of the device through, or move one of "
					"the cards"));
	}
}

/* Graphics cards that do not come back from a reset. Source: the device list of the kernel module vendor-reset. */
static bool has_reset_bug(const struct pt_function *function)
{
	static const char *const amd[] = {"67c0", "67c4", "67c7", "67d0", "67df", "67e0", "67e3",
		"67e8", "67eb", "67ef", "67ff", "6860", "6861", "6863", "6867", "686c", "687f",
		"66a0", "66a1", "66af", "6980", "6985", "6986", "6987", "6995", "699f", "7310",
		"7312", "7318", "731a", "731b", "731e", "731f", "7340", "7341", "7347", "734f",
		"7360", "7362"};

	if (!pt_streq(function->vendor, "1002") || function->class >> 16 != CLASS_DISPLAY)
		return false;
	for (size_t i = 0; i < PT_ARRAY_SIZE(amd); i++) {
		if (pt_streq(function->device, amd[i]))
			return true;
	}
	return false;
}

PT_RULE(pt_rule_reset_quirk)
{
	pt_foreach (detail, facts->detail, facts->detail_count) {
		const struct pt_taken *taken = assigned(facts, detail);
		const struct pt_function *function = function_of(facts, detail);

		if (taken && function && has_reset_bug(function))
			pt_rule_found(rule, findings, pt_subject_function(facts, taken),
				pt_format(
					"is of a model that often does not survive a reset: the "
					"second start of the guest may fail until the host reboots"),
				pt_format(
					"the kernel module vendor-reset (and 'device_specific' in "
					"the device's reset_method) mends it"));
	}
}

/* Why its host driver had better not get it back. NULL: it may. */
static const char *risk_of(const struct pt_function *function, const struct pt_detail *detail)
{
	unsigned int class = function->class >> 16;

	if (class == CLASS_STORAGE)
		return "the host looks at the guest's disks then: LVM, md and ZFS may start what "
		       "they find on them";
	if (class == CLASS_DISPLAY && (has_reset_bug(function) || !detail->resettable))
		return "it may be in a state that the driver does not expect, and hang the host";
	return NULL;
}

PT_RULE(pt_rule_return_risky)
{
	pt_foreach (detail, facts->detail, facts->detail_count) {
		const struct pt_taken *taken = assigned(facts, detail);
		const struct pt_function *function = function_of(facts, detail);
		const char *risk;

		if (!taken || !function || !function->driver || pt_taken_stays(taken, function) ||
			pt_policy_return(&facts->host->policy, facts->guest->vmid, &taken->bdf))
			continue;
		risk = risk_of(function, detail);
		if (risk)
			pt_rule_found(rule, findings, pt_subject_function(facts, taken),
				pt_format("goes back to %s when the guest has stopped: %s",
					function->driver, risk),
				pt_format("'return = none' or 'return = keep-vfio' under [device "
					  "%s] in " PT_POLICY_FILE " leaves it alone",
					PT_BDF(&taken->bdf)));
	}
}
