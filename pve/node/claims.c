// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "pve/config/live.h"
#include "pve/config/runstate.h"
#include "pve/node/claims.h"

#define TRIES "the timer tries again every five minutes, and "

static const char *const standing_words[] = {
	[PT_STANDING_TAKEN] = "taken",
	[PT_STANDING_WANTED] = "wanted",
	[PT_STANDING_BUSY] = "busy",
	[PT_STANDING_HELD] = "held",
	[PT_STANDING_STALE] = "stale",
	[PT_STANDING_RETURNING] = "returning",
	[PT_STANDING_KEPT] = "kept",
	[PT_STANDING_UNREADABLE] = "unreadable",
};

const char *pt_standing_word(enum pt_standing standing)
{
	return standing_words[standing];
}

/* Errors of others have no code. */
static int complete(void *record, struct pt_err *err)
{
	struct pt_claims *claims = record;

	(void)err;
	pt_make_plain(claims->why.text);
	if (claims->why.text[0])
		claims->why.code = -EIO;
	return 0;
}

#define FUNCTION(key, kind, member) PT_FIELD(key, kind, struct pt_shown_function, member)
#define CLAIM(key, kind, member)    PT_FIELD(key, kind, struct pt_shown_claim, member)
#define NODE(key, kind, member)	    PT_FIELD(key, kind, struct pt_claims, member)

static const struct pt_field function_fields[] = {
	{FUNCTION("function", FORM, bdf), .form = &pt_bdf_form},
	{FUNCTION("label", TEXT, entry), PT_JSON_MAY_BE_NULL, .about = "the entry that names it"},
	{FUNCTION("role", WORD, role), .word = pt_role_name, .words = PT_ROLES},
	{FUNCTION("pf", FORM, pf), PT_JSON_MAY_BE_NULL,
		.has = offsetof(struct pt_shown_function, has_pf), .form = &pt_bdf_form,
		.about = "it is a VF of this function, and went with it"},
	{FUNCTION("origin", RECORD, origin), PT_JSON_MAY_BE_NULL,
		.has = offsetof(struct pt_shown_function, has_origin), .of = &pt_origin_record},
	{FUNCTION("driver", TEXT, driver), PT_JSON_MAY_BE_NULL,
		.about = "that it is taken to; null: vfio-pci"},
	{FUNCTION("home", TEXT, home), PT_JSON_MAY_BE_NULL,
		.about = "the driver that local policy sends it to; null: that of its origin"},
	{FUNCTION("error", TEXT, error), PT_JSON_MAY_BE_NULL, .about = "why it could not return"},
	{FUNCTION("error_since", INT, error_since)},
};
static const struct pt_record function_record = {
	PT_RECORD(struct pt_shown_function, function_fields)};

static const struct pt_field claim_fields[] = {
	{CLAIM("vmid", UINT, vmid), .max = PT_VMID_MAX, .about = "0: nobody's"},
	{CLAIM("runs", FLAG, runs)},
	{CLAIM("state", WORD, standing), PT_FIELD_WORDS(standing_words)},
	{CLAIM("why", TEXT, why), PT_JSON_MAY_BE_NULL},
	{CLAIM("next", TEXT, next), PT_JSON_MAY_BE_NULL,
		.about = "what happens next, or can be done"},
	{CLAIM("since", INT, since), .about = "in seconds since 1970"},
	{CLAIM("functions", LIST, function), .count = offsetof(struct pt_shown_claim, count),
		.of = &function_record},
	{CLAIM("units", LIST, unit.name), .count = offsetof(struct pt_shown_claim, unit.count),
		.of = &pt_text_record, .about = "of systemd, that wait for the functions"},
};
static const struct pt_record claim_record = {PT_RECORD(struct pt_shown_claim, claim_fields)};

static const struct pt_field node_fields[] = {
	{NODE("node", CHARS, node)},
	{NODE("why", CHARS, why.text), PT_JSON_MAY_BE_NULL,
		.about = "why the claims, or some of them, are not known"},
	{NODE("claims", LIST, claim), .count = offsetof(struct pt_claims, count),
		.of = &claim_record},
};
const struct pt_record pt_claims_of_node_record = {
	PT_RECORD(struct pt_claims, node_fields), .complete = complete};
const struct pt_record pt_claims_record = {PT_RECORD(struct pt_claims, node_fields), .version = 1,
	.complete = complete, .about = "of one node"};

void pt_claims_clear(struct pt_claims *claims)
{
	pt_foreach (claim, claims->claim, claims->count) {
		pt_foreach (function, claim->function, claim->count) {
			free(function->entry);
			free(function->driver);
			free(function->home);
			free(function->error);
			pt_origin_clear(&function->origin);
		}
		free(claim->function);
		free(claim->why);
		free(claim->next);
		pt_names_free(&claim->unit);
	}
	free(claims->claim);
	*claims = (struct pt_claims){0};
}

static struct pt_shown_function *add_function(struct pt_shown_claim *claim,
	const struct pt_bdf *bdf, const struct pt_function_record *record)
{
	struct pt_shown_function *slot =
		pt_array_grow(&claim->function, &claim->count, sizeof(*slot));

	slot->bdf = *bdf;
	if (!record)
		return slot;
	slot->has_origin = !record->unreadable;
	pt_origin_copy(&slot->origin, &record->origin);
	pt_set_text(&slot->home, record->home);
	pt_set_text(&slot->error, record->error);
	slot->error_since = record->error_since;
	return slot;
}

/* The VFs of a PF's record. */
static void add_vfs(struct pt_shown_claim *claim, const struct pt_function_record *record,
	const struct pt_wish *wish)
{
	pt_foreach (vf, record->vf, record->vf_count) {
		struct pt_shown_function *slot = add_function(claim, &vf->bdf, NULL);

		pt_set_text(&slot->entry, wish->entry);
		slot->role = wish->role;
		slot->has_pf = true;
		slot->pf = wish->bdf;
		slot->has_origin = true;
		pt_origin_copy(&slot->origin, &vf->origin);
	}
}

static void add_wish(
	struct pt_shown_claim *claim, const struct pt_records *records, const struct pt_wish *wish)
{
	const struct pt_function_record *record = pt_records_function(records, &wish->bdf);
	struct pt_shown_function *slot = add_function(claim, &wish->bdf, record);

	pt_set_text(&slot->entry, wish->entry);
	slot->role = wish->role;
	pt_set_text(&slot->driver, wish->driver);
	if (!slot->home)
		pt_set_text(&slot->home, wish->home);
	if (record)
		add_vfs(claim, record, wish);
}

static void add_units(
	struct pt_shown_claim *claim, const struct pt_records *records, const struct pt_bdf *bdf)
{
	pt_foreach (unit, records->unit, records->unit_count) {
		if (pt_bdfs_have(unit->bdf, unit->count, bdf) &&
			!pt_names_hold(&claim->unit, unit->unit))
			pt_names_add(&claim->unit, unit->unit);
	}
}

/* A guest that has ended shows what is not back, and in nobody else's hands. */
static bool is_shown(const struct pt_records *records, const struct pt_guest_record *guest,
	const struct pt_bdf *bdf)
{
	const struct pt_function_record *record = pt_records_function(records, bdf);

	return guest->state == PT_GUEST_WANTS ||
	       (record && !pt_records_wanted(records, bdf, PT_GROUP_NONE, 0, false));
}

static bool has_taken(const struct pt_guest_record *guest)
{
	pt_foreach (wish, guest->wish, guest->count) {
		if (wish->role == PT_ROLE_TAKEN)
			return true;
	}
	return false;
}

/* What holds a function that nobody wants: the first error, or nothing. */
static void judge_returning(struct pt_shown_claim *claim)
{
	claim->standing = PT_STANDING_RETURNING;
	pt_foreach (function, claim->function, claim->count) {
		if (!function->error)
			continue;
		claim->next = claim->vmid ? pt_format(TRIES "'pve-ptconf release %u' does so now",
						    claim->vmid)
					  : pt_strdup(TRIES "'pve-ptconf reconcile' does so now");
		return;
	}
	claim->why = pt_strdup("its functions are on their way back");
}

static void judge_stale(struct pt_shown_claim *claim, const struct pt_guest_record *guest)
{
	claim->standing = PT_STANDING_STALE;
	claim->why = pt_strdup(guest->ran ? "the guest runs no longer, and no post-stop came"
					  : "the start failed");
	claim->next = pt_format("%s releases it %s, and 'pve-ptconf release %u' does so now",
		guest->watched ? "the watch of the start" : "the timer",
		guest->watched ? "in a moment" : "within five minutes", guest->vmid);
}

static void judge(const struct pt_host *host, const struct pt_store *store,
	const struct pt_guest_record *guest, struct pt_shown_claim *claim)
{
	const char *why = NULL;

	switch (pt_guest_life(host, store, guest, &why)) {
	case PT_LIFE_RUNS:
		claim->standing = has_taken(guest) ? PT_STANDING_TAKEN : PT_STANDING_WANTED;
		break;
	case PT_LIFE_BUSY:
		claim->standing = PT_STANDING_BUSY;
		claim->why = pt_strdup("the guest is being started or stopped");
		break;
	case PT_LIFE_HELD:
		claim->standing = PT_STANDING_HELD;
		claim->why = pt_strdup(why);
		claim->next =
			pt_strdup("the start that follows finds the functions where they are");
		break;
	case PT_LIFE_NONE:
		judge_stale(claim, guest);
	}
	if (!guest->unreadable)
		return;
	claim->standing = PT_STANDING_UNREADABLE;
	pt_set_text(&claim->why,
		"the record is damaged: the guest counts as one that wants every function");
	free(claim->next);
	claim->next =
		pt_format("%s'pve-ptconf release %u' ends the claim; bind its devices by hand then",
			claim->runs ? "stop the guest; " : "", guest->vmid);
}

static struct pt_shown_claim *add_claim(struct pt_claims *claims, unsigned int vmid, int64_t since)
{
	struct pt_shown_claim *slot = pt_array_grow(&claims->claim, &claims->count, sizeof(*slot));

	slot->vmid = vmid;
	slot->since = since;
	return slot;
}

static void add_guest(struct pt_claims *claims, const struct pt_host *host,
	const struct pt_store *store, const struct pt_records *records,
	const struct pt_guest_record *guest)
{
	struct pt_shown_claim *claim = NULL;

	if (guest->unreadable)
		claim = add_claim(claims, guest->vmid, guest->since);
	pt_foreach (wish, guest->wish, guest->count) {
		if (!is_shown(records, guest, &wish->bdf))
			continue;
		if (!claim)
			claim = add_claim(claims, guest->vmid, guest->since);
		add_wish(claim, records, wish);
		add_units(claim, records, &wish->bdf);
	}
	if (!claim)
		return;
	claim->runs = pt_guest_pid(host, guest->vmid);
	if (guest->state == PT_GUEST_WANTS)
		judge(host, store, guest, claim);
	else
		judge_returning(claim);
}

static bool is_in(const struct pt_claims *claims, const struct pt_bdf *bdf)
{
	pt_foreach (claim, claims->claim, claims->count) {
		pt_foreach (function, claim->function, claim->count) {
			if (pt_bdf_compare(&function->bdf, bdf) == 0)
				return true;
		}
	}
	return false;
}

/* Functions that local policy keeps, or whose record cannot be read. */
static void add_rest(struct pt_claims *claims, const struct pt_records *records)
{
	pt_foreach (record, records->function, records->count) {
		struct pt_shown_claim *claim;

		if (is_in(claims, &record->bdf))
			continue;
		claim = add_claim(claims, 0, record->since);
		add_function(claim, &record->bdf, record)->role = PT_ROLE_TAKEN;
		if (record->unreadable) {
			claim->standing = PT_STANDING_UNREADABLE;
			claim->why = pt_strdup("the record is damaged: its origin is not known");
			claim->next =
				pt_strdup("the next guest that names it takes it; bind it by hand");
			continue;
		}
		if (!pt_records_kept(records, record)) {
			judge_returning(claim);
			continue;
		}
		claim->standing = PT_STANDING_KEPT;
		claim->why = pt_strdup("local policy keeps it there after a run");
		claim->next = pt_strdup("the next guest that names it takes it");
	}
}

void pt_claims_read(const struct pt_host *host, const struct pt_store *store, const char *node,
	struct pt_claims *ret)
{
	struct pt_records PT_RECORDS records = {0};

	snprintf(ret->node, sizeof(ret->node), "%s", node);
	pt_records_read(store, &records);
	pt_foreach (guest, records.guest, records.guest_count)
		add_guest(ret, host, store, &records, guest);
	add_rest(ret, &records);
	ret->why = records.err;
}
