// SPDX-License-Identifier: AGPL-3.0-or-later
/* pve-pthook VMID PHASE: the hookscript. */
#include "hook/supervisor.h"
#include "pve/check/check.h"
#include "pve/config/paths.h"
#include "lib/base/startup.h"

#define API_MS 1000
/* pre-start waits for a return in the background: its full time, and this */
#define WAIT_MORE_MS 20000
/* for a dying QEMU to let go of its groups, unless local policy gives it longer */
#define RELEASE_MS 120000
/* beyond all deadlines of a pre-start that waits, returns an old claim, takes, and undoes */
#define DEADLINE_MS 1800000
/* the phases between return a few functions at most */
#define SHORT_DEADLINE_MS 300000
/* a longer post-stop goes on in the background: a start of the guest waits 10 s for the lock */
#define LEAVE_MS 5000

/* The node with the guest's config: the source of an incoming migration. The only environment
 * variable that is read. Source: qemu-server, QemuServer.pm, vm_start_nolock. */
static const char *migrated_from;

static void find_config(struct pt_run *run)
{
	const char *source = migrated_from;
	char path[128];

	memcpy(run->config_node, run->node, sizeof(run->node));
	/* it is set, and empty, on every ordinary start */
	if (!source || !*source)
		return;
	snprintf(path, sizeof(path), PT_PVE_NODES "/%s", pt_node_name_valid(source) ? source : "");
	run->source_unknown = !pt_node_name_valid(source) || !pt_host_exists(run->host, path);
	if (!run->source_unknown)
		snprintf(run->config_node, sizeof(run->config_node), "%s", source);
}

/* pre-start reports a bad one among its findings. */
static void use_policy(struct pt_run *run)
{
	struct pt_policy PT_POLICY policy = {0};

	if (pt_policy_read(run->host, pt_check_allowing, &policy, NULL) < 0)
		return;
	pt_policy_limits(&policy, &run->limits);
	run->advise = pt_policy_advises(&policy, run->vmid);
}

static int prepare(struct pt_run *run, const struct pt_log *log, struct pt_err *err)
{
	int r = pt_host_open(&run->host, "/", log, err);

	if (r < 0)
		return r;
	r = pt_node_name(run->host, run->node, err);
	if (r < 0) {
		pt_host_close_p(&run->host);
		return r;
	}
	find_config(run);
	run->limits = pt_default_limits;
	run->limits.allowing = pt_check_allowing;
	use_policy(run);
	run->api_ms = API_MS;
	run->release_ms = run->limits.group_ms > RELEASE_MS ? run->limits.group_ms : RELEASE_MS;
	run->wait_ms = run->release_ms + run->limits.phase_ms + WAIT_MORE_MS;
	return 0;
}

static void clean_up(struct pt_run *run)
{
	pt_host_close_p(&run->host);
}

/* Most calls end here: a worker for them would take longer than all else. */
static bool is_idle(const struct pt_supervised *supervised)
{
	struct pt_run run = {.vmid = supervised->vmid};
	bool idle;

	if (pt_host_open(&run.host, "/", NULL, NULL) < 0)
		return false;
	idle = pt_phase_idle(&run, supervised->phase);
	clean_up(&run);
	return idle;
}

static int usage(FILE *out)
{
	fputs("usage: pve-pthook VMID PHASE\n"
	      "       pve-pthook --help | --version\n"
	      "\n"
	      "Hookscript of Proxmox VE that takes the PCI devices of a guest from the host before it\n"
	      "starts and returns them after it has stopped. Attach it with\n"
	      "    qm set VMID --hookscript local:snippets/pve-pthook\n"
	      "PHASE is pre-start, post-start, pre-stop or post-stop.\n",
		out);
	return out == stderr ? 2 : 0;
}

int main(int argc, char **argv)
{
	struct pt_supervised supervised = {.prepare = prepare, .clean_up = clean_up};
	struct pt_err err = {0};

	/* the start-up routine empties the environment */
	migrated_from = getenv("PVE_MIGRATED_FROM");
	if (pt_startup(&err) < 0) {
		/* our own trouble: no reason for a guest not to start */
		fprintf(stderr, "pve-pthook: %s; nothing is moved or returned\n", err.text);
		return 0;
	}
	if (argc == 2 && pt_streq(argv[1], "--help"))
		return usage(stdout);
	if (argc == 2 && pt_streq(argv[1], "--version"))
		return printf("pve-pthook %s\n", PT_VERSION) < 0;
	if (argc != 3)
		return usage(stderr);
	if (geteuid() != 0) {
		fputs("pve-pthook: only root can move devices; nothing is moved or returned\n",
			stderr);
		return 0;
	}
	if (!pt_vmid_parse(argv[1], &supervised.vmid)) {
		fprintf(stderr, "pve-pthook: '%s' is no VMID (100 to %u)\n", argv[1], PT_VMID_MAX);
		return usage(stderr);
	}
	supervised.phase = pt_phase_find(argv[2]);
	if (!supervised.phase) {
		printf("pve-pthook: phase '%s' is not known to this version; nothing to do\n",
			argv[2]);
		return 0;
	}
	if (is_idle(&supervised))
		return 0;
	supervised.undo = pt_streq(argv[2], "pre-start");
	supervised.deadline_ms = supervised.undo ? DEADLINE_MS : SHORT_DEADLINE_MS;
	supervised.leave_ms = pt_streq(argv[2], "post-stop") ? LEAVE_MS : 0;
	return pt_supervise(&supervised, STDOUT_FILENO);
}
