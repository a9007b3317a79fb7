// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/claim/bind.h"
#include "lib/claim/records.h"
#include "lib/linux/systemd.h"

const char *const pt_role_name[PT_ROLES] = {
	[PT_ROLE_CANDIDATE] = "candidate",
	[PT_ROLE_TAKEN] = "taken",
	[PT_ROLE_COMPANION] = "companion",
};

static void clear_wish(struct pt_wish *wish)
{
	free(wish->entry);
	free(wish->driver);
	free(wish->home);
}

void pt_guest_record_clear(struct pt_guest_record *record)
{
	pt_foreach (wish, record->wish, record->count)
		clear_wish(wish);
	free(record->wish);
	*record = (struct pt_guest_record){0};
}

void pt_function_record_clear(struct pt_function_record *record)
{
	pt_origin_clear(&record->origin);
	pt_foreach (vf, record->vf, record->vf_count)
		pt_origin_clear(&vf->origin);
	free(record->vf);
	free(record->home);
	free(record->error);
	*record = (struct pt_function_record){0};
}

void pt_unit_record_clear(struct pt_unit_record *record)
{
	free(record->unit);
	free(record->bdf);
	*record = (struct pt_unit_record){0};
}

void pt_records_clear(struct pt_records *records)
{
	pt_foreach (function, records->function, records->count)
		pt_function_record_clear(function);
	pt_foreach (guest, records->guest, records->guest_count)
		pt_guest_record_clear(guest);
	pt_foreach (unit, records->unit, records->unit_count)
		pt_unit_record_clear(unit);
	free(records->function);
	free(records->guest);
	free(records->unit);
	*records = (struct pt_records){0};
}

static int compare_wishes(const void *a, const void *b)
{
	const struct pt_wish *x = a, *y = b;

	return pt_bdf_compare(&x->bdf, &y->bdf);
}

static void sort_wishes(struct pt_guest_record *record)
{
	if (record->count)
		qsort(record->wish, record->count, sizeof(*record->wish), compare_wishes);
}

struct pt_wish *pt_wish_find(const struct pt_guest_record *record, const struct pt_bdf *bdf)
{
	const struct pt_wish key = {.bdf = *bdf};

	return record->count
		       ? bsearch(&key, record->wish, record->count, sizeof(key), compare_wishes)
		       : NULL;
}

struct pt_wish *pt_wish_add(
	struct pt_guest_record *record, const struct pt_bdf *bdf, const char *entry)
{
	struct pt_wish *wish = pt_wish_find(record, bdf);

	if (!wish) {
		wish = pt_array_grow(&record->wish, &record->count, sizeof(*wish));
		wish->bdf = *bdf;
		wish->group = PT_GROUP_NONE;
		sort_wishes(record);
		wish = pt_wish_find(record, bdf);
	}
	pt_set_text(&wish->entry, entry);
	return wish;
}

void pt_wish_remove(struct pt_guest_record *record, const struct pt_bdf *bdf)
{
	struct pt_wish *wish = pt_wish_find(record, bdf);
	size_t at;

	if (!wish)
		return;
	at = (size_t)(wish - record->wish);
	clear_wish(wish);
	record->count--;
	memmove(wish, wish + 1, (record->count - at) * sizeof(*wish));
}

static int compare_functions(const void *a, const void *b)
{
	const struct pt_function_record *x = a, *y = b;

	return pt_bdf_compare(&x->bdf, &y->bdf);
}

struct pt_function_record *pt_records_function(
	const struct pt_records *records, const struct pt_bdf *bdf)
{
	const struct pt_function_record key = {.bdf = *bdf};

	return records->count ? bsearch(&key, records->function, records->count, sizeof(key),
					compare_functions)
			      : NULL;
}

struct pt_guest_record *pt_records_guest(const struct pt_records *records, unsigned int vmid)
{
	pt_foreach (guest, records->guest, records->guest_count) {
		if (guest->vmid == vmid && guest->state == PT_GUEST_WANTS)
			return guest;
	}
	return NULL;
}

struct pt_function_record *pt_records_pf(const struct pt_records *records, const struct pt_bdf *vf)
{
	pt_foreach (function, records->function, records->count) {
		pt_foreach (one, function->vf, function->vf_count) {
			if (pt_bdf_compare(&one->bdf, vf) == 0)
				return function;
		}
	}
	return NULL;
}

struct pt_unit_record *pt_records_unit(const struct pt_records *records, const char *unit)
{
	pt_foreach (record, records->unit, records->unit_count) {
		if (pt_streq(record->unit, unit))
			return record;
	}
	return NULL;
}

void pt_unit_add(struct pt_unit_record *unit, const struct pt_bdf *bdf, size_t count)
{
	pt_foreach (one, bdf, count) {
		if (!pt_bdfs_have(unit->bdf, unit->count, one))
			pt_bdfs_add(&unit->bdf, &unit->count, one);
	}
}

static int compare_guests(const void *a, const void *b)
{
	const struct pt_guest_record *x = a, *y = b;

	if (x->since != y->since)
		return x->since < y->since ? -1 : 1;
	if (x->vmid != y->vmid)
		return x->vmid < y->vmid ? -1 : 1;
	return strcmp(x->start, y->start);
}

void pt_records_sort(struct pt_records *records)
{
	if (records->count)
		qsort(records->function, records->count, sizeof(*records->function),
			compare_functions);
	if (records->guest_count)
		qsort(records->guest, records->guest_count, sizeof(*records->guest),
			compare_guests);
}

bool pt_function_is_recorded(const struct pt_host *host, const struct pt_function_record *record)
{
	char vendor[PT_PCI_ID_TEXT], device[PT_PCI_ID_TEXT];

	return !record->vendor[0] || pt_function_read_ids(host, &record->bdf, vendor, device) < 0 ||
	       (pt_streq(vendor, record->vendor) && pt_streq(device, record->device));
}

void pt_records_learn_groups(const struct pt_host *host, struct pt_records *records)
{
	pt_foreach (guest, records->guest, records->guest_count) {
		pt_foreach (wish, guest->wish, guest->count)
			wish->group = pt_function_read_group(host, &wish->bdf);
	}
}

static bool wants(
	const struct pt_guest_record *guest, const struct pt_bdf *bdf, int group, bool taken)
{
	if (guest->unreadable)
		return !taken;
	pt_foreach (wish, guest->wish, guest->count) {
		if ((!taken || wish->role == PT_ROLE_TAKEN) &&
			(pt_bdf_compare(&wish->bdf, bdf) == 0 ||
				(group != PT_GROUP_NONE && wish->group == group)))
			return true;
	}
	return false;
}

const struct pt_guest_record *pt_records_wanted(const struct pt_records *records,
	const struct pt_bdf *bdf, int group, unsigned int but, bool taken)
{
	pt_foreach (guest, records->guest, records->guest_count) {
		if (guest->state == PT_GUEST_WANTS && guest->vmid != but &&
			wants(guest, bdf, group, taken))
			return guest;
	}
	return NULL;
}

/* The last that has ended, with the function as a candidate or not. */
static const struct pt_guest_record *last_with(const struct pt_records *records,
	const struct pt_bdf *bdf, bool candidate, const struct pt_wish **ret_wish)
{
	for (size_t i = records->guest_count; i-- > 0;) {
		const struct pt_guest_record *guest = &records->guest[i];
		const struct pt_wish *wish =
			guest->state == PT_GUEST_WANTS ? NULL : pt_wish_find(guest, bdf);

		if (!wish || (wish->role == PT_ROLE_CANDIDATE) != candidate)
			continue;
		*ret_wish = wish;
		return guest;
	}
	return NULL;
}

const struct pt_guest_record *pt_records_last(
	const struct pt_records *records, const struct pt_bdf *bdf, const struct pt_wish **ret_wish)
{
	const struct pt_guest_record *guest = last_with(records, bdf, false, ret_wish);

	return guest ? guest : last_with(records, bdf, true, ret_wish);
}

bool pt_records_kept(const struct pt_records *records, const struct pt_function_record *record)
{
	const struct pt_wish *wish;

	return record->home && !pt_records_last(records, &record->bdf, &wish);
}

static bool is_driver(const char *text)
{
	return !*text || pt_driver_name_valid(text);
}

bool pt_start_valid(const char *text)
{
	size_t length = strlen(text);

	return length && length < PT_START_TEXT && strspn(text, "0123456789abcdef") == length;
}

const struct pt_form pt_driver_form = {.why = "is no driver name", .valid = is_driver};
static const struct pt_form start_form = {.why = "is no name of a start", .valid = pt_start_valid};
const struct pt_form pt_unit_form = {.why = "is no unit's name", .valid = pt_unit_name_valid};

#define WISH(key, kind, member)	    PT_FIELD(key, kind, struct pt_wish, member)
#define GUEST(key, kind, member)    PT_FIELD(key, kind, struct pt_guest_record, member)
#define VF(key, kind, member)	    PT_FIELD(key, kind, struct pt_vf_record, member)
#define FUNCTION(key, kind, member) PT_FIELD(key, kind, struct pt_function_record, member)
#define UNIT(key, kind, member)	    PT_FIELD(key, kind, struct pt_unit_record, member)

static int complete_wish(void *record, struct pt_err *err)
{
	struct pt_wish *wish = record;

	(void)err;
	wish->group = PT_GROUP_NONE;
	return 0;
}

static const struct pt_field wish_fields[] = {
	{WISH("function", FORM, bdf), .form = &pt_bdf_form},
	{WISH("entry", TEXT, entry)},
	{WISH("role", WORD, role), PT_FIELD_WORDS(pt_role_name)},
	{WISH("driver", TEXT, driver), PT_JSON_MAY_BE_NULL, .form = &pt_driver_form},
	{WISH("home", TEXT, home), PT_JSON_MAY_BE_NULL, .form = &pt_driver_form},
};
static const struct pt_record wish_record = {
	PT_RECORD(struct pt_wish, wish_fields), .complete = complete_wish};

static int complete_guest(void *record, struct pt_err *err)
{
	(void)err;
	sort_wishes(record);
	return 0;
}

static const struct pt_field guest_fields[] = {
	{GUEST("guest", UINT, vmid)},
	{GUEST("start", CHARS, start), .form = &start_form},
	{GUEST("since", INT, since)},
	{GUEST("ran", FLAG, ran)},
	{GUEST("for_backup", FLAG, for_backup)},
	{GUEST("watched", FLAG, watched), PT_JSON_MAY_BE_MISSING},
	{GUEST("functions", LIST, wish), .count = offsetof(struct pt_guest_record, count),
		.of = &wish_record},
};
const struct pt_record pt_guest_file = {
	PT_RECORD(struct pt_guest_record, guest_fields), .version = 1, .complete = complete_guest};

static const struct pt_field vf_fields[] = {
	{VF("function", FORM, bdf), .form = &pt_bdf_form},
	{VF("origin", RECORD, origin), .of = &pt_origin_record},
};
static const struct pt_record vf_record = {PT_RECORD(struct pt_vf_record, vf_fields)};

static const struct pt_field function_fields[] = {
	{FUNCTION("function", FORM, bdf), .form = &pt_bdf_form},
	{FUNCTION("vendor", CHARS, vendor)},
	{FUNCTION("device", CHARS, device)},
	{FUNCTION("since", INT, since)},
	{FUNCTION("origin", RECORD, origin), .of = &pt_origin_record},
	{FUNCTION("virtual_functions", LIST, vf),
		.count = offsetof(struct pt_function_record, vf_count), .of = &vf_record},
	{FUNCTION("home", TEXT, home), PT_JSON_MAY_BE_NULL, .form = &pt_driver_form},
	{FUNCTION("error", TEXT, error), PT_JSON_MAY_BE_NULL},
	{FUNCTION("error_since", INT, error_since)},
};
const struct pt_record pt_function_file = {
	PT_RECORD(struct pt_function_record, function_fields), .version = 1};

static const struct pt_field unit_fields[] = {
	{UNIT("unit", TEXT, unit), .form = &pt_unit_form},
	{UNIT("order", INT, order)},
	{UNIT("functions", LIST, bdf), .count = offsetof(struct pt_unit_record, count),
		.of = &pt_bdf_record},
};
const struct pt_record pt_unit_file = {PT_RECORD(struct pt_unit_record, unit_fields), .version = 1};
