// SPDX-License-Identifier: AGPL-3.0-or-later
#include <limits.h>

#include "lib/base/record.h"
#include "tests/unit/unit.h"

enum colour { RED, GREEN };
static const char *const colours[] = {[RED] = "red", [GREEN] = "green"};

struct part {
	char *name;
	uint16_t number;
};

struct sample {
	bool flag;
	int small;
	int64_t large;
	uint8_t byte;
	uint64_t huge;
	char *text;
	char *needed;
	char chars[8];
	char id[8];
	enum colour colour;
	bool has_where;
	struct pt_bdf where;
	struct part part;
	struct part *list;
	size_t count;
	uint64_t row[2];
	size_t row_count;
	char *later;
	int version_of_later;
};

static bool is_id(const char *text)
{
	return *text == '#';
}

static const struct pt_form id_form = {.pattern = "^#", .why = "is no id", .valid = is_id};

static bool skip_nameless(const void *record, const void *element)
{
	const struct part *part = element;

	(void)record;
	return !part->name;
}

static char *first_word(const char *text)
{
	return pt_strndup(text, strcspn(text, " "));
}

static struct json_object *sum_to_json(const void *outer, const void *record)
{
	const struct sample *sample = record;

	assert_null(outer);
	return json_object_new_int64(sample->small + sample->large);
}

static int old_from_json(struct json_object *value, void *record, struct pt_err *err)
{
	struct sample *sample = record;

	(void)err;
	sample->version_of_later = json_object_get_int(value);
	return 0;
}

static int complete(void *record, struct pt_err *err)
{
	const struct sample *sample = record;

	return sample->small == 13 ? pt_err_set(err, -EINVAL, "13 is refused") : 0;
}

static const struct pt_own sum = {.write = sum_to_json};
static const struct pt_own old = {.read = old_from_json};

static const struct pt_field part_fields[] = {
	{PT_FIELD("name", TEXT, struct part, name), PT_JSON_MAY_BE_NULL, .part = first_word},
	{PT_FIELD("number", UINT, struct part, number)},
};
static const struct pt_record part_record = {PT_RECORD(struct part, part_fields)};

#define SAMPLE(key, kind, member) PT_FIELD(key, kind, struct sample, member)

static const struct pt_field fields[] = {
	{SAMPLE("flag", FLAG, flag)},
	{SAMPLE("small", INT, small)},
	{SAMPLE("large", INT, large), .max = INT64_MAX},
	{SAMPLE("byte", UINT, byte)},
	{SAMPLE("huge", UINT, huge)},
	{SAMPLE("text", TEXT, text), PT_JSON_MAY_BE_NULL},
	{SAMPLE("needed", TEXT, needed)},
	{SAMPLE("chars", CHARS, chars), PT_JSON_MAY_BE_NULL},
	{SAMPLE("id", CHARS, id), .form = &id_form},
	{SAMPLE("colour", WORD, colour), PT_FIELD_WORDS(colours)},
	{SAMPLE("where", FORM, where), PT_JSON_MAY_BE_NULL,
		.has = offsetof(struct sample, has_where), .form = &pt_bdf_form},
	{SAMPLE("part", RECORD, part), .of = &part_record},
	{SAMPLE("list", LIST, list), .count = offsetof(struct sample, count), .most = 3,
		.of = &part_record, .skip = skip_nameless},
	{SAMPLE("row", ROW, row), .count = offsetof(struct sample, row_count),
		.of = &pt_uint64_record},
	{SAMPLE("sum", INT, small), .own = &sum},
	{SAMPLE("later", TEXT, later), PT_JSON_MAY_BE_MISSING},
	{SAMPLE("old", INT, version_of_later), PT_JSON_MAY_BE_MISSING, .own = &old},
};
static const struct pt_record record = {
	PT_RECORD(struct sample, fields),
	.format = "sample",
	.version = 3,
	.oldest = 2,
	.complete = complete,
};

static void clear(struct sample *sample)
{
	free(sample->text);
	free(sample->needed);
	free(sample->later);
	free(sample->part.name);
	for (size_t i = 0; i < sample->count; i++)
		free(sample->list[i].name);
	free(sample->list);
}
#define CLEARED PT_CLEANUP(clear)

static const char good[] =
	"{\"format\":\"sample\",\"version\":3,\"flag\":true,\"small\":-5,\"large\":8589934592,"
	"\"byte\":255,\"huge\":18446744073709551615,\"text\":null,\"needed\":\"a\\nb\","
	"\"chars\":null,\"id\":\"#7\",\"colour\":\"green\",\"where\":\"0000:01:00.0\","
	"\"part\":{\"name\":null,\"number\":65535},\"list\":[{\"name\":\"one\",\"number\":1}],"
	"\"row\":[7],\"sum\":8589934587,\"later\":null}";

/* Reads good with the first from replaced by to. */
static int read_changed(const char *from, const char *to, struct sample *ret, struct pt_err *err)
{
	const char *at = strstr(good, from);
	PT_FREE char *text = NULL;
	struct json_object PT_JSON *json = NULL;

	assert_non_null(at);
	text = pt_format("%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
	json = pt_json_parse(text, strlen(text), err);
	assert_non_null(json);
	return pt_record_from_json(&record, json, ret, err);
}

static void comes_back_as_it_was(void **state)
{
	struct sample CLEARED sample = {0};
	struct json_object PT_JSON *json = NULL;

	(void)state;
	assert_int_equal(read_changed("", "", &sample, NULL), 0);
	assert_true(sample.flag);
	assert_int_equal(sample.small, -5);
	assert_true(sample.huge == UINT64_MAX);
	assert_int_equal(sample.byte, 255);
	assert_string_equal(sample.id, "#7");
	assert_int_equal(sample.colour, GREEN);
	assert_true(sample.has_where);
	assert_int_equal(sample.row_count, 1);
	json = pt_record_to_json(&record, &sample);
	assert_string_equal(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN), good);
}

static void what_is_left_out_is_not_written(void **state)
{
	struct sample CLEARED sample = {0};
	struct json_object PT_JSON *json = NULL;
	const char *text;

	(void)state;
	sample.list = pt_calloc(2, sizeof(*sample.list));
	sample.count = 2;
	sample.list[1].name = strdup("two words\x1b");
	sample.needed = strdup("\xe9\x1b");
	json = pt_record_to_json(&record, &sample);
	text = json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN);
	assert_holds(text, "\"list\":[{\"name\":\"two\",\"number\":0}]");
	assert_holds(text, "\"needed\":\"??\"");
	assert_holds(text, "\"where\":null");
	assert_lacks(text, "\"old\"");
}

static void a_number_beyond_its_type_is_the_largest(void **state)
{
	struct sample CLEARED sample = {0};

	(void)state;
	assert_int_equal(read_changed("\"large\":8589934592", "\"large\":18446744073709551615",
				 &sample, NULL),
		0);
	assert_true(sample.large == INT64_MAX);
}

static void older_versions_lack_keys(void **state)
{
	struct sample CLEARED sample = {0};

	(void)state;
	assert_int_equal(read_changed(",\"later\":null", ",\"old\":7", &sample, NULL), 0);
	assert_null(sample.later);
	assert_int_equal(sample.version_of_later, 7);
}

static void each_error_names_its_place(void **state)
{
	static const struct {
		const char *from, *to, *why;
	} cases[] = {
		{"\"sample\"", "\"else\"", "\"format\" is not 'sample'"},
		{"\"version\":3", "\"version\":4", "\"version\" is none that this version knows"},
		{"\"version\":3", "\"version\":1", "\"version\" is none that this version knows"},
		{"\"flag\":true,", "", "\"flag\" is missing"},
		{"\"flag\":true", "\"flag\":1", "\"flag\" is no boolean"},
		{"\"small\":-5", "\"small\":2147483648",
			"\"small\" is not between -2147483648 and 2147483647"},
		{"\"large\":8", "\"large\":-8", "\"large\" is not between 0 and"},
		{"\"byte\":255", "\"byte\":256", "\"byte\" is not between 0 and 255"},
		{"\"huge\":18446744073709551615", "\"huge\":-1", "\"huge\" is not between 0 and"},
		{"\"huge\":1", "\"huge\":0.5,\"x\":1", "\"huge\" is no whole number"},
		{"\"needed\":\"a\\nb\"", "\"needed\":null", "\"needed\" is null"},
		{"\"needed\":\"a\\nb\"", "\"needed\":\"a\\u0000\"",
			"\"needed\" holds a NUL character"},
		{"\"green\"", "\"green\\u0000\"", "\"colour\" holds a NUL character"},
		{"\"0000:01:00.0\"", "\"0000:01:00.0\\u0000x\"", "\"where\" holds a NUL character"},
		{"\"chars\":null", "\"chars\":\"12345678\"", "\"chars\" is too long"},
		{"\"#7\"", "\"7\"", "\"id\" is no id"},
		{"\"#7\"", "\"#2345678\"", "\"id\" is no id"},
		{"\"green\"", "\"blue\"",
			"\"colour\" is none of the words that this version knows"},
		{"\"0000:01:00.0\"", "\"01:00\"", "\"where\" is no PCI address"},
		{"65535", "65536", "part: \"number\" is not between 0 and 65535"},
		{"\"list\":[", "\"list\":[7,", "list[0]: is no object"},
		{"\"list\":[", "\"list\":[{},{},{},", "\"list\" has more than 3 elements"},
		{"\"number\":1}]", "\"number\":\"\"}]", "list[0]: \"number\" is no whole number"},
		{"\"row\":[7]", "\"row\":[7,8,9]", "\"row\" has more than 2 elements"},
		{"\"row\":[7]", "\"row\":[7,-8]", "row[1]: is not between 0 and"},
		{"\"row\":[7]", "\"row\":{}", "\"row\" is no array"},
		{"\"small\":-5", "\"small\":13", "13 is refused"},
	};

	(void)state;
	for (size_t i = 0; i < PT_ARRAY_SIZE(cases); i++) {
		struct sample CLEARED sample = {0};
		struct pt_err err = {0};

		assert_int_equal(read_changed(cases[i].from, cases[i].to, &sample, &err), -EINVAL);
		assert_holds(err.text, cases[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_as_it_was),
		cmocka_unit_test(what_is_left_out_is_not_written),
		cmocka_unit_test(a_number_beyond_its_type_is_the_largest),
		cmocka_unit_test(older_versions_lack_keys),
		cmocka_unit_test(each_error_names_its_place),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
