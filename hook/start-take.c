// SPDX-License-Identifier: AGPL-3.0-or-later
/* A start takes functions that are on record: under their locks it looks once more, then moves. */
#include <errno.h>
#include <time.h>

#include "hook/look.h"
#include "hook/start.h"
#include "lib/claim/handover.h"
#include "pve/config/reservation.h"
#include "pve/handover/closed.h"
#include "pve/handover/release.h"

#define POLL_NS	   50000000L
#define OPENERS_MS 3000 /* for processes that have a device file open for an instant */
#define STALE_MS   5000 /* how long the facts count */

/* The functions that are taken, and their locks. */
struct taking {
	struct pt_start *start;
	struct pt_claim claim;
	struct pt_locks locks;
};

/* What a look under the locks has shown. */
enum look {
	LOOK_CLEAR,
	LOOK_WAITS,   /* a process that ends has a group open */
	LOOK_OPENERS, /* only processes with a device file open are in the way */
	LOOK_AGAIN,   /* the facts have changed */
	LOOK_USED,
	LOOK_FAILED, /* our own trouble */
};

static void clear_taking(struct taking *taking)
{
	pt_locks_clear(&taking->locks);
	pt_claim_clear(&taking->claim);
}

void pt_start_load_wishes(struct pt_start *start)
{
	const struct pt_run *run = start->run;
	struct pt_facts *facts = &start->facts;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		struct pt_err err = {0};
		char name[PT_DRIVER_TEXT];

		if (pt_streq(pt_taken_driver(taken), PT_VFIO_PCI))
			continue;
		memcpy(name, taken->wish, sizeof(name));
		if (pt_module_ensure(
			    run->host, name, NULL, pt_now_ms() + run->limits.write_ms, &err) < 0) {
			/* for all functions that want it: a driver that hangs is waited for once */
			pt_foreach (other, facts->taken, facts->taken_count)
				other->lacking |= pt_streq(other->wish, name);
			PT_START_LOG(run, PT_LOG_WARNING, "%s: %s; vfio-pci takes it",
				PT_BDF(&taken->bdf), err.text);
		}
		pt_module_driver(run->host, name, taken->wish);
	}
}

int pt_start_ensure_vfio(struct pt_start *start)
{
	if (!pt_facts_need_vfio_pci(&start->facts))
		return 0;
	return pt_module_ensure(start->run->host, PT_VFIO_PCI, NULL,
		pt_now_ms() + start->run->limits.write_ms, &start->err);
}

static void add_function(struct taking *taking, const struct pt_wish *wish,
	const struct pt_function_record *record, bool stays)
{
	struct pt_claim_function *function =
		pt_claim_add(&taking->claim, &wish->bdf, wish->entry, &record->origin);

	function->companion = wish->role == PT_ROLE_COMPANION;
	pt_set_text(&function->driver, wish->driver);
	pt_foreach (vf, record->vf, record->vf_count) {
		struct pt_claim_function *added;

		if (stays)
			break;
		added = pt_claim_add(&taking->claim, &vf->bdf, wish->entry, &vf->origin);
		added->has_pf = true;
		added->pf = wish->bdf;
	}
}

/* What is taken, as it is on record. */
static int list_taken(struct taking *taking)
{
	const struct pt_start *start = taking->start;

	pt_foreach (wish, start->record.wish, start->record.count) {
		struct pt_function_record PT_FUNCTION_RECORD record = {0};
		const struct pt_taken *taken = pt_start_taken(start, &wish->bdf);
		int r;

		if (!taken)
			continue;
		r = pt_function_load(start->store, &wish->bdf, &record, &taking->start->err);
		/* damaged, and on its vfio driver: it stays there */
		if (r == -EINVAL)
			r = pt_origin_read(
				start->run->host, &wish->bdf, &record.origin, &taking->start->err);
		if (r < 0)
			return r;
		add_function(taking, wish, &record,
			pt_taken_stays(
				taken, pt_inventory_find(start->facts.inventory, &wish->bdf)));
	}
	return 0;
}

/* Tries all locks, in order of address; of a VF that of its PF as well, beside other VFs' movers.
 * -EWOULDBLOCK: one is busy, and none is held. */
static int lock_all(struct taking *taking)
{
	struct pt_start *start = taking->start;
	int r = 0;

	pt_foreach (function, taking->claim.function, taking->claim.count) {
		if (r == 0)
			r = pt_locks_add_mover(start->run->host, start->store, &taking->locks,
				&function->bdf, &start->err);
	}
	if (r < 0)
		pt_locks_release(&taking->locks, 0);
	return r;
}

/* Whether another guest has taken one of the functions, or one of an IOMMU group, meanwhile. */
static enum look look_at_guests(struct taking *taking)
{
	struct pt_start *start = taking->start;
	struct pt_records PT_RECORDS records = {0};

	pt_records_read(start->store, &records);
	/* nobody knows which functions are taken */
	if (records.guests_unknown) {
		start->err = records.err;
		return LOOK_WAITS;
	}
	pt_records_learn_groups(start->run->host, &records);
	pt_foreach (function, taking->claim.function, taking->claim.count) {
		const struct pt_guest_record *guest = pt_records_wanted(&records, &function->bdf,
			pt_function_read_group(start->run->host, &function->bdf), start->run->vmid,
			true);

		if (!guest)
			continue;
		pt_err_fill(&start->err, -EBUSY, "%s: is in the claim of %u too",
			PT_BDF(&function->bdf), guest->vmid);
		return LOOK_AGAIN;
	}
	return LOOK_CLEAR;
}

/* Whether Proxmox VE has promised one of the functions to another guest meanwhile. One that runs
 * with it shows in the open groups. */
static enum look look_at_reservations(struct taking *taking)
{
	struct pt_start *start = taking->start;
	struct pt_reservations PT_RESERVATIONS reservations = {0};

	/* the facts had them, or could not be gathered either */
	if (pt_reservations_read(start->run->host, &reservations, NULL) < 0)
		return LOOK_CLEAR;
	pt_foreach (function, taking->claim.function, taking->claim.count) {
		const struct pt_reservation *reservation =
			pt_reservation_find(&reservations, PT_BDF(&function->bdf));

		if (pt_reservation_look(start->run->host, reservation, start->run->vmid) !=
			PT_RESERVATION_HELD)
			continue;
		pt_err_fill(&start->err, -EBUSY, "%s: is reserved by guest %llu meanwhile",
			PT_BDF(&function->bdf), reservation->vmid);
		return LOOK_AGAIN;
	}
	return LOOK_CLEAR;
}

/* Whether a function was moved since the facts were gathered: nobody has judged it where it is. */
static enum look look_at_drivers(struct taking *taking)
{
	struct pt_start *start = taking->start;

	pt_foreach (function, taking->claim.function, taking->claim.count) {
		const struct pt_function *known =
			pt_inventory_find(start->facts.inventory, &function->bdf);
		PT_FREE char *driver = NULL;

		if (!known ||
			pt_function_read_driver(start->run->host, &function->bdf, &driver) < 0 ||
			pt_streq(driver, known->driver))
			continue;
		pt_err_fill(&start->err, -EBUSY, "%s: somebody moved it meanwhile",
			PT_BDF(&function->bdf));
		return LOOK_AGAIN;
	}
	return LOOK_CLEAR;
}

/* Whether a PF has other VFs than on record: nobody has judged those. */
static enum look look_at_vfs(struct taking *taking)
{
	struct pt_start *start = taking->start;

	pt_foreach (function, taking->claim.function, taking->claim.count) {
		PT_FREE char *text = NULL;

		if (function->has_pf || function->origin.vfs < 0 ||
			pt_function_read_vfs(start->run->host, &function->bdf, &text) < 0 ||
			atoi(text) == function->origin.vfs || atoi(text) == 0)
			continue;
		pt_err_fill(&start->err, -EBUSY, "%s: somebody gave it virtual functions meanwhile",
			PT_BDF(&function->bdf));
		return LOOK_AGAIN;
	}
	return LOOK_CLEAR;
}

/* Whether a vfio driver has a function that a process still has open. */
static enum look look_at_groups(struct taking *taking)
{
	struct pt_start *start = taking->start;

	pt_foreach (function, taking->claim.function, taking->claim.count) {
		if (pt_is_open(start->run->host, &function->bdf, &start->err))
			return LOOK_WAITS;
	}
	return LOOK_CLEAR;
}

/* Whether the use has been judged before. */
static bool is_known(const struct pt_facts *facts, const struct pt_use *use)
{
	pt_foreach (known, facts->uses.use, facts->uses.count) {
		/* netlink knows more ways than routes and links show */
		bool is_same =
			known->how == use->how ||
			(known->kind == PT_USE_NET && use->kind == PT_USE_NET && !known->weak);

		if (pt_bdf_compare(&known->bdf, &use->bdf) == 0 && is_same &&
			pt_streq(known->what, use->what))
			return true;
	}
	return false;
}

static enum look judge_uses(struct pt_start *start, const struct pt_uses *uses)
{
	enum look look = LOOK_CLEAR;

	pt_foreach (use, uses->use, uses->count) {
		PT_FREE char *text = NULL;

		if (use->weak || is_known(&start->facts, use) ||
			(start->run->advise && !use->system))
			continue;
		text = pt_use_text(use);
		pt_err_fill(&start->err, -EBUSY, "%s: is in use on this host: %s",
			PT_BDF(&use->bdf), text);
		if (use->how != PT_USE_OPEN && use->how != PT_USE_MOUNTED_APART)
			return LOOK_USED;
		look = LOOK_OPENERS;
	}
	return look;
}

/* Whether the host has begun to use a function that is still on its driver. */
static enum look look_at_host(struct taking *taking)
{
	struct pt_start *start = taking->start;
	const struct pt_function **asked = pt_calloc(taking->claim.count, sizeof(*asked));
	struct pt_uses PT_USES uses = {0};
	size_t count = 0;
	int r;

	pt_foreach (function, taking->claim.function, taking->claim.count) {
		const struct pt_function *known =
			pt_inventory_find(start->facts.inventory, &function->bdf);

		if (known && !pt_function_on_vfio(known))
			asked[count++] = known;
	}
	r = pt_look_at_uses(start->run->host, asked, count, &uses, &start->err);
	free(asked);
	if (r == -ETIME && !start->run->advise)
		return LOOK_USED;
	return judge_uses(start, &uses);
}

static enum look look_again(struct taking *taking)
{
	enum look look = look_at_guests(taking);

	if (look == LOOK_CLEAR)
		look = look_at_reservations(taking);
	if (look == LOOK_CLEAR)
		look = look_at_drivers(taking);
	if (look == LOOK_CLEAR)
		look = look_at_vfs(taking);
	if (look == LOOK_CLEAR)
		look = look_at_groups(taking);
	return look == LOOK_CLEAR ? look_at_host(taking) : look;
}

/* Gets all locks, with nothing in the way: then they are held. Nobody waits with a lock. */
static enum look get_ready(struct taking *taking)
{
	const struct pt_run *run = taking->start->run;
	const long long begin = pt_now_ms();

	for (bool waited = false;; waited = true) {
		const long long waited_ms = waited ? pt_now_ms() - begin : 0;
		struct timespec pause = {.tv_nsec = POLL_NS};
		int r = lock_all(taking);
		enum look look = r == 0 ? look_again(taking) : LOOK_WAITS;

		/* what was judged before a long wait is judged anew */
		if (look == LOOK_CLEAR && waited_ms >= STALE_MS) {
			pt_err_fill(&taking->start->err, -EBUSY,
				"what was judged is out of date after a wait");
			look = LOOK_AGAIN;
		}
		if (look == LOOK_CLEAR)
			return look;
		pt_locks_release(&taking->locks, 0);
		if (r < 0 && r != -EWOULDBLOCK)
			return LOOK_FAILED;
		if ((look != LOOK_WAITS || pt_now_ms() - begin >= run->wait_ms) &&
			(look != LOOK_OPENERS || pt_now_ms() - begin >= OPENERS_MS))
			return look;
		nanosleep(&pause, NULL);
	}
}

/* Only the functions that are taken are in the way of another guest's start. */
static void mark_taken(struct pt_start *start)
{
	struct pt_err err = {0};

	pt_foreach (wish, start->record.wish, start->record.count) {
		if (wish->role != PT_ROLE_COMPANION && pt_start_taken(start, &wish->bdf))
			wish->role = PT_ROLE_TAKEN;
	}
	/* as candidates they are on record, and return: no reason to refuse */
	if (pt_guest_save(start->store, &start->record, &err) < 0)
		PT_START_LOG(start->run, PT_LOG_WARNING, "%s", err.text);
}

/* Puts the functions on record whose driver hangs: their writers keep the locks. */
static void record_hanging(const struct taking *taking)
{
	pt_foreach (function, taking->claim.function, taking->claim.count) {
		struct pt_function_record PT_FUNCTION_RECORD record = {0};

		if (!function->error ||
			pt_function_load(taking->start->store, &function->bdf, &record, NULL) < 0)
			continue;
		pt_set_text(&record.error, function->error);
		record.error_since = time(NULL);
		pt_function_save(taking->start->store, &record, NULL);
	}
}

static enum pt_start_result give_up(struct taking *taking)
{
	struct pt_start *start = taking->start;
	const struct pt_err why = start->err;
	size_t left;

	record_hanging(taking);
	pt_locks_release(&taking->locks, 0);
	left = pt_start_end(start);
	start->err = why;
	if (left)
		pt_err_wrap(&start->err,
			"taking failed, and %zu of the taken devices cannot be returned "
			"('pve-ptconf claims' shows why, retry with 'pve-ptconf release %u')",
			left, start->run->vmid);
	else
		pt_err_wrap(&start->err, "taking failed; the taken devices are returned");
	return pt_start_refuse(start);
}

static void tell_homes(const struct taking *taking)
{
	const struct pt_start *start = taking->start;

	pt_foreach (wish, start->record.wish, start->record.count) {
		const struct pt_claim_function *function =
			pt_claim_find(&taking->claim, &wish->bdf);

		if (function)
			pt_tell_home(start->run->host, wish, &function->origin);
	}
}

enum pt_start_result pt_start_take(struct pt_start *start)
{
	const struct pt_run *run = start->run;
	struct taking taking PT_CLEANUP(clear_taking) = {.start = start};
	struct pt_handover handover = {.host = run->host,
		.log = pt_host_log(run->host),
		.write_ms = run->limits.write_ms,
		.phase_ms = run->limits.phase_ms};

	if (list_taken(&taking) < 0)
		return pt_start_go_on(start);
	switch (get_ready(&taking)) {
	case LOOK_CLEAR:
		break;
	case LOOK_AGAIN:
		return pt_start_decide(start, PT_START_AGAIN);
	case LOOK_FAILED:
		return pt_start_go_on(start);
	case LOOK_WAITS:
	case LOOK_OPENERS:
	case LOOK_USED:
		return pt_start_refuse(start);
	}
	mark_taken(start);
	pt_foreach (function, taking.claim.function, taking.claim.count)
		function->lock = pt_locks_fd(&taking.locks, &function->bdf);
	if (pt_handover_take(&handover, &taking.claim, &start->err) < 0)
		return give_up(&taking);
	tell_homes(&taking);
	pt_locks_release(&taking.locks, 0);
	pt_start_end_lists(start);
	return pt_start_decide(start, PT_START_GOES_ON);
}
