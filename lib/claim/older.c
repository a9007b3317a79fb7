// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

#include "lib/claim/locks.h"
#include "lib/claim/older.h"

#define CLAIM_MAX (4U * 1024 * 1024)
#define LOCK_MS	  5000

enum state { TAKING, TAKEN, RETURNING };

static const char *const state_name[] = {
	[TAKING] = "taking",
	[TAKEN] = "taken",
	[RETURNING] = "returning",
};

struct function {
	struct pt_bdf bdf;
	char *label;
	bool companion;
	bool moved;
	bool spare; /* recorded, and not taken */
	bool has_pf;
	struct pt_bdf pf;
	struct pt_origin origin;
	char *driver, *home, *error;
	int64_t error_since;
	bool with_others;
};

struct claim {
	char *owner;
	enum state state;
	int64_t since;
	struct function *function;
	size_t count;
	struct pt_names unit;
	unsigned int vmid; /* the owner; not in the file */
};

static bool is_owner(const char *text)
{
	size_t length = strlen(text);

	return length && length < 10 && strspn(text, "0123456789") == length;
}

static const struct pt_form owner_form = {.why = "cannot own a claim", .valid = is_owner};

#define FUNCTION(key, kind, member) PT_FIELD(key, kind, struct function, member)
#define CLAIM(key, kind, member)    PT_FIELD(key, kind, struct claim, member)

static const struct pt_field function_fields[] = {
	{FUNCTION("function", FORM, bdf), .form = &pt_bdf_form},
	{FUNCTION("label", TEXT, label), PT_JSON_MAY_BE_NULL},
	{FUNCTION("companion", FLAG, companion)},
	{FUNCTION("spare", FLAG, spare)},
	{FUNCTION("moved", FLAG, moved)},
	{FUNCTION("pf", FORM, pf), PT_JSON_MAY_BE_NULL, .has = offsetof(struct function, has_pf),
		.form = &pt_bdf_form},
	{FUNCTION("origin", RECORD, origin), .of = &pt_origin_record},
	{FUNCTION("driver", TEXT, driver), PT_JSON_MAY_BE_MISSING, .form = &pt_driver_form},
	{FUNCTION("home", TEXT, home), PT_JSON_MAY_BE_NULL, .form = &pt_driver_form},
	{FUNCTION("error", TEXT, error), PT_JSON_MAY_BE_NULL},
	{FUNCTION("error_since", INT, error_since)},
	{FUNCTION("with_others", FLAG, with_others), PT_JSON_MAY_BE_MISSING},
};
static const struct pt_record function_record = {PT_RECORD(struct function, function_fields)};

static const struct pt_field unit_field[] = {
	{.kind = PT_FIELD_TEXT, .size = sizeof(char *), .form = &pt_unit_form}};
static const struct pt_record unit_record = {PT_RECORD(char *, unit_field)};

static const struct pt_field claim_fields[] = {
	{CLAIM("owner", TEXT, owner), .form = &owner_form},
	{CLAIM("state", WORD, state), PT_FIELD_WORDS(state_name)},
	{CLAIM("since", INT, since)},
	{CLAIM("functions", LIST, function), .count = offsetof(struct claim, count),
		.of = &function_record},
	{CLAIM("units", LIST, unit.name), PT_JSON_MAY_BE_MISSING,
		.count = offsetof(struct claim, unit.count), .of = &unit_record},
};
const struct pt_record pt_older_record = {PT_RECORD(struct claim, claim_fields), .version = 4};

static void clear_claim(struct claim *claim)
{
	pt_foreach (function, claim->function, claim->count) {
		free(function->label);
		pt_origin_clear(&function->origin);
		free(function->driver);
		free(function->home);
		free(function->error);
	}
	free(claim->function);
	pt_names_free(&claim->unit);
	free(claim->owner);
}

/* Returns the older folder of claims as a gate, or a negative errno. -ENOENT: there is none. */
static int open_claims(const struct pt_store *store, struct pt_host **ret)
{
	char path[64];
	int locks, folder = pt_store_older(store, &locks);

	if (folder < 0)
		return -ENOENT;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", folder);
	return pt_host_open(ret, path, NULL, NULL);
}

static bool vmid_of(const char *file, unsigned int *ret)
{
	PT_FREE char *name = pt_strdup(file);
	char *dot = strchr(name, '.');

	if (!dot || !pt_streq(dot, ".json"))
		return false;
	*dot = '\0';
	*ret = is_owner(name) ? (unsigned int)strtoul(name, NULL, 10) : 0;
	return *ret > 0;
}

static int read_claim(const struct pt_store *store, const struct pt_host *claims, const char *file,
	struct claim *ret, struct pt_err *err)
{
	struct json_object PT_JSON *json = NULL;
	PT_FREE char *text = NULL;
	size_t length;
	int r = pt_host_read(claims, file, CLAIM_MAX, &text, &length);

	if (r == -ENOENT)
		return r;
	if (r < 0)
		return pt_err_errno(err, r, "claim of %u", ret->vmid);
	json = pt_json_parse(text, length, err);
	r = json ? pt_record_from_json(&pt_older_record, json, ret, err) : -EINVAL;
	if (r == 0 && strtoul(ret->owner, NULL, 10) != ret->vmid)
		r = pt_err_set(err, -EINVAL, "it belongs to %s", ret->owner);
	return r < 0 ? pt_err_wrap(err,
			       "claim of %u is damaged (bind its devices by hand, then remove "
			       "%s/claims/%s)",
			       ret->vmid, pt_store_dir(store), file)
		     : 0;
}

/* Every file that is named like an older claim. */
static void list_claims(const struct pt_store *store, struct pt_host **ret, struct pt_names *files)
{
	struct pt_names PT_NAMES names = {0};
	unsigned int vmid;

	if (open_claims(store, ret) < 0 || pt_host_list(*ret, "/", &names) < 0)
		return;
	pt_foreach (name, names.name, names.count) {
		if (vmid_of(*name, &vmid))
			pt_names_add(files, *name);
	}
}

static void to_wishes(const struct claim *claim, struct pt_guest_record *ret)
{
	pt_foreach (function, claim->function, claim->count) {
		struct pt_wish *wish;

		/* a VF is on its PF's record */
		if (function->has_pf)
			continue;
		wish = pt_wish_add(ret, &function->bdf, function->label ? function->label : "");
		wish->role = function->spare	   ? PT_ROLE_CANDIDATE
			     : function->companion ? PT_ROLE_COMPANION
						   : PT_ROLE_TAKEN;
		pt_set_text(&wish->driver, function->driver);
		pt_set_text(&wish->home, function->home);
	}
}

static void to_guest(const struct claim *claim, struct pt_guest_record *ret)
{
	*ret = (struct pt_guest_record){.vmid = claim->vmid,
		.since = claim->since,
		.ran = claim->state != TAKING,
		.older = true,
		.state = claim->state == RETURNING ? PT_GUEST_ENDED : PT_GUEST_WANTS};
	snprintf(ret->start, sizeof(ret->start), "%llx", (unsigned long long)claim->since);
	to_wishes(claim, ret);
}

static void to_function(
	const struct claim *claim, const struct function *function, struct pt_function_record *ret)
{
	*ret = (struct pt_function_record){
		.bdf = function->bdf, .since = claim->since, .error_since = function->error_since};
	pt_origin_copy(&ret->origin, &function->origin);
	pt_set_text(&ret->error, function->error);
	pt_foreach (vf, claim->function, claim->count) {
		struct pt_vf_record *slot;

		if (!vf->has_pf || pt_bdf_compare(&vf->pf, &function->bdf) != 0)
			continue;
		slot = pt_array_grow(&ret->vf, &ret->vf_count, sizeof(*slot));
		slot->bdf = vf->bdf;
		pt_origin_copy(&slot->origin, &vf->origin);
	}
}

static bool is_on_pfs_record(const struct claim *claim, const struct function *function)
{
	if (!function->has_pf)
		return false;
	pt_foreach (pf, claim->function, claim->count) {
		if (pt_bdf_compare(&pf->bdf, &function->pf) == 0)
			return true;
	}
	return false;
}

static void to_unit(const struct claim *claim, size_t at, struct pt_unit_record *ret)
{
	*ret = (struct pt_unit_record){.order = claim->since + (int64_t)at};
	pt_set_text(&ret->unit, claim->unit.name[at]);
	pt_foreach (function, claim->function, claim->count)
		pt_bdfs_add(&ret->bdf, &ret->count, &function->bdf);
}

static bool has_function(const struct pt_records *records, const struct pt_bdf *bdf)
{
	/* not in order yet */
	pt_foreach (function, records->function, records->count) {
		if (pt_bdf_compare(&function->bdf, bdf) == 0)
			return true;
	}
	return false;
}

static void add_claim(const struct claim *claim, struct pt_records *records)
{
	to_guest(claim, pt_array_grow(&records->guest, &records->guest_count,
				sizeof(struct pt_guest_record)));
	pt_foreach (function, claim->function, claim->count) {
		if (!is_on_pfs_record(claim, function) && !has_function(records, &function->bdf))
			to_function(claim, function,
				pt_array_grow(&records->function, &records->count,
					sizeof(struct pt_function_record)));
	}
	for (size_t i = 0; i < claim->unit.count; i++)
		to_unit(claim, i,
			pt_array_grow(&records->unit, &records->unit_count,
				sizeof(struct pt_unit_record)));
}

void pt_older_read(const struct pt_store *store, struct pt_records *records)
{
	struct pt_host PT_HOST *claims = NULL;
	struct pt_names PT_NAMES files = {0};

	list_claims(store, &claims, &files);
	pt_foreach (file, files.name, files.count) {
		struct claim claim PT_CLEANUP(clear_claim) = {0};
		struct pt_err err = {0};
		int r;

		vmid_of(*file, &claim.vmid);
		r = read_claim(store, claims, *file, &claim, &err);
		if (r == 0) {
			add_claim(&claim, records);
		} else if (r != -ENOENT && !records->err.code) {
			records->err = err;
		}
	}
	pt_records_sort(records);
}

void pt_older_add(struct pt_records *older, struct pt_records *records)
{
	pt_foreach (guest, older->guest, older->guest_count) {
		*(struct pt_guest_record *)pt_array_grow(
			&records->guest, &records->guest_count, sizeof(*guest)) = *guest;
		*guest = (struct pt_guest_record){0};
	}
	pt_foreach (function, older->function, older->count) {
		if (has_function(records, &function->bdf))
			continue;
		*(struct pt_function_record *)pt_array_grow(
			&records->function, &records->count, sizeof(*function)) = *function;
		*function = (struct pt_function_record){0};
	}
	pt_foreach (unit, older->unit, older->unit_count) {
		if (pt_records_unit(records, unit->unit))
			continue;
		*(struct pt_unit_record *)pt_array_grow(
			&records->unit, &records->unit_count, sizeof(*unit)) = *unit;
		*unit = (struct pt_unit_record){0};
	}
	if (!records->err.code)
		records->err = older->err;
	pt_records_clear(older);
}

bool pt_older_has(const struct pt_store *store, unsigned int vmid)
{
	PT_FREE char *file = pt_format("%u.json", vmid);
	int locks, folder = pt_store_older(store, &locks);

	return folder >= 0 && faccessat(folder, file, F_OK, 0) == 0;
}

/* Takes the older lock of a guest. -1: there is none to take. -EWOULDBLOCK: somebody has it. */
static int lock_older(const struct pt_store *store, unsigned int vmid)
{
	PT_FREE char *file = pt_format("%u.lock", vmid);
	PT_CLOSE int fd = -1;
	int locks;

	pt_store_older(store, &locks);
	if (locks < 0)
		return -1;
	fd = openat(locks, file, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -EWOULDBLOCK;
	return PT_STEAL_FD(fd);
}

bool pt_older_busy(const struct pt_store *store, unsigned int vmid)
{
	int fd = store ? lock_older(store, vmid) : -1;
	bool busy = fd == -EWOULDBLOCK;

	pt_close_fd(&fd);
	return busy;
}

/* A hold begins anew: its age is that of its file. */
static void carry_hold(const struct pt_store *store, unsigned int vmid)
{
	PT_FREE char *file = pt_format("%u.hold", vmid);
	int locks;

	pt_store_older(store, &locks);
	if (locks >= 0 && unlinkat(locks, file, 0) == 0)
		pt_store_hold(store, vmid);
}

/* A record that is there was written by this version, and stays. */
static int write_function(const struct pt_store *store, const struct claim *claim,
	const struct function *function, struct pt_err *err)
{
	struct pt_function_record PT_FUNCTION_RECORD record = {0};
	struct pt_function_record PT_FUNCTION_RECORD there = {0};
	PT_CLOSE int lock = -1;
	int r = pt_lock_function(store, &function->bdf, PT_LOCK_ALONE, LOCK_MS, &lock, err);

	if (r < 0 || pt_function_load(store, &function->bdf, &there, NULL) == 0)
		return r;
	to_function(claim, function, &record);
	return pt_function_save(store, &record, err);
}

static int write_guest(const struct pt_store *store, const struct claim *claim, struct pt_err *err)
{
	struct pt_guest_record PT_GUEST_RECORD record = {0};
	struct pt_guest_record PT_GUEST_RECORD there = {0};
	int r;

	if (pt_guest_load(store, claim->vmid, &there, NULL) != -ENOENT)
		return 0;
	to_guest(claim, &record);
	r = pt_guest_save(store, &record, err);
	return r == 0 && record.state != PT_GUEST_WANTS
		       ? pt_guest_end(store, &record, record.state, err)
		       : r;
}

/* Adds the functions to those that the unit waits for already. */
static int write_unit(
	const struct pt_store *store, const struct claim *claim, size_t at, struct pt_err *err)
{
	struct pt_records PT_RECORDS records = {0};
	struct pt_unit_record PT_UNIT_RECORD unit = {0};
	const struct pt_unit_record *known;
	PT_CLOSE int lock = -1;
	int r = pt_lock_unit(store, claim->unit.name[at], LOCK_MS, &lock, err);

	if (r < 0)
		return r;
	to_unit(claim, at, &unit);
	pt_records_read(store, &records);
	known = pt_records_unit(&records, unit.unit);
	if (known)
		pt_unit_add(&unit, known->bdf, known->count);
	return pt_unit_save(store, &unit, err);
}

static int write_records(
	const struct pt_store *store, const struct claim *claim, struct pt_err *err)
{
	PT_CLOSE int lock = -1;
	int r = pt_lock_guest(store, claim->vmid, LOCK_MS, &lock, err);

	pt_foreach (function, claim->function, claim->count) {
		if (r == 0 && !is_on_pfs_record(claim, function))
			r = write_function(store, claim, function, err);
	}
	for (size_t i = 0; r == 0 && i < claim->unit.count; i++)
		r = write_unit(store, claim, i, err);
	return r < 0 ? r : write_guest(store, claim, err);
}

static int take_over(const struct pt_store *store, const struct pt_host *claims, const char *file,
	struct pt_err *err)
{
	struct claim claim PT_CLEANUP(clear_claim) = {0};
	int locks, folder = pt_store_older(store, &locks);
	PT_CLOSE int lock = -1;
	int r;

	vmid_of(file, &claim.vmid);
	lock = lock_older(store, claim.vmid);
	/* its worker goes on with it; the next program takes it over */
	if (lock == -EWOULDBLOCK)
		return 0;
	r = read_claim(store, claims, file, &claim, err);
	if (r == 0)
		r = write_records(store, &claim, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	carry_hold(store, claim.vmid);
	if (unlinkat(folder, file, 0) < 0 || fsync(folder) < 0)
		return pt_err_errno(err, -errno, "remove the older claim of %u", claim.vmid);
	return 0;
}

int pt_older_take_over(const struct pt_store *store, struct pt_err *err)
{
	struct pt_host PT_HOST *claims = NULL;
	struct pt_names PT_NAMES files = {0};
	int result = 0;

	list_claims(store, &claims, &files);
	pt_foreach (file, files.name, files.count) {
		int r = take_over(store, claims, *file, result ? NULL : err);

		result = result ? result : r;
	}
	return result;
}
