// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/check/check.h"
#include "pve/config/policy.h"
#include "tests/fuzz/fuzz.h"

static void count(void *data, unsigned int line, const char *message)
{
	(void)line;
	*(size_t *)data += strlen(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pt_policy PT_POLICY policy = {0};
	struct pt_findings PT_FINDINGS findings = {0};
	struct pt_limits limits = pt_default_limits;
	static const struct pt_check check = {
		.tag = "in-use-net", .of = {{PT_ERROR, PT_REFUSES, .message = "is so"}}};
	const struct pt_subject on = {.kind = PT_ON_FUNCTION, .function = {.bus = 1}};
	size_t errors = 0;

	if (pt_policy_parse((const char *)data, size, pt_check_allowing, count, &errors, &policy) <
		0)
		return 0;
	pt_findings_add(&findings, &check, check.of, on);
	pt_findings_allow(&policy, 100, &findings);
	pt_policy_limits(&policy, &limits);
	if (findings.count != 1 || limits.write_ms < 1000)
		abort();
	return 0;
}
