// SPDX-License-Identifier: AGPL-3.0-or-later
/* The checks: a table of {tag, severity, what a start does, function}. A rule reads facts, nothing else. */
#ifndef PT_RULES_H
#define PT_RULES_H

#include "pve/check/finding.h"
#include "pve/check/facts.h"

struct pt_rule {
	const char *tag;
	enum pt_severity severity;
	enum pt_refusal refusal;
	void (*check)(const struct pt_rule *rule, const struct pt_facts *facts,
		struct pt_findings *findings);
};

/* Every rule, in the order in which findings are shown. */
extern const struct pt_rule pt_rules[];
extern const size_t pt_rules_count;

/* NULL: there is no such tag. */
const struct pt_rule *pt_rule_find(const char *tag);

#define PT_NOT_TO_BE_HAD                                                                           \
	"; it cannot be passed through" /* ends a message; not where that is allowed */

/*
 * Lowers the findings that local policy allows: an error becomes a warning, a warning a remark, and no start is refused
 * for it. Each message names the line that allows it. Another live owner is never allowed.
 */
void pt_findings_allow(
	const struct pt_policy *policy, unsigned int vmid, struct pt_findings *findings);

/* Runs them all; what local policy allows is lowered. Findings are appended. */
void pt_rules_run(const struct pt_facts *facts, struct pt_findings *findings);

/* For the rules themselves: adds a finding of the rule; takes over the three texts. */
void pt_rule_found(const struct pt_rule *rule, struct pt_findings *findings, char *subject,
	char *message, char *hint);

/* The guest's number for commands: "100", or "VMID" of a config that is no guest's yet. Text on loan. */
#define PT_VMID_WORD 16
const char *pt_rule_vmid(const struct pt_facts *facts, char text[static PT_VMID_WORD]);
#define PT_VMID(facts) pt_rule_vmid((facts), (char[PT_VMID_WORD]){0})

/* Subjects: "hostpci0" and "hostpci0: 0000:01:00.0". The caller's. */
char *pt_subject_entry(const struct pt_assignment *assignment);
char *pt_subject_function(const struct pt_facts *facts, const struct pt_taken *taken);

/* The assigned function 0 of the slot whose sibling the companion is; NULL: it is none. */
const struct pt_taken *pt_rule_function_0(
	const struct pt_facts *facts, const struct pt_taken *companion);

#define PT_RULE(name)                                                                              \
	void name(const struct pt_rule *rule, const struct pt_facts *facts,                        \
		struct pt_findings *findings)
/* rules-host.c */
PT_RULE(pt_rule_iommu_disabled);
PT_RULE(pt_rule_vfio_module);
PT_RULE(pt_rule_interrupt_remapping);
PT_RULE(pt_rule_acs_override);
PT_RULE(pt_rule_ids_captured);
PT_RULE(pt_rule_driver_blocked);
PT_RULE(pt_rule_left_on_vfio);
PT_RULE(pt_rule_policy_invalid);
/* rules-config.c */
PT_RULE(pt_rule_problem);
PT_RULE(pt_rule_syntax);
PT_RULE(pt_rule_unknown_key);
PT_RULE(pt_rule_pcie_needs_q35);
PT_RULE(pt_rule_legacy_igd);
PT_RULE(pt_rule_legacy_igd_twice);
PT_RULE(pt_rule_partial_slot);
/* rules-guest.c */
PT_RULE(pt_rule_mdev_unknown);
PT_RULE(pt_rule_mdev_none_free);
PT_RULE(pt_rule_primary_gpu);
PT_RULE(pt_rule_balloon);
PT_RULE(pt_rule_args);
PT_RULE(pt_rule_not_migratable);
PT_RULE(pt_rule_hook_not_attached);
PT_RULE(pt_rule_hook_missing);
PT_RULE(pt_rule_hook_not_executable);
PT_RULE(pt_rule_backup);
PT_RULE(pt_rule_node_unfit);
/* rules-rom.c */
PT_RULE(pt_rule_rom_missing);
PT_RULE(pt_rule_rom_outside);
PT_RULE(pt_rule_rom_not_a_rom);
PT_RULE(pt_rule_rom_wrong_device);
PT_RULE(pt_rule_rom_no_efi);
PT_RULE(pt_rule_rom_bar_off);
/* rules-device.c */
PT_RULE(pt_rule_unreadable);
PT_RULE(pt_rule_bridge);
PT_RULE(pt_rule_no_group);
PT_RULE(pt_rule_companions);
PT_RULE(pt_rule_slot_vfs);
PT_RULE(pt_rule_pf_with_vfs);
PT_RULE(pt_rule_keep_without_vfio);
PT_RULE(pt_rule_vf_of_absent_pf);
PT_RULE(pt_rule_foreign_override);
PT_RULE(pt_rule_identity);
/* rules-reset.c */
PT_RULE(pt_rule_device_dead);
PT_RULE(pt_rule_no_reset);
PT_RULE(pt_rule_bus_reset_shared);
PT_RULE(pt_rule_reset_quirk);
PT_RULE(pt_rule_return_risky);
/* rules-use.c */
PT_RULE(pt_rule_in_use);
/* rules-guests.c */
PT_RULE(pt_rule_claimed);
PT_RULE(pt_rule_reserved);
PT_RULE(pt_rule_running);
PT_RULE(pt_rule_configured_elsewhere);
PT_RULE(pt_rule_stale_claim);
PT_RULE(pt_rule_claim_incomplete);
/* rules-resources.c */
PT_RULE(pt_rule_memory);
PT_RULE(pt_rule_hugepages);
PT_RULE(pt_rule_start_timeout);
PT_RULE(pt_rule_iova);
PT_RULE(pt_rule_bar_window);

#endif
