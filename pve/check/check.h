// SPDX-License-Identifier: AGPL-3.0-or-later
/* The checks. One initializer in the file of its subject (check-*.c) holds everything about a
 * check, below the function that finds it. */
#ifndef PT_CHECK_H
#define PT_CHECK_H

#include "pve/check/facts.h"
#include "pve/check/finding.h"
#include "pve/check/obstacle.h"

/* A check at work: its facts, and where its findings go. */
struct pt_judging {
	const struct pt_check *check;
	const struct pt_facts *facts;
	struct pt_findings *findings;
};

#define PT_CASES_MAX 10

struct pt_check {
	const char *tag;
	/* the predicate bears the tag's name: find, or of_entry when find visits the entries */
	void (*find)(const struct pt_judging *judging);
	bool (*of_entry)(const struct pt_facts *facts, const struct pt_assignment *assignment);
	enum pt_problem_kind problem; /* of an entry, that it reports */
	bool in_use;		      /* reports uses of the host */
	const char *remedy;  /* the step that ends a use when no command is known, for the hint */
	bool another_device; /* reports that the address leads to another device than before */
	/* explanation: situation, harm, steps (divided by line ends), source */
	const char *meaning, *why, *steps, *source;
	struct pt_case
		of[PT_CASES_MAX]; /* the usual one first; ends before a case without a message */
};

/* Checks of one subject. */
struct pt_checks {
	const struct pt_check *check;
	size_t count;
};
extern const struct pt_checks pt_host_checks, pt_config_checks, pt_igd_checks, pt_guest_checks,
	pt_rom_checks, pt_device_checks, pt_hardware_checks, pt_vf_checks, pt_reset_checks,
	pt_use_checks, pt_owner_checks, pt_resource_checks, pt_width_checks, pt_hugepage_checks,
	pt_writer_checks;

/* The checks of all subjects, in the order of the catalogue; NULL behind the last one. */
const struct pt_check *pt_check_at(size_t at);

/* NULL: no check has the tag. */
const struct pt_check *pt_check_find(const char *tag);
size_t pt_check_cases(const struct pt_check *check);
/* Whether local policy may allow the tag. */
pt_allowing_of pt_check_allowing;

/* Runs all checks, lowers findings that local policy allows, and sorts: errors, warnings, infos. */
void pt_check_run(const struct pt_facts *facts, struct pt_findings *findings);

/* The same for the node without any guest. What could not be read of claims is in the node. */
int pt_check_host(struct pt_node *node, struct pt_findings *findings, struct pt_err *err);

/* Lowers the findings that local policy allows: errors become warnings, warnings infos, and none
 * refuses a start. Another live owner is never allowed. */
void pt_findings_allow(
	const struct pt_policy *policy, unsigned int vmid, struct pt_findings *findings);

/* The check that reports the problem; NULL for none. */
const struct pt_check *pt_problem_check(enum pt_problem_kind kind);

/* The message of the finding about an entry's problem; NULL without one. The caller frees it. */
char *pt_entry_problem(const struct pt_findings *findings, const struct pt_assignment *assignment);

/* For the checks. */

/* Reports a case. Pairs of a word and its value follow (NULL: none); NULL ends them. The finding is
 * good until the next one. */
struct pt_finding *pt_report(const struct pt_judging *judging, size_t which, struct pt_subject on,
	...) __attribute__((sentinel));

struct pt_subject pt_on_host(void);
struct pt_subject pt_on_guest(void);
struct pt_subject pt_on_other(unsigned int vmid);
struct pt_subject pt_on_entry(const struct pt_assignment *assignment);
struct pt_subject pt_on_function(const struct pt_facts *facts, const struct pt_taken *taken);
struct pt_subject pt_on_id(const struct pt_assignment *assignment, const struct pt_bdf *bdf);

/* Text on loan until the statement ends. */
#define PT_NUMBER_TEXT 24
const char *pt_number_text(unsigned long long number, char text[static PT_NUMBER_TEXT]);
#define PT_NUMBER(number) pt_number_text((number), (char[PT_NUMBER_TEXT]){0})

/* The assigned function 0 of the slot that the companion is in, or NULL; also of one that the host
 * needs, since nobody should assign it along. */
const struct pt_taken *pt_function_0_of(
	const struct pt_facts *facts, const struct pt_taken *companion);

/* Whether the function has that obstacle, among others; false for NULL. */
bool pt_has_obstacle(const struct pt_facts *facts, const struct pt_function *function,
	enum pt_obstacle obstacle);

/* Returns where a device of the ids is that the entry's mapping stores for another address, as text
 * on loan, or NULL. */
#define PT_STRAY(facts, assignment) pt_stray_text((facts), (assignment), (char[PT_BDF_TEXT]){0})
const char *pt_stray_text(const struct pt_facts *facts, const struct pt_assignment *assignment,
	char text[static PT_BDF_TEXT]);

/* Whether the firmware's framebuffer lies in a BAR of the function, and no driver frees it. */
bool pt_framebuffer_stays(const struct pt_facts *facts, const struct pt_taken *taken);

/* Whether the companion and the function that it goes along with lie below different bridges, so
 * that another slot for one of them may give them groups of their own. */
bool pt_slot_may_separate(const struct pt_facts *facts, const struct pt_taken *companion);

/* Returns the taken function of a detail; NULL: it is a companion, or stays as it is. */
const struct pt_taken *pt_detail_taken(
	const struct pt_facts *facts, const struct pt_detail *detail);

/* The functions that QEMU opens: taken ones without companions, then those that stay as they are
 * (driver=keep). after: the one before, NULL: none; returns NULL behind the last. */
const struct pt_taken *pt_opened_next(const struct pt_facts *facts, const struct pt_taken *after);
#define pt_opened_foreach(opened, facts)                                                           \
	for (const struct pt_taken *opened = pt_opened_next((facts), NULL); opened;                \
		opened = pt_opened_next((facts), opened))

/* Returns the one of them that a detail is of, or NULL. */
const struct pt_taken *pt_detail_opened(
	const struct pt_facts *facts, const struct pt_detail *detail);

/* Steps that many explanations share. */
#define PT_STEP_REBOOT "\nReboot."
#define PT_STEPS_CMDLINE                                                                           \
	"\nFind the boot loader of the node: 'proxmox-boot-tool status' prints "                   \
	"'configured with: uefi' for systemd-boot, else it is GRUB."                               \
	"\nsystemd-boot: edit the one line of /etc/kernel/cmdline, then run "                      \
	"'proxmox-boot-tool refresh'."                                                             \
	"\nGRUB: edit GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub, then run 'update-grub'."    \
	"\nReboot, and check /proc/cmdline."
#define PT_STEPS_MODPROBE "\nRun 'update-initramfs -u -k all'." PT_STEP_REBOOT
#define PT_SOURCE_PCI_PM  "qemu-server, PVE/QemuServer/PCI.pm"
#define PT_SOURCE_VFIO	  "kernel, Documentation/driver-api/vfio.rst"

#endif
