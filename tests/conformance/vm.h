// SPDX-License-Identifier: AGPL-3.0-or-later
/* One case of the suite vm under way. */
#ifndef PT_VM_H
#define PT_VM_H

#include "pve/check/facts.h"
#include "pve/config/reservation.h"
#include "tests/fake.h"

struct vm {
	struct fake fake;
	unsigned int vmid;
	int64_t now;
	char *reservations; /* the file's text; NULL: there is none */
	struct pt_guest *guest;
	struct pt_facts facts; /* assignments, and the members below */
	struct pt_inventory inventory;
	struct pt_traits traits;
	struct pt_identities recorded;
	struct pt_mappings mappings;
	struct pt_names touched; /* by the op at hand */
	bool told;		 /* our findings tell PVE's reason */
};

/* Chooses alternatives, reserving as PVE does unless dry. */
bool choose(struct vm *vm, bool dry);
/* Binds a function with its group by our own handover. */
bool prepare(struct vm *vm, const char *device);
bool start(struct vm *vm, int64_t pid);
bool op_reserve(struct vm *vm, struct json_object *op, unsigned int vmid);
/* ids NULL: all of the guest's. */
void remove_reservations(struct vm *vm, struct json_object *ids, unsigned long long vmid);

#endif
