// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/paths.h"
#include "tests/unit/shown.h"
#include "tests/unit/unit.h"

static const struct pt_check check = {.tag = "some-tag",
	.of = {
		{PT_ERROR, PT_REFUSES, .message = "is {how}", .hint = "fix {what}"},
		{PT_ERROR, PT_REFUSES_ALWAYS, .message = "is {how}", .hint = "fix {what}"},
		{PT_ERROR, PT_WARNS, .message = "is {how}"},
		{PT_WARNING, PT_WARNS, .message = "is {how}"},
		{PT_INFO, PT_SILENT, .message = "is {how}[[ at {what}]]"},
	}};
enum { REFUSES, ALWAYS, TELLS, WARNS, SAYS };

static const struct pt_subject guest = {.kind = PT_ON_GUEST};

static struct pt_finding *add(struct pt_findings *findings, size_t which)
{
	struct pt_finding *finding = pt_findings_add(findings, &check, &check.of[which], guest);

	pt_finding_set(finding, "how", "wrong");
	return finding;
}

static void counts_and_refuses(void **state)
{
	struct pt_findings findings = {0};

	(void)state;
	add(&findings, WARNS);
	add(&findings, TELLS);
	assert_null(pt_findings_refusing(&findings, true));
	add(&findings, REFUSES);
	assert_ptr_equal(pt_findings_refusing(&findings, true), &findings.finding[2]);
	/* when nothing has to be moved, only another owner counts */
	assert_null(pt_findings_refusing(&findings, false));
	add(&findings, ALWAYS);
	assert_ptr_equal(pt_findings_refusing(&findings, false), &findings.finding[3]);
	assert_int_equal(pt_findings_count(&findings, PT_ERROR), 3);
	assert_int_equal(pt_findings_count(&findings, PT_WARNING), 1);
	assert_int_equal(pt_findings_count(&findings, PT_INFO), 0);
	pt_findings_clear(&findings);
	assert_int_equal(findings.count, 0);
}

static void a_subject_is_shown_by_its_kind(void **state)
{
	const struct {
		struct pt_subject subject;
		const char *text;
	} cases[] = {
		{{.kind = PT_ON_HOST}, "host"},
		{{.kind = PT_ON_GUEST}, "guest"},
		{{.kind = PT_ON_OTHER_GUEST, .vmid = 101}, "guest 101"},
		{{.kind = PT_ON_ENTRY, .entry = 3}, "hostpci3"},
		{{.kind = PT_ON_ENTRY, .entry = PT_HOSTPCI_MAX}, "args"},
		{{.kind = PT_ON_FUNCTION, .entry = 0, .function = bdf_of("10000:e1:00.0")},
			"hostpci0: 10000:e1:00.0"},
	};
	const struct pt_bdf other = bdf_of("0000:e1:00.0"), same = bdf_of("10000:e1:00.0");

	(void)state;
	for (size_t i = 0; i < PT_ARRAY_SIZE(cases); i++) {
		struct pt_findings PT_FINDINGS findings = {0};
		struct pt_finding *finding =
			pt_findings_add(&findings, &check, check.of, cases[i].subject);

		assert_string_equal(subject_of(finding), cases[i].text);
		assert_false(pt_finding_is_on(finding, &other));
		assert_int_equal(
			pt_finding_is_on(finding, &same), cases[i].subject.kind == PT_ON_FUNCTION);
	}
}

static void goes_to_json(void **state)
{
	struct pt_findings findings = {0};
	struct pt_finding *finding = add(&findings, REFUSES);
	char what[] = "sda1", place[] = "swap";
	const struct pt_use use = {.bdf = bdf_of("0000:01:00.0"),
		.kind = PT_USE_BLOCK,
		.how = PT_USE_MOUNTED,
		.system = true,
		.what = what,
		.place = place};
	struct json_object *json;

	(void)state;
	pt_uses_add(&finding->uses, &use);
	pt_finding_set(finding, "what", "it");
	finding->subject = (struct pt_subject){
		.kind = PT_ON_FUNCTION, .entry = 0, .function = bdf_of("0000:01:00.0")};
	add(&findings, SAYS);
	json = findings_to_json(&findings);
	assert_string_equal(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN),
		"[{\"tag\":\"some-tag\",\"severity\":\"error\",\"subject\":\"hostpci0: "
		"0000:01:00.0\",\"entry\":\"hostpci0\",\"function\":\"0000:01:00.0\","
		"\"message\":\"is wrong\",\"hint\":\"fix it\",\"uses\":[{\"function\":"
		"\"0000:01:00.0\",\"kind\":\"block\",\"how\":\"mounted\",\"weak\":false,\"system\":"
		"true,\"what\":\"sda1\",\"via\":null,\"place\":\"swap\",\"end\":null,\"pid\":0,"
		"\"process\":null,\"container\":null,\"unit\":null,\"guest\":0,\"more\":0}],"
		"\"about\":{\"how\":\"wrong\","
		"\"what\":\"it\"}},{\"tag\":\"some-tag\",\"severity\":\"info\",\"subject\":"
		"\"guest\",\"entry\":null,\"function\":null,\"message\":\"is wrong\",\"hint\":"
		"null,\"uses\":[],\"about\":{\"how\":\"wrong\"}}]");
	json_object_put(json);
	pt_findings_clear(&findings);
}

/* Configs and processes choose their names: they reach a terminal, and JSON. */
static void words_are_plain(void **state)
{
	struct pt_findings findings = {0};
	struct pt_finding *finding = pt_findings_add(&findings, &check, &check.of[SAYS], guest);

	(void)state;
	pt_finding_set(finding, "how", "'z\xe9\x1b[2J'");
	pt_finding_set(finding, "what", NULL);
	assert_string_equal(message_of(finding), "is 'z??[2J'");
	assert_null(hint_of(finding));
	pt_findings_clear(&findings);
}

/* A value that looks like a template is a value. */
static void words_are_not_templates(void **state)
{
	struct pt_findings findings = {0};
	struct pt_finding *finding = pt_findings_add(&findings, &check, &check.of[SAYS], guest);

	(void)state;
	pt_finding_set(finding, "how", "{what} [[ {how}");
	pt_finding_set(finding, "what", "]] {how}");
	assert_string_equal(message_of(finding), "is {what} [[ {how} at ]] {how}");
	pt_findings_clear(&findings);
}

static void local_policy_is_named(void **state)
{
	struct pt_findings findings = {0};
	struct pt_finding *finding = add(&findings, WARNS);

	(void)state;
	finding->allowance = PT_ALLOWED;
	finding->policy_line = 7;
	assert_string_equal(
		message_of(finding), "is wrong (allowed in line 7 of " PT_POLICY_FILE ")");
	finding->allowance = PT_ALLOWED_ANOTHER;
	assert_holds(message_of(finding), "allows it for the device that was here before");
	pt_findings_clear(&findings);
}

static struct pt_finding *add_on(struct pt_findings *findings, int entry, const char *bdf,
	const char *how, const char *driver)
{
	const struct pt_subject on = {
		.kind = PT_ON_FUNCTION, .entry = entry, .function = bdf_of(bdf)};
	struct pt_finding *finding = pt_findings_add(findings, &check, &check.of[REFUSES], on);

	pt_finding_set(finding, "how", how);
	pt_finding_set(finding, "driver", driver);
	return finding;
}

/* Asserts that the finding at the place and count in all are shown as one with that subject. */
static void assert_shown(
	const struct pt_findings *findings, size_t at, size_t count, const char *subject)
{
	struct pt_shown PT_SHOWN shown = {0};

	assert_int_equal(pt_findings_show(findings, at, &shown), count);
	assert_string_equal(shown.subject, subject);
}

static void functions_with_the_same_words_share_a_line(void **state)
{
	struct pt_findings findings = {0};
	struct pt_shown PT_SHOWN many = {0};

	(void)state;
	add_on(&findings, 0, "0000:01:00.0", "wrong", NULL);
	add_on(&findings, 0, "0000:01:00.1", "wrong", "nvme");
	add_on(&findings, 0, "0000:01:00.2", "bad", NULL);
	add_on(&findings, 0, "0000:01:00.3", NULL, NULL);
	add_on(&findings, 1, "0000:02:00.0", NULL, NULL);
	add(&findings, REFUSES);
	add(&findings, REFUSES);
	/* a word that the text leaves out may differ, and a driver stands behind its function */
	assert_shown(&findings, 0, 2, "hostpci0: 0000:01:00.0, 0000:01:00.1 (nvme)");
	assert_shown(&findings, 1, 1, "hostpci0: 0000:01:00.1 (nvme)");
	assert_shown(&findings, 2, 1, "hostpci0: 0000:01:00.2");
	assert_shown(&findings, 3, 1, "hostpci0: 0000:01:00.3");
	assert_shown(&findings, 4, 1, "hostpci1: 0000:02:00.0");
	assert_shown(&findings, 5, 1, "guest");
	for (size_t i = 0; i < 20; i++)
		add_on(&findings, 2, "0000:03:00.0", "wrong", NULL);
	pt_findings_show(&findings, 7, &many);
	assert_holds(many.subject, "0000:03:00.0, 0000:03:00.0 and 4 more");
	/* of one that local policy lowers the line says so */
	findings.finding[1].allowance = PT_ALLOWED;
	assert_shown(&findings, 0, 1, "hostpci0: 0000:01:00.0");
	pt_findings_clear(&findings);
	/* another step is another line */
	pt_finding_set(add_on(&findings, 0, "0000:01:00.0", "wrong", NULL), "what", "this");
	pt_finding_set(add_on(&findings, 0, "0000:01:00.1", "wrong", NULL), "what", "that");
	assert_shown(&findings, 0, 1, "hostpci0: 0000:01:00.0");
	pt_findings_clear(&findings);
}

/* A message that names the driver leaves nothing to add. */
static void a_driver_is_named_once(void **state)
{
	static const struct pt_check driven = {
		.tag = "some-tag", .of = {{PT_ERROR, PT_WARNS, .message = "is on {driver}"}}};
	const struct pt_subject on = {.kind = PT_ON_FUNCTION, .function = bdf_of("0000:01:00.0")};
	struct pt_findings PT_FINDINGS findings = {0};

	(void)state;
	pt_finding_set(pt_findings_add(&findings, &driven, driven.of, on), "driver", "nvme");
	assert_shown(&findings, 0, 1, "hostpci0: 0000:01:00.0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_and_refuses),
		cmocka_unit_test(a_subject_is_shown_by_its_kind),
		cmocka_unit_test(goes_to_json),
		cmocka_unit_test(words_are_plain),
		cmocka_unit_test(words_are_not_templates),
		cmocka_unit_test(local_policy_is_named),
		cmocka_unit_test(functions_with_the_same_words_share_a_line),
		cmocka_unit_test(a_driver_is_named_once),
	};

	return cmocka_run_group_tests_name("finding", tests, NULL, NULL);
}
