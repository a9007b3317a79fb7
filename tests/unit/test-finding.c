// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/check/finding.h"
#include "tests/unit/unit.h"

static void add(struct pt_findings *findings, enum pt_severity severity, enum pt_refusal refusal)
{
	pt_findings_add(findings, "some-tag", severity, refusal, pt_format("hostpci0"),
		pt_format("is wrong"), severity == PT_ERROR ? pt_format("mend it") : NULL);
}

static void counts_and_refuses(void **state)
{
	struct pt_findings findings = {0};

	(void)state;
	add(&findings, PT_WARNING, PT_TELL);
	add(&findings, PT_ERROR, PT_TELL);
	assert_null(pt_findings_refusing(&findings, true));
	add(&findings, PT_ERROR, PT_REFUSE);
	assert_ptr_equal(pt_findings_refusing(&findings, true), &findings.finding[2]);
	/* when nothing has to be moved, only another owner counts */
	assert_null(pt_findings_refusing(&findings, false));
	add(&findings, PT_ERROR, PT_REFUSE_ALWAYS);
	assert_ptr_equal(pt_findings_refusing(&findings, false), &findings.finding[3]);
	assert_int_equal(pt_findings_count(&findings, PT_ERROR), 3);
	assert_int_equal(pt_findings_count(&findings, PT_WARNING), 1);
	assert_int_equal(pt_findings_count(&findings, PT_INFO), 0);
	pt_findings_clear(&findings);
	assert_int_equal(findings.count, 0);
}

static void tells_when_the_list_is_not_whole(void **state)
{
	struct pt_findings findings = {0};

	(void)state;
	pt_findings_add(&findings, "some-tag", PT_ERROR, PT_TELL, pt_format("x"), NULL, NULL);
	assert_true(findings.failed);
	assert_int_equal(findings.count, 0);
}

/* The end of a longer address is none. */
static void some_are_about_a_function(void **state)
{
	static const struct {
		const char *subject, *function;
	} cases[] = {
		{"hostpci0: 0000:e1:00.0", "0000:e1:00.0"},
		{"hostpci0: 10000:e1:00.0", "10000:e1:00.0"},
		{"0000:e1:00.0", "0000:e1:00.0"},
		{"hostpci0", NULL},
		{"host", NULL},
		{"0000:e1:00.0: x", NULL},
	};

	(void)state;
	for (size_t i = 0; i < PT_ARRAY_SIZE(cases); i++) {
		struct pt_findings findings = {0};
		struct pt_bdf bdf;
		bool about;

		pt_findings_add(&findings, "some-tag", PT_INFO, PT_TELL, strdup(cases[i].subject),
			strdup("is so"), NULL);
		about = pt_finding_function(&findings.finding[0], &bdf);
		assert_int_equal(about, cases[i].function != NULL);
		if (about)
			assert_string_equal(PT_BDF(&bdf), cases[i].function);
		pt_findings_clear(&findings);
	}
}

static void goes_to_json(void **state)
{
	struct pt_findings findings = {0};
	struct json_object *json;

	(void)state;
	add(&findings, PT_ERROR, PT_REFUSE);
	add(&findings, PT_INFO, PT_TELL);
	json = pt_findings_to_json(&findings);
	assert_string_equal(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN),
		"[{\"tag\":\"some-tag\",\"severity\":\"error\",\"subject\":\"hostpci0\","
		"\"message\":\"is wrong\",\"hint\":\"mend it\"},{\"tag\":\"some-tag\",\"severity\":"
		"\"info\",\"subject\":\"hostpci0\",\"message\":\"is wrong\",\"hint\":null}]");
	json_object_put(json);
	pt_findings_clear(&findings);
}

/* Configs hold what somebody typed: it reaches a terminal, and JSON. */
static void texts_are_plain(void **state)
{
	struct pt_findings findings = {0};

	(void)state;
	pt_findings_add(&findings, "some-tag", PT_ERROR, PT_TELL, strdup("hostpci0"),
		strdup("'z\xe9\x1b[2J'"), NULL);
	assert_string_equal(findings.finding[0].message, "'z??[2J'");
	assert_null(findings.finding[0].hint);
	pt_findings_clear(&findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_and_refuses),
		cmocka_unit_test(tells_when_the_list_is_not_whole),
		cmocka_unit_test(some_are_about_a_function),
		cmocka_unit_test(goes_to_json),
		cmocka_unit_test(texts_are_plain),
	};

	return cmocka_run_group_tests_name("finding", tests, NULL, NULL);
}
