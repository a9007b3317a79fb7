// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The local policy of this node's administrator, /etc/pve-ptconf/ptconf.conf: an INI file with the
 * sections [defaults], [guest VMID] and [device ADDRESS], the address that of a function or of a
 * whole slot. The closest section wins, and lists add up; pve-ptconf(8), FILES, has the keys.
 */
#ifndef PT_POLICY_H
#define PT_POLICY_H

#include "lib/pci/bdf.h"
#include "lib/base/host.h"
#include "lib/claim/handover.h"

enum pt_policy_scope {
	PT_POLICY_DEFAULTS,
	PT_POLICY_GUEST,
	PT_POLICY_SLOT,
	PT_POLICY_FUNCTION,
};

/* One line. */
struct pt_setting {
	enum pt_policy_scope scope;
	unsigned int vmid; /* PT_POLICY_GUEST */
	struct pt_bdf bdf; /* PT_POLICY_SLOT, whatever the function, and PT_POLICY_FUNCTION */
	char *key, *value;
	unsigned int line;
};

struct pt_policy {
	struct pt_setting *setting; /* in order of lines */
	size_t count;
};

/* Reports one error, with its line. */
typedef void pt_policy_report(void *data, unsigned int line, const char *message);

/* The report that keeps the error of the first line: "FILE: line 7: ...". Its data. */
pt_policy_report pt_policy_keep_first;
struct pt_policy_first {
	struct pt_err *err;
	const char *file;
	unsigned int line; /* 0: no error */
};

/* Whether local policy may allow a tag of findings. */
enum pt_allowing {
	PT_ALLOWING_UNKNOWN,	/* no finding has the tag */
	PT_ALLOWING_NEVER,	/* two guests cannot have one device */
	PT_ALLOWING_ONE_DEVICE, /* only for a device named with the tag, not for a whole guest */
	PT_ALLOWING_ANY,
};
typedef enum pt_allowing pt_allowing_of(const char *tag);

/* Parses the text. allowing: pt_check_allowing; NULL: the caller has no use for tags, and they are
 * not judged. -EINVAL: each error was reported (report may be NULL); ret is untouched. */
int pt_policy_parse(const char *text, size_t length, pt_allowing_of *allowing,
	pt_policy_report *report, void *data, struct pt_policy *ret);
void pt_policy_clear(struct pt_policy *policy);
#define PT_POLICY PT_CLEANUP(pt_policy_clear)

/* "0000:01:00.1", or "0000:01:00" for a slot (function 0). The domain may be missing. */
bool pt_policy_address(const char *text, struct pt_bdf *ret, bool *ret_slot);

/* Reads the node's; allowing as in pt_policy_parse. No file is an empty policy. -EINVAL: err has
 * the first error; -EPERM: others than root may write to it. ret is untouched then. */
int pt_policy_read(const struct pt_host *host, pt_allowing_of *allowing, struct pt_policy *ret,
	struct pt_err *err);

/* Returns the vfio driver for a function with driver=keep: "auto" (the one made for the device), a
 * name, or NULL: it is not moved. On loan. */
const char *pt_policy_vfio_driver(
	const struct pt_policy *policy, unsigned int vmid, const struct pt_bdf *bdf);

/* Whether mode = advise: refuse a start only for a device of the running system. */
bool pt_policy_advises(const struct pt_policy *policy, unsigned int vmid);

/* Where the function goes: "origin", "none", "keep-vfio", a driver; NULL: no line. On loan. */
const char *pt_policy_return(
	const struct pt_policy *policy, unsigned int vmid, const struct pt_bdf *bdf);

/* Returns the line that allows the tag for the function (NULL: a finding without), or NULL. */
const struct pt_setting *pt_policy_allows(const struct pt_policy *policy, unsigned int vmid,
	const char *tag, const struct pt_bdf *bdf);

/* Returns the driver that the function goes to after a run, "" for none, or NULL: its origin.
 * driver: the vfio driver that it is on. On loan. */
const char *pt_policy_home(const struct pt_policy *policy, unsigned int vmid,
	const struct pt_bdf *bdf, const char *driver);

/* Adds the units to stop when the guest takes the function; NULL: the guest's own units. */
void pt_policy_units(const struct pt_policy *policy, unsigned int vmid, const struct pt_bdf *bdf,
	struct pt_names *ret);

/* The rules for a release: how long things may take, in milliseconds, and which tags exist. */
struct pt_limits {
	int lock_ms;		  /* for another mover of the functions to end */
	int group_ms;		  /* for a dying QEMU to let go of its groups */
	int write_ms;		  /* for one kernel write */
	int phase_ms;		  /* for all writes */
	pt_allowing_of *allowing; /* for the policy that a release reads, as in pt_policy_parse */
};
extern const struct pt_limits pt_default_limits;

/* Changes the limits that have a line. */
void pt_policy_limits(const struct pt_policy *policy, struct pt_limits *limits);

#endif
