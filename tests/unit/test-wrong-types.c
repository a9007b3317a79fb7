// SPDX-License-Identifier: AGPL-3.0-or-later
/* Each value of each record, tests/records, replaced by one of every other JSON type: no reader
 * takes it. */
#include "pve/check/check.h"
#include "pve/config/identity.h"
#include "pve/node/node-json.h"
#include "tests/unit/unit.h"

#define RECORDS "tests/records/"

/* Reads a record, and drops it again. */
typedef int reader(struct json_object *json, struct pt_err *err);

static int read_facts(struct json_object *json, struct pt_err *err)
{
	struct pt_node PT_NODE *node = NULL;

	return pt_node_from_json(json, pt_check_allowing, &node, err);
}

static int read_identity(struct json_object *json, struct pt_err *err)
{
	struct pt_identities PT_IDENTITIES identities = {0};

	return pt_record_from_json(&pt_identities_record, json, &identities, err);
}

static struct fake *machine;

/* Reads a record from where the store has it. */
static int read_there(struct json_object *json, const char *path, struct pt_err *err)
{
	struct pt_store PT_STORE *store = NULL;
	struct pt_records PT_RECORDS records = {0};

	fake_file(machine, path, json_object_to_json_string(json));
	store = open_store(machine, "/run/pt");
	pt_records_read(store, &records);
	*err = records.err;
	return records.err.code;
}

static int read_claim(struct json_object *json, struct pt_err *err)
{
	return read_there(json, "/run/pt/claims/100.json", err);
}

static int read_function(struct json_object *json, struct pt_err *err)
{
	return read_there(json, "/run/pt/function/0000:04:00.0.json", err);
}

static int read_guest(struct json_object *json, struct pt_err *err)
{
	return read_there(json, "/run/pt/guest/100.json", err);
}

static int read_unit(struct json_object *json, struct pt_err *err)
{
	return read_there(json, "/run/pt/unit/jellyfin.service.json", err);
}

struct child {
	struct json_object *value;
	const char *key; /* of an object's member; else the index counts */
	size_t index;
};

/* The child of that number. False: there are fewer. */
static bool find_child(struct json_object *of, size_t number, struct child *ret)
{
	if (json_object_is_type(of, json_type_array)) {
		*ret = (struct child){json_object_array_get_idx(of, number), NULL, number};
		return number < json_object_array_length(of);
	}
	if (!json_object_is_type(of, json_type_object))
		return false;
	json_object_object_foreach(of, key, value)
	{
		if (number-- == 0) {
			*ret = (struct child){value, key, 0};
			return true;
		}
	}
	return false;
}

static void put_child(struct json_object *of, const struct child *child, struct json_object *value)
{
	if (child->key)
		json_object_object_add(of, child->key, value);
	else
		json_object_array_put_idx(of, child->index, value);
}

static struct json_object *one_of(enum json_type type)
{
	switch (type) {
	case json_type_boolean:
		return json_object_new_boolean(true);
	case json_type_double:
		return json_object_new_double(1.5);
	case json_type_int:
		return json_object_new_int(1);
	case json_type_object:
		return json_object_new_object();
	case json_type_array:
		return json_object_new_array();
	case json_type_string:
		return json_object_new_string("x");
	case json_type_null:
		break;
	}
	return NULL;
}

struct attempt {
	struct json_object *whole;
	reader *read;
	const char *name;
	size_t tried;
	bool config; /* inside a guest's config, where texts, numbers and booleans are equal */
};

static bool is_scalar(enum json_type type)
{
	return type != json_type_null && type != json_type_object && type != json_type_array;
}

/* Keys of older versions that nobody reads any more. */
static bool is_unread(const char *key)
{
	return pt_streq(key, "slot_mates");
}

/* Replaces one value by those of all other types, and puts it back. */
static void replace(struct attempt *attempt, struct json_object *of, const struct child *child)
{
	struct json_object *was = json_object_get(child->value);

	for (enum json_type type = json_type_null; type <= json_type_string; type++) {
		struct pt_err err = {0};
		int r;

		if (json_object_is_type(was, type) || (attempt->config && is_scalar(type)))
			continue;
		put_child(of, child, one_of(type));
		r = attempt->read(attempt->whole, &err);
		attempt->tried++;
		/* null may stand for a text or a record that is not there */
		if (r == 0 && type != json_type_null)
			fail_msg("%s: \"%s\"[%zu] may be %s", attempt->name,
				child->key ? child->key : "", child->index,
				json_type_to_name(type));
		if (r < 0 && !err.text[0])
			fail_msg("%s: \"%s\" fails without a reason", attempt->name, child->key);
	}
	put_child(of, child, was);
}

static void walk(struct attempt *attempt, struct json_object *of)
{
	const bool config = attempt->config;
	struct child child;

	for (size_t i = 0; find_child(of, i, &child); i++) {
		/* what null stands for is not known here */
		if (child.value && !is_unread(child.key))
			replace(attempt, of, &child);
		attempt->config = config || pt_streq(child.key, "config");
		find_child(of, i, &child);
		walk(attempt, child.value);
		attempt->config = config;
	}
}

static void no_reader_takes_another_type(void **state)
{
	static const struct {
		const char *name;
		reader *read;
	} records[] = {
		{"facts-1-first.json", read_facts},
		{"facts-1-last.json", read_facts},
		{"facts-2.json", read_facts},
		{"identity-1.json", read_identity},
		{"claim-4-first.json", read_claim},
		{"claim-4-last.json", read_claim},
		{"function-1.json", read_function},
		{"guest-1.json", read_guest},
		{"unit-1.json", read_unit},
	};

	machine = *state;
	fake_file(machine, "/proc/sys/kernel/random/boot_id",
		"11111111-2222-3333-4444-555555555555\n");
	pt_foreach (record, records, PT_ARRAY_SIZE(records)) {
		PT_FREE char *path = pt_format(RECORDS "%s", record->name);
		struct json_object PT_JSON *json = json_object_from_file(path);
		struct attempt attempt = {json, record->read, record->name, 0};
		struct pt_err err = {0};

		assert_non_null(json);
		walk(&attempt, json);
		assert_true(attempt.tried > 25);
		fake_remove(machine, "/run/pt");
		/* everything is back */
		if (record->read(json, &err) < 0)
			fail_msg("%s: %s", record->name, err.text);
		assert_true(record->read(NULL, &err) < 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(no_reader_takes_another_type),
	};

	return cmocka_run_group_tests_name("wrong-types", tests, NULL, NULL);
}
