// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "pve/check/capacity.h"
#include "pve/check/check.h"
#include "pve/config/paths.h"
#include "pve/ptconf/ptconf.h"

/* One guest's part of the output. */
struct guest_report {
	unsigned int vmid;
	bool is_planned;
	char *name; /* when planned */
	size_t errors, warnings, entries;
	struct pt_findings findings; /* for JSON */
};

struct totals {
	size_t guests, errors, warnings, unknown;
};

/* One node's. */
struct node_report {
	char name[PT_NODE_TEXT];
	bool partial;
	const char *not_known; /* when partial */
	const char *why;       /* it did not answer; NULL: it did, or was not asked */
	bool unanswered;
	struct totals totals;
	struct guest_report *guest;
	size_t count;
};

/* The cluster's. */
struct cluster_report {
	struct totals totals;
	struct node_report *node;
	size_t count;
	struct pt_capacities capacities;
};

#define GUEST(key, kind, member)   PT_FIELD(key, kind, struct guest_report, member)
#define NODE(key, kind, member)	   PT_FIELD(key, kind, struct node_report, member)
#define CLUSTER(key, kind, member) PT_FIELD(key, kind, struct cluster_report, member)
#define VERSION			   2

static const struct pt_field guest_fields[] = {
	{GUEST("vmid", UINT, vmid), .max = PT_VMID_MAX,
		.about = "0: a config that is no guest's yet (--config without VMID)"},
	{GUEST("name", TEXT, name), PT_JSON_MAY_BE_MISSING,
		.has = offsetof(struct guest_report, is_planned),
		.about = "of the resource in a plan"},
	{GUEST("errors", UINT, errors)},
	{GUEST("warnings", UINT, warnings)},
	{GUEST("entries", UINT, entries),
		.about = "hostpci entries that Proxmox VE sees, and one for functions in args"},
	{GUEST("findings", LIST, findings.finding),
		.count = offsetof(struct guest_report, findings.count), .of = &pt_finding_record},
};
static const struct pt_record guest_record = {PT_RECORD(struct guest_report, guest_fields)};

static const struct pt_field node_fields[] = {
	{NODE("node", CHARS, name), .about = "the node that the guests are checked on"},
	{NODE("not_known", TEXT, not_known), PT_JSON_MAY_BE_MISSING,
		.has = offsetof(struct node_report, partial),
		.about = "of another node: facts that the API does not give, so that nothing is "
			 "found there"},
	{NODE("why", TEXT, why), PT_JSON_MAY_BE_MISSING,
		.has = offsetof(struct node_report, unanswered),
		.about =
			"why the node did not answer: what is known of it, if anything, is by the API"},
	{NODE("errors", UINT, totals.errors), .about = "findings of that severity, of all guests"},
	{NODE("warnings", UINT, totals.warnings)},
	{NODE("unknown", UINT, totals.unknown),
		.about = "guests that could not be checked; standard error says why"},
	{NODE("guests", LIST, guest), .count = offsetof(struct node_report, count),
		.of = &guest_record},
};
static const struct pt_record node_record = {PT_RECORD(struct node_report, node_fields)};
const struct pt_record pt_check_node_record = {
	PT_RECORD(struct node_report, node_fields), .version = VERSION, .about = "of one node"};

static const struct pt_field cluster_fields[] = {
	{CLUSTER("errors", UINT, totals.errors),
		.about = "findings of that severity, of all guests"},
	{CLUSTER("warnings", UINT, totals.warnings)},
	{CLUSTER("unknown", UINT, totals.unknown),
		.about = "guests and nodes that could not be checked; standard error says why"},
	{CLUSTER("nodes", LIST, node), .count = offsetof(struct cluster_report, count),
		.of = &node_record},
	{CLUSTER("capacity", LIST, capacities.row),
		.count = offsetof(struct cluster_report, capacities.count),
		.of = &pt_capacity_record, .about = "of the mappings that guests name"},
};
const struct pt_record pt_check_cluster_record = {
	PT_RECORD(struct cluster_report, cluster_fields),
	.version = VERSION,
	.about = "of --cluster",
};

static void clear_node(struct node_report *report)
{
	pt_foreach (guest, report->guest, report->count) {
		pt_findings_clear(&guest->findings);
		free(guest->name);
	}
	free(report->guest);
}
#define NODE_REPORT PT_CLEANUP(clear_node)

static void clear_cluster(struct cluster_report *report)
{
	pt_foreach (node, report->node, report->count)
		clear_node(node);
	free(report->node);
	pt_capacities_clear(&report->capacities);
}
#define CLUSTER_REPORT PT_CLEANUP(clear_cluster)

static bool is_plain(const struct pt_findings *findings)
{
	return pt_findings_count(findings, PT_ERROR) + pt_findings_count(findings, PT_WARNING) == 0;
}

/* Prints the findings with their totals, or takes them over for JSON. */
static int take_findings(const struct pt_cli *cli, struct pt_findings *findings,
	const char *subject, struct guest_report *ret, struct pt_err *err)
{
	if (cli->format == PT_OUTPUT_TEXT)
		return pt_output_findings(
			findings, subject, cli->all_infos, &ret->errors, &ret->warnings, err);
	ret->errors = pt_findings_count(findings, PT_ERROR);
	ret->warnings = pt_findings_count(findings, PT_WARNING);
	ret->findings = *findings;
	*findings = (struct pt_findings){0};
	return 0;
}

static void add_totals(struct node_report *report, const struct guest_report *guest)
{
	report->totals.guests++;
	report->totals.errors += guest->errors;
	report->totals.warnings += guest->warnings;
}

static int add_guest(const struct pt_cli *cli, const struct pt_facts *facts,
	struct pt_findings *findings, struct node_report *report, struct pt_err *err)
{
	const struct pt_guest *of = facts->guest;
	struct guest_report *guest = pt_array_grow(&report->guest, &report->count, sizeof(*guest));
	const bool is_text = cli->format == PT_OUTPUT_TEXT;
	PT_FREE char *subject = NULL;
	int r = 0;

	guest->vmid = of->vmid <= PT_VMID_MAX ? of->vmid : 0;
	guest->is_planned = of->name;
	pt_set_text(&guest->name, of->name);
	subject = of->name	? pt_strdup(of->name)
		  : guest->vmid ? pt_format("guest %u", of->vmid)
				: pt_strdup("this config");
	if (is_text && pt_guest_is_template(of))
		printf("%s is a template: Proxmox VE passes nothing to it; this is what its clones get\n",
			subject);
	guest->entries = facts->count;
	if (is_text && facts->count == 0 && is_plain(findings))
		printf("%s has no hostpci entry: nothing is passed through\n", subject);
	else
		r = take_findings(cli, findings, subject, guest, err);
	add_totals(report, guest);
	if (r == 0 && facts->count == 0 && cli->require_entries)
		r = pt_err_set(err, -ENOENT,
			"%s has no hostpci entry, and --require-entries asks for one", subject);
	return r;
}

static int check_guest(struct pt_cli *cli, const struct pt_guest *guest, struct node_report *report,
	struct pt_err *err)
{
	struct pt_findings PT_FINDINGS findings = {0};
	struct pt_permissions PT_PERMISSIONS writer = {0};
	struct pt_facts PT_FACTS facts = {0};
	int r = pt_cli_gather(cli, guest, &facts, err);

	if (r == 0)
		r = pt_cli_permissions(cli, &facts, &writer, err);
	if (r < 0)
		return r;
	facts.writer = cli->as ? &writer : NULL;
	pt_check_run(&facts, &findings);
	r = add_guest(cli, &facts, &findings, report, err);
	if (r == 0 && facts.claims_err.code) {
		*err = facts.claims_err;
		r = err->code;
	}
	return r;
}

static int check_planned(struct pt_cli *cli, const struct pt_guest *guest,
	struct node_report *report, struct pt_err *err)
{
	int r = pt_cli_may_judge(cli, guest, err);

	if (r == 0)
		r = check_guest(cli, guest, report, err);
	if (r == 0 && guest->unknown &&
		(pt_guest_has_hostpci(guest) || strstr(guest->unknown, "arg")))
		r = pt_err_set(err, -EINVAL,
			"%s: its %s is known after apply only: what depends on it is not judged",
			guest->name ? guest->name : "this config", guest->unknown);
	return r;
}

static int check_vmid(struct pt_cli *cli, struct node_report *report, struct pt_err *err)
{
	struct pt_guest PT_GUEST *guest = NULL;
	int r = pt_cli_read_guest(cli, &guest, err);

	/* --all means guests with passthrough */
	if (r < 0 || (cli->all && (!pt_guest_has_hostpci(guest) || pt_guest_is_template(guest))))
		return r;
	return cli->config_count ? check_planned(cli, guest, report, err)
				 : check_guest(cli, guest, report, err);
}

/* One that cannot be checked does not keep the others from it. */
static void count_unknown(int r, struct node_report *report, const struct pt_err *err)
{
	if (r == 0)
		return;
	report->totals.unknown++;
	fprintf(stderr, "pve-ptconf: %s\n", err->text);
}

static void check(struct pt_cli *cli, unsigned int vmid, struct node_report *report)
{
	struct pt_err err = {0};

	cli->vmid = vmid;
	count_unknown(check_vmid(cli, report, &err), report, &err);
}

/* Checks all guests of a plan, or the single config of a file. */
static int check_config(struct pt_cli *cli, struct node_report *report, struct pt_err *err)
{
	struct pt_form_guests PT_FORM guests = {0};
	int r = pt_cli_read_guests(cli, &guests, err);

	if (r == 0 && (guests.count > 1 || guests.gone_count))
		r = pt_node_learn_all(cli->node, err);
	if (r < 0)
		return r;
	if (guests.count > 1 || guests.gone_count)
		pt_node_plan(cli->node, guests.guest, guests.count, guests.gone, guests.gone_count);
	if (!guests.count && cli->format == PT_OUTPUT_TEXT)
		printf("the plan removes %zu guest%s, and makes none\n", guests.gone_count,
			guests.gone_count == 1 ? "" : "s");
	if (guests.partial) {
		struct pt_err why = {0};

		count_unknown(pt_err_set(&why, -EINVAL, "%s", guests.partial), report, &why);
	}
	pt_foreach (guest, guests.guest, guests.count) {
		struct pt_err why = {0};

		count_unknown(check_planned(cli, *guest, report, &why), report, &why);
	}
	return 0;
}

static int check_all(struct pt_cli *cli, struct node_report *report, struct pt_err *err)
{
	const unsigned int *vmid = NULL;
	size_t count = 0;
	int r = pt_node_vmids(cli->node, &vmid, &count, err);

	for (size_t i = 0; r == 0 && i < count; i++)
		check(cli, vmid[i], report);
	return r;
}

static void begin_node(const struct pt_cli *cli, struct node_report *report)
{
	snprintf(report->name, sizeof(report->name), "%s", cli->node->name);
	report->partial = cli->node->partial;
	report->not_known = PT_NODE_UNKNOWN;
	/* single guests have errors of their own reading, and all of this host */
	if ((cli->all || cli->cluster) && !cli->node->host)
		report->totals.unknown = cli->node->unread;
	if (!report->partial && cli->cluster && cli->format == PT_OUTPUT_TEXT)
		printf("node %s\n", report->name);
	if (report->partial && cli->format == PT_OUTPUT_TEXT)
		printf("node %s: not known by the API: %s\n", report->name, report->not_known);
}

/* Ends the output: a line of totals, or the whole as JSON. */
static int end_output(const struct pt_cli *cli, const struct totals *totals,
	const struct pt_record *record, const void *report, struct pt_err *err)
{
	struct json_object PT_JSON *json = NULL;

	if (cli->format != PT_OUTPUT_TEXT) {
		json = pt_record_to_json(record, report);
		return pt_output_json(json, cli->format, err);
	}
	if (cli->all || totals->guests > 1)
		printf("%zu error%s, %zu warning%s in %zu guest%s\n", totals->errors,
			totals->errors == 1 ? "" : "s", totals->warnings,
			totals->warnings == 1 ? "" : "s", totals->guests,
			totals->guests == 1 ? "" : "s");
	return 0;
}

/* What passthrough needs of the node, whether something is wrong with it or not. */
static void print_host(struct pt_node *node)
{
	static const char *const hook[] = {
		[PT_HOOK_UNKNOWN] = "unknown",
		[PT_HOOK_OURS] = "there",
		[PT_HOOK_MISSING] = "missing",
		[PT_HOOK_NOT_EXECUTABLE] = "not executable",
	};
	static const char *const remapping[] = {
		[PT_REMAPPING_UNKNOWN] = "unknown whether it remaps interrupts",
		[PT_REMAPPING_ON] = "remaps interrupts",
		[PT_REMAPPING_OFF] = "does not remap interrupts",
	};
	static const char *const vfio[] = {
		[PT_MODULE_PRESENT] = "loaded",
		[PT_MODULE_LOADABLE] = "can be loaded",
		[PT_MODULE_MISSING] = "missing",
		[PT_MODULE_BLOCKED] = "blocked by modprobe.d",
		[PT_MODULE_CUSTOM] = "loaded by a command of modprobe.d",
		[PT_MODULE_UNKNOWN] = "unknown",
	};
	const struct pt_traits *host = &node->traits;
	const struct pt_versions *versions = &host->versions;
	PT_FREE char *width =
		host->iova_width ? pt_format(", %d address bits", host->iova_width) : NULL;

	printf("IOMMU      %s%s, %s\n", host->iommu_active ? "active" : "not active",
		width ? width : "", remapping[host->remapping]);
	printf("vfio-pci   %s%s%s\n", vfio[host->vfio.state],
		host->vfio_options ? "; options " : "",
		host->vfio_options ? host->vfio_options : "");
	printf("kernel     %s: %s\n", versions->kernel ? versions->kernel : "unknown",
		host->cmdline ? host->cmdline : "unknown command line");
	printf("hook       " PT_HOOK_VOLUME " %s\n",
		hook[pt_node_hook(node, PT_HOOK_VOLUME)->state]);
	printf("versions   pve-manager %s, qemu-server %s, pve-qemu-kvm %s\n",
		versions->manager ? versions->manager : "unknown",
		versions->qemu_server ? versions->qemu_server : "unknown",
		versions->qemu ? versions->qemu : "unknown");
}

/* Checks the node without any guest. */
static int check_host(struct pt_cli *cli, struct node_report *report, struct pt_err *err)
{
	struct pt_findings PT_FINDINGS findings = {0};
	struct guest_report *host;
	int r = pt_check_host(cli->node, &findings, err);

	if (r < 0)
		return r;
	if (cli->format == PT_OUTPUT_TEXT)
		print_host(cli->node);
	host = pt_array_grow(&report->guest, &report->count, sizeof(*host));
	host->is_planned = true;
	host->name = pt_strdup("host");
	r = take_findings(cli, &findings, host->name, host, err);
	add_totals(report, host);
	if (r == 0 && cli->node->claims_err.code) {
		*err = cli->node->claims_err;
		r = err->code;
	}
	return r;
}

static enum pt_exit exit_of(const struct pt_cli *cli, int r, const struct totals *totals)
{
	if (r < 0 || totals->unknown)
		return PT_EXIT_UNKNOWN;
	return totals->errors || (cli->fail_on_warning && totals->warnings) ? PT_EXIT_FINDINGS
									    : PT_EXIT_OK;
}

/* Checks all guests of one node of the cluster, if anything is known of it. */
static int check_node(struct pt_cli *cli, const struct pt_cluster_node *of,
	struct cluster_report *cluster, struct pt_err *err)
{
	struct node_report *report =
		pt_array_grow(&cluster->node, &cluster->count, sizeof(*report));
	int r = 0;

	snprintf(report->name, sizeof(report->name), "%s", of->name);
	cli->node = of->node;
	if (of->node) {
		begin_node(cli, report);
		r = check_all(cli, report, err);
	}
	report->unanswered = of->why.code;
	report->why = of->why.text;
	report->totals.unknown += report->unanswered;
	cluster->totals.guests += report->totals.guests;
	cluster->totals.errors += report->totals.errors;
	cluster->totals.warnings += report->totals.warnings;
	cluster->totals.unknown += report->totals.unknown;
	cli->node = NULL;
	return r;
}

/* "100, 101"; NULL: none. The caller frees it. */
static char *list_vmids(const struct pt_vmids *vmids)
{
	char *list = NULL;

	pt_foreach (vmid, vmids->vmid, vmids->count)
		list = pt_list_add(list, ", ", PT_NUMBER(*vmid));
	return list;
}

static int print_capacities(const struct pt_capacities *capacities, struct pt_err *err)
{
	static const char *const header[] = {"MAPPING", "NODE", "DEVICES", "GUESTS", "MAY COME"};
	struct pt_table PT_TABLE table = {.columns = PT_ARRAY_SIZE(header)};

	if (!capacities->count)
		return 0;
	pt_table_row(&table, header);
	pt_foreach (row, capacities->row, capacities->count) {
		PT_FREE char *here = list_vmids(&row->here);
		PT_FREE char *coming = list_vmids(&row->coming);

		PT_FREE char *what = row->type ? pt_format("%s, %s", row->mapping, row->type)
					       : pt_strdup(row->mapping);

		pt_table_row(&table, (const char *const[]){what, row->node, PT_NUMBER(row->devices),
					     here, coming});
		if (row->here.count > row->devices)
			pt_table_note(&table, "not all of its guests can run at once");
	}
	return pt_table_print(&table, err);
}

static enum pt_exit check_cluster(struct pt_cli *cli, struct pt_err *err)
{
	struct cluster_report CLUSTER_REPORT report = {0};
	struct pt_cluster PT_CLUSTER cluster = {0};
	int r = pt_cli_open_cluster(cli, &cluster, err);

	pt_cli_tell_unknown(&cluster);
	pt_foreach (node, cluster.node, cluster.count) {
		if (r == 0)
			r = check_node(cli, node, &report, err);
	}
	if (r == 0) {
		pt_capacities_count(&cluster, &report.capacities);
		if (cli->format == PT_OUTPUT_TEXT)
			r = print_capacities(&report.capacities, err);
	}
	if (r == 0)
		r = end_output(cli, &report.totals, &pt_check_cluster_record, &report, err);
	return exit_of(cli, r, &report.totals);
}

enum pt_exit pt_cmd_check(struct pt_cli *cli, struct pt_err *err)
{
	struct node_report NODE_REPORT report = {0};
	int r;

	if (cli->cluster)
		return cli->without ? pt_check_without(cli, err) : check_cluster(cli, err);
	if (cli->last_start)
		return pt_last_start(cli, cli->vmids[0], err);
	r = pt_cli_open_node(cli, err);
	/* many guests: asks for shared facts once */
	if (r == 0 && (cli->all || cli->vmid_count > 1))
		r = pt_node_learn_all(cli->node, err);
	if (r < 0)
		return PT_EXIT_UNKNOWN;
	begin_node(cli, &report);
	if (cli->all)
		r = check_all(cli, &report, err);
	if (cli->of_host)
		r = check_host(cli, &report, err);
	else if (cli->config_count && !cli->vmids[0])
		r = check_config(cli, &report, err);
	for (size_t i = 0; r == 0 && i < cli->vmid_count && cli->vmids[i]; i++)
		check(cli, cli->vmids[i], &report);
	if (r == 0)
		r = end_output(cli, &report.totals, &pt_check_node_record, &report, err);
	return exit_of(cli, r, &report.totals);
}
