// SPDX-License-Identifier: AGPL-3.0-or-later
/* The file with the API's token: what is read, and what is refused. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pve/config/api-conf.h"
#include "pve/config/paths.h"
#include "tests/unit/unit.h"

#define TOKEN "ptconf@pve!node1=6d1f2a1e-0000-0000-0000-000000000000"

static void write_conf(struct fake *fake, const char *text, mode_t mode)
{
	char path[128];

	fake_file(fake, PT_API_CONF, text);
	snprintf(path, sizeof(path), "%s" PT_API_CONF, fake->root);
	assert_int_equal(chmod(path, mode), 0);
}

/* As people copy them. */
static void conf_is_read_as_it_is_copied(void **state)
{
	static const char *const urls[] = {"http://127.0.0.1:1", "http://127.0.0.1:1/",
		"http://127.0.0.1:1/api2/json", "http://127.0.0.1:1/api2/json/",
		"http://127.0.0.1:1/api2"};
	struct fake *fake = *state;

	pt_foreach (url, urls, PT_ARRAY_SIZE(urls)) {
		struct pt_api PT_API *api = NULL;
		struct pt_err err = {0};
		char conf[512];

		snprintf(conf, sizeof(conf), "token = PVEAPIToken=" TOKEN "\nurl = %s\n", *url);
		write_conf(fake, conf, 0600);
		if (pt_api_open(fake->host, &api, &err) < 0)
			fail_msg("%s: %s", *url, err.text);
		assert_string_equal(api->url, "http://127.0.0.1:1");
	}
}

static void a_bad_conf_is_told(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		const char *why;
	} cases[] = {
		{"token = " TOKEN "\n", 0644, "others than root may read or own it"},
		{"token = " TOKEN "\n", 0640, "others than root may read or own it"},
		{"", 0600, "has no line 'token = ...'"},
		{"nonsense\n", 0600, "not of the form 'key = value'"},
		{"token = a b\n", 0600, "not of the form 'key = value'"},
		{"# x\n\ncolour = red\n", 0600, PT_API_CONF ": line 3: there is no key 'colour'"},
		{"url = http://127.0.0.1\ntoken = a b\n", 0600, ": line 2 is not of the form"},
		{"token = abc\n", 0600, "not of the form USER@REALM!TOKENID=SECRET"},
		{"token = @!=\n", 0600, "not of the form USER@REALM!TOKENID=SECRET"},
		{"token = " TOKEN "\nurl = http://192.0.2.1:85\n", 0600, "must be https"},
		{"token = " TOKEN "\nurl = http://127.0.0.1@evil.example\n", 0600, "must be https"},
		{"token = " TOKEN "\nurl = http://localhost.evil.example\n", 0600, "must be https"},
		{"token = " TOKEN "\nurl = ftp://127.0.0.1\n", 0600, "must be https"},
	};
	struct fake *fake = *state;
	struct pt_api *api = NULL;
	struct pt_err err = {0};
	char large[8192];

	for (size_t i = 0; i < PT_ARRAY_SIZE(cases); i++) {
		write_conf(fake, cases[i].text, cases[i].mode);
		assert_true(pt_api_open(fake->host, &api, &err) < 0);
		assert_holds(err.text, cases[i].why);
		assert_lacks(err.text, "6d1f2a1e");
	}
	memset(large, '#', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	write_conf(fake, large, 0600);
	assert_int_equal(pt_api_open(fake->host, &api, &err), -EFBIG);
	assert_string_equal(err.text, PT_API_CONF ": is too large");
	fake_remove(fake, PT_API_CONF);
	fake_file(fake, "/etc/real", "token = " TOKEN "\n");
	fake_link(fake, PT_API_CONF, "/etc/real");
	assert_true(pt_api_open(fake->host, &api, &err) < 0);
	assert_holds(err.text, "is a symbolic link");
	fake_remove(fake, PT_API_CONF);
	fake_dir(fake, PT_API_CONF);
	assert_true(pt_api_open(fake->host, &api, &err) < 0);
	assert_holds(err.text, "is no regular file");
}

static void a_conf_of_somebody_else_is_not_used(void **state)
{
	struct fake *fake = *state;
	struct pt_api *api = NULL;
	struct pt_err err = {0};
	char path[128];

	write_conf(fake, "token = " TOKEN "\n", 0600);
	snprintf(path, sizeof(path), "%s" PT_API_CONF, fake->root);
	if (geteuid() != 0) {
		/* only root can give a file away: then root is somebody else */
		assert_int_equal(chown(path, 0, (gid_t)-1), -1);
		return;
	}
	assert_int_equal(chown(path, 65534, (gid_t)-1), 0);
	assert_int_equal(pt_api_open(fake->host, &api, &err), -EPERM);
	assert_holds(err.text, "others than root may read or own it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(conf_is_read_as_it_is_copied),
		MACHINE_TEST(a_bad_conf_is_told),
		MACHINE_TEST(a_conf_of_somebody_else_is_not_used),
	};

	return cmocka_run_group_tests_name("api-conf", tests, NULL, NULL);
}
