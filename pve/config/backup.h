// SPDX-License-Identifier: AGPL-3.0-or-later
/* Backup jobs of the cluster and their guests: a job starts a stopped guest, devices and all.
 * Source: pve-manager, PVE/Jobs/VZDump.pm, /etc/pve/jobs.cfg; pools of pve-access-control,
 * /etc/pve/user.cfg. */
#ifndef PT_BACKUP_H
#define PT_BACKUP_H

#include "lib/base/host.h"

struct pt_backup_job {
	char *id;
	bool all;		       /* guests, but for those left out */
	struct pt_names guest, except; /* numbers as text */
};

struct pt_backups {
	struct pt_backup_job *job; /* that are enabled, and run on the node */
	size_t count;
};

/* Parses jobs and users, each may be NULL; parts of another form are skipped. */
void pt_backups_parse(
	const char *jobs, const char *users, const char *node, struct pt_backups *ret);
/* Reads the files; skips missing ones. */
int pt_backups_read(
	const struct pt_host *host, const char *node, struct pt_backups *ret, struct pt_err *err);
void pt_backups_clear(struct pt_backups *backups);
#define PT_BACKUPS PT_CLEANUP(pt_backups_clear)

/* The first job that backs the guest up. On loan; NULL: none. */
const char *pt_backups_find(const struct pt_backups *backups, unsigned int vmid);

#endif
