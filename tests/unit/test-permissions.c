// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/permissions.h"
#include "tests/unit/unit.h"

static void users_and_tokens_have_a_form(void **state)
{
	static const char *const good[] = {
		"root@pam", "ci@pve!terraform", "a.b+c@ldap-x", "x@y@pve", "u@pve!t-1_2.x"};
	static const char *const bad[] = {"", "root", "@pam", "root@", "root@pam!", "ro ot@pam",
		"root@pam!1x", "a/b@pve", "a:b@pve", "root@p", "root@pam!x y", "a\n@pve"};

	(void)state;
	pt_foreach (user, good, PT_ARRAY_SIZE(good))
		assert_true(pt_user_valid(*user));
	pt_foreach (user, bad, PT_ARRAY_SIZE(bad)) {
		if (pt_user_valid(*user))
			fail_msg("'%s' is taken for a user", *user);
	}
}

static void a_question_names_both(void **state)
{
	PT_FREE char *question = pt_permissions_question("a&b@pve!x", "/mapping/pci/gpu");

	(void)state;
	assert_string_equal(
		question, "/access/permissions?userid=a%26b%40pve%21x&path=%2Fmapping%2Fpci%2Fgpu");
}

static int parse(const char *text, bool *ret, struct pt_err *err)
{
	char copy[256];
	struct pt_api_reply reply = {.text = copy, .length = strlen(text)};

	snprintf(copy, sizeof(copy), "%s", text);
	return pt_permissions_parse(&reply, "/vms/100", "VM.Config.HWType", ret, err);
}

static void an_answer_has_the_privilege_or_not(void **state)
{
	static const char *const wrong[] = {"x", "[]", "{}", "{\"data\":null}", "{\"data\":[]}"};
	struct pt_err err = {0};
	bool may = false;

	(void)state;
	assert_int_equal(
		parse("{\"data\":{\"/vms/100\":{\"VM.Config.HWType\":0}}}", &may, NULL), 0);
	assert_true(may);
	assert_int_equal(parse("{\"data\":{\"/vms/100\":{\"VM.Audit\":1}}}", &may, NULL), 0);
	assert_false(may);
	assert_int_equal(parse("{\"data\":{\"/\":{\"VM.Config.HWType\":1}}}", &may, NULL), 0);
	assert_false(may);
	assert_int_equal(parse("{\"data\":{\"/vms/100\":7}}", &may, NULL), 0);
	assert_false(may);
	pt_foreach (text, wrong, PT_ARRAY_SIZE(wrong))
		assert_int_equal(parse(*text, &may, &err), -EPROTO);
}

/* It may all, so the API is not asked. */
static void root_needs_no_question(void **state)
{
	struct pt_permissions PT_PERMISSIONS permissions = {0};
	struct pt_names none = {0};

	(void)state;
	assert_int_equal(
		pt_permissions_read(NULL, "root@pam", 100, NULL, &none, 1000, &permissions, NULL),
		0);
	assert_true(permissions.is_root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_and_tokens_have_a_form),
		cmocka_unit_test(a_question_names_both),
		cmocka_unit_test(an_answer_has_the_privilege_or_not),
		cmocka_unit_test(root_needs_no_question),
	};

	return cmocka_run_group_tests_name("permissions", tests, NULL, NULL);
}
