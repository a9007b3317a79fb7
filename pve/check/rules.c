// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/check/rules.h"
#include "pve/config/paths.h"
#include "pve/config/tag.h"

const struct pt_rule pt_rules[] = {
	/* the host */
	{"iommu-disabled", PT_ERROR, PT_REFUSE, pt_rule_iommu_disabled},
	{"interrupt-remapping-missing", PT_ERROR, PT_REFUSE, pt_rule_interrupt_remapping},
	{"vfio-module-missing", PT_ERROR, PT_REFUSE, pt_rule_vfio_module},
	{"acs-override-active", PT_WARNING, PT_TELL, pt_rule_acs_override},
	{"vfio-ids-captured", PT_INFO, PT_SILENT, pt_rule_ids_captured},
	{"host-driver-blocked", PT_INFO, PT_SILENT, pt_rule_driver_blocked},
	/* the config */
	{"hostpci-syntax", PT_ERROR, PT_TELL, pt_rule_syntax},
	{"hostpci-unknown-key", PT_ERROR, PT_TELL, pt_rule_unknown_key},
	{"hostpci-host-and-mapping", PT_ERROR, PT_REFUSE, pt_rule_problem},
	{"hostpci-no-device", PT_ERROR, PT_REFUSE, pt_rule_problem},
	{"pcie-needs-q35", PT_ERROR, PT_REFUSE, pt_rule_pcie_needs_q35},
	{"legacy-igd-twice", PT_ERROR, PT_REFUSE, pt_rule_legacy_igd_twice},
	{"legacy-igd-vga", PT_ERROR, PT_REFUSE, pt_rule_legacy_igd},
	{"legacy-igd-rombar", PT_ERROR, PT_REFUSE, pt_rule_legacy_igd},
	{"legacy-igd-x-vga", PT_ERROR, PT_REFUSE, pt_rule_legacy_igd},
	{"legacy-igd-mdev", PT_ERROR, PT_REFUSE, pt_rule_legacy_igd},
	{"legacy-igd-q35", PT_ERROR, PT_REFUSE, pt_rule_legacy_igd},
	{"legacy-igd-multifunction", PT_ERROR, PT_REFUSE, pt_rule_legacy_igd},
	{"legacy-igd-alternatives", PT_ERROR, PT_REFUSE, pt_rule_legacy_igd},
	{"legacy-igd-address", PT_ERROR, PT_REFUSE, pt_rule_legacy_igd},
	{"device-assigned-twice", PT_ERROR, PT_REFUSE, pt_rule_problem},
	{"mdev-multifunction", PT_ERROR, PT_REFUSE, pt_rule_problem},
	{"mdev-type-unknown", PT_ERROR, PT_REFUSE, pt_rule_mdev_unknown},
	{"mdev-none-free", PT_ERROR, PT_REFUSE, pt_rule_mdev_none_free},
	{"romfile-missing", PT_ERROR, PT_REFUSE, pt_rule_rom_missing},
	{"romfile-outside-dir", PT_WARNING, PT_TELL, pt_rule_rom_outside},
	{"romfile-not-a-rom", PT_WARNING, PT_TELL, pt_rule_rom_not_a_rom},
	{"romfile-wrong-device", PT_WARNING, PT_TELL, pt_rule_rom_wrong_device},
	{"romfile-no-efi-image", PT_WARNING, PT_TELL, pt_rule_rom_no_efi},
	{"romfile-with-rombar-off", PT_WARNING, PT_TELL, pt_rule_rom_bar_off},
	{"primary-gpu-conflict", PT_WARNING, PT_TELL, pt_rule_primary_gpu},
	{"balloon-with-passthrough", PT_WARNING, PT_TELL, pt_rule_balloon},
	{"partial-slot", PT_WARNING, PT_TELL, pt_rule_partial_slot},
	{"args-vfio-device", PT_INFO, PT_SILENT, pt_rule_args},
	{"not-migratable", PT_INFO, PT_SILENT, pt_rule_not_migratable},
	{"hook-not-attached", PT_INFO, PT_SILENT, pt_rule_hook_not_attached},
	{"hook-missing", PT_ERROR, PT_TELL, pt_rule_hook_missing},
	{"hook-not-executable", PT_ERROR, PT_TELL, pt_rule_hook_not_executable},
	{"started-for-backup", PT_WARNING, PT_TELL, pt_rule_backup},
	/* the device */
	{"device-missing", PT_ERROR, PT_REFUSE, pt_rule_unreadable},
	{"device-identity-changed", PT_WARNING, PT_TELL, pt_rule_identity},
	{"mapping-missing", PT_ERROR, PT_REFUSE, pt_rule_problem},
	{"mapping-no-node", PT_ERROR, PT_REFUSE, pt_rule_problem},
	{"mapping-mismatch", PT_ERROR, PT_REFUSE, pt_rule_problem},
	{"mapping-nothing-free", PT_ERROR, PT_REFUSE, pt_rule_problem},
	{"bridge-assigned", PT_ERROR, PT_REFUSE, pt_rule_bridge},
	{"no-iommu-group", PT_ERROR, PT_REFUSE, pt_rule_no_group},
	{"group-companions", PT_WARNING, PT_TELL, pt_rule_companions},
	{"slot-includes-vfs", PT_WARNING, PT_TELL, pt_rule_slot_vfs},
	{"pf-with-vfs", PT_ERROR, PT_REFUSE, pt_rule_pf_with_vfs},
	{"vf-of-absent-pf", PT_WARNING, PT_TELL, pt_rule_vf_of_absent_pf},
	{"no-reset", PT_WARNING, PT_TELL, pt_rule_no_reset},
	{"bus-reset-shared", PT_WARNING, PT_TELL, pt_rule_bus_reset_shared},
	{"reset-quirk", PT_WARNING, PT_TELL, pt_rule_reset_quirk},
	{"return-risky", PT_WARNING, PT_TELL, pt_rule_return_risky},
	{"device-dead", PT_ERROR, PT_REFUSE, pt_rule_device_dead},
	{"foreign-override", PT_INFO, PT_SILENT, pt_rule_foreign_override},
	{"left-on-vfio", PT_INFO, PT_SILENT, pt_rule_left_on_vfio},
	{"keep-without-vfio", PT_ERROR, PT_TELL, pt_rule_keep_without_vfio},
	{"console-on-device", PT_WARNING, PT_TELL, pt_rule_in_use},
	/* in use by the host */
	{"in-use-block", PT_ERROR, PT_REFUSE, pt_rule_in_use},
	{"in-use-net", PT_ERROR, PT_REFUSE, pt_rule_in_use},
	{"in-use-gpu", PT_ERROR, PT_REFUSE, pt_rule_in_use},
	{"in-use-sound", PT_ERROR, PT_REFUSE, pt_rule_in_use},
	{"in-use-usb", PT_ERROR, PT_REFUSE, pt_rule_in_use},
	{"in-use-node", PT_ERROR, PT_REFUSE, pt_rule_in_use},
	{"in-use-module", PT_WARNING, PT_TELL, pt_rule_in_use},
	/* other guests */
	{"claimed-by-other", PT_ERROR, PT_REFUSE_ALWAYS, pt_rule_claimed},
	{"reserved-by-other", PT_ERROR, PT_REFUSE_ALWAYS, pt_rule_reserved},
	{"used-by-running", PT_ERROR, PT_REFUSE_ALWAYS, pt_rule_running},
	{"configured-elsewhere", PT_WARNING, PT_TELL, pt_rule_configured_elsewhere},
	/* resources */
	{"memory-not-pinnable", PT_WARNING, PT_TELL, pt_rule_memory},
	{"hugepages-short", PT_WARNING, PT_TELL, pt_rule_hugepages},
	{"start-timeout-risk", PT_WARNING, PT_TELL, pt_rule_start_timeout},
	{"iova-too-narrow", PT_ERROR, PT_REFUSE, pt_rule_iova},
	{"bar-window-small", PT_WARNING, PT_TELL, pt_rule_bar_window},
	/* life cycle */
	{"node-unfit", PT_WARNING, PT_SILENT, pt_rule_node_unfit},
	{"stale-claim", PT_WARNING, PT_TELL, pt_rule_stale_claim},
	{"claim-incomplete", PT_WARNING, PT_TELL, pt_rule_claim_incomplete},
	{"policy-invalid", PT_ERROR, PT_TELL, pt_rule_policy_invalid},
};
const size_t pt_rules_count = PT_ARRAY_SIZE(pt_rules);

const struct pt_rule *pt_rule_find(const char *tag)
{
	pt_foreach (rule, pt_rules, pt_rules_count) {
		if (pt_streq(rule->tag, tag))
			return rule;
	}
	return NULL;
}

enum pt_allowing pt_tag_allowing(const char *tag)
{
	const struct pt_rule *rule = pt_rule_find(tag);

	if (!rule)
		return PT_ALLOWING_UNKNOWN;
	if (rule->refusal == PT_REFUSE_ALWAYS)
		return PT_ALLOWING_NEVER;
	/* an address may lead to another device one day */
	if (rule->refusal == PT_REFUSE && pt_starts_with(tag, "in-use-"))
		return PT_ALLOWING_ONE_DEVICE;
	return PT_ALLOWING_ANY;
}

/* Whether what the address led to when the guest started last is not what it leads to now: no line was meant for that. */
static bool is_another(const struct pt_findings *findings, const struct pt_bdf *bdf)
{
	pt_foreach (finding, findings->finding, findings->count) {
		struct pt_bdf changed;

		if (pt_streq(finding->tag, "device-identity-changed") &&
			pt_finding_function(finding, &changed) &&
			pt_bdf_compare(&changed, bdf) == 0)
			return true;
	}
	return false;
}

static void cut_end(char *text, const char *end)
{
	size_t length = text ? strlen(text) : 0;

	if (length >= strlen(end) && pt_streq(text + length - strlen(end), end))
		text[length - strlen(end)] = '\0';
}

/* Appends to what a finding says; without memory it stays as it is. */
static void append(struct pt_finding *finding, const char *text, unsigned int line)
{
	char *longer =
		pt_format("%s (%s line %u of " PT_POLICY_FILE ")", finding->message, text, line);

	if (!longer)
		return;
	free(finding->message);
	finding->message = longer;
}

void pt_findings_allow(
	const struct pt_policy *policy, unsigned int vmid, struct pt_findings *findings)
{
	pt_foreach (finding, findings->finding, findings->count) {
		const struct pt_setting *allow;
		struct pt_bdf bdf;
		bool of_function = pt_finding_function(finding, &bdf);

		if (finding->severity == PT_INFO || finding->refusal == PT_REFUSE_ALWAYS)
			continue;
		allow = pt_policy_allows(policy, vmid, finding->tag, of_function ? &bdf : NULL);
		if (!allow)
			continue;
		if (of_function && pt_starts_with(finding->tag, "in-use-") &&
			is_another(findings, &bdf)) {
			append(finding, "the device is another one now, so it is not allowed by",
				allow->line);
			continue;
		}
		finding->severity = finding->severity == PT_ERROR ? PT_WARNING : PT_INFO;
		if (finding->refusal == PT_REFUSE)
			finding->refusal = PT_TELL;
		cut_end(finding->message, PT_NOT_TO_BE_HAD);
		append(finding, "allowed in", allow->line);
	}
}

void pt_rules_run(const struct pt_facts *facts, struct pt_findings *findings)
{
	pt_foreach (rule, pt_rules, pt_rules_count)
		rule->check(rule, facts, findings);
	pt_findings_allow(&facts->host->policy, facts->guest->vmid, findings);
}

void pt_rule_found(const struct pt_rule *rule, struct pt_findings *findings, char *subject,
	char *message, char *hint)
{
	pt_findings_add(findings, rule->tag, rule->severity, rule->refusal, subject, message, hint);
}

const char *pt_rule_vmid(const struct pt_facts *facts, char text[static PT_VMID_WORD])
{
	snprintf(text, PT_VMID_WORD, "VMID");
	if (facts->guest->vmid)
		snprintf(text, PT_VMID_WORD, "%u", facts->guest->vmid);
	return text;
}

char *pt_subject_entry(const struct pt_assignment *assignment)
{
	return pt_format("%s", PT_LABEL(assignment));
}

char *pt_subject_function(const struct pt_facts *facts, const struct pt_taken *taken)
{
	return pt_format(
		"%s: %s", PT_LABEL(&facts->assignment[taken->assignment]), PT_BDF(&taken->bdf));
}
