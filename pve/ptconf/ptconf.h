// SPDX-License-Identifier: AGPL-3.0-or-later
/* pve-ptconf: shared by the verbs. */
#ifndef PT_PTCONF_H
#define PT_PTCONF_H

#include "pve/check/facts.h"
#include "pve/config/form.h"
#include "pve/node/cluster.h"
#include "pve/ptconf/output.h"
#include "pve/handover/release.h"
#include "pve/handover/watch.h"

/* Exit codes. */
enum pt_exit {
	PT_EXIT_OK = 0,
	PT_EXIT_FINDINGS = 1, /* check: an error was found; others: it failed */
	PT_EXIT_USAGE = 2,
	PT_EXIT_UNKNOWN = 3, /* could not find out */
};

struct pt_cli {
	const char *root;
	enum pt_output_format format;
	enum pt_guest_view view;
	const char *snapshot;
	enum pt_guest_source source;
	const char **config; /* files with guests' configs, or plans; none: the guest's own */
	size_t config_count;
	unsigned int vmid;   /* of the verbs that take one, and of check the one at hand */
	unsigned int *vmids; /* of check */
	size_t vmid_count;
	bool all;	      /* check: every guest of this node */
	bool tree;	      /* list: by bridges, not by groups */
	bool all_infos;	      /* check: with infos that healthy guests have */
	bool fail_on_warning; /* check: exit 1 for warnings too */
	bool require_entries; /* check: exit 3 for a guest without an entry */
	const char *other;    /* check: the node to judge by, as the API knows it; NULL: this one */
	bool cluster;	      /* every node of the cluster */
	const char *without;  /* check --cluster: the node that is gone; NULL: none */
	const char *api_conf; /* with the last two: the API's settings, and nobody else is asked */
	const char *as;	 /* check: the user who is to write the config; NULL: nobody is named */
	bool of_host;	 /* check: the node without any guest */
	bool last_start; /* check: what the last start said */
	const char *tag; /* of explain: a tag, or a message; NULL: all */
	struct pt_watch watch;
	const char *html;  /* report: the file to write, "-" for standard output */
	bool anonymous;	   /* mask names, serial numbers and addresses */
	const char *facts; /* a facts file to look at instead of a host; "-": standard input */
	struct pt_host *host;
	struct pt_store *store; /* NULL: not opened, or there are no records */
	struct pt_node *node;	/* NULL before pt_cli_open_node */
	bool waiting;		/* a line of pt_cli_waiting is on the terminal */
};

/* Runs a verb; err holds the reason for PT_EXIT_UNKNOWN, and main prints it. */
typedef enum pt_exit pt_verb(struct pt_cli *cli, struct pt_err *err);
pt_verb pt_cmd_accept, pt_cmd_check, pt_cmd_show, pt_cmd_explain, pt_cmd_list, pt_cmd_claims,
	pt_cmd_release, pt_cmd_reconcile, pt_cmd_config_test, pt_cmd_facts, pt_cmd_report,
	pt_cmd_watch;

/* The JSON that check writes: of one node, and of --cluster; and that claims writes of it. */
extern const struct pt_record pt_check_node_record, pt_check_cluster_record,
	pt_claims_cluster_record;

/* Makes cli->node, of the host or of the facts file, unless it is there; main closes it. */
int pt_cli_open_node(struct pt_cli *cli, struct pt_err *err);

/* Asks all nodes of the cluster, or reads them from the facts file; with --api-conf asks the API
 * alone. End with pt_cluster_clear. */
int pt_cli_open_cluster(struct pt_cli *cli, struct pt_cluster *ret, struct pt_err *err);
/* For other nodes, side by side. */
#define PT_CLI_MESH_MS 20000

/* Shows on a terminal which nodes are waited for. data: cli->waiting. */
pt_mesh_waiting pt_cli_waiting;
/* Names the nodes that did not answer. PT_EXIT_UNKNOWN if there are any, else PT_EXIT_OK. */
enum pt_exit pt_cli_tell_unknown(const struct pt_cluster *cluster);

/* The guest cli->vmid, as the options say. End with pt_guest_free. */
int pt_cli_read_guest(struct pt_cli *cli, struct pt_guest **ret, struct pt_err *err);
/* The guests of all --config. Those without a VMID get numbers above PT_VMID_MAX if there are more.
 * End with pt_form_clear. */
int pt_cli_read_guests(struct pt_cli *cli, struct pt_form_guests *ret, struct pt_err *err);
/* Its facts. End with pt_facts_clear. */
int pt_cli_gather(struct pt_cli *cli, const struct pt_guest *guest, struct pt_facts *ret_facts,
	struct pt_err *err);

/* What the user of --as may write into the guest of these facts; nothing without --as. */
int pt_cli_permissions(const struct pt_cli *cli, const struct pt_facts *facts,
	struct pt_permissions *ret, struct pt_err *err);

/* What the guest's last start said, and what it means. */
enum pt_exit pt_last_start(struct pt_cli *cli, unsigned int vmid, struct pt_err *err);

/* Whether a planned guest can be judged here: all of its entries are known, those too that a clone
 * gets from its template, and it is planned for this node. -EINVAL: not yet; -EXDEV, -ENOENT: the
 * guest or its template is elsewhere, or nowhere. */
int pt_cli_may_judge(struct pt_cli *cli, const struct pt_guest *guest, struct pt_err *err);

/* check --without: where guests of a node could start if it were gone. */
enum pt_exit pt_check_without(struct pt_cli *cli, struct pt_err *err);

/* The deadlines of this node. A policy with an error warns, and the defaults count. */
struct pt_limits pt_cli_limits(const struct pt_cli *cli);

#endif
