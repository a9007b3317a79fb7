// SPDX-License-Identifier: AGPL-3.0-or-later
/* What a check found, free of how it is shown. */
#ifndef PT_FINDING_H
#define PT_FINDING_H

#include <json-c/json.h>

#include "lib/pci/bdf.h"
#include "lib/base/err.h"

enum pt_severity {
	PT_INFO,
	PT_WARNING,
	PT_ERROR,
};

/* What a start does about it. */
enum pt_refusal {
	PT_SILENT,	  /* says nothing: it is for those who ask */
	PT_TELL,	  /* says it and goes on */
	PT_REFUSE,	  /* refuses when functions would have to be moved */
	PT_REFUSE_ALWAYS, /* whatever local policy says: another live owner has the function, or the running system lies on it */
};

struct pt_finding {
	const char *tag; /* static */
	enum pt_severity severity;
	enum pt_refusal refusal;
	char *subject; /* "hostpci0: 0000:01:00.0", "host" */
	char *message; /* what is wrong, and why */
	char *hint;    /* how to mend it; NULL: nothing to do */
};

struct pt_findings {
	struct pt_finding *finding;
	size_t count;
	bool failed; /* memory ran out: the list is not whole */
};

/* Adds one; it takes over the three texts, which may be NULL when memory is out. */
void pt_findings_add(struct pt_findings *findings, const char *tag, enum pt_severity severity,
	enum pt_refusal refusal, char *subject, char *message, char *hint);
void pt_findings_clear(struct pt_findings *findings);
#define PT_FINDINGS PT_CLEANUP(pt_findings_clear)

/* The function that a finding is about, if it is about one: its subject is the address, or ends with it. */
bool pt_finding_function(const struct pt_finding *finding, struct pt_bdf *ret);

const char *pt_severity_name(enum pt_severity severity);
size_t pt_findings_count(const struct pt_findings *findings, enum pt_severity severity);

/* The first that refuses a start, or NULL; moves: whether functions would have to be moved. */
const struct pt_finding *pt_findings_refusing(const struct pt_findings *findings, bool moves);

/* A new array of objects {tag, severity, subject, message, hint}; the caller's. */
struct json_object *pt_findings_to_json(const struct pt_findings *findings);

#endif
