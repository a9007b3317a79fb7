// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <inttypes.h>

#include "pve/config/paths.h"
#include "pve/config/task.h"

#define INDEX_MAX (16U * 1024 * 1024)
#define LOG_MAX	  (4U * 1024 * 1024)
#define UPID_TEXT 200
#define START	  "qmstart"

void pt_task_clear(struct pt_task *task)
{
	free(task->upid);
	free(task->status);
	free(task->log);
	*task = (struct pt_task){0};
}

/* Reads "UPID:NODE:PID:PSTART:START:TYPE:ID:USER:" of a start of the guest, and its time. */
static bool read_upid(const char *upid, unsigned int vmid, int64_t *ret)
{
	char type[32], id[32];

	return sscanf(upid, "UPID:%*[^:]:%*[^:]:%*[^:]:%" SCNx64 ":%31[^:]:%31[^:]:", ret, type,
		       id) == 3 &&
	       pt_streq(type, START) && (unsigned int)strtoul(id, NULL, 10) == vmid;
}

/* The status in a line of an index: "UPID END STATUS", of the active tasks "UPID 1 END STATUS". The
 * caller frees it. */
static char *status_of(const char *line)
{
	const char *at = line + strcspn(line, " ");

	if (pt_starts_with(at, " 1 "))
		at += 2;
	at += strspn(at, " ");
	at += strcspn(at, " ");
	at += strspn(at, " ");
	return *at ? pt_strdup(at) : NULL;
}

/* Takes the newest start of the guest in an index; a later file has the same or older ones. */
static void search(
	const struct pt_host *host, const char *file, unsigned int vmid, struct pt_task *task)
{
	PT_FREE char *path = pt_format(PT_PVE_TASKS "/%s", file);
	PT_FREE char *text = NULL;
	char *line, *rest;

	if (pt_host_read(host, path, INDEX_MAX, &text, NULL) < 0)
		return;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		int64_t start;

		if (!read_upid(line, vmid, &start) || start < task->start ||
			(start == task->start && task->status))
			continue;
		pt_task_clear(task);
		task->upid = pt_strndup(line, strcspn(line, " "));
		task->start = start;
		task->status = status_of(line);
	}
}

int pt_task_last_start(
	const struct pt_host *host, unsigned int vmid, struct pt_task *ret, struct pt_err *err)
{
	PT_FREE char *path = NULL;

	*ret = (struct pt_task){0};
	search(host, "active", vmid, ret);
	search(host, "index", vmid, ret);
	search(host, "index.1", vmid, ret);
	if (!ret->upid)
		return pt_err_set(err, -ENOENT,
			"guest %u: " PT_PVE_TASKS " has no start of it on this node", vmid);
	/* the name becomes a part of a path */
	if (strchr(ret->upid, '/') || strlen(ret->upid) >= UPID_TEXT)
		return pt_err_set(err, -EINVAL, "'%s' is no task", ret->upid);
	path = pt_format(PT_PVE_TASKS "/%X/%s", (unsigned int)(ret->start & 0xf), ret->upid);
	pt_host_read(host, path, LOG_MAX, &ret->log, NULL);
	return 0;
}
