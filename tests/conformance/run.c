// SPDX-License-Identifier: AGPL-3.0-or-later
/* conformance DIR: runs every suite of the folder and prints agreed/total. Any disagreement fails.
 */
#include "tests/conformance/verdicts.h"

static struct json_object *load(const char *dir, const char *name)
{
	PT_FREE char *path = pt_format("%s/%s.json", dir, name);
	struct json_object *json = path ? json_object_from_file(path) : NULL;

	if (!json)
		fprintf(stderr, "%s/%s.json: %s\n", dir, name, json_util_get_last_err());
	return json;
}

static bool case_agrees(
	const struct suite_context *context, suite_agrees *agrees, struct json_object *test)
{
	struct json_object *variants = member(test, "variants");

	if (agrees(context, member(test, "input"), member(test, "output")))
		return true;
	for (size_t i = 0; variants && i < json_object_array_length(variants); i++) {
		if (agrees(context, member(test, "input"), json_object_array_get_idx(variants, i)))
			return true;
	}
	return false;
}

static void run_suite(const struct suite_context *context, const char *dir, const char *name,
	suite_agrees *agrees, size_t *passed, size_t *failed)
{
	struct json_object *suite = load(dir, name);
	struct json_object *cases = member(suite, "cases");
	size_t total = cases ? json_object_array_length(cases) : 0, agreed = 0;

	for (size_t i = 0; i < total; i++) {
		struct json_object *test = json_object_array_get_idx(cases, i);

		if (case_agrees(context, agrees, test))
			agreed++;
		else
			printf("%s: disagrees (%s)\n", member_text(test, "id"),
				member_text(test, "note"));
	}
	printf("%s: agreed %zu/%zu\n", name, agreed, total);
	*passed += agreed;
	/* a suite without cases proves nothing */
	*failed += total ? total - agreed : 1;
	json_object_put(suite);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		suite_agrees *agrees;
	} suites[] = {
		{"property", property_agrees},
		{"resolve", resolve_agrees},
		{"vm", vm_agrees},
		{"mappingcfg", mappingcfg_agrees},
	};
	struct suite_context context;
	size_t passed = 0, failed = 0;

	if (argc != 2) {
		fputs("usage: conformance DIR\n", stderr);
		return 2;
	}
	context.trees = load(argv[1], "trees");
	if (!context.trees)
		return 2;
	for (size_t i = 0; i < PT_ARRAY_SIZE(suites); i++)
		run_suite(&context, argv[1], suites[i].name, suites[i].agrees, &passed, &failed);
	json_object_put(context.trees);
	printf("%zu passed, %zu failed\n", passed, failed);
	return failed != 0;
}
