// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <getopt.h>

#include "pve/ptconf/ptconf.h"
#include "lib/base/startup.h"

enum cli_option {
	OPTION_ROOT = 1 << 0,
	OPTION_VIEW = 1 << 1,
	OPTION_SOURCE = 1 << 2,
	OPTION_CONFIG = 1 << 3,
	OPTION_SNAPSHOT = 1 << 4,
	OPTION_FORMAT = 1 << 5, /* taken by every verb */
	OPTION_HELP = 1 << 6,
	OPTION_VERSION = 1 << 7,
	OPTION_LIST = 1 << 8,
	OPTION_ALL = 1 << 9,
	OPTION_FACTS = 1 << 10,
	OPTION_TREE = 1 << 11,
	OPTION_HTML = 1 << 12,
	OPTION_NODE = 1 << 13,
	OPTION_CLUSTER = 1 << 14,
	OPTION_ALL_INFOS = 1 << 15,
	OPTION_ANONYMOUS = 1 << 16,
	OPTION_LAST_START = 1 << 17,
	OPTION_API_CONF = 1 << 18,
	OPTION_HOST = 1 << 19,
	OPTION_FAIL_ON = 1 << 20,
	OPTION_REQUIRE_ENTRIES = 1 << 21,
	OPTION_WITHOUT = 1 << 22,
	OPTION_AS = 1 << 23,
};
#define GUEST_OPTIONS                                                                              \
	(OPTION_ROOT | OPTION_VIEW | OPTION_SOURCE | OPTION_CONFIG | OPTION_SNAPSHOT | OPTION_FACTS)

/* The argument of a verb. */
enum argument {
	ARGUMENT_NONE,
	ARGUMENT_VMID,
	ARGUMENT_VMIDS, /* one or more, or none with --all and --config */
	ARGUMENT_TAG,	/* or a message; not with --list */
	ARGUMENT_START, /* VMID-START */
};

static const struct verb {
	const char *name;
	const char *arguments;
	enum argument argument;
	int options;
	pt_verb *run;
	const char *help;
} verbs[] = {
	{"check",
		"VMID... | --all | --cluster | --config FILE [--node NAME] [--all-infos] [--anonymous]\n"
		"      [--as USER] [--fail-on error|warning] [--require-entries] [GUEST OPTIONS]\n"
		"  check --cluster --without NODE [--facts FILE|-]\n"
		"  check --host [--facts FILE|-] [--anonymous]\n"
		"  check VMID --last-start",
		ARGUMENT_VMIDS,
		GUEST_OPTIONS | OPTION_ALL | OPTION_NODE | OPTION_CLUSTER | OPTION_ALL_INFOS |
			OPTION_ANONYMOUS | OPTION_LAST_START | OPTION_API_CONF | OPTION_HOST |
			OPTION_FAIL_ON | OPTION_REQUIRE_ENTRIES | OPTION_WITHOUT | OPTION_AS,
		pt_cmd_check, "name everything that would go wrong at the guest's start"},
	{"show", "VMID [--node NAME] [GUEST OPTIONS]", ARGUMENT_VMID,
		GUEST_OPTIONS | OPTION_NODE | OPTION_API_CONF, pt_cmd_show,
		"show the functions that a start takes, and why"},
	{"explain", "TAG | 'MESSAGE' | --list", ARGUMENT_TAG, OPTION_LIST, pt_cmd_explain,
		"explain a finding, or a message of Proxmox VE, QEMU or the kernel: cause and fix"},
	{"list", "[--tree] [--cluster | --node NAME] [--facts FILE|-] [--anonymous]", ARGUMENT_NONE,
		OPTION_ROOT | OPTION_FACTS | OPTION_TREE | OPTION_ANONYMOUS | OPTION_NODE |
			OPTION_CLUSTER | OPTION_API_CONF,
		pt_cmd_list,
		"list the host's functions by IOMMU group or as a tree, with their users and guests"},
	{"report", "--html FILE|- [--facts FILE|-] [--anonymous]", ARGUMENT_NONE,
		OPTION_ROOT | OPTION_FACTS | OPTION_HTML | OPTION_ANONYMOUS, pt_cmd_report,
		"write an HTML page with the groups, the guests and their findings"},
	{"facts", "[--cluster] [--facts FILE|-] [--anonymous]", ARGUMENT_NONE,
		OPTION_ROOT | OPTION_FACTS | OPTION_ANONYMOUS | OPTION_CLUSTER | OPTION_API_CONF,
		pt_cmd_facts,
		"write the facts of this node, or of all, as JSON, for --facts on any machine"},
	{"claims", "[--cluster]", ARGUMENT_NONE, OPTION_ROOT | OPTION_CLUSTER, pt_cmd_claims,
		"list the functions that guests hold, their origins, and what happens next"},
	{"release", "VMID", ARGUMENT_VMID, 0, pt_cmd_release,
		"release the devices of a stopped guest"},
	{"accept", "VMID", ARGUMENT_VMID, 0, pt_cmd_accept,
		"record the guest's current devices as the expected ones (after swapping a card)"},
	{"config-test", "", ARGUMENT_NONE, OPTION_ROOT, pt_cmd_config_test,
		"read the local policy, and name the wrong lines"},
	{"reconcile", "", ARGUMENT_NONE, 0, pt_cmd_reconcile,
		"release the devices of all stopped guests"},
	{"watch", "VMID-START", ARGUMENT_START, 0, pt_cmd_watch,
		"wait until a start is over, and release its devices then (for systemd)"},
};

static const struct option long_options[] = {
	{"root", required_argument, NULL, OPTION_ROOT},
	{"current", no_argument, NULL, OPTION_VIEW},
	{"snapshot", required_argument, NULL, OPTION_SNAPSHOT},
	{"source", required_argument, NULL, OPTION_SOURCE},
	{"config", required_argument, NULL, OPTION_CONFIG},
	{"list", no_argument, NULL, OPTION_LIST},
	{"all-infos", no_argument, NULL, OPTION_ALL_INFOS},
	{"fail-on", required_argument, NULL, OPTION_FAIL_ON},
	{"require-entries", no_argument, NULL, OPTION_REQUIRE_ENTRIES},
	{"all", no_argument, NULL, OPTION_ALL},
	{"facts", required_argument, NULL, OPTION_FACTS},
	{"anonymous", no_argument, NULL, OPTION_ANONYMOUS},
	{"host", no_argument, NULL, OPTION_HOST},
	{"last-start", no_argument, NULL, OPTION_LAST_START},
	{"tree", no_argument, NULL, OPTION_TREE},
	{"html", required_argument, NULL, OPTION_HTML},
	{"node", required_argument, NULL, OPTION_NODE},
	{"cluster", no_argument, NULL, OPTION_CLUSTER},
	{"without", required_argument, NULL, OPTION_WITHOUT},
	{"as", required_argument, NULL, OPTION_AS},
	{"api-conf", required_argument, NULL, OPTION_API_CONF},
	{"output-format", required_argument, NULL, OPTION_FORMAT},
	{"help", no_argument, NULL, OPTION_HELP},
	{"version", no_argument, NULL, OPTION_VERSION},
	{0},
};

static int print_help(FILE *out)
{
	fputs("usage: pve-ptconf VERB [OPTIONS]\n"
	      "       pve-ptconf --help | --version\n\n"
	      "Checks PCI passthrough on a Proxmox VE node before a guest starts.\n\n",
		out);
	pt_foreach (verb, verbs, PT_ARRAY_SIZE(verbs))
		fprintf(out, "  %s%s%s\n      %s\n", verb->name, *verb->arguments ? " " : "",
			verb->arguments, verb->help);
	fputs("\nGuest options:\n"
	      "  --current              use the config without pending changes\n"
	      "  --snapshot NAME        use the config of a snapshot\n"
	      "  --source auto|api|file read the config from the API or from the file\n"
	      "  --config FILE|-        read the config from FILE (Proxmox VE's text or JSON, a plan);\n"
	      "                         check needs no VMID then, and takes several\n"
	      "  --facts FILE|-         use the facts of another node ('pve-ptconf facts');\n"
	      "                         of the guest options it takes --config only\n"
	      "\nOptions of check:\n"
	      "  --all                  check every guest of this node that has passthrough\n"
	      "  --cluster              check every guest with passthrough on every node; see below\n"
	      "  --without NODE         with --cluster: where HA could start the guests of that node if it\n"
	      "                         were gone, and which of them nowhere\n"
	      "  --node NAME            check against another node, with the facts that the API has;\n"
	      "                         of the guest options it takes --config only\n"
	      "  --api-conf FILE        with --cluster and --node: the API alone is asked, with these\n"
	      "                         settings, as in /etc/pve-ptconf/api.conf; needs no root\n"
	      "  --as USER@REALM[!TOKEN] name what this user or token may not write into the config\n"
	      "  --all-infos            show routine infos too, such as not-migratable\n"
	      "  --fail-on error|warning\n"
	      "                         exit 1 for errors alone (the default), or for warnings too\n"
	      "  --require-entries      exit 3 if a guest has no hostpci entry\n"
	      "  --host                 check this node without any guest: IOMMU, modules, left-overs\n"
	      "  --last-start           tell what the task log of the guest's last start and the kernel's\n"
	      "                         log since mean\n"
	      "\n--cluster, of check, list, facts and claims, asks the pve-ptconf of each node, through Proxmox\n"
	      "VE's own ssh. What the API knows stands for a node that does not answer; the exit code is 3 then.\n"
	      "\n--anonymous, of check, list, report and facts, replaces the names of nodes, guests, storages,\n"
	      "mappings, volumes, mount points and programs, serial numbers and network addresses by numbered\n"
	      "ones in standard output. The facts of one node lead to the same findings with and without it.\n"
	      "\nEvery verb takes --output-format text|json|json-pretty. check, show, list,\n"
	      "report, facts, claims and config-test take --root DIR, a copy of a host's files.\n"
	      "Exit: 0 no error found, 1 errors found or failed, 2 wrong usage, 3 something could not be read,\n"
	      "12 out of memory.\n",
		out);
	return out == stderr ? PT_EXIT_USAGE : PT_EXIT_OK;
}

static int wrong(const char *why, const char *what)
{
	fprintf(stderr, "pve-ptconf: %s%s; see pve-ptconf --help\n", why, what);
	return PT_EXIT_USAGE;
}

static bool parse_source(const char *text, enum pt_guest_source *ret)
{
	static const char *const name[] = {
		[PT_SOURCE_AUTO] = "auto", [PT_SOURCE_API] = "api", [PT_SOURCE_FILE] = "file"};
	int found = PT_WORD_FIND(name, text);

	if (found >= 0)
		*ret = (enum pt_guest_source)found;
	return found >= 0;
}

static bool parse_fail_on(const char *text, bool *ret_warning)
{
	*ret_warning = pt_streq(text, "warning");
	return *ret_warning || pt_streq(text, "error");
}

/* Takes one option. False: its value is wrong. */
static bool take_option(struct pt_cli *cli, int option, const char *value)
{
	switch (option) {
	case OPTION_ROOT:
		cli->root = value;
		return true;
	case OPTION_VIEW:
		cli->view = PT_VIEW_CURRENT;
		return true;
	case OPTION_SNAPSHOT:
		cli->view = PT_VIEW_SNAPSHOT;
		cli->snapshot = value;
		return pt_snapshot_name_valid(value);
	case OPTION_SOURCE:
		return parse_source(value, &cli->source);
	case OPTION_CONFIG:
		*(const char **)pt_array_grow(
			&cli->config, &cli->config_count, sizeof(*cli->config)) = value;
		return true;
	case OPTION_FACTS:
		cli->facts = value;
		return true;
	case OPTION_NODE:
		cli->other = value;
		return true;
	case OPTION_API_CONF:
		cli->api_conf = value;
		return true;
	case OPTION_CLUSTER:
		cli->cluster = true;
		return true;
	case OPTION_AS:
		cli->as = value;
		return pt_user_valid(value);
	case OPTION_WITHOUT:
		cli->without = value;
		return pt_node_name_valid(value);
	case OPTION_HTML:
		cli->html = value;
		return true;
	case OPTION_TREE:
		cli->tree = true;
		return true;
	case OPTION_ANONYMOUS:
		cli->anonymous = true;
		return true;
	case OPTION_HOST:
		cli->of_host = true;
		return true;
	case OPTION_LAST_START:
		cli->last_start = true;
		return true;
	case OPTION_FAIL_ON:
		return parse_fail_on(value, &cli->fail_on_warning);
	case OPTION_REQUIRE_ENTRIES:
		cli->require_entries = true;
		return true;
	case OPTION_ALL_INFOS:
		cli->all_infos = true;
		return true;
	case OPTION_LIST:
		return true;
	case OPTION_ALL:
		cli->all = true;
		return true;
	default:
		return pt_output_format_parse(value, &cli->format);
	}
}

static const struct verb *find_verb(const char *name)
{
	pt_foreach (verb, verbs, PT_ARRAY_SIZE(verbs)) {
		if (pt_streq(verb->name, name))
			return verb;
	}
	return NULL;
}

static int take_vmids(int count, char **argument, int given, struct pt_cli *cli)
{
	/* a config may be nobody's yet: number 0 */
	bool nobodys = count == 0 && given & (OPTION_CONFIG | OPTION_HOST) && !cli->all;

	cli->all |= cli->cluster;
	if ((count == 0 && !nobodys) != cli->all)
		return wrong(
			"usage: pve-ptconf check VMID... | --all | --host | --cluster | --config FILE",
			"");
	if (given & OPTION_HOST && count)
		return wrong("--host takes no VMID", "");
	if (given & OPTION_CONFIG && (count > 1 || cli->all))
		return wrong("--config goes with one VMID, or with none", "");
	cli->vmids = pt_calloc((size_t)count + 1, sizeof(*cli->vmids));
	for (; cli->vmid_count < (size_t)count; cli->vmid_count++) {
		if (!pt_vmid_parse(argument[cli->vmid_count], &cli->vmids[cli->vmid_count]))
			return wrong("not a VMID: ", argument[cli->vmid_count]);
	}
	cli->vmid_count += nobodys;
	if (cli->last_start && count != 1)
		return wrong("usage: pve-ptconf check VMID --last-start", "");
	return -1;
}

/* Takes the argument of the verb. Negative: fine; else the exit code. */
static int take_argument(
	int count, char **argument, const struct verb *verb, int given, struct pt_cli *cli)
{
	switch (verb->argument) {
	case ARGUMENT_NONE:
		return count ? wrong("usage: pve-ptconf VERB, without arguments", "") : -1;
	case ARGUMENT_VMID:
		if (count != 1)
			return wrong("usage: pve-ptconf VERB VMID", "");
		return pt_vmid_parse(argument[0], &cli->vmid) ? -1
							      : wrong("not a VMID: ", argument[0]);
	case ARGUMENT_VMIDS:
		return take_vmids(count, argument, given, cli);
	case ARGUMENT_START:
		if (count != 1)
			return wrong("usage: pve-ptconf watch VMID-START", "");
		return pt_watch_parse(argument[0], &cli->watch)
			       ? -1
			       : wrong("not the name of a start: ", argument[0]);
	case ARGUMENT_TAG:
		break;
	}
	if (count + !!(given & OPTION_LIST) != 1)
		return wrong("usage: pve-ptconf explain TAG | 'MESSAGE' | --list", "");
	cli->tag = count ? argument[0] : NULL;
	return -1;
}

/* How many options name standard input. */
static size_t count_inputs(const struct pt_cli *cli)
{
	size_t count = cli->facts && pt_streq(cli->facts, "-");

	pt_foreach (config, cli->config, cli->config_count)
		count += pt_streq(*config, "-");
	return count;
}

#define OPTIONS_OF_OTHERS (OPTION_ROOT | OPTION_SOURCE | OPTION_VIEW | OPTION_SNAPSHOT)
#define OTHERS_ASKED                                                                               \
	"--node and --cluster ask others: they exclude guest options, but --node takes --config, " \
	"and --cluster --facts"

/* Options that exclude or need each other, with every verb. */
static const struct {
	int of;	      /* the rule is for those who give all of these, */
	int excludes; /* and none of these may stand beside them, */
	int needs;    /* but one of these must; 0: none */
	const char *broken;
} rules[] = {
	{OPTION_VIEW, .excludes = OPTION_SNAPSHOT,
		.broken = "--current and --snapshot exclude each other"},
	{OPTION_SOURCE, .excludes = OPTION_CONFIG,
		.broken = "--source and --config exclude each other"},
	{OPTION_FACTS, .excludes = OPTIONS_OF_OTHERS,
		.broken = "of the guest options --facts takes --config only"},
	{OPTION_NODE, .excludes = OPTIONS_OF_OTHERS, .broken = OTHERS_ASKED},
	{OPTION_CLUSTER, .excludes = OPTIONS_OF_OTHERS, .broken = OTHERS_ASKED},
	{OPTION_FACTS, .excludes = OPTION_NODE,
		.broken = "--facts asks nobody: --node does not go with it"},
	{OPTION_FACTS | OPTION_API_CONF, .needs = OPTION_AS,
		.broken = "--facts asks nobody: --api-conf does not go with it"},
	{OPTION_ANONYMOUS,
		.excludes = ~(OPTION_ANONYMOUS | OPTION_ALL | OPTION_HOST | OPTION_ALL_INFOS |
			      OPTION_FACTS | OPTION_ROOT | OPTION_TREE | OPTION_HTML |
			      OPTION_FAIL_ON | OPTION_REQUIRE_ENTRIES | OPTION_FORMAT),
		.broken = "--anonymous masks the facts of one node: check takes VMIDs, --all, "
			  "--facts and --root with it"},
	{OPTION_HOST,
		.excludes = ~(OPTION_HOST | OPTION_ROOT | OPTION_FACTS | OPTION_ANONYMOUS |
			      OPTION_ALL_INFOS | OPTION_FAIL_ON | OPTION_FORMAT),
		.broken = "--host checks this node alone: --facts, --root and --anonymous go with "
			  "it"},
	{OPTION_API_CONF, .needs = OPTION_NODE | OPTION_CLUSTER | OPTION_AS,
		.broken = "--api-conf goes with --node, --cluster or --as"},
	{OPTION_AS, .excludes = OPTION_ROOT, .broken = "--as asks the API: --root excludes it"},
	{OPTION_WITHOUT,
		.excludes = ~(OPTION_WITHOUT | OPTION_CLUSTER | OPTION_FACTS | OPTION_API_CONF |
			      OPTION_FORMAT),
		.needs = OPTION_CLUSTER,
		.broken = "--without goes with --cluster, --facts and --api-conf"},
	{OPTION_LAST_START, .excludes = ~(OPTION_LAST_START | OPTION_ROOT | OPTION_FORMAT),
		.broken = "--last-start takes a VMID, and --root alone with it"},
	{OPTION_CLUSTER, .excludes = OPTION_NODE | OPTION_CONFIG | OPTION_ALL,
		.broken = "--cluster already means all nodes and all guests"},
};

/* What is wrong with the options together; NULL: nothing. */
static const char *find_broken(int given)
{
	pt_foreach (rule, rules, PT_ARRAY_SIZE(rules)) {
		if ((given & rule->of) == rule->of &&
			(given & rule->excludes || (rule->needs && !(given & rule->needs))))
			return rule->broken;
	}
	return NULL;
}

/* Reads the command line. Negative: go on with the verb; else the exit code. */
static int parse(int argc, char **argv, struct pt_cli *cli, const struct verb **ret_verb)
{
	const char *broken;
	int given = 0;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == OPTION_HELP)
			return print_help(stdout);
		if (option == OPTION_VERSION) {
			printf("pve-ptconf %s\n", PT_VERSION);
			return PT_EXIT_OK;
		}
		if (option == '?')
			return wrong(
				"unknown option, or one without its value: ", argv[optind - 1]);
		given |= option;
		if (!take_option(cli, option, optarg))
			return wrong("not a value for this option: ", optarg);
	}
	if (optind == argc)
		return wrong("no verb given", "");
	*ret_verb = find_verb(argv[optind]);
	if (!*ret_verb)
		return wrong("there is no verb ", argv[optind]);
	if (given & ~(*ret_verb)->options & ~OPTION_FORMAT)
		return wrong("this option does not belong to the verb ", (*ret_verb)->name);
	broken = find_broken(given);
	if (broken)
		return wrong(broken, "");
	if ((*ret_verb)->options & OPTION_HTML && !cli->html)
		return wrong("usage: pve-ptconf report --html FILE", "");
	if (cli->config_count > 1 && ((*ret_verb)->run != pt_cmd_check || argc - optind > 1))
		return wrong("several --config go with check alone, without a VMID", "");
	if (count_inputs(cli) > 1)
		return wrong("only one of --facts and --config can be standard input", "");
	return take_argument(argc - optind - 1, argv + optind + 1, *ret_verb, given, cli);
}

/* Whether the verb looks at the running system, and not at its facts or a copy of its files. */
static bool asks_host(const struct pt_cli *cli, const struct verb *verb)
{
	const bool asks_api = cli->api_conf && (cli->other || cli->cluster);

	return verb->run != pt_cmd_explain && !cli->facts && !asks_api && pt_streq(cli->root, "/");
}

/* Guests that start wait for these. */
static bool moves_devices(const struct verb *verb)
{
	return verb->run == pt_cmd_release || verb->run == pt_cmd_reconcile ||
	       verb->run == pt_cmd_watch;
}

int main(int argc, char **argv)
{
	struct pt_log log = {.emit = pt_log_to_file, .data = stderr};
	struct pt_cli cli = {.root = "/"};
	const struct verb *verb = NULL;
	struct pt_err err = {0};
	int result;

	if (pt_startup(&err) < 0) {
		fprintf(stderr, "pve-ptconf: %s\n", err.text);
		return PT_EXIT_UNKNOWN;
	}
	result = parse(argc, argv, &cli, &verb);
	if (result >= 0 || !verb) {
		free(cli.vmids);
		free(cli.config);
		return result;
	}
	result = PT_EXIT_UNKNOWN;
	if (moves_devices(verb))
		log.emit = pt_log_without_waiting;
	if (geteuid() != 0 && asks_host(&cli, verb))
		pt_err_set(&err, -EPERM,
			"%s reads what only root may read on this host: run it as root, or, if the verb "
			"takes them, with --facts or --root",
			verb->name);
	else if (pt_host_open(&cli.host, cli.root, &log, &err) == 0)
		result = (int)verb->run(&cli, &err);
	pt_node_close(cli.node);
	pt_store_close(cli.store);
	pt_host_close_p(&cli.host);
	free(cli.vmids);
	free(cli.config);
	if (err.code)
		fprintf(stderr, "pve-ptconf: %s\n", err.text);
	return result;
}
