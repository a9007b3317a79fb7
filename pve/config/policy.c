// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "pve/config/paths.h"
#include "pve/config/policy.h"

#define SPACE " \t"

void pt_policy_clear(struct pt_policy *policy)
{
	pt_foreach (setting, policy->setting, policy->count) {
		free(setting->key);
		free(setting->value);
	}
	free(policy->setting);
	*policy = (struct pt_policy){0};
}

bool pt_policy_address(const char *text, struct pt_bdf *ret, bool *ret_slot)
{
	PT_FREE char *longer = NULL;
	bool domain = strlen(text) > strlen("00:00.0");

	*ret_slot = !strchr(text, '.');
	longer = pt_format("%s%s%s", domain ? "" : "0000:", text, *ret_slot ? ".0" : "");
	return pt_bdf_parse(longer, ret);
}

/* Whether a line speaks of the function; NULL: of no function. */
static bool covers(const struct pt_setting *setting, unsigned int vmid, const struct pt_bdf *bdf)
{
	switch (setting->scope) {
	case PT_POLICY_DEFAULTS:
		return true;
	case PT_POLICY_GUEST:
		return setting->vmid == vmid;
	case PT_POLICY_SLOT:
		return bdf && pt_bdf_same_slot(&setting->bdf, bdf);
	case PT_POLICY_FUNCTION:
		return bdf && pt_bdf_compare(&setting->bdf, bdf) == 0;
	}
	return false;
}

/* The line that counts: scopes are in order of how close they are. */
static const struct pt_setting *find(const struct pt_policy *policy, const char *key,
	unsigned int vmid, const struct pt_bdf *bdf)
{
	const struct pt_setting *found = NULL;

	pt_foreach (setting, policy->setting, policy->count) {
		if (pt_streq(setting->key, key) && covers(setting, vmid, bdf) &&
			(!found || setting->scope > found->scope))
			found = setting;
	}
	return found;
}

bool pt_policy_advises(const struct pt_policy *policy, unsigned int vmid)
{
	const struct pt_setting *mode = find(policy, "mode", vmid, NULL);

	return mode && pt_streq(mode->value, "advise");
}

const char *pt_policy_return(
	const struct pt_policy *policy, unsigned int vmid, const struct pt_bdf *bdf)
{
	const struct pt_setting *home = find(policy, "return", vmid, bdf);

	return home ? home->value : NULL;
}

const char *pt_policy_vfio_driver(
	const struct pt_policy *policy, unsigned int vmid, const struct pt_bdf *bdf)
{
	const struct pt_setting *driver = find(policy, "vfio-driver", vmid, bdf);

	return driver ? driver->value : NULL;
}

static bool word_allows(char *word, const char *tag, const struct pt_bdf *bdf)
{
	char *at = strchr(word, '@');
	struct pt_bdf only;
	bool slot;

	if (!at)
		return pt_streq(word, tag);
	*at++ = '\0';
	return bdf && pt_streq(word, tag) && pt_policy_address(at, &only, &slot) &&
	       (slot ? pt_bdf_same_slot(&only, bdf) : pt_bdf_compare(&only, bdf) == 0);
}

const struct pt_setting *pt_policy_allows(const struct pt_policy *policy, unsigned int vmid,
	const char *tag, const struct pt_bdf *bdf)
{
	pt_foreach (setting, policy->setting, policy->count) {
		struct pt_names PT_NAMES words = {0};

		if (!pt_streq(setting->key, "allow") || !covers(setting, vmid, bdf))
			continue;
		pt_names_split(&words, setting->value, SPACE);
		pt_foreach (word, words.name, words.count) {
			if (word_allows(*word, tag, bdf))
				return setting;
		}
	}
	return NULL;
}

const char *pt_policy_home(const struct pt_policy *policy, unsigned int vmid,
	const struct pt_bdf *bdf, const char *driver)
{
	const char *home = pt_policy_return(policy, vmid, bdf);

	if (!home || pt_streq(home, "origin"))
		return NULL;
	if (pt_streq(home, "none"))
		return "";
	return pt_streq(home, "keep-vfio") ? driver : home;
}

void pt_policy_units(const struct pt_policy *policy, unsigned int vmid, const struct pt_bdf *bdf,
	struct pt_names *ret)
{
	pt_foreach (setting, policy->setting, policy->count) {
		struct pt_names PT_NAMES words = {0};

		if (!pt_streq(setting->key, "stop-units") || !covers(setting, vmid, bdf))
			continue;
		pt_names_split(&words, setting->value, SPACE);
		pt_foreach (word, words.name, words.count) {
			if (!pt_names_hold(ret, *word))
				pt_names_add(ret, *word);
		}
	}
}

const struct pt_limits pt_default_limits = {
	.lock_ms = 5000,
	.group_ms = 10000,
	.write_ms = PT_WRITE_MS,
	.phase_ms = PT_PHASE_MS,
};

void pt_policy_limits(const struct pt_policy *policy, struct pt_limits *limits)
{
	const struct {
		const char *key;
		int *limit;
	} rows[] = {
		{"write-deadline", &limits->write_ms},
		{"phase-deadline", &limits->phase_ms},
		{"group-deadline", &limits->group_ms},
	};

	for (size_t i = 0; i < PT_ARRAY_SIZE(rows); i++) {
		const struct pt_setting *line = find(policy, rows[i].key, 0, NULL);

		if (line)
			*rows[i].limit = atoi(line->value) * 1000;
	}
}
