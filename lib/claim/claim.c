// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <time.h>

#include "lib/claim/bind.h"
#include "lib/claim/claim.h"
#include "lib/linux/systemd.h"

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

/* A driver's name becomes part of a path; "" stands for none. */
static bool is_driver(const char *text)
{
	return !*text || pt_driver_name_valid(text);
}

static const struct pt_form driver_form = {.why = "is no driver name", .valid = is_driver};
static const struct pt_form unit_form = {.why = "is no unit's name", .valid = pt_unit_name_valid};
static const struct pt_form owner_form = {
	.why = "cannot own a claim", .valid = pt_claim_owner_valid};

static int complete_function(void *record, struct pt_err *err)
{
	struct pt_claim_function *function = record;

	(void)err;
	function->has_origin = true;
	return 0;
}

#define FUNCTION(key, kind, member) PT_FIELD(key, kind, struct pt_claim_function, member)

static const struct pt_field function_fields[] = {
	{FUNCTION("function", FORM, bdf), .form = &pt_bdf_form},
	{FUNCTION("label", TEXT, label), PT_JSON_MAY_BE_NULL},
	{FUNCTION("companion", FLAG, companion)},
	{FUNCTION("spare", FLAG, spare)},
	{FUNCTION("moved", FLAG, moved)},
	{FUNCTION("pf", FORM, pf), PT_JSON_MAY_BE_NULL,
		.has = offsetof(struct pt_claim_function, has_pf), .form = &pt_bdf_form},
	{FUNCTION("origin", RECORD, origin), .of = &pt_origin_record},
	{FUNCTION("driver", TEXT, driver), PT_JSON_MAY_BE_MISSING, .form = &driver_form},
	{FUNCTION("home", TEXT, home), PT_JSON_MAY_BE_NULL, .form = &driver_form},
	{FUNCTION("error", TEXT, error), PT_JSON_MAY_BE_NULL},
	{FUNCTION("error_since", INT, error_since)},
	{FUNCTION("with_others", FLAG, with_others), PT_JSON_MAY_BE_MISSING},
};
static const struct pt_record function_record = {
	PT_RECORD(struct pt_claim_function, function_fields), .complete = complete_function};

static const struct pt_field unit_field[] = {
	{.kind = PT_FIELD_TEXT, .size = sizeof(char *), .form = &unit_form}};
static const struct pt_record unit_record = {PT_RECORD(char *, unit_field)};

static int complete_claim(void *record, struct pt_err *err)
{
	(void)err;
	sort(record);
	return 0;
}

#define CLAIM(key, kind, member) PT_FIELD(key, kind, struct pt_claim, member)

static const struct pt_field claim_fields[] = {
	{CLAIM("owner", TEXT, owner), .form = &owner_form},
	{CLAIM("state", WORD, state), PT_FIELD_WORDS(state_name)},
	{CLAIM("since", INT, since)},
	{CLAIM("functions", LIST, function), .count = offsetof(struct pt_claim, count),
		.of = &function_record},
	{CLAIM("units", LIST, unit.name), PT_JSON_MAY_BE_MISSING,
		.count = offsetof(struct pt_claim, unit.count), .of = &unit_record},
};
const struct pt_record pt_claim_record = {
	PT_RECORD(struct pt_claim, claim_fields), .version = 4, .complete = complete_claim};

int pt_claim_from_json(struct json_object *json, struct pt_claim **ret, struct pt_err *err)
{
	struct pt_claim PT_CLAIM *claim = pt_calloc(1, sizeof(*claim));
	int r = pt_record_from_json(&pt_claim_record, json, claim, err);

	if (r == 0)
		*ret = PT_STEAL(claim);
	return r;
}
