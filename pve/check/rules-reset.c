// SPDX-License-Identifier: AGPL-3.0-or-later
/* Whether a device can be brought back to its senses between one user and the next. */
#include "pve/config/paths.h"
#include "pve/check/rules.h"

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

/* Models of graphics that do not come back from a reset. */
struct quirk {
	const char *const *device; /* of AMD; NULL ends it */
	const char *message, *hint;
};

/* Source: the device list of the kernel module vendor-reset. */
static const char *const vega_and_navi[] = {"67c0", "67c4", "67c7", "67d0", "67df", "67e0", "67e3",
	"67e8", "67eb", "67ef", "67ff", "6860", "6861", "6863", "6867", "686c", "687f", "66a0",
	"66a1", "66af", "6980", "6985", "6986", "6987", "6995", "699f", "7310", "7312", "7318",
	"731a", "731b", "731e", "731f", "7340", "7341", "7347", "734f", "7360", "7362", NULL};

/*
 * Raven, Renoir and Cezanne, Rembrandt, Raphael, Phoenix, Mendocino, Van Gogh and Hawk Point. Source: pci.ids for which ids they have; the issues 63, 74
 * and 82 of vendor-reset, and 33 and 135 of ryzen-gpu-passthrough-proxmox, for what they do.
 */
static const char *const integrated[] = {"15dd", "15d8", "15e7", "1636", "1638", "164c", "164d",
	"1681", "164e", "15bf", "15c8", "1506", "163f", "1900", NULL};

static const struct quirk quirks[] = {
	{vega_and_navi,
		"is of a model that often does not survive a reset: the second start of the guest "
		"may fail until the host reboots",
		"the kernel module vendor-reset (and 'device_specific' in the device's "
		"reset_method) mends it"},
	{integrated,
		"is integrated graphics that nothing resets fully: the second start of the guest "
		"may have no picture until the host reboots",
		"have the guest let go of it before it stops (in Windows, disable it in the device "
		"manager at shutdown), or plan to reboot the host"},
};

/* NULL: none that is known. */
static const struct quirk *quirk_of(const struct pt_function *function)
{
	if (!pt_streq(function->vendor, "1002") || function->class >> 16 != CLASS_DISPLAY)
		return NULL;
	pt_foreach (quirk, quirks, PT_ARRAY_SIZE(quirks)) {
		for (const char *const *device = quirk->device; *device; device++) {
			if (pt_streq(function->device, *device))
				return quirk;
		}
	}
	return NULL;
}

PT_RULE(pt_rule_reset_quirk)
{
	pt_foreach (detail, facts->detail, facts->detail_count) {
		const struct pt_taken *taken = assigned(facts, detail);
		const struct pt_function *function = function_of(facts, detail);
		const struct quirk *quirk = taken && function ? quirk_of(function) : NULL;

		if (quirk)
			pt_rule_found(rule, findings, pt_subject_function(facts, taken),
				pt_format("%s", quirk->message), pt_format("%s", quirk->hint));
	}
}

/* Why its host driver had better not get it back. NULL: it may. */
static const char *risk_of(const struct pt_function *function, const struct pt_detail *detail)
{
	unsigned int class = function->class >> 16;

	if (class == CLASS_STORAGE)
		return "the host looks at the guest's disks then: LVM, md and ZFS may start what "
		       "they find on them, and keep the guest from its next start";
	if (class == CLASS_DISPLAY && (quirk_of(function) || !detail->resettable))
		return "it may be in a state that the driver does not expect, and hang the host";
	return NULL;
}

PT_RULE(pt_rule_return_risky)
{
	pt_foreach (detail, facts->detail, facts->detail_count) {
		const struct pt_taken *taken = assigned(facts, detail);
		const struct pt_function *function = function_of(facts, detail);
		const char *risk;

		if (!facts->hooked || !taken || !function || !function->driver ||
			pt_taken_stays(taken, function) ||
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
