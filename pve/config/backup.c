// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "pve/config/backup.h"
#include "pve/config/paths.h"
#include "pve/config/section.h"

#define FILE_MAX    (1024U * 1024)
#define SEPARATORS  ",; \t"
#define POOL_BEGINS "pool:"

struct parsing {
	struct pt_backups *backups;
	const char *users, *node;
	struct pt_backup_job job; /* the one at hand */
	bool wanted;		  /* it is a backup, enabled and not another node's */
};

static void clear_job(struct pt_backup_job *job)
{
	free(job->id);
	pt_names_free(&job->guest);
	pt_names_free(&job->except);
	*job = (struct pt_backup_job){0};
}

void pt_backups_clear(struct pt_backups *backups)
{
	pt_foreach (job, backups->job, backups->count)
		clear_job(job);
	free(backups->job);
	*backups = (struct pt_backups){0};
}

/* The guests of a pool: "pool:NAME:COMMENT:100,101:STORAGES:". */
static void add_pool(const char *users, const char *pool, struct pt_names *guests)
{
	PT_FREE char *begin = pt_format(POOL_BEGINS "%s:", pool);

	for (const char *line = users; line; line = strchr(line, '\n')) {
		const char *list;

		line += *line == '\n';
		if (!pt_starts_with(line, begin))
			continue;
		list = line + strlen(begin);
		list += strcspn(list, ":\n");
		if (*list == ':') {
			PT_FREE char *copy = pt_strndup(list + 1, strcspn(list + 1, ":\n"));

			pt_names_split(guests, copy, SEPARATORS);
		}
	}
}

/* The job at hand is whole. */
static void end_job(struct parsing *parsing)
{
	struct pt_backup_job *slot;

	if (!parsing->wanted) {
		clear_job(&parsing->job);
		return;
	}
	slot = pt_array_grow(&parsing->backups->job, &parsing->backups->count, sizeof(*slot));
	*slot = parsing->job;
	parsing->job = (struct pt_backup_job){0};
}

static void take(void *data, const char *type, const char *id, const char *key, const char *value)
{
	struct parsing *parsing = data;
	struct pt_backup_job *job = &parsing->job;

	if (!key) {
		end_job(parsing);
		parsing->wanted = pt_streq(type, "vzdump");
		if (parsing->wanted)
			pt_set_text(&job->id, id);
		return;
	}
	if (pt_streq(key, "enabled") && pt_streq(value, "0"))
		parsing->wanted = false;
	if (pt_streq(key, "node") && !pt_streq(value, parsing->node))
		parsing->wanted = false;
	if (pt_streq(key, "all"))
		job->all = pt_streq(value, "1");
	if (pt_streq(key, "vmid"))
		pt_names_split(&job->guest, value, SEPARATORS);
	if (pt_streq(key, "exclude"))
		pt_names_split(&job->except, value, SEPARATORS);
	if (pt_streq(key, "pool"))
		add_pool(parsing->users, value, &job->guest);
}

void pt_backups_parse(const char *jobs, const char *users, const char *node, struct pt_backups *ret)
{
	struct parsing parsing = {.backups = ret, .users = users, .node = node};

	*ret = (struct pt_backups){0};
	pt_sections_read(jobs, take, &parsing);
	clear_job(&parsing.job);
}

int pt_backups_read(
	const struct pt_host *host, const char *node, struct pt_backups *ret, struct pt_err *err)
{
	PT_FREE char *jobs = NULL;
	PT_FREE char *users = NULL;
	int r = pt_host_read(host, PT_PVE_JOBS, FILE_MAX, &jobs, NULL);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return pt_err_errno(err, r, PT_PVE_JOBS);
	/* without it pools have nobody */
	if (pt_host_read(host, PT_PVE_USERS, FILE_MAX, &users, NULL) < 0)
		users = NULL;
	pt_backups_parse(jobs, users, node, ret);
	return 0;
}

const char *pt_backups_find(const struct pt_backups *backups, unsigned int vmid)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", vmid);
	pt_foreach (job, backups->job, backups->count) {
		if (pt_names_hold(&job->guest, number) ||
			(job->all && !pt_names_hold(&job->except, number)))
			return job->id;
	}
	return NULL;
}
