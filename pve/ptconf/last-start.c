// SPDX-License-Identifier: AGPL-3.0-or-later
/* check VMID --last-start: what Proxmox VE and the kernel said at the guest's last start, and what
 * it means. */
#include <time.h>

#include "lib/base/json.h"
#include "lib/linux/kmsg.h"
#include "pve/check/check.h"
#include "pve/check/messages.h"
#include "pve/config/task.h"
#include "pve/ptconf/ptconf.h"

struct telling {
	const struct pt_cli *cli;
	struct json_object *lines; /* for JSON */
	size_t count;
};

static const char *fix_of(const struct pt_check *check)
{
	/* the first step, on loan until the next call */
	static char text[512];

	snprintf(text, sizeof(text), "%.*s", (int)strcspn(check->steps, "\n"), check->steps);
	return text;
}

static void tell(struct telling *telling, const char *from, const char *line,
	const struct pt_message *message)
{
	struct json_object *json, *tags;

	telling->count++;
	if (telling->cli->format == PT_OUTPUT_TEXT) {
		printf("%-8s %s\n         = %s\n", from, line, message->cause);
		for (size_t i = 0; message->tags[i]; i++)
			printf("         -> [%s] %s\n", message->tags[i],
				fix_of(pt_check_find(message->tags[i])));
		return;
	}
	json = pt_json_object();
	tags = pt_json_array();
	pt_json_add_text(json, "from", from);
	pt_json_add_text(json, "line", line);
	pt_json_add_text(json, "cause", message->cause);
	for (size_t i = 0; message->tags[i]; i++)
		pt_json_append(tags, pt_json_text(message->tags[i]));
	pt_json_add(json, "tags", tags);
	pt_json_append(telling->lines, json);
}

/* Tells the lines that are known, each once: a device that hangs repeats itself. facts, or NULL:
 * lines about devices of others are left out. */
static void tell_known(
	struct telling *telling, const char *from, const char *text, const struct pt_facts *facts)
{
	PT_FREE char *copy = pt_strdup(text ? text : "");
	struct pt_names PT_NAMES told = {0};
	char *line, *rest;

	for (line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const struct pt_message *message;
		size_t at = 0;
		bool again = false;

		pt_make_plain(line);
		if (facts && !pt_message_concerns(line, facts))
			continue;
		message = pt_message_next(line, &at);
		pt_foreach (name, told.name, told.count)
			again |= pt_streq(*name, line);
		if (!message || again)
			continue;
		pt_names_add(&told, line);
		tell(telling, from, line, message);
	}
}

/* The facts of the guest; NULL: it has no devices now, or they cannot be known. */
static const struct pt_facts *gather_own(
	struct pt_cli *cli, unsigned int vmid, struct pt_guest **guest, struct pt_facts *ret)
{
	struct pt_err err = {0};

	cli->vmid = vmid;
	if (pt_cli_read_guest(cli, guest, &err) < 0 || pt_cli_gather(cli, *guest, ret, &err) < 0)
		return NULL;
	return ret->taken_count || ret->kept_count ? ret : NULL;
}

static void print_head(const struct pt_task *task, unsigned int vmid)
{
	char when[64] = "?";
	time_t start = (time_t)task->start;
	struct tm broken;

	if (localtime_r(&start, &broken))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &broken);
	printf("guest %u: last start at %s: %s\n", vmid, when,
		task->status ? task->status : "no end on record");
}

enum pt_exit pt_last_start(struct pt_cli *cli, unsigned int vmid, struct pt_err *err)
{
	struct json_object PT_JSON *json = pt_output_new();
	struct telling telling = {.cli = cli, .lines = pt_json_array()};
	struct pt_task PT_TASK task = {0};
	struct pt_guest PT_GUEST *guest = NULL;
	struct pt_facts PT_FACTS facts = {0};
	PT_FREE char *kernel = NULL;
	bool failed;

	pt_json_add(json, "lines", telling.lines);
	if (pt_task_last_start(cli->host, vmid, &task, err) < 0)
		return PT_EXIT_UNKNOWN;
	if (task.status)
		pt_make_plain(task.status);
	failed = task.status && !pt_streq(task.status, "OK") &&
		 !pt_starts_with(task.status, "WARNINGS");
	if (cli->format == PT_OUTPUT_TEXT)
		print_head(&task, vmid);
	tell_known(&telling, "task", task.log, NULL);
	kernel = pt_kmsg_since(cli->host, task.start);
	tell_known(&telling, "kernel", kernel, gather_own(cli, vmid, &guest, &facts));
	if (cli->format != PT_OUTPUT_TEXT) {
		pt_json_add_number(json, "vmid", vmid);
		pt_json_add_text(json, "task", task.upid);
		pt_json_add_number(json, "start", task.start);
		pt_json_add_text(json, "status", task.status);
		if (pt_output_json(json, cli->format, err) < 0)
			return PT_EXIT_UNKNOWN;
	} else if (!telling.count) {
		printf("%s; 'pve-ptconf check %u' looks at the next start\n",
			!task.log ? "its log is gone"
			: failed  ? "no line of it or of the kernel's log since is known"
				 : "no trouble with passthrough in it or in the kernel's log since",
			vmid);
	}
	return failed || telling.count ? PT_EXIT_FINDINGS : PT_EXIT_OK;
}
