// SPDX-License-Identifier: AGPL-3.0-or-later
/* Shared by the files that gather facts; for facts.c and facts-*.c alone. */
#ifndef PT_GATHERING_H
#define PT_GATHERING_H

#include "pve/check/facts.h"

struct pt_gathering {
	struct pt_node *node;
	const struct pt_guest *guest;
	const struct pt_reservations *reservations;
	struct pt_owner *claimed; /* functions that other guests' claims have taken */
	size_t claimed_count;
	struct pt_facts *facts;
	struct pt_node_asking asking; /* for uses */
	struct pt_bdf *asked;	      /* the functions */
	size_t asked_count;
	struct pt_err *err;
};

/* Adds the function, and of a PF its VFs, which vanish with it. */
void pt_taken_add_with_vfs(const struct pt_facts *facts, const struct pt_taken *taken,
	struct pt_bdf **ret, size_t *ret_count);

/* facts-owners.c */

/* Notes the functions that other guests' claims have taken. */
int pt_gather_claims(struct pt_gathering *gathering);
/* Whether the claim of another live guest, which is not returning it, has taken the function. */
bool pt_gather_is_claimed(const struct pt_gathering *gathering, const struct pt_bdf *bdf);
/* Whether PVE could reserve the function for this guest now. */
enum pt_reservation_verdict pt_gather_judge(const struct pt_gathering *gathering,
	const struct pt_bdf *bdf, const struct pt_reservation **ret);
/* Other owners of the taken functions. */
int pt_gather_owners(struct pt_gathering *gathering);

/* facts-use.c: the host's uses of the taken functions, and free devices of the same model. They are
 * asked for in a child, while others gather. */
int pt_gather_ask_uses(struct pt_gathering *gathering);
int pt_gather_uses(struct pt_gathering *gathering);
/* Whether the function at bdf is another one with the same ids. */
bool pt_gather_same_model(
	struct pt_node *node, const struct pt_function *function, const struct pt_bdf *bdf);

/* facts-device.c: properties of the functions, and whether the guest had them before. */
int pt_gather_details(struct pt_gathering *gathering);
int pt_gather_identities(struct pt_gathering *gathering);

/* facts-usb.c: other guests' devices on USB controllers that are taken. */
int pt_gather_usb(struct pt_gathering *gathering);

/* facts-vf.c: entries whose function is missing because its PF has not made it. */
int pt_gather_absent_vfs(struct pt_gathering *gathering);

/* facts.c: as pt_node_learn, but err stays as it is for a function that is not there (-ENODEV): its
 * absence is a finding. */
int pt_gather_learn(struct pt_gathering *gathering, const struct pt_bdf *bdf);

/* facts.c: whether no other guest has reserved or claimed it; data is the gathering. */
bool pt_gather_is_free(void *data, const struct pt_assignment *assignment,
	const struct pt_alternative *alternative);

/* facts-config.c: ROM files, mediated devices, the hookscript, other guests' configs. */
int pt_gather_config(struct pt_gathering *gathering);
void pt_gather_hook(struct pt_gathering *gathering);

#endif
