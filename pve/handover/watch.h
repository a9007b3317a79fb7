// SPDX-License-Identifier: AGPL-3.0-or-later
/* The watch of one start. Proxmox VE calls no hook after a failed start, on the source of a
 * migration, or if the hook itself was killed. The watch sees to it that the functions return all
 * the same, within seconds, and it does not end with Proxmox VE's daemons. */
#ifndef PT_WATCH_H
#define PT_WATCH_H

#include "lib/claim/records.h"
#include "pve/config/policy.h"

/* How long the steps of a watch take, in milliseconds. */
struct pt_watch_pace {
	int look_ms;	/* between two looks */
	int grace_ms;	/* for post-stop, after QEMU has ended */
	int retry_ms;	/* of one try of a release, and after one in vain */
	int give_up_ms; /* for all tries; the timer goes on after that */
};
extern const struct pt_watch_pace pt_watch_pace;

struct pt_watch {
	unsigned int vmid;
	char start[PT_START_TEXT]; /* as in struct pt_guest_record */
};

/* Parses "VMID-START", the name of an instance. */
bool pt_watch_parse(const char *text, struct pt_watch *ret);

/* The watch of the start on record. */
struct pt_watch pt_watch_of(const struct pt_guest_record *record);

/* Watches until nothing of the start is on record: waits while Proxmox VE works on the guest, while
 * it runs or is on hold; then ends its wishes and releases its functions. Narrows the record of a
 * guest that runs. Functions that are with others stay on record at the end, and are no error.
 * Errors as pt_release: a function could not return in time. */
int pt_watch(const struct pt_host *host, const struct pt_watch *watch,
	const struct pt_limits *limits, const struct pt_watch_pace *pace, struct pt_err *err);

/* Has systemd start the unit of the watch, which changes nothing if it is active; does not wait for
 * it. -ENOENT: there is no systemd, or no such unit. */
int pt_watch_ask(const struct pt_host *host, const struct pt_watch *watch, struct pt_err *err);

/* Whether systemd says that the watch of this start is over, or could not begin. */
bool pt_watch_has_ended(const struct pt_host *host, const struct pt_guest_record *record);

/* Has the watch begin; if systemd cannot be asked, the watch runs as a background process of its
 * own session, which logs to the system log. Only on the running system: a copy of a host has no
 * guests. */
int pt_watch_begin(const struct pt_host *host, const struct pt_watch *watch,
	const struct pt_limits *limits, struct pt_err *err);

#endif
