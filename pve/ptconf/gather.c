// SPDX-License-Identifier: AGPL-3.0-or-later
/* What verbs read of the node: the guest that is asked for, its facts, the policy. */
#include <errno.h>
#include <fcntl.h>

#include "pve/paths.h"
#include "pve/ptconf/ptconf.h"

/* Proxmox VE answers a token that it does not accept only after 3 s */
#define API_MS	   5000
#define CONFIG_MAX (512U * 1024)

static int parse_config(const char *text, size_t length, const struct pt_guest_query *query,
	struct pt_guest **ret, struct pt_err *err)
{
	if (text[strspn(text, " \t\r\n")] == '{')
		return pt_guest_parse_json(text, length, query, ret, err);
	return pt_guest_parse(text, length, query, ret, err);
}

/* A file of the caller's, not of the host that is looked at; "-" is standard input. Proxmox VE's text, or JSON. */
static int read_config(struct pt_cli *cli, const struct pt_guest_query *query,
	struct pt_guest **ret, struct pt_err *err)
{
	PT_FCLOSE FILE *file = pt_streq(cli->config, "-") ? fdopen(dup(STDIN_FILENO), "r")
							  : fopen(cli->config, "re");
	PT_FREE char *text = malloc(CONFIG_MAX + 2);
	size_t length;
	int r;

	if (!file)
		return pt_err_errno(err, -errno, "%s", cli->config);
	if (!text)
		return pt_err_nomem(err);
	length = fread(text, 1, CONFIG_MAX + 1, file);
	if (ferror(file))
		return pt_err_errno(err, -EIO, "%s", cli->config);
	if (length > CONFIG_MAX)
		return pt_err_set(err, -EFBIG, "%s: larger than any guest's config", cli->config);
	text[length] = '\0';
	r = parse_config(text, length, query, ret, err);
	return r < 0 ? pt_err_wrap(err, "%s", cli->config) : 0;
}

int pt_cli_read_guest(struct pt_cli *cli, struct pt_guest **ret, struct pt_err *err)
{
	struct pt_guest_query query = {
		.vmid = cli->vmid, .node = cli->node, .view = cli->view, .snapshot = cli->snapshot};
	int r = pt_node_name(cli->host, cli->node, err);

	if (r < 0)
		return r;
	if (cli->config)
		return read_config(cli, &query, ret, err);
	/* a captured host has no API to ask */
	if (!pt_host_is_live(cli->host)) {
		if (cli->source == PT_SOURCE_API)
			return pt_err_set(err, -EINVAL, "--source api does not go with --root");
		return pt_guest_read(cli->host, &query, PT_SOURCE_FILE, 0, ret, err);
	}
	return pt_guest_read(cli->host, &query, cli->source, API_MS, ret, err);
}

int pt_cli_gather(struct pt_cli *cli, const struct pt_guest *guest, struct pt_facts *ret_facts,
	struct pt_err *err)
{
	struct pt_claims PT_CLAIMS *claims = NULL;
	int r = pt_claims_open(&claims, cli->host, PT_CLAIMS_DIR, false, err);

	if (r < 0 && r != -ENOENT)
		return r;
	if (err)
		*err = (struct pt_err){0};
	return pt_facts_gather(cli->host, guest, cli->node, claims, PT_DEPTH_CHECK, ret_facts, err);
}

struct pt_limits pt_cli_limits(const struct pt_cli *cli)
{
	struct pt_limits limits = pt_default_limits;
	struct pt_policy PT_POLICY policy = {0};
	struct pt_err err = {0};

	if (pt_policy_read(cli->host, &policy, &err) < 0)
		fprintf(stderr, "pve-ptconf: %s; the defaults count\n", err.text);
	pt_policy_limits(&policy, &limits);
	return limits;
}
