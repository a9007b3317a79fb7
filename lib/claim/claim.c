// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <time.h>

#include "lib/claim/bind.h"
#include "lib/claim/claim.h"
#include "lib/base/json.h"
#include "lib/linux/systemd.h"

#define VERSION 4

static const char *const state_name[] = {
	[PT_CLAIM_TAKING] = "taking",
	[PT_CLAIM_TAKEN] = "taken",
	[PT_CLAIM_RETURNING] = "returning",
};

const char *pt_claim_state_name(enum pt_claim_state state)
{
	return state_name[state];
}

bool pt_claim_owner_valid(const char *owner)
{
	size_t length = strlen(owner);

	return length > 0 && length < 64 && owner[0] != '-' &&
	       strspn(owner, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") ==
		       length;
}

bool pt_claim_in_part(const struct pt_claim_function *function, enum pt_part part)
{
	return !function->parked &&
	       (part == PT_PART_ALL || function->spare == (part == PT_PART_SPARE));
}

int pt_claim_new(struct pt_claim **ret, const char *owner, struct pt_err *err)
{
	struct pt_claim PT_CLAIM *claim = NULL;

	if (!pt_claim_owner_valid(owner))
		return pt_err_set(err, -EINVAL, "'%s' cannot own a claim", owner);
	claim = pt_calloc(1, sizeof(*claim));
	pt_set_text(&claim->owner, owner);
	claim->since = time(NULL);
	*ret = PT_STEAL(claim);
	return 0;
}

static void clear_function(struct pt_claim_function *function)
{
	free(function->label);
	pt_origin_clear(&function->origin);
	free(function->error);
	free(function->driver);
	free(function->home);
}

void pt_claim_free(struct pt_claim *claim)
{
	if (!claim)
		return;
	pt_foreach (function, claim->function, claim->count)
		clear_function(function);
	free(claim->function);
	pt_names_free(&claim->unit);
	free(claim->owner);
	free(claim);
}

void pt_claim_free_p(struct pt_claim **claim)
{
	pt_claim_free(PT_STEAL(*claim));
}

struct pt_claim_function *pt_claim_find(const struct pt_claim *claim, const struct pt_bdf *bdf)
{
	pt_foreach (function, claim->function, claim->count) {
		if (pt_bdf_compare(&function->bdf, bdf) == 0)
			return function;
	}
	return NULL;
}

static int compare_functions(const void *a, const void *b)
{
	const struct pt_claim_function *x = a, *y = b;

	return pt_bdf_compare(&x->bdf, &y->bdf);
}

static void sort(struct pt_claim *claim)
{
	if (claim->count)
		qsort(claim->function, claim->count, sizeof(*claim->function), compare_functions);
}

struct pt_claim_function *pt_claim_add(
	struct pt_claim *claim, const struct pt_bdf *bdf, const char *label)
{
	struct pt_claim_function *function = pt_claim_find(claim, bdf);

	if (!function) {
		function = pt_array_grow(&claim->function, &claim->count, sizeof(*function));
		function->bdf = *bdf;
		sort(claim);
		function = pt_claim_find(claim, bdf);
	}
	pt_set_text(&function->label, label);
	return function;
}

const char *pt_claim_driver(const struct pt_claim_function *function)
{
	return function->driver && *function->driver ? function->driver : PT_VFIO_PCI;
}

void pt_claim_remove(struct pt_claim *claim, const struct pt_bdf *bdf)
{
	struct pt_claim_function *function = pt_claim_find(claim, bdf);
	size_t at;

	if (!function)
		return;
	at = (size_t)(function - claim->function);
	clear_function(function);
	claim->count--;
	memmove(function, function + 1, (claim->count - at) * sizeof(*function));
}

void pt_claim_set_error(struct pt_claim_function *function, const char *error)
{
	if (!error)
		function->error_since = 0;
	if (!error)
		function->with_others = false;
	else if (!function->error)
		function->error_since = time(NULL);
	pt_set_text(&function->error, error);
}

static struct json_object *function_to_json(const struct pt_claim_function *function)
{
	struct json_object *json = json_object_new_object();

	pt_json_add_text(json, "function", PT_BDF(&function->bdf));
	pt_json_add_text(json, "label", function->label);
	pt_json_add_flag(json, "companion", function->companion);
	pt_json_add_flag(json, "spare", function->spare);
	pt_json_add_flag(json, "moved", function->moved);
	pt_json_add_text(json, "pf", function->has_pf ? PT_BDF(&function->pf) : NULL);
	json_object_object_add(json, "origin", pt_origin_to_json(&function->origin));
	pt_json_add_text(json, "driver", function->driver);
	pt_json_add_text(json, "home", function->home);
	pt_json_add_text(json, "error", function->error);
	pt_json_add_number(json, "error_since", function->error_since);
	pt_json_add_flag(json, "with_others", function->with_others);
	return json;
}

struct json_object *pt_claim_to_json(const struct pt_claim *claim)
{
	struct json_object *json = json_object_new_object();
	struct json_object *functions = json_object_new_array();
	struct json_object *units = json_object_new_array();

	pt_json_add_number(json, "version", VERSION);
	pt_json_add_text(json, "owner", claim->owner);
	pt_json_add_text(json, "state", state_name[claim->state]);
	pt_json_add_number(json, "since", claim->since);
	pt_foreach (function, claim->function, claim->count)
		json_object_array_add(functions, function_to_json(function));
	json_object_object_add(json, "functions", functions);
	pt_foreach (unit, claim->unit.name, claim->unit.count)
		json_object_array_add(units, json_object_new_string(*unit));
	json_object_object_add(json, "units", units);
	return json;
}

/* A driver's name becomes part of a path. */
static void read_driver(
	struct pt_json_reader *reader, const char *key, enum pt_json_need need, char **ret)
{
	pt_json_copy_text(reader, key, need, ret);
	if (*ret && **ret && !pt_driver_name_valid(*ret))
		pt_json_refuse(reader, key, "is no driver name");
}

static int function_from_json(
	struct json_object *json, struct pt_claim_function *ret, struct pt_err *err)
{
	struct pt_json_reader reader = {json, err, 0};
	struct pt_json_reader origin = {NULL, err, 0};

	pt_json_bdf(&reader, "function", PT_JSON_NEEDED, &ret->bdf);
	ret->has_pf = pt_json_bdf(&reader, "pf", PT_JSON_MAY_BE_NULL, &ret->pf);
	pt_json_copy_text(&reader, "label", PT_JSON_MAY_BE_NULL, &ret->label);
	pt_json_copy_text(&reader, "error", PT_JSON_MAY_BE_NULL, &ret->error);
	read_driver(&reader, "driver", PT_JSON_MAY_BE_MISSING, &ret->driver);
	read_driver(&reader, "home", PT_JSON_MAY_BE_NULL, &ret->home);
	ret->companion = pt_json_flag(&reader, "companion");
	ret->spare = pt_json_flag(&reader, "spare");
	ret->moved = pt_json_flag(&reader, "moved");
	ret->error_since = (int64_t)pt_json_uint64(&reader, "error_since");
	/* older claims lack it */
	if (pt_json_has(&reader, "with_others"))
		ret->with_others = pt_json_flag(&reader, "with_others");
	if (reader.result < 0)
		return reader.result;
	if (!json_object_object_get_ex(json, "origin", &origin.object))
		return pt_err_set(err, -EINVAL, "\"origin\" is missing");
	pt_origin_from_json(&origin, &ret->origin);
	ret->has_origin = true;
	return origin.result;
}

/* Their names go to systemd. A claim of before there were any has no such list. */
static int units_from_json(struct json_object *json, struct pt_names *ret, struct pt_err *err)
{
	struct pt_json_reader reader = {json, err, 0};
	struct json_object *units;

	if (!pt_json_has(&reader, "units"))
		return 0;
	units = pt_json_array(&reader, "units");
	for (size_t i = 0; units && i < json_object_array_length(units); i++) {
		struct json_object *unit = json_object_array_get_idx(units, i);

		if (!json_object_is_type(unit, json_type_string) ||
			!pt_unit_name_valid(json_object_get_string(unit)))
			return pt_err_set(err, -EINVAL, "units[%zu]: is no unit's name", i);
		pt_names_add(ret, json_object_get_string(unit));
	}
	return reader.result;
}

int pt_claim_from_json(struct json_object *json, struct pt_claim **ret, struct pt_err *err)
{
	struct pt_claim PT_CLAIM *claim = NULL;
	struct pt_json_reader reader = {json, err, 0};
	const char *owner = pt_json_text(&reader, "owner", PT_JSON_NEEDED);
	struct json_object *functions = pt_json_array(&reader, "functions");
	int r;

	if (pt_json_int(&reader, "version") != VERSION)
		pt_json_refuse(&reader, "version", "is none that this version knows");
	if (reader.result < 0)
		return reader.result;
	r = pt_claim_new(&claim, owner, err);
	if (r < 0)
		return r;
	claim->since = (int64_t)pt_json_uint64(&reader, "since");
	claim->state = (enum pt_claim_state)pt_json_word(&reader, "state", state_name,
		PT_ARRAY_SIZE(state_name), "is none that this version knows");
	r = reader.result;
	for (size_t i = 0; r == 0 && i < json_object_array_length(functions); i++) {
		struct pt_claim_function *slot =
			pt_array_grow(&claim->function, &claim->count, sizeof(*slot));

		r = function_from_json(json_object_array_get_idx(functions, i), slot, err);
		if (r < 0)
			pt_err_wrap(err, "functions[%zu]", i);
	}
	if (r == 0)
		r = reader.result;
	if (r == 0)
		r = units_from_json(json, &claim->unit, err);
	if (r < 0)
		return r;
	sort(claim);
	*ret = PT_STEAL(claim);
	return 0;
}
