// SPDX-License-Identifier: AGPL-3.0-or-later
/* A finding names its check, its subject and the words of its text, which is made on display. */
#ifndef PT_FINDING_H
#define PT_FINDING_H

#include "lib/base/template.h"
#include "lib/pci/bdf.h"
#include "lib/use/use.h"

struct pt_check;

enum pt_severity {
	PT_INFO,
	PT_WARNING,
	PT_ERROR,
};

/* The effect on a start. */
enum pt_effect {
	PT_SILENT,	   /* none: shown by check only */
	PT_WARNS,	   /* a line in the task log */
	PT_REFUSES,	   /* refuses, if a device must be moved */
	PT_REFUSES_ALWAYS, /* even if allowed; with advise only for the running system */
};

/* A situation that a check reports. */
struct pt_case {
	enum pt_severity severity;
	enum pt_effect effect;
	bool routine; /* true of many healthy guests: text output shows it with --all-infos only */
	/* the condition, printed after "when"; several, one a line. NULL: the usual case, or a
	 * variant of another case */
	const char *when;
	const char *message; /* templates, see pt_template_fill */
	const char *hint;    /* NULL: nothing to do */
};

enum pt_subject_kind {
	PT_ON_HOST,
	PT_ON_GUEST,
	PT_ON_OTHER_GUEST, /* vmid */
	PT_ON_ENTRY,	   /* entry */
	PT_ON_FUNCTION,	   /* entry and function */
};

struct pt_subject {
	enum pt_subject_kind kind;
	int entry; /* index of hostpciN; PT_HOSTPCI_MAX: args */
	struct pt_bdf function;
	unsigned int vmid;
};

/* How local policy treats a finding. */
enum pt_allowance {
	PT_NOT_ALLOWED,
	PT_ALLOWED,
	PT_ALLOWED_ANOTHER, /* a line allows it, but for the device that was there before */
};

struct pt_finding {
	const struct pt_check *check;
	const struct pt_case *of;
	enum pt_severity severity; /* of the case, or lowered */
	enum pt_effect effect;
	struct pt_subject subject;
	struct pt_word *word;
	char **value;	     /* of each word, owned */
	size_t words;	     /* of each of the two */
	struct pt_uses uses; /* of the host, that it is about */
	enum pt_allowance allowance;
	unsigned int policy_line;
};

struct pt_findings {
	struct pt_finding *finding;
	size_t count;
};

/* Adds a finding with the case's severity and effect. The pointer is good until the next add. */
struct pt_finding *pt_findings_add(struct pt_findings *findings, const struct pt_check *check,
	const struct pt_case *of, struct pt_subject subject);
/* Adds a copy of the value; NULL adds nothing. Bytes that are no printable ASCII become "?". */
void pt_finding_set(struct pt_finding *finding, const char *name, const char *value);
void pt_findings_clear(struct pt_findings *findings);
#define PT_FINDINGS PT_CLEANUP(pt_findings_clear)

/* Returns the problem, and the line of local policy that allows it. The caller frees it. */
char *pt_finding_message(const struct pt_finding *finding);

/* Findings as they are shown. */
struct pt_shown {
	const struct pt_finding *finding; /* borrowed, the first one */
	enum pt_severity severity;
	const char *tag; /* borrowed */
	char *subject;	 /* "hostpci0: 0000:01:00.0", "guest" */
	char *entry;	 /* "hostpci0"; NULL: about none */
	char *function;	 /* "0000:01:00.0"; NULL: about none */
	char *message;	 /* as pt_finding_message */
	char *hint;	 /* NULL: nothing to do */
};

/* Fills ret; end with pt_shown_clear. */
void pt_finding_show(const struct pt_finding *finding, struct pt_shown *ret);

/* Shows as one the finding at the place and those behind it that say the same of other functions of
 * the entry, with a list of these. Returns their number. */
size_t pt_findings_show(const struct pt_findings *findings, size_t at, struct pt_shown *ret);
void pt_shown_clear(struct pt_shown *shown);
#define PT_SHOWN PT_CLEANUP(pt_shown_clear)

/* A finding as it is shown; for writing only. */
extern const struct pt_record pt_finding_record;

/* Whether the finding is about the function. */
bool pt_finding_is_on(const struct pt_finding *finding, const struct pt_bdf *bdf);

const char *pt_severity_name(enum pt_severity severity);
size_t pt_findings_count(const struct pt_findings *findings, enum pt_severity severity);

/* The first that refuses a start, or NULL. moves: whether a device must be moved. */
const struct pt_finding *pt_findings_refusing(const struct pt_findings *findings, bool moves);

/* "hostpci0", of PT_HOSTPCI_MAX "args"; text on loan as PT_BDF. */
#define PT_LABEL_TEXT 16
const char *pt_entry_label(int index, char text[static PT_LABEL_TEXT]);

#endif
