// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/claim/locks.h"
#include "pve/config/args.h"
#include "pve/config/runstate.h"
#include "pve/handover/narrow.h"
#include "pve/handover/release.h"

#define RESERVED "reserved" /* the entry of a function that nobody has predicted */

static bool is_reserved(
	const struct pt_reservations *reservations, unsigned int vmid, const struct pt_bdf *bdf)
{
	const struct pt_reservation *reservation = pt_reservation_find(reservations, PT_BDF(bdf));

	return reservation && reservation->vmid == vmid;
}

/* Whether Proxmox VE has reserved anything for the guest that can be compared. */
static bool has_reservation(const struct pt_reservations *reservations, unsigned int vmid)
{
	pt_foreach (reservation, reservations->reservation, reservations->count) {
		struct pt_bdf bdf;

		if (reservation->vmid == vmid && pt_bdf_parse(reservation->id, &bdf))
			return true;
	}
	return false;
}

static void keep(const struct pt_host *host, struct pt_wish *wish)
{
	if (wish->role != PT_ROLE_TAKEN)
		pt_log(pt_host_log(host), PT_LOG_INFO, "%s: %s is the choice of Proxmox VE",
			wish->entry, PT_BDF(&wish->bdf));
	wish->role = PT_ROLE_TAKEN;
}

static void drop(
	const struct pt_host *host, struct pt_guest_record *record, const struct pt_wish *wish)
{
	const struct pt_bdf bdf = wish->bdf;

	if (wish->role == PT_ROLE_TAKEN)
		pt_log(pt_host_log(host), PT_LOG_INFO,
			"%s: %s is not the choice of Proxmox VE, and returns", wish->entry,
			PT_BDF(&bdf));
	pt_wish_remove(record, &bdf);
}

/* Whether a function that is kept lies in the same IOMMU group. */
static bool follows(const struct pt_host *host, const struct pt_guest_record *record,
	const struct pt_wish *companion)
{
	int group = pt_function_read_group(host, &companion->bdf);

	if (group == PT_GROUP_NONE)
		return false;
	pt_foreach (wish, record->wish, record->count) {
		if (wish->role == PT_ROLE_TAKEN &&
			pt_function_read_group(host, &wish->bdf) == group)
			return true;
	}
	return false;
}

static void add_missing(const struct pt_host *host, const struct pt_reservations *reservations,
	struct pt_guest_record *record)
{
	pt_foreach (reservation, reservations->reservation, reservations->count) {
		struct pt_bdf bdf;

		if (reservation->vmid == record->vmid && pt_bdf_parse(reservation->id, &bdf) &&
			!pt_wish_find(record, &bdf))
			keep(host, pt_wish_add(record, &bdf, RESERVED));
	}
}

bool pt_narrow(const struct pt_host *host, const struct pt_reservations *reservations,
	struct pt_guest_record *record)
{
	struct json_object PT_JSON *before = pt_record_to_json(&pt_guest_file, record);
	struct json_object PT_JSON *after = NULL;

	if (!has_reservation(reservations, record->vmid))
		return false;
	/* backwards: dropping moves the later ones */
	for (size_t at = record->count; at-- > 0;) {
		struct pt_wish *wish = &record->wish[at];

		if (wish->role == PT_ROLE_COMPANION || pt_streq(wish->entry, PT_ARGS_LABEL))
			continue;
		if (is_reserved(reservations, record->vmid, &wish->bdf))
			keep(host, wish);
		else
			drop(host, record, wish);
	}
	add_missing(host, reservations, record);
	for (size_t at = record->count; at-- > 0;) {
		if (record->wish[at].role == PT_ROLE_COMPANION &&
			!follows(host, record, &record->wish[at]))
			drop(host, record, &record->wish[at]);
	}
	after = pt_record_to_json(&pt_guest_file, record);
	return !json_object_equal(before, after);
}

/* Adds the functions that the one record lists and the other does not. */
static void add_dropped(const struct pt_guest_record *before, const struct pt_guest_record *after,
	struct pt_bdf **ret, size_t *ret_count)
{
	pt_foreach (wish, before->wish, before->count) {
		if (!pt_wish_find(after, &wish->bdf))
			pt_bdfs_add(ret, ret_count, &wish->bdf);
	}
}

/* Says where a function goes that was a candidate until now. */
static void tell_new_homes(const struct pt_host *host, const struct pt_store *store,
	const struct pt_guest_record *before, const struct pt_guest_record *after)
{
	pt_foreach (wish, after->wish, after->count) {
		struct pt_function_record PT_FUNCTION_RECORD record = {0};
		const struct pt_wish *was = pt_wish_find(before, &wish->bdf);

		if (wish->role == PT_ROLE_TAKEN && was && was->role == PT_ROLE_CANDIDATE &&
			pt_function_load(store, &wish->bdf, &record, NULL) == 0)
			pt_tell_home(host, wish, &record.origin);
	}
}

/* Under the record's lock. */
static int confirm(const struct pt_host *host, const struct pt_store *store, unsigned int vmid,
	struct pt_bdf **ret, size_t *ret_count, struct pt_err *err)
{
	struct pt_reservations PT_RESERVATIONS reservations = {0};
	struct pt_guest_record PT_GUEST_RECORD before = {0};
	struct pt_guest_record PT_GUEST_RECORD after = {0};
	int r = pt_guest_load(store, vmid, &before, err);

	if (r == 0)
		r = pt_guest_load(store, vmid, &after, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = pt_reservations_read(host, &reservations, err);
	if (r < 0)
		return r;
	if (!pt_narrow(host, &reservations, &after) && after.ran)
		return 0;
	after.ran = true;
	/* before anything moves: after a crash the right functions are on record as taken */
	r = pt_guest_save(store, &after, err);
	if (r < 0)
		return r;
	tell_new_homes(host, store, &before, &after);
	add_dropped(&before, &after, ret, ret_count);
	return 0;
}

int pt_confirm(const struct pt_host *host, const struct pt_store *store, unsigned int vmid,
	const struct pt_limits *limits, int lock_ms, struct pt_err *err)
{
	struct pt_bdf *dropped = NULL;
	size_t count = 0;
	PT_CLOSE int lock = -1;
	int r = pt_lock_guest(store, vmid, lock_ms, &lock, err);

	if (r == 0)
		r = confirm(host, store, vmid, &dropped, &count, err);
	pt_close_fd(&lock);
	if (r == 0 && count) {
		struct pt_release what = {.bdf = dropped, .count = count};

		r = pt_release(host, store, limits, &what, NULL, err);
	}
	free(dropped);
	return r;
}

/* Who holds one of a guest's locks starts or stops it, and looks after its record. */
int pt_confirm_running(const struct pt_host *host, const struct pt_store *store, unsigned int vmid,
	const struct pt_limits *limits, struct pt_err *err)
{
	int lock = -1;
	int r = pt_guest_try_lock(host, vmid, &lock);

	if (r < 0)
		return pt_err_errno(err, r, "lock of guest %u", vmid);
	pt_close_fd(&lock);
	return pt_guest_pid(host, vmid) ? pt_confirm(host, store, vmid, limits, 0, err) : 0;
}
