// SPDX-License-Identifier: AGPL-3.0-or-later
/* Shared by the tests of checks: judges configs on the made machine, through gathering and
 * resolving. */
#ifndef PT_JUDGE_H
#define PT_JUDGE_H

#include "pve/check/check.h"
#include "pve/config/paths.h"
#include "tests/unit/shown.h"
#include "tests/unit/unit.h"

/* A line of a config: most findings that speak of a return are about guests that have it. */
#define HOOKED "hookscript: local:snippets/pve-pthook\n"

struct judged {
	struct pt_guest *guest;
	struct pt_facts facts;
	struct pt_findings findings;
	struct pt_store *store;
	struct pt_node *node;
};

/* Prints the severity of a case for tests/tags. A finding that local policy lowers is of no case.
 */
static inline void has_a_known_severity(const struct pt_finding *finding)
{
	if (finding->allowance != PT_NOT_ALLOWED)
		return;
	assert_int_equal(finding->severity, finding->of->severity);
	assert_int_equal(finding->effect, finding->of->effect);
	assert_null(strchr(message_of(finding), '{'));
	print_message("tag %s %s\n", finding->check->tag, pt_severity_name(finding->severity));
}

static inline void judge(struct fake *fake, const char *config, struct judged *ret)
{
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = PT_VIEW_CURRENT};
	struct pt_err err = {0};

	*ret = (struct judged){0};
	assert_int_equal(pt_guest_parse(config, strlen(config), &query, &ret->guest, NULL), 0);
	pt_store_open(&ret->store, fake->host, "/run/pt", false, NULL);
	ret->node = pt_node_open(fake->host, "node1", ret->store, pt_check_allowing);
	if (pt_facts_gather(ret->node, ret->guest, PT_DEPTH_CHECK, &ret->facts, &err) < 0)
		fail_msg("gather: %s", err.text);
	pt_check_run(&ret->facts, &ret->findings);
	pt_foreach (finding, ret->findings.finding, ret->findings.count)
		has_a_known_severity(finding);
}

static inline void clear(struct judged *judged)
{
	pt_findings_clear(&judged->findings);
	pt_facts_clear(&judged->facts);
	pt_node_close(judged->node);
	pt_store_close(judged->store);
	pt_guest_free(judged->guest);
}

/* Returns the finding of that tag, or NULL. Prints the question and the answer, for tests/tags. */
static inline const struct pt_finding *find(const struct judged *judged, const char *tag)
{
	const struct pt_finding *found = NULL;

	pt_foreach (finding, judged->findings.finding, judged->findings.count) {
		if (!found && pt_streq(finding->check->tag, tag))
			found = finding;
	}
	print_message("tag %s %s\n", tag, found ? "triggers" : "passes");
	if (found)
		has_a_known_severity(found);
	return found;
}

static inline void triggers(
	struct fake *fake, const char *tag, const char *config, const char *message)
{
	const struct pt_finding *finding;
	struct judged judged;

	judge(fake, config, &judged);
	finding = find(&judged, tag);
	if (!finding)
		fail_msg("%s is not found in: %s", tag, config);
	else
		assert_holds(message_of(finding), message);
	clear(&judged);
}

static inline void passes(struct fake *fake, const char *tag, const char *config)
{
	struct judged judged;

	judge(fake, config, &judged);
	if (find(&judged, tag))
		fail_msg("%s is found in: %s", tag, config);
	clear(&judged);
}

/* Moves a function below a bridge, which need not be there; the made machine has plain folders. */
static inline void put_below(struct fake *fake, const char *bridge, const char *bdf)
{
	PT_FREE char *folder = pt_format("/sys/devices/pci0000:00/%s", bridge);
	PT_FREE char *from = pt_format("%s/sys/bus/pci/devices/%s", fake->root, bdf);
	PT_FREE char *to = pt_format("%s%s/%s", fake->root, folder, bdf);
	PT_FREE char *link = pt_format("/sys/bus/pci/devices/%s", bdf);
	PT_FREE char *target = pt_format("../../..%s/%s", folder + strlen("/sys"), bdf);

	fake_dir(fake, folder);
	assert_int_equal(rename(from, to), 0);
	fake_link(fake, link, target);
}

#endif
