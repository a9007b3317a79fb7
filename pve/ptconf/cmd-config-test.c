// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/base/json.h"
#include "pve/check/check.h"
#include "pve/config/paths.h"
#include "pve/ptconf/ptconf.h"

#define TEXT_MAX (1024U * 1024)

/* The errors in order; those of lines that the file's parser does not know come last. */
static void add_error(void *data, unsigned int line, const char *message)
{
	struct json_object *json = pt_json_object();
	PT_FREE char *plain = pt_strdup(message);

	/* it shows the file's contents, which may be somebody else's */
	pt_make_plain(plain);
	pt_json_add_number(json, "line", line);
	pt_json_add_text(json, "message", plain);
	pt_json_append(data, json);
}

static int print_errors(const struct pt_cli *cli, struct json_object *errors, struct pt_err *err)
{
	struct json_object PT_JSON *json = NULL;
	size_t count = json_object_array_length(errors);

	if (cli->format != PT_OUTPUT_TEXT) {
		json = pt_output_new();
		pt_json_add(json, "errors", json_object_get(errors));
		return pt_output_json(json, cli->format, err);
	}
	for (size_t i = 0; i < count; i++) {
		struct json_object *one = json_object_array_get_idx(errors, i);

		printf(PT_POLICY_FILE ": line %lld: %s\n",
			(long long)json_object_get_int64(json_object_object_get(one, "line")),
			json_object_get_string(json_object_object_get(one, "message")));
	}
	printf(PT_POLICY_FILE ": %zu error%s\n", count, count == 1 ? "" : "s");
	return 0;
}

enum pt_exit pt_cmd_config_test(struct pt_cli *cli, struct pt_err *err)
{
	struct json_object PT_JSON *errors = pt_json_array();
	struct pt_policy PT_POLICY policy = {0};
	PT_FREE char *text = NULL;
	size_t length;
	int r = pt_host_read(cli->host, PT_POLICY_FILE, TEXT_MAX, &text, &length);

	if (r == -ENOENT) {
		pt_err_set(err, r, "there is no " PT_POLICY_FILE ": the defaults count");
		return PT_EXIT_UNKNOWN;
	}
	if (r < 0) {
		pt_err_errno(err, r, PT_POLICY_FILE);
		return PT_EXIT_UNKNOWN;
	}
	pt_policy_parse(text, length, pt_check_allowing, add_error, errors, &policy);
	pt_policy_clear(&policy);
	if (print_errors(cli, errors, err) < 0)
		return PT_EXIT_UNKNOWN;
	if (json_object_array_length(errors))
		return PT_EXIT_FINDINGS;
	/* owner and mode count as well */
	return pt_policy_read(cli->host, pt_check_allowing, &policy, err) < 0 ? PT_EXIT_UNKNOWN
									      : PT_EXIT_OK;
}
